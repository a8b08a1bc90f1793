import { transfersOf } from "./transfer.js"

/** The platform copies larger values: their message is the least of their cost. */
const most = 32

/** The result of `copyOf` for a value that it does not copy. */
export const uncopied = Symbol("uncopied")

/**
 * A copy of what is small and plain: texts, numbers and the like, and objects and arrays of them. So it may wait for
 * others and travel with them. Without it what has changed meanwhile would be sent, and what two of them have in common
 * would be one thing on the other side as well, where a function that changes its own would change the other's.
 */
export const copyOf = (value: unknown): unknown => {
  // An object that is to be moved must be that very object.
  if (transfersOf(value).length > 0) return uncopied
  try {
    return copy(value, [])
  } catch {
    // A getter or a proxy has thrown: the platform's clone reports that.
    return uncopied
  }
}

const copy = (value: unknown, seen: Array<unknown>): unknown => {
  if (isPrimitive(value)) return value
  // An object that occurs twice in a value does so on the other side, too: only the platform's clone does that.
  if (!isPlain(value) || seen.length === most || seen.includes(value)) return uncopied
  seen.push(value)
  const keys = Object.keys(value)
  if (keys.length > most) return uncopied
  const values = keys.map((key) => copy((value as Readonly<Record<string, unknown>>)[key], seen))
  if (values.includes(uncopied)) return uncopied
  if (Array.isArray(value)) return isDense(value, keys) ? values : uncopied
  return Object.fromEntries(keys.map((key, i) => [key, values[i]]))
}

/** No holes, and no key but the indices. Indices come first among the keys, so the last key tells of all. */
const isDense = ({ length }: ReadonlyArray<unknown>, keys: ReadonlyArray<string>): boolean =>
  keys.length === length && (length === 0 || keys[length - 1] === String(length - 1))

const isPrimitive = (value: unknown): boolean =>
  value === null || typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol"

const isPlain = (value: unknown): value is object =>
  Array.isArray(value) || (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype)
