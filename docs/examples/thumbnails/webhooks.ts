import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { WorkerPool } from "sluice"
import { type NotAccepted, post } from "./post.js"
import { reasonOf } from "./text.js"

export interface Message {
  readonly image: number
  readonly to: URL
  readonly content: unknown
}

/** What has not been delivered, and why. */
export interface Loss {
  readonly image: number
  readonly to: string
  readonly attempts: number
  readonly reason: string
}

export interface Settings {
  /** How many deliveries are under way at a time. They mostly wait, and cost next to nothing: have many. */
  readonly workers: number
  /** How many more may wait. What finds no room is lost, or a dead receiver would fill the memory. */
  readonly capacity: number
  /** Of an attempt. */
  readonly timeout: Duration.Input
  readonly retry: Schedule.Schedule<unknown>
}

/** What became of a message, as in its handle; "refused" if there was no room for it. */
export interface Delivery {
  readonly state: WorkerPool.JobHandle<unknown>["state"] | "refused"
}

export interface Status extends WorkerPool.Stats {
  readonly undelivered: number
  /** The last of them. */
  readonly list: ReadonlyArray<Loss>
}

/** Delivers messages, at least once each unless they are counted as undelivered. */
export interface Webhooks {
  /** Never suspends. */
  readonly send: (message: Message) => Effect.Effect<Delivery>
  readonly status: () => Status
  readonly shutdown: (deadline: Duration.Input) => Effect.Effect<WorkerPool.ShutdownReport<Message>>
}

// All are counted.
const listed = 100

/**
 * Their pool is their own: a receiver that is slow or dead holds one of these workers, and never an encoder. A job is a
 * delivery with all its attempts, so that a drain waits for the last of them.
 */
export const makeWebhooks = (settings: Settings): Effect.Effect<Webhooks, never, Scope.Scope> =>
  Effect.gen(function*() {
    let undelivered = 0
    const list: Array<Loss> = []
    const lose = ({ image, to }: Message, attempts: number, reason: string) => {
      undelivered++
      list.push({ image, to: to.href, attempts, reason })
      if (list.length > listed) list.shift()
    }

    const deliver = (message: Message): Effect.Effect<void, NotAccepted> => {
      let attempts = 0
      const attempt = Effect.suspend(() => {
        attempts++
        return post(message.to, message.content, settings.timeout)
      })
      return attempt.pipe(
        Effect.retry({ schedule: settings.retry, while: ({ again }) => again }),
        // Also one that is interrupted by the end.
        Effect.onError((cause) => Effect.sync(() => lose(message, attempts, whyLost(cause))))
      )
    }

    const pool = yield* WorkerPool.make({
      name: "webhooks",
      size: settings.workers,
      queue: { capacity: settings.capacity },
      run: deliver
    })
    const refused = (message: Message) => ({ message: reason }: Error) =>
      Effect.sync((): Delivery => {
        lose(message, 0, reason)
        return { state: "refused" }
      })
    const send = (message: Message): Effect.Effect<Delivery> =>
      WorkerPool.trySubmit(pool, message).pipe(
        Effect.catchTags({ QueueFull: refused(message), PoolClosed: refused(message) })
      )

    // Shutting down may be called for again, and returns the same report.
    const returned = new Set<Message>()
    const shutdown = (deadline: Duration.Input) =>
      Effect.tap(WorkerPool.shutdown(pool, { deadline }), (report) =>
        Effect.sync(() => {
          for (const message of report.returned) {
            if (!returned.has(message)) lose(message, 0, stopped)
            returned.add(message)
          }
        }))
    return { send, shutdown, status: () => ({ ...WorkerPool.stats(pool), undelivered, list: list.slice() }) }
  })

const stopped = "the service stopped"

const whyLost = (cause: Cause.Cause<NotAccepted>): string =>
  Cause.hasInterrupts(cause) ? stopped : reasonOf(Cause.squash(cause))
