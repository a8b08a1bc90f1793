/** Records a run's trace, with the source of each step. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Recorder } from "./Journal.js"
import { isAlive, type Lane } from "./Lane.js"
import { describe } from "./oracles.js"
import type { SourceLocator } from "./provided.js"
import { isPromise, nameOf, subjectsOf, takenFrom } from "./runtime.js"
import type { Event, Source, Trace } from "./Trace.js"

/** Past this many operations a trace has no sources: each costs a question to the inspector. */
const located = 5_000

const exitName = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ?
    "success" :
    Cause.hasInterruptsOnly(exit.cause) ?
    "interrupted" :
    `failure: ${describe(Cause.squash(exit.cause))}`

/** Whether a source is of the program itself, rather than of what it stands on. */
const isOwn = ({ file }: Source): boolean => !file.includes("node_modules/") && !isKit(file)
const isEffect = ({ file }: Source): boolean => file.includes("node_modules/effect/")
/** Whether a source is code that every program runs: a line there is of no use to a reader. */
const isCore = ({ file }: Source): boolean =>
  isKit(file) || /node_modules\/effect\/(?:src|dist)\/(?:internal\/(?:core|effect)|Effect)\.[jt]s$/.test(file)
/** This folder's files, from the sources or as built. */
const isKit = (file: string): boolean => /(?:^|\/)(?:src|dist)\/testing\/(?:[a-z]+\/)?[a-zA-Z]+\.[jt]s$/.test(file)

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class TraceRecorder implements Recorder {
  private readonly events: Array<Mutable<Event>> = []
  private readonly lanes: Array<Lane> = []
  private operations = 0
  /**
   * By lane: its latest preemption, and how many of the operations to come are not the program's but make up the
   * preemption. The operation after them is the one before which the fiber was preempted.
   */
  private readonly preempted = new Map<number, { readonly event: Mutable<Event>; left: number }>()

  /** By lane: where its latest operation comes from. */
  private readonly sources: Array<Source | undefined> = []
  /** By lane: whether its latest operation waits for a promise. */
  private readonly promised: Array<boolean> = []

  constructor(private readonly locator: SourceLocator | undefined) {}

  /** The lanes whose fibers wait for a promise when the run is over. */
  waitingForPromises(): ReadonlyArray<Lane> {
    return this.lanes.filter((lane) => this.promised[lane.index] === true && isAlive(lane))
  }

  event(kind: Parameters<Recorder["event"]>[0], lane: Lane | undefined, detail: string, by?: Lane): void {
    if (lane !== undefined) this.meet(lane)
    if (by !== undefined) this.meet(by)
    const event = this.push(kind, lane, detail)
    if (by !== undefined) event.by = by.index
    if (lane !== undefined && kind === "failure") event.source = this.sources[lane.index]
    if (lane !== undefined && kind === "preempt") {
      event.source = this.sourceOf(undefined, lane)
      this.preempted.set(lane.index, { event, left: 3 })
    }
  }

  operation(primitive: unknown, lane: Lane): void {
    this.meet(lane)
    this.promised[lane.index] = isPromise(primitive)
    const preempted = this.preempted.get(lane.index)
    const name = nameOf(primitive)
    // Two to yield, and one to go on, unless it was interrupted there.
    if (preempted !== undefined && preempted.left > 0 && name !== "Failure") {
      if (preempted.left-- === 3) {
        const taken = takenFrom(primitive)
        if (taken !== undefined) preempted.event.source = this.sourceOf(taken, lane)
      }
      return
    }
    this.preempted.delete(lane.index)
    this.operations++
    const event = this.push("operation", lane, name)
    event.source = this.sources[lane.index] = this.sourceOf(primitive, lane)
  }

  private push(kind: Event["kind"], lane: Lane | undefined, detail: string): Mutable<Event> {
    const operation = lane?.operations ?? 0
    const event: Mutable<Event> = { kind, fiber: lane?.index, at: this.operations, operation, detail }
    this.events.push(event)
    return event
  }

  private meet(lane: Lane): void {
    if (this.lanes[lane.index] !== undefined) return
    this.lanes[lane.index] = lane
    lane.fiber.addObserver((exit) => this.push("end", lane, exitName(exit)))
  }

  /** Of all the places that an operation comes from, the innermost of the program's own. */
  private sourceOf(primitive: unknown, lane: Lane): Source | undefined {
    if (this.locator === undefined || this.operations > located) return undefined
    let best: Source | undefined
    for (const subject of subjectsOf(primitive, lane.fiber)) {
      const source = this.locator.locate(subject)
      if (source === undefined) continue
      if (isOwn(source)) return source
      if (!isCore(source) && (best === undefined || (isEffect(best) && !isEffect(source)))) best = source
    }
    return best
  }

  /** The trace, and in it what follows from it: where each fiber was when it came to wait. */
  trace(): Trace {
    // A fiber that has had no event by the failure may come before one that has.
    const fibers = Array.from<Lane | undefined, Trace["fibers"][number]>(
      this.lanes,
      (lane, index) => ({ name: lane?.name ?? `#${index}`, actor: lane?.actor ?? false })
    )
    const events: Array<Event> = []
    const following = new Map<number, Event["kind"]>()
    for (const event of this.events.toReversed()) {
      const { detail, fiber, kind, source } = event
      if (fiber !== undefined) {
        const next = following.get(fiber)
        // A fiber waited at its last operation before it was resumed, or at its last one if nothing resumed it.
        if (kind === "operation" && (next === undefined || next === "resume")) {
          events.push({ ...event, kind: "suspend", detail, source })
        }
        if (kind !== "interrupt") following.set(fiber, kind)
      }
      events.push(event)
    }
    return { fibers, events: events.reverse() }
  }
}
