/** Deadlocks, with the evidence for each: the verdict, together with the joins of Effect's own operations. */
import type { AnyFiber } from "../stack.js"
import type { Node, View, Wait } from "../view.js"
import type { Found } from "./collect.js"
import { type Captured, isFiber, type Joined, joinersOf } from "./runtime.js"
import { flat, Verdict, type VerdictOptions } from "./verdict.js"

/** How many fibers are asked for their joins at one look: each takes a millisecond. */
const most = 200

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
  const joins = new Joins(evidence.captured)
  const certain = withoutRaces(views, {}, joins)
  const found: Array<Found> = circlesOf(certain, "certain", [])
  const long = flat(views).flatMap(({ waits }) => waits.filter((wait) => wait.who === "fiber" && evidence.isLong(wait)))
  if (long.length === 0) return { found, joins: [] }
  const more = joins.waits(long.flatMap(({ node }) => isFiber(node) ? [node] : []), views)
  if (more.length > 0) {
    const derived = withoutRaces(views, { more }, joins)
    found.push(...circlesOf(derived, "derived", found))
  }
  if (flat(views).some(({ lines }) => lines.some(({ holds }) => holds.some(({ until }) => until === "scope")))) {
    const suspected = withoutRaces(views, { more, countsScopes: true }, joins)
    const isLong = (wait: Wait) => wait.who !== "fiber" || more.includes(wait) || evidence.isLong(wait)
    found.push(
      ...circlesOf(suspected, "suspected", found).filter(({ nodes }) =>
        nodes.every((node) => suspected.waitsOf(node).every(isLong))
      )
    )
  }
  return { found, joins: more }
}

const circlesOf = (
  verdict: Verdict,
  evidence: Found["evidence"],
  known: ReadonlyArray<Found>
): Array<Found> =>
  verdict.circles
    .filter((nodes) => !known.some((found) => found.nodes.some((node) => nodes.includes(node))))
    .map((nodes) => ({ evidence, nodes, verdict }))

/**
 * The verdict without the fibers that lose a race to a fiber which is not stuck, such as the sleep of a timeout, or
 * whose ends are awaited by such a fiber. Only fibers of circles are asked: nearly always there is none.
 */
const withoutRaces = (
  views: ReadonlyArray<View>,
  options: VerdictOptions,
  joins: Joins
): Verdict => {
  const bounded = new Set<Node>()
  for (;;) {
    const verdict = new Verdict(views, { ...options, bounded })
    const before = bounded.size
    for (const node of verdict.circles.flat()) if (isFiber(node) && joins.loses(node, verdict)) bounded.add(node)
    if (bounded.size === before) return verdict
  }
}

/** The joins of fibers, each asked for once. */
class Joins {
  private readonly known = new Map<AnyFiber, ReadonlyArray<Joined>>()

  constructor(private readonly captured: Captured | undefined) {}

  of(fiber: AnyFiber): ReadonlyArray<Joined> {
    if (this.captured === undefined) return []
    let joins = this.known.get(fiber)
    if (joins === undefined) this.known.set(fiber, joins = joinersOf(fiber, this.captured))
    return joins
  }

  /**
   * Whether the fiber, or one that waits for its end in operations of Effect's, races with a fiber that is not stuck:
   * `Effect.all` under a timeout takes its fibers along.
   */
  loses(fiber: AnyFiber, verdict: Verdict): boolean {
    const seen = new Set([fiber])
    // A set's iterator visits what is added meanwhile.
    for (const one of seen) {
      for (const { by, fibers, how } of this.of(one)) {
        if (how === "first" && fibers.some((other) => !seen.has(other) && !verdict.isStuck(other))) return true
        seen.add(by)
      }
    }
    return false
  }

  /** The waits of fibers that wait for these fibers, for those, and so on, in operations of Effect's. */
  waits(fibers: ReadonlyArray<AnyFiber>, views: ReadonlyArray<View>): ReadonlyArray<Wait> {
    const waiting = new Set(flat(views).flatMap(({ waits }) => waits.map(({ node }) => node)))
    const waits = new Map<AnyFiber, Wait>()
    const queue = fibers.slice(0, most)
    for (let fiber = queue.pop(); fiber !== undefined && waits.size < most; fiber = queue.pop()) {
      for (const { by, fibers, how } of this.of(fiber)) {
        if (waiting.has(by) || waits.has(by)) continue
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
