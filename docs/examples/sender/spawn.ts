import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ChildProcess } from "node:child_process"
import { startChild } from "../child.js"
import type { Ended, FromSender, Progress, Task, ToSender } from "./protocol.js"

export class SenderFailed extends Data.TaggedError("SenderFailed")<{ readonly how: string }> {
  override get message(): string {
    return `the process that sends ended unexpectedly, with ${this.how}`
  }
}

/** Has a process of its own do the task, and tells it when to stop. It ends with the scope at the latest. */
export const inChild = (
  task: Task,
  onProgress: (progress: Progress) => void,
  stop: Effect.Effect<void>
): Effect.Effect<Ended, SenderFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const child = yield* startChild(import.meta.url)
    yield* Effect.forkScoped(Effect.andThen(stop, Effect.sync(() => tell(child, { type: "stop" }))))
    return yield* Effect.callback<Ended, SenderFailed>((resume) => {
      let ended: Ended | undefined = undefined
      child.on("message", (message: FromSender) => {
        if (message.type === "ended") ended = message
        else onProgress(message)
      })
      // Not before it is gone: what comes next is measured too.
      child.once("exit", (code, signal) => {
        const how = signal ?? `exit code ${code ?? "unknown"}`
        resume(ended === undefined ? Effect.fail(new SenderFailed({ how })) : Effect.succeed(ended))
      })
      child.once("error", ({ message }) => resume(Effect.fail(new SenderFailed({ how: message }))))
      tell(child, { type: "task", task })
    })
  })

const tell = (child: ChildProcess, message: ToSender): void => {
  // It may have ended meanwhile, and says so itself.
  child.send(message, () => {})
}
