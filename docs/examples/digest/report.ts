import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { Algorithm, Digested } from "./digest.js"
import type { Unreadable } from "./file.js"
import { plainLine, taggedLine } from "./format.js"

/** What has become of the files, in the order of their paths. */
export class Report {
  readonly unreadable: Array<Unreadable> = []
  private gap: Cause.Cause<Unreadable> | undefined = undefined

  constructor(
    private readonly algorithms: ReadonlyArray<Algorithm>,
    private readonly onFailure: "cancel" | "continue",
    private readonly write: (text: string) => void
  ) {}

  /**
   * Prints results. When a file has none, since it was interrupted or by `--fail-fast`, nothing is printed after it:
   * what has been printed is then the beginning of the list, and has no gap that nobody knows of.
   */
  add(results: ReadonlyArray<Exit.Exit<Digested, Unreadable>>): void {
    let text = ""
    for (const result of results) {
      if (this.gap !== undefined) break
      if (Exit.isSuccess(result)) text += this.lines(result.value)
      else this.miss(result.cause)
    }
    if (text !== "") this.write(text)
  }

  /** Dies if a file has no result and is not in `unreadable` either: that would be a bug. */
  readonly complete: Effect.Effect<void> = Effect.suspend(() =>
    this.gap === undefined ? Effect.void : Effect.orDie(Effect.failCause(this.gap))
  )

  private miss(cause: Cause.Cause<Unreadable>): void {
    const error = Cause.findError(cause)
    if (this.onFailure === "continue" && Result.isSuccess(error)) this.unreadable.push(error.success)
    else this.gap = cause
  }

  private lines({ digests, path }: Digested): string {
    const line = this.algorithms.length === 1
      ? (_: Algorithm, digest: string) => plainLine(path, digest)
      : (algorithm: Algorithm, digest: string) => taggedLine(path, algorithm, digest)
    return this.algorithms.map((algorithm, i) => line(algorithm, digests[i] ?? "")).join("")
  }
}
