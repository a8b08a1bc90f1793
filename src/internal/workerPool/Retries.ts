import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { DeadLetter } from "../../WorkerPool.js"
import { List } from "../List.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { PoolJob } from "./Job.js"
import type { Poison } from "./Poison.js"
import { isRefused, type RetryBudget } from "./RetryBudget.js"
import type { Outcome } from "./states.js"

/** What becomes of a job whose attempt has failed, died or timed out. */
export interface Policy<in out Job> {
  readonly schedule: ((job: Job) => Schedule.Schedule<unknown> | undefined) | undefined
  readonly budget: RetryBudget | undefined
  readonly poison: Poison<Job> | undefined
  readonly sink: ((letter: DeadLetter<Job, unknown>) => Effect.Effect<unknown>) | undefined
}

/** What a job has behind it, once an attempt has failed. */
export interface Past<A, E> {
  attempts: number
  /** Of the last attempt. */
  outcome: Outcome
  exit: Exit.Exit<A, E>
  /** It waits, between two attempts. */
  fiber: AnyFiber | undefined
  step: Step | undefined
  /** How many of its attempts have died. */
  kills: number
  /** There was nothing left in the budget when its next attempt was to begin (R1). */
  isOverBudget: boolean
  /** The sink has its dead letter: whatever interrupted that, too late. */
  isDelivered: boolean
}

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

/** What was decided: another attempt, now; or no more, and the last one's exit is the job's. */
export type Decision = "again" | "over"

/**
 * The jobs between two attempts: outside the workers, which serve others meanwhile, and outside the queue. Each has a
 * fiber that decides what becomes of it, and sleeps as long as its schedule says.
 */
export class Retries<Job, A, E> {
  private readonly between = new List<PoolJob<Job, A, E>>()

  constructor(
    private readonly policy: Policy<Job>,
    private readonly fork: <X>(effect: Effect.Effect<X>) => ReturnType<typeof Effect.runFork<X, never>>,
    private readonly decided: (job: PoolJob<Job, A, E>, exit: Exit.Exit<Decision>) => void
  ) {}

  /** A new job. What the user's functions say of it is asked now, before anything has changed. */
  arrives(job: PoolJob<Job, A, E>): void {
    job.keepContext()
    if (this.policy.poison !== undefined) job.poisonKey = this.policy.poison.keyOf(job.input)
  }

  get size(): number {
    return this.between.size
  }

  /** R1: whether the attempt that is about to begin may not, as a retry that the budget has nothing left for. */
  refuses({ past, pool }: PoolJob<Job, A, E>): boolean {
    // One that has died is tried again to find out whose fault it was: `poison` bounds that.
    if (past === undefined || past.outcome === "died") return false
    return this.policy.budget?.withdraw(pool.now()) === false
  }

  /** Takes a job that has ended, if what becomes of it is for the policy to decide: then `decide` has to follow. */
  take(
    job: PoolJob<Job, A, E>,
    outcome: Outcome,
    exit: Exit.Exit<A, E>,
    isEnding: boolean
  ): Past<A, E> | undefined {
    const { budget, poison, schedule, sink } = this.policy
    if (job.past !== undefined && isRefused(exit)) return this.keep(job, { ...job.past, isOverBudget: true })
    if (outcome === "succeeded") {
      budget?.succeeded(job.pool.now())
      poison?.forgive(job)
    }
    const policy = outcome === "failed" || outcome === "timedOut" ? schedule : outcome === "died" ? poison : undefined
    const hasFailed = outcome === "failed" || outcome === "timedOut" || outcome === "died"
    // In a pool that ends there is no other attempt, and still a dead letter.
    const concerned = hasFailed && (sink !== undefined || (policy !== undefined && !isEnding))
    // One that was cancelled, and fails all the same, has had its last attempt.
    if (!concerned || (job.cancelled !== undefined && job.cancelled.reason !== "timedOut")) return undefined
    const kills = (job.past?.kills ?? 0) + (outcome === "died" ? 1 : 0)
    return this.keep(job, {
      attempts: job.attempt,
      outcome,
      exit,
      fiber: undefined,
      step: job.past?.step,
      kills,
      isOverBudget: false,
      isDelivered: false
    })
  }

  private keep(job: PoolJob<Job, A, E>, past: Past<A, E>): Past<A, E> {
    job.cancelled = undefined
    job.past = past
    job.phase = "retrying"
    job.worker = undefined
    this.between.push(job)
    return past
  }

  /** Runs a fiber, which does nothing before its first suspension. */
  decide(job: PoolJob<Job, A, E>, past: Past<A, E>): void {
    // Only the wait for another attempt can be interrupted: what has had its last one becomes a dead letter (P13).
    const decision = Effect.uninterruptible(
      Effect.andThen(Effect.yieldNow, Effect.suspend(() => this.decision(job, past)))
    )
    const fiber = stack.start<Decision, never, never>(this.fork, decision)
    past.fiber = fiber
    fiber.addObserver((exit) => {
      this.between.remove(job)
      past.fiber = undefined
      this.decided(job, exit)
    })
  }

  /** The fibers of all, for who ends them. */
  get fibers(): Array<AnyFiber> {
    const fibers: Array<AnyFiber> = []
    for (let job = this.between.head; job !== undefined; job = job.next) {
      if (job.past?.fiber !== undefined) fibers.push(job.past.fiber)
    }
    return fibers
  }

  private decision(job: PoolJob<Job, A, E>, past: Past<A, E>): Effect.Effect<Decision> {
    if (past.isOverBudget) return this.end(job, past, "budget")
    const reason = past.outcome === "died"
      ? Effect.succeed(this.policy.poison?.kills(job, past.kills) === true ? "poison" as const : undefined)
      : this.waitForTurn(job, past)
    if (job.pool.isEnding) return this.end(job, past, past.outcome === "died" ? "poison" : "exhausted")
    return Effect.flatMap(
      reason,
      (reason) => reason === undefined ? Effect.succeed("again") : this.end(job, past, reason)
    )
  }

  /**
   * Sleeps until it is time for another attempt; or says why there is none. A budget that is spent now, or by then, is
   * reason enough; another attempt is charged when it begins.
   */
  private waitForTurn(
    job: PoolJob<Job, A, E>,
    past: Past<A, E>
  ): Effect.Effect<"exhausted" | "budget" | undefined> {
    const { policy } = this
    if (policy.schedule === undefined) return Effect.succeed("exhausted")
    const scheduleOf = policy.schedule
    const turn = Effect.gen(function*() {
      const schedule = scheduleOf(job.input)
      if (schedule === undefined) return "exhausted" as const
      past.step ??= yield* Schedule.toStep(schedule)
      const now = yield* Clock.currentTimeMillis
      const isSpent = () => policy.budget?.allows(job.pool.now()) === false
      const error = Exit.isFailure(past.exit)
        ? Option.getOrUndefined(Cause.findErrorOption(past.exit.cause))
        : undefined
      return yield* Pull.matchEffect(past.step(now, error), {
        onSuccess: ([, delay]) =>
          isSpent()
            ? Effect.succeed("budget" as const)
            : Effect.map(Effect.sleep(delay), () => isSpent() ? "budget" as const : undefined),
        onFailure: (cause) => Effect.failCause(cause),
        onDone: () => Effect.succeed("exhausted" as const)
      })
    })
    return Effect.interruptible(turn)
  }

  /** It has had its last attempt. Once it is handed to the sink it is the sink's, whatever happens to the pool. */
  private end(
    job: PoolJob<Job, A, E>,
    past: Past<A, E>,
    reason: DeadLetter<Job, E>["reason"]
  ): Effect.Effect<Decision> {
    const { sink } = this.policy
    const { attempts, exit } = past
    if (sink === undefined || Exit.isSuccess(exit)) return Effect.succeed("over")
    const letter = { job: job.input, id: job.id, attempts, cause: exit.cause, reason }
    const sent = Effect.map(Effect.suspend(() => sink(letter)), () => {
      past.isDelivered = true
      return "over" as const
    })
    return Effect.catchCause(sent, (cause) =>
      Effect.as(
        Effect.logError(`WorkerPool: the dead letter of job ${job.id} could not be delivered`, cause),
        "over" as const
      ))
  }
}
