/** The most of a result that a page shows. The worker cuts a result to this, and the page refuses a larger one. */
export const most = {
  /** Characters of a message, or of the detail of a turn. */
  text: 10_000,
  /** Characters of a fiber's name. */
  name: 1_000,
  /** Characters of the report, and of the program without the kit. */
  report: 100_000,
  fibers: 1_000,
  turns: 500,
  drawing: { characters: 2_000_000, width: 20_000, height: 50_000 }
} as const

/** The first characters of a text, as many as `length` at most. */
export const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`

const sideOf = (svg: string, name: string): number =>
  Number(new RegExp(`^<svg [^>]*? ${name}="(\\d+(?:\\.\\d)?)"`).exec(svg)?.[1])

/** Whether a page has room for a drawing. */
export const fits = (svg: string): boolean =>
  svg.length <= most.drawing.characters && sideOf(svg, "width") <= most.drawing.width &&
  sideOf(svg, "height") <= most.drawing.height
