import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import type * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import type * as Stream from "effect/Stream"
import type { AsyncContext } from "../asyncContext.js"
import type { Request } from "../Callers.js"
import { type Annotations, cancellation, interruptedBy, takingAlong, type Why } from "../cancellation.js"
import { Described } from "../Described.js"
import { inLaterTurn, sharing } from "../dispatcher.js"
import { List } from "../List.js"
import { monotonicMillis } from "../monotonic.js"
import { operation } from "../operation.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import { type Detail, type View, type Viewable, ViewTypeId, watch as inspecting } from "../view.js"
import { bring, type Inheritance, type TaskRun } from "./callers.js"
import { Census } from "./Census.js"
import { type PoolClosed, PoolDeadlock, PoolFailed, QueueFull } from "./errors.js"
import { Findings } from "./Findings.js"
import { type AnyJob, interruptionOf, isOwn, outcomeOf, PoolJob, type Settled, type Told } from "./Job.js"
import { Ledger } from "./Ledger.js"
import { checkLevel } from "./level.js"
import { Ender, Lifecycle } from "./Lifecycle.js"
import * as model from "./model.js"
import type { Controls, Deadlines, OnDemand, Parts, Reservations, Retries, Sample, Upkeep } from "./parts.js"
import { type Discipline, Queue } from "./Queue.js"
import type { Reservation } from "./Reservation.js"
import { Roster } from "./Roster.js"
import { jobPhases, type Outcome, workerStates } from "./states.js"
import { type Call, currentFiber, type Observer, ResultReader, Suspended } from "./Suspended.js"
import { Unbegun } from "./Unbegun.js"
import { viewOf } from "./view.js"
import { type Situation, type Wait, Waits } from "./Waits.js"
import { Watchers } from "./Watchers.js"
import type { Attempt, Watcher } from "./watching.js"
import { CurrentWorker, type Owner, type Tenure, Worker } from "./Worker.js"

/** A pool's options, checked and with their defaults. `context` has the services that the functions need. */
export interface Config<in out Job, in out A, in out E> {
  readonly name: string | undefined
  readonly size: number
  readonly discipline: Discipline<Job>
  readonly onDefect: "replace" | "keep"
  /** The part of their callers' context that jobs have. */
  readonly inheritance: Inheritance
  readonly parts: Parts<Job, A, E>
  readonly deadLetters: { readonly stream: Stream.Stream<model.DeadLetter<Job, E>>; close(): void } | undefined
  readonly watch: ReadonlyArray<Watcher>
  readonly context: Context.Context<never>
  readonly restart: Schedule.Schedule<unknown>
  /** In milliseconds, or infinite. */
  readonly releaseTimeout: number
  readonly worker: (info: model.WorkerInfo) => Effect.Effect<unknown, unknown>
  readonly run: (job: Job, context: model.JobContext<unknown>) => Effect.Effect<A, E>
}

/** A call of `map` or `runAll`, which is notified of each new size and of the pool's end (L1, L4, P21). */
export interface Follower extends Call {
  /** It has all its jobs in the pool, and would bring more. */
  readonly isHeldUp: boolean
  /** Runs fibers. */
  readonly poolChanged: () => void
}

/** At a full queue, a job does what the queue's strategy says, or waits in any case. */
type WhenFull = "strategy" | "wait"

/** The outcome of an attempt, as the pool counts it. */
interface Judgement<A, E> {
  readonly outcome: Outcome
  readonly exit: Exit.Exit<A, E>
  /** The resource is to be replaced: the job never began on it. */
  readonly isLost: boolean
}

/**
 * The conductor: one method for each event, which moves jobs between the rooms that own them.
 *
 * Starting a job, interrupting one, releasing a resource and resuming a fiber all run user code inline, and that code
 * may call any operation of the pool. So every method completes the books first and runs fibers last, from its local
 * variables. The comment of a method that runs fibers says so.
 *
 * Between methods an idle worker that is kept for nobody (P22) means that no job could run, and the ledger balances
 * (P4).
 *
 * P16: only a job's success has its worker begin the next job at once. Jobs are often interrupted together, and those
 * that wait may be next: so a worker that is free for any other reason is given its next job at once, and begins it in
 * a turn that is requested then.
 */
export class Pool<in out Job, in out A, in out E> extends Described
  implements model.WorkerPool<Job, A, E, never>, Owner, Controls<Job, A, E>, Viewable
{
  readonly [model.TypeId]: model.WorkerPool<Job, A, E, never>[typeof model.TypeId] = {
    _Job: identity,
    _A: identity,
    _E: identity,
    _W: identity
  }
  readonly name: string | undefined
  /** The context of `make`'s caller, for all fibers of the pool. */
  readonly context: Context.Context<never>
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly lifecycle: Lifecycle
  private readonly ledger = new Ledger()
  readonly census = new Census()
  private readonly roster: Roster
  private readonly queue: Queue<Job, A, E>
  /** The workers that have a job and have not begun it. */
  private readonly unbegun: Unbegun
  readonly waits = new Waits(() => this.situation)
  private readonly deadlines: Deadlines<Job, A, E> | undefined
  private readonly retries: Retries<Job, A, E> | undefined
  private readonly upkeep: Upkeep | undefined
  private readonly onDemand: OnDemand | undefined
  /** Undefined until the first call of `reserve`. */
  private reservations: Reservations | undefined = undefined
  private readonly watchers: Watchers | undefined
  readonly followers = new Set<Follower>()
  /** The autoscalers at work. */
  readonly autoscalers = new Set<{ readonly max: number; readonly fiber: AnyFiber }>()
  /** Calls that wait until no job waits or runs. */
  private readonly idlers = new List<Observer<void>>()
  /** The fiber in `make`, which waits for the workers' first resources. */
  private starter: Suspended<Exit.Exit<void, unknown>> | undefined = undefined
  private readonly findings = new Findings<Job, A, E>()

  constructor(readonly config: Config<Job, A, E>) {
    super()
    const { discipline, name, parts, size, watch } = config
    this.name = name
    const scheduler = sharing(Context.get(config.context, Scheduler.Scheduler))
    this.dispatcher = scheduler.makeDispatcher()
    this.context = Context.add(config.context, Scheduler.Scheduler, scheduler)
    this.lifecycle = new Lifecycle(name)
    this.unbegun = new Unbegun(scheduler)
    this.deadlines = parts.deadlines?.(this)
    this.retries = parts.retries?.(this)
    this.upkeep = parts.upkeep?.(() => this.now())
    this.queue = new Queue(discipline, this.ledger, this.deadlines, {
      soon: (task) => this.soon(task),
      later: (task) => inLaterTurn(scheduler, task)
    }, parts.onDemand && ((job) => this.hasTaker(job)))
    this.onDemand = parts.onDemand?.(this.context, (worker) => this.letIdleGo(worker))
    this.roster = new Roster(size, parts.sharing, this.onDemand, (id) => new Worker(this, id))
    const releasesFailed = () => this.findings.releasesFailed
    this.watchers = watch.length === 0
      ? undefined
      : new Watchers(watch, { name, context: config.context, stats: () => this.stats(), releasesFailed })
    inspecting?.appeared(this)
  }

  // Its state, as others see it

  get isEnding(): boolean {
    return this.lifecycle.isEnding
  }

  get isOpen(): boolean {
    return this.lifecycle.isOpen
  }

  get isPaused(): boolean {
    return this.lifecycle.isPaused
  }

  get size(): number {
    return this.roster.size
  }

  now(): number {
    return monotonicMillis(Context.get(this.context, Clock.Clock))
  }

  private get retrying(): number {
    return this.retries === undefined ? 0 : this.retries.size
  }

  /** How many jobs are still to be given to a worker. */
  private get pending(): number {
    return this.queue.size + this.retrying
  }

  private get hasWork(): boolean {
    return this.isOpen || (this.lifecycle.state === "draining" && this.pending > 0)
  }

  /** How an operation ends that brings a job, if the pool takes none. */
  rejection(): Exit.Exit<never, PoolClosed> | undefined {
    const { rejection } = this.lifecycle
    if (rejection !== undefined) this.watchers?.rejected("PoolClosed", 1)
    return rejection
  }

  /** How many calls of `map` and `runAll` wait until the pool has room for them. */
  get heldUp(): number {
    let count = 0
    for (const { isHeldUp } of this.followers) if (isHeldUp) count++
    return count
  }

  /** Runs a task in the next turn of the pool. */
  soon(task: () => void): void {
    this.dispatcher.scheduleTask(task, 0)
  }

  private tellFollowers(): void {
    for (const follower of [...this.followers]) follower.poolChanged()
  }

  // Jobs come

  /** Returns the handle once the job is accepted, which may take a wait for room. */
  submit(input: Job): Effect.Effect<PoolJob<Job, A, E>, PoolClosed> {
    return new Submit(this, input) as Effect.Effect<PoolJob<Job, A, E>, PoolClosed>
  }

  submitJob(fiber: AnyFiber, job: PoolJob<Job, A, E>): Effect.Effect<PoolJob<Job, A, E>, PoolClosed> {
    this.watchers?.offered(job, fiber.context, "submit")
    return this.tryAccept(job, "strategy") ?? this.submitLater(fiber, job)
  }

  private submitLater(fiber: AnyFiber, job: PoolJob<Job, A, E>): Effect.Effect<PoolJob<Job, A, E>, PoolClosed> {
    return Effect.callback((resume) => {
      // It may have yielded on its way here.
      const accepted = this.tryAccept(job, "strategy")
      if (accepted !== undefined) return resume(accepted)
      const inside = this.insideOf(fiber)
      const deadlock = inside && this.deadlock("submit", inside, "room")
      if (deadlock !== undefined) return resume(deadlock)
      const caller = new Suspended(fiber, resume, inside && this.waits.begin(inside, "room"))
      this.block(job, caller)
      return this.leave(job, caller)
    })
  }

  /** A job of `map` or `runAll`, which waits for room whatever the strategy. Undefined if it has to. Runs fibers. */
  bring(
    caller: Context.Context<never>,
    job: PoolJob<Job, A, E>
  ): Exit.Exit<PoolJob<Job, A, E>, PoolClosed> | undefined {
    this.watchers?.offered(job, caller, "submit")
    return this.tryAccept(job, "wait")
  }

  /** The job waits for room. Runs fibers only where workers come on demand. */
  block(job: PoolJob<Job, A, E>, caller: Suspended<Exit.Exit<PoolJob<Job, A, E>, PoolClosed>> | undefined): void {
    if (caller !== undefined) job.waitsForRoom(caller)
    this.queue.block(job)
    this.hireForJobs()
  }

  /** A job that waits for room is not to come. Runs fibers. */
  withdraw(job: PoolJob<Job, A, E>, by: AnyFiber | undefined, annotations?: Annotations): void {
    this.queue.remove(job)
    job.settle("withdrawn", interruptedBy(by?.id, annotations))
    job.tell()
    this.wakeIdlers()
  }

  trySubmit(input: Job): Effect.Effect<PoolJob<Job, A, E>, PoolClosed | QueueFull> {
    return Effect.withFiber((fiber): Exit.Exit<PoolJob<Job, A, E>, PoolClosed | QueueFull> => {
      const job = this.newJob(fiber.context, input)
      this.watchers?.offered(job, fiber.context, "submit")
      return this.tryAccept(job, "strategy") ?? this.refuse()
    })
  }

  newJob(
    caller: Context.Context<never>,
    input: Job,
    task?: TaskRun,
    asyncContext?: AsyncContext
  ): PoolJob<Job, A, E> {
    const job = new PoolJob(this, input, asyncContext)
    job.brought = bring(caller, this.config.inheritance, task)
    const isRaised = this.queue.order.arrives(job)
    this.retries?.arrives(job)
    if (isRaised) this.deal()
    return job
  }

  private tryAccept(
    job: PoolJob<Job, A, E>,
    whenFull: WhenFull
  ): Exit.Exit<PoolJob<Job, A, E>, PoolClosed> | undefined {
    return this.rejection() ?? (this.offer(job, whenFull) ? Exit.succeed(job) : undefined)
  }

  /** Returns the result. Its fiber suspends once, whether the job runs, is queued or waits for room. */
  run(input: Job): Effect.Effect<A, E | model.RunError> {
    // It fails with QueueFull only where it may.
    return this.runJob(input, undefined, false) as Effect.Effect<A, E | model.RunError>
  }

  /** P22: runs a job in a place that was reserved for it. */
  runIn(reservation: Reservation, input: Job): Effect.Effect<A, E | model.RunError> {
    return this.runJob(input, undefined, false, reservation) as Effect.Effect<A, E | model.RunError>
  }

  /** As `run`, but fails where the job would wait for room. */
  tryRun(input: Job): Effect.Effect<A, E | model.RunError | QueueFull> {
    return this.runJob(input, undefined, true)
  }

  /** Runs a task on a worker's resource, as `run` does a job. `as`: the job that stands for it. */
  use(run: TaskRun, as: Job | undefined): Effect.Effect<unknown, unknown> {
    const { asksAbout } = this.config.discipline
    if (asksAbout !== undefined && as === undefined) {
      const message =
        `WorkerPool.use: a pool with ${asksAbout} asks about jobs. Say with \`as\` which one the task is like`
      return Effect.die(new Error(message))
    }
    // Nobody is asked about a task without `as`.
    return this.runJob(as as Job, run, false)
  }

  /** P22: gives a job the place that was reserved for it, and returns the handle. */
  submitIn(reservation: Reservation, input: Job): Effect.Effect<PoolJob<Job, A, E>, PoolClosed> {
    return Effect.withFiber((fiber): Exit.Exit<PoolJob<Job, A, E>, PoolClosed> => {
      // The user's functions that this calls may end the pool.
      const job = this.newJob(fiber.context, input)
      const rejection = this.rejection()
      if (rejection !== undefined) return rejection
      if (reservation.state === "gone") return usedUp("submit")
      this.watchers?.offered(job, fiber.context, "submit")
      this.useUp(reservation, job)
      return Exit.succeed(job)
    })
  }

  private runJob(
    input: Job,
    task: TaskRun | undefined,
    failsIfFull: boolean,
    reservation?: Reservation
  ): Effect.Effect<A, E | model.RunError | QueueFull> {
    return Effect.callback((resume) => {
      const fiber = currentFiber()
      const inside = this.insideOf(fiber)
      // The user's functions that this calls may end the pool.
      const job = this.newJob(fiber.context, input, task)
      const rejection = this.rejection()
      if (rejection !== undefined) return resume(rejection)
      if (reservation?.state === "gone") return resume(usedUp("run"))
      const waits = reservation === undefined
        ? this.spare <= 0 && !this.queue.drops(job) && !(failsIfFull && this.queue.isFull(job))
        : this.roster.idle === 0
      const deadlock = inside && waits
        ? this.deadlock("run", inside, "room", this.queue.oldestToDrop(job))
        : undefined
      if (deadlock !== undefined) return resume(deadlock)
      this.watchers?.offered(job, fiber.context, "run")
      const wait = inside && this.waits.begin(inside, job)
      const caller = new Suspended<Told<A, E>>(fiber, (exit) => resume(job.result(exit)), wait)
      job.observe(caller)
      if (reservation !== undefined) {
        this.useUp(reservation, job)
      } else if (!this.offer(job, "strategy")) {
        if (failsIfFull) {
          job.forget(caller)
          return resume(this.refuse())
        }
        this.block(job, undefined)
      }
      return this.leave(job, caller)
    })
  }

  /** As `run`, for a caller that is no fiber. One that leaves while the job is made has no observer. Runs fibers. */
  runFor(input: Job, observer: (job: PoolJob<Job, A, E>) => Observer<Told<A, E>> | undefined): void {
    const caller = Context.empty()
    const job = this.newJob(caller, input)
    const told = observer(job)
    if (told === undefined) return
    const rejection = this.rejection()
    if (rejection !== undefined) return told.wake(rejection)
    this.watchers?.offered(job, caller, "run")
    job.observe(told)
    if (!this.offer(job, "strategy")) this.block(job, undefined)
  }

  private refuse(): Exit.Exit<never, QueueFull> {
    this.watchers?.rejected("QueueFull", 1)
    return Exit.fail(new QueueFull({ pool: this.name, capacity: this.queue.capacity }))
  }

  /** P7: those who brought a job and are interrupted before they have anything in their hands take it with them. */
  private leave(job: PoolJob<Job, A, E>, caller: Suspended<never>): Effect.Effect<void> {
    return Effect.suspend(() => {
      caller.served()
      job.callerLeft()
      return takingAlong(
        "pool",
        this.name,
        (annotations, fiber) => Effect.asVoid(this.cancelBy(job, fiber, annotations))
      )
    })
  }

  /**
   * P3: to an idle worker, into the queue, or as the strategy says. Returns false, and changes nothing, when the job
   * has to wait for room. Runs fibers.
   */
  private offer(job: PoolJob<Job, A, E>, whenFull: WhenFull): boolean {
    const worker = this.idleFor(job)
    if (worker !== undefined) {
      this.queue.pass(job)
      this.assign(worker, job)
      this.begin(worker)
      return true
    }
    if (whenFull === "wait" && this.queue.isFull(job)) return false
    const offered = this.queue.offer(job)
    if (offered === "full") return false
    if (offered !== "queued") {
      this.settle(offered, "dropped", undefined)
      offered.tell()
    }
    this.hireForJobs()
    return true
  }

  // Places for jobs to come (P22)

  /** How many idle workers there are for jobs without a place; below 0 if workers were lost that places stand for. */
  private get spare(): number {
    return this.roster.idle - (this.reservations?.count ?? 0)
  }

  /** How many places have lost their workers: so many of those that become idle are kept for them. */
  private get lost(): number {
    return Math.max(0, -this.spare)
  }

  /**
   * Reserves a place: now, or as soon as there is a worker for it. Returns undefined if the caller has to wait. The
   * first call makes the part. Runs fibers only where workers come on demand.
   */
  reserve(
    reservation: Reservation,
    make: (later: Request) => Reservations
  ): Exit.Exit<void, PoolClosed> | undefined {
    const { rejection } = this.lifecycle
    if (rejection !== undefined) return rejection
    const scheduler = Context.get(this.context, Scheduler.Scheduler)
    const reservations = this.reservations ??= make((task) => inLaterTurn(scheduler, task))
    if (this.isPlaceFree) {
      reservations.hold(reservation)
      return Exit.void
    }
    const { fiber } = reservation.caller
    const inside = this.insideOf(fiber)
    const deadlock = inside && this.deadlock("reserve", inside, "worker")
    if (deadlock !== undefined) return deadlock
    reservation.ends = inside && this.waits.begin(inside, "worker")
    reservations.wait(reservation)
    this.hireForJobs()
    return undefined
  }

  /** A worker is idle for which there is neither a job nor a place. */
  private get isPlaceFree(): boolean {
    return !this.isPaused && this.spare > 0 && this.queue.order.ready === 0
  }

  /** Idle workers that no job wants are there for those who wait for a place. */
  private grant(): void {
    const { reservations } = this
    if (reservations !== undefined && reservations.wanted > 0 && this.isPlaceFree) reservations.grant(this.spare)
  }

  /** A place is given back, or its caller waits no more. Runs fibers. */
  giveBack(reservation: Reservation): void {
    if (this.reservations?.remove(reservation) === true) this.serveSpare()
  }

  /** Fewer places are held: an idle worker may take a job. Runs fibers. */
  private serveSpare(): void {
    this.deal()
    this.grant()
  }

  /** Jobs that could run wait, while places keep idle workers from them. */
  private recall(): void {
    const { reservations, roster: { idle } } = this
    if (reservations !== undefined && reservations.count > 0) {
      reservations.recall(this.isPaused ? Infinity : Math.min(this.queue.order.ready, idle))
    }
  }

  /**
   * The job has a place: it begins on any idle worker, also on one that is kept for a younger place, or waits in the
   * queue. Runs fibers.
   */
  private useUp(reservation: Reservation, job: PoolJob<Job, A, E>): void {
    this.reservations?.remove(reservation)
    job.hadPlace = true
    const worker = this.isPaused || !this.queue.order.mayRun(job) ? undefined : this.roster.takeIdle()
    if (worker === undefined) {
      this.queue.enlist(job)
      return this.serveSpare()
    }
    this.queue.pass(job)
    this.assign(worker, job)
    // The place may have been recalled for a job that still waits.
    this.recall()
    this.begin(worker)
  }

  // Jobs go to workers

  /** The job whose turn it is, for a worker that is free. None in a pause (P20). */
  private takeJob(): PoolJob<Job, A, E> | undefined {
    return this.isPaused ? undefined : this.queue.take()
  }

  /** An idle worker, for a job that may run. None in a pause (P20), and none that is kept for another job (P22). */
  private takeIdle(): Worker | undefined {
    return this.isPaused || this.spare <= 0 ? undefined : this.roster.takeIdle()
  }

  /** None where the limit of its key holds it back, or a pause. */
  private idleFor(job: PoolJob<Job, A, E>): Worker | undefined {
    return this.queue.order.mayRun(job) ? this.takeIdle() : undefined
  }

  /** A worker that was idle begins the job it has been given; or as soon as those before it have begun. Runs fibers. */
  private begin(worker: Worker): void {
    if (this.unbegun.size > 0) this.unbegun.postpone(worker)
    else worker.go()
  }

  private assign(worker: Worker, job: PoolJob<Job, A, E>): void {
    job.become(jobPhases.running)
    worker.take(job)
    worker.become(workerStates.busy)
    this.ledger.assigned()
    this.queue.order.began(job)
  }

  private unassign(worker: Worker): PoolJob<Job, A, E> {
    const job = this.jobOf(worker)
    this.unbegun.remove(worker)
    worker.drop()
    this.ledger.unassigned()
    this.queue.order.ended(job)
    this.deadlines?.released(job)
    return job
  }

  /** A worker of this pool only ever has this pool's jobs. */
  private jobOf(worker: Worker): PoolJob<Job, A, E> {
    return worker.job as PoolJob<Job, A, E>
  }

  /**
   * The worker is free: it takes the job that waits longest, or is idle, also for a place that has lost its worker
   * (P22). If a success has freed it, it begins in this turn. `queue.wake` has to follow, or `wakeLater`.
   */
  private serve(worker: Worker, begins: "now" | "later"): void {
    const job = this.spare < 0 ? undefined : this.takeJob()
    if (job === undefined) return this.rest(worker)
    this.assign(worker, job)
    this.unbegun.add(worker, begins)
  }

  private rest(worker: Worker): void {
    this.roster.rest(worker)
    this.upkeep?.rests(worker.tenure)
    this.grant()
    this.recall()
  }

  /**
   * A worker leaves after its job, whose key may have held one back: that goes to an idle worker. Returns the worker,
   * if any; it may have to `go`.
   */
  private dispatch(begins: "now" | "later"): Worker | undefined {
    const job = this.spare > 0 && !this.isEnding ? this.takeJob() : undefined
    const worker = job && this.roster.takeIdle()
    if (job === undefined || worker === undefined) return undefined
    this.assign(worker, job)
    this.unbegun.add(worker, begins)
    return worker
  }

  /**
   * A key's limit was raised as the user was asked for it: jobs that it held back go to idle workers, or have others
   * come. Runs fibers only where workers come on demand.
   */
  private deal(): void {
    if (this.spare > 0 && this.queue.order.ready > 0) this.dispatchAll()
    this.hireForJobs()
  }

  /** Jobs that wait go to idle workers, and begin in a turn that is requested now. */
  private dispatchAll(): void {
    while (this.dispatch("later") !== undefined);
    this.queue.wakeLater()
  }

  /** P20. Jobs that workers have been given and have not begun are first in line again. */
  pause(): void {
    if (this.lifecycle.state !== "running") return
    this.lifecycle.pause()
    this.deadlines?.pause()
    const unbegun = this.roster.workers.filter(({ isUnbegun }) => isUnbegun)
    unbegun.sort((one, other) => this.jobOf(other).rank - this.jobOf(one).rank)
    for (const worker of unbegun) {
      const job = this.unassign(worker)
      this.rest(worker)
      this.queue.putBack(job)
    }
    this.recall()
  }

  resume(): void {
    if (!this.isPaused) return
    this.lifecycle.runs()
    this.goOn()
  }

  /** The pause is over, if there was one. */
  private goOn(): void {
    this.deadlines?.resume()
    this.dispatchAll()
    this.grant()
    this.hireForJobs()
  }

  /** Asks for the limits of all keys again, and lets jobs begin that a higher one allows. */
  refreshKeys(): void {
    this.queue.order.refresh()
    this.deal()
  }

  /** Takes all jobs out of the queue, and returns them in order. Runs fibers. */
  clearQueue(): ReadonlyArray<Job> {
    const jobs = this.queue.clear()
    for (const job of jobs) this.enter(job, outcomeOfUndone(job), job.past?.exit)
    for (const job of jobs) this.watchers?.ended(job, outcomeOfUndone(job))
    for (const job of jobs) job.tell()
    this.queue.wakeLater()
    this.drained()
    return jobs.filter(isOwn).map(({ input }) => input)
  }

  setPriority(job: PoolJob<Job, A, E>, level: number): boolean {
    const { aging } = this.config.discipline
    const operation = "JobHandle.setPriority"
    if (aging === undefined) throw new Error(`${operation}: the pool has no queue.priority`)
    const handicap = aging * checkLevel(operation, "level", level)
    if (job.phase !== "queued" && job.phase !== "retrying") return false
    this.queue.rerank(job, handicap)
    return true
  }

  postpone(worker: Worker): void {
    this.unbegun.postpone(worker)
  }

  beginsOldest(worker: Worker): void {
    this.unbegun.begin(worker)
  }

  /** The job's fiber has come to its first operation. */
  perform(worker: Worker, tenure: Tenure): Effect.Effect<unknown, unknown> {
    const job = this.jobOf(worker)
    if (job.cancelled !== undefined) return interruptionOf(job)
    const check = this.upkeep?.due(tenure)
    return check === undefined ? this.runJobOn(worker, job, tenure) : this.performChecked(worker, job, tenure, check)
  }

  /**
   * P17: the job begins once its resource has passed the check. A job that loses its resource here has not begun. A
   * cancelled check says nothing about the resource, which is checked again before the next job.
   */
  private performChecked(
    worker: Worker,
    job: PoolJob<Job, A, E>,
    tenure: Tenure,
    check: Effect.Effect<unknown, unknown>
  ): Effect.Effect<unknown, unknown> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.exit(restore(check)), (exit): Effect.Effect<unknown, unknown> => {
        const { cancelled } = job
        const isCutOff = cancelled !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
        const isBad = Exit.isFailure(exit) && !isCutOff
        if (isBad) tenure.condemned = true
        if (!tenure.condemned) {
          if (cancelled !== undefined) return interruptionOf(job)
          // Another fiber may have its turn in between, and condemn the resource.
          return restore(
            Effect.suspend(() => tenure.condemned ? worker.lose() : this.runJobOn(worker, job, tenure))
          )
        }
        const lost = worker.lose()
        const message = "WorkerPool: a resource did not pass its check, and is replaced"
        return isBad ? Effect.andThen(Effect.logDebug(message, exit.cause), lost) : lost
      })
    )
  }

  /** The job begins. */
  private runJobOn(
    worker: Worker,
    job: PoolJob<Job, A, E>,
    tenure: Tenure
  ): Effect.Effect<unknown, unknown> {
    const { invalidate, resource } = tenure
    worker.began()
    const refusal = this.retries?.refusal(job)
    if (refusal !== undefined) return refusal
    this.upkeep?.began(tenure)
    const { config, watchers } = this
    const attempt = watchers && this.attemptOf(worker, job)
    config.parts.sharing?.begins(resource)
    if (watchers !== undefined && attempt !== undefined) watchers.began(job, attempt)
    this.deadlines?.began(job)
    if (this.queue.order.weigh(job)) this.deal()
    const context = { id: worker.id, job: job.id, resource, attempt: job.attempt, invalidate }
    const effect = attempt === undefined || watchers?.wraps !== true
      ? this.effectOf(job, context)
      : watchers.around(job, attempt, Effect.suspend(() => this.effectOf(job, context)))
    return job.brought?.inherited === undefined ? effect : job.brought.inherited(effect)
  }

  private effectOf(
    { brought, input }: PoolJob<Job, A, E>,
    context: model.JobContext<unknown>
  ): Effect.Effect<unknown, unknown> {
    return brought?.task === undefined ? this.config.run(input, context) : brought.task(context)
  }

  private attemptOf(worker: Worker, job: PoolJob<Job, A, E>): Attempt {
    const { id, name } = worker
    return { job, number: job.attempt, worker: id, workerName: name, judge: (exit) => this.judge(worker, job, exit) }
  }

  // Jobs end

  /** The worker only ever runs this pool's function. */
  private judge(worker: Worker, job: PoolJob<Job, A, E>, exit: Exit.Exit<unknown, unknown>): Judgement<A, E> {
    const outcome = outcomeOf(exit)
    const isLost = worker.isLost || this.unbegunOn(worker) === "lost"
    // P7, P11: what was cancelled, or was late, as its resource was lost does not come back.
    if (this.deadlines !== undefined && job.cancelled?.reason === "timedOut" && (isLost || outcome === "interrupted")) {
      return { outcome: "timedOut", exit: this.deadlines.timeout(job, "run"), isLost }
    }
    if (isLost) return { outcome: "interrupted", exit: interruptionOf(job), isLost }
    return { outcome, exit: exit as Exit.Exit<A, E>, isLost }
  }

  private unbegunOn({ hasBegun, resource }: Worker): "lost" | "withdrawn" | undefined {
    return hasBegun ? this.config.parts.sharing?.unbegun(resource) : undefined
  }

  /**
   * A worker's job has ended by itself. A typed failure costs no resource (P6), a defect does (P5). The worker sees to
   * its next job. Runs fibers.
   */
  jobEnded(worker: Worker, exit: Exit.Exit<unknown, unknown>): void {
    // The worker only ever runs this pool's function.
    if (Exit.isSuccess(exit)) return this.endJob(worker, "succeeded", exit as Exit.Exit<A, E>, false)
    const job = this.jobOf(worker)
    const judgement = this.judge(worker, job, exit)
    const reason = job.cancelled?.reason
    const isLeft = judgement.outcome === "interrupted" && reason === "aborted" &&
      (!worker.hasBegun || this.unbegunOn(worker) === "withdrawn")
    if (isLeft || (judgement.isLost && (reason === undefined || reason === "aborted"))) {
      return this.takeBack(worker, job)
    }
    const hasDied = judgement.outcome === "died" && this.config.onDefect === "replace"
    this.endJob(worker, judgement.outcome, judgement.exit, judgement.isLost || hasDied)
  }

  /** The resource was lost before the job had begun on it: another worker may have it. Runs fibers. */
  private takeBack(worker: Worker, job: PoolJob<Job, A, E>): void {
    if (!this.isEnding) {
      this.watchers?.attempted(job, undefined)
      return this.retire(worker)
    }
    this.unassign(worker)
    if (job.past === undefined) this.findings.handedBack(job)
    this.leaveUndone(job, this.failure)
    this.watchers?.ended(job, outcomeOfUndone(job))
    this.roster.releases(worker)
    job.tell()
    worker.relieve(Exit.void)
  }

  /** How a job ends that the pool returns: undefined where that is `JobLost`. */
  private get failure(): Exit.Exit<never, PoolFailed> | undefined {
    const { error } = this.lifecycle
    return error && Exit.fail(error)
  }

  /** `isLost`: its resource is to be replaced. Runs fibers. */
  private endJob(worker: Worker, outcome: Outcome, exit: Exit.Exit<A, E>, isLost: boolean): void {
    if (this.upkeep?.isSpent(worker.tenure) === true) worker.tenure.condemned = true
    const job = this.unassign(worker)
    const isRetried = this.retries?.takes(job, outcome, exit) === true
    if (isRetried) this.watchers?.attempted(job, outcome)
    else this.settle(job, outcome, exit)
    if (job.cancelled?.reason === "aborted" && outcome === "interrupted") this.findings.aborted(job)
    const leaves = this.leaves(worker) || isLost
    const succeeded = outcome === "succeeded"
    const begins = succeeded ? "now" : "later"
    if (leaves) this.roster.releases(worker)
    else this.serve(worker, begins)
    // A fiber that is notified of the end must not overtake jobs that wait.
    const other = leaves ? this.dispatch(begins) : undefined
    if (isRetried) this.retries.decide(job)
    else job.tell()
    if (succeeded) this.queue.wake()
    else this.queue.wakeLater()
    if (leaves) worker.relieve(outcome === "died" ? exit : Exit.void)
    other?.go()
    if (leaves) this.hireForJobs()
    this.drained()
  }

  /** The books of a job's end. `tell` has to follow. */
  private settle(
    job: PoolJob<Job, A, E>,
    outcome: Outcome,
    exit: Settled<A, E> | (() => Settled<A, E>) | undefined
  ): void {
    this.enter(job, outcome, exit)
    this.watchers?.ended(job, outcome)
  }

  /** The same without notifying the watchers: the caller does that, once the books of other jobs are done as well. */
  private enter(
    job: PoolJob<Job, A, E>,
    outcome: Outcome,
    exit: Settled<A, E> | (() => Settled<A, E>) | undefined
  ): void {
    this.ledger.settled(outcome)
    job.settle(outcome, exit)
  }

  // Deadlines (P11)

  expire(job: PoolJob<Job, A, E>, exit: () => Exit.Exit<never, E>): () => void {
    this.queue.remove(job)
    this.settle(job, "expired", exit)
    return () => {
      job.tell()
      this.queue.wakeLater()
      this.drained()
    }
  }

  interruptLate(job: PoolJob<Job, A, E>, by: number): () => void {
    const fiber = job.worker?.fiber
    if (fiber === undefined || job.cancelled !== undefined) return () => {}
    const annotations = cancellation("pool", this.name, "the deadline of its run", by)
    job.cancelled = { by, reason: "timedOut", annotations }
    return () => job.interrupt(fiber, by, annotations)
  }

  // Jobs between two attempts (P12)

  end(job: PoolJob<Job, A, E>, outcome: Outcome, exit: Settled<A, E>): void {
    this.settle(job, outcome, exit)
    this.endedBetween(job)
  }

  cutOff(job: PoolJob<Job, A, E>): void {
    this.leaveUndone(job, undefined)
    this.watchers?.ended(job, outcomeOfUndone(job))
    this.endedBetween(job)
  }

  private endedBetween(job: PoolJob<Job, A, E>): void {
    job.tell()
    this.drained()
    this.checkEnders()
  }

  /**
   * The books of a job that the pool's end leaves undone. A job that never began is returned, with `exit`; a job that
   * has another attempt left ends as its last one did. `watchers.ended` has to follow.
   */
  private leaveUndone(job: PoolJob<Job, A, E>, exit: Exit.Exit<never, PoolFailed> | undefined): void {
    if (job.past !== undefined) this.findings.aborted(job)
    this.enter(job, outcomeOfUndone(job), job.past?.exit ?? exit)
  }

  comeBack(job: PoolJob<Job, A, E>): void {
    const worker = this.idleFor(job)
    if (worker === undefined) this.queue.comeBack(job)
    else this.assign(worker, job)
    this.watchers?.retried(job)
    if (worker !== undefined) this.begin(worker)
    else this.hireForJobs()
  }

  // Cancelling and awaiting (P7)

  /** Removes the job, or interrupts it and waits for its end. Returns whether that is how it ended. */
  cancel(job: PoolJob<Job, A, E>): Effect.Effect<boolean> {
    return Effect.withFiber((fiber) => this.cancelBy(job, fiber, cancellation("pool", this.name, "cancel", fiber)))
  }

  /** `by`: none where a promise's caller cancels. Runs fibers. */
  cancelBy(
    job: PoolJob<Job, A, E>,
    by: AnyFiber | undefined,
    annotations: Annotations | undefined
  ): Effect.Effect<boolean> {
    const { phase, worker } = job
    if (phase === "blocked") {
      this.withdraw(job, by, annotations)
    } else if (phase === "queued") {
      this.queue.remove(job)
      this.settle(job, "interrupted", interruptedBy(by?.id, annotations))
      job.tell()
      this.queue.wakeLater()
      this.drained()
    } else if (phase === "retrying") {
      return this.interruptAndWait(job, this.retries?.fiberOf(job), by, annotations)
    } else if (worker === undefined) {
      return Effect.succeed(false)
    } else if (worker.isUnbegun) {
      this.endJob(worker, "interrupted", interruptedBy(by?.id, annotations), false)
    } else {
      return this.interruptAndWait(job, worker.fiber, by, annotations)
    }
    return Effect.succeed(true)
  }

  private interruptAndWait(
    job: PoolJob<Job, A, E>,
    fiber: AnyFiber | undefined,
    by: AnyFiber | undefined,
    annotations: Annotations | undefined
  ): Effect.Effect<boolean> {
    // A deadline leaves it another attempt, this does not.
    if (job.cancelled === undefined || job.cancelled.reason === "timedOut") {
      job.cancelled = { by: by?.id, reason: "cancelled", annotations }
    }
    if (fiber !== undefined) job.interrupt(fiber, by?.id, annotations)
    // A job that cancels itself would wait for itself. And that another one waits here calls for no verdict (P9): what
    // it waits for has been interrupted.
    if (fiber === by) return Effect.succeed(true)
    const end = Effect.callback<Settled<A, E>>((resume) => this.observe(job, undefined, resume))
    return Effect.map(end, () => job.state === "interrupted")
  }

  awaitJob(job: PoolJob<Job, A, E>): Effect.Effect<Settled<A, E>> {
    return Effect.callback((resume) => {
      const fiber = currentFiber()
      const inside = this.insideOf(fiber)
      const deadlock = inside && job.exit === undefined ? this.deadlock("await", inside, job) : undefined
      if (deadlock !== undefined) return resume(deadlock)
      const leave = this.observe(job, inside, resume)
      // Its own worker serves nobody meanwhile.
      if (inside !== undefined) this.hireForJobs()
      return leave
    })
  }

  private observe(
    job: PoolJob<Job, A, E>,
    inside: Worker | undefined,
    resume: (effect: Effect.Effect<Settled<A, E>>) => void
  ): Effect.Effect<void> | undefined {
    const tell = (exit: Told<A, E>) => resume(Effect.succeed(job.settled(exit)))
    if (job.exit !== undefined) {
      tell(job.exit)
      return undefined
    }
    const observer = new ResultReader(currentFiber(), tell, inside && this.waits.begin(inside, job))
    job.observe(observer)
    return Effect.sync(() => job.forget(observer))
  }

  // Jobs that wait for their own pool (P9)

  /** The worker whose job's fiber this is, and not a fiber that the job has forked. */
  insideOf(fiber: AnyFiber): Worker | undefined {
    const worker = fiber.getRef(CurrentWorker)
    return worker?.owner === this && worker.fiber === fiber ? worker : undefined
  }

  /**
   * A job's own fiber waits for one of the jobs that it has brought. Returns what ends the wait; or the defect, where
   * nothing in the pool could end it.
   */
  awaitBrought(inside: Worker, job: PoolJob<Job, A, E>): (() => void) | Exit.Exit<never> {
    const deadlock = this.deadlock("runAll", inside, job)
    if (deadlock !== undefined) return deadlock
    const end = this.waits.begin(inside, job)
    this.hireForJobs()
    return end
  }

  /** The defect of a job that is about to wait for its pool, when nothing in the pool could end the wait. */
  private deadlock(
    operation: "run" | "runAll" | "submit" | "reserve" | "await" | "shutdown",
    inside: Worker,
    wait: Wait,
    pushedOut?: AnyJob
  ): Exit.Exit<never> | undefined {
    // A deadline will end the wait: of the drain, or of this very job.
    if (this.lifecycle.hasTimer || this.deadlines?.limits.run === true) return undefined
    const found = this.waits.verdict(inside, wait, (wait) =>
      operation === "shutdown"
        ? wait === "room" || wait === "worker" || (wait !== "end" && wait.phase === "blocked")
        : typeof wait === "object" && wait === pushedOut)
    return found && this.dieOfDeadlock(operation, inside, inside.job?.id, found === "circle")
  }

  private dieOfDeadlock(
    operation: string,
    worker: Worker,
    job: number | undefined,
    itself: boolean
  ): Exit.Exit<never> {
    const { name, size } = this
    return Exit.die(new PoolDeadlock({ operation, pool: name, worker: worker.name, job, size, itself }))
  }

  private get situation(): Situation {
    return {
      reach: this.reach,
      queued: this.queue.size,
      retrying: this.retrying,
      expires: this.deadlines?.limits.wait === true,
      hasQueue: this.queue.capacity > 0
    }
  }

  /** How many workers there may come to be: one that an autoscaler would add counts as one that is there. */
  private get reach(): number {
    const bounds = [...this.autoscalers].map(({ max }) => max)
    return bounds.length === 0 ? this.size : Math.max(this.size, Math.min(...bounds))
  }

  // Workers come and go

  /** P1: suspends until all workers have their resources, or one could not get its. */
  readonly start: Effect.Effect<void, unknown> = Effect.callback((resume) => {
    this.starter = new Suspended(currentFiber(), resume)
    for (let left = this.roster.floor; left > 0; left--) {
      // One of them may have failed already.
      if (this.isEnding) break
      this.roster.hire().start()
    }
    if (this.roster.floor === 0 && !this.isEnding) {
      this.lifecycle.runs()
      this.wakeStarter(Exit.void)
    }
    // Its scope may be closed already.
    this.checkEnders()
  })

  acquire(info: model.WorkerInfo, tenure: Tenure): Effect.Effect<unknown, unknown> {
    const { config, upkeep } = this
    const acquired = config.worker(info)
    return upkeep === undefined ? acquired : Effect.tap(acquired, () => upkeep.begin(tenure))
  }

  /** Once `make` has returned, an attempt that fails is followed by others. */
  restarting(attempt: Effect.Effect<void, unknown>): Effect.Effect<void, unknown> {
    return this.lifecycle.state === "starting" ? attempt : Effect.retry(attempt, this.config.restart)
  }

  needs(worker: Worker): boolean {
    return worker.wanted && this.hasWork && this.lacks(worker.state === "givenUp" ? 0 : 1)
  }

  /**
   * P19: whether there are too few workers without `spare` of them: fewer than there always are, or fewer that acquire
   * a resource than jobs that are ready. A worker that releases one may take long.
   */
  private lacks(spare: number): boolean {
    const { census, lost, onDemand, queue, reservations, roster } = this
    if (onDemand === undefined || census.present - spare < roster.floor) return true
    return queue.order.ready + lost + (reservations?.wanted ?? 0) > census.wanted("acquiring")
  }

  /** P19: whether there is, or will be, a worker for the job in addition to those for jobs that are ready. */
  private hasTaker(job: PoolJob<Job, A, E>): boolean {
    const { census, lost, queue: { order }, roster, size } = this
    return !this.isPaused && order.couldRun(job) &&
      order.ready + lost < census.wanted("acquiring") + Math.max(0, size - roster.live)
  }

  /** P19: the worker has been idle for too long. The returned function runs fibers. */
  private letIdleGo(worker: Worker): () => void {
    if (worker.state !== "idle" || this.census.present <= this.roster.floor) return () => {}
    if (this.spare <= 0) {
      // The place that keeps it may be given back.
      this.onDemand?.rests(worker)
      return () => {}
    }
    worker.wanted = false
    this.roster.releases(worker)
    return () => worker.relieve(Exit.void)
  }

  private leaves(worker: Worker): boolean {
    return worker.isCondemned || !worker.wanted || this.isEnding
  }

  /** Whether it serves jobs, or will once it has a resource. A worker whose job waits for the pool may never do so. */
  private canServe(worker: Worker): boolean {
    return worker.wanted && !this.waits.has(worker) && worker.state !== "givenUp" && worker.state !== "ended"
  }

  /** A worker has a resource. Runs fibers. */
  acquired(worker: Worker, isFirst: boolean): void {
    if (!isFirst) this.roster.replaced++
    const leaves = this.leaves(worker)
    this.unbegun.forgetTurn(worker)
    if (leaves) this.roster.releases(worker)
    else this.serve(worker, "later")
    // Without jobs yet, all that have a good resource are idle.
    const started = this.lifecycle.state === "starting" && this.roster.idle === this.roster.floor
    if (started) this.lifecycle.runs()
    this.queue.wakeLater()
    if (leaves) worker.relieve(Exit.void)
    if (leaves) this.hireForJobs()
    if (started) this.wakeStarter(Exit.void)
  }

  /**
   * P10: sets the number of workers. Surplus workers leave in this order: workers whose jobs wait for the pool, so that
   * one stays that can serve them (P9); workers without a resource; idle ones; busy ones, after their jobs. Missing
   * workers come: first surplus ones that have not left yet, then new ones. Runs fibers.
   */
  resize(size: number): void {
    if (!this.isOpen && this.lifecycle.state !== "draining") return
    this.roster.size = size
    const surplus = this.roster.surplus((worker) => this.waits.has(worker))
    if (surplus.length > 0) return this.letGo(surplus)
    const missing = size - this.roster.staying.length
    for (const worker of this.roster.leaving.slice(0, missing)) worker.wanted = true
    this.hire()
    this.tellFollowers()
  }

  private letGo(surplus: ReadonlyArray<Worker>): void {
    for (const worker of surplus) worker.wanted = false
    const annotations = cancellation("pool", this.name, "resize", undefined)
    for (const worker of surplus) {
      // The release of a worker before this one may have resized the pool again.
      if (worker.wanted) continue
      if (worker.state === "idle") this.retire(worker)
      else worker.giveUp(undefined, annotations)
    }
    this.reservations?.recall(-this.spare)
  }

  /** Starts the missing workers. Leaving ones count, so that there are never more resources than workers. */
  private hire(): void {
    while (this.roster.live < this.size && this.hasWork && this.lacks(0)) {
      const worker = this.roster.hire()
      worker.start()
      if (worker.isDenied) break
    }
  }

  /** P19: jobs are ready that no worker is about to take, or a worker leaves. Runs fibers. */
  private hireForJobs(): void {
    this.recall()
    if (this.onDemand !== undefined && this.lifecycle.state !== "starting" && !this.isPaused) this.hire()
  }

  /** A worker's resource is no good any more, and no job has begun on it. Runs fibers. */
  retire(worker: Worker): void {
    this.roster.releases(worker)
    if (worker.job !== undefined) this.handBack(worker)
    worker.relieve(Exit.void)
    this.hireForJobs()
  }

  /** The youngest job that has not begun goes to an idle worker; if there is none, it is first in line, as before. */
  private handBack(from: Worker): void {
    this.unbegun.handDown(from)
    const job = this.unassign(from)
    const worker = this.takeIdle()
    if (worker === undefined) return this.queue.putBack(job)
    this.assign(worker, job)
    this.unbegun.postpone(worker)
  }

  private wakeStarter(exit: Exit.Exit<void, unknown>): void {
    const { starter } = this
    this.starter = undefined
    starter?.wake(exit)
  }

  /** P1 for the first resource, P5 for a later one. Runs fibers. */
  cannotAcquire(worker: Worker, cause: Cause.Cause<unknown>): void {
    worker.become(workerStates.givenUp)
    if (this.lifecycle.state === "starting") {
      this.stop(undefined, "a resource could not be acquired", cause)
      this.wakeStarter(Exit.failCause(cause))
    } else if (this.needs(worker)) {
      // One more than there were could not be had: the pool goes on without it, if another one can serve (P9).
      const isServed = this.roster.workers.some((worker) => this.canServe(worker))
      if (isServed && this.onDemand !== undefined) worker.isDenied = true
      else if (isServed && worker.isNew) this.roster.size--
      else this.fail(new PoolFailed({ pool: this.name, worker: worker.name, cause }))
    }
  }

  /** Runs fibers. */
  workerEnded(worker: Worker): void {
    this.roster.ended(worker)
    // During `start` those that are missing are about to come. A resource that could not be had is tried for again with
    // the next job (P19).
    if (this.lifecycle.state !== "starting" && !worker.isDenied) this.hire()
    this.checkEnders()
  }

  releaseFailed(cause: Cause.Cause<never>): void {
    this.findings.releaseFailed(cause)
  }

  get releaseTimeout(): number {
    return this.config.releaseTimeout
  }

  releaseDetached(): void {
    this.findings.releasesDetached++
  }

  // The end

  /** Stops accepting, lets what was accepted run to its end or the deadline, and returns when all is over. */
  shutdown(deadline: Duration.Duration): Effect.Effect<model.ShutdownReport<Job>> {
    return this.ending(() => this.drain(deadline), !Duration.isFinite(deadline))
  }

  get shutdownNow(): Effect.Effect<model.ShutdownReport<Job>> {
    return this.ending((fiber) => this.stop(fiber, "shutdownNow"), false)
  }

  /** The same, when its scope closes with this exit. */
  shutdownWith(exit: Exit.Exit<unknown, unknown>): Effect.Effect<model.ShutdownReport<Job>> {
    const led = Exit.isFailure(exit) ? exit.cause : undefined
    return this.ending((fiber) => this.stop(fiber, "its scope closed", led), false)
  }

  /** The pool's finalizer (P8). It dies of the defects of releases that no report has contained. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const closed = Effect.suspend(() => {
      const news = this.findings.news()
      return Effect.flatMap(this.shutdownWith(exit), () => {
        const reasons = news().flatMap((cause) => cause.reasons)
        return reasons.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(reasons))
      })
    })
    const { watchers } = this
    return watchers === undefined ? closed : Effect.ensuring(closed, Effect.sync(() => watchers.closed()))
  }

  /** Runs fibers. */
  private drain(deadline: Duration.Duration): void {
    if (this.lifecycle.state === "running" || this.isPaused) {
      this.lifecycle.drain()
      const tellBlocked = this.reject("draining")
      this.goOn()
      this.tellFollowers()
      tellBlocked()
    }
    // The rejected callers may have ended the pool meanwhile. In a pool that has failed, jobs may still run.
    const { state } = this.lifecycle
    if (
      (state === "draining" || state === "failed") && this.roster.live + this.pending > 0 && Duration.isFinite(deadline)
    ) {
      const expire = Effect.withFiber((fiber) => Effect.sync(() => this.stop(fiber, "the deadline of the shutdown")))
      const timer = Effect.andThen(Effect.sleep(deadline), expire)
      this.lifecycle.addTimer(stack.start<void, never, never>(Effect.runForkWith(this.context), timer))
    }
    this.drained()
  }

  /** Suspends until no job waits or runs. A job that would wait for itself dies of it (P9). */
  get idle(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.isQuiet) return resume(Effect.void)
      const fiber = currentFiber()
      const inside = this.insideOf(fiber)
      if (inside !== undefined) return resume(this.dieOfDeadlock("idle", inside, inside.job?.id, true))
      const waiter = new Suspended<void>(fiber, () => resume(Effect.void))
      this.idlers.push(waiter)
      return Effect.sync(() => {
        if (waiter.state === "waiting") this.idlers.remove(waiter)
        waiter.served()
      })
    })
  }

  /** No job waits for room, for a worker or for another attempt, and none runs. */
  private get isQuiet(): boolean {
    return this.pending + this.queue.blocked + this.ledger.running === 0
  }

  /** Lets those go on who wait for that. Runs fibers. */
  private wakeIdlers(): void {
    if (this.idlers.size === 0 || !this.isQuiet) return
    const woken = this.idlers.takeAll()
    for (const waiter of woken) waiter.served()
    for (const waiter of woken) waiter.wake()
  }

  /** The pool that drains may be through. Runs fibers. */
  private drained(): void {
    this.wakeIdlers()
    if (this.lifecycle.state !== "draining" || this.pending > 0) return
    if (this.ledger.running === 0) this.stop(undefined, "shutdown")
    else this.checkEnders()
  }

  /** Ends what waits, and interrupts what runs. `led`: the cause that has led to it. Runs fibers. */
  private stop(fiber: AnyFiber | undefined, why: Why, led?: Cause.Cause<unknown>): void {
    const { state } = this.lifecycle
    if (state === "stopping" || state === "stopped") return
    const by = fiber?.id
    const annotations = cancellation("pool", this.name, why, fiber, led)
    const timers = this.lifecycle.takeTimers()
    if (state !== "failed") this.lifecycle.stop()
    const clear = this.clear(undefined)
    const fibers = timers.concat(this.retries?.fibers ?? [])
    for (const worker of this.roster.workers) {
      if (worker.job === undefined) continue
      this.jobOf(worker).cancelled ??= { by, reason: "aborted", annotations }
      if (worker.fiber !== undefined) fibers.push(worker.fiber)
    }
    this.tellFollowers()
    clear(by, annotations)
    for (const fiber of fibers) stack.interrupt(fiber, by, annotations)
    this.checkEnders()
  }

  /** P5: waiting jobs are returned. Running jobs have good resources, and go on. Runs fibers. */
  private fail(error: PoolFailed): void {
    this.lifecycle.fail(error)
    const retrying = this.retries?.fibers ?? []
    const clear = this.clear(Exit.fail(error))
    const { cause } = error
    const annotations = cancellation("pool", this.name, "a resource could not be acquired", undefined, cause)
    this.tellFollowers()
    clear(undefined, annotations)
    for (const fiber of retrying) stack.interrupt(fiber, undefined, annotations)
    this.checkEnders()
  }

  /** The books of the pool's end. The returned function runs fibers: it notifies the waiters and ends idle workers. */
  private clear(
    exit: Exit.Exit<never, PoolFailed> | undefined
  ): (by: number | undefined, annotations: Annotations | undefined) => void {
    // Jobs that were assigned and have not begun are older than those that wait.
    const { workers } = this.roster
    const unbegun = workers.filter(({ isUnbegun }) => isUnbegun)
    const jobs = unbegun.map((worker) => this.unassign(worker)).sort(byAge).concat(this.queue.takeQueued())
    for (const job of jobs) {
      if (job.past === undefined) this.findings.returned(job)
      this.leaveUndone(job, exit)
    }
    for (const job of jobs) this.watchers?.ended(job, outcomeOfUndone(job))
    const tellBlocked = this.reject(exit === undefined ? "stopping" : "failed")
    const home = workers.filter((worker) => worker.state === "idle").concat(unbegun)
    for (const worker of home) this.roster.releases(worker)
    return (by, annotations) => {
      for (const job of jobs) job.tell()
      tellBlocked()
      for (const worker of home) worker.relieve(Exit.void)
      for (const worker of workers) worker.giveUp(by, annotations)
    }
  }

  /** The books of rejecting all callers that wait for room. The returned function runs fibers: it notifies them. */
  private reject(state: PoolClosed["state"]): () => void {
    const closed = this.lifecycle.closed(state)
    const tellReserving = this.reservations?.close(closed)
    const jobs = this.queue.takeBlocked()
    this.watchers?.rejected("PoolClosed", jobs.length)
    for (const job of jobs) {
      job.callerServed()
      job.settle("withdrawn", closed)
    }
    return () => {
      for (const job of jobs) {
        job.callerGoesOn(closed)
        job.tell()
      }
      tellReserving?.()
    }
  }

  /**
   * Begins the end, and returns the report when all is over. In one step, so that whoever comes next sees who waits
   * already (P9).
   */
  private ending(
    begin: (fiber: AnyFiber) => void,
    mayNeverEnd: boolean
  ): Effect.Effect<model.ShutdownReport<Job>> {
    return Effect.callback((resume) => {
      const fiber = currentFiber()
      const inside = this.insideOf(fiber)
      const part = inside ?? this.partOf(fiber)
      const deadlock = mayNeverEnd && part !== undefined ? this.drainDeadlock(inside, part) : undefined
      if (deadlock !== undefined) return resume(deadlock)
      const wait = inside && this.waits.begin(inside, "end")
      const ender = new Ender(fiber, () => resume(Effect.sync(() => this.report())), wait, part)
      this.lifecycle.wait(ender)
      begin(fiber)
      if (inside !== undefined) this.hireForJobs()
      this.checkEnders()
      return Effect.sync(() => this.lifecycle.leave(ender))
    })
  }

  /**
   * The worker that waits for this fiber: it runs that one's job, or is the fiber of a resource's release, or was
   * forked by one of them. One that was detached from a job that has ended counts as the next one's.
   */
  private partOf(fiber: AnyFiber): Worker | undefined {
    const worker = fiber.getRef(CurrentWorker)
    return worker?.owner === this && worker.state !== "ended" ? worker : undefined
  }

  /** The defect of a drain that its own worker would keep from ending. */
  private drainDeadlock(inside: Worker | undefined, part: Worker): Exit.Exit<never> | undefined {
    if (inside !== undefined) return this.deadlock("shutdown", inside, "end")
    const mayHire = this.onDemand !== undefined && this.roster.live < this.size
    const needsIt = part.job === undefined && this.pending > 0 && !mayHire &&
      !this.roster.workers.some((worker) => worker !== part && this.canServe(worker))
    return needsIt ? this.dieOfDeadlock("shutdown", part, undefined, true) : undefined
  }

  /**
   * Lets those go on who wait for the end. A worker's job or release among them waits for all but that worker, and
   * those whose jobs or releases wait likewise. Runs fibers.
   */
  private checkEnders(): void {
    this.wakeIdlers()
    const over = this.isEnding && this.roster.live === 0 && this.retrying === 0
    if (over && this.lifecycle.state === "stopping") this.lifecycle.stopped()
    const timers = over
      ? this.lifecycle.takeTimers().concat(
        this.deadlines?.takeSleepers() ?? [],
        this.onDemand?.takeSleepers() ?? [],
        [...this.autoscalers].map(({ fiber }) => fiber)
      )
      : []
    const inside = this.lifecycle.takeInside((parts) => this.hasOnlyLeft(parts))
    const woken = over ? inside.concat(this.lifecycle.takeOutside()) : inside
    for (const ender of woken) ender.served()
    for (const timer of timers) stack.interrupt(timer, undefined)
    if (over) this.config.deadLetters?.close()
    // Only a scope that has closed ends a pool before it runs, and lets no acquisition fail.
    if (over) this.wakeStarter(interruptedBy(undefined, cancellation("pool", this.name, "its scope closed", undefined)))
    for (const ender of woken) ender.wake()
  }

  /** Whether nothing is left but these workers, each of which waits for the end itself. */
  private hasOnlyLeft(parts: ReadonlySet<Worker>): boolean {
    const counts = this.isEnding ? isLive : hasJob
    const own = [...parts].filter(counts).length
    return this.retrying + (this.isEnding ? this.roster.live : this.queue.size + this.ledger.running) <= own
  }

  // Its statistics

  private report(): model.ShutdownReport<Job> {
    return { counts: this.columns(), ...this.findings.report() }
  }

  private columns(): model.Ledger {
    return this.ledger.columns(this.queue.size, this.retrying)
  }

  /** The pool as an autoscaler samples it. */
  sample(): Sample {
    const { heldUp, ledger: { running }, queue: { order: { callers, ready }, overflows }, roster: { idle }, size } =
      this
    const stuck = this.waits.size
    // Calls that wait for places of each other say nothing about the load.
    const reserving = idle === 0 ? this.reservations?.wanted ?? 0 : 0
    return { now: this.now(), size, running, idle, ready, callers: callers + heldUp + reserving, overflows, stuck }
  }

  stats(): model.Stats {
    const { blocked, capacity, order: { keys } } = this.queue
    return {
      state: this.lifecycle.state,
      size: this.size,
      idle: this.roster.idle,
      reserved: this.reservations?.count ?? 0,
      acquiring: this.census.count("acquiring"),
      releasing: this.census.count("releasing"),
      capacity: capacity === Infinity ? "unbounded" : capacity,
      waiting: blocked,
      keys,
      replaced: this.roster.replaced,
      releasesDetached: this.findings.releasesDetached,
      ...this.columns()
    }
  }

  toJSON(): unknown {
    return { _id: "WorkerPool", name: this.name, ...this.stats() }
  }

  [ViewTypeId](detail: Detail): View | undefined {
    const {
      deadlines,
      followers: calls,
      idlers,
      lifecycle,
      name,
      queue,
      reach,
      reservations,
      retries,
      roster,
      starter
    } = this
    const stats = () => this.stats()
    const books = {
      self: this,
      name,
      reach,
      stats,
      roster,
      queue,
      deadlines,
      retries,
      lifecycle,
      idlers,
      starter,
      reservations,
      calls
    }
    return viewOf(books, detail)
  }
}

const usedUp = (operation: string): Exit.Exit<never> =>
  Exit.die(new Error(`Slot.${operation}: the slot was used or given back`))

const outcomeOfUndone = ({ past }: AnyJob): Outcome => past?.outcome ?? "returned"
const isLive = ({ state }: Worker): boolean => state !== "ended"
const hasJob = ({ job }: Worker): boolean => job !== undefined

// A worker does not care what its jobs are, and hands on what the pool gave it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type AnyPool = Pool<any, any, any>

const Submit = operation(
  "WorkerPool.submit",
  (fiber, pool: AnyPool, input: unknown) => pool.submitJob(fiber, pool.newJob(fiber.context, input) as AnyJob)
)

const byAge = (one: { readonly id: number }, other: { readonly id: number }): number => one.id - other.id
