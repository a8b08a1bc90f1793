import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ChildProcess } from "node:child_process"
import { startChild } from "../child.js"
import { ServerFailed } from "../httpServer.js"
import type { FromServer, ToServer } from "./protocol.js"
import type { Received, Settings } from "./server.js"

export interface Remote {
  readonly port: number
  /** Closes the server, and answers what has come to it. */
  readonly end: Effect.Effect<Received, ServerFailed>
}

/** The subscribers in a process of their own, which ends with the scope at the latest. */
export const inChild = (settings: Settings): Effect.Effect<Remote, ServerFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const child = yield* startChild(import.meta.url)
    const { port } = yield* ask(child, { type: "serve", settings }, "listening")
    return { port, end: ask(child, { type: "end" }, "received") }
  })

const ask = <Type extends FromServer["type"]>(
  child: ChildProcess,
  message: ToServer,
  answer: Type
): Effect.Effect<Extract<FromServer, { readonly type: Type }>, ServerFailed> =>
  Effect.callback((resume) => {
    const fail = (reason: string) => resume(Effect.fail(new ServerFailed({ reason })))
    const exited = () => fail("its process has ended")
    const failed = (error: Error) => fail(error.message)
    const answered = (message: FromServer) => {
      if (message.type === "failed") return fail(message.reason)
      // The condition is the type, which TypeScript does not see.
      if (message.type === answer) resume(Effect.succeed(message as Extract<FromServer, { readonly type: Type }>))
    }
    child.on("message", answered).once("exit", exited).once("error", failed)
    // It may have ended meanwhile, and "exit" says so.
    child.send(message, () => {})
  })
