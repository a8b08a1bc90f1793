// Weak: what is never sent is not kept.
const transfers = new WeakMap<object, ReadonlyArray<unknown>>()

/**
 * Marks objects within a value that are moved to the other thread rather than copied, such as an `ArrayBuffer` or a
 * `MessagePort`. Returns the value itself, which is the input of a call or the result of a function. Never throws.
 *
 * Once the value is sent, the objects of `list` are unusable on this side: their memory belongs to the other thread. A
 * call whose input was moved cannot be tried again, by a retry or on another thread.
 *
 * @since 0.1.0
 */
export const transfer = <A extends object>(value: A, list: ReadonlyArray<unknown>): A => {
  transfers.set(value, list)
  return value
}

const none: ReadonlyArray<unknown> = []

/** The objects that are moved with a value, rather than copied. */
export const transfersOf = (value: unknown): ReadonlyArray<unknown> =>
  (typeof value === "object" && value !== null ? transfers.get(value) : undefined) ?? none

/** Adds the elements one by one: there may be more than a call may have arguments. */
export const addAll = (to: Array<unknown>, from: Iterable<unknown>): void => {
  for (const each of from) to.push(each)
}

/** Whether an object of the list is gone already. Node would send it all the same, and nothing would arrive. */
export const isGone = (transfers: ReadonlyArray<unknown>): boolean => transfers.some(isDetached)

const isDetached = (value: unknown): boolean => {
  if (!(value instanceof ArrayBuffer) || value.byteLength > 0) return false
  try {
    new Uint8Array(value)
    return false
  } catch {
    return true
  }
}

export const gone = "what it transfers has been transferred before"
