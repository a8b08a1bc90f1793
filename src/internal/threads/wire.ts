import { kinds } from "./protocol.js"

/**
 * How exits travel. A structured clone leaves of an error that it was one, and what it said; so errors go as their parts:
 * with their tag and whatever else they hold, the cause among it, and with the stack of where they come from.
 *
 * Nothing here needs Effect, which a thread may do without: `causes.ts` makes them of causes, and causes of them.
 */
interface ErrorParts {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly fields: Readonly<Record<string, unknown>>
  readonly cause?: Part | undefined
}

export type Part = { readonly error: ErrorParts } | { readonly value: unknown }
export type Reason = { readonly _tag: "Fail" | "Die"; readonly part: Part } | { readonly _tag: "Interrupt" }

const own = new Set(["name", "message", "stack", "cause"])

/** What is said by what has no need to be a text, and may refuse to be one. */
const textOf = (value: unknown): string => {
  try {
    return String(value)
  } catch {
    return "what cannot be told"
  }
}

/** A getter may throw: then there is no such thing. */
const read = (value: object, key: string): unknown => {
  try {
    return (value as Readonly<Record<string, unknown>>)[key]
  } catch {
    return undefined
  }
}

export const messageOf = (error: unknown): string =>
  textOf(error instanceof Error ? read(error, "message") ?? "" : error)

const fieldsOf = (value: object): Record<string, unknown> => {
  const keys = Object.keys(value).filter((key) => !own.has(key))
  const fields = Object.fromEntries(keys.map((key) => [key, read(value, key)]))
  // A class may have it on its prototype.
  if ("_tag" in value) fields["_tag"] = read(value, "_tag")
  // It holds them as others hold their cause: unseen.
  if (value instanceof AggregateError) fields["errors"] = read(value, "errors")
  return fields
}

export const encode = (value: unknown): Part => {
  try {
    return encodePart(value, 0)
  } catch {
    // A proxy may do anything. Its call has failed with it, and the others of its thread have not.
    return { value: "what cannot be told" }
  }
}

const encodePart = (value: unknown, depth: number): Part => {
  if (value instanceof Error) {
    const [cause, stack] = [read(value, "cause"), read(value, "stack")]
    const error = {
      name: textOf(read(value, "name") ?? "Error"),
      message: messageOf(value),
      // Whoever prepares stack traces may have made anything of it.
      stack: stack === undefined ? undefined : textOf(stack),
      fields: fieldsOf(value)
    }
    // An error may be its own cause.
    return { error: cause === undefined || depth > 8 ? error : { ...error, cause: encodePart(cause, depth + 1) } }
  }
  const isTagged = typeof value === "object" && value !== null && "_tag" in value && !Object.hasOwn(value, "_tag")
  return { value: isTagged ? { ...value, _tag: value._tag } : value }
}

export const decode = (part: Part): unknown => {
  if (!("error" in part)) return part.value
  const { cause, fields, message, name, stack } = part.error
  const error = new Error(message, cause === undefined ? undefined : { cause: decode(cause) })
  const hidden = { writable: true, configurable: true, enumerable: false }
  Object.defineProperty(error, "name", { ...hidden, value: name })
  Object.defineProperty(error, "stack", { ...hidden, value: stack })
  return Object.assign(error, fields)
}

/** How a call has ended: its kind and value in a message of results. */
export type Outcome = readonly [kind: number, value: unknown]

export const succeeded = (value: unknown): Outcome => [kinds.success, value]

export const failed = (reasons: ReadonlyArray<Reason>): Outcome => [kinds.failure, reasons]

export const defect = (error: unknown): ReadonlyArray<Reason> => [{ _tag: "Die", part: encode(error) }]

export const interrupted: ReadonlyArray<Reason> = [{ _tag: "Interrupt" }]

/** The same without what cannot be cloned: what is left of an error is better than none. */
export const cloneable = (reasons: ReadonlyArray<Reason>): ReadonlyArray<Reason> =>
  reasons.map((reason) => (reason._tag === "Interrupt" ? reason : { ...reason, part: cloneablePart(reason.part) }))

const cloneablePart = (part: Part): Part => {
  if (!("error" in part)) return { value: cloneableValue(part.value) }
  const { cause, fields } = part.error
  const error = { ...part.error, fields: cloneableFields(fields) }
  return { error: cause === undefined ? error : { ...error, cause: cloneablePart(cause) } }
}

const cloneableFields = (value: object): Record<string, unknown> => {
  const fields = Object.keys(value).map((key) => [key, read(value, key)] as const)
  return Object.fromEntries(fields.filter(([, field]) => canClone(field)))
}

/** What can be told apart by its tag still can, whatever else it holds. */
const cloneableValue = (value: unknown): unknown => {
  if (canClone(value)) return value
  return typeof value === "object" && value !== null && "_tag" in value ? cloneableFields(value) : textOf(value)
}

// In every runtime that has threads, and not among the types of the language.
declare const structuredClone: (value: unknown) => unknown

const canClone = (value: unknown): boolean => {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}
