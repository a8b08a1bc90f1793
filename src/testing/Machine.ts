/**
 * Runs one scenario under one schedule. Every fiber shares this scheduler, which has a single queue of what is ready
 * and asks a `Chooser` at each point where the runtime leaves something open: who goes next, whether a fiber yields
 * before its next operation, who is interrupted. It writes down what was decided, so that the same can be run again.
 *
 * A run goes through three phases:
 *
 *     exploring   the chooser is asked
 *     quiet       first come, first served: the scenario's check after `settled`, the close of its scope, and the fair
 *                 rest of a run that took too many steps
 *     over        what still runs is made to yield, and is dropped: the run has failed, or has ended
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { format } from "effect/Formatter"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Finalizers } from "./Finalizers.js"
import type { Call } from "./History.js"
import { generator } from "./random.js"
import { type AnyFiber, isOneFiber, wasInterrupted } from "./runtime.js"
import type { Decision, Realism } from "./Schedule.js"
import { VirtualClock } from "./VirtualClock.js"

/** One fiber of the run. */
export interface Lane {
  readonly fiber: AnyFiber
  /** In order of appearance; the scenario's body is 0. */
  readonly index: number
  name: string
  /** The body, or started by `Kit.actor`: one that must end. */
  actor: boolean
  cancellable: boolean
  /** How many operations it has come to. */
  operations: number
  /** How many turns have been given since it came to its latest operation; with that, the place of a decision. */
  turns: number
  /** How many of the next operations are not asked about, being the resumption from a preemption. */
  unasked: number
  /** Its place in the queue, if it is there because it was preempted. */
  parked: Entry | undefined
  /** Its next task for the queue is the start of an actor. */
  forking: boolean
  forked: Entry | undefined
  /** How many operations it had come to when the run had taken too many steps. */
  tired: number
  context: unknown
  scope: Scope.Scope | undefined
  children: number
}

/** A fiber that the machine has not seen before. The first one is the body. */
export const newLane = (fiber: AnyFiber, index: number, name: string): Lane => ({
  fiber,
  index,
  name,
  actor: index === 0,
  cancellable: false,
  operations: 0,
  turns: 0,
  unasked: 0,
  parked: undefined,
  forking: false,
  forked: undefined,
  tired: 0,
  context: undefined,
  scope: undefined,
  children: 0
})

/** Not before it has begun: that would be as if it were not there, and others may count on it. */
export const canBeInterrupted = (lane: Lane): boolean =>
  lane.cancellable && lane.operations > 0 && lane.fiber.pollUnsafe() === undefined

/**
 * A ready task: a fiber to resume or to start, or a task of the runtime's own (a wake-up of effect's Semaphore, say).
 */
export interface Entry {
  readonly task: () => void
  /** The fiber that the task goes on with, if that is known; otherwise the fiber that scheduled the task. */
  lane: Lane | undefined
  readonly parked: boolean
  /** In which turn of the event loop it became ready. */
  readonly since: number
}

/** Decides whatever the runtime leaves open. It may look at the machine, and changes nothing there. */
export interface Chooser {
  /** Called before each run, when the machine still stands as the run before has left it. */
  readonly begin: (machine: Machine) => void
  /** Whether this fiber yields before the operation that it has come to. */
  readonly preempt: (lane: Lane) => boolean
  /**
   * Whether `outer` is interrupted as `inner` begins, which `outer`, or what ran before it in this turn, has resumed.
   */
  readonly nested: (outer: Lane, inner: Lane) => boolean
  /**
   * The next turn: `i` for the i-th ready task, or, counted on from there, the i-th timer; `~lane` interrupts. If
   * nothing is ready and no timer is set, 0 ends the exploration.
   */
  readonly next: () => number
  readonly choose: (options: number) => number
}

/** Receives every event and every operation of a run, for a trace. */
export interface Recorder {
  readonly event: (
    kind: "start" | "preempt" | "resume" | "interrupt" | "timer" | "choice" | "failure",
    lane: Lane | undefined,
    detail: string,
    by?: Lane
  ) => void
  /** Each operation, just before it. */
  readonly operation: (primitive: unknown, lane: Lane) => void
}

export type Kind =
  | "expectation"
  | "deadlock"
  | "livelock"
  | "leaked-fiber"
  | "leaked-finalizer"
  | "defect"
  | "not-linearizable"
  | "escaped"

export interface Problem {
  readonly kind: Kind
  readonly message: string
}

export interface Outcome {
  readonly problem: Problem | undefined
  readonly decisions: ReadonlyArray<Decision>
  readonly operations: number
  /** Tells runs apart: two that differ in who ran when differ in this. */
  readonly hash: number
  /** It took too many steps, and from then on nothing was explored. */
  readonly truncated: boolean
  /** Where each turn ended, as pairs of fiber and operation, if that was asked for. */
  readonly places: ReadonlyArray<number> | undefined
}

/**
 * The steps of a run, or of one run after another. Each `yield` gives the machine in which nothing is left to run, and
 * asks whether something has come from outside.
 */
export type Steps<A> = Generator<Machine, A, boolean>

/** Starts the run's first fiber, in this context. */
export type Program = (machine: Machine, context: Context.Context<Scope.Scope>) => AnyFiber

export interface RunOptions {
  readonly recorder?: Recorder | undefined
  /** Also remember where each turn ended, to tell where two runs part. */
  readonly places?: boolean | undefined
}

/**
 * When the actors have ended, and this many timers have fired, what still goes on is in the background and may never
 * end.
 */
const maxLulls = 64

/** A burst this long, in the fair rest of a run, has to let the others go on. */
const fairBurst = 64

export class Machine implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly clock = new VirtualClock()
  readonly ready: Array<Entry> = []
  readonly lanes: Array<Lane> = []
  readonly history: Array<Call> = []
  operations = 0
  /** The turns of the event loop so far: tasks that are ready together run in one, as in a dispatcher's flush. */
  loop = 0
  /** The fiber that was asked last. */
  last: Lane | undefined
  /** The fiber that was asked first in this turn. */
  first: Lane | undefined
  /** Whether that one yields straight to the driver. In a task that runs fibers, the rest of the task comes before. */
  alone = true

  /** The content of the present turn of the event loop: tasks, timers of this time, or one step from outside. */
  private loopOf: "tasks" | "step" | number = "step"
  private phase: "exploring" | "quiet" | "over" = "over"
  private problem: Problem | undefined
  private readonly byFiber = new Map<AnyFiber, Lane>()
  /** How many actors there are of each name. */
  private readonly named = new Map<string, number>()
  /** Of earlier runs, what something outside may still resume: it takes no part in this one. */
  private readonly stale = new WeakSet<AnyFiber>()
  private decisions: Array<Decision> = []
  private chooser: Chooser | undefined
  private recorder: Recorder | undefined
  private readonly plain: Context.Context<never>
  private readonly observed: Context.Context<never>
  private readonly finalizers = new Finalizers()
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  /** The fiber that has been made to yield: the task that is scheduled next is its resumption. */
  private yielding: Lane | undefined
  /** The task that runs now; undefined between turns, when only something from outside can run. */
  private turn: { readonly entry: Entry | undefined } | undefined
  /** Nobody has been asked yet in this turn. */
  private fresh = false
  private limit: number
  private settling: (() => void) | undefined
  private readonly invariants: Array<() => void> = []
  private choices = 0
  /** How many timers have fired since the last actor ended. */
  private lulls = 0
  private events = 0
  private high = 0
  private low = 0
  private places: Array<number> | undefined
  private random = generator(0)

  /** `outside`: whether the driver waits for what comes from outside of Effect. */
  constructor(readonly maxSteps: number, readonly realism: Realism, readonly outside = false) {
    this.limit = maxSteps
    this.dispatcher = { scheduleTask: (task) => this.schedule(task), flush: () => {} }
    this.plain = Context.make(Scheduler.Scheduler, this).pipe(
      Context.add(Clock.Clock, this.clock),
      Context.add(Random.Random, {
        nextIntUnsafe: () => Math.floor((this.random() - 0.5) * 2 ** 53),
        nextDoubleUnsafe: () => this.random()
      })
    )
    const stock = Context.get(Context.empty(), Tracer.Tracer)
    this.observed = Context.add(
      this.plain,
      Tracer.Tracer,
      Tracer.make({
        span: (options) => stock.span(options),
        context: (primitive, fiber) => {
          if (this.phase !== "over") this.recorder?.operation(primitive, this.laneOf(fiber))
          return primitive["~effect/Effect/evaluate"](fiber)
        }
      })
    )
  }

  /** Runs to the end. */
  *run(program: Program, chooser: Chooser, options: RunOptions = {}): Steps<Outcome> {
    this.reset(chooser, options)
    const scope = Scope.makeUnsafe()
    this.finalizers.watch(scope, "main")
    const context = this.recorder === undefined ? this.plain : this.observed
    this.take(undefined, () => program(this, Context.add(context, Scope.Scope, scope)))
    yield* this.drain()
    if (!this.isOver()) this.judge()
    if (!this.isOver()) {
      this.phase = "quiet"
      this.step(() => Effect.runForkWith(context)(Scope.close(scope, Exit.void)))
      yield* this.drain()
    }
    if (!this.isOver()) this.findLeaks()
    this.phase = "over"
    const { decisions, operations, places, problem } = this
    const truncated = this.limit > this.maxSteps
    return { problem, decisions, operations, truncated, hash: (this.high >>> 0) * 2 ** 21 + (this.low >>> 11), places }
  }

  private reset(chooser: Chooser, { places, recorder }: RunOptions): void {
    // While this still tells how long the run before was.
    chooser.begin(this)
    this.chooser = chooser
    this.recorder = recorder
    this.places = places === true ? [] : undefined
    this.clock.reset()
    this.finalizers.reset()
    if (this.outside) { for (const { fiber } of this.lanes) this.stale.add(fiber) }
    this.byFiber.clear()
    this.named.clear()
    for (const list of [this.ready, this.lanes, this.history, this.invariants]) list.length = 0
    this.decisions = []
    this.problem = this.turn = this.settling = undefined
    this.last = this.first = this.yielding = undefined
    this.operations =
      this.choices =
      this.lulls =
      this.events =
        0
    this.high = this.low = 0
    this.loop = 0
    this.loopOf = "step"
    this.limit = this.maxSteps
    this.random = generator(0)
    this.phase = "exploring"
  }

  private isOver(): boolean {
    return this.phase === "over"
  }

  // -- the driver -------------------------------------------------------------------------------------------------

  /** Gives turns until nothing is left to run. */
  private *drain(): Steps<void> {
    while (!this.isOver()) {
      const exploring = this.phase === "exploring"
      if (!this.isLull() && (exploring || this.ready.length > 0 || this.clock.timers.length > 0)) {
        // A turn without any operation counts too: otherwise a task that only schedules itself again would never end.
        if (++this.operations > this.limit) this.tire()
        if (this.advance(exploring && this.chooser !== undefined ? this.chooser.next() : 0)) continue
      }
      if (this.waits() && (yield this)) continue
      const resume = this.settling
      if (resume === undefined) return
      this.settling = undefined
      this.findDeadlock(this.lanes[0])
      if (!this.isOver()) {
        this.phase = "quiet"
        this.step(resume)
      }
    }
  }

  /** Whether only the background goes on: timers that are set again and again. */
  private isLull(): boolean {
    if (this.ready.length > 0 || this.clock.timers.length === 0) return false
    return !this.unfinished && ++this.lulls > maxLulls
  }

  /** Gives the turn that was chosen; false when there is none to give. */
  private advance(choice: number): boolean {
    const place = this.last
    const turn = place === undefined ? 0 : place.turns++
    const note = (kind: Decision["kind"], pick: number) =>
      this.decisions.push({ kind, fiber: place?.index ?? 0, operation: place?.operations ?? 0, turn, pick })
    this.mix(place?.index ?? 0, place?.operations ?? 0)
    this.mix(choice, turn)
    if (choice < 0) {
      const lane = this.lanes[~choice]
      if (lane === undefined) return false
      note("interrupt", ~choice)
      this.recorder?.event("interrupt", lane, "")
      this.step(() => lane.fiber.interruptUnsafe())
      return true
    }
    if (choice < this.ready.length) {
      if (choice > 0) note("go", choice)
      const entry = choice === 0 ? this.ready.shift() : this.ready.splice(choice, 1)[0]
      if (entry === undefined) return false
      // Only tasks that were ready when the turn began belong to it.
      if (this.loopOf !== "tasks" || entry.since === this.loop) this.loop++
      this.loopOf = "tasks"
      this.take(entry, entry.task)
      return true
    }
    const index = choice - this.ready.length
    if (index > 0 || this.ready.length > 0) note("timer", index)
    const timer = this.clock.advance(index)
    if (timer === undefined) return false
    this.recorder?.event("timer", undefined, String(this.clock.now))
    if (this.loopOf !== this.clock.now) this.loop++
    this.loopOf = this.clock.now
    this.take(undefined, timer.fire)
    return true
  }

  /** A turn of the event loop for this alone. */
  private step(task: () => void): void {
    this.loop++
    this.loopOf = "step"
    this.take(undefined, task)
  }

  private take(entry: Entry | undefined, task: () => void): void {
    const parked = entry?.parked === true ? entry.lane : undefined
    if (parked !== undefined) {
      parked.parked = undefined
      // The resumption, and the operation that it was taken from, which has been asked about.
      parked.unasked = 2
    }
    this.turn = { entry }
    this.fresh = true
    try {
      task()
    } catch (error) {
      // From outside any fiber: an observer's, or a callback's.
      this.fail("defect", `thrown outside of any fiber: ${String(error)}`)
    }
    this.turn = undefined
    for (const check of this.invariants) check()
    this.places?.push(this.last?.index ?? 0, this.last?.operations ?? 0)
  }

  /**
   * Too many steps: from here on everybody gets a turn, in order; and if that does not end it either, it never ends.
   */
  private tire(): void {
    if (this.limit === this.maxSteps) {
      this.limit = 2 * this.maxSteps
      this.phase = "quiet"
      for (const lane of this.lanes) lane.tired = lane.operations
      return
    }
    const unended = this.lanes.filter((lane) => lane.actor && lane.fiber.pollUnsafe() === undefined)
    const alive = this.lanes.filter((lane) => lane.fiber.pollUnsafe() === undefined)
    if (unended.length > 0 || alive.length === 0) {
      const steps = `${this.limit} steps, the last ${this.maxSteps} of them with a turn for everybody`
      const busy = this.lanes.filter((lane) => lane.operations > lane.tired)
      this.fail("livelock", `${names(unended)} did not end within ${steps}: ${names(busy)} went on`)
    } else {
      this.fail("leaked-fiber", `${names(alive)} still ran when the scenario was over`)
    }
  }

  /** Whether an actor has yet to end: for that one, what comes from outside is waited for longer. */
  get unfinished(): boolean {
    return this.lanes.some((lane) =>
      lane.actor && lane.fiber.pollUnsafe() === undefined && !(lane.index === 0 && this.settling !== undefined)
    )
  }

  /** Whether there is anyone whom something from outside could resume. */
  private waits(): boolean {
    return this.lanes.some((lane) =>
      lane.fiber.pollUnsafe() === undefined && !(lane.index === 0 && this.settling !== undefined)
    )
  }

  // -- the oracles ------------------------------------------------------------------------------------------------

  /** Nothing is left to run, and some have not ended. */
  private findDeadlock(besides?: Lane): void {
    const stuck = this.lanes.filter((lane) => lane.actor && lane !== besides && lane.fiber.pollUnsafe() === undefined)
    if (stuck.length > 0) this.fail("deadlock", `${names(stuck)} wait${stuck.length === 1 ? "s" : ""} for ever`)
  }

  /** How did the scenario end? */
  private judge(): void {
    const main = this.lanes[0]
    const exit = main?.fiber.pollUnsafe()
    if (exit !== undefined && Exit.isFailure(exit)) return this.died("main", exit.cause)
    this.findDeadlock()
  }

  private died(name: string, cause: Cause.Cause<unknown>): void {
    const error = Cause.squash(cause)
    // The assertions of node, chai and vitest throw these.
    const asserted = error instanceof Error && error.name.startsWith("Assertion")
    if (asserted) return this.fail("expectation", error.message.trim())
    this.fail("defect", `${name} ${name === "main" ? "failed" : "died"}: ${describe(error)}`)
  }

  private findLeaks(): void {
    const alive = this.lanes.filter((lane) => lane.fiber.pollUnsafe() === undefined)
    if (alive.length > 0) {
      return this.fail("leaked-fiber", `${names(alive)} still lived when the scenario was over and its scope closed`)
    }
    const problem = this.finalizers.problem()
    if (problem !== undefined) this.fail("leaked-finalizer", problem)
  }

  // -- what Effect's runtime calls --------------------------------------------------------------------------------

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }

  private schedule(task: () => void): void {
    if (this.phase === "over") return
    const parked = this.yielding
    this.yielding = undefined
    if (parked !== undefined) {
      this.ready.push(parked.parked = { task, lane: parked, parked: true, since: this.loop })
      return
    }
    const current = Fiber.getCurrent()
    if (current !== undefined && this.stale.has(current)) return
    const lane = current === undefined ? undefined : this.laneOf(current)
    const entry: Entry = { task, lane, parked: false, since: this.loop }
    this.ready.push(entry)
    if (lane?.forking === true) {
      lane.forking = false
      lane.forked = entry
    }
  }

  shouldYield(fiber: AnyFiber): boolean {
    if (this.phase === "over" || (this.outside && this.stale.has(fiber))) return true
    const before = this.last
    const lane = before?.fiber === fiber ? before : this.laneOf(fiber)
    this.last = lane
    const begins = fiber.currentOpCount === 1
    if (begins && this.begin(lane)) return this.park(lane)
    const opens = this.fresh
    if (opens) {
      this.fresh = false
      this.first = lane
      this.alone = this.isOneFibers()
    }
    if (lane.unasked > 0) {
      lane.unasked--
      return false
    }
    lane.operations++
    lane.turns = 0
    if (++this.operations > this.limit) {
      this.tire()
      return this.park(lane)
    }
    if (lane.context !== fiber.context) {
      lane.context = fiber.context
      lane.scope = fiber.context.mapUnsafe.get(Scope.Scope.key) as Scope.Scope | undefined
    }
    if (lane.scope !== undefined) this.finalizers.watch(lane.scope, lane.name)
    // The fiber has just been chosen: to yield there would be no progress.
    if ((opens && this.alone) || (lane.operations === 1 && !this.asksFirst(fiber))) return false
    if (this.phase !== "exploring") {
      return this.limit > this.maxSteps && lane.operations % fairBurst === 0 && this.park(lane)
    }
    if (begins && before !== undefined && before !== lane) this.maybeInterrupt(before, lane)
    // The body sets the stage; what is to be explored is in the actors.
    if (lane.index === 0 || this.chooser?.preempt(lane) !== true) return false
    this.decisions.push({ kind: "preempt", fiber: lane.index, operation: lane.operations, turn: 0, pick: 0 })
    this.mix(lane.index, lane.operations)
    this.recorder?.event("preempt", lane, "")
    return this.park(lane)
  }

  /** Whether the turn is that of one fiber, rather than of a task that goes on when a fiber yields that it runs. */
  private isOneFibers(): boolean {
    const entry = this.turn?.entry
    return entry === undefined || entry.parked || entry === entry.lane?.forked || isOneFiber(entry.task)
  }

  /**
   * Whether a fiber may yield before its first operation. One that was interrupted before it began may not: put into
   * the queue, it would be started there after all.
   */
  private asksFirst(fiber: AnyFiber): boolean {
    return (this.realism === "scheduler" || this.realism === "any") && !wasInterrupted(fiber)
  }

  private park(lane: Lane): true {
    this.yielding = lane
    return true
  }

  /** The fiber goes on after a suspension. True when that comes from outside, and must wait for its turn. */
  private begin(lane: Lane): boolean {
    // It goes on in another way than through its place in the queue: it was interrupted there.
    if (lane.parked !== undefined) {
      const index = this.ready.indexOf(lane.parked)
      if (index >= 0) this.ready.splice(index, 1)
      lane.parked = undefined
    }
    if (this.turn === undefined && lane.operations > 0) return true
    this.recorder?.event(lane.operations === 0 ? "start" : "resume", lane, "")
    return false
  }

  /** An interrupt from within a fiber that was resumed inline: what hits the one that runs beneath it unawares. */
  private maybeInterrupt(outer: Lane, inner: Lane): void {
    if (!outer.cancellable || outer.fiber.pollUnsafe() !== undefined || this.realism === "suspension") return
    if (this.chooser?.nested(outer, inner) !== true) return
    const { index: fiber, operations: operation } = inner
    this.decisions.push({ kind: "nested", fiber, operation, turn: 0, pick: outer.index })
    this.mix(outer.index, operation)
    this.recorder?.event("interrupt", outer, "", inner)
    // A suspended one ends here and now. The inner one is not beneath it: its next operation is decided, and would
    // still run.
    this.last = outer
    outer.fiber.interruptUnsafe()
    this.last = inner
  }

  private laneOf(fiber: AnyFiber): Lane {
    return this.byFiber.get(fiber) ?? this.enter(fiber)
  }

  private enter(fiber: AnyFiber): Lane {
    const index = this.lanes.length
    const parent = this.fresh ? this.turn?.entry?.lane : this.last
    // The driver starts the fibers that no fiber has started: the body, and the close of its scope.
    const name = index === 0 ? "main" : parent === undefined ? "close" : `${parent.name}/${++parent.children}`
    const lane = newLane(fiber, index, name)
    this.lanes.push(lane)
    this.byFiber.set(fiber, lane)
    return lane
  }

  // -- what the kit calls -----------------------------------------------------------------------------------------

  /** The first problem is the run's: what comes after may be its consequence. */
  fail(kind: Kind, message: string): void {
    if (this.phase === "over") return
    this.problem = { kind, message }
    this.recorder?.event("failure", this.turn === undefined ? undefined : this.last, message)
    this.phase = "over"
    this.ready.length = 0
  }

  /** The next task that `parent` schedules is to start an actor. */
  expectFork(parent: AnyFiber): void {
    this.laneOf(parent).forking = true
  }

  /** The fiber that `parent` has just forked is an actor. */
  adopt(
    parent: AnyFiber,
    fiber: AnyFiber,
    name: string,
    { cancel, mayDie }: { readonly cancel: boolean; readonly mayDie: boolean }
  ): void {
    const { forked } = this.laneOf(parent)
    const lane = this.laneOf(fiber)
    if (forked !== undefined) forked.lane = lane
    const same = this.named.get(name) ?? 0
    this.named.set(name, same + 1)
    lane.name = same === 0 ? name : `${name}#${same + 1}`
    lane.actor = true
    lane.cancellable = cancel
    if (mayDie) return
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) this.died(lane.name, exit.cause)
    })
  }

  /** Adds an invariant: the condition has to hold whenever no fiber runs. */
  always(condition: () => boolean, message: string): void {
    this.invariants.push(() => {
      try {
        if (!condition()) this.fail("expectation", message)
      } catch (error) {
        this.died("main", Cause.die(error))
      }
    })
  }

  onSettled(resume: () => void): void {
    this.settling = resume
  }

  choose(options: number): number {
    const operation = this.choices++
    const pick = this.phase === "exploring" ? (this.chooser?.choose(options) ?? 0) % options : 0
    if (pick !== 0) this.decisions.push({ kind: "choose", fiber: 0, operation, turn: 0, pick })
    this.mix(pick, operation)
    return pick
  }

  /** A time for the history: each is later than the one before. */
  tick(): number {
    return this.events++
  }

  currentName(): string {
    const fiber = Fiber.getCurrent()
    return fiber === undefined ? "?" : this.laneOf(fiber).name
  }

  // -- what a chooser may ask -------------------------------------------------------------------------------------

  /** How many ways there are to go on, interrupts aside: the tasks that are ready, then the timers that may fire. */
  get options(): number {
    // Only where nothing is ready does the clock move on.
    return this.optionsAt(this.ready.length > 0 ? this.clock.now : this.clock.timers[0]?.due ?? 0)
  }

  /** How many of them there are besides the fiber that runs, if it yields: it is ready then. */
  get others(): number {
    return this.optionsAt(this.clock.now)
  }

  private optionsAt(time: number): number {
    const ready = this.ready.length
    const { timers } = this.clock
    if (this.realism === "any") return ready + timers.length
    if (this.realism === "suspension" || this.realism === "nested") return ready + timers.length > 0 ? 1 : 0
    // Timers of one time fire in any order, with or without what the first of them has made ready in between.
    let due = 0
    while (due < timers.length && (timers[due]?.due ?? 0) <= time) due++
    return ready + due
  }

  private mix(a: number, b: number): void {
    this.high = Math.imul(this.high ^ a, 0x9e3779b1) ^ (this.high >>> 15)
    this.high = Math.imul(this.high ^ b, 0x85ebca77) ^ (this.high >>> 13)
    this.low = Math.imul(this.low ^ (a + 0x9e37), 0xc2b2ae3d) ^ (this.low >>> 16)
    this.low = Math.imul(this.low ^ b, 0x27d4eb2f) ^ (this.low >>> 15)
  }
}

const names = (lanes: ReadonlyArray<Lane>): string => {
  const all = lanes.map(({ name }) => name)
  return all.length > 1 ? `${all.slice(0, -1).join(", ")} and ${all.at(-1) ?? ""}` : all.join("")
}

export const describe = (error: unknown): string =>
  error instanceof Error
    ? `${error.name}: ${error.message}`
    : typeof error === "string"
    ? error
    : format(error)
