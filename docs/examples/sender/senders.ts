import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { WorkerPool } from "sluice"
import { type Disconnected, open } from "./connection.js"

export interface Options {
  readonly users: number
  readonly workers: number
  readonly port: number
  /** Called for each message that was acknowledged. */
  readonly onSent: () => void
}

const user = (n: number): string => `user-${n}`

// A message that met a broken connection is sent again: at least once, not exactly once.
const again = Schedule.recurs(20)
// Whoever opens a connection for each message comes to the end of them, and has to wait until others are closed.
const patiently = Schedule.upTo(Schedule.spaced("100 millis"), { times: 600 })

/**
 * A few workers, a connection each. The loop that brings the users waits while the queue is full, so that at any time a
 * few dozen messages exist, however many users there are.
 */
export const pooled = (
  { onSent, port, users, workers }: Options
): Effect.Effect<
  void,
  Disconnected | WorkerPool.PoolClosed | WorkerPool.PoolFailed | WorkerPool.JobLost,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      name: "sender",
      size: workers,
      // A connection that the server closes condemns itself, and the worker opens another one.
      worker: ({ invalidate }) => open(port, invalidate),
      run: (user: string, { resource }) => resource.send(user)
    })
    yield* Effect.forEach(
      Array.from({ length: workers * 3 }),
      (_, first) =>
        Effect.gen(function*() {
          for (let n = first; n < users; n += workers * 3) {
            yield* Effect.retry(WorkerPool.run(pool, user(n)), {
              schedule: again,
              while: (error) => error._tag === "Disconnected"
            })
            onSent()
          }
        }),
      { concurrency: "unbounded", discard: true }
    )
  })

/** What comes to mind first: a fiber for each message, and a connection for each fiber. */
export const naive = ({ onSent, port, users }: Options): Effect.Effect<void, Disconnected> =>
  Effect.forEach(
    Array.from({ length: users }, (_, n) => user(n)),
    (user) =>
      Effect.scoped(Effect.flatMap(open(port, Effect.void), (connection) => connection.send(user))).pipe(
        Effect.retry(patiently),
        Effect.andThen(Effect.sync(onSent))
      ),
    { concurrency: "unbounded", discard: true }
  )
