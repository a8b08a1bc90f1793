/**
 * A schedule: where a run deviated from the default. By default a fiber runs until it suspends, the fiber that has
 * been ready for longest goes next, and no fiber is interrupted. So the empty schedule is a run as on the stock
 * runtime. The fewer decisions a failure needs, the simpler it is.
 */

/**
 * A decision of a schedule, and its place. A place is "the fiber asked last was `fiber`, after `operation` operations
 * of its own, and `turn` turns without a question to any fiber". Fibers are numbered in order of appearance, from 0:
 * the body.
 *
 * @since 0.1.0
 */
export interface Decision {
  /**
   * - `preempt`: the fiber yields before this operation.
   * - `go`: the `pick`-th of the fibers that are ready goes next; 0 has waited longest.
   * - `timer`: the `pick`-th of all timers, in the order in which they are due, fires.
   * - `interrupt`: the fiber `pick` is interrupted.
   * - `nested`: the fiber begins, resumed inline; the fiber `pick`, in whose turn that happens, is interrupted.
   * - `choose`: the result of `Kit.choose` number `operation` is `pick`.
   */
  readonly kind: "preempt" | "go" | "timer" | "interrupt" | "nested" | "choose"
  /** The number of the fiber that was asked last. */
  readonly fiber: number
  /** How many operations of its own that fiber had gone through. */
  readonly operation: number
  /** How many turns were taken there without a question to any fiber. */
  readonly turn: number
  /** The choice, as `kind` says. 0 for `preempt`, which has none. */
  readonly pick: number
}

/**
 * The decisions of a run that deviate from the default, in their order. The empty schedule is a run as on the stock
 * runtime.
 *
 * @since 0.1.0
 */
export type Schedule = ReadonlyArray<Decision>

const letters = { preempt: "p", go: "g", timer: "t", interrupt: "x", nested: "n", choose: "c" } as const
const kinds = new Map(Object.entries(letters).map(([kind, letter]) => [letter, kind as Decision["kind"]]))

/** A schedule as a key: `s1` and the decisions, as in `s1:1.7p,1.7g2,3.4x1`. */
export const encode = (schedule: Schedule): string =>
  "s1:" + schedule.map(({ fiber, kind, operation, pick, turn }) => {
    const place = `${fiber}.${operation}${turn === 0 ? "" : `+${turn}`}`
    return `${place}${letters[kind]}${kind === "preempt" ? "" : pick}`
  }).join(",")

/** The schedule of a key. */
export const decode = (key: string): Schedule => {
  const invalid = (): never => {
    throw new Error(`sluice/testing: not a schedule's key: ${JSON.stringify(key)}`)
  }
  if (!key.startsWith("s1:")) return invalid()
  const body = key.slice(3)
  if (body === "") return []
  return body.split(",").map((part) => {
    const match = /^(\d+)\.(\d+)(?:\+(\d+))?([pgtxnc])(\d*)$/.exec(part)
    const kind = match === null ? undefined : kinds.get(match[4] as "p")
    if (match === null || kind === undefined || (match[5] === "") !== (kind === "preempt")) return invalid()
    return {
      kind,
      fiber: Number(match[1]),
      operation: Number(match[2]),
      turn: Number(match[3] ?? 0),
      pick: Number(match[5] ?? 0)
    }
  })
}

/** The realism that a schedule needs of the runtime, if it was found within `allowed`. */
export const realismOf = (schedule: Schedule, allowed: Realism): Realism => {
  const has = (kind: Decision["kind"]) => schedule.some((decision) => decision.kind === kind)
  if (allowed === "any" && has("timer")) return "any"
  // The runtime's own scheduler counts operations: it never stops a fiber before the first one.
  if (schedule.some(({ kind, operation }) => kind === "preempt" && operation === 1)) return "scheduler"
  if (has("preempt") || has("go") || has("timer")) return "contract"
  return has("nested") ? "nested" : "suspension"
}

/**
 * How far the explorer may deviate from the stock runtime. Each level allows everything that the level before allows:
 *
 * - `suspension`: fibers switch only where the program suspends, in the order in which they became ready, as on the
 *   stock runtime; interrupts come between turns.
 * - `nested`: a fiber may also be interrupted from within a fiber that it has just resumed inline.
 * - `contract`: also every order that Effect's contract allows: any ready fiber goes next, and any operation may be
 *   preceded by a yield, and by an interrupt there, except for a fiber's first.
 * - `scheduler`: a fiber that starts inline may also yield before its first operation: its body has not begun when the
 *   call that started it returns. Effect's own scheduler never does this; a scheduler that shares time by the clock
 *   may.
 * - `any`: timers may also be late: a timer may fire after a later one, or while fibers are ready.
 *
 * @since 0.1.0
 */
export type Realism = "suspension" | "nested" | "contract" | "scheduler" | "any"
