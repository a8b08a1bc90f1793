import * as Effect from "effect/Effect"
import { Semaphore } from "sluice"
import { ThreadPool } from "sluice/threads"
import { threadModule } from "../threadModule.js"
import type { Algorithm } from "./digest.js"
import { Unreadable } from "./file.js"
import { sharesOf } from "./pool.js"
import type { jobs } from "./thread.js"
import type { Digester, Work } from "./tree.js"

/** What the threads load. */
export const module = threadModule("thread", import.meta.url)

/**
 * Provides a digester that is a pool of threads, each of which reads and hashes whole files by itself, so that hashing holds
 * up nobody here and uses all processors. Otherwise it is as with a pool of workers.
 */
export const withThreads = <A, E>(
  algorithms: ReadonlyArray<Algorithm>,
  work: Work,
  use: (digest: Digester) => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const { memory, tally } = work
  const { share, size } = sharesOf(work)
  const digesting = Effect.gen(function*() {
    tally.peak = Semaphore.stats(memory).held
    const pool = yield* ThreadPool.make<typeof jobs>({ name: "digesters", size, ...yield* module }).pipe(Effect.orDie)
    return yield* use((path) =>
      pool.run.digest({ path, algorithms, share, counts: tally.words }).pipe(
        Effect.catchTag(
          ["PoolClosed", "PoolFailed", "JobLost", "ThreadLost", "NotCloneable"],
          (error) => Effect.die(error)
        ),
        // What comes from a thread has an error's fields, but not its class.
        Effect.mapError(({ path, reason }) => new Unreadable({ path, reason }))
      )
    )
  })
  return Effect.scoped(digesting).pipe(
    Semaphore.withPermits(memory, size * share),
    // The shares together are no more than there is.
    Effect.catchTag("CapacityExceeded", (error) => Effect.die(error))
  )
}
