/** A dump, made of the views of resources. Imports nothing of Effect: `sluice ps` runs it in other processes. */
import type { AnyFiber } from "../stack.js"
import type { Hold, Line, Node, View, Wait } from "../view.js"
import { Lines, type LinesOptions } from "./lines.js"
import type {
  Deadlock,
  Dump,
  FiberInfo,
  HoldInfo,
  JobInfo,
  LineInfo,
  Ref,
  Resource,
  ThreadInfo,
  WaitInfo
} from "./model.js"
import { isFiber, isInterrupted, lacks, spanOf } from "./runtime.js"
import { cut, keyText } from "./shown.js"
import type { Verdict } from "./verdict.js"

/** The names that resources have got, and the last number of each kind. */
export interface Numbers {
  readonly ids: WeakMap<object, string>
  readonly counts: Map<string, number>
}

/** Numbers resources, each kind by itself, in the order in which they are seen. The same resource keeps its number. */
export class Ids {
  private readonly ids: Numbers["ids"]
  private readonly counts: Numbers["counts"]

  constructor({ counts, ids }: Numbers = { ids: new WeakMap(), counts: new Map() }) {
    this.ids = ids
    this.counts = counts
  }

  of(kind: string, self: object): string {
    const known = this.ids.get(self)
    if (known !== undefined) return known
    const count = (this.counts.get(kind) ?? 0) + 1
    this.counts.set(kind, count)
    const id = `${kind}-${count}`
    this.ids.set(self, id)
    return id
  }
}

/** A set of fibers that wait for each other. */
export interface Found {
  readonly evidence: Deadlock["evidence"]
  readonly nodes: ReadonlyArray<Node>
  readonly verdict: Verdict
}

/** All that a dump is made of. */
export interface Look extends LinesOptions {
  readonly views: ReadonlyArray<View>
  readonly found: ReadonlyArray<Found>
  /** Waits in operations of Effect's, as far as they were read. */
  readonly joins: ReadonlyArray<Wait>
  /** Fibers to show that neither hold nor wait. */
  readonly also: ReadonlyArray<AnyFiber>
  readonly ids: Ids
  /** Milliseconds since 1970. */
  readonly now: number
  readonly watchedSince: number | undefined
  /** When a hold or a wait was first seen. */
  readonly since: (key: object) => number | undefined
  /** How many waits, holds and jobs of a resource are listed. */
  readonly most: number
  readonly missing: ReadonlyArray<string>
}

export const collect = (look: Look): Dump => structuredClone(collectLazily(look))

/**
 * A dump whose source lines are looked for as they are read. It refers to the fibers: only for code that runs now, and
 * copies what it keeps.
 */
export const collectLazily = (look: Look): Dump => new Collector(look).dump

class Collector {
  private readonly fibers = new Map<AnyFiber, FiberInfo>()
  private readonly jobs = new Map<Node, Ref>()
  private readonly lines: Lines
  private readonly deadlocks = new Map<Node, string>()
  private readonly waiting = new Set<Node>()
  private readonly events = new Map<Node, ReadonlyArray<Node>>()
  /** The keys of requests that wait in several lines. */
  private readonly joint = new Set<object>()
  /** The holds of each node, by resource and line. */
  private readonly holds = new Map<Node, Array<readonly [View, Line, Hold]>>()
  private readonly joins: ReadonlyMap<Node, Wait>
  /** The view of each wait. */
  private readonly places = new Map<Wait, View>()

  constructor(private readonly look: Look) {
    this.lines = new Lines(look)
    this.joins = new Map(look.joins.map((wait) => [wait.node, wait]))
    const keys = new Set<object>()
    for (const view of look.views) {
      const id = look.ids.of(view.kind, view.self)
      for (const wait of view.waits) {
        this.places.set(wait, view)
        if (wait.who === "event") this.events.set(wait.node, wait.all ?? [])
        this.waiting.add(wait.node)
        if (keys.has(wait.key)) this.joint.add(wait.key)
        keys.add(wait.key)
      }
      for (const line of view.lines) {
        for (const hold of line.holds) {
          const known = this.holds.get(hold.node)
          if (known === undefined) this.holds.set(hold.node, [[view, line, hold]])
          else known.push([view, line, hold])
        }
      }
      let blocked = 0
      for (const { id: number, node } of view.jobs ?? []) {
        this.jobs.set(node, `${number === 0 ? `blocked job ${++blocked}` : `job ${number}`} of ${id}`)
      }
    }
    for (const [i, { nodes }] of look.found.entries()) for (const node of nodes) this.deadlocks.set(node, idOf(i))
  }

  get dump(): Dump {
    const { also, found, missing, now, watchedSince } = this.look
    const resources = this.look.views.map((view) => this.resource(view))
    const deadlocks = found.map((one, i) => this.deadlock(one, i))
    for (const fiber of also) this.ref(fiber)
    const fibers = [...this.fibers.values()]
    const [some] = this.fibers.keys()
    return {
      schema: "sluice/inspect/1",
      at: now,
      watchedSince,
      deadlocks,
      resources,
      fibers,
      missing: [...missing, ...some === undefined ? [] : lacks(some)]
    }
  }

  private ref(node: Node): Ref {
    if (!isFiber(node)) return this.jobs.get(node) ?? "an event"
    if (!this.fibers.has(node)) this.fibers.set(node, this.fiber(node))
    return `fiber ${node.id}`
  }

  private fiber(fiber: AnyFiber): FiberInfo {
    const { lines } = this
    const span = spanOf(fiber)
    const state = fiber.pollUnsafe() !== undefined
      ? "ended"
      : fiber === this.look.current
      ? "running"
      : this.waiting.has(fiber)
      ? "waiting"
      : "suspended"
    return {
      id: `fiber ${fiber.id}`,
      name: span === undefined ? undefined : cut(span),
      state,
      get stack() {
        return lines.stackOf(fiber)
      },
      joins: this.joins.get(fiber)?.any?.map((one) => this.ref(one)),
      interrupted: isInterrupted(fiber) ? true : undefined
    }
  }

  private millis(key: object, since = this.look.since(key)): number | undefined {
    return since === undefined ? undefined : Math.max(0, Math.round(this.look.now - since))
  }

  private resource(view: View): Resource {
    const { jobs, key, kind, lines, name, self, stats, threads, workers } = view
    const { ids, most } = this.look
    const waits = view.waits.filter(({ who }) => who === "fiber")
    const places = new Map(lines.map((line, i) => [line, i]))
    return {
      id: ids.of(kind, self),
      kind,
      name: name === undefined ? undefined : cut(name),
      key: key === undefined ? undefined : keyText(key),
      stats: plain(stats),
      lines: lines.map((line) => this.line(line)),
      waits: waits.slice(0, most).map((wait, i) => this.wait(wait, i)),
      waiting: waits.length,
      jobs: jobs?.slice(0, most).map(({ attempt, fiber, id, line, node, state, worker }): JobInfo => ({
        ref: this.ref(node),
        id,
        state,
        attempt,
        worker,
        fiber: fiber && this.ref(fiber),
        line: line && places.get(line),
        millis: this.millis(node)
      })),
      workers: workers?.map(({ fiber, id, job, state, stays }) => ({
        id,
        state,
        stays,
        job,
        fiber: fiber && this.ref(fiber)
      })),
      threads: threads?.map(({ calls, id, state }): ThreadInfo => ({
        id,
        state,
        calls: calls.map(({ begun, key, name, seat }) => ({ name: cut(name), seat, begun, millis: this.millis(key) }))
      }))
    }
  }

  private line({ capacity, held, holds, key, lost = 0, of }: Line): LineInfo {
    return {
      of,
      key: key === undefined ? undefined : keyText(key),
      capacity: capacity === Infinity ? undefined : capacity,
      held: held ?? holds.reduce((sum, { weight }) => sum + weight, 0),
      holders: this.longest(holds).map((hold) => this.hold(hold)),
      lost: lost === 0 ? undefined : lost
    }
  }

  private longest(holds: ReadonlyArray<Hold>): ReadonlyArray<Hold> {
    const since = ({ key, since }: Hold): number => since ?? this.look.since(key) ?? this.look.now
    return holds.toSorted((one, other) => since(one) - since(other)).slice(0, this.look.most)
  }

  private hold({ key, node, since, until, weight }: Hold): HoldInfo {
    const { lines } = this
    return {
      by: this.ref(node),
      weight,
      until,
      millis: this.millis(key, since),
      get at() {
        return lines.takenAt(node, key)
      }
    }
  }

  private wait(wait: Wait, ahead: number): WaitInfo {
    const { ends, for: what, key, node, rooms = [] } = wait
    const { lines } = this
    return {
      by: this.ref(node),
      for: cut(what),
      on: this.targetsOf(wait),
      ahead,
      millis: this.millis(key),
      get at() {
        return isFiber(node) ? lines.stackOf(node)[0] : undefined
      },
      ends,
      fits: ahead === 0 && this.joint.has(key) && rooms.every(hasRoom) ? true : undefined,
      deadlock: this.deadlocks.get(node) ?? this.behind(node)
    }
  }

  /** An event stands for the nodes that it needs. */
  private targetsOf({ all = [], any = [], rooms = [] }: Wait): ReadonlyArray<Ref> {
    if (rooms.length > 0) return []
    const nodes = [...all, ...any].flatMap((node) => this.events.get(node) ?? [node])
    return nodes.slice(0, 10).map((node) => this.ref(node))
  }

  /** The deadlock that a stuck node waits for: the first that it comes to. */
  private behind(node: Node): string | undefined {
    const at = this.look.found.findIndex(({ verdict }) => verdict.isStuck(node))
    return at < 0 ? undefined : idOf(at)
  }

  private deadlock({ evidence, nodes, verdict }: Found, i: number): Deadlock {
    const { lines } = this
    const members = nodes.flatMap((node) => {
      const waits = verdict.waitsOf(node).filter(({ who }) => who !== "event")
      const wait = waits.find((wait) => verdict.keeps(wait)) ?? waits[0]
      // A job that runs is shown as its fiber.
      if (wait === undefined || (wait.who === "job" && wait.all !== undefined)) return []
      const view = this.places.get(wait)
      const holds = (this.holds.get(node) ?? []).map(([{ kind, self }, { of }, { key, weight }]) => ({
        resource: this.look.ids.of(kind, self),
        weight,
        of,
        get at() {
          return lines.takenAt(node, key)
        }
      }))
      return [{
        by: this.ref(node),
        resource: view && this.look.ids.of(view.kind, view.self),
        for: cut(wait.for),
        get at() {
          return isFiber(node) ? lines.stackOf(node)[0] : undefined
        },
        holds
      }]
    })
    const millis = nodes.flatMap((node) => verdict.waitsOf(node).flatMap(({ key }) => this.millis(key) ?? []))
    const behind = [...verdict.nodes].filter((node) => isFiber(node) && !this.deadlocks.has(node)).length
    return {
      id: idOf(i),
      evidence,
      members,
      behind,
      millis: millis.length === 0 ? undefined : Math.min(...millis)
    }
  }
}

const hasRoom = ([{ capacity, held = 0 }, weight]: readonly [Line, weight: number]): boolean =>
  weight <= capacity - held

const idOf = (i: number): string => `deadlock-${i + 1}`

const plain = (stats: object): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(stats).filter((entry): entry is [string, string | number] =>
      typeof entry[1] === "number" || typeof entry[1] === "string"
    )
  )
