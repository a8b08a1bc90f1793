// The process that sends. It has no server in it and no progress bar, so that its memory is that of sending.
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { naive } from "./naive.js"
import { pooled } from "./pooled.js"
import type { FromSender, Task, ToSender } from "./protocol.js"
import { Tally } from "./tally.js"

const stop = Deferred.makeUnsafe<void>()

const send = async (task: Task): Promise<void> => {
  const tally = new Tally()
  const looking = setInterval(() => tell(tally.progress), 50)
  const version = task.version === "pooled" ? pooled : naive
  const exit = await Effect.runPromiseExit(version(task, tally, Deferred.await(stop)))
  clearInterval(looking)
  if (Exit.isFailure(exit)) tally.failure ??= Cause.pretty(exit.cause)
  tell(tally.ended, () => {
    process.off("disconnect", abandoned)
    process.disconnect()
  })
}

const tell = (message: FromSender, told?: () => void): void => {
  process.send?.(message, undefined, undefined, told)
}

/** The main process has gone: nobody wants to know any more. */
const abandoned = (): never => process.exit(1)

process.on("disconnect", abandoned)
// The terminal's Ctrl-C comes to both processes. The main one says what is to be done.
process.on("SIGINT", () => {})
process.on("message", (message: ToSender) => {
  if (message.type === "task") void send(message.task)
  else Deferred.doneUnsafe(stop, Exit.void)
})
