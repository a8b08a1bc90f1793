import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { type AsyncContext, runIn } from "../asyncContext.js"
import { type Annotations, cancellation } from "../cancellation.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { Care, Tended } from "./Care.js"
import type { Census } from "./Census.js"
import type { Timing } from "./Deadline.js"
import { poolName } from "./errors.js"
import type { WorkerInfo } from "./model.js"
import { type State, step, type WorkerState, workerStates } from "./states.js"

/**
 * The worker on whose resource a fiber runs, for P9. Whatever a job forks inherits it, so it tells nothing by itself:
 * only the job's own fiber is `worker.fiber`.
 */
export const CurrentWorker = Context.Reference<Worker | undefined>("~sluice/WorkerPool/CurrentWorker", {
  defaultValue: () => undefined
})

/** A job, as its worker knows it. */
export interface Task {
  readonly id: number
  /** How many interrupts are on their way to its fiber. */
  readonly interrupts: number
  /** In which its fiber is to be forked, where that is not the caller's turn. */
  readonly asyncContext: AsyncContext | undefined
  /** Its caller's. The fiber starts with the frame: to provide it inside of the fiber costs as much as a fork. */
  readonly frame: References.StackFrame | undefined
  keepContext(): void
  /** The task is assigned to that worker, or to none. */
  assigned(worker: Worker | undefined): void
}

/** The pool, as a worker uses it. From a method marked as an event, the pool may call the worker back. */
export interface Owner {
  readonly name: string | undefined
  readonly context: Context.Context<never>
  readonly census: Census
  /** No worker takes another job. */
  readonly isEnding: boolean
  /** The worker's resource, in the scope of the caller: one attempt. */
  acquire(info: WorkerInfo, tenure: Tenure): Effect.Effect<unknown, unknown>
  /** All attempts at a resource. */
  restarting(attempt: Effect.Effect<void, unknown>): Effect.Effect<void, unknown>
  /** Whether a worker without a resource is to get another one. */
  needs(worker: Worker): boolean
  /** Event: the worker has a resource. */
  acquired(worker: Worker, isFirst: boolean): void
  /** Event: the worker has no resource, and will not get one. */
  cannotAcquire(worker: Worker, cause: Cause.Cause<unknown>): void
  releaseFailed(cause: Cause.Cause<never>): void
  /** How long a worker waits for the end of a release, in milliseconds. */
  readonly releaseTimeout: number
  /** The worker waits no more for a release that goes on. */
  releaseDetached(): void
  /** Event: the worker's own fiber has ended. */
  workerEnded(worker: Worker): void
  /** Event: the resource is condemned, and no job has begun on it. */
  retire(worker: Worker): void
  /** The worker begins its job in a later turn. */
  postpone(worker: Worker): void
  /** The worker is about to begin: it has the oldest job that has not begun when this returns. */
  beginsOldest(worker: Worker): void
  /** The effect of the job's fiber. */
  perform(worker: Worker, tenure: Tenure): Effect.Effect<unknown, unknown>
  /** Event: the job's fiber has ended. */
  jobEnded(worker: Worker, exit: Exit.Exit<unknown, unknown>): void
}

// How many jobs that end at once run in one turn. Each has a fiber of its own, so none of them would ever yield.
const turn = 128

type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

/** A resource, from its acquisition to its release. */
export class Tenure implements Tended {
  readonly invalidate: Effect.Effect<void> = Effect.sync(() => this.worker.condemn(this))
  condemned = false
  /** Where the pool has an upkeep, which alone writes it. */
  care: Care | undefined = undefined
  /** Resumes the worker's own fiber, which closes the scope with this exit. */
  end: (exit: Exit.Exit<unknown, unknown>) => void = () => {}
  resource: unknown = undefined
  private context = Context.empty()
  private plain: Fork = Effect.runFork
  /** The frame of the last job that had one. The jobs that one caller brings in a loop all have the same. */
  private frame: References.StackFrame | undefined = undefined
  private framed: Fork = Effect.runFork

  constructor(private readonly worker: Worker, readonly scope: Scope.Closeable) {}

  /** The context of its jobs' fibers. To be called before the first. */
  provide(context: Context.Context<never>): void {
    this.context = context
    this.plain = Effect.runForkWith(context)
  }

  /** Forks the fiber of a job whose caller has that frame. */
  forkOf(frame: References.StackFrame | undefined): Fork {
    if (frame === undefined) return this.plain
    if (frame !== this.frame) {
      this.frame = frame
      this.framed = Effect.runForkWith(Context.add(this.context, References.CurrentStackFrame, frame))
    }
    return this.framed
  }
}

/**
 * A worker: one resource at a time, and one job at a time on it (P2).
 *
 *     acquiring  ──▶ idle, or busy if a job waits
 *     idle       ──▶ busy, when a job comes
 *     busy       ──▶ idle, or busy if a job waits
 *     idle, busy ──▶ releasing, when the resource is condemned, or the pool is ending
 *     releasing  ──▶ acquiring, or ended
 *     acquiring  ──▶ givenUp, when there is no resource to be had, or it is not needed any more
 *     givenUp    ──▶ ended
 *
 * Its own fiber acquires and releases, and is suspended in between. Each job runs in a fiber of the job's own: what
 * that forks ends with the job, and an interrupt meant for one job cannot hit the next.
 */
export class Worker {
  prev: Worker | undefined = undefined
  next: Worker | undefined = undefined
  readonly name: string
  /** The pool's context, with the worker in it. */
  readonly context: Context.Context<never>
  /** Its resource could not be had, and the pool goes on without. */
  isDenied = false
  /** Of its idleness, where that has a timeout. Written by the part alone. */
  idling: Timing<Worker> | undefined = undefined
  /** It has had no resource yet. */
  isNew = true
  /** When it begins its job, while that stands among those to begin. Written by `Unbegun` alone, as is `turn`. */
  begins: "now" | "later" | undefined = undefined
  /** The turn that was requested when it became free. Used up, or outlived, once it begins a job. */
  turn: symbol | undefined = undefined

  private current: State<WorkerState> = workerStates.acquiring
  private isWanted = true
  private task: Task | undefined = undefined
  /** The job's fiber. A scheduler may have it yield before its first operation. */
  private taskFiber: AnyFiber | undefined = undefined
  private taskBegan = false
  private taskLost = false
  private self: AnyFiber | undefined = undefined
  /** The present or the last one, or the attempt at one. Only the worker writes it. */
  tenure = new Tenure(this, Scope.makeUnsafe())
  /** A job's fiber is being forked, and may end before that returns. Before its first operation others may have run. */
  private isBeginning = false
  private endedAtOnce: Exit.Exit<unknown, unknown> | undefined = undefined

  constructor(readonly owner: Owner, readonly id: number) {
    this.name = `${poolName(owner.name)}/worker-${id}`
    const { census, context } = owner
    census.add(this.current, true, 1)
    this.context = Context.mergeAll(
      context,
      Context.make(CurrentWorker, this),
      // Log lines of a job name the worker.
      Context.make(References.CurrentLogAnnotations, {
        ...Context.get(context, References.CurrentLogAnnotations),
        worker: this.name
      })
    )
  }

  get state(): WorkerState {
    return this.current.name
  }

  become(next: State<WorkerState>): void {
    const { current, isWanted, owner: { census } } = this
    this.current = step("worker", current, next)
    census.move(current, next, isWanted)
  }

  /** False for a surplus worker. */
  get wanted(): boolean {
    return this.isWanted
  }

  set wanted(wanted: boolean) {
    const { current, isWanted, owner: { census } } = this
    this.isWanted = wanted
    census.add(current, isWanted, -1)
    census.add(current, wanted, 1)
  }

  // Its own fiber, and the resource

  start(): void {
    const fiber = stack.start((life) => Effect.runForkWith(this.context)(life, { uninterruptible: true }), this.life())
    this.self = fiber
    fiber.addObserver((exit) => {
      // Only of what is no effect, and comes from JavaScript: no handler is asked then.
      if (Exit.isFailure(exit)) this.owner.cannotAcquire(this, exit.cause)
      this.become(workerStates.ended)
      this.owner.workerEnded(this)
    })
    // Before this fiber was known here, the pool may have begun to end, or the worker may have become surplus.
    const { isEnding, name } = this.owner
    if (isEnding || !this.wanted) {
      this.giveUp(fiber.id, cancellation("pool", name, isEnding ? "the pool closed" : "resize", undefined))
    }
  }

  private life(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (let first = true; first || this.owner.needs(this); first = false) {
        if (!first) this.become(workerStates.acquiring)
        const acquired = yield* Effect.exit(Effect.interruptible(this.owner.restarting(this.acquire)))
        // An interrupt may also come when the resource is there already: so what counts is not what `acquire` returned.
        const { tenure } = this
        if (Exit.isFailure(acquired)) {
          yield* this.release(tenure, acquired)
          return this.owner.cannotAcquire(this, acquired.cause)
        }
        const exit = yield* Effect.callback<Exit.Exit<unknown, unknown>>((resume) => {
          tenure.end = (exit) => resume(Effect.succeed(exit))
          this.isNew = false
          this.owner.acquired(this, first)
        })
        yield* this.release(tenure, exit)
      }
    })
  }

  /** One attempt. */
  private readonly acquire: Effect.Effect<void, unknown> = Effect.suspend(() => {
    const tenure = new Tenure(this, Scope.makeUnsafe())
    this.tenure = tenure
    const acquire = Effect.gen({ self: this }, function*() {
      const { invalidate, scope } = tenure
      const span = yield* Scope.provide(Effect.makeSpanScoped(this.name), scope)
      const context = this.context.pipe(Context.add(Scope.Scope, scope), Context.add(Tracer.ParentSpan, span))
      tenure.provide(context)
      tenure.resource = yield* Effect.provideContext(this.owner.acquire({ id: this.id, invalidate }, tenure), context)
    })
    return Effect.onExit(acquire, (exit) => Exit.isFailure(exit) ? this.release(tenure, exit) : Effect.void)
  })

  /** P2: the only place where a resource is released. The pool reports a release that dies, and goes on. */
  private release(tenure: Tenure, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const release = Effect.catchCause(Scope.close(tenure.scope, exit), (cause) => {
      this.owner.releaseFailed(cause)
      return Effect.logError("WorkerPool: a resource could not be released", cause)
    })
    return this.owner.releaseTimeout === Infinity ? release : this.releaseInTime(release)
  }

  /**
   * P2: the worker waits for so long, and leaves the release to itself then. The release has a fiber of its own, which
   * nothing interrupts. The wait is no race of effects, which would wait for its loser.
   */
  private releaseInTime(release: Effect.Effect<void>): Effect.Effect<void> {
    const { context, owner } = this
    const fork = Effect.runForkWith(context)
    return Effect.flatMap(
      Effect.callback<"released" | "detached">((resume) => {
        const end = (how: "released" | "detached") => resume(Effect.succeed(how))
        const releasing = stack.start(
          (effect) => Effect.runForkWith(context)(effect, { uninterruptible: true }),
          release
        )
        const timer = stack.start(fork, Effect.delay(Effect.sync(() => end("detached")), owner.releaseTimeout))
        releasing.addObserver(() => {
          stack.interrupt(timer, undefined)
          end("released")
        })
      }),
      (how) => {
        if (how === "released") return Effect.void
        owner.releaseDetached()
        return Effect.logWarning(`WorkerPool: a release took longer than ${owner.releaseTimeout} ms and is detached`)
      }
    )
  }

  /** The resource must serve no other job. One that is gone already is not meant. */
  condemn(tenure: Tenure): void {
    tenure.condemned = true
    const serves = this.state === "idle" || this.isUnbegun
    if (this.tenure === tenure && serves) this.owner.retire(this)
  }

  get resource(): unknown {
    return this.tenure.resource
  }

  get isCondemned(): boolean {
    return this.tenure.condemned
  }

  /** Ends the tenure: the pool has taken the worker off its books (`releasing`). Runs fibers. */
  relieve(exit: Exit.Exit<unknown, unknown>): void {
    const { self, tenure } = this
    if (self === undefined) tenure.end(exit)
    else stack.resume(self, tenure.end, exit)
  }

  /** Gives up an acquisition that the pool does not need any more. */
  giveUp(by: number | undefined, annotations: Annotations | undefined): void {
    if (this.state === "acquiring" && this.self !== undefined) stack.interrupt(this.self, by, annotations)
  }

  // The jobs

  get job(): Task | undefined {
    return this.task
  }

  /** The fiber of its job, once that is forked. */
  get fiber(): AnyFiber | undefined {
    return this.taskFiber
  }

  /** The fiber that acquires and releases its resources. */
  get ownFiber(): AnyFiber | undefined {
    return this.self
  }

  /** Its job's fiber has come to its first operation. */
  get hasBegun(): boolean {
    return this.taskBegan
  }

  /** Its job's fiber has ended, or is about to, since the resource was condemned before its first operation. */
  get isLost(): boolean {
    return this.taskLost
  }

  /** It has a job, for which there is no fiber yet. */
  get isUnbegun(): boolean {
    return this.task !== undefined && this.taskFiber === undefined && !this.isBeginning
  }

  /** The job that it has, if that is to begin now. */
  private get ready(): Task | undefined {
    return this.isUnbegun && this.begins !== "later" ? this.task : undefined
  }

  /** The worker has the job, in the books. */
  take(job: Task): void {
    this.task = job
    job.assigned(this)
  }

  /** The worker has no job any more. */
  drop(): void {
    this.task = undefined
    this.taskFiber = undefined
    this.taskBegan = false
    this.taskLost = false
  }

  /**
   * Begins the job that the pool has assigned: in a later turn if the stack is deep. Does nothing if that job has been
   * taken away since, or begins in a later turn already. Runs fibers.
   */
  go(): void {
    if (this.ready === undefined) return
    if (stack.isDeep()) return this.owner.postpone(this)
    stack.nest(this.pump)
  }

  /**
   * One job after the other, as long as they end at once; no job's end recurses into the next. Fibers that go on at a
   * job's end may bring the next one, which begins here and now, so that no job overtakes it on another worker.
   *
   * The loop is no `Drain`. A drain would leave a job that is brought from within to the loop below; here it begins
   * before `submit` returns, as on any idle worker. Nor has a worker a later turn of its own: until a postponed job
   * begins, `Unbegun` may give it to another worker (P16).
   */
  private readonly pump = (): void => {
    for (let left = turn; this.ready !== undefined; left--) {
      if (left === 0) return this.owner.postpone(this)
      const exit = this.begin()
      if (exit === undefined) return
      this.owner.jobEnded(this, exit)
    }
  }

  /** Starts the job's fiber, and returns its exit if it has ended at once. */
  private begin(): Exit.Exit<unknown, unknown> | undefined {
    this.owner.beginsOldest(this)
    this.isBeginning = true
    try {
      this.know(runIn(this.task?.asyncContext, this.tenure.forkOf(this.task?.frame), this.serve))
    } catch (error) {
      // Thrown by an observer that the job has given to its own fiber: after the worker, which is the first one.
      if (this.taskFiber !== undefined) stack.rethrow(this.taskFiber, error)
    }
    this.isBeginning = false
    const exit = this.endedAtOnce
    this.endedAtOnce = undefined
    return exit
  }

  /** By its first operation; or by the fork, where that is yet to come. */
  private know(fiber: AnyFiber): void {
    if (this.taskFiber !== undefined) return
    this.taskFiber = fiber
    fiber.addObserver(this.onExit)
  }

  /** The effect of the job's fiber. An observer that throws keeps later ones from running, so ours has to be first. */
  private readonly serve = Effect.withFiber<unknown, unknown>((fiber) => {
    this.know(fiber)
    if (!this.tenure.condemned) return this.owner.perform(this, this.tenure)
    // It was condemned while a scheduler made this fiber wait for its turn.
    return this.lose()
  })

  /** Its job's fiber ends before the job begins, since the resource is lost. */
  lose(): Exit.Exit<never> {
    this.taskLost = true
    return Exit.interrupt()
  }

  /** Its job's fiber has come to its first operation, and is about to run the job. */
  began(): void {
    this.taskBegan = true
  }

  private readonly onExit = (exit: Exit.Exit<unknown, unknown>): void => {
    if (this.isBeginning) {
      this.endedAtOnce = exit
      return
    }
    this.owner.jobEnded(this, exit)
    this.go()
  }
}
