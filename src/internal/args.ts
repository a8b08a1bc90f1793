import { format } from "effect/Formatter"

/** A programmer's error: it names the module's function, the argument and the value, and becomes a defect. */
export const invalid = (where: string, argument: string, requirement: string, value: unknown): RangeError =>
  new RangeError(`${where}: ${argument} must be ${requirement}, got ${show(value)}`)

/** The error that `value` makes when it is no integer >= 0, or undefined. */
export const checkInteger = (where: string, argument: string, value: unknown): RangeError | undefined => {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return undefined
  const tooLarge = Number.isInteger(value) && (value as number) > 0
  return invalid(where, argument, tooLarge ? "at most Number.MAX_SAFE_INTEGER" : "an integer >= 0", value)
}

// Numbers as they are written; `format` takes whatever else comes from JavaScript.
const show = (value: unknown): string => typeof value === "number" ? String(value) : format(value)

type Body = (...args: Array<unknown>) => unknown

/**
 * Data-first and data-last at once, for a function whose *last* parameter is the effect: called with one argument less,
 * it answers a function that awaits the effect. (`Function.dual` awaits the first parameter instead.) `Overloads` is
 * what the caller declares it to be; the overloads and the body stand side by side there.
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- it is what the caller gets
export const effectLast = <Overloads>(arity: 2 | 3, body: (...args: never) => unknown): Overloads => {
  const call = body as Body
  const both = arity === 2 ?
    function(a: unknown, b: unknown) {
      return arguments.length >= 2 ? call(a, b) : (effect: unknown) => call(a, effect)
    } :
    function(a: unknown, b: unknown, c: unknown) {
      return arguments.length >= 3 ? call(a, b, c) : (effect: unknown) => call(a, b, effect)
    }
  return both as Overloads
}
