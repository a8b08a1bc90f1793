/** Text that comes from a trace: made harmless, measured, and cut to the room that there is for it. */

/**
 * On one line, without what XML cannot hold (control characters, halves of surrogate pairs) and what would reorder the
 * text around it. Nothing is dropped without a trace: a stand-in shows that something was there.
 */
export const visible = (text: string): string =>
  text
    .replace(/\s+/gu, " ")
    .replace(/\p{Cc}/gu, (char) => char < " " ? String.fromCharCode(0x2400 + char.charCodeAt(0)) : "\uFFFD")
    .replace(/[\p{Cs}\p{Noncharacter_Code_Point}\p{Bidi_Control}]/gu, "\uFFFD")

/** East Asian characters and emoji are twice as wide as others, in most monospaced fonts. */
const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F000}-\u{3FFFF}]/u

const columnsOfChar = (char: string): number => wide.test(char) ? 2 : 1

export const columnsOf = (text: string): number => {
  let columns = 0
  for (const char of text) columns += columnsOfChar(char)
  return columns
}

/** A monospaced font's advance, a little more than most fonts have. */
const advance = (fontSize: number): number => fontSize * 0.62

export const widthOf = (text: string, fontSize = 12): number => columnsOf(text) * advance(fontSize)

/** How many columns fit. */
export const columnsIn = (width: number, fontSize = 12): number => Math.floor(width / advance(fontSize))

/** Between characters, never within one. The ellipsis stands within `columns`. */
export const cut = (text: string, columns: number): string => {
  let used = 0
  let fits = ""
  for (const char of text) {
    used += columnsOfChar(char)
    if (used > columns) return `${fits.trimEnd()}…`
    // The kept text leaves a column for the ellipsis, unless the whole text fits.
    if (used < columns) fits += char
  }
  return text
}

/** Breaks at spaces where there are some. Text that does not fit into `lines` lines is cut off. */
export const wrap = (text: string, columns: number, lines: number): ReadonlyArray<string> => {
  const wrapped: Array<string> = []
  let rest = text
  while (wrapped.length < lines - 1 && columnsOf(rest) > columns) {
    const line = cut(rest, columns + 1).slice(0, -1)
    const space = line.lastIndexOf(" ")
    const end = space > line.length / 2 ? space : line.length
    wrapped.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return [...wrapped, cut(rest, columns)]
}
