import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { OutputStream } from "./platform.js"

/**
 * The source of a line of captured output.
 *
 * @category models
 * @since 0.1.0
 */
export interface OutputSource {
  /** The number of the thread, from 1. A thread that replaces another one has its number. */
  readonly thread: number
  /** The stream that the line was written to: `"stdout"` or `"stderr"`. */
  readonly stream: OutputStream
}

/** The option of a pool. */
export type OnOutput = (line: string, source: OutputSource) => Effect.Effect<unknown, unknown>

interface Line {
  readonly line: string
  readonly source: OutputSource
}

/**
 * Returns a function that enqueues a line for `output`, which one fiber calls. The scope's close waits until `output`
 * has ended for every line that was enqueued before.
 */
export const delivering = (
  output: OnOutput,
  name: string
): Effect.Effect<(line: string, source: OutputSource) => void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const lines = yield* Queue.unbounded<Line, Cause.Done>()
    let hasFailed = false
    const failed = (cause: Cause.Cause<unknown>) =>
      Effect.suspend(() => {
        if (hasFailed) return Effect.void
        hasFailed = true
        return Effect.logError(`ThreadPool ${name}: output failed; further failures are not logged`, cause)
      })
    const deliver = ({ line, source }: Line) => Effect.catchCause(Effect.suspend(() => output(line, source)), failed)
    const fiber = yield* Effect.forkDetach(Stream.runForEach(Stream.fromQueue(lines), deliver))
    yield* Effect.addFinalizer(() => Effect.andThen(Queue.end(lines), Fiber.await(fiber)))
    return (line, source) => void Queue.offerUnsafe(lines, { line, source })
  })
