import * as Effect from "effect/Effect"
import type { Options } from "./options.js"
import { showing } from "./progress.js"
import type { Ended, Version } from "./protocol.js"
import { serve, type ServerFailed } from "./server.js"
import { inChild, type SenderFailed } from "./spawn.js"

/** What the sender says that it did, and what the server says of it. */
export interface Outcome extends Ended {
  readonly version: Version
  /** How many users have got their message. */
  readonly delivered: number
  /** How many messages came once more. */
  readonly duplicates: number
}

/** Runs one version against a server of its own. */
export const runVersion = (
  version: Version,
  options: Options,
  stop: Effect.Effect<void>
): Effect.Effect<Outcome, ServerFailed | SenderFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const { deadline, users, workers } = options
    const { port, received } = yield* serve(options)
    const onProgress = yield* showing(version, users)
    const ended = yield* inChild({ version, port, users, workers, deadline }, onProgress, stop)
    let messages = 0
    for (const times of received.values()) messages += times
    return { ...ended, version, delivered: received.size, duplicates: messages - received.size }
  }))
