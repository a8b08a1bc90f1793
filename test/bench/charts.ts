/** Two kinds of chart, as SVG that reads on light and on dark pages. */
import type { Growth } from "./growth.js"
import type { Figure } from "./measure.js"

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
const grey = "#888"
const ours = "#2a9d8f"
const theirs = "#8d99ae"
const colours = [ours, theirs, "#e9c46a", "#e76f51", "#6a4c93", "#577590"]

const svg = (width: number, height: number, title: string, body: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
  `font-family="sans-serif" font-size="12" fill="${grey}" role="img"><title>${escape(title)}</title>${body}</svg>\n`

/** A bar for each contender, from 0, with the spread of its rounds as a line. */
export const bars = (title: string, figures: ReadonlyArray<Figure>): string => {
  const [left, width, row] = [230, 700, 24]
  const longest = Math.max(...figures.map(({ high }) => high))
  const x = (value: number): number => left + value / longest * (width - left - 70)
  const body = figures.map(({ high, low, median, name }, i) => {
    const y = i * row + 8
    return `<text x="${left - 8}" y="${y + 12}" text-anchor="end">${escape(name)}</text>` +
      `<rect x="${left}" y="${y}" width="${(x(median) - left).toFixed(1)}" height="16" fill="${
        i === 0 ? ours : theirs
      }"/>` +
      `<path d="M${x(low).toFixed(1)} ${y + 8}H${x(high).toFixed(1)}" stroke="${grey}" stroke-width="2"/>` +
      `<text x="${(x(high) + 6).toFixed(1)}" y="${y + 12}">${median.toFixed(0)} ns</text>`
  })
  return svg(width, figures.length * row + 12, title, body.join(""))
}

/** Time per item over how many there are, both logarithmic: what does not grow is level. */
export const lines = (title: string, sizes: ReadonlyArray<number>, all: ReadonlyArray<Growth>): string => {
  const [left, top, width, height] = [60, 20, 700, 320]
  const [right, bottom] = [width - 230, height - 30]
  const times = all.flatMap(({ times }) => times)
  const [low, high] = [Math.log10(Math.min(...times)) - 0.1, Math.log10(Math.max(...times)) + 0.1]
  const [first, last] = [Math.log10(sizes[0]!), Math.log10(sizes.at(-1)!)]
  const x = (n: number): number => left + (Math.log10(n) - first) / (last - first) * (right - left)
  const y = (ns: number): number => bottom - (Math.log10(ns) - low) / (high - low) * (bottom - top)
  const grid = sizes.map((n) =>
    `<path d="M${x(n)} ${top}V${bottom}" stroke="${grey}" stroke-opacity="0.3"/>` +
    `<text x="${x(n)}" y="${bottom + 18}" text-anchor="middle">${n.toLocaleString("en")}</text>`
  )
  const marks = [100, 300, 1_000, 3_000, 10_000, 30_000].filter((ns) => Math.log10(ns) > low && Math.log10(ns) < high)
  const scale = marks.map((ns) =>
    `<path d="M${left} ${y(ns).toFixed(1)}H${right}" stroke="${grey}" stroke-opacity="0.3"/>` +
    `<text x="${left - 6}" y="${(y(ns) + 4).toFixed(1)}" text-anchor="end">${ns.toLocaleString("en")} ns</text>`
  )
  const curves = all.map(({ name, times }, i) => {
    const points = times.map((ns, at) => `${x(sizes[at]!).toFixed(1)},${y(ns).toFixed(1)}`).join(" ")
    const colour = colours[i % colours.length]!
    return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>` +
      `<rect x="${right + 20}" y="${top + i * 20}" width="10" height="10" fill="${colour}"/>` +
      `<text x="${right + 36}" y="${top + i * 20 + 9}">${escape(name)}</text>`
  })
  return svg(width, height, title, [...grid, ...scale, ...curves].join(""))
}
