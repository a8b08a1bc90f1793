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
  /** The state before the first call. States are values: `step` returns new ones and changes none. */
  readonly init: S
  /**
   * Returns the states that the call may lead to: none if the call cannot happen in this state, or not with that
   * result. A call that waits until it can happen, such as `acquire` of a permit, leads to none until then.
   */
  readonly step: (state: S, call: Call) => ReadonlyArray<S>
  /**
   * Says what a call that was interrupted may have done, for all calls, or as a function call by call. `"maybe"`, the
   * default: its effect, once, at some moment between its start and its end, or nothing. `"no-effect"` is the stronger
   * claim, that such a call has no effect.
   */
  readonly cancelled?: Cancelled | ((call: Call) => Cancelled) | undefined
  /**
   * Returns the key of a state: two states with the same key are one state. Default: `Equal.equals` compares the
   * states, which compares plain objects, arrays, `Map`, `Set` and Effect's data types by their contents.
   */
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
  /** Tells the two verdicts apart. */
  readonly _tag: "Linearizable"
  /** The calls in that order. */
  readonly order: ReadonlyArray<Call>
}

/**
 * There is no order of the calls in which each returned what it did return.
 *
 * @category models
 * @since 0.1.0
 */
export interface NotLinearizable<S> {
  /** Tells the two verdicts apart. */
  readonly _tag: "NotLinearizable"
  /** The reason as a text of at most 12 lines. */
  readonly explanation: string
  /** An order of as many of the returned calls as can be ordered. */
  readonly prefix: ReadonlyArray<Call>
  /** The states after the calls of `prefix`, in this order or any other that is possible. */
  readonly states: ReadonlyArray<S>
  /** The calls of which one had to come next. None of them can, in any of the `states`. */
  readonly stuck: ReadonlyArray<Call>
  /**
   * Cancelled calls that had no effect by the model, `"no-effect"`, although there is an order with their effects.
   * Empty if no such order exists.
   */
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
