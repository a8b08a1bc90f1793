/**
 * The orders in which resources are taken, as a graph. Its cycles are deadlocks that have not happened yet (I8).
 *
 *     observation ──add──▶ a context of each edge from a hold to the request ──search──▶ cycles that are new
 *
 * An edge leads from a resource that a fiber holds to one that it waits for. A context is one way in which an edge was
 * seen: all that the fiber held, its guards, and the first two fibers that were seen so. A cycle counts if a context
 * can be chosen for each of its edges so that
 *
 * - the guards of each two have room for each other: where two fibers hold the same gate, and its permits do not
 *   suffice for both, they are never in their sections at the same time; and
 * - two fibers are among them: one fiber alone does one after the other.
 *
 * A context with fewer guards stands for one with more. So an edge has few, and an observation that adds none costs
 * O(holds). One that does searches the paths from its request back to its hold, the shortest first: exponential in
 * their length, so paths have at most `longest` edges and a search has at most `steps`. A cycle is found as its last
 * context is added, and never again: one that contains all resources of a known cycle is not new.
 *
 * Resources are held weakly. The edges of collected ones are dropped before a new edge is refused for `edges`.
 */
export interface Limits {
  /** How many edges are kept. */
  readonly edges: number
  /** How many contexts of an edge are kept. */
  readonly contexts: number
  /** How many edges a cycle has at most. */
  readonly longest: number
  /** How many contexts a search visits. */
  readonly steps: number
}

export const limits: Limits = { edges: 1_000, contexts: 4, longest: 6, steps: 10_000 }

/** So much of a resource is held. */
export interface Guard {
  /** The object that stands for the resource. */
  readonly of: object
  readonly weight: number
  readonly capacity: number
}

/** A fiber that holds something, and waits for something else. */
export interface Observation<H extends Guard> {
  /** The number of the fiber. */
  readonly by: number
  readonly holds: ReadonlyArray<H>
  readonly wants: object
}

class Vertex<Note> {
  readonly out = new Map<Vertex<Note>, Array<Context<Note>>>()
  readonly ref: WeakRef<object>
  capacity = 0

  constructor(of: object) {
    this.ref = new WeakRef(of)
  }

  get isLive(): boolean {
    return this.ref.deref() !== undefined
  }
}

interface Context<Note> {
  readonly from: Vertex<Note>
  readonly to: Vertex<Note>
  readonly guards: ReadonlyMap<Vertex<Note>, number>
  /** At most two. */
  readonly by: Array<number>
  readonly note: Note
}

/** Whether both may be in their sections at the same time. */
const fit = <Note>(one: Context<Note>, other: Context<Note>): boolean => {
  for (const [gate, weight] of one.guards) {
    const more = other.guards.get(gate)
    if (more !== undefined && weight + more > gate.capacity) return false
  }
  return true
}

/** Whether the first holds no more than the second. */
const isWithin = <Note>(one: Context<Note>["guards"], other: Context<Note>["guards"]): boolean => {
  for (const [gate, weight] of one) if (weight > (other.get(gate) ?? -1)) return false
  return true
}

const isSubset = <A>(one: ReadonlySet<A>, other: ReadonlySet<A>): boolean => {
  for (const a of one) if (!other.has(a)) return false
  return true
}

export class Orders<H extends Guard, Note> {
  private readonly vertices = new WeakMap<object, Vertex<Note>>()
  /** The vertices with edges that lead out of them. */
  private readonly sources = new Set<Vertex<Note>>()
  private edges = 0
  private known: Array<ReadonlySet<Vertex<Note>>> = []

  constructor(private readonly bounds: Limits = limits) {}

  /** How many edges are known. */
  get size(): number {
    return this.edges
  }

  /** Returns the new cycles, as the notes of their edges. `note` is called for each new context. */
  add({ by, holds, wants }: Observation<H>, note: (hold: H) => Note): ReadonlyArray<ReadonlyArray<Note>> {
    const to = this.vertex(wants)
    const guards = new Map<Vertex<Note>, number>()
    for (const { capacity, of, weight } of holds) {
      const vertex = this.vertex(of)
      vertex.capacity = capacity
      guards.set(vertex, (guards.get(vertex) ?? 0) + weight)
    }
    const cycles: Array<ReadonlyArray<Note>> = []
    const done = new Set<Vertex<Note>>([to])
    for (const hold of holds) {
      const from = this.vertex(hold.of)
      if (done.has(from)) continue
      done.add(from)
      const context = this.learn(from, to, guards, by, () => note(hold))
      if (context !== undefined) cycles.push(...this.search(context))
    }
    return cycles
  }

  private vertex(of: object): Vertex<Note> {
    let vertex = this.vertices.get(of)
    if (vertex === undefined) this.vertices.set(of, vertex = new Vertex(of))
    return vertex
  }

  /** The context of an observation, if it says more than those that are known. */
  private learn(
    from: Vertex<Note>,
    to: Vertex<Note>,
    guards: Context<Note>["guards"],
    by: number,
    note: () => Note
  ): Context<Note> | undefined {
    const contexts = from.out.get(to) ?? []
    const covers = (one: Context<Note>) => one.by.length > 1 || one.by.includes(by)
    if (contexts.some((one) => covers(one) && isWithin(one.guards, guards))) return undefined
    const same = contexts.find((one) => isWithin(one.guards, guards) && isWithin(guards, one.guards))
    if (same !== undefined) {
      same.by.push(by)
      return same
    }
    const kept = contexts.filter((one) => !(isWithin(guards, one.guards) && one.by.every((known) => known === by)))
    if (kept.length >= this.bounds.contexts || (contexts.length === 0 && !this.hasRoom)) return undefined
    const context = { from, to, guards, by: [by], note: note() }
    if (contexts.length === 0) this.edges++
    from.out.set(to, [...kept, context])
    this.sources.add(from)
    return context
  }

  private get hasRoom(): boolean {
    if (this.edges >= this.bounds.edges) this.prune()
    return this.edges < this.bounds.edges
  }

  /** Drops all that is known about collected resources. O(edges). */
  private prune(): void {
    this.edges = 0
    for (const vertex of this.sources) {
      for (const to of vertex.out.keys()) if (!to.isLive) vertex.out.delete(to)
      if (vertex.isLive && vertex.out.size > 0) this.edges += vertex.out.size
      else this.sources.delete(vertex)
    }
    this.known = this.known.filter((cycle) => [...cycle].every(({ isLive }) => isLive))
  }

  /** The new cycles through a context, the shortest first. */
  private search(first: Context<Note>): ReadonlyArray<ReadonlyArray<Note>> {
    const cycles: Array<ReadonlyArray<Note>> = []
    let steps = this.bounds.steps
    const visit = (path: ReadonlyArray<Context<Note>>, at: Vertex<Note>, left: number): void => {
      for (const [to, contexts] of at.out) {
        // Only the last edge closes the cycle, and nothing else comes back to the path.
        if ((left === 1 ? to !== first.from : path.some(({ from }) => from === to)) || !to.isLive) continue
        for (const context of contexts) {
          if (--steps < 0) return
          if (!path.every((one) => fit(one, context))) continue
          const longer = [...path, context]
          if (left > 1) visit(longer, to, left - 1)
          else if (this.isNew(longer)) cycles.push(longer.map(({ note }) => note))
        }
      }
    }
    for (let length = 2; length <= this.bounds.longest; length++) visit([first], first.to, length - 1)
    return cycles
  }

  private isNew(path: ReadonlyArray<Context<Note>>): boolean {
    if (new Set(path.flatMap(({ by }) => by)).size < 2) return false
    const resources = new Set(path.map(({ from }) => from))
    if (this.known.some((one) => isSubset(one, resources))) return false
    this.known.push(resources)
    return true
  }
}
