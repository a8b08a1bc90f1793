/**
 * Feeds a pool with the jobs of a queue. One claim at a time waits for a place in the pool; each that has one waits for
 * a job of the engine, and runs it there.
 *
 *     reserving ──▶ waiting, when the pool has a place (D3)
 *     waiting   ──▶ running, when the engine has given it a job
 *     waiting   ──▶ recalled, when the pool wants the place, and then over
 *     running   ──▶ over: acknowledged, tried again, dead, or given back
 *
 *     serving   ──▶ draining, by `drain`, the end of the pool, or the end of the scope
 *     draining  ──▶ drained, when no claim is left
 *
 * | the job's exit | recorded | the claim |
 * | --- | --- | --- |
 * | a value | yes | is acknowledged |
 * | a failure, a defect, a deadline, its own interrupt (D6) | after the last attempt | counts: again later, or dead |
 * | `PoolClosed`, `JobLost`, `PoolFailed` of its own pool (D5) | no | is given back |
 * | the interrupt of a drain whose deadline is over (D4) | no | is given back |
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
import type * as Scope from "effect/Scope"
import type { AnyFiber } from "../../stack.js"
import { JobLost, PoolClosed, PoolFailed } from "../../workerPool/errors.js"
import type { RunError, Slot, Stats } from "../../workerPool/model.js"
import type { Pool } from "../../workerPool/Pool.js"
import { reserve } from "../../workerPool/reserve.js"
import type { DurableJob } from "./model.js"
import { encodeExit, type Results } from "./results.js"

/** How many claims of this process have ended, and how. */
export interface Counts {
  claimed: number
  succeeded: number
  failed: number
  dead: number
  givenBack: number
  skipped: number
}

interface Claim {
  state: "reserving" | "waiting" | "recalled" | "running" | "over"
  readonly fiber: AnyFiber
}

export interface ServeOptions<Payload, A, E, EP> {
  readonly job: DurableJob<Payload, A, E>
  readonly pool: Pool<Payload, A, EP>
  readonly queue: PersistedQueue.PersistedQueue<Payload>
  readonly results: Results["Service"]
  /** For claims that arrive when nobody waits for them any more, in milliseconds. */
  readonly grace: number
}

/** The states of a pool that has cut its jobs off. */
const ending: ReadonlyArray<Stats["state"]> = ["stopping", "stopped", "failed"]

/** How long a claim waits after an error of the store. */
const pauseAfterError = Duration.seconds(1)

/** For an exit that cannot be recorded. The engine keeps the claim meanwhile. */
const recording = Schedule.exponential("100 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))

export class Server<in out Payload, in out A, in out E, in out EP> {
  phase: "serving" | "draining" | "drained" = "serving"
  readonly counts: Counts = { claimed: 0, succeeded: 0, failed: 0, dead: 0, givenBack: 0, skipped: 0 }
  private readonly claims = new Set<Claim>()
  /** The deadline of the drain is over. */
  private readonly cutOff = Deferred.makeUnsafe<void>()
  private readonly drained = Deferred.makeUnsafe<void>()

  /** `scope`: of the claims. It closes after the drain. */
  constructor(private readonly options: ServeOptions<Payload, A, E, EP>, private readonly scope: Scope.Scope) {}

  get running(): number {
    return [...this.claims].filter(({ state }) => state === "running").length
  }

  get waiting(): number {
    return [...this.claims].filter(({ state }) => state === "waiting").length
  }

  /** Claims until the drain begins, or the pool ends. */
  readonly serve: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    while (this.phase === "serving") {
      const reserved = yield* Deferred.make<boolean>()
      yield* Effect.forkIn(this.claim(reserved), this.scope)
      if (!(yield* Deferred.await(reserved))) break
    }
  })

  /**
   * `reserved`: whether there is a place. A claim is known from its first operation: a drain that has begun before
   * finds none, and the claim finds the drain.
   */
  private claim(reserved: Deferred.Deferred<boolean>): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        if (this.phase !== "serving") return Effect.asVoid(Deferred.succeed(reserved, false))
        const claim: Claim = { state: "reserving", fiber }
        this.claims.add(claim)
        return restore(Effect.scoped(this.claiming(claim, reserved))).pipe(
          // The pool takes no more jobs.
          Effect.catchTag("PoolClosed", () => Effect.void),
          Effect.ensuring(Effect.suspend(() => {
            claim.state = "over"
            this.claims.delete(claim)
            return Deferred.succeed(reserved, false)
          }))
        )
      })
    )
  }

  private claiming(
    claim: Claim,
    reserved: Deferred.Deferred<boolean>
  ): Effect.Effect<void, PoolClosed, Scope.Scope> {
    const { job, pool, queue } = this.options
    return Effect.gen({ self: this }, function*() {
      const slot = yield* reserve(pool)
      claim.state = "waiting"
      yield* Deferred.succeed(reserved, true)
      const taking = Effect.exit(queue.take((payload, { attempts, id }) => {
        // The job has come as the claim was about to be interrupted.
        if (claim.state !== "waiting" || this.phase !== "serving") return this.giveBack
        claim.state = "running"
        return this.handle(slot, payload, id, attempts)
      }))
      const recalled = Effect.flatMap(slot.recalled, () => {
        if (claim.state !== "waiting") return Effect.never
        claim.state = "recalled"
        return Effect.void
      })
      const exit = yield* Effect.raceFirst(taking, recalled)
      if (exit === undefined || Exit.isSuccess(exit) || hasLeft(claim)) return
      yield* Effect.logWarning(`DurablePool.serve: the store of ${job.name} failed, and is asked again`, exit.cause)
      // With the place, so that all claims together do not ask again and again.
      yield* Effect.raceFirst(Effect.sleep(pauseAfterError), recalled)
    })
  }

  /**
   * The handler of the engine: its exit settles the claim. Nothing interrupts it, or the engine would give back a job
   * whose result is recorded. The deadline of a drain cancels the job alone.
   */
  private handle(
    slot: Slot<Payload, A, EP>,
    payload: Payload,
    id: string,
    attempts: number
  ): Effect.Effect<void, unknown> {
    const { counts, options: { job, results } } = this
    return Effect.uninterruptible(Effect.gen({ self: this }, function*() {
      counts.claimed++
      // D7: its process may have died after the exit was recorded.
      const recorded = attempts > 1 ? yield* Effect.exit(results.get(job.name, id)) : Exit.succeed(undefined)
      if (Exit.isFailure(recorded)) return yield* this.fails(recorded.cause)
      if (recorded.value !== undefined) {
        counts.skipped++
        return
      }
      const exit = yield* this.run(slot, payload)
      if (this.isUndone(exit)) {
        counts.givenBack++
        return yield* Effect.interrupt
      }
      if (Exit.isFailure(exit) && attempts < job.attempts) return yield* this.fails(exit.cause)
      yield* Effect.orDie(Effect.retry(
        Effect.flatMap(encodeExit(job, exit), (text) => results.record(job.name, id, text)),
        recording
      ))
      if (Exit.isSuccess(exit)) {
        counts.succeeded++
        return
      }
      counts.dead++
      return yield* failing(exit.cause)
    }))
  }

  /** The job's own exit, also where the deadline comes as the job ends: a job that has succeeded is not begun again. */
  private run(
    slot: Slot<Payload, A, EP>,
    payload: Payload
  ): Effect.Effect<Exit.Exit<A, EP | RunError>> {
    return Effect.catch(
      Effect.flatMap(slot.submit(payload), (handle) => {
        const cutOff = Effect.andThen(Deferred.await(this.cutOff), handle.cancel)
        return Effect.andThen(Effect.interruptible(Effect.raceFirst(handle.await, cutOff)), handle.await)
      }),
      (error) => Effect.succeed(Exit.fail(error))
    )
  }

  /** A job that is not to be begun. */
  private readonly giveBack: Effect.Effect<never> = Effect.suspend(() => {
    this.counts.claimed++
    this.counts.givenBack++
    return Effect.interrupt
  })

  private fails(cause: Cause.Cause<unknown>): Effect.Effect<never, unknown> {
    return Effect.suspend(() => {
      this.counts.failed++
      return failing(cause)
    })
  }

  /** Whether the job was cut off, and is to be begun again elsewhere (D4, D5). */
  private isUndone(exit: Exit.Exit<A, EP | RunError>): boolean {
    if (Exit.isSuccess(exit)) return false
    const { pool } = this.options
    if (Cause.hasInterruptsOnly(exit.cause)) {
      return Deferred.isDoneUnsafe(this.cutOff) || ending.includes(pool.stats().state)
    }
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
   * interrupt stops the waiting only. A later call has no deadline of its own.
   */
  drain(deadline: Duration.Duration): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => {
      const drained = restore(Deferred.await(this.drained))
      if (this.phase !== "serving") return drained
      this.phase = "draining"
      const draining = Effect.gen({ self: this }, function*() {
        yield* Fiber.interruptAll(this.fibersOf(({ state }) => state !== "running"))
        const ended = Effect.forEach(this.fibersOf(() => true), Fiber.await, { discard: true })
        yield* Effect.timeoutOption(ended, deadline)
        yield* Deferred.succeed(this.cutOff, undefined)
        yield* ended
        yield* this.flush
        this.phase = "drained"
        yield* Deferred.succeed(this.drained, undefined)
      })
      return Effect.andThen(Effect.forkIn(draining, this.scope), drained)
    })
  }

  private fibersOf(which: (claim: Claim) => boolean): ReadonlyArray<AnyFiber> {
    return [...this.claims].filter(which).map(({ fiber }) => fiber)
  }

  /**
   * The engine may have been asked for jobs when the last claim was interrupted, and it sometimes claims one more than
   * there are takers (4.1). Such jobs are in its mailbox within the grace: they are taken from there, and given back.
   *
   * A take that finds the mailbox empty has the engine ask its store. To interrupt it then would leave that very claim
   * behind: so it is left to get a job, which goes back as well, unless there is none for the time of another grace.
   */
  private readonly flush: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const { grace, queue } = this.options
    if (grace === 0) return
    yield* Effect.sleep(grace)
    for (let wasThere = true; wasThere;) {
      let found = false
      const giveBack = queue.take(() => {
        found = true
        return this.giveBack
      })
      const taking = yield* Effect.forkChild(Effect.exit(giveBack), { startImmediately: true })
      wasThere = found
      yield* Effect.raceFirst(Fiber.await(taking), Effect.sleep(grace))
      yield* Fiber.interrupt(taking)
    }
  })
}

/** The claim waits for no job of the engine any more. */
const hasLeft = ({ state }: Claim): boolean => state !== "waiting"

/** A cause with interrupts alone would give the claim back (D6). */
const failing = (cause: Cause.Cause<unknown>): Effect.Effect<never, unknown> =>
  Cause.hasInterruptsOnly(cause)
    ? Effect.die(new Error("the job interrupted itself"))
    : Effect.failCause(cause)
