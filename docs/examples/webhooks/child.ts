// The process of the subscribers: what they take of the processor is not the senders' time.
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { FromServer, ToServer } from "./protocol.js"
import { received, serve, type Settings } from "./server.js"

const asked = Deferred.makeUnsafe<void>()

const tell = (message: FromServer): void => {
  process.send?.(message)
}

const program = (settings: Settings) =>
  Effect.gen(function*() {
    const { inboxes, port } = yield* serve(settings)
    tell({ type: "listening", port })
    yield* Deferred.await(asked)
    tell({ type: "received", ...received(inboxes) })
  }).pipe(
    Effect.catchTag("ServerFailed", ({ message }) => Effect.sync(() => tell({ type: "failed", reason: message })))
  )

/** The main process has gone: nobody sends any more. */
process.on("disconnect", () => process.exit())
// The terminal's Ctrl-C comes to both processes. The main one says when it is over.
process.on("SIGINT", () => {})
process.on("SIGTERM", () => {})
process.on("message", (message: ToServer) => {
  if (message.type === "serve") void Effect.runPromise(Effect.scoped(program(message.settings)))
  else Deferred.doneUnsafe(asked, Exit.void)
})
