/**
 * One run of a scenario under one schedule. All state of the run is here and in the objects that the run owns. Nothing
 * is reset: `Machine` makes another `Run` for the next schedule. The run is the scheduler of its own fibers. A fiber
 * that something resumes after the end of its run asks that run, and takes no part in a later one.
 *
 *     exploring ──▶ quiet ──▶ over
 *         └───────────────────▲
 *
 *     exploring   the chooser is asked
 *     quiet       first come, first served: the scenario's check after `settled`, the close of its scope, and the fair
 *                 rest of a run that took too many steps
 *     over        the run has failed, or has ended: each fiber that still runs is made to yield, and is dropped
 *
 * | caller | calls |
 * | --- | --- |
 * | `Machine` | `toEnd`, once: the driver, which asks the chooser's `next` and gives the turn |
 * | `driveAsync`, between turns | `unfinished`, and `ready`, which it sorts |
 * | Effect's runtime, within a turn | `shouldYield`, `scheduleTask`, which ask the chooser's `preempt` and `nested` |
 * | the scenario's kit, within a turn | `adopt`, `fail`, `always`, `onSettled`, `onEnd`, `choose` and others |
 * | a chooser, when it is asked | the `Situation` |
 *
 * The run calls its `Lanes`, `EventLoop`, `Journal`, `Finalizers` and the oracles. None of them calls the run.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type { Chooser, Situation } from "./Chooser.js"
import { EventLoop } from "./EventLoop.js"
import { Finalizers } from "./Finalizers.js"
import { Journal, type Places, type Recorder } from "./Journal.js"
import { type Entry, isAlive, type Lane, Lanes, type Starts } from "./Lane.js"
import { badEnd, deadlock, endless, failed, type Kind, leak, type Problem } from "./oracles.js"
import { type AnyFiber, isOneFiber, wasInterrupted } from "./runtime.js"
import type { Decision, Realism } from "./Schedule.js"
import { contextOf, type Evaluate } from "./services.js"
import type { Timer } from "./VirtualClock.js"

export interface Limits {
  /** After so many steps the rest of the run is fair, and after as many again the run is endless. */
  readonly maxSteps: number
  readonly realism: Realism
}

export interface RunOptions {
  readonly recorder?: Recorder | undefined
  /** Whether the outcome has the place where each turn ended. Default: false. */
  readonly places?: boolean | undefined
}

export interface Outcome {
  readonly problem: Problem | undefined
  readonly decisions: ReadonlyArray<Decision>
  readonly operations: number
  /** Two runs that differ in the order of their turns differ in this. */
  readonly hash: number
  /** Whether the run took too many steps. The rest of it was not explored. */
  readonly truncated: boolean
  readonly places: Places | undefined
}

/**
 * The steps of a run, or of one run after another. Each `yield` gives the run in which nothing is left to run, and asks
 * whether something has come from outside.
 */
export type Steps<A> = Generator<Run, A, boolean>

/** Starts the run's first fiber, in this context. */
export type Program = (run: Run, context: Context.Context<Scope.Scope>) => AnyFiber

/** After so many timers since the last actor ended the run ends: a fiber in the background may set them without end. */
const maxLulls = 64

/** An ended run has these, and asks for no lane and no finalizer. */
const noLanes = new Lanes()
const noFinalizers = new Finalizers()

/** In the fair rest of a run, a fiber yields after so many operations. */
const fairBurst = 64

export class Run implements Situation, Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "async"
  readonly realism: Realism
  operations = 0
  last: Lane | undefined
  first: Lane | undefined
  alone = true

  private phase: "exploring" | "quiet" | "over" = "exploring"
  private problem: Problem | undefined
  private readonly loop: EventLoop
  private fibers = new Lanes()
  private readonly journal: Journal
  private finalizers = new Finalizers()
  private readonly recorder: Recorder | undefined
  private readonly maxSteps: number
  private limit: number
  /** The fiber that was just made to yield. The next task that is scheduled is its resumption. */
  private yielding: Lane | undefined
  /** The turn that runs now; undefined between turns, when only something from outside can run. */
  private present: { readonly entry: Entry | undefined } | undefined
  /** No fiber has been asked yet in this turn. */
  private fresh = false
  private settling: (() => void) | undefined
  private ending: (() => void) | undefined
  private readonly invariants: Array<() => void> = []
  private choices = 0
  /** The number of timers that fired since the last actor ended. */
  private lulls = 0

  constructor({ maxSteps, realism }: Limits, private readonly chooser: Chooser, options: RunOptions = {}) {
    this.realism = realism
    this.maxSteps = this.limit = maxSteps
    this.loop = new EventLoop(realism)
    this.journal = new Journal(options.places === true)
    this.recorder = options.recorder
  }

  *toEnd(program: Program): Steps<Outcome> {
    this.chooser.begin(this)
    const scope = Scope.makeUnsafe()
    this.finalizers.watch(scope, "main")
    const context = this.makeContext(scope)
    this.take(undefined, () => program(this, context))
    yield* this.drain()
    this.report(badEnd(this.lanes))
    if (!this.isOver()) {
      this.phase = "quiet"
      this.step(() => Effect.runForkWith(context)(Scope.close(scope, Exit.void)))
      yield* this.drain()
    }
    this.report(leak(this.lanes, this.finalizers))
    this.phase = "over"
    const places = this.journal.placesOf(this.lanes)
    this.release()
    this.ending?.()
    return {
      problem: this.problem,
      decisions: this.journal.decisions,
      operations: this.operations,
      truncated: this.limit > this.maxSteps,
      hash: this.journal.hash,
      places
    }
  }

  /**
   * Lets go of all fibers, tasks and closures. V8 keeps a generator function that was called, and all that it refers
   * to, until the next full garbage collection. A scenario's generator may refer to a fiber, and a fiber refers to its
   * run.
   */
  private release(): void {
    this.fibers = noLanes
    this.finalizers = noFinalizers
    this.last =
      this.first =
      this.yielding =
      this.settling =
        undefined
    for (const list of [this.ready, this.timers, this.invariants]) if (list.length > 0) list.length = 0
  }

  private makeContext(scope: Scope.Scope): Context.Context<Scope.Scope> {
    const { recorder } = this
    const evaluate: Evaluate | undefined = recorder && ((primitive, fiber) => {
      if (this.phase !== "over") recorder.operation(primitive, this.laneOf(fiber))
      return primitive["~effect/Effect/evaluate"](fiber)
    })
    return contextOf({ scheduler: this, clock: this.loop.clock, scope, evaluate })
  }

  private isOver(): boolean {
    return this.phase === "over"
  }

  // -- the driver -------------------------------------------------------------------------------------------------

  /** Gives turns until nothing is left to run. */
  private *drain(): Steps<void> {
    while (!this.isOver()) {
      const exploring = this.phase === "exploring"
      const lull = this.isBackground() && ++this.lulls > maxLulls
      if (!lull && (exploring || this.ready.length > 0 || this.timers.length > 0)) {
        // A turn without any operation counts too, or a task that only schedules itself again would never end.
        if (++this.operations > this.limit) this.tire()
        if (this.advance(exploring ? this.chooser.next() : 0)) continue
      }
      if (this.waits() && (yield this)) continue
      const resume = this.settling
      if (resume === undefined) return
      this.settling = undefined
      this.report(deadlock(this.lanes, this.lanes[0]))
      if (!this.isOver()) {
        this.phase = "quiet"
        this.step(resume)
      }
    }
  }

  /** Whether only timers are left, and every actor has ended. */
  private isBackground(): boolean {
    return this.ready.length === 0 && this.timers.length > 0 && !this.unfinished
  }

  /** Gives the turn that was chosen; false when there is no such turn. */
  private advance(choice: number): boolean {
    const place = this.last
    const turn = place === undefined ? 0 : place.turns++
    const fiber = place?.index ?? 0
    const operation = place?.operations ?? 0
    this.journal.mix(fiber, operation)
    this.journal.mix(choice, turn)
    const ready = this.ready.length
    if (choice < 0) {
      const lane = this.lanes[~choice]
      if (lane === undefined) return false
      this.journal.decide("interrupt", fiber, operation, turn, ~choice)
      this.recorder?.event("interrupt", lane, "")
      this.step(() => lane.fiber.interruptUnsafe())
      return true
    }
    if (choice < ready) {
      if (choice > 0) this.journal.decide("go", fiber, operation, turn, choice)
      const entry = this.loop.takeTask(choice)
      if (entry === undefined) return false
      this.take(entry, entry.task)
      return true
    }
    if (choice > 0) this.journal.decide("timer", fiber, operation, turn, choice - ready)
    const timer = this.loop.takeTimer(choice - ready)
    if (timer === undefined) return false
    this.recorder?.event("timer", undefined, String(this.loop.clock.now))
    this.take(undefined, timer.fire)
    return true
  }

  /** A turn of the event loop for this task alone. */
  private step(task: () => void): void {
    this.loop.beginStep()
    this.take(undefined, task)
  }

  private take(entry: Entry | undefined, task: () => void): void {
    const parked = entry?.parked === true ? entry.lane : undefined
    if (parked !== undefined) {
      parked.parked = undefined
      // The resumption, and the operation that the fiber was taken from: the chooser was asked about that one.
      parked.unasked = 2
    }
    this.present = { entry }
    this.fresh = true
    try {
      task()
    } catch (error) {
      // From outside any fiber: an observer's, or a callback's.
      this.fail("defect", `thrown outside of any fiber: ${String(error)}`)
    }
    this.present = undefined
    for (const check of this.invariants) check()
    this.journal.endTurn(this.last)
  }

  /** Too many steps: from here on every fiber gets a turn, in order. The second time the run fails. */
  private tire(): void {
    if (this.limit > this.maxSteps) return this.report(endless(this.lanes, this.limit, this.maxSteps))
    this.limit = 2 * this.maxSteps
    this.phase = "quiet"
    for (const lane of this.lanes) lane.tired = lane.operations
  }

  /** Whether an actor has yet to end. An asynchronous driver then waits longer for events from outside. */
  get unfinished(): boolean {
    return this.lanes.some((lane) => lane.actor && isAlive(lane) && !this.isSettling(lane))
  }

  /** Whether there is a fiber that something from outside could resume. */
  private waits(): boolean {
    return this.lanes.some((lane) => isAlive(lane) && !this.isSettling(lane))
  }

  /** Whether the lane is the body's, and the body waits in `settled`. */
  private isSettling({ index }: Lane): boolean {
    return index === 0 && this.settling !== undefined
  }

  // -- what Effect's runtime calls --------------------------------------------------------------------------------

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  flush(): void {
    // The driver runs the tasks.
  }

  scheduleTask(task: () => void): void {
    if (this.phase === "over") return
    const parked = this.yielding
    this.yielding = undefined
    if (parked !== undefined) {
      parked.parked = this.loop.add(task, parked, true)
      return
    }
    const current = Fiber.getCurrent()
    const lane = current === undefined ? undefined : this.laneOf(current)
    const starts = lane?.forking
    if (lane === undefined || starts === undefined) {
      this.loop.add(task, lane, false)
      return
    }
    lane.forking = undefined
    lane.forked = this.loop.addStart(task, lane, starts)
  }

  shouldYield(fiber: AnyFiber): boolean {
    if (this.phase === "over") return true
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
    // The body sets the stage. The exploration is of the actors.
    if (lane.index === 0 || !this.chooser.preempt(lane)) return false
    this.journal.decide("preempt", lane.index, lane.operations, 0, 0)
    this.journal.mix(lane.index, lane.operations)
    this.recorder?.event("preempt", lane, "")
    return this.park(lane)
  }

  /** Whether the turn is that of one fiber, rather than of a task that goes on when a fiber yields that it runs. */
  private isOneFibers(): boolean {
    const entry = this.present?.entry
    return entry === undefined || entry.parked || entry.starts !== undefined || isOneFiber(entry.task)
  }

  /**
   * Whether a fiber may yield before its first operation. A fiber that was interrupted before it began may not: its
   * place in the queue would start it after all.
   */
  private asksFirst(fiber: AnyFiber): boolean {
    return (this.realism === "scheduler" || this.realism === "any") && !wasInterrupted(fiber)
  }

  private park(lane: Lane): true {
    this.yielding = lane
    return true
  }

  /** The fiber goes on after a suspension. True if something outside resumed it: then it must wait for its turn. */
  private begin(lane: Lane): boolean {
    // An interrupt, and not its place in the queue, resumed it.
    if (lane.parked !== undefined) {
      this.loop.remove(lane.parked)
      lane.parked = undefined
    }
    if (this.present === undefined && lane.operations > 0) return true
    this.recorder?.event(lane.operations === 0 ? "start" : "resume", lane, "")
    return false
  }

  /** An interrupt from within a fiber that was resumed inline. It hits the fiber beneath in the middle of its turn. */
  private maybeInterrupt(outer: Lane, inner: Lane): void {
    if (!outer.cancellable || !isAlive(outer) || this.realism === "suspension") return
    if (!this.chooser.nested(outer, inner)) return
    this.journal.decide("nested", inner.index, inner.operations, 0, outer.index)
    this.journal.mix(outer.index, inner.operations)
    this.recorder?.event("interrupt", outer, "", inner)
    // A suspended fiber ends within this call. `inner` is not beneath it: its next operation is decided, and would
    // still run.
    this.last = outer
    outer.fiber.interruptUnsafe()
    this.last = inner
  }

  private laneOf(fiber: AnyFiber): Lane {
    return this.fibers.get(fiber) ??
      this.fibers.enter(fiber, this.fresh ? this.present?.entry?.lane : this.last)
  }

  // -- what the kit calls -----------------------------------------------------------------------------------------

  /** The first problem is the run's: later ones may be its consequences. */
  fail(kind: Kind, message: string): void {
    if (this.phase === "over") return
    this.problem = { kind, message }
    this.recorder?.event("failure", this.present === undefined ? undefined : this.last, message)
    this.phase = "over"
    this.ready.length = 0
  }

  private report(problem: Problem | undefined): void {
    if (problem !== undefined) this.fail(problem.kind, problem.message)
  }

  /**
   * The next task that `parent` schedules is to start an actor that is alike to all others of these starts. Only the
   * body adds starts next to each other in one turn: any other fiber may be preempted in between.
   */
  expectFork(parent: AnyFiber, starts: Starts): void {
    const lane = this.laneOf(parent)
    lane.forking = lane.index === 0 ? starts : []
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
    this.fibers.makeActor(lane, name, cancel)
    if (mayDie) return
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) this.report(failed(lane.name, exit.cause))
    })
  }

  /** The condition has to hold whenever no fiber runs. */
  always(condition: () => boolean, message: string): void {
    this.invariants.push(() => {
      try {
        if (!condition()) this.fail("expectation", message)
      } catch (error) {
        this.report(failed("main", Cause.die(error)))
      }
    })
  }

  onSettled(resume: () => void): void {
    this.settling = resume
  }

  onEnd(release: () => void): void {
    this.ending = release
  }

  choose(options: number): number {
    const operation = this.choices++
    const pick = this.phase === "exploring" ? this.chooser.choose(options) % options : 0
    if (pick !== 0) this.journal.decide("choose", 0, operation, 0, pick)
    this.journal.mix(pick, operation)
    return pick
  }

  currentName(): string {
    const fiber = Fiber.getCurrent()
    return fiber === undefined ? "?" : this.laneOf(fiber).name
  }

  /** The number of the present turn of the event loop. */
  get turn(): number {
    return this.loop.turn
  }

  // -- what a chooser may ask -------------------------------------------------------------------------------------

  get lanes(): Array<Lane> {
    return this.fibers.all
  }

  get ready(): Array<Entry> {
    return this.loop.ready
  }

  get timers(): Array<Timer> {
    return this.loop.clock.timers
  }

  get options(): number {
    return this.loop.options
  }

  get others(): number {
    return this.loop.others
  }
}
