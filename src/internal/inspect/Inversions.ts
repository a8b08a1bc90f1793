/** Lock-order inversions: reads from views which fiber holds something while it waits for something else. */
import { once } from "../../source/node.js"
import type { AnyFiber } from "../stack.js"
import type { Hold, Line, Node, View, Wait } from "../view.js"
import type { Lines } from "./lines.js"
import type { Report, Resource } from "./model.js"
import { type Guard, type Limits, Orders } from "./order.js"
import { isFiber, spanOf } from "./runtime.js"
import { type InvertedEdge, invertedText, titleOf } from "./text.js"

/** How a finding is described, when there is one. */
export interface Describing {
  readonly lines: () => Lines
  readonly resource: (view: View) => Pick<Resource, "id" | "key" | "kind" | "name">
}

/** A line of a view. */
interface Place {
  readonly view: View
  readonly line: Line
}

interface Taken extends Guard, Place {
  readonly hold: Hold
}

/** The lines that a wait is for: those of its request, or the workers that its job needs. A key's limit is none. */
const wantedOf = (
  view: View,
  { all = [], any = [], rooms = [] }: Wait,
  jobs: () => ReadonlySet<Node>
): ReadonlyArray<Line> => {
  const [workers] = view.lines
  if (rooms.length > 0) return rooms.map(([line]) => line).filter(({ of }) => of !== "jobs of the key")
  return workers?.of === "workers" && [...all, ...any].some((node) => jobs().has(node)) ? [workers] : []
}

/** The holds of some fibers. A limit on a key of a pool is no resource of its own. */
const holdsOf = (
  views: ReadonlyArray<View>,
  fibers: ReadonlyMap<Node, unknown>
): ReadonlyMap<Node, ReadonlyArray<Taken>> => {
  const taken = new Map<Node, Array<Taken>>()
  // The last view of a line is of the sweep.
  const places = new Map<object, Place>()
  for (const view of views) {
    for (const line of view.lines) if (line.of !== "jobs of the key") places.set(line.self, { view, line })
  }
  for (const [of, { line, view }] of places) {
    for (const hold of line.holds) {
      if (!fibers.has(hold.node)) continue
      const one: Taken = { of, weight: hold.weight, capacity: line.reach ?? line.capacity, view, line, hold }
      const known = taken.get(hold.node)
      if (known === undefined) taken.set(hold.node, [one])
      else known.push(one)
    }
  }
  return taken
}

/** A wait that was not read before. */
interface Fresh {
  readonly wanted: Array<Place>
  readonly keys: Array<object>
}

/** So many edges are described in a sweep: each takes a millisecond or two. Waits beyond are left to the next sweep. */
const most = 20

/** Reads each wait once: a fiber that waits takes nothing. */
export class Inversions {
  private readonly read = new WeakSet<object>()
  private readonly orders: Orders<Taken, InvertedEdge>

  constructor(private readonly describing: Describing, limits?: Limits) {
    this.orders = new Orders(limits)
  }

  /**
   * `idle`: the views of resources that nobody waits for, which are made only if a wait is new. `isStuck`: whether the
   * fiber waits for a known deadlock, whose report says all. O(waits), and O(holds) if a wait is new.
   */
  sweep(
    views: ReadonlyArray<View>,
    idle: () => ReadonlyArray<View>,
    isStuck: (node: Node) => boolean
  ): ReadonlyArray<Report> {
    const fresh = this.freshOf(views, isStuck)
    if (fresh.size === 0) return []
    const holds = holdsOf([...idle(), ...views], fresh)
    const reports: Array<Report> = []
    let described = 0
    for (const [fiber, { keys, wanted }] of fresh) {
      if (described >= most) break
      for (const key of keys) this.read.add(key)
      const taken = holds.get(fiber)
      if (taken === undefined) continue
      for (const place of wanted) {
        const cycles = this.orders.add({ by: fiber.id, holds: taken, wants: place.line.self }, (hold) => {
          described++
          return this.edge(views, fiber, hold, place)
        })
        for (const edges of cycles) {
          const shown = edges.map(({ by, held, wanted }) => ({ by, held, wanted }))
          reports.push({ _tag: "Inverted", edges: shown, text: invertedText(edges) })
        }
      }
    }
    return reports
  }

  /** The fibers with waits that were not read before. A request in several semaphores has one key and several waits. */
  private freshOf(views: ReadonlyArray<View>, isStuck: (node: Node) => boolean): ReadonlyMap<AnyFiber, Fresh> {
    const all = new Map<AnyFiber, Fresh>()
    for (const view of views) {
      const jobs = once(() => new Set(view.jobs?.map(({ node }) => node)))
      for (const wait of view.waits) {
        const { key, node, who } = wait
        if (who !== "fiber" || !isFiber(node) || this.read.has(key) || isStuck(node)) continue
        const wanted = wantedOf(view, wait, jobs).map((line) => ({ view, line }))
        if (wanted.length === 0) continue
        const fresh = all.get(node)
        if (fresh === undefined) all.set(node, { wanted, keys: [key] })
        else {
          fresh.wanted.push(...wanted)
          fresh.keys.push(key)
        }
      }
    }
    return all
  }

  private edge(views: ReadonlyArray<View>, fiber: AnyFiber, { hold, ...from }: Taken, to: Place): InvertedEdge {
    const lines = this.describing.lines()
    const place = ({ line, view }: Place) => ({ resource: this.describing.resource(view).id, of: line.of })
    return {
      by: `fiber ${fiber.id}`,
      held: { ...place(from), at: lines.takenAt(fiber, hold.key) },
      wanted: { ...place(to), at: lines.stackOf(fiber)[0] },
      name: this.nameOf(views, fiber),
      from: this.describing.resource(from.view),
      to: this.describing.resource(to.view)
    }
  }

  /** The name of the fiber's span, or the job that it runs. */
  private nameOf(views: ReadonlyArray<View>, fiber: AnyFiber): string | undefined {
    for (const view of views) {
      const job = view.jobs?.find((one) => one.fiber === fiber)
      if (job !== undefined) return `job ${job.id} of ${titleOf(this.describing.resource(view))}`
    }
    return spanOf(fiber)
  }
}
