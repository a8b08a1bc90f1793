/** Deadlocks, with the evidence for each: the verdict, together with the joins of Effect's own operations. */
import { once } from "../../source/node.js"
import type { AnyFiber } from "../stack.js"
import type { Node, Taking, View, Wait } from "../view.js"
import type { Found } from "./collect.js"
import {
  type Captured,
  isFiber,
  isInterrupted,
  isUninterruptible,
  type Joined,
  joinersOf,
  supervisionOf,
  unreadOf
} from "./runtime.js"
import { Verdict, type VerdictOptions } from "./verdict.js"

export interface Evidence {
  /** Undefined where closures cannot be read. */
  readonly captured: Captured | undefined
  /** How many observers of fibers are read: each takes a millisecond, and is read once. */
  readonly most: number
  /** Whether a wait has lasted for so long that it is worth a look at closures. */
  readonly isLong: (wait: Wait) => boolean
}

/** Deadlocks, and the waits in Effect's own operations that were read to find them. */
export interface Judgement {
  readonly found: ReadonlyArray<Found>
  readonly joins: ReadonlyArray<Wait>
}

/** The deadlocks among the waits of the views. */
export const judge = (all: ReadonlyArray<View>, evidence: Evidence): Judgement => {
  const views = all.map(withoutSpent)
  const joins = new Joins(evidence, views)
  let more: ReadonlyArray<Wait> = []
  const isOld = (wait: Wait) => wait.who !== "fiber" || more.includes(wait) || evidence.isLong(wait)
  const found: Array<Found> = []
  /** Adds the circles that are new. A suspicion has to be old. */
  const add = ({ unknown, verdict }: Checked, evidence: Found["evidence"]): void => {
    for (const nodes of verdict.circles) {
      if (nodes.some((node) => unknown.has(node) || found.some((known) => known.nodes.includes(node)))) continue
      if (evidence === "suspected" && !nodes.every((node) => verdict.waitsOf(node).every(isOld))) continue
      found.push({ evidence, nodes, verdict })
    }
  }
  /** A circle is a suspicion if a node that may go on is one of its members, or one that these wait for. */
  const addAll = (options: VerdictOptions, most: Found["evidence"]): void => {
    const checked = withoutRaces(views, options, joins, false)
    const isSure = checked.unsure.size + checked.unknown.size === 0
    if (!isSure && most !== "suspected") add(withoutRaces(views, options, joins, true), most)
    add(checked, isSure ? most : "suspected")
  }
  // Without closures no race is seen, and each timeout is one.
  addAll({}, evidence.captured === undefined ? "suspected" : "certain")
  const long = views.flatMap(({ waits }) => waits.filter((wait) => wait.who === "fiber" && evidence.isLong(wait)))
  if (long.length === 0) return { found, joins: [] }
  more = joins.waits(long.flatMap(({ node }) => isFiber(node) ? [node] : []), views)
  if (more.length > 0) addAll({ more }, "derived")
  if (views.some(({ lines }) => lines.some(({ holds }) => holds.some(({ until }) => until === "scope")))) {
    addAll({ more, countsScopes: true }, "suspected")
  }
  return { found, joins: more }
}

/** A deadline that has interrupted a fiber does not do so again. */
const withoutSpent = (view: View): View =>
  view.bounded === undefined || view.bounded.length === 0
    ? view
    : { ...view, bounded: view.bounded.filter((node) => !isFiber(node) || !isInterrupted(node)) }

/** A verdict, and the nodes of its circles about which it is not the last word. */
interface Checked {
  readonly verdict: Verdict
  /** This look has not read enough about them. */
  readonly unknown: ReadonlySet<Node>
  /** They end as another fiber does, which may come before its own end; or they were interrupted. */
  readonly unsure: ReadonlySet<Node>
}

/**
 * The verdict without the nodes that lose a race to a fiber which is not stuck, such as the sleep of a timeout, or
 * that such a fiber takes along. Only nodes of circles are asked: nearly always there is none. `strict`: without those
 * that may do so, either.
 */
const withoutRaces = (views: ReadonlyArray<View>, options: VerdictOptions, joins: Joins, strict: boolean): Checked => {
  const bounded = new Set<Node>()
  for (;;) {
    const verdict = new Verdict(views, { ...options, bounded })
    const before = bounded.size
    const found = { unknown: new Set<Node>(), unsure: new Set<Node>() }
    for (const node of verdict.circles.flat()) {
      const fate = joins.fateOf(node, verdict)
      if (fate === "stuck") continue
      if (strict || fate === "loses") bounded.add(node)
      else found[fate].add(node)
    }
    if (bounded.size === before) return { verdict, ...found }
  }
}

/**
 * The prospects of a node that waits in a circle. `loses`: a race ends its wait. `unsure`: a race may end a fiber with
 * which it ends, or it was interrupted. `unknown`: this look has read enough.
 */
type Fate = "stuck" | "loses" | "unsure" | "unknown"

/**
 * The nodes that take a node along when they are interrupted, or that may do so. Events and jobs stand for the fibers
 * they are about.
 */
const takersOf = (views: ReadonlyArray<View>, mayTake: boolean): ReadonlyMap<Node, ReadonlyArray<Node>> => {
  const takers = new Map<Node, Array<Node>>()
  const add = ({ by, isUnsure = false, nodes }: Taking): void => {
    if (isUnsure && !mayTake) return
    for (const node of nodes) {
      const known = takers.get(node)
      if (known === undefined) takers.set(node, [by])
      else known.push(by)
    }
  }
  for (const { takes = [], waits } of views) {
    for (const taking of takes) add(taking)
    for (const { all = [], any = [], node: by, who } of waits) if (who !== "fiber") add({ by, nodes: [...all, ...any] })
  }
  return takers
}

/** The joins of fibers, in Effect's own operations and in those of sluice that take others along. */
class Joins {
  private left: number
  private readonly captured: Captured | undefined
  private readonly takers: () => ReadonlyMap<Node, ReadonlyArray<Node>>
  private readonly possibleTakers: () => ReadonlyMap<Node, ReadonlyArray<Node>>
  /** Fibers that a deadline of their pool will interrupt. */
  private readonly bounded: ReadonlySet<Node>

  private readonly replaceable: ReadonlySet<Node>
  /** The fibers of the race that a fiber is in. */
  private readonly rivals: ReadonlyMap<Node, ReadonlyArray<Node>>

  constructor({ captured, most }: Evidence, views: ReadonlyArray<View>) {
    this.captured = captured
    this.left = most
    this.bounded = new Set(views.flatMap(({ bounded }) => bounded ?? []))
    this.replaceable = new Set(views.flatMap(({ replaceable }) => replaceable ?? []))
    this.takers = once(() => takersOf(views, false))
    this.possibleTakers = once(() => takersOf(views, true))
    this.rivals = new Map(views.flatMap(({ rivals = [] }) => rivals.map((node) => [node, rivals] as const)))
  }

  /** Undefined where this look has read enough. */
  private of(fiber: AnyFiber): ReadonlyArray<Joined> | undefined {
    if (this.captured === undefined) return []
    const unread = unreadOf(fiber)
    if (unread > this.left) return undefined
    this.left -= unread
    return joinersOf(fiber, this.captured)
  }

  /**
   * Whether the node, or one that takes it along, has a deadline or races with a fiber that is not stuck. `Effect.all`
   * under a timeout takes its fibers along, and so does `Group.scoped`.
   *
   * A fiber that ends with another one, such as with its parent or with the consumer of its stream, is not joined by
   * that. So nothing says whether the race is about both.
   */
  fateOf(node: Node, verdict: Verdict): Fate {
    // No race ends it again: the fiber is uninterruptible, or on its way to its end.
    if (isFiber(node) && isInterrupted(node)) return "unsure"
    const taken = new Set<Node>([node])
    const direct = this.raceOf(node, taken, verdict, false)
    if (direct !== false) return direct ?? "unknown"
    const indirect = this.raceOf(node, taken, verdict, true)
    if (indirect === false) return "stuck"
    return indirect === undefined ? "unknown" : "unsure"
  }

  /** Adds the fibers that take the taken ones along. Undefined where this look has read enough. */
  private raceOf(node: Node, taken: Set<Node>, verdict: Verdict, supervised: boolean): "loses" | false | undefined {
    const takers = supervised ? this.possibleTakers() : this.takers()
    const mayEnd = (other: Node): boolean => !taken.has(other) && !verdict.isStuck(other)
    // A set's iterator visits nodes that are added meanwhile.
    for (const one of taken) {
      // It waits for the node, and no interrupt ends that wait.
      if (one !== node && !supervised && isFiber(one) && isUninterruptible(one)) continue
      // Its own interrupt is on its way to those that it takes along.
      if (one !== node && isFiber(one) && isInterrupted(one)) return "loses"
      if (supervised && this.replaceable.has(one)) return "loses"
      if (this.bounded.has(one) || this.rivals.get(one)?.some(mayEnd) === true) return "loses"
      for (const taker of takers.get(one) ?? []) taken.add(taker)
      if (!isFiber(one)) continue
      const joins = this.of(one)
      if (joins === undefined) return undefined
      for (const { by, fibers, how, isOpen, takes } of joins) {
        if (isOpen || (how === "first" && fibers.some(mayEnd))) return "loses"
        if (takes || supervised) taken.add(by)
      }
      if (!supervised || this.captured === undefined) continue
      const { by, isUnknown, rivals } = supervisionOf(one, this.captured)
      if (isUnknown || rivals.some(mayEnd)) return "loses"
      for (const other of by) taken.add(other)
    }
    return false
  }

  /** The waits of fibers that wait for these fibers, for those, and so on, in operations of Effect's. */
  waits(fibers: ReadonlyArray<AnyFiber>, views: ReadonlyArray<View>): ReadonlyArray<Wait> {
    const waiting = new Set(views.flatMap(({ waits }) => waits.map(({ node }) => node)))
    const waits = new Map<AnyFiber, Wait>()
    const queue = [...fibers]
    for (let fiber = queue.pop(); fiber !== undefined; fiber = queue.pop()) {
      for (const { by, fibers, how, isOpen } of this.of(fiber) ?? []) {
        if (isOpen || waiting.has(by) || waits.has(by)) continue
        waits.set(by, {
          node: by,
          who: "fiber",
          for: `${how === "first" ? "the first of " : ""}${fibers.map(({ id }) => `fiber ${id}`).join(", ")}`,
          // If any of several is not stuck, it may end the wait: it may fail, or win.
          any: fibers,
          key: by
        })
        queue.push(by)
      }
    }
    return [...waits.values()]
  }
}
