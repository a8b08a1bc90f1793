import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import type * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import { Described } from "../Described.js"
import { inLaterTurn, sharing } from "../dispatcher.js"
import { List } from "../List.js"
import { monotonicMillis } from "../monotonic.js"
import { operation } from "../operation.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import { Admission, type Discipline } from "./Admission.js"
import type { Sample } from "./Autoscaler.js"
import type { DeadLetters } from "./DeadLetters.js"
import { Deadline } from "./Deadline.js"
import { dismissed } from "./dismissal.js"
import { JobTimeout, PoolClosed, PoolDeadlock, PoolFailed, QueueFull } from "./errors.js"
import { type AnyJob, outcomeOf, PoolJob, type Settled, type Told } from "./Job.js"
import { loadOf } from "./load.js"
import {
  type JobContext,
  type Ledger,
  type RunError,
  type ShutdownReport,
  type Stats,
  TypeId,
  type WorkerInfo,
  type WorkerPool
} from "./model.js"
import { isNotBegun, wasWithdrawn } from "./notBegun.js"
import type { Observer } from "./Observer.js"
import { type Decision, type Past, type Policy, Retries } from "./Retries.js"
import { type Outcome, type PoolState, transitions } from "./states.js"
import { currentFiber, Suspended } from "./Suspended.js"
import { give, Unbegun } from "./Unbegun.js"
import { type Situation, type Wait, Waits } from "./Waits.js"
import { CurrentWorker, Worker } from "./Worker.js"

/** A pool's options, checked and with their defaults. What the functions need is in `context`. */
export interface Config<in out Job, out A, in out E> {
  readonly name: string | undefined
  readonly size: number
  readonly discipline: Discipline<Job>
  readonly onDefect: "replace" | "keep"
  readonly deadlines: { readonly wait: Duration.Duration | undefined; readonly run: Duration.Duration | undefined }
  /** Undefined where each attempt is the only one, and no dead letter is kept. */
  readonly policy: Policy<Job> | undefined
  readonly deadLetters: DeadLetters<Job, E> | undefined
  /** Undefined where nobody watches. */
  readonly observer: Observer | undefined
  readonly context: Context.Context<never>
  readonly restart: Schedule.Schedule<unknown>
  readonly worker: (info: WorkerInfo) => Effect.Effect<unknown, unknown>
  readonly run: (job: Job, context: JobContext<unknown>) => Effect.Effect<A, E>
}

// A worker does not care what its jobs are, and hands on what the pool gave it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyPool = Pool<any, any, any>

/** A stream of `map`, which hears of each new size and of the pool's end (L1, L4). */
export interface Follower {
  /** It has all its jobs in the pool, and would bring more. */
  readonly isHeldUp: boolean
  /** Runs fibers. */
  readonly poolChanged: () => void
}

/** What a job does to a full queue: as its strategy says; or it waits, whatever that says. */
type WhenFull = "strategy" | "wait"

type State =
  | { readonly _tag: Exclude<PoolState, "draining" | "failed"> }
  /** The timers are those of the deadlines. */
  | { readonly _tag: "draining"; readonly timers: Array<AnyFiber> }
  | { readonly _tag: "failed"; readonly timers: Array<AnyFiber>; readonly error: PoolFailed }

/**
 * The pool's books: which jobs wait, which worker has which, and what became of them all.
 *
 * Who runs whom inline: starting a job, interrupting one, releasing a resource and letting a suspended fiber go on all
 * run code of the user's here and now, and that may come back into the pool with any operation. So every method changes
 * the books first, to the end, and runs fibers last; what it has yet to run by then is in variables of its own. A method
 * that runs fibers says so.
 *
 * Between methods an idle worker means that no job could run, and P4 holds: `accepted` is the sum of the outcomes, of what
 * waits and of `running`.
 *
 * P16: only a job's success has its worker begin the next job at once. Jobs are often interrupted together, and those that
 * wait may be next: so a worker that is free for any other reason is given its next job at once, and begins it in a turn
 * that is requested then.
 */
export class Pool<in out Job, in out A, in out E> extends Described implements WorkerPool<Job, A, E> {
  readonly [TypeId]: WorkerPool<Job, A, E>[typeof TypeId] = { _Job: identity, _A: identity, _E: identity }
  readonly name: string | undefined
  private readonly scheduler: Scheduler.Scheduler
  /** That of whoever made the pool, for all fibers of the pool. */
  readonly context: Context.Context<never>
  /** What the latest releases died of that did, and how many have. */
  private readonly releaseFailures: Array<Cause.Cause<never>> = []
  releasesFailed = 0
  private readonly waits = new Waits(() => this.situation)
  readonly followers = new Set<Follower>()

  private state: State = { _tag: "starting" }
  /** How many workers there are to be. */
  size: number
  private readonly workers = new Set<Worker>()
  private readonly idle = new List<Worker>()
  /** The workers that have a job and have not begun it. */
  readonly unbegun: Unbegun
  /** Workers whose own fibers have not ended. */
  private live = 0
  /** The numbers of workers that have ended, for those to come. */
  private readonly freeIds: Array<number> = []
  private replaced = 0

  /** What keeps the size between bounds, while it is at work. */
  readonly autoscalers = new Set<{ readonly max: number; readonly fiber: AnyFiber }>()

  private readonly waiting: Admission<Job, A, E>
  /** P11, where they are asked for. */
  private readonly waitDeadline: Deadline<PoolJob<Job, A, E>> | undefined
  private readonly runDeadline: Deadline<PoolJob<Job, A, E>> | undefined
  private readonly retries: Retries<Job, A, E> | undefined
  private running = 0
  private readonly ended = {
    succeeded: 0,
    failed: 0,
    died: 0,
    interrupted: 0,
    expired: 0,
    timedOut: 0,
    deadLettered: 0,
    dropped: 0,
    returned: 0
  }
  private readonly returned: Array<Job> = []
  /** Those of a worker that had not begun them: they are older than what was still queued. */
  private readonly handedBack: Array<PoolJob<Job, A, E>> = []
  private readonly aborted: Array<PoolJob<Job, A, E>> = []

  /** Who waits for the workers' first resources. */
  private starter: Suspended<Exit.Exit<void, unknown>> | undefined = undefined
  /** Those who wait for the end of everything; and the jobs among them. */
  private readonly enders = new List<Ender>()
  private readonly insideEnders = new List<Ender>()
  /** How many of the releases that failed a report has shown. */
  private reported = 0

  constructor(readonly config: Config<Job, A, E>) {
    super()
    this.name = config.name
    this.scheduler = sharing(Context.get(config.context, Scheduler.Scheduler))
    const dispatcher = this.scheduler.makeDispatcher()
    this.context = Context.add(config.context, Scheduler.Scheduler, this.scheduler)
    this.unbegun = new Unbegun(this.scheduler)
    const deadline = (
      after: Duration.Duration | undefined,
      expire: (job: PoolJob<Job, A, E>, by: number) => () => void
    ) => after && new Deadline(after, this.context, expire)
    this.waitDeadline = deadline(config.deadlines.wait, (job) => this.expire(job))
    this.runDeadline = deadline(config.deadlines.run, (job, by) => this.timeOut(job, by))
    this.retries = config.policy &&
      new Retries(config.policy, Effect.runForkWith(this.context), (job, exit) => this.decided(job, exit))
    const soon = (task: () => void) => dispatcher.scheduleTask(task, 0)
    const later = (task: () => void) => inLaterTurn(this.scheduler, task)
    this.waiting = new Admission(config.discipline, soon, later, this.waitDeadline)
    this.size = config.size
    for (let id = 1; id <= config.size; id++) this.workers.add(new Worker(this, id))
  }

  // States: the table is in docs/worker-pool.md

  private become(next: State): void {
    const from = this.state._tag
    if (!transitions[from].includes(next._tag)) {
      throw new Error(`WorkerPool: a pool that is ${from} cannot become ${next._tag}`)
    }
    this.state = next
  }

  /** No worker takes another job. */
  get isEnding(): boolean {
    const { _tag } = this.state
    return _tag === "stopping" || _tag === "stopped" || _tag === "failed"
  }

  /** It accepts jobs. */
  get isOpen(): boolean {
    const { _tag } = this.state
    return _tag === "starting" || _tag === "running"
  }

  /** A worker without a resource is to get another one. */
  needs(worker: Worker): boolean {
    return worker.wanted && this.hasWork
  }

  private get hasWork(): boolean {
    return this.isOpen || (this.state._tag === "draining" && this.pending > 0)
  }

  /** How many jobs are still to be given to a worker. */
  private get pending(): number {
    return this.waiting.size + this.retrying
  }

  private get retrying(): number {
    return this.retries === undefined ? 0 : this.retries.size
  }

  now(): number {
    return monotonicMillis(Context.get(this.context, Clock.Clock))
  }

  /** Whether it serves jobs, or will once it has a resource. A worker whose job waits for the pool may never do so. */
  private canServe(worker: Worker): boolean {
    return worker.wanted && !this.waits.has(worker) && worker.state !== "givenUp" && worker.state !== "ended"
  }

  private leaves(worker: Worker): boolean {
    return worker.isCondemned || !worker.wanted || this.isEnding
  }

  private get timers(): Array<AnyFiber> {
    return "timers" in this.state ? this.state.timers : []
  }

  /** How an operation ends that brings a job, if the pool takes none. While it is starting, nobody has it. */
  rejection(): Exit.Exit<never, PoolClosed> | undefined {
    const { _tag } = this.state
    if (_tag === "running" || _tag === "starting") return undefined
    this.config.observer?.rejected("PoolClosed")
    return this.closed(_tag)
  }

  /** How many streams of `map` wait until the pool has room for them. */
  get heldUp(): number {
    let count = 0
    for (const { isHeldUp } of this.followers) if (isHeldUp) count++
    return count
  }

  private tellFollowers(): void {
    for (const follower of [...this.followers]) follower.poolChanged()
  }

  private closed(state: PoolClosed["state"]): Exit.Exit<never, PoolClosed> {
    const cause = this.state._tag === "failed" ? this.state.error.cause : undefined
    return Exit.fail(new PoolClosed({ pool: this.name, state, cause }))
  }

  // Jobs come

  /** Returns the handle once the job is accepted, which may take a wait for room. */
  submit(input: Job): Effect.Effect<PoolJob<Job, A, E>, PoolClosed> {
    return new Submit(this, input) as Effect.Effect<PoolJob<Job, A, E>, PoolClosed>
  }

  submitJob(
    fiber: AnyFiber,
    job: PoolJob<Job, A, E>,
    whenFull: WhenFull
  ): Effect.Effect<PoolJob<Job, A, E>, PoolClosed> {
    this.config.observer?.offered(job, fiber, "submit")
    return this.tryAccept(job, whenFull) ?? this.submitLater(fiber, job, whenFull)
  }

  private submitLater(
    fiber: AnyFiber,
    job: PoolJob<Job, A, E>,
    whenFull: WhenFull
  ): Effect.Effect<PoolJob<Job, A, E>, PoolClosed> {
    return Effect.callback((resume) => {
      // It may have yielded on its way here.
      const accepted = this.tryAccept(job, whenFull)
      if (accepted !== undefined) return resume(accepted)
      const inside = this.insideOf(fiber)
      const deadlock = inside && this.deadlock("submit", inside, "room")
      if (deadlock !== undefined) return resume(deadlock)
      const caller = new Suspended(fiber, resume, inside && this.waits.begin(inside, "room"))
      job.submitter = caller
      this.waiting.block(job)
      return this.leave(job, caller)
    })
  }

  trySubmit(input: Job): Effect.Effect<PoolJob<Job, A, E>, PoolClosed | QueueFull> {
    return Effect.withFiber((fiber): Exit.Exit<PoolJob<Job, A, E>, PoolClosed | QueueFull> => {
      const job = this.newJob(input)
      this.config.observer?.offered(job, fiber, "submit")
      const accepted = this.tryAccept(job, "strategy")
      if (accepted !== undefined) return accepted
      this.config.observer?.rejected("QueueFull")
      return Exit.fail(new QueueFull({ pool: this.name, capacity: this.waiting.capacity }))
    })
  }

  newJob(input: Job): PoolJob<Job, A, E> {
    const job = new PoolJob(this, input)
    this.waiting.arrives(job)
    this.retries?.arrives(job)
    return job
  }

  private tryAccept(
    job: PoolJob<Job, A, E>,
    whenFull: WhenFull
  ): Exit.Exit<PoolJob<Job, A, E>, PoolClosed> | undefined {
    return this.rejection() ?? (this.offer(job, whenFull) ? Exit.succeed(job) : undefined)
  }

  /** Returns the result. Its fiber suspends once, whether the job runs, is queued or waits for room. */
  run(input: Job): Effect.Effect<A, E | RunError> {
    return Effect.callback((resume) => {
      const fiber = currentFiber()
      const inside = this.insideOf(fiber)
      // What it asks of the user's functions may end the pool.
      const job = this.newJob(input)
      const rejection = this.rejection()
      if (rejection !== undefined) return resume(rejection)
      const waits = this.idle.size === 0 && !this.waiting.drops(job)
      const deadlock = inside && waits
        ? this.deadlock("run", inside, "room", this.waiting.oldestToDrop(job))
        : undefined
      if (deadlock !== undefined) return resume(deadlock)
      this.config.observer?.offered(job, fiber, "run")
      const wait = inside && this.waits.begin(inside, job)
      const caller = new Suspended<Told<A, E>>(fiber, (exit) => resume(job.result(exit)), wait)
      job.observe(caller)
      if (!this.offer(job, "strategy")) this.waiting.block(job)
      return this.leave(job, caller)
    })
  }

  /** P7: those who brought a job and are interrupted before they have anything in their hands take it with them. */
  private leave(job: PoolJob<Job, A, E>, caller: Suspended<never>): Effect.Effect<void> {
    return Effect.suspend(() => {
      caller.served()
      job.submitter = undefined
      return Effect.asVoid(this.cancel(job))
    })
  }

  /**
   * P3: to an idle worker, into the queue, or as the strategy says. Answers false, and changes nothing, when the job has
   * to wait for room. Runs fibers.
   */
  private offer(job: PoolJob<Job, A, E>, whenFull: WhenFull): boolean {
    const worker = this.idleFor(job)
    if (worker !== undefined) {
      this.waiting.pass(job)
      this.assign(worker, job)
      this.begin(worker)
      return true
    }
    if (whenFull === "wait" && this.waiting.isFull(job)) return false
    const offered = this.waiting.offer(job)
    if (offered === "full") return false
    if (offered !== "queued") {
      this.settle(offered, "dropped", undefined)
      offered.tell()
    }
    return true
  }

  // Jobs go to workers

  /** None where the limit of its key holds it back. */
  private idleFor(job: PoolJob<Job, A, E>): Worker | undefined {
    return this.waiting.mayRun(job) ? this.takeIdle() : undefined
  }

  /** A worker that was idle begins the job it has been given; or as soon as those before it have begun. Runs fibers. */
  private begin(worker: Worker): void {
    if (this.unbegun.size > 0) this.unbegun.postpone(worker)
    else worker.go()
  }

  /** The one that waits longest; or whose resource has least to do, where others have a part of it. O(idle workers) then. */
  private takeIdle(): Worker | undefined {
    let least = this.idle.head
    let lowest = loadOf(least?.resource) ?? 0
    for (let other = least?.next; other !== undefined && lowest > 0; other = other.next) {
      const own = loadOf(other.resource) ?? 0
      if (own >= lowest) continue
      least = other
      lowest = own
    }
    return least && this.idle.remove(least)
  }

  private assign(worker: Worker, job: PoolJob<Job, A, E>): void {
    job.phase = "running"
    give(worker, job)
    worker.state = "busy"
    this.running++
    this.waiting.began(job)
  }

  /**
   * The worker is free: it takes the job that waits longest, or is idle. If a success has freed it, it begins in this
   * turn. `waiting.wake` has to follow, or `wakeLater`.
   */
  private serve(worker: Worker, begins: "now" | "later"): void {
    const job = this.waiting.take()
    if (job === undefined) return this.rest(worker)
    this.assign(worker, job)
    this.unbegun.add(worker, begins)
  }

  private rest(worker: Worker): void {
    worker.state = "idle"
    this.idle.push(worker)
  }

  /**
   * A worker leaves after its job, whose key may have held one back: that goes to an idle worker. Returns the worker,
   * if any; it may have to `go`.
   */
  private dispatch(begins: "now" | "later"): Worker | undefined {
    const job = this.idle.size > 0 && !this.isEnding ? this.waiting.take() : undefined
    const worker = job && this.takeIdle()
    if (job === undefined || worker === undefined) return undefined
    this.assign(worker, job)
    this.unbegun.add(worker, begins)
    return worker
  }

  // Jobs end

  /** A worker's job has ended by itself. The worker sees to its next one. Runs fibers. */
  jobEnded(worker: Worker, exit: Exit.Exit<unknown, unknown>): void {
    const job = worker.job as PoolJob<Job, A, E>
    const outcome = outcomeOf(exit)
    const reason = job.cancelled?.reason
    const isLost = outcome === "died" && isNotBegun(exit)
    const isLeft = outcome === "interrupted" && reason === "aborted" &&
      (!worker.hasBegun || wasWithdrawn(worker.fiber))
    if (isLeft || (isLost && (reason === undefined || reason === "aborted"))) return this.takeBack(worker, job)
    // P7, P11: what was cancelled, or was late, as its resource was lost does not come back.
    if (reason === "timedOut" && (isLost || outcome === "interrupted")) {
      return this.endJob(worker, "timedOut", this.timeout(job, "run"), isLost)
    }
    if (isLost) return this.endJob(worker, "interrupted", Exit.interrupt(job.cancelled?.by), true)
    // The worker only ever runs this pool's function.
    this.endJob(worker, outcome, exit as Exit.Exit<A, E>, outcome === "died" && this.config.onDefect === "replace")
  }

  /** The resource was lost before the job had begun on it: another worker may have it. Runs fibers. */
  private takeBack(worker: Worker, job: PoolJob<Job, A, E>): void {
    if (!this.isEnding) {
      this.config.observer?.attempted(job, worker.id, undefined)
      return this.retire(worker)
    }
    this.unassign(worker)
    if (job.past !== undefined) {
      this.cutOff(job, job.past)
    } else {
      this.handedBack.push(job)
      this.settle(job, "returned", this.state._tag === "failed" ? Exit.fail(this.state.error) : undefined)
    }
    worker.state = "releasing"
    job.tell()
    worker.relieve(Exit.void)
  }

  // Deadlines (P11)

  /** A job has begun. */
  jobBegan(job: PoolJob<Job, A, E>): void {
    this.config.observer?.began(job)
    if (this.runDeadline !== undefined) job.timing = this.runDeadline.start(job)
    this.waiting.weigh(job)
  }

  /** R1: it may not begin. It ends with `refused` then, and the attempt before was its last one. */
  refuses(job: PoolJob<Job, A, E>): boolean {
    return this.retries?.refuses(job) === true
  }

  timeout(job: PoolJob<Job, A, E>, phase: "wait" | "run"): Exit.Exit<never, E> {
    const after = this.config.deadlines[phase] ?? Duration.zero
    const error = new JobTimeout({ pool: this.name, job: job.id, phase, after })
    // A pool with deadlines has it among its jobs' errors: so says the type of `make`.
    return Exit.fail(error as E & JobTimeout)
  }

  /** The books of a job that has waited for a worker for too long. What it returns tells those who wait for its end. */
  private expire(job: PoolJob<Job, A, E>): () => void {
    this.waiting.remove(job)
    this.settle(job, "expired", undefined)
    return () => {
      job.tell()
      this.waiting.wakeLater()
      this.drained()
    }
  }

  /** The books of a job that has run for too long. What it returns interrupts that attempt. */
  private timeOut(job: PoolJob<Job, A, E>, by: number): () => void {
    const fiber = job.worker?.fiber
    if (fiber === undefined || job.cancelled !== undefined) return () => {}
    job.cancelled = { by, reason: "timedOut" }
    return () => interrupt(job, fiber, by)
  }

  /** `isLost`: its resource is to be replaced. Runs fibers. */
  private endJob(worker: Worker, outcome: Outcome, exit: Settled<A, E> | undefined, isLost: boolean): void {
    const job = this.unassign(worker)
    // An exit that is not of the job's own is none that could be retried.
    const past = this.retries?.take(job, outcome, exit as Exit.Exit<A, E>)
    if (past === undefined) this.settle(job, outcome, exit)
    else this.config.observer?.attempted(job, worker.id, outcome)
    if (job.cancelled?.reason === "aborted" && outcome === "interrupted") this.aborted.push(job)
    const leaves = this.leaves(worker) || isLost
    const succeeded = outcome === "succeeded"
    const begins = succeeded ? "now" : "later"
    if (leaves) worker.state = "releasing"
    else this.serve(worker, begins)
    // Whoever hears of the end must not overtake those that wait.
    const other = leaves ? this.dispatch(begins) : undefined
    if (past === undefined) job.tell()
    else this.retries?.decide(job, past)
    if (succeeded) this.waiting.wake()
    else this.waiting.wakeLater()
    if (leaves) worker.relieve(exit !== undefined && outcome === "died" ? exit : Exit.void)
    other?.go()
    this.drained()
  }

  // Jobs come back (P12)

  /** What becomes of a job between two attempts; or it was interrupted before that was decided. Runs fibers. */
  private decided(job: PoolJob<Job, A, E>, decision: Exit.Exit<Decision>): void {
    const { past } = job
    if (past === undefined) return
    const isCancelled = job.cancelled?.reason === "cancelled"
    if (past.isDelivered) {
      this.settle(job, "deadLettered", past.exit)
    } else if (Exit.isFailure(decision)) {
      if (!Cause.hasInterruptsOnly(decision.cause)) this.settle(job, "died", Exit.failCause(decision.cause))
      else if (isCancelled) this.settle(job, "interrupted", Exit.interrupt(job.cancelled?.by))
      else if (this.isEnding) this.cutOff(job, past)
      // A schedule that interrupts itself.
      else this.settle(job, past.outcome, past.exit)
    } else if (decision.value === "over") {
      this.settle(job, past.outcome, past.exit)
    } else if (isCancelled) {
      // Its interrupt is still on its way.
      this.settle(job, "interrupted", Exit.interrupt(job.cancelled?.by))
    } else if (this.isEnding) {
      this.cutOff(job, past)
    } else {
      return this.comeBack(job)
    }
    job.tell()
    this.drained()
    this.checkEnders()
  }

  private comeBack(job: PoolJob<Job, A, E>): void {
    this.config.observer?.retried(job)
    const worker = this.idleFor(job)
    if (worker === undefined) return this.waiting.comeBack(job)
    this.assign(worker, job)
    this.begin(worker)
  }

  /** The pool ends before its next attempt: what its last one came to is its result. */
  private cutOff(job: PoolJob<Job, A, E>, past: Past<A, E>): void {
    this.settle(job, past.outcome, past.exit)
    this.aborted.push(job)
  }

  private unassign(worker: Worker): PoolJob<Job, A, E> {
    const job = worker.job as PoolJob<Job, A, E>
    this.unbegun.remove(worker)
    worker.job = undefined
    worker.fiber = undefined
    worker.hasBegun = false
    this.running--
    this.waiting.ended(job)
    if (job.timing !== undefined) this.runDeadline?.stop(job.timing)
    job.timing = undefined
    return job
  }

  /** The books of a job's end. `tell` has to follow. */
  private settle(job: PoolJob<Job, A, E>, outcome: Outcome, exit: Settled<A, E> | undefined): void {
    this.ended[outcome]++
    this.config.observer?.ended(job, outcome)
    job.settle(outcome, exit)
  }

  /** P7: removes the job, or interrupts it and waits for its end. Returns whether that is how it ended. */
  cancel(job: PoolJob<Job, A, E>): Effect.Effect<boolean> {
    return Effect.withFiber((fiber) => this.cancelBy(job, fiber))
  }

  /** Runs fibers. */
  cancelBy(job: PoolJob<Job, A, E>, by: AnyFiber): Effect.Effect<boolean> {
    const { phase, worker } = job
    const interrupted: Exit.Exit<never> = Exit.interrupt(by.id)
    if (phase === "blocked") {
      this.waiting.remove(job)
      job.settle("withdrawn", interrupted)
    } else if (phase === "queued") {
      this.waiting.remove(job)
      this.settle(job, "interrupted", interrupted)
      job.tell()
      this.waiting.wakeLater()
      this.drained()
    } else if (phase === "retrying") {
      return this.interruptAndWait(job, job.past?.fiber, by)
    } else if (worker === undefined) {
      return Effect.succeed(false)
    } else if (worker.isUnbegun) {
      // Assigned, and not begun.
      this.endJob(worker, "interrupted", interrupted, false)
    } else {
      return this.interruptAndWait(job, worker.fiber, by)
    }
    return Effect.succeed(true)
  }

  private interruptAndWait(
    job: PoolJob<Job, A, E>,
    fiber: AnyFiber | undefined,
    by: AnyFiber
  ): Effect.Effect<boolean> {
    // A deadline leaves it another attempt, this does not.
    if (job.cancelled === undefined || job.cancelled.reason === "timedOut") {
      job.cancelled = { by: by.id, reason: "cancelled" }
    }
    if (fiber !== undefined) interrupt(job, fiber, by.id)
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
      return deadlock === undefined ? this.observe(job, inside, resume) : resume(deadlock)
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
    const observer = new Suspended(currentFiber(), tell, inside && this.waits.begin(inside, job))
    job.observe(observer)
    return Effect.sync(() => job.forget(observer))
  }

  // Who waits for whom (P9)

  /** The worker whose job's fiber this is, and not a fiber that the job has forked. */
  private insideOf(fiber: AnyFiber): Worker | undefined {
    const worker = fiber.getRef(CurrentWorker)
    return worker?.pool === this && worker.fiber === fiber ? worker : undefined
  }

  /** The defect of a job that is about to wait for its pool, when nothing in the pool could end the wait. */
  private deadlock(
    operation: "run" | "submit" | "await" | "shutdown",
    inside: Worker,
    wait: Wait,
    pushedOut?: AnyJob
  ): Exit.Exit<never> | undefined {
    // A deadline will end the wait: of the drain, or of this very job.
    if (this.timers.length > 0 || this.runDeadline !== undefined) return undefined
    const found = this.waits.verdict(inside, wait, (wait) =>
      operation === "shutdown"
        ? wait === "room" || (wait !== "end" && wait.phase === "blocked")
        : wait !== "room" && wait === pushedOut)
    if (found === undefined) return undefined
    const job = inside.job as PoolJob<Job, A, E>
    return Exit.die(
      new PoolDeadlock({
        operation,
        pool: this.name,
        worker: inside.name,
        job: job.id,
        size: this.size,
        itself: found === "circle"
      })
    )
  }

  private get situation(): Situation {
    return {
      reach: this.reach,
      queued: this.waiting.size,
      retrying: this.retrying,
      expires: this.waitDeadline !== undefined,
      hasQueue: this.waiting.capacity > 0
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
    for (const worker of this.workers) {
      // One of them may have failed already.
      if (this.isEnding) break
      this.live++
      worker.start()
    }
    // Its scope may be closed already.
    this.checkEnders()
  })

  /** A worker has a resource. Runs fibers. */
  acquired(worker: Worker, isFirst: boolean): void {
    if (!isFirst) this.replaced++
    const leaves = this.leaves(worker)
    worker.turn = undefined
    if (leaves) worker.state = "releasing"
    else this.serve(worker, "later")
    // Without jobs yet, all that have a good resource are idle.
    const started = this.state._tag === "starting" && this.idle.size === this.size
    if (started) this.become({ _tag: "running" })
    this.waiting.wakeLater()
    if (leaves) worker.relieve(Exit.void)
    if (started) this.wakeStarter(Exit.void)
  }

  /**
   * P10: so many workers from now on. Those that are too many leave: first those whose jobs wait for the pool, so that one
   * stays that can serve them (P9), then who has no resource, who is idle, and who is busy, after the job. Those that are
   * missing come: first who has not left yet, then new ones. Runs fibers.
   */
  resize(size: number): void {
    if (!this.isOpen && this.state._tag !== "draining") return
    this.size = size
    const staying = [...this.workers].filter(({ state, wanted }) => wanted && state !== "givenUp")
    if (staying.length > size) return this.letGo(staying, staying.length - size)
    // One that gives up its acquisition, or has been told to, cannot go back on that.
    const leaving = [...this.workers].filter(({ state, wanted }) =>
      !wanted && state !== "acquiring" && state !== "givenUp"
    )
    for (const worker of leaving.slice(0, size - staying.length)) worker.wanted = true
    this.hire()
    this.tellFollowers()
  }

  private letGo(workers: Array<Worker>, count: number): void {
    const leaving = dismissed(workers, count, (worker) => this.waits.has(worker))
    for (const worker of leaving) worker.wanted = false
    for (const worker of leaving) {
      // What the one before has released may have asked for more again.
      if (worker.wanted) continue
      if (worker.state === "idle") this.retire(worker)
      else worker.giveUp(undefined)
    }
  }

  /** As many as are missing. Those that are still leaving count: there are never more resources than there may be. */
  private hire(): void {
    while (this.live < this.size && this.hasWork) {
      const worker = new Worker(this, this.freeIds.pop() ?? this.workers.size + 1)
      this.workers.add(worker)
      this.live++
      worker.start()
    }
  }

  /** A worker's resource is no good any more, and no job has begun on it. Runs fibers. */
  retire(worker: Worker): void {
    if (worker.state === "idle") this.idle.remove(worker)
    worker.state = "releasing"
    if (worker.job !== undefined) this.handBack(worker)
    worker.relieve(Exit.void)
  }

  /** The youngest job that has not begun goes to an idle worker; if there is none, it is first in line, as before. */
  private handBack(from: Worker): void {
    this.unbegun.handDown(from)
    const job = this.unassign(from)
    const worker = this.takeIdle()
    if (worker === undefined) return this.waiting.putBack(job)
    this.assign(worker, job)
    this.unbegun.postpone(worker)
  }

  private wakeStarter(exit: Exit.Exit<void, unknown>): void {
    const { starter } = this
    this.starter = undefined
    starter?.wake(exit)
  }

  /** How a worker gets a resource: once `make` has returned, it is tried again. */
  restarting<T>(acquire: Effect.Effect<T, unknown>): Effect.Effect<T, unknown> {
    return this.state._tag === "starting" ? acquire : Effect.retry(acquire, this.config.restart)
  }

  /** P1 for the first resource, P5 for a later one. Runs fibers. */
  cannotAcquire(worker: Worker, cause: Cause.Cause<unknown>): void {
    worker.state = "givenUp"
    if (this.state._tag === "starting") {
      this.stop(undefined)
      this.wakeStarter(Exit.failCause(cause))
    } else if (this.needs(worker)) {
      // One more than there were could not be had: the pool goes on without it, if another one can serve (P9).
      if (worker.isNew && [...this.workers].some((worker) => this.canServe(worker))) this.size--
      else this.fail(new PoolFailed({ pool: this.name, worker: worker.name, cause }))
    }
  }

  /** Runs fibers. */
  workerEnded(worker: Worker): void {
    this.live--
    this.workers.delete(worker)
    this.freeIds.push(worker.id)
    // During `start` those that are missing are about to come.
    if (this.state._tag !== "starting") this.hire()
    this.checkEnders()
  }

  // The end

  /** Stops accepting, lets what was accepted run to its end or the deadline, and returns when all is over. */
  shutdown(deadline: Duration.Duration): Effect.Effect<ShutdownReport<Job>> {
    return this.ending(() => this.drain(deadline), !Duration.isFinite(deadline))
  }

  get shutdownNow(): Effect.Effect<ShutdownReport<Job>> {
    return this.ending((fiber) => this.stop(fiber.id), false)
  }

  /** What the pool's scope does (P8). What releases died of and nobody has been told yet is the scope's defect. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { reported } = this
      return Effect.flatMap(this.shutdownNow, ({ releaseFailures, releasesFailed }) => {
        const news = Math.min(releasesFailed - reported, releaseFailures.length)
        const reasons = releaseFailures.slice(releaseFailures.length - news).flatMap((cause) => cause.reasons)
        return reasons.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(reasons))
      })
    })
  }

  /** Runs fibers. */
  private drain(deadline: Duration.Duration): void {
    if (this.state._tag === "running") {
      this.become({ _tag: "draining", timers: [] })
      const tellBlocked = this.reject("draining")
      this.tellFollowers()
      tellBlocked()
    }
    // Those who were rejected may have gone further. In a pool that has failed there may be jobs that run.
    if ("timers" in this.state && this.live > 0 && Duration.isFinite(deadline)) {
      const expire = Effect.withFiber((fiber) => Effect.sync(() => this.stop(fiber.id)))
      const timer = Effect.andThen(Effect.sleep(deadline), expire)
      this.state.timers.push(stack.start<void, never, never>(Effect.runForkWith(this.context), timer))
    }
    this.drained()
  }

  /** Runs fibers. */
  private drained(): void {
    if (this.state._tag !== "draining" || this.pending > 0) return
    if (this.running === 0) this.stop(undefined)
    else this.checkEnders()
  }

  /** Ends what waits, and interrupts what runs. Runs fibers. */
  private stop(by: number | undefined): void {
    const { state } = this
    if (state._tag === "stopping" || state._tag === "stopped") return
    if (state._tag !== "failed") this.become({ _tag: "stopping" })
    const clear = this.clear(undefined)
    const fibers = ("timers" in state ? state.timers.splice(0) : []).concat(this.retries?.fibers ?? [])
    for (const { fiber, job } of this.workers) {
      if (job === undefined) continue
      job.cancelled ??= { by, reason: "aborted" }
      if (fiber !== undefined) fibers.push(fiber)
    }
    this.tellFollowers()
    clear(by)
    for (const fiber of fibers) stack.interrupt(fiber, by)
    this.checkEnders()
  }

  /** P5: nothing waits any more. What runs has a good resource, and goes on. Runs fibers. */
  private fail(error: PoolFailed): void {
    // A deadline still holds, for the jobs that run.
    this.become({ _tag: "failed", timers: this.timers, error })
    const retrying = this.retries?.fibers ?? []
    const clear = this.clear(Exit.fail(error))
    this.tellFollowers()
    clear(undefined)
    for (const fiber of retrying) stack.interrupt(fiber, undefined)
    this.checkEnders()
  }

  /** The books of an end. What it answers runs the fibers: it tells those who waited, and sends idle workers home. */
  private clear(exit: Exit.Exit<never, PoolFailed> | undefined): (by: number | undefined) => void {
    // Jobs that were assigned and have not begun are older than those that wait.
    const workers = [...this.workers]
    const unbegun = workers.filter(({ isUnbegun }) => isUnbegun)
    const jobs = unbegun.map((worker) => this.unassign(worker)).sort(byAge).concat(this.waiting.takeQueued())
    for (const job of jobs) {
      if (job.past !== undefined) {
        this.cutOff(job, job.past)
        continue
      }
      this.returned.push(job.input)
      this.settle(job, "returned", exit)
    }
    const tellBlocked = this.reject(exit === undefined ? "stopping" : "failed")
    const home = workers.filter((worker) => worker.state === "idle").concat(unbegun)
    for (const worker of home) {
      if (worker.state === "idle") this.idle.remove(worker)
      worker.state = "releasing"
    }
    return (by) => {
      for (const job of jobs) job.tell()
      tellBlocked()
      for (const worker of home) worker.relieve(Exit.void)
      for (const worker of workers) worker.giveUp(by)
    }
  }

  /** The books of turning away all who wait for room: their jobs were never accepted. What it answers tells them. */
  private reject(state: PoolClosed["state"]): () => void {
    const closed = this.closed(state)
    const jobs = this.waiting.takeBlocked()
    this.config.observer?.rejected("PoolClosed", jobs.length)
    for (const job of jobs) {
      job.submitter?.served()
      job.settle("withdrawn", closed)
    }
    return () => {
      for (const job of jobs) {
        job.submitter?.wake(closed)
        job.tell()
      }
    }
  }

  /**
   * Begins the end, and returns the report when all is over. In one step, so that whoever comes next sees who waits
   * already (P9).
   */
  private ending(begin: (fiber: AnyFiber) => void, mayWaitForEver: boolean): Effect.Effect<ShutdownReport<Job>> {
    return Effect.callback((resume) => {
      const fiber = currentFiber()
      const inside = this.insideOf(fiber)
      const part = inside ?? this.partOf(fiber)
      const deadlock = mayWaitForEver && part !== undefined ? this.drainDeadlock(inside, part) : undefined
      if (deadlock !== undefined) return resume(deadlock)
      const wait = inside && this.waits.begin(inside, "end")
      const ender = new Ender(fiber, () => resume(Effect.sync(() => this.report())), wait, part)
      const enders = part === undefined ? this.enders : this.insideEnders
      enders.push(ender)
      begin(fiber)
      this.checkEnders()
      return Effect.sync(() => {
        if (ender.state === "served") return
        ender.served()
        enders.remove(ender)
      })
    })
  }

  /**
   * The worker that waits for this fiber: it runs that one's job, or is the fiber of a resource's release, or was
   * forked by one of them. One that was detached from a job that has ended counts as the next one's.
   */
  private partOf(fiber: AnyFiber): Worker | undefined {
    const worker = fiber.getRef(CurrentWorker)
    return worker?.pool === this && worker.state !== "ended" ? worker : undefined
  }

  /** The defect of a drain that its own worker would keep from ending. */
  private drainDeadlock(inside: Worker | undefined, part: Worker): Exit.Exit<never> | undefined {
    if (inside !== undefined) return this.deadlock("shutdown", inside, "end")
    const needsIt = part.job === undefined && this.pending > 0 &&
      ![...this.workers].some((worker) => worker !== part && this.canServe(worker))
    if (!needsIt) return undefined
    const { name, size } = this
    return Exit.die(
      new PoolDeadlock({ operation: "shutdown", pool: name, worker: part.name, job: undefined, size, itself: true })
    )
  }

  /**
   * Lets those go on who wait for the end. A worker's job or release among them waits for all but that worker, and
   * those whose jobs or releases wait likewise. Runs fibers.
   */
  private checkEnders(): void {
    const over = this.isEnding && this.live === 0 && this.retrying === 0
    if (over && this.state._tag === "stopping") this.become({ _tag: "stopped" })
    const timers = over ? this.timers.splice(0).concat(this.sleepers, this.scaling) : []
    const inside = this.insideEnders.size > 0 && this.hasOnlyEndersLeft ? this.insideEnders.takeAll() : []
    const woken = over ? inside.concat(this.enders.takeAll()) : inside
    for (const ender of woken) ender.served()
    for (const timer of timers) stack.interrupt(timer, undefined)
    if (over) this.config.deadLetters?.close()
    // Only a scope that has closed ends a pool before it runs, and lets no acquisition fail.
    if (over) this.wakeStarter(Exit.interrupt())
    for (const ender of woken) ender.wake()
  }

  private get hasOnlyEndersLeft(): boolean {
    const parts = new Set<Worker | undefined>()
    for (let ender = this.insideEnders.head; ender !== undefined; ender = ender.next) parts.add(ender.part)
    const counts = this.isEnding ? isLive : hasJob
    const own = [...parts].filter((worker) => worker !== undefined && counts(worker)).length
    return this.retrying + (this.isEnding ? this.live : this.waiting.size + this.running) <= own
  }

  private get sleepers(): ReadonlyArray<AnyFiber> {
    return [this.waitDeadline, this.runDeadline].flatMap((deadline) => deadline?.takeSleeper() ?? [])
  }

  private get scaling(): ReadonlyArray<AnyFiber> {
    return [...this.autoscalers].map(({ fiber }) => fiber)
  }

  private report(): ShutdownReport<Job> {
    this.reported = this.releasesFailed
    return {
      counts: this.ledger(),
      returned: inputsOf(this.handedBack).concat(this.returned),
      aborted: inputsOf(this.aborted),
      releaseFailures: this.releaseFailures.slice(),
      releasesFailed: this.releasesFailed
    }
  }

  /** A resource's finalizers have died. */
  releaseFailed(cause: Cause.Cause<never>): void {
    this.releasesFailed++
    this.releaseFailures.push(cause)
    if (this.releaseFailures.length > keptFailures) this.releaseFailures.shift()
  }

  private ledger(): Ledger {
    const { retrying, running, waiting } = this
    return { submitted: waiting.accepted, ...this.ended, queued: waiting.size, retrying, running }
  }

  /** For an autoscaler. */
  sample(): Sample {
    const { heldUp, running, size, waiting: { callers, overflows, ready }, waits: { size: stuck } } = this
    return { now: this.now(), size, running, idle: this.idle.size, ready, callers: callers + heldUp, overflows, stuck }
  }

  stats(): Stats {
    const { capacity, keys } = this.waiting
    return {
      state: this.state._tag,
      size: this.size,
      idle: this.idle.size,
      capacity: capacity === Infinity ? "unbounded" : capacity,
      waiting: this.waiting.waiting,
      keys,
      replaced: this.replaced,
      ...this.ledger()
    }
  }

  toJSON(): unknown {
    return { _id: "WorkerPool", name: this.name, ...this.stats() }
  }
}

/** A call that waits for the end of the pool. `part`: the worker that cannot end before it returns. */
class Ender extends Suspended<void> {
  declare prev: Ender | undefined
  declare next: Ender | undefined

  constructor(
    fiber: AnyFiber,
    resume: () => void,
    wait: (() => void) | undefined,
    readonly part: Worker | undefined
  ) {
    super(fiber, resume, wait)
  }
}

const isLive = ({ state }: Worker): boolean => state !== "ended"
const hasJob = ({ job }: Worker): boolean => job !== undefined

// How many of the failures of releases are kept. Each has been logged.
const keptFailures = 10

const Submit = operation(
  "WorkerPool.submit",
  (fiber, pool: AnyPool, input: unknown) => pool.submitJob(fiber, pool.newJob(input) as AnyJob, "strategy")
)

/** Interrupts the fiber of a job; where the stack is deep, in a later turn. */
const interrupt = (job: AnyJob, fiber: AnyFiber, by: number): void => {
  if (!stack.isDeep()) return stack.interrupt(fiber, by)
  job.interrupts++
  stack.later(fiber, () => {
    job.interrupts--
    stack.interrupt(fiber, by)
  })
}

const byAge = (one: { readonly id: number }, other: { readonly id: number }): number => one.id - other.id

const inputsOf = <Job, A, E>(jobs: ReadonlyArray<PoolJob<Job, A, E>>): Array<Job> =>
  jobs.toSorted(byAge).map(({ input }) => input)
