import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type CircuitBreakerError } from "effect/persistence/CircuitBreaker"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import { Watch, WorkerPool } from "sluice"
import { connection, NotDelivered, post } from "./post.js"
import type { Tally } from "./tally.js"

/** An event on its way to one subscriber. */
export interface Delivery {
  readonly subscriber: number
  readonly event: number
  /** When there was something to tell, by `performance.now`. */
  readonly at: number
}

export type Failure = NotDelivered | CircuitBreakerError | WorkerPool.JobTimeout

export interface Settings {
  readonly workers: number
  /** Whether each subscriber has a queue of its own; or one for all, of their capacities' sum. */
  readonly keyed: boolean
  /** Whether the pool counts and times what it does. */
  readonly metrics: boolean
  /** How many senders a subscriber may hold, and how many events may wait for it. */
  readonly concurrency: number
  readonly capacity: number
  readonly subscribers: number
  /** Of one request, in milliseconds. */
  readonly timeout: number
  readonly retries: number
  /** Before the first retry, and twice as long before each other, in milliseconds. */
  readonly backoff: number
  /** How many retries there may be, for each success and in each second. */
  readonly budget: number
  readonly perSecond: number
  /** After how many failures in a row a subscriber is left alone, and for how many milliseconds. */
  readonly trip: number
  readonly open: number
}

/** A connection for each sender. Which subscriber comes next is what the keys are about. */
export const makePool = (settings: Settings, port: number, tally: Tally) =>
  Effect.gen(function*() {
    const { backoff, budget, capacity, concurrency, keyed, metrics, subscribers, timeout, workers } = settings
    const { open, perSecond, retries, trip } = settings
    const breaker = yield* CircuitBreaker.make({
      tripPolicy: CircuitBreaker.consecutive(trip),
      openDuration: open
    })
    const inTime = Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail(new NotDelivered({ reason: "no answer in time" }))
    })
    return yield* WorkerPool.make({
      name: "webhooks",
      watch: metrics ? [Watch.metrics({ attributes: { version: keyed ? "keyed" : "naive" } })] : [],
      size: workers,
      queue: keyed
        ? { capacity, key: ({ subscriber }: Delivery) => subscriber, perKey: { concurrency } }
        : { capacity: capacity * subscribers },
      worker: () => connection,
      run: (delivery: Delivery, { resource }) =>
        tally.request(delivery, post(resource, `http://127.0.0.1:${port}/${delivery.subscriber}`, delivery.event)).pipe(
          // Inside the breaker, which takes no notice of what is interrupted.
          inTime,
          breaker.execute({ key: String(delivery.subscriber) }),
          Effect.tap(() => Effect.sync(() => tally.delivered(delivery))),
          Effect.tapError((error) =>
            Effect.sync(() => {
              if (error._tag === "CircuitBreakerError") tally.refused(delivery)
            })
          )
        ),
      // For what the request's own timeout is not about, such as a breaker's store on the network.
      deadlines: { run: timeout * 2 },
      retry: {
        schedule: Schedule.exponential(backoff).pipe(
          Schedule.setInputType<Failure>(),
          Schedule.jittered,
          Schedule.modifyDelay(({ duration, input }) => Effect.succeed(Duration.sum(duration, openFor(input)))),
          Schedule.upTo({ times: retries })
        ),
        budget: { ratio: budget, perSecond },
        deadLetters: { sink: (letter) => Effect.sync(() => tally.lost(letter)) }
      }
    })
  })

export type Pool = Effect.Success<ReturnType<typeof makePool>>

/** A subscriber that is left alone need not be asked before that is over. */
const openFor = (error: Failure): Duration.Duration =>
  error._tag === "CircuitBreakerError" && error.reason._tag === "CircuitOpen" ? error.reason.retryAfter : Duration.zero
