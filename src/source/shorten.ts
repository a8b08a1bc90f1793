import type { Source } from "./Source.js"

/** Of a line of a minified program. */
const longest = 100

/** The line from the column on, where it is too long to show. */
export const shorten = <S extends Source>(source: S): S => {
  const { column, text } = source
  if (text === undefined || text.length <= longest) return source
  // The text has lost its indentation, which such a line rarely has.
  const rest = text.slice(Math.min(column - 1, text.length - 1))
  return { ...source, text: rest.length <= longest ? rest : `${rest.slice(0, longest - 20)}...` }
}
