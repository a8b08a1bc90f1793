/**
 * Whether each store takes it as the name of a kind of job or of a limit, or as the id of a job. Databases have columns
 * of this length, or indexes with a bound. No text of theirs has the character 0, and a lone surrogate is stored as
 * another character: a job would have another id than its callers await, and two limits one name.
 */
export const isName = (name: unknown): boolean =>
  typeof name === "string" && name.length <= 255 && /^[^\0\p{Cs}]+$/u.test(name)

export const aName = "a string of 1 to 255 characters, without U+0000 and lone surrogates"
