import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { Group, Semaphore } from "sluice"
import type { BytePath } from "./bytes.js"
import { type Algorithm, bufferSize, type Digested, hash } from "./digest.js"
import { type Unreadable, withFile } from "./file.js"
import type { InOrder } from "./order.js"
import type { Tally } from "./tally.js"
import type { Source } from "./walk.js"

/** What bounds the work, and where it is counted. */
export interface Work {
  /** How many files may be open at a time. */
  readonly limit: number
  /** How many bytes of them may be in memory at a time: one permit is one byte. */
  readonly memory: Semaphore.Semaphore
  readonly tally: Tally
}

/** Digests one file of the tree. */
export type Digester = (path: BytePath) => Effect.Effect<Digested, Unreadable>

/**
 * Digests every file of a tree, several at a time.
 *
 * One producer walks the tree and starts a child for each file. `Group.go` suspends it at the limit, so it never runs
 * ahead of the digesters. Nothing here handles failure: by `onFailure`, the first file that cannot be read ends the walk
 * and all other digesters, or none. When this returns, however it returns, no child runs and no file is open.
 *
 * The children end in any order; their results leave in the order of the walk.
 */
export const digestTree = (
  files: Source,
  digest: Digester,
  onFailure: "cancel" | "continue",
  limit: number,
  results: InOrder<Exit.Exit<Digested, Unreadable>>
): Effect.Effect<void, Unreadable> =>
  Group.scoped(
    { limit, onFailure, name: "digesters" },
    (group: Group.Group<Unreadable>) =>
      files(Effect.fnUntraced(function*(file) {
        const place = yield* results.next
        const digested = Effect.flatMap(file, digest)
        yield* Group.go(group, Effect.onExit(digested, place))
      }))
  )

/**
 * Digests one file, once there is memory for it. The semaphore is fair: a large file waits until there is room for it,
 * and the small ones behind it wait too instead of slipping past it forever.
 */
export const digestFile = (
  path: BytePath,
  how: "listed" | "named",
  algorithms: ReadonlyArray<Algorithm>,
  { memory, tally }: Work
): Effect.Effect<Digested, Unreadable> =>
  withFile(path, how, (file) => {
    const bytes = bufferSize(file.size, Semaphore.stats(memory).capacity)
    return Effect.suspend(() => {
      tally.peak = Math.max(tally.peak, Semaphore.stats(memory).held)
      return hash(file, Buffer.allocUnsafeSlow(bytes), algorithms, tally)
    }).pipe(
      Semaphore.withPermits(memory, bytes),
      // `bufferSize` asks for no more than there is.
      Effect.catchTag("CapacityExceeded", Effect.die)
    )
  })
