/** The style sheet within the picture, which has to stand alone: its colours follow the reader's light or dark mode. */

const colours = {
  text: ["#1f2328", "#e6edf3"],
  dim: ["#59636e", "#9198a1"],
  back: ["#ffffff", "#0d1117"],
  row: ["#f4f6f9", "#151b23"],
  rule: ["#d1d9e0", "#3d444d"],
  run: ["#2f6fde", "#4493f8"],
  other: ["#8c9bb0", "#66758a"],
  red: ["#cf222e", "#ff6a61"],
  amber: ["#9a6700", "#d9a02b"],
  green: ["#1a7f37", "#3fb950"],
  violet: ["#8250df", "#b48cff"],
  teal: ["#0b7285", "#3bc9db"]
} as const

export type Colour = keyof typeof colours

// A page may set each colour by a custom property. Not every viewer of SVG knows these, so the colour comes before it.
const paint = (property: string, name: string, value: string): string =>
  `${property}:${value};${property}:var(--sluice-${name},${value})`

const rules = (mode: 0 | 1): string =>
  `.sluice{${paint("background", "back", colours.back[mode])}}` +
  Object.entries(colours).map(([name, { [mode]: value }]) =>
    `.sluice .${name}-fill,.sluice .${name}{${paint("fill", name, value)}}` +
    `.sluice .${name}-line{${paint("stroke", name, value)}}`
  ).join("")

export const style = [
  "{color-scheme:light dark}",
  " text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;white-space:pre}",
  " .title{font:600 17px system-ui,-apple-system,\"Segoe UI\",Helvetica,Arial,\"DejaVu Sans\",sans-serif}",
  " .strong{font-weight:600}",
  " .small{font-size:10px}",
  " .note{font-size:11px}",
  " .mid{text-anchor:middle}",
  " path{fill:none;stroke-width:1.5}",
  " .none{fill:none}",
  " .bold{stroke-width:2}",
  " .ring{stroke-width:1.5}",
  " .hair{stroke-width:1;stroke-dasharray:2 3}",
  " .wait,.sluice .stays{stroke-dasharray:4 4}",
  " .folded{stroke-width:14;stroke-dasharray:3 3;stroke-opacity:.6}",
  " .fold,.sluice .beneath{fill-opacity:.35}",
  " .cell{fill-opacity:0;stroke-width:.8}",
  " .cell:hover{fill:#fff;fill-opacity:.35}"
].map((rule) => `.sluice${rule}`).join("") + rules(0) + `@media (prefers-color-scheme:dark){${rules(1)}}`
