/** Deadlocks, with the evidence for each: the verdict, together with the joins of Effect's own operations. */
import { once } from "../../source/node.js"
import type { AnyFiber } from "../stack.js"
import type { Node, View, Wait } from "../view.js"
import type { Found } from "./collect.js"
import { type Captured, isFiber, type Joined, joinersOf, supervisionOf, unreadOf } from "./runtime.js"
import { Verdict, type VerdictOptions } from "./verdict.js"

/** How many observers of fibers are read at one look: each takes a millisecond, and is read once. */
const most = 100

export interface Evidence {
  /** Undefined where closures cannot be read. */
  readonly captured: Captured | undefined
  /** Whether a wait has lasted for so long that it is worth a look at closures. */
  readonly isLong: (wait: Wait) => boolean
}

/** Deadlocks, and the waits in Effect's own operations that were read to find them. */
export interface Judgement {
  readonly found: ReadonlyArray<Found>
  readonly joins: ReadonlyArray<Wait>
}

/** The deadlocks among the waits of the views. */
export const judge = (views: ReadonlyArray<View>, evidence: Evidence): Judgement => {
  const joins = new Joins(evidence.captured, views)
  let more: ReadonlyArray<Wait> = []
  const isOld = (wait: Wait) => wait.who !== "fiber" || more.includes(wait) || evidence.isLong(wait)
  const found: Array<Found> = []
  /** Adds the circles that are new, with this evidence at most. A suspicion has to be old. */
  const add = ({ unknown, unsure, verdict }: Checked, most: Found["evidence"]): void => {
    for (const nodes of verdict.circles) {
      if (nodes.some((node) => unknown.has(node) || found.some((known) => known.nodes.includes(node)))) continue
      const evidence = nodes.some((node) => unsure.has(node)) ? "suspected" : most
      if (evidence === "suspected" && !nodes.every((node) => verdict.waitsOf(node).every(isOld))) continue
      found.push({ evidence, nodes, verdict })
    }
  }
  // Without closures no race is seen, and each timeout is one.
  add(withoutRaces(views, {}, joins), evidence.captured === undefined ? "suspected" : "certain")
  const long = views.flatMap(({ waits }) => waits.filter((wait) => wait.who === "fiber" && evidence.isLong(wait)))
  if (long.length === 0) return { found, joins: [] }
  more = joins.waits(long.flatMap(({ node }) => isFiber(node) ? [node] : []), views)
  if (more.length > 0) add(withoutRaces(views, { more }, joins), "derived")
  if (views.some(({ lines }) => lines.some(({ holds }) => holds.some(({ until }) => until === "scope")))) {
    add(withoutRaces(views, { more, countsScopes: true }, joins), "suspected")
  }
  return { found, joins: more }
}

/** A verdict, and the nodes of its circles about which it is not the last word. */
interface Checked {
  readonly verdict: Verdict
  /** This look has not read enough about them. */
  readonly unknown: ReadonlySet<Node>
  /** They end as another fiber does, which may come before its own end. */
  readonly unsure: ReadonlySet<Node>
}

/**
 * The verdict without the fibers that lose a race to a fiber which is not stuck, such as the sleep of a timeout, or
 * that such a fiber takes along. Only fibers of circles are asked: nearly always there is none.
 */
const withoutRaces = (views: ReadonlyArray<View>, options: VerdictOptions, joins: Joins): Checked => {
  const bounded = new Set<Node>()
  for (;;) {
    const verdict = new Verdict(views, { ...options, bounded })
    const before = bounded.size
    const found = { unknown: new Set<Node>(), unsure: new Set<Node>() }
    for (const node of verdict.circles.flat()) {
      const fate = isFiber(node) ? joins.fateOf(node, verdict) : "stuck"
      if (fate === "loses") bounded.add(node)
      else if (fate !== "stuck") found[fate].add(node)
    }
    if (bounded.size === before) return { verdict, ...found }
  }
}

/**
 * The prospects of a fiber that waits in a circle. `loses`: a race ends its wait. `unsure`: a race may end a fiber with
 * which it ends. `unknown`: this look has read enough.
 */
type Fate = "stuck" | "loses" | "unsure" | "unknown"

/** The nodes that take a node along when they are interrupted. Events and jobs stand for the fibers they are about. */
const takersOf = (views: ReadonlyArray<View>): ReadonlyMap<Node, ReadonlyArray<Node>> => {
  const takers = new Map<Node, Array<Node>>()
  for (const { all = [], any = [], node, takes, who } of views.flatMap(({ waits }) => waits)) {
    if (takes !== true && who === "fiber") continue
    for (const taken of [...all, ...any]) {
      const known = takers.get(taken)
      if (known === undefined) takers.set(taken, [node])
      else known.push(node)
    }
  }
  return takers
}

/** The joins of fibers, in Effect's own operations and in those of sluice that take others along. */
class Joins {
  private left = most
  private readonly takers: () => ReadonlyMap<Node, ReadonlyArray<Node>>

  constructor(private readonly captured: Captured | undefined, views: ReadonlyArray<View>) {
    this.takers = once(() => takersOf(views))
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
   * Whether the fiber, or one that takes it along, races with a fiber that is not stuck: `Effect.all` under a timeout
   * takes its fibers along, and so does `Group.scoped`. A fiber that ends with another one, such as with its parent or
   * with the consumer of its stream, is not joined by that, so nothing says whether the race is about both.
   */
  fateOf(fiber: AnyFiber, verdict: Verdict): Fate {
    const taken = new Set<Node>([fiber])
    const direct = this.raceOf(taken, verdict, false)
    if (direct !== false) return direct ?? "unknown"
    const indirect = this.raceOf(taken, verdict, true)
    if (indirect === false) return "stuck"
    return indirect === undefined ? "unknown" : "unsure"
  }

  /** Adds the fibers that take the taken ones along. Undefined where this look has read enough. */
  private raceOf(taken: Set<Node>, verdict: Verdict, supervised: boolean): "loses" | false | undefined {
    const mayEnd = (other: AnyFiber): boolean => !taken.has(other) && !verdict.isStuck(other)
    // A set's iterator visits nodes that are added meanwhile.
    for (const one of taken) {
      for (const taker of this.takers().get(one) ?? []) taken.add(taker)
      if (!isFiber(one)) continue
      const joins = this.of(one)
      if (joins === undefined) return undefined
      for (const { by, fibers, how, isOpen } of joins) {
        if (isOpen || (how === "first" && fibers.some(mayEnd))) return "loses"
        taken.add(by)
      }
      if (!supervised || this.captured === undefined) continue
      const { by, rivals } = supervisionOf(one, this.captured)
      if (rivals.some(mayEnd)) return "loses"
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
