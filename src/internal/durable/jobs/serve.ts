/**
 * Feeds a pool with the jobs of a queue. One claim at a time waits for a place in the pool; each that has one waits for
 * a job of the engine, and runs it there.
 *
 *     reserving ──▶ waiting, when the pool has a place (D3)
 *     waiting   ──▶ running, when the engine has given it a job
 *     reserving, waiting ──▶ recalled, when the pool wants the place back, and then over
 *     running   ──▶ over: acknowledged, tried again, dead, or given back
 *
 *     serving   ──▶ draining, by `drain`, the end of the scope, or a pool that takes no more jobs
 *     draining  ──▶ drained, when no claim is left
 *
 * | the job's exit | recorded | the claim |
 * | --- | --- | --- |
 * | a value | yes | is acknowledged |
 * | a failure, a defect, a deadline, its own interrupt (D6) | after the last attempt | counts: again later, or dead |
 * | none: the pool has not begun it (D5) | no | is given back |
 * | `PoolClosed`, `JobLost`, `PoolFailed` of its own pool, which takes no more jobs (D5) | no | is given back |
 * | an interrupt, by a drain whose deadline is over (D4), or the end of the pool (D5) | no | is given back |
 * | any, and the results cannot be reached for 30 seconds | no | counts: again later, or dead |
 * | any, once the engine says that the lock is lost | no | is another process's |
 *
 * The engine settles a claim by the exit of the handler: an exit with interrupts alone gives it back. A claim that ends
 * without a record is begun again (D2), and the exit of the last attempt is recorded, too (D8).
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Observe, Observers } from "../../Observers.js"
import * as stack from "../../stack.js"
import type { AnyFiber } from "../../stack.js"
import { type View, type Viewable, ViewTypeId, type Wait, watch } from "../../view.js"
import { JobLost, PoolClosed, PoolFailed } from "../../workerPool/errors.js"
import type { JobHandle, RunError, Slot, Stats } from "../../workerPool/model.js"
import type { Pool } from "../../workerPool/Pool.js"
import { withPlace } from "../../workerPool/reserve.js"
import { storable, type StoreError } from "../errors.js"
import { lockIsLost } from "./lock.js"
import type { DurableJob } from "./model.js"
import { encodeExit, type Results } from "./results.js"
import { outsideOfTransactions } from "./transactions.js"

/** How many claims of this process have ended, and how. */
export interface Counts {
  claimed: number
  succeeded: number
  failed: number
  dead: number
  givenBack: number
  skipped: number
  lost: number
}

interface Claim {
  state: "reserving" | "waiting" | "recalled" | "running" | "over"
  readonly fiber: AnyFiber
}

export interface ServeOptions<Payload, A, E, EP> {
  readonly job: DurableJob<Payload, A, E>
  readonly pool: Pool<Payload, A, EP>
  /** Of payloads as they are stored. */
  readonly queue: PersistedQueue.PersistedQueue<unknown>
  readonly results: Results["Service"]
  /** For claims that arrive when nobody waits for them any more, in milliseconds. */
  readonly grace: number
  readonly observe: Observe
}

/** The states of a pool that has cut its jobs off. */
const ending: ReadonlyArray<Stats["state"]> = ["stopping", "stopped", "failed"]

/** The states of a pool that takes jobs. */
const accepting: ReadonlyArray<Stats["state"]> = ["starting", "running", "paused"]

/** The states of a job that has ended and was not begun. */
const unbegun: ReadonlyArray<JobHandle<never>["state"]> = ["dropped", "returned"]

/** How long a claim waits after an error of the store. */
const pauseAfterError = Duration.seconds(1)

/** For an exit that cannot be recorded. The engine keeps the claim meanwhile. */
const recording = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("1 second")]).pipe(
  Schedule.upTo({ duration: "30 seconds" })
)

export class Server<in out Payload, in out A, in out E, in out EP> implements Viewable {
  phase: "serving" | "draining" | "drained" = "serving"
  readonly counts: Counts = { claimed: 0, succeeded: 0, failed: 0, dead: 0, givenBack: 0, skipped: 0, lost: 0 }
  private readonly claims = new Set<Claim>()
  /** The jobs that run in the pool. */
  private readonly handles = new Set<Pick<JobHandle<A, EP | RunError>, "cancel">>()
  private readonly decode: (stored: unknown) => Effect.Effect<Payload, unknown>
  /** The deadline of the drain is over. */
  private isCutOff = false
  private readonly drained = Deferred.makeUnsafe<void>()
  /** Of the deadlines of drains. */
  private readonly timers = new Set<AnyFiber>()

  private readonly observers: Observers | undefined

  /** `scope`: of the claims. It closes after the drain. */
  constructor(private readonly options: ServeOptions<Payload, A, E, EP>, private readonly scope: Scope.Scope) {
    this.observers = options.observe(this)
    this.decode = Schema.decodeUnknownEffect(Schema.toCodecJson(options.job.payload))
    watch?.appeared(this)
  }

  readonly stats = () => ({ phase: this.phase, waiting: this.waiting, running: this.running, ...this.counts })

  private count(event: keyof Counts): void {
    this.counts[event]++
    this.observers?.counted(event)
  }

  /** The place of each claim is in the view of the pool. */
  [ViewTypeId](): View {
    const waits = [...this.claims].filter(({ state }) => state === "waiting").map((claim): Wait => ({
      node: claim.fiber,
      who: "fiber",
      for: "a job of the store",
      ends: "a job that is submitted",
      key: claim
    }))
    return {
      version: 1,
      kind: "serving",
      name: this.options.job.name,
      self: this,
      stats: this.stats(),
      lines: [],
      waits
    }
  }

  get running(): number {
    return [...this.claims].filter(({ state }) => state === "running").length
  }

  get waiting(): number {
    return [...this.claims].filter(({ state }) => state === "waiting").length
  }

  /**
   * Claims until the drain begins, or the pool ends: a claim that has a place starts the next one. All idle workers
   * have a claim at once, so that the engine is asked for as many jobs in one question.
   *
   * A claim is known from its first operation: a drain that has begun before finds none, and the claim finds the drain.
   */
  readonly serve: Effect.Effect<void> = Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      if (this.phase !== "serving") return Effect.void
      const claim: Claim = { state: "reserving", fiber }
      this.claims.add(claim)
      const claiming = withPlace(
        this.options.pool,
        fiber,
        () => this.recall(claim),
        (slot) => this.claiming(claim, slot)
      )
      return Effect.ensuring(
        // It fails once the pool takes no more jobs: then nothing can be served any more.
        Effect.catch(restore(claiming), () => Effect.asVoid(Effect.forkIn(this.drain(Duration.infinity), this.scope))),
        Effect.sync(() => {
          claim.state = "over"
          this.claims.delete(claim)
        })
      )
    })
  )

  /** Runs the fiber of a claim that waits. One that is about to begin to wait finds out itself. */
  private recall(claim: Claim): void {
    const { fiber, state } = claim
    if (state === "reserving" || state === "waiting") claim.state = "recalled"
    if (state === "waiting") stack.interrupt(fiber, undefined)
  }

  private claiming(claim: Claim, slot: Slot<Payload, A, EP>): Effect.Effect<void> {
    const { job, queue } = this.options
    return Effect.suspend(() => {
      this.next(claim.fiber)
      if (claim.state === "recalled") return Effect.void
      claim.state = "waiting"
      const taken = queue.take((payload, { attempts, id }) => {
        // The job has come as the claim was about to be interrupted.
        if (claim.state !== "waiting" || this.phase !== "serving") {
          claim.state = "over"
          return this.giveBack
        }
        claim.state = "running"
        const handling = this.handle(slot, payload, id, attempts)
        const observed = this.observers?.around({ kind: "claim", id, attempt: attempts }, handling) ?? handling
        return Effect.uninterruptible(Effect.catchCause(observed, (cause) => Effect.failCause(storable(cause))))
      })
      return Effect.catchCause(taken, (cause) =>
        hasLeft(claim) ? this.left(cause) : Effect.andThen(
          Effect.logWarning(`DurablePool.serve: the store of ${job.name} failed, and is asked again`, cause),
          // With the place, so that all claims together do not ask again and again.
          Effect.sleep(pauseAfterError)
        ))
    })
  }

  /** A defect is of the engine, since a handler has none: the end of the job is not stored. */
  private left(cause: Cause.Cause<unknown>): Effect.Effect<void> {
    if (!Cause.hasDies(cause)) return Effect.void
    return Effect.logWarning(
      `DurablePool.serve: a claim of ${this.options.job.name} could not be settled, and ends with its lock`,
      cause
    )
  }

  /** In no scope: the drain, which comes before the scope's end, waits for every claim. Runs fibers. */
  private next({ context }: AnyFiber): void {
    stack.start(Effect.runForkWith(context), this.serve)
  }

  /**
   * The handler of the engine: its exit settles the claim. Only an engine that has lost the lock interrupts it, or the
   * engine would give back a job whose result is recorded. The deadline of a drain cancels the job alone.
   */
  private handle(
    slot: Slot<Payload, A, EP>,
    payload: unknown,
    id: string,
    attempts: number
  ): Effect.Effect<void, unknown> {
    const { job, results } = this.options
    const begin = Effect.matchCauseEffect(this.decode(payload), {
      // Another version of the program may have stored it.
      onFailure: (cause) => this.settle(id, attempts, Exit.die(Cause.squash(cause))),
      onSuccess: (payload) => Effect.flatMap(this.run(slot, payload), (exit) => this.settle(id, attempts, exit))
    })
    return Effect.uninterruptible(Effect.suspend(() => {
      this.count("claimed")
      if (attempts === 1) return begin
      this.observers?.counted("redelivered")
      // D7: its process may have died after the exit was recorded.
      return Effect.matchCauseEffect(results.get(job.name, id), {
        onFailure: (cause) => this.fails(cause),
        onSuccess: (recorded) => {
          if (recorded === undefined) return begin
          this.count("skipped")
          return Effect.void
        }
      })
    }))
  }

  /** `exit`: undefined if the pool has not begun the job. */
  private settle(
    id: string,
    attempts: number,
    exit: Exit.Exit<A, EP | RunError> | undefined
  ): Effect.Effect<void, unknown> {
    return Effect.withFiber((fiber) => {
      if (lockIsLost(fiber)) return this.interrupts("lost")
      if (exit === undefined || this.isUndone(exit)) return this.interrupts("givenBack")
      const own = ownExit(exit)
      if (Exit.isFailure(own) && attempts < this.options.job.attempts) return this.fails(own.cause)
      return Effect.matchCauseEffect(this.record(id, own), {
        onFailure: (cause) => this.fails(cause),
        onSuccess: (isValue) => {
          this.count(isValue ? "succeeded" : "dead")
          return Effect.asVoid(own)
        }
      })
    })
  }

  /** Returns whether the exit that it records is a value. */
  private record(id: string, exit: Exit.Exit<A, unknown>): Effect.Effect<boolean, StoreError> {
    const { job, results } = this.options
    return Effect.flatMap(encodeExit(job, exit), ({ isValue, text }) => {
      const once = Effect.suspend(() => Effect.as(results.record(job.name, id, text), isValue))
      // Not around the first attempt: to begin a schedule takes a while.
      return Effect.catch(once, () => Effect.retry(once, recording))
    })
  }

  /**
   * The job's own exit, also where the deadline comes as the job ends: a job that has succeeded is not begun again. An
   * interrupt of this fiber cancels the job: the engine has lost its lock. Returns undefined if the pool has not begun
   * the job.
   */
  private run(
    slot: Slot<Payload, A, EP>,
    payload: Payload
  ): Effect.Effect<Exit.Exit<A, EP | RunError> | undefined> {
    return Effect.matchEffect(slot.submit(payload), {
      onFailure: () => Effect.undefined,
      onSuccess: (handle) => {
        this.handles.add(handle)
        const cancel = Effect.andThen(handle.cancel, handle.await)
        const wait = Effect.flatMap(
          Effect.exit(Effect.interruptible(handle.await)),
          (waited) => Exit.isSuccess(waited) ? waited : cancel
        )
        return Effect.map(this.isCutOff ? cancel : wait, (exit) => {
          this.handles.delete(handle)
          return unbegun.includes(handle.state) ? undefined : exit
        })
      }
    })
  }

  /** A job that is not to be begun. */
  private readonly giveBack: Effect.Effect<never> = Effect.suspend(() => {
    this.count("claimed")
    return this.interrupts("givenBack")
  })

  /** The engine gives the claim back. */
  private interrupts(event: "givenBack" | "lost"): Effect.Effect<never> {
    this.count(event)
    return Effect.interrupt
  }

  private fails(cause: Cause.Cause<unknown>): Effect.Effect<never, unknown> {
    return Effect.suspend(() => {
      this.count("failed")
      return Effect.failCause(cause)
    })
  }

  /** Whether the job was cut off, and is to be begun again elsewhere (D4, D5). */
  private isUndone(exit: Exit.Exit<A, EP | RunError>): boolean {
    if (Exit.isSuccess(exit)) return false
    const { pool } = this.options
    const { state } = pool.stats()
    // A finalizer may have failed, too.
    if (Cause.hasInterrupts(exit.cause) && (this.isCutOff || ending.includes(state))) return true
    // An error has the name of its pool only, which other pools may have: while this one takes jobs, the error is
    // theirs, or of a job that its queue has dropped. To give the job back then, uncounted, would never end.
    if (accepting.includes(state)) return false
    const { name } = pool
    return exit.cause.reasons.some((reason) => {
      if (!Cause.isFailReason(reason)) return false
      const { error } = reason
      return (error instanceof PoolClosed || error instanceof PoolFailed ||
        error instanceof JobLost) && error.pool === name
    })
  }

  /**
   * Claims nothing more, lets the jobs under way run to the deadline, and returns when no claim is left (D4). An
   * interrupt stops the waiting only. Of several calls the earliest deadline counts.
   */
  drain(deadline: Duration.Duration): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => {
      const drained = restore(Deferred.await(this.drained))
      if (this.phase === "drained") return drained
      if (this.phase === "draining") return Effect.andThen(this.cutOffAfter(deadline), drained)
      this.phase = "draining"
      const draining = Effect.gen({ self: this }, function*() {
        // The deadline counts from now: the last question to the store may take a while.
        if (!Duration.isZero(deadline)) yield* this.cutOffAfter(deadline)
        yield* Fiber.interruptAll(this.fibersOf(({ state }) => state !== "running"))
        // Without a timer, whose fiber would have a turn of its own.
        if (Duration.isZero(deadline)) yield* this.cutOff
        yield* Effect.forEach(this.fibersOf(() => true), Fiber.await, { discard: true })
        yield* this.flush
        yield* Fiber.interruptAll(this.timers)
        this.phase = "drained"
        yield* Deferred.succeed(this.drained, undefined)
      })
      return Effect.andThen(Effect.forkIn(outsideOfTransactions(draining), this.scope), drained)
    })
  }

  private cutOffAfter(deadline: Duration.Duration): Effect.Effect<void> {
    if (!Duration.isFinite(deadline)) return Effect.void
    const timer = Effect.andThen(Effect.sleep(deadline), this.cutOff)
    return Effect.map(Effect.forkIn(timer, this.scope), (fiber) => void this.timers.add(fiber))
  }

  /** Cancels the jobs under way, and those that are about to begin. */
  private readonly cutOff: Effect.Effect<void> = Effect.suspend(() => {
    this.isCutOff = true
    return Effect.forEach(this.handles, ({ cancel }) => cancel, { concurrency: "unbounded", discard: true })
  })

  private fibersOf(which: (claim: Claim) => boolean): ReadonlyArray<AnyFiber> {
    return [...this.claims].filter(which).map(({ fiber }) => fiber)
  }

  /**
   * The engine may have been asked for jobs when the last claim was interrupted, and it sometimes claims one more than
   * there are takers (4.1). Such jobs are in its mailbox within the grace: they are taken from there, and given back.
   *
   * A take that finds the mailbox empty has the engine ask its store. To interrupt it then would leave that very claim
   * behind: so it is left to get a job, which goes back as well, unless there is none for the time of another grace.
   * A job that comes a second time was in the store: a store in memory gives it out again at once, and without end.
   */
  private readonly flush: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const { grace, queue } = this.options
    if (grace === 0) return
    yield* Effect.sleep(grace)
    const seen = new Set<string>()
    for (let wasThere = true; wasThere;) {
      let found = false
      const giveBack = queue.take((_, { id }) => {
        found = !seen.has(id)
        seen.add(id)
        return this.giveBack
      })
      const taking = yield* Effect.forkChild(Effect.exit(giveBack), { startImmediately: true })
      wasThere = found
      yield* Effect.raceFirst(Fiber.await(taking), Effect.sleep(grace))
      yield* Fiber.interrupt(taking)
    }
  })
}

/** The claim has had a job, or is recalled. */
const hasLeft = ({ state }: Claim): boolean => state !== "waiting"

/** An exit with interrupts alone would give the claim back, and interrupt the callers that await the job (D6). */
const ownExit = <A, E>(exit: Exit.Exit<A, E>): Exit.Exit<A, E> =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
    ? Exit.die(new Error("the job interrupted itself"))
    : exit
