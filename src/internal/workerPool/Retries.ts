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
import { interruptionOf, isOwn, type Past, type PoolJob } from "./Job.js"
import type { DeadLetter } from "./model.js"
import type { Controls, Retries } from "./parts.js"
import type { Poison } from "./Poison.js"
import { isRefused, refused, type RetryBudget } from "./RetryBudget.js"
import { jobPhases, type Outcome } from "./states.js"

/** The policy for a job whose attempt has failed, died or timed out. */
export interface Policy<in out Job> {
  /** Undefined where no failed attempt is followed by another one. */
  readonly schedule: ((job: Job) => Schedule.Schedule<unknown> | undefined) | undefined
  /** At most so many retries of a job that its schedule grants. */
  readonly times: number
  /** Whether a job is not to be tried again after the error. */
  readonly isLast: ((error: unknown) => Effect.Effect<boolean>) | undefined
  readonly budget: RetryBudget | undefined
  readonly poison: Poison<Job> | undefined
  readonly sink: ((letter: DeadLetter<Job, unknown>) => Effect.Effect<unknown>) | undefined
}

/** The part's notes on a job, from its first failed attempt. */
interface Trial<A, E> extends Past<A, E> {
  /** It waits, between two attempts. */
  fiber: AnyFiber | undefined
  step: Step | undefined
  /** How many retries its schedule has granted. */
  granted: number
  /** How many of its attempts have died. */
  readonly kills: number
  /** There was nothing left in the budget when its next attempt was to begin (R1). */
  readonly isOverBudget: boolean
  decision: Decision | undefined
  /** The sink has its dead letter: whatever interrupted that, too late. */
  isDelivered: boolean
}

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

/** `again`: the next attempt is due. `over`: the exit of the last attempt is the job's. */
type Decision = "again" | "over"

// Only this part writes it.
const trialOf = <Job, A, E>({ past }: PoolJob<Job, A, E>): Trial<A, E> | undefined => past as Trial<A, E> | undefined

/**
 * The jobs between two attempts: outside the workers, which serve others meanwhile, and outside the queue. Each has a
 * fiber that decides what becomes of it, and sleeps as long as its schedule says.
 */
export class JobRetries<Job, A, E> implements Retries<Job, A, E> {
  private readonly between = new List<PoolJob<Job, A, E>>()

  constructor(private readonly policy: Policy<Job>, private readonly controls: Controls<Job, A, E>) {}

  /** A new job arrives. The user's functions are called now, before anything has changed. */
  arrives(job: PoolJob<Job, A, E>): void {
    if (!isOwn(job)) return
    job.keepContext()
    this.policy.poison?.arrives(job)
  }

  get size(): number {
    return this.between.size
  }

  get jobs(): Iterable<PoolJob<Job, A, E>> {
    return this.between
  }

  refusal({ past }: PoolJob<Job, A, E>): Exit.Exit<never, unknown> | undefined {
    // One that has died is tried again to find out whose fault it was: `poison` bounds that.
    if (past === undefined || past.outcome === "died") return undefined
    return this.policy.budget?.withdraw(this.controls.now()) === false ? refused : undefined
  }

  /** P12: typed failures and timeouts have a schedule, deaths have `poison`, and interrupts have no other attempt. */
  takes(job: PoolJob<Job, A, E>, outcome: Outcome, exit: Exit.Exit<A, E>): boolean {
    // Its caller says whether a task is tried again.
    if (!isOwn(job)) return false
    const { budget, poison, schedule, sink } = this.policy
    const past = trialOf(job)
    if (past !== undefined && isRefused(exit)) {
      return this.keep(job, { ...past, isOverBudget: true, decision: undefined })
    }
    if (outcome === "succeeded") {
      budget?.succeeded(this.controls.now())
      poison?.forgive(job)
    }
    const policy = outcome === "failed" || outcome === "timedOut" ? schedule : outcome === "died" ? poison : undefined
    const hasFailed = outcome === "failed" || outcome === "timedOut" || outcome === "died"
    const concerned = hasFailed && (sink !== undefined || policy !== undefined)
    // One that was cancelled, and fails all the same, has had its last attempt.
    if (!concerned || (job.cancelled !== undefined && job.cancelled.reason !== "timedOut")) return false
    return this.keep(job, {
      attempts: job.attempt,
      outcome,
      exit,
      fiber: undefined,
      step: past?.step,
      granted: past?.granted ?? 0,
      kills: (past?.kills ?? 0) + (outcome === "died" ? 1 : 0),
      isOverBudget: false,
      decision: undefined,
      isDelivered: false
    })
  }

  private keep(job: PoolJob<Job, A, E>, trial: Trial<A, E>): true {
    job.cancelled = undefined
    job.past = trial
    job.become(jobPhases.retrying)
    job.assigned(undefined)
    this.between.push(job)
    return true
  }

  /** The fiber does nothing before its first suspension. */
  decide(job: PoolJob<Job, A, E>): void {
    const trial = trialOf(job)
    if (trial === undefined) return
    // Only the wait for another attempt can be interrupted: what has had its last one becomes a dead letter (P13).
    const decision = Effect.uninterruptible(
      Effect.map(
        Effect.andThen(Effect.yieldNow, Effect.suspend(() => this.decision(job, trial))),
        (decision) => (trial.decision = decision)
      )
    )
    const fiber = stack.start<Decision, never, never>(Effect.runForkWith(this.controls.context), decision)
    trial.fiber = fiber
    fiber.addObserver((exit) => {
      this.between.remove(job)
      trial.fiber = undefined
      // A fiber that is interrupted as it decides ends as interrupted.
      this.decided(job, trial, trial.decision === undefined ? exit : Exit.succeed(trial.decision))
    })
  }

  /** Executes the decision about a job between two attempts, or ends it if it was interrupted before. Runs fibers. */
  private decided(job: PoolJob<Job, A, E>, trial: Trial<A, E>, decision: Exit.Exit<Decision>): void {
    const { controls } = this
    const isCancelled = job.cancelled?.reason === "cancelled"
    if (trial.isDelivered) return controls.end(job, "deadLettered", trial.exit)
    if (Exit.isFailure(decision) && !Cause.hasInterruptsOnly(decision.cause)) {
      return controls.end(job, "died", Exit.failCause(decision.cause))
    }
    const isOver = Exit.isSuccess(decision) && decision.value === "over"
    // Its interrupt may still be on its way.
    if (isCancelled && !isOver) return controls.end(job, "interrupted", interruptionOf(job))
    if (controls.isEnding && !isOver) return controls.cutOff(job)
    // Over, or a schedule that interrupts itself.
    if (isOver || Exit.isFailure(decision)) return controls.end(job, trial.outcome, trial.exit)
    controls.comeBack(job)
  }

  fiberOf(job: PoolJob<Job, A, E>): AnyFiber | undefined {
    return trialOf(job)?.fiber
  }

  get fibers(): Array<AnyFiber> {
    const fibers: Array<AnyFiber> = []
    for (let job = this.between.head; job !== undefined; job = job.next) {
      const fiber = this.fiberOf(job)
      if (fiber !== undefined) fibers.push(fiber)
    }
    return fibers
  }

  /** In a pool that ends, too: a job that has had its last attempt is not cut off. */
  private decision(job: PoolJob<Job, A, E>, past: Trial<A, E>): Effect.Effect<Decision> {
    if (past.isOverBudget) return this.end(job, past, "budget")
    if (past.outcome === "died") {
      const isPoison = this.policy.poison?.kills(job, past.kills) === true
      return isPoison ? this.end(job, past, "poison") : Effect.succeed("again")
    }
    const { isEnding } = this.controls
    const permanent = this.isPermanent(past)
    if (permanent === undefined) return this.again(job, past)
    return Effect.flatMap(
      isEnding ? atOnce(permanent) : Effect.interruptible(permanent),
      (isPermanent) => isPermanent ? this.end(job, past, "permanent") : this.again(job, past)
    )
  }

  /** As the job's schedule and the budget say. */
  private again(job: PoolJob<Job, A, E>, past: Trial<A, E>): Effect.Effect<Decision> {
    const isSpent = () => this.policy.budget?.allows(this.controls.now()) === false
    const step = this.step(job, past)
    const { isEnding } = this.controls
    return Effect.flatMap(isEnding ? atOnce(step) : Effect.interruptible(step), (delay) => {
      if (delay === undefined) return this.end(job, past, "exhausted")
      past.granted++
      // A budget that is spent now, or by then, is reason enough. Another attempt is charged when it begins.
      if (isSpent()) return this.end(job, past, "budget")
      if (isEnding) return Effect.succeed("again")
      return Effect.flatMap(
        Effect.interruptible(Effect.sleep(delay)),
        () => isSpent() ? this.end(job, past, "budget") : Effect.succeed("again")
      )
    })
  }

  private isPermanent({ exit }: Trial<A, E>): Effect.Effect<boolean> | undefined {
    const error = errorOf(exit)
    return Option.isSome(error) ? this.policy.isLast?.(error.value) : undefined
  }

  /** The delay before the next attempt, as the job's schedule says; undefined if there is none. */
  private step(job: PoolJob<Job, A, E>, past: Trial<A, E>): Effect.Effect<Duration.Duration | undefined> {
    const { schedule: scheduleOf, times } = this.policy
    return Effect.gen(function*() {
      const schedule = past.granted < times ? scheduleOf?.(job.input) : undefined
      if (schedule === undefined) return undefined
      past.step ??= yield* Schedule.toStep(schedule)
      const now = yield* Clock.currentTimeMillis
      return yield* Pull.matchEffect(past.step(now, Option.getOrUndefined(errorOf(past.exit))), {
        onSuccess: ([, delay]) => Effect.succeed(delay),
        onFailure: (cause) => Effect.failCause(cause),
        onDone: () => Effect.succeed(undefined)
      })
    })
  }

  /** It has had its last attempt. Once it is handed to the sink it is the sink's, whatever happens to the pool. */
  private end(
    job: PoolJob<Job, A, E>,
    past: Trial<A, E>,
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

const errorOf = <E>(exit: Exit.Exit<unknown, E>): Option.Option<E> =>
  Exit.isFailure(exit) ? Cause.findErrorOption(exit.cause) : Option.none()

/** The result of an effect that does not suspend. An effect that suspends is interrupted. */
const atOnce = <X>(effect: Effect.Effect<X>): Effect.Effect<X> =>
  Effect.flatMap(
    Effect.forkChild(effect, { startImmediately: true }),
    (fiber) => fiber.pollUnsafe() ?? Effect.andThen(Fiber.interrupt(fiber), Effect.interrupt)
  )
