import { kinds } from "./protocol.js"

/**
 * How exits travel. A structured clone keeps of an error its message and little else. So errors travel as their parts:
 * tag, fields, cause and stack; also an error inside another one, or inside a plain value (`reason`, `errors`).
 *
 * Nothing here needs Effect, which a thread may do without: `causes.ts` converts from and to causes.
 */
interface ErrorParts {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly fields: Readonly<Record<string, unknown>>
  readonly cause?: Part | undefined
}

/** A value may hold further errors, each as `{ [nested]: parts }`. */
export type Part = { readonly error: ErrorParts } | { readonly value: unknown }
export type Reason = { readonly _tag: "Fail" | "Die"; readonly part: Part } | { readonly _tag: "Interrupt" }

const nested = "~sluice/threads/nested"

/** A value that is deeper than this travels as the platform clones it. */
const mostDepth = 200

/** Each object once: so shared parts stay shared, and a circle stays one. */
type Seen = Map<object, unknown>

const own = new Set(["name", "message", "stack", "cause"])

/** Properties that errors hide as they hide their cause: of `AggregateError` and of `SuppressedError`. */
const hidden = ["errors", "error", "suppressed"]

const unknowable = "a value that cannot be read"

/** For values that need not be texts, and may refuse to be converted to one. */
export const textOf = (value: unknown): string => {
  try {
    return String(value)
  } catch {
    return unknowable
  }
}

/** A getter may throw: then the property counts as missing. */
const read = (value: object, key: string): unknown => {
  try {
    return (value as Readonly<Record<string, unknown>>)[key]
  } catch {
    return undefined
  }
}

export const messageOf = (error: unknown): string =>
  textOf(error instanceof Error ? read(error, "message") ?? "" : error)

export const encode = (value: unknown): Part => {
  try {
    return encodePart(value, new Map(), 0)
  } catch {
    // A proxy may throw at any question. Its own call has failed with it; other calls of the thread go on.
    return { value: unknowable }
  }
}

const encodePart = (value: unknown, seen: Seen, depth: number): Part =>
  value instanceof Error ? { error: partsOf(value, seen, depth) } : { value: encodeValue(value, seen, depth) }

const partsOf = (error: Error, seen: Seen, depth: number): ErrorParts => {
  const known = seen.get(error)
  if (known !== undefined) return known as ErrorParts
  const [cause, stack] = [read(error, "cause"), read(error, "stack")]
  const fields: Record<string, unknown> = {}
  const parts = {
    name: textOf(read(error, "name") ?? "Error"),
    message: messageOf(error),
    // `Error.prepareStackTrace` may return anything.
    stack: stack === undefined ? undefined : textOf(stack),
    fields
  }
  seen.set(error, parts)
  const keys = Object.keys(error).filter((key) => !own.has(key))
  for (const key of hidden) if (Object.hasOwn(error, key) && !keys.includes(key)) keys.push(key)
  encodeFields(error, keys, fields, seen, depth)
  if (cause === undefined || depth > mostDepth) return parts
  return Object.assign(parts, { cause: encodePart(isCode(cause) ? textOf(cause) : cause, seen, depth + 1) })
}

const isCode = (value: unknown): boolean => typeof value === "function" || typeof value === "symbol"

const encodeFields = (from: object, keys: Array<string>, to: object, seen: Seen, depth: number): void => {
  // A class may have its tag on the prototype, which no clone keeps.
  if ("_tag" in from && !keys.includes("_tag")) keys.push("_tag")
  for (const key of keys) define(to, key, encodeValue(read(from, key), seen, depth + 1))
}

const encodeValue = (value: unknown, seen: Seen, depth: number): unknown => {
  if (depth > mostDepth || typeof value !== "object" || value === null) return value
  try {
    return encodeObject(value, seen, depth)
  } catch {
    // A proxy may throw at any question. It cannot be cloned either, and `cloneable` leaves it out.
    return value
  }
}

const encodeObject = (value: object, seen: Seen, depth: number): unknown => {
  if (value instanceof Error) return { [nested]: partsOf(value, seen, depth) }
  const known = seen.get(value)
  if (known !== undefined) return known
  if (isDense(value)) {
    const elements: Array<unknown> = []
    seen.set(value, elements)
    for (const element of value) elements.push(encodeValue(element, seen, depth + 1))
    return elements
  }
  if (!isOrdinary(value)) return value
  const fields = {}
  seen.set(value, fields)
  encodeFields(value, Object.keys(value), fields, seen, depth)
  return fields
}

/** An array without holes and without further properties. */
const isDense = (value: object): value is ReadonlyArray<unknown> =>
  Array.isArray(value) && Object.keys(value).length === value.length &&
  !(value.length > 0 && !Object.hasOwn(value, value.length - 1))

/** A plain object or an instance of a class of the program's: the platform clones both to plain objects. */
const isOrdinary = (value: object): boolean => Object.prototype.toString.call(value) === "[object Object]"

/** Never a setter, not even that of `__proto__`. */
const define = (to: object, key: string, value: unknown, enumerable = true): void => {
  Object.defineProperty(to, key, { value, enumerable, writable: true, configurable: true })
}

export const decode = (part: Part): unknown => decodePart(part, new Map())

const decodePart = (part: Part, seen: Seen): unknown =>
  "error" in part ? errorOf(part.error, seen) : decodeValue(part.value, seen)

const errorOf = (parts: ErrorParts, seen: Seen): Error => {
  const known = seen.get(parts)
  if (known !== undefined) return known as Error
  const { cause, fields, message, name, stack } = parts
  const error = new Error(message)
  seen.set(parts, error)
  define(error, "name", name, false)
  define(error, "stack", stack, false)
  if (cause !== undefined) define(error, "cause", decodePart(cause, seen), false)
  for (const [key, value] of Object.entries(fields)) define(error, key, decodeValue(value, seen))
  return error
}

const decodeValue = (value: unknown, seen: Seen): unknown => {
  if (typeof value !== "object" || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  if (isDense(value)) {
    const elements: Array<unknown> = []
    seen.set(value, elements)
    for (const element of value) elements.push(decodeValue(element, seen))
    return elements
  }
  if (!isOrdinary(value)) return value
  if (nested in value) return errorOf(value[nested] as ErrorParts, seen)
  const fields = {}
  seen.set(value, fields)
  for (const [key, field] of Object.entries(value)) define(fields, key, decodeValue(field, seen))
  return fields
}

/** How a call has ended: its kind and value in a message of results. */
export type Outcome = readonly [kind: number, value: unknown]

export const succeeded = (value: unknown): Outcome => [kinds.success, value]

export const failed = (reasons: ReadonlyArray<Reason>): Outcome => [kinds.failure, reasons]

export const defect = (error: unknown): ReadonlyArray<Reason> => [{ _tag: "Die", part: encode(error) }]

export const interrupted: ReadonlyArray<Reason> = [{ _tag: "Interrupt" }]

/** The same reasons without the parts that cannot be cloned: an incomplete error is better than none. */
export const cloneable = (reasons: ReadonlyArray<Reason>): ReadonlyArray<Reason> =>
  reasons.map((reason) => (reason._tag === "Interrupt" ? reason : { ...reason, part: cloneablePart(reason.part) }))

const cloneablePart = (part: Part): Part => {
  const seen: Seen = new Map()
  // An error's parts are a plain object themselves.
  if ("error" in part) return { error: cloneableValue(part.error, seen, 0) as ErrorParts }
  return { value: textIfRefused(part.value, cloneableValue(part.value, seen, 0)) }
}

const refused = Symbol("refused")

const textIfRefused = (value: unknown, cloneable: unknown): unknown => cloneable === refused ? textOf(value) : cloneable

const cloneableValue = (value: unknown, seen: Seen, depth: number): unknown => {
  // Each error takes up to three levels of what `encode` has made.
  if (typeof value === "object" && value !== null && depth <= 3 * mostDepth) {
    try {
      return cloneableObject(value, seen, depth)
    } catch {
      return refused
    }
  }
  return canClone(value) ? value : refused
}

/** A field that cannot be cloned is left out; an element becomes a text, so that the others keep their places. */
const cloneableObject = (value: object, seen: Seen, depth: number): unknown => {
  const known = seen.get(value)
  if (known !== undefined) return known
  if (isDense(value)) {
    const elements: Array<unknown> = []
    seen.set(value, elements)
    for (const element of value) elements.push(textIfRefused(element, cloneableValue(element, seen, depth + 1)))
    return elements
  }
  if (!isOrdinary(value)) return canClone(value) ? value : refused
  const fields = {}
  seen.set(value, fields)
  for (const [key, field] of Object.entries(value)) {
    const cloneable = cloneableValue(field, seen, depth + 1)
    if (cloneable !== refused) define(fields, key, cloneable)
  }
  return fields
}

// In every runtime that has threads, and not among the types of the language.
declare const structuredClone: (value: unknown) => unknown

export const canClone = (value: unknown): boolean => {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}
