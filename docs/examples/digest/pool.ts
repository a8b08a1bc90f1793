import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Semaphore, WorkerPool } from "sluice"
import type { BytePath } from "./bytes.js"
import { type Algorithm, type Digested, hash, largest, smallest } from "./digest.js"
import { type Unreadable, withFile } from "./file.js"
import type { Digester, Work } from "./tree.js"

/**
 * Provides a digester that is a pool of workers, each with a buffer for all of its files. The memory is shared out once,
 * so that no file ever waits for it.
 *
 * The group stays what it is: whose interrupt ends which digests, and what a failure means, is for the caller of
 * `WorkerPool.run` to say. To the pool, a file that cannot be read is a result.
 */
export const withDigesters = <A, E>(
  algorithms: ReadonlyArray<Algorithm>,
  work: Work,
  use: (digest: Digester) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.scoped(Effect.gen(function*() {
    const { share, size } = sharesOf(work)
    const pool = yield* WorkerPool.make({
      name: "digesters",
      size,
      worker: () => acquireBuffer(share, work),
      // A read that has begun ends before its job does, so that it never writes into the next job's file.
      run: (path: BytePath, { resource: buffer }): Effect.Effect<Digested, Unreadable> =>
        withFile(path, "listed", (file) => hash(file, buffer, algorithms, work.tally))
    })
    return yield* use((path) =>
      // The pool lives longer than whoever uses it, and its queue drops nothing.
      WorkerPool.run(pool, path).pipe(
        Effect.catchTag(["PoolClosed", "PoolFailed", "JobLost"], (error) => Effect.die(error))
      )
    )
  }))

/** How many share the memory, and how much of it each of them has. */
export const sharesOf = ({ limit, memory }: Work): { readonly size: number; readonly share: number } => {
  const budget = Semaphore.stats(memory).capacity
  // Rather fewer than such as read crumbs.
  const size = Math.min(limit, Math.max(1, Math.floor(budget / smallest)))
  return { size, share: Math.min(largest, Math.floor(budget / size)) }
}

/** A buffer, whose memory counts as held until the scope closes. */
const acquireBuffer = (bytes: number, { memory, tally }: Work): Effect.Effect<Buffer, never, Scope.Scope> =>
  Semaphore.acquire(memory, bytes).pipe(
    // The shares together are no more than there is.
    Effect.catchTag("CapacityExceeded", Effect.die),
    Effect.map(() => {
      tally.peak = Math.max(tally.peak, Semaphore.stats(memory).held)
      return Buffer.allocUnsafeSlow(bytes)
    })
  )
