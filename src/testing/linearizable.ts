/**
 * Linearizability: whether calls that overlapped returned what they would have returned one after the other, each at
 * some moment between its start and its end.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import type { Call, History } from "./History.js"
import { Search } from "./linearizability/Search.js"
import { isUnknown, type Model, type Verdict } from "./Model.js"

export type { Cancelled, Linearizable, Model, NotLinearizable, Verdict } from "./Model.js"

/**
 * Looks for an order of the calls in which the model allows each call, and no call comes before one that had ended when
 * it started. Returns that order, or why there is none. Synchronous.
 *
 * **Details**
 *
 * 1. A call that returned took effect once, between `started` and `ended`. To fail, with a typed failure or a defect,
 *    is to return: the model sees `exit`.
 * 2. A call was cancelled if its exit has interrupts only. Unless the model says `"no-effect"`, it took effect once
 *    between `started` and `ended`, or not at all.
 * 3. A call that never returned took effect once after `started`, or not at all. It was not cancelled, so the model's
 *    `cancelled` does not concern it.
 * 4. Calls overlap if neither `ended` before the other `started`. At the same moment is not before.
 *
 * **Gotchas**
 *
 * - Hundreds of calls by a few actors take milliseconds. But the time, and the memory, grow with the sets of calls that
 *   overlap and with the states that these may leave behind. For a history without an order all of them are tried. That
 *   may never end if many calls overlap, or if several actors offer many items to a queue before any is taken.
 * - An operation that ends as interrupted by itself, not because its fiber was, looks cancelled. If that is a result
 *   which the model should see, record `Effect.exit` of it.
 *
 * **Example** (A read that is stale)
 *
 * ```ts
 * import { Exit } from "effect"
 * import { type Call, linearizable, type Model, returns } from "sluice/testing"
 *
 * const register: Model<unknown> = {
 *   init: 0,
 *   step: (value, call) => call.name === "write" ? [call.argument] : returns(call, value) ? [value] : []
 * }
 *
 * const write: Call = { actor: "ann", name: "write", argument: 1, started: 1, ended: 4, exit: Exit.void }
 * const read: Call = { actor: "bob", name: "read", argument: undefined, started: 2, ended: 3, exit: Exit.succeed(0) }
 *
 * console.log(linearizable(register, [write, read])._tag)
 * // => Linearizable
 *
 * const verdict = linearizable(register, [write, { ...read, started: 5, ended: 6 }])
 * const lines = verdict._tag === "NotLinearizable" ? verdict.explanation.split("\n") : []
 * for (const line of lines) console.log(line)
 * // => Not linearizable: at most 1 of 2 returned calls can be put in order:
 * // =>   1. ann: write(1) => undefined, from 1 to 4
 * // => The state is then 1.
 * // => This has to come next, and cannot:
 * // =>   bob: read() => 0, from 5 to 6
 * ```
 *
 * @category checking
 * @since 0.1.0
 */
export const linearizable = <S>(model: Model<S>, history: History): Verdict<S> => new Search(model, history).run()

/**
 * Returns whether the call succeeded with this value, by `Equal.equals`, or may have: true also for a call that was
 * cancelled or never returned.
 *
 * **Example** (A register)
 *
 * ```ts
 * import { Exit } from "effect"
 * import { type Call, returns } from "sluice/testing"
 *
 * const read: Call = { actor: "ann", name: "read", argument: undefined, started: 1, ended: 2, exit: Exit.succeed(7) }
 *
 * console.log(returns(read, 7), returns(read, 8))
 * // => true false
 * console.log(returns({ ...read, exit: Exit.interrupt() }, 8), returns({ ...read, exit: undefined }, 8))
 * // => true true
 * ```
 *
 * @see {@link fails} for typed failures
 * @category predicates
 * @since 0.1.0
 */
export const returns = (call: Call, value: unknown): boolean =>
  isUnknown(call) || (call.exit !== undefined && Exit.isSuccess(call.exit) && Equal.equals(call.exit.value, value))

/**
 * Returns whether the call failed with a typed failure that `is` accepts, or may have: true also for a call that was
 * cancelled or never returned. A defect is not a typed failure. Default for `is`: any failure.
 *
 * **Example** (A stack whose `pop` fails when it is empty)
 *
 * ```ts
 * import { Exit } from "effect"
 * import { type Call, fails, linearizable, type Model, returns } from "sluice/testing"
 *
 * const stack: Model<ReadonlyArray<unknown>> = {
 *   init: [],
 *   step: (items, call) =>
 *     call.name === "push"
 *       ? [[...items, call.argument]]
 *       : items.length === 0
 *       ? fails(call, (error) => error === "Empty") ? [items] : []
 *       : returns(call, items.at(-1))
 *       ? [items.slice(0, -1)]
 *       : []
 * }
 *
 * const pop: Call = { actor: "ann", name: "pop", argument: undefined, started: 1, ended: 2, exit: Exit.fail("Empty") }
 *
 * console.log(linearizable(stack, [pop])._tag)
 * // => Linearizable
 * console.log(linearizable(stack, [{ ...pop, exit: Exit.die("a bug") }])._tag)
 * // => NotLinearizable
 * ```
 *
 * @see {@link returns} for successes
 * @category predicates
 * @since 0.1.0
 */
export const fails = (call: Call, is: (error: unknown) => boolean = () => true): boolean =>
  isUnknown(call) || (call.exit !== undefined && Exit.isFailure(call.exit) &&
    call.exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && is(reason.error)))
