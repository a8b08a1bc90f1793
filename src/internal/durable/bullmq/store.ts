/** BullMQ as the store of Effect's `PersistedQueue`. A kind of job is a queue, and its payload the data of a job. */
import { type ConnectionOptions, Queue } from "bullmq"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Scope from "effect/Scope"
import { Admin } from "../jobs/admin.js"
import { isDeadLetter } from "../jobs/deadLetter.js"
import { lockedBy } from "../jobs/lock.js"
import { bullmqAdmin, type Kept } from "./admin.js"
import type { Claim } from "./Claim.js"
import { Feed, TakingWorker } from "./Feed.js"
import { Locks, now } from "./Locks.js"
import { decodeId, encodeId, encodeName } from "./names.js"

export interface StoreOptions {
  readonly connection: ConnectionOptions
  readonly prefix: string
  readonly lockMillis: number
  readonly pollMillis: number
}

const failing = (message: string) => (cause: unknown) => new PersistedQueue.PersistedQueueError({ message, cause })

type Producer = Kept & Pick<Queue, "add" | "clean">

/**
 * A connection that is lost says good-bye to Redis once it is there again, which may be never. So a queue that does not
 * close by itself is disconnected.
 */
const closingQueue = (queue: Pick<Queue, "close" | "disconnect">) =>
  Effect.tryPromise(() => queue.close()).pipe(
    Effect.timeout("1 second"),
    Effect.catch(() => Effect.tryPromise(() => queue.disconnect())),
    Effect.ignore
  )

/** At once: it has no question on its way, or Redis does not answer. */
const closingWorker = (worker: TakingWorker) => Effect.ignore(Effect.tryPromise(() => worker.close(true)))

export const bullmqStore = Effect.fnUntraced(function*({ connection, lockMillis, pollMillis, prefix }: StoreOptions) {
  const scope = yield* Effect.scope
  const context = yield* Effect.context()
  const queues = new Map<string, Producer>()
  const feeds = new Map<string, Feed>()

  // BullMQ emits the errors of a lost connection, and connects again. Its operations wait meanwhile.
  const ignoreErrors = () => {}

  const queueOf = (name: string): Effect.Effect<Producer> =>
    Effect.suspend(() => {
      const known = queues.get(name)
      if (known !== undefined) return Effect.succeed(known)
      const queue = new Queue(encodeName(name), { connection, prefix })
      queue.on("error", ignoreErrors)
      queues.set(name, queue)
      return Effect.as(Scope.addFinalizer(scope, closingQueue(queue)), queue)
    })

  const feedOf = (name: string): Effect.Effect<Feed> =>
    Effect.suspend(() => {
      const known = feeds.get(name)
      if (known !== undefined) return Effect.succeed(known)
      const worker = new TakingWorker(encodeName(name), null, {
        connection,
        prefix,
        lockDuration: lockMillis,
        stalledInterval: Math.max(1, Math.round(lockMillis / 4)),
        // The attempts of a job's kind are counted by the claim.
        maxStalledCount: Number.MAX_SAFE_INTEGER
      })
      worker.on("error", ignoreErrors)
      const locks = new Locks(worker, lockMillis)
      const feed = new Feed(
        worker,
        locks,
        // No lock of an answer that comes later would last.
        { lockMillis, pollMillis, patienceMillis: lockMillis },
        context
      )
      feeds.set(name, feed)
      return Effect.gen(function*() {
        yield* Scope.addFinalizer(scope, closingWorker(worker))
        yield* Effect.forkIn(locks.renew, scope)
        yield* Scope.addFinalizer(scope, feed.close)
        yield* Effect.forkIn(Effect.ignore(Effect.tryPromise(() => worker.startStalledCheckTimer())), scope)
        return feed
      })
    })

  const store = PersistedQueue.PersistedQueueStore.of({
    offer: ({ delay = Duration.zero, element, id, name }) =>
      Effect.flatMap(queueOf(name), (queue) =>
        Effect.tryPromise({
          try: () =>
            queue.add(name, element ?? null, { jobId: encodeId(id), delay: Math.ceil(Duration.toMillis(delay)) }),
          catch: failing("BullMQ could not add the job")
        })),
    take: ({ maxAttempts, name, retryDelay }) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(feedOf(name), (feed) => {
          feed.maxAttempts = maxAttempts
          const settle = (claim: Claim, exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown> => {
            if (exit._tag === "Success") return feed.complete(claim)
            if (Cause.hasInterruptsOnly(exit.cause)) return feed.giveBack(claim)
            const reason = Cause.pretty(exit.cause)
            if (claim.attempts >= maxAttempts || isDeadLetter(exit.cause)) return feed.fail(claim, reason)
            return Effect.flatMap(retryDelay(claim.attempts), (delay) => feed.retry(claim, reason, delay))
          }
          return Effect.flatMap(feed.take(restore), (claim) =>
            Effect.withFiber((fiber) => {
              lockedBy(fiber, () => claim.isLost(now()))
              return Effect.as(Effect.addFinalizer((exit) => settle(claim, exit)), {
                id: decodeId(claim.id),
                attempts: claim.attempts,
                element: claim.job.data as unknown
              })
            }))
        })
      ),
    cleanup: ({ failedTimeToLive, timeToLive }) => {
      const clean = (queue: Producer, state: "completed" | "failed", after: Duration.Duration) =>
        Effect.tryPromise({
          try: () => queue.clean(Duration.toMillis(after), 0, state),
          catch: failing("BullMQ could not remove jobs")
        })
      return Effect.forEach(queues.values(), (queue) =>
        Effect.andThen(
          clean(queue, "completed", timeToLive),
          failedTimeToLive === undefined ? Effect.void : clean(queue, "failed", failedTimeToLive)
        ), { discard: true })
    }
  })
  return Context.make(PersistedQueue.PersistedQueueStore, store).pipe(Context.add(Admin, bullmqAdmin(queueOf)))
})
