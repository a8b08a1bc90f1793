/**
 * Takes the jobs of one queue for the fibers that wait for one.
 *
 *     flowing ──▶ dry, when a question finds no job
 *     dry     ──▶ flowing, when one does
 *
 * While it is flowing, each fiber that waits has a question of its own. It leaves with the end of a job that has
 * succeeded in the same turn, if there is one, and else alone. While it is dry, there is one for all of them, which
 * BullMQ blocks until there may be a job. A job goes to the fiber that has waited longest, and back if there is none.
 * The last fiber to leave ends the blocked question, and suspends until all questions have ended, or Redis has been
 * silent for too long.
 */
import { type IQueueBackend, type Job, UnrecoverableError, Worker } from "bullmq"
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { List } from "../../List.js"
import * as stack from "../../stack.js"
import type { AnyFiber } from "../../stack.js"
import { Claim } from "./Claim.js"
import { type Locks, now } from "./Locks.js"

interface Taker {
  prev: Taker | undefined
  next: Taker | undefined
  readonly fiber: AnyFiber
  resume: (claim: Claim) => void
  /** The job that the fiber was given, and has not taken yet. */
  claim: Claim | undefined
  state: "new" | "waiting" | "over"
}

/** The source of the jobs: a `TakingWorker`, or a queue of a test. */
export interface Source extends Pick<TakingWorker, "id" | "name" | "getNextJob" | "completeAndTake"> {
  readonly backend: Pick<
    IQueueBackend,
    "waitForJob" | "disconnectBlocking" | "reconnectBlocking" | "minimumBlockTimeout"
  >
}

export class TakingWorker extends Worker {
  /** Stores that a job has succeeded, and takes the next one with the same token: one question instead of two. */
  completeAndTake(job: Job, token: string): Promise<Job | undefined> {
    return this.handleCompleted(null, job, token)
  }
}

/** By BullMQ's clock, which its delays are of. */
const wallClock = (): number => Date.now()

/** Between two questions, after an error. */
const pauseAfterError = Duration.millis(500)

/** Between two attempts to store the end of a claim, while its lock is held. */
const tellingAgain = Schedule.exponential("100 millis")

export interface FeedOptions {
  readonly lockMillis: number
  readonly pollMillis: number
  /** How long a fiber that leaves waits for an answer. */
  readonly patienceMillis: number
}

export class Feed {
  private readonly takers = new List<Taker>()
  private state: "flowing" | "dry" | "closed" = "flowing"
  /** How many questions are on their way, or have a job that goes back. */
  private questions = 0
  /** Whether a fiber sends the needed questions in a later turn. The end of a job may take one along before. */
  private isSending = false
  /** Open while there are none. */
  private readonly quiet = Latch.makeUnsafe(true)
  /** No question was answered while the last fiber to leave waited for that. */
  private isSilent = false
  /** The wait of BullMQ blocks a connection. Ending it closes that. */
  private connection: "open" | "blocked" | "closed" = "open"
  private tokens = 0
  maxAttempts = Infinity

  constructor(
    private readonly worker: Source,
    private readonly locks: Locks,
    private readonly options: FeedOptions,
    private readonly context: Context.Context<never>
  ) {}

  /** Suspends until there is a job. Only `restore` is interruptible: an interrupt gives back a job that has come. */
  take(restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>): Effect.Effect<Claim> {
    return Effect.withFiber((fiber) => {
      const taker: Taker = {
        prev: undefined,
        next: undefined,
        fiber,
        resume: () => {},
        claim: undefined,
        state: "new"
      }
      const wait = Effect.callback<Claim>((resume) => {
        taker.resume = (claim) => resume(Effect.succeed(claim))
        taker.state = "waiting"
        this.takers.push(taker)
        this.ask()
      })
      return Effect.onExitPrimitive(restore(wait), (exit) => exit._tag === "Failure" ? this.leave(taker) : undefined)
    })
  }

  private leave(taker: Taker): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { claim, state } = taker
      taker.state = "over"
      if (claim !== undefined) return this.giveBack(claim)
      if (state === "waiting") this.takers.remove(taker)
      return this.takers.size > 0 ? Effect.void : this.end
    })
  }

  /**
   * Suspends until no question is on its way: no job comes after that. While Redis is away, that may be never: then a
   * job that comes after all goes back.
   */
  private readonly end: Effect.Effect<void> = Effect.suspend(() => {
    if (this.questions === 0 || this.isSilent) return Effect.void
    return Effect.map(Effect.timeoutOption(this.ended, this.options.patienceMillis), (ended) => {
      this.isSilent = Option.isNone(ended)
    })
  })

  private readonly ended: Effect.Effect<void> = Effect.suspend(() => {
    if (this.connection !== "blocked") return this.quiet.await
    this.connection = "closed"
    const disconnect = Effect.ignore(Effect.tryPromise(() => this.worker.backend.disconnectBlocking(true)))
    return Effect.andThen(disconnect, this.quiet.await)
  })

  /** Asks for no more jobs. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.state = "closed"
    return this.end
  })

  /** How many more questions the fibers that wait need. */
  private get needed(): number {
    return this.state === "flowing" ? this.takers.size - this.questions : 0
  }

  /** As many questions as fibers need (D3). Starts fibers. */
  private ask(): void {
    if (this.state === "dry" && this.questions === 0 && this.takers.size > 0) this.start(this.watch)
    if (this.needed <= 0 || this.isSending) return
    this.isSending = true
    this.fork(this.send)
  }

  private readonly send: Effect.Effect<void> = Effect.map(Effect.yieldNow, () => {
    this.isSending = false
    while (this.needed > 0) this.start(this.question)
  })

  private start(question: Effect.Effect<void>): void {
    this.begin()
    this.fork(Effect.ensuring(question, this.over))
  }

  private begin(): void {
    this.questions++
    this.quiet.closeUnsafe()
  }

  private readonly over: Effect.Effect<void> = Effect.sync(() => {
    this.questions--
    this.isSilent = false
    this.ask()
    if (this.questions === 0) this.quiet.openUnsafe()
  })

  private fork(effect: Effect.Effect<void>): void {
    stack.start<void, never, never>(Effect.runForkWith(this.context), Effect.uninterruptible(effect))
  }

  private readonly question: Effect.Effect<void> = Effect.suspend(() =>
    Effect.flatMap(this.next, (claim) => this.answered(claim))
  )

  private answered(claim: Claim | undefined): Effect.Effect<void> {
    if (this.state !== "closed") this.state = claim === undefined ? "dry" : "flowing"
    return claim === undefined ? Effect.void : this.deliver(claim)
  }

  /** A wait that was ended may have taken the mark that another worker would see: so it is asked once more. */
  private readonly watch: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    let due = 0
    while (this.state === "dry" && this.takers.size > 0) {
      due = yield* this.block(due)
      yield* this.question
    }
  })

  private readonly next: Effect.Effect<Claim | undefined> = Effect.suspend(() => {
    const token = `${this.worker.id}:${this.tokens++}`
    const heldUntil = now() + this.options.lockMillis
    return Effect.tryPromise(() => this.worker.getNextJob(token, { block: false }) as Promise<Job | undefined>).pipe(
      Effect.map((job) => claimOf(job, token, heldUntil)),
      Effect.catchCause((cause) =>
        Effect.andThen(
          Effect.logWarning(`BullMQ: no job of ${this.worker.name} could be taken, and is asked for again`, cause),
          Effect.as(Effect.sleep(pauseAfterError), undefined)
        )
      )
    )
  })

  /**
   * Suspends until BullMQ says that there may be a job. It may have been a job for later, which is due at the time that
   * this returns.
   */
  private block(due: number): Effect.Effect<number> {
    const { backend } = this.worker
    return Effect.gen({ self: this }, function*() {
      if (this.connection === "closed") yield* Effect.ignore(Effect.tryPromise(() => backend.reconnectBlocking()))
      this.connection = "open"
      if (this.takers.size === 0) return 0
      this.connection = "blocked"
      const millis = due === 0 ? this.options.pollMillis : Math.min(this.options.pollMillis, due - wallClock())
      const woken = yield* Effect.exit(
        Effect.tryPromise(() => backend.waitForJob(Math.max(millis / 1_000, backend.minimumBlockTimeout)))
      )
      if (this.isCutOff()) return 0
      this.connection = "open"
      if (woken._tag === "Failure") yield* Effect.sleep(pauseAfterError)
      const next = woken._tag === "Success" && woken.value !== null ? woken.value.score : due
      return next > wallClock() ? next : 0
    })
  }

  private isCutOff(): boolean {
    return this.connection === "closed"
  }

  private deliver(claim: Claim): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (claim.attempts > this.maxAttempts) {
        return this.fail(claim, "the process that ran the last attempt has died")
      }
      const { head: taker } = this.takers
      // The answer may have been on its way for as long as its lock lasts: then the job is asked for again.
      if (taker === undefined || !this.locks.isRenewable(claim)) return this.giveBack(claim)
      this.takers.remove(taker)
      taker.state = "over"
      taker.claim = claim
      claim.takenBy(taker.fiber)
      this.locks.add(claim)
      stack.resume(taker.fiber, taker.resume, claim)
      return Effect.void
    })
  }

  /** The job is first in line again, and the attempt does not count. */
  giveBack(claim: Claim): Effect.Effect<void> {
    return this.settle(claim, () => claim.job.moveToWait(claim.token))
  }

  /** A turn later: the fiber that asks for the next job of the worker that has become idle is there by then. */
  complete(claim: Claim): Effect.Effect<void> {
    const { job, token } = claim
    return Effect.flatMap(Effect.yieldNow, () =>
      this.needed > 0
        ? this.completeAndTake(claim)
        : this.settle(claim, () => job.moveToCompleted(null, token, false)))
  }

  private completeAndTake(claim: Claim): Effect.Effect<void> {
    const { job, token } = claim
    this.begin()
    const heldUntil = now() + this.options.lockMillis
    const asked = this.settle(claim, () => this.worker.completeAndTake(job, token))
    return Effect.ensuring(Effect.flatMap(asked, (next) => this.answered(claimOf(next, token, heldUntil))), this.over)
  }

  /** The attempt counts, and another one is due after the delay. */
  retry(claim: Claim, reason: string, delay: Duration.Duration): Effect.Effect<void> {
    const { job, token } = claim
    return this.settle(claim, () => {
      // The attempts and the delays are those of the job's kind, which BullMQ does not know.
      job.opts.attempts = Infinity
      job.opts.backoff = { type: "fixed", delay: Math.ceil(Duration.toMillis(delay)) }
      return job.moveToFailed(new Error(reason), token, false)
    })
  }

  /** BullMQ keeps the job as failed. */
  fail(claim: Claim, reason: string): Effect.Effect<void> {
    return this.settle(claim, () => claim.job.moveToFailed(new UnrecoverableError(reason), claim.token, false))
  }

  /**
   * Has BullMQ store how a claim has ended. Tries again until the lock of the claim is over. BullMQ refuses the end of
   * a claim whose token is not the last one. Undefined if the end was not stored.
   */
  private settle<A>(claim: Claim, tell: () => Promise<A>): Effect.Effect<A | undefined> {
    return Effect.suspend(() => {
      this.locks.delete(claim)
      if (claim.state !== "held") return Effect.undefined
      claim.state = "settled"
      const once = this.locks.inTime(claim, tell)
      const isWorthIt = (error: unknown) => !isRefusal(error) && now() < claim.heldUntil
      const gaveUp = (cause: Cause.Cause<unknown>) =>
        Effect.as(
          Effect.logWarning(`BullMQ: job ${claim.id} is begun again, since its end was not stored`, cause),
          undefined
        )
      return Effect.catch(once, (error) => {
        const again = isWorthIt(error)
          ? Effect.retry(once, { while: isWorthIt, schedule: tellingAgain })
          : Effect.fail(error)
        return Effect.catchCause(again, gaveUp)
      })
    })
  }
}

const claimOf = (job: Job | undefined, token: string, heldUntil: number): Claim | undefined =>
  job?.id === undefined ? undefined : new Claim(job.id, job, token, heldUntil)

/** BullMQ's errors for a claim that is not ours any more have a code below 0. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof Error && "code" in error && typeof error.code === "number" && error.code < 0
