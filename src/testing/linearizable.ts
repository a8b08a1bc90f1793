/**
 * Linearizability: whether calls that overlapped returned what they would have returned one after the other, each at
 * some moment between its start and its end.
 *
 * The search is Wing and Gong's, with Lowe's memory of what has failed: it puts one call after another in order, and
 * goes back when none can come next. Two orders of the same calls that lead to the same state have the same future, so
 * only the first is followed.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type { Call, History } from "./History.js"

/**
 * What a cancelled call may have done: nothing, for sure, or perhaps its effect.
 *
 * @category models
 * @since 0.1.0
 */
export type Cancelled = "no-effect" | "maybe"

/**
 * What the calls of a history are to do, said for one call after another, without concurrency.
 *
 * **Details**
 *
 * - `init` is the state before the first call. States are values: `step` returns new ones and changes none.
 * - `step` returns the states that the call may lead to: none if the call cannot happen in this state, or not with that
 *   result. A call that waits until it can happen, such as the acquiring of a permit, leads to none until then.
 * - `cancelled` says what a call that was interrupted may have done, by default `"maybe"`: its effect, once, at some
 *   moment between its start and its end, or nothing. `"no-effect"` is the stronger claim, that nothing is ever left of
 *   such a call. A function decides call by call.
 * - `key` tells states apart: those with the same key are one state. By default states are the same if `Equal.equals`
 *   says so, which compares plain objects, arrays, `Map`, `Set` and Effect's data types by what they contain.
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
 * What `linearizable` found.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict<S = unknown> = Linearizable | NotLinearizable<S>

/** Interrupted, and nothing else: a failure or a defect beside it is something that the call told its caller. */
const isCancelled = ({ exit }: Call): boolean =>
  exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

const isUnknown = (call: Call): boolean => call.exit === undefined || isCancelled(call)

/**
 * Whether the call succeeded with this value, or may have: true also of a call that was cancelled or never returned.
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
 * Whether the call failed with a typed failure, such a one as `is` accepts, or may have: true also of a call that was
 * cancelled or never returned. A defect is not a typed failure.
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

/**
 * Whether the calls can be put in an order in which the model allows each, and none comes before one that had ended
 * when it started.
 *
 * **Details**
 *
 * 1. A call that returned took effect once, between `started` and `ended`. To fail, with a typed failure or a defect,
 *    is to return: the model sees `exit`.
 * 2. A call was cancelled if all that its exit tells is an interruption. Unless the model says `"no-effect"`, it took
 *    effect once between `started` and `ended`, or not at all.
 * 3. A call that never returned took effect once after `started`, or not at all. It was not cancelled, so the model's
 *    `cancelled` does not concern it.
 * 4. Calls overlap if neither `ended` before the other `started`. At the same moment is not before.
 *
 * **Gotchas**
 *
 * - Hundreds of calls by a few actors take milliseconds. But the time, and the memory, grow with the sets of calls that
 *   overlap and with the states that these may leave behind. Where a history has no order, all are tried: that can take
 *   for ever if many calls overlap, or if a queue is offered much, by several actors at once, before anything is taken.
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

// Search -------------------------------------------------------------------------------------------------------------

/** A call that the search may place. They are linked in the order in which they started. */
interface Entry {
  readonly call: Call
  readonly ended: number
  /** It returned, so it must have its place. The others may be left out. */
  readonly required: boolean
  readonly index: number
  readonly following: Entry | undefined
  placed: boolean
}

interface Move<S> {
  readonly entry: Entry
  readonly state: S
  readonly id: number
}

/** What remains of an order, of which the calls themselves are marked as placed. */
interface Position<S> {
  readonly state: S
  /** The number of the state. */
  readonly id: number
  /** How many of the required are placed. */
  readonly count: number
  /** All entries before this one are over: placed, or too late for. */
  readonly first: Entry | undefined
  /** The index of the last entry, in the order of starts, that is placed. */
  readonly last: number
  /** The latest start of what is placed. */
  readonly latest: number
}

/** A position, how it was reached, and how it goes on. These chains of nodes are the search's stack. */
interface Node<S> {
  readonly position: Position<S>
  readonly reached: { readonly from: Node<S>; readonly by: Entry } | undefined
  readonly moves: ReadonlyArray<Move<S>>
  next: number
}

/** Whether it can still be placed. What is left out is over when a call that started after its end is placed. */
const isOpen = ({ ended, placed, required }: Entry, latest: number): boolean => !placed && (required || ended >= latest)

/**
 * The bitset of what is over, from the first that is not to the last that is placed: what starts later is all open.
 * With the state it decides all that can follow. A left out call that is too late counts as a placed one, which makes
 * more positions the same.
 */
const keyOf = ({ first, last, latest }: Position<unknown>): string => {
  let key = `${first?.index}:`
  let bits = 0
  let bit = 1
  for (let entry = first; entry && entry.index <= last; entry = entry.following) {
    if (!isOpen(entry, latest)) bits |= bit
    bit <<= 1
    if (bit > 0x8000 || entry.index === last) {
      key += String.fromCharCode(bits)
      bits = 0
      bit = 1
    }
  }
  return key
}

/** The open calls that started before any open required one had ended: after that, this one has to be placed. */
const candidates = ({ first, latest }: Position<unknown>): Array<Entry> => {
  const found: Array<Entry> = []
  let earliest = Infinity
  for (let entry = first; entry && entry.call.started <= earliest; entry = entry.following) {
    if (!isOpen(entry, latest)) continue
    found.push(entry)
    if (entry.required) earliest = Math.min(earliest, entry.ended)
  }
  return found
}

/** Tries the most likely first. What may be left out comes last, so that it is placed only if nothing else helps. */
const byEnd = (a: Entry, b: Entry): number =>
  a.required === b.required ? a.ended === b.ended ? 0 : a.ended - b.ended : a.required ? -1 : 1

const orderOf = (last: Node<unknown>): ReadonlyArray<Entry> => {
  const order: Array<Entry> = []
  for (let { reached } = last; reached; reached = reached.from.reached) order.push(reached.by)
  return order.reverse()
}

const callOf = ({ call }: Entry): Call => call

class Search<S> {
  private readonly calls: ReadonlyArray<Call>
  private readonly required: number
  /** What was cancelled and has no effect, says the model. */
  private readonly excluded: Array<Call> = []
  private readonly ids = MutableHashMap.empty<S | string, number>()
  private readonly visited = new Set<string>()
  private readonly root: Node<S>
  /** The deepest node, and the states of all that are as deep and have the same calls before them. */
  private best: { readonly node: Node<S>; readonly calls: string; readonly states: Array<S> }

  constructor(private readonly model: Model<S>, history: History) {
    this.calls = history.filter((call, i) => this.check(call, i)).sort((a, b) => a.started - b.started)
    let first: Entry | undefined
    for (const [index, call] of [...this.calls.entries()].reverse()) {
      const ended = call.exit === undefined ? Infinity : call.ended
      first = { call, ended, required: !isUnknown(call), index, following: first, placed: false }
    }
    this.required = this.calls.filter((call) => !isUnknown(call)).length
    const start = { state: model.init, id: this.id(model.init), count: 0, first, last: -1, latest: -Infinity }
    this.root = { position: start, reached: undefined, moves: this.moves(start), next: 0 }
    this.best = { node: this.root, calls: keyOf(start), states: [model.init] }
  }

  run(): Verdict<S> {
    let node: Node<S> | undefined = this.root
    while (node) {
      if (node.position.count === this.required) return { _tag: "Linearizable", order: orderOf(node).map(callOf) }
      const move: Move<S> | undefined = node.moves[node.next++]
      if (move) {
        node = this.enter(node, move) ?? node
      } else {
        if (node.reached) node.reached.by.placed = false
        node = node.reached?.from
      }
    }
    return this.failure()
  }

  /** Throws for what cannot be a call, and answers whether this one can have had an effect. */
  private check(call: Call, index: number): boolean {
    if (!(call.started <= (call.exit === undefined ? Infinity : call.ended))) {
      throw new RangeError(`linearizable: history[${index}] must start before it ends: ${lineOf(call)}`)
    }
    if (!isCancelled(call)) return true
    const { cancelled = "maybe" } = this.model
    if ((typeof cancelled === "function" ? cancelled(call) : cancelled) === "maybe") return true
    this.excluded.push(call)
    return false
  }

  /** Undefined if another order of the same calls has led to the same state. */
  private enter(from: Node<S>, { entry, id, state }: Move<S>): Node<S> | undefined {
    entry.placed = true
    const before = from.position
    const latest = Math.max(before.latest, entry.call.started)
    let first = before.first
    while (first && !isOpen(first, latest)) first = first.following
    const count = entry.required ? before.count + 1 : before.count
    const position = { state, id, count, first, last: Math.max(before.last, entry.index), latest }
    const calls = keyOf(position)
    const key = `${id}:${calls}`
    if (this.visited.has(key)) {
      entry.placed = false
      return
    }
    this.visited.add(key)
    const node = { position, reached: { from, by: entry }, moves: this.moves(position), next: 0 }
    if (count > this.best.node.position.count) this.best = { node, calls, states: [state] }
    // The count is the same as well: the key tells which are placed.
    else if (calls === this.best.calls) this.best.states.push(state)
    return node
  }

  private moves(position: Position<S>): ReadonlyArray<Move<S>> {
    const moves: Array<Move<S>> = []
    for (const entry of candidates(position).sort(byEnd)) {
      for (const state of this.model.step(position.state, entry.call)) {
        const id = this.id(state)
        // To leave a call out allows all that it allows to place it to no effect.
        if (entry.required || id !== position.id) moves.push({ entry, state, id })
      }
    }
    return moves
  }

  /** The same number for the same state. */
  private id(state: S): number {
    const key = this.model.key ? this.model.key(state) : state
    const known = Option.getOrUndefined(MutableHashMap.get(this.ids, key))
    if (known !== undefined) return known
    const id = MutableHashMap.size(this.ids)
    MutableHashMap.set(this.ids, key, id)
    return id
  }

  private failure(): NotLinearizable<S> {
    const { node, states } = this.best
    const prefix = orderOf(node)
    // The search has taken all back.
    for (const entry of prefix) entry.placed = true
    const next = candidates(node.position)
    const found = {
      prefix: prefix.map(callOf),
      states,
      stuck: next.filter(({ required }) => required).map(callOf),
      suspects: this.suspects()
    }
    const unsure = next.filter(({ required }) => !required).map(callOf)
    const explanation = explain({ ...found, unsure, count: node.position.count, required: this.required })
    return { _tag: "NotLinearizable", explanation, ...found }
  }

  /** The likeliest bug, if cancelled calls are to have no effect, is that one had. */
  private suspects(): ReadonlyArray<Call> {
    if (this.excluded.length === 0) return []
    const history = [...this.calls, ...this.excluded]
    const verdict = new Search({ ...this.model, cancelled: "maybe" }, history).run()
    return verdict._tag === "Linearizable" ? verdict.order.filter((call) => this.excluded.includes(call)) : []
  }
}

// Text ---------------------------------------------------------------------------------------------------------------

const cut = (text: string): string => {
  const line = text.replace(/\s+/gu, " ")
  return line.length > 60 ? `${line.slice(0, 59)}…` : line
}

const show = (value: unknown): string => cut(format(value))

const resultOf = (call: Call): string => {
  if (call.exit === undefined) return "never returned"
  if (Exit.isSuccess(call.exit)) return `=> ${show(call.exit.value)}`
  const told = call.exit.cause.reasons.find((reason) => !Cause.isInterruptReason(reason))
  if (told === undefined) return isCancelled(call) ? "was cancelled" : "failed"
  return Cause.isFailReason(told) ? `failed with ${show(told.error)}` : `died with ${show(told.defect)}`
}

const lineOf = (call: Call): string => {
  const argument = call.argument === undefined ? "" : show(call.argument)
  const until = call.exit === undefined ? "" : ` to ${call.ended}`
  return `${cut(call.actor)}: ${cut(call.name)}(${argument}) ${resultOf(call)}, from ${call.started}${until}`
}

/** At most so many: the last one counts the rest. */
const atMost = (max: number, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length > max ? [...lines.slice(0, max - 1), `${lines.length - max + 1} more`] : lines

/** At most 12 lines. Of the order it shows the end: there is what made the next call impossible. */
const explain = ({ count, prefix, required, states, stuck, suspects, unsure }: {
  readonly prefix: ReadonlyArray<Call>
  readonly count: number
  readonly required: number
  readonly states: ReadonlyArray<unknown>
  readonly stuck: ReadonlyArray<Call>
  readonly suspects: ReadonlyArray<Call>
  readonly unsure: ReadonlyArray<Call>
}): string => {
  const hidden = Math.max(0, prefix.length - 3)
  const inline = (calls: ReadonlyArray<Call>) => atMost(2, calls.map(lineOf)).join("; ")
  return [
    `Not linearizable: at most ${count} of ${required} returned calls can be put in order${count > 0 ? ":" : "."}`,
    ...(hidden > 0 ? [`  (${hidden} before these)`] : []),
    ...prefix.slice(hidden).map((call, i) => `  ${hidden + i + 1}. ${lineOf(call)}`),
    `The state is then ${atMost(3, states.map(show)).join(", or ")}.`,
    stuck.length === 1 ? "This has to come next, and cannot:" : "One of these has to come next, and none can:",
    ...atMost(3, stuck.map(lineOf)).map((line) => `  ${line}`),
    ...(unsure.length > 0 ? [`It makes no difference whether these had an effect: ${inline(unsure)}`] : []),
    ...(suspects.length > 0
      ? [`There is an order if these had an effect, which they must not: ${inline(suspects)}`]
      : [])
  ].join("\n")
}
