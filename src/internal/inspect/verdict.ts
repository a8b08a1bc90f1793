/**
 * The verdict on which nodes can never go on, in terms of nodes and lines alone, so that it knows no primitive.
 *
 * All nodes that wait are stuck at first. A node is struck out as soon as it can go on, if all nodes that are not stuck
 * come to their ends: its rooms are there in spite of the holds of stuck nodes, and no node that it needs is stuck. The
 * rest waits for nothing but each other. Counters make this linear in waits and holds, but for the sort of each line.
 *
 * Holds that are not known, and holds that a scope gives back, count as returned: so they cause no false alarm.
 */
import type { Line, Node, View, Wait } from "../view.js"

/** A node that waits: stuck until `missing` is 0. */
class Waiting {
  readonly waits: Array<Wait> = []
  /** How many conditions are not met. */
  missing = 0

  constructor(readonly node: Node) {}
}

/** A line, with the weights of the holds of stuck nodes, and the nodes that find too little room in it. */
class Taken {
  held = 0
  /** The lightest last. */
  private readonly waiting: Array<readonly [weight: number, who: Waiting]> = []
  private isSorted = false

  constructor(readonly line: Line) {}

  get room(): number {
    const { capacity, lost = 0, reach = capacity } = this.line
    return Math.max(0, reach - this.held - lost)
  }

  add(weight: number, who: Waiting): void {
    this.waiting.push([weight, who])
  }

  /** Takes a node out that fits by now. */
  next(): Waiting | undefined {
    if (!this.isSorted) this.waiting.sort(([one], [other]) => other - one)
    this.isSorted = true
    const lightest = this.waiting.at(-1)
    return lightest !== undefined && lightest[0] <= this.room ? this.waiting.pop()?.[1] : undefined
  }
}

export interface VerdictOptions {
  /** Holds of scopes count as holds of the fibers that took them: a suspicion, since others may close the scopes. */
  readonly countsScopes?: boolean | undefined
  /** Waits that no view has. */
  readonly more?: ReadonlyArray<Wait> | undefined
  /** Nodes that something else lets go on. */
  readonly bounded?: ReadonlySet<Node> | undefined
}

/** The nodes that are stuck, and the waits that hold them: no more than these (I3), and no fewer (I4). */
export class Verdict {
  private readonly stuck = new Map<Node, Waiting>()
  private readonly lines = new Map<Line, Taken>()
  /** The nodes that need a node: all of theirs, or any. */
  private readonly needs = new Map<Node, Array<Waiting>>()
  private readonly alternatives = new Map<Node, Array<{ isOpen: boolean; readonly who: Waiting }>>()
  private readonly holds = new Map<Node, Array<readonly [Taken, weight: number]>>()

  constructor(views: ReadonlyArray<View>, private readonly options: VerdictOptions = {}) {
    const bounded = new Set<Node>(options.bounded)
    const waits = views.flatMap(({ waits }) => waits).concat(options.more ?? [])
    for (const view of views) for (const node of view.bounded ?? []) bounded.add(node)
    for (const { ends, node } of waits) if (ends !== undefined) bounded.add(node)
    for (const wait of waits) {
      if (bounded.has(wait.node)) continue
      let waiting = this.stuck.get(wait.node)
      if (waiting === undefined) this.stuck.set(wait.node, waiting = new Waiting(wait.node))
      waiting.waits.push(wait)
    }
    for (const { lines } of views) for (const line of lines) this.addLine(line)
    const free = [...this.stuck.values()].filter((waiting) => {
      for (const wait of waiting.waits) this.addWait(waiting, wait)
      return waiting.missing === 0
    })
    for (let next = free.pop(); next !== undefined; next = free.pop()) this.strike(next, free)
  }

  private addLine(line: Line): void {
    const taken = new Taken(line)
    this.lines.set(line, taken)
    for (const { node, until, weight } of line.holds) {
      if (!this.stuck.has(node) || (until === "scope" && this.options.countsScopes !== true)) continue
      taken.held += weight
      push(this.holds, node, [taken, weight])
    }
  }

  private addWait(waiting: Waiting, { all = [], any = [], rooms = [] }: Wait): void {
    for (const node of all) {
      if (!this.stuck.has(node)) continue
      waiting.missing++
      push(this.needs, node, waiting)
    }
    if (any.length > 0 && any.every((node) => this.stuck.has(node))) {
      waiting.missing++
      const alternative = { isOpen: true, who: waiting }
      for (const node of any) push(this.alternatives, node, alternative)
    }
    for (const [line, weight] of rooms) {
      const taken = this.lines.get(line)
      if (taken === undefined || weight <= taken.room) continue
      waiting.missing++
      taken.add(weight, waiting)
    }
  }

  /** The node can go on. Adds to `free` the nodes that can because of that. */
  private strike({ node }: Waiting, free: Array<Waiting>): void {
    this.stuck.delete(node)
    const met = (who: Waiting): void => {
      if (--who.missing === 0) free.push(who)
    }
    for (const who of this.needs.get(node) ?? []) met(who)
    for (const alternative of this.alternatives.get(node) ?? []) {
      if (!alternative.isOpen) continue
      alternative.isOpen = false
      met(alternative.who)
    }
    for (const [taken, weight] of this.holds.get(node) ?? []) {
      taken.held -= weight
      for (let who = taken.next(); who !== undefined; who = taken.next()) met(who)
    }
  }

  isStuck(node: Node): boolean {
    return this.stuck.has(node)
  }

  get size(): number {
    return this.stuck.size
  }

  get nodes(): Iterable<Node> {
    return this.stuck.keys()
  }

  waitsOf(node: Node): ReadonlyArray<Wait> {
    return this.stuck.get(node)?.waits ?? []
  }

  /** The stuck nodes that a vertex waits for, and the lines: those of a line are its stuck holders. */
  private *edges(vertex: Node | Taken): Generator<Node | Taken> {
    if (vertex instanceof Taken) {
      const { line: { holds } } = vertex
      for (const { node, until } of holds) {
        if (this.stuck.has(node) && (until === "exit" || this.options.countsScopes === true)) yield node
      }
      return
    }
    for (const wait of this.waitsOf(vertex)) yield* this.reasonsOf(wait)
  }

  private *reasonsOf({ all = [], any = [], rooms = [] }: Wait): Generator<Node | Taken> {
    const lacking = rooms.flatMap(([line, weight]) => {
      const taken = this.lines.get(line)
      return taken !== undefined && weight > taken.room ? [taken] : []
    })
    yield* lacking
    // The requests before one in line are no reason of its own while there is no room.
    if (lacking.length === 0) { for (const node of all) if (this.stuck.has(node)) yield node }
    if (any.every((node) => this.stuck.has(node))) yield* any
  }

  /** Whether a wait keeps its node. Of a request in several lines, some waits may not. */
  keeps(wait: Wait): boolean {
    return this.reasonsOf(wait).next().done !== true
  }

  /**
   * The sets of stuck nodes in which each waits for each other, directly or not. A stuck node in none of them waits for
   * one of them. By Tarjan's algorithm for strongly connected components, with a stack of its own: a chain of waits may
   * be longer than JavaScript's.
   */
  get circles(): ReadonlyArray<ReadonlyArray<Node>> {
    const circles: Array<ReadonlyArray<Node>> = []
    const places = new Map<Node | Taken, { readonly index: number; low: number; isOnStack: boolean }>()
    const path: Array<Node | Taken> = []
    const calls: Array<{ readonly vertex: Node | Taken; readonly edges: Generator<Node | Taken>; isLoop: boolean }> = []
    const enter = (vertex: Node | Taken): void => {
      places.set(vertex, { index: places.size, low: places.size, isOnStack: true })
      path.push(vertex)
      calls.push({ vertex, edges: this.edges(vertex), isLoop: false })
    }
    const lower = (vertex: Node | Taken, low: number): void => {
      const place = places.get(vertex)
      if (place !== undefined) place.low = Math.min(place.low, low)
    }
    for (const start of this.stuck.keys()) {
      if (places.has(start)) continue
      enter(start)
      for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
        const edge = call.edges.next()
        if (edge.done !== true) {
          const next = edge.value
          const place = places.get(next)
          if (next === call.vertex) call.isLoop = true
          if (place === undefined) enter(next)
          else if (place.isOnStack) lower(call.vertex, place.index)
          continue
        }
        calls.pop()
        const own = places.get(call.vertex)
        if (own === undefined) continue
        const above = calls.at(-1)
        if (above !== undefined) lower(above.vertex, own.low)
        if (own.low !== own.index) continue
        const component = path.splice(path.lastIndexOf(call.vertex))
        for (const vertex of component) {
          const place = places.get(vertex)
          if (place !== undefined) place.isOnStack = false
        }
        if (component.length === 1 && !call.isLoop) continue
        circles.push(component.filter((vertex) => !(vertex instanceof Taken)))
      }
    }
    return circles
  }
}

const push = <K, V>(map: Map<K, Array<V>>, key: K, value: V): void => {
  const values = map.get(key)
  if (values === undefined) map.set(key, [value])
  else values.push(value)
}
