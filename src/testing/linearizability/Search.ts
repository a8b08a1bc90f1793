/** The search for an order of the calls. */
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type { Call, History } from "../History.js"
import { isCancelled, isUnknown, type Model, type NotLinearizable, type Verdict } from "../Model.js"
import { explain, lineOf } from "./explain.js"

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

/** The rest of an order, whose calls are marked as placed. */
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

/** Whether the call can still be placed. A left out call is over once a call that started after its end is placed. */
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

/** Tries the most likely first. Optional calls come last, so that they are placed only if nothing else helps. */
const byEnd = (a: Entry, b: Entry): number =>
  a.required === b.required ? a.ended === b.ended ? 0 : a.ended - b.ended : a.required ? -1 : 1

const orderOf = (last: Node<unknown>): ReadonlyArray<Entry> => {
  const order: Array<Entry> = []
  for (let { reached } = last; reached; reached = reached.from.reached) order.push(reached.by)
  return order.reverse()
}

const callOf = ({ call }: Entry): Call => call

/**
 * Wing and Gong's search, with Lowe's memory of what has failed. It puts one call after another in order, and goes back
 * when none can come next. Two orders of the same calls that lead to the same state have the same future, so only the
 * first is followed.
 */
export class Search<S> {
  private readonly calls: ReadonlyArray<Call>
  private readonly required: number
  /** The cancelled calls that have no effect, by the model's `cancelled`. */
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

  /** Whether this call can have had an effect. Throws if it ends before it starts. */
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
