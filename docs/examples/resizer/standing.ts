import * as Effect from "effect/Effect"
import type { ThreadPool } from "sluice/threads"
import type { ServerFailed } from "../httpServer.js"
import { end } from "./ending.js"
import { serve } from "./http.js"
import type { Options } from "./options.js"
import { inThreads } from "./resizer.js"
import { makeService } from "./service.js"
import { count, print } from "./text.js"

/** The service alone, until `stop`. */
export const standing = (
  options: Options,
  stop: Effect.Effect<void>
): Effect.Effect<void, ServerFailed | ThreadPool.ThreadFailed> =>
  Effect.gen(function*() {
    const { deadline, port, threads } = options
    const resizer = yield* inThreads(threads, options)
    const server = yield* serve(yield* makeService(resizer, options), port)
    print(`${count(threads, "thread")}: curl --data-binary @IMAGE.ppm "${server.url.href}resize?width=160" > small.ppm`)
    yield* stop
    yield* end(resizer, server, deadline)
    const { interrupted, submitted, succeeded } = resizer.stats()
    print(`${count(submitted, "image")}: ${succeeded} resized, ${interrupted} cancelled`)
  }).pipe(Effect.scoped)
