/** The model that `linearizable` takes, and the verdict that it returns. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Call } from "./History.js"

/**
 * The possible effect of a cancelled call: `"no-effect"` for certainly none, `"maybe"` for its whole effect or none.
 *
 * @category models
 * @since 0.1.0
 */
export type Cancelled = "no-effect" | "maybe"

/**
 * A sequential specification: the result and the effect of one call after another, without concurrency.
 *
 * **Details**
 *
 * - `init` is the state before the first call. States are values: `step` returns new ones and changes none.
 * - `step` returns the states that the call may lead to: none if the call cannot happen in this state, or not with that
 *   result. A call that waits until it can happen, such as the acquiring of a permit, leads to none until then.
 * - `cancelled` says what a call that was interrupted may have done, by default `"maybe"`: its effect, once, at some
 *   moment between its start and its end, or nothing. `"no-effect"` is the stronger claim, that nothing is ever left of
 *   such a call. A function decides call by call.
 * - `key` tells states apart: two states with the same key are one state. By default `Equal.equals` decides, which
 *   compares plain objects, arrays, `Map`, `Set` and Effect's data types by what they contain.
 *
 * **Gotchas**
 *
 * - The result of a cancelled call, and of one that never returned, is unknown. `step` is called for them as well, and
 *   is to return every state that they may have led to. `returns` and `fails` take care of that.
 * - `Equal.equals` ignores the order of a `Map`, of a `Set` and of an object's keys, and does not see private fields.
 *   If those matter to `step`, give a `key`.
 *
 * **Example** (A queue)
 *
 * ```ts
 * import { Exit } from "effect"
 * import { type Call, linearizable, type Model, returns } from "sluice/testing"
 *
 * const queue: Model<ReadonlyArray<unknown>> = {
 *   init: [],
 *   step: (items, call) =>
 *     call.name === "offer"
 *       ? [[...items, call.argument]]
 *       // On an empty queue, `take` waits.
 *       : items.length > 0 && returns(call, items[0])
 *       ? [items.slice(1)]
 *       : []
 * }
 *
 * const offer: Call = { actor: "ann", name: "offer", argument: "x", started: 2, ended: 3, exit: Exit.void }
 * const take: Call = { actor: "bob", name: "take", argument: undefined, started: 1, ended: 4, exit: Exit.succeed("x") }
 *
 * console.log(linearizable(queue, [take, offer])._tag)
 * // => Linearizable
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Model<S> {
  readonly init: S
  readonly step: (state: S, call: Call) => ReadonlyArray<S>
  readonly cancelled?: Cancelled | ((call: Call) => Cancelled) | undefined
  readonly key?: ((state: S) => string) | undefined
}

/**
 * One order of the calls in which each returned what it did return. Cancelled calls and calls that never returned are
 * in it only if they changed the state.
 *
 * @category models
 * @since 0.1.0
 */
export interface Linearizable {
  readonly _tag: "Linearizable"
  readonly order: ReadonlyArray<Call>
}

/**
 * There is no such order.
 *
 * **Details**
 *
 * - `explanation` is the rest as a text of at most 12 lines.
 * - `prefix` is an order of as many of the calls that returned as can be ordered.
 * - `states` are the states after these calls, in this order or any other that is possible.
 * - `stuck` are the calls of which one had to come next. None can, in any of the states.
 * - `suspects` are cancelled calls that had no effect, says the model (`"no-effect"`), but with whose effects there is
 *   an order.
 *
 * @category models
 * @since 0.1.0
 */
export interface NotLinearizable<S> {
  readonly _tag: "NotLinearizable"
  readonly explanation: string
  readonly prefix: ReadonlyArray<Call>
  readonly states: ReadonlyArray<S>
  readonly stuck: ReadonlyArray<Call>
  readonly suspects: ReadonlyArray<Call>
}

/**
 * The result of `linearizable`.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict<S = unknown> = Linearizable | NotLinearizable<S>

/** Interrupted, and nothing else: a call that also failed or died has returned that to its caller. */
export const isCancelled = ({ exit }: Call): boolean =>
  exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

/** Whether the call may have had its effect or not. */
export const isUnknown = (call: Call): boolean => call.exit === undefined || isCancelled(call)
