import * as Duration from "effect/Duration"
import { format } from "effect/Formatter"
import * as Option from "effect/Option"

/** A programmer's error: it names the module's function, the argument and the value, and becomes a defect. */
export const invalid = (where: string, argument: string, requirement: string, value: unknown): RangeError =>
  new RangeError(`${where}: ${argument} must be ${requirement}, got ${show(value)}`)

/** The error that `value` makes when it is no integer >= 0, or undefined. */
export const checkInteger = (where: string, argument: string, value: unknown): RangeError | undefined => {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return undefined
  const tooLarge = Number.isInteger(value) && (value as number) > 0
  return invalid(where, argument, tooLarge ? "at most Number.MAX_SAFE_INTEGER" : "an integer >= 0", value)
}

/** JavaScript may bring anything. */
export const isRecord = (u: unknown): boolean => typeof u === "object" && u !== null && !Array.isArray(u)

type Test = (n: number) => boolean

export const isCount: Test = (n) => Number.isSafeInteger(n) && n >= 1

/** The number, if it is one and meets the requirement. */
export const checkNumber = (
  where: string,
  argument: string,
  value: number,
  requirement: string,
  isValid: Test
): number => {
  if (Number.isFinite(value) && isValid(value)) return value
  throw invalid(where, argument, requirement, value)
}

/**
 * Any value may be asked. Undefined as well where there is a NaN in it: that is zero to Duration, and no one means it.
 */
export const durationOf = (input: unknown): Duration.Duration | undefined => {
  const numbers = typeof input === "object" && input !== null ? Object.values(input) : [input]
  return numbers.some(Number.isNaN) ? undefined : Option.getOrUndefined(Duration.fromInput(input as Duration.Input))
}

/** The duration in milliseconds, if it is one and meets the requirement. */
export const checkMillis = (
  where: string,
  argument: string,
  input: Duration.Input,
  requirement: string,
  isValid: Test
): number => {
  const duration = durationOf(input)
  const millis = duration && Duration.toMillis(duration)
  if (millis !== undefined && isValid(millis)) return millis
  throw invalid(where, argument, requirement, input)
}

export const isPositive: Test = (n) => n > 0

// Numbers as they are written; `format` takes whatever else comes from JavaScript.
const show = (value: unknown): string => typeof value === "number" ? String(value) : format(value)

type Body = (...args: Array<unknown>) => unknown

/**
 * Data-first and data-last at once, for a function whose *last* parameter is the effect: called with one argument less,
 * it returns a function that awaits the effect. (`Function.dual` awaits the first parameter instead.) `Overloads` is
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
