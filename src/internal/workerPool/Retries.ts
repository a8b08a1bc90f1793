import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { List } from "../List.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { PoolJob } from "./Job.js"
import type { DeadLetter } from "./model.js"
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
  decision: Decision | undefined
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
    exit: Exit.Exit<A, E>
  ): Past<A, E> | undefined {
    const { budget, poison, schedule, sink } = this.policy
    if (job.past !== undefined && isRefused(exit)) {
      return this.keep(job, { ...job.past, isOverBudget: true, decision: undefined })
    }
    if (outcome === "succeeded") {
      budget?.succeeded(job.pool.now())
      poison?.forgive(job)
    }
    const policy = outcome === "failed" || outcome === "timedOut" ? schedule : outcome === "died" ? poison : undefined
    const hasFailed = outcome === "failed" || outcome === "timedOut" || outcome === "died"
    const concerned = hasFailed && (sink !== undefined || policy !== undefined)
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
      decision: undefined,
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
      Effect.map(
        Effect.andThen(Effect.yieldNow, Effect.suspend(() => this.decision(job, past))),
        (decision) => (past.decision = decision)
      )
    )
    const fiber = stack.start<Decision, never, never>(this.fork, decision)
    past.fiber = fiber
    fiber.addObserver((exit) => {
      this.between.remove(job)
      past.fiber = undefined
      // A fiber that is interrupted as it decides ends as interrupted.
      this.decided(job, past.decision === undefined ? exit : Exit.succeed(past.decision))
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

  /** In a pool that ends, too: a job that has had its last attempt is not cut off. */
  private decision(job: PoolJob<Job, A, E>, past: Past<A, E>): Effect.Effect<Decision> {
    if (past.isOverBudget) return this.end(job, past, "budget")
    if (past.outcome === "died") {
      const isPoison = this.policy.poison?.kills(job, past.kills) === true
      return isPoison ? this.end(job, past, "poison") : Effect.succeed("again")
    }
    const isSpent = () => this.policy.budget?.allows(job.pool.now()) === false
    const step = this.step(job, past)
    const { isEnding } = job.pool
    return Effect.flatMap(isEnding ? atOnce(step) : Effect.interruptible(step), (delay) => {
      if (delay === undefined) return this.end(job, past, "exhausted")
      // A budget that is spent now, or by then, is reason enough. Another attempt is charged when it begins.
      if (isSpent()) return this.end(job, past, "budget")
      if (isEnding) return Effect.succeed("again")
      return Effect.flatMap(
        Effect.interruptible(Effect.sleep(delay)),
        () => isSpent() ? this.end(job, past, "budget") : Effect.succeed("again")
      )
    })
  }

  /** How long the job's schedule has it wait for another attempt; undefined when there is none. */
  private step(job: PoolJob<Job, A, E>, past: Past<A, E>): Effect.Effect<Duration.Duration | undefined> {
    const { schedule: scheduleOf } = this.policy
    return Effect.gen(function*() {
      const schedule = scheduleOf?.(job.input)
      if (schedule === undefined) return undefined
      past.step ??= yield* Schedule.toStep(schedule)
      const now = yield* Clock.currentTimeMillis
      const error = Exit.isFailure(past.exit)
        ? Option.getOrUndefined(Cause.findErrorOption(past.exit.cause))
        : undefined
      return yield* Pull.matchEffect(past.step(now, error), {
        onSuccess: ([, delay]) => Effect.succeed(delay),
        onFailure: (cause) => Effect.failCause(cause),
        onDone: () => Effect.succeed(undefined)
      })
    })
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

/** What an effect comes to without a wait. One that suspends is interrupted. */
const atOnce = <X>(effect: Effect.Effect<X>): Effect.Effect<X> =>
  Effect.flatMap(
    Effect.forkChild(effect, { startImmediately: true }),
    (fiber) => fiber.pollUnsafe() ?? Effect.andThen(Fiber.interrupt(fiber), Effect.interrupt)
  )
