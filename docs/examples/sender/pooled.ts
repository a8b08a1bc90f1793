import * as Effect from "effect/Effect"
import { Group, WorkerPool } from "sluice"
import { type Connection, type Disconnected, open, type Unreachable } from "./connection.js"
import { type Message, messages } from "./message.js"
import type { Task } from "./protocol.js"
import type { Tally } from "./tally.js"

type Pool = WorkerPool.WorkerPool<Message, void, Disconnected>

/** How often a message is sent before it is given up. */
export const tries = 20

/** A few workers with a connection each. However many users there are, few messages exist at a time. */
export const pooled = (task: Task, tally: Tally, stop: Effect.Effect<void>): Effect.Effect<void, Unreachable> =>
  Effect.scoped(Effect.gen(function*() {
    const pool = yield* makePool(task, tally)
    tally.load = () => WorkerPool.stats(pool)
    // What is accepted goes on until the deadline, and `sendAll` comes to its end by itself.
    const shutdown = WorkerPool.shutdown(pool, { deadline: task.deadline })
    yield* Effect.forkScoped(Effect.andThen(stop, shutdown))
    yield* sendAll(pool, task, tally)
    // The same report, if it has been shut down already.
    const report = yield* WorkerPool.shutdown(pool)
    tally.returned = report.returned.length
    tally.aborted = report.aborted.length
    tally.reconnects = WorkerPool.stats(pool).replaced
  }))

export const makePool = ({ port, workers }: Pick<Task, "port" | "workers">, tally: Tally) =>
  WorkerPool.make({
    name: "sender",
    size: workers,
    // A connection condemns itself when the server hangs up, whether its worker is busy or idle.
    worker: ({ invalidate }) =>
      Effect.tap(open(port, invalidate), () => Effect.sync(() => tally.connections++)).pipe(
        Effect.tapError(({ code }) => Effect.sync(() => tally.refused(code)))
      ),
    run: (message: Message, { invalidate, resource }) => send(resource, message, invalidate)
  })

/** A message that is interrupted may still be answered, and the next one must not take that answer for its own. */
const send = (connection: Connection, message: Message, invalidate: Effect.Effect<void>) =>
  Effect.onInterrupt(connection.send(message), () => invalidate)

const sendAll = (pool: Pool, { users, workers }: Task, tally: Tally): Effect.Effect<void> =>
  // As many as the workers have, and as wait in the queue. The next message is made when one of them has ended.
  Group.scoped({ limit: workers * 3, name: "messages" }, (group) =>
    Effect.gen(function*() {
      for (const message of messages(users)) {
        if (WorkerPool.stats(pool).state !== "running") return
        yield* Group.go(group, deliver(pool, message, tally))
      }
    }))

/** Sends a message again when the server has hung up on it: at least once, not exactly once. */
const deliver = (pool: Pool, message: Message, tally: Tally): Effect.Effect<void> =>
  WorkerPool.run(pool, message).pipe(
    Effect.retry({ times: tries - 1, while: ({ _tag }) => _tag === "Disconnected" }),
    Effect.match({
      onSuccess: () => tally.messageSent(),
      onFailure: (error) => {
        if (error._tag === "Disconnected") tally.gaveUp++
        else if (error._tag === "PoolFailed") tally.failure = error.message
        // Otherwise the pool has been shut down, and its report counts what was accepted.
      }
    })
  )
