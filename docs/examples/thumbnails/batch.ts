import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { WorkerPool } from "sluice"
import { countingImages } from "../progressBar.js"
import { makeEncoder } from "./encoder.js"
import { makeDirectory } from "./file.js"
import { imagesIn } from "./images.js"
import type { Options } from "./options.js"
import { jobFor, makePool } from "./pool.js"
import { count, reasonOf, say } from "./text.js"

/** A thumbnail of every file in a folder, until `stop`. Answers the exit code. */
export const batch = (
  options: Options & { readonly folder: string; readonly out: string },
  stop: Effect.Effect<void>
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { capacity, deadline, out, width, workers } = options
    const { all, folder } = yield* imagesIn(options.folder, options.images)
    yield* makeDirectory(out)
    const pool = yield* makePool({ workers, capacity, encoder: () => makeEncoder(() => {}) })
    yield* Effect.forkScoped(Effect.andThen(stop, WorkerPool.shutdown(pool, { deadline })))

    const problems: Array<string> = []
    const make = (advance: () => void) => (name: string) =>
      Effect.map(Effect.exit(WorkerPool.run(pool, jobFor({ folder, out, width }, name))), (exit) => {
        const problem = Exit.isFailure(exit) ? problemOf(exit.cause) : undefined
        if (problem !== undefined) problems.push(`${name}: ${problem}`)
        // What was cut off has not got anywhere.
        if (Exit.isSuccess(exit) || problem !== undefined) advance()
      })
    // The queue holds back the rest; the fibers that wait before it are few as well.
    const concurrency = workers + Math.max(1, capacity)
    yield* Effect.scoped(
      Effect.flatMap(
        countingImages(all.length),
        (advance) => Effect.forEach(all, make(advance), { concurrency, discard: true })
      )
    )

    const { aborted, counts, returned } = yield* WorkerPool.shutdown(pool)
    for (const problem of problems) say(problem)
    const rest = all.length - counts.succeeded - problems.length - aborted.length - returned.length
    const cut = rest + aborted.length + returned.length === 0
      ? ""
      : `; ${aborted.length} aborted, ${returned.length} returned, ${rest} left`
    say(`${count(counts.succeeded, "thumbnail")} of ${count(all.length, "file")}${cut}`)
    return counts.succeeded === all.length ? 0 : 1
  })

/** Why there is no thumbnail, unless it is only that the program was told to stop. */
const problemOf = (cause: Cause.Cause<{ readonly _tag: string }>): string | undefined => {
  const error = Cause.squash(cause)
  if (Cause.hasDies(cause)) return `a bug: ${reasonOf(error)}`
  const stopped = cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error._tag !== "BadImage")
  return stopped || Cause.hasInterrupts(cause) ? undefined : reasonOf(error)
}
