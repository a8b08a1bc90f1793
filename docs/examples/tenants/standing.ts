import * as Effect from "effect/Effect"
import type { ServerFailed } from "../httpServer.js"
import { end } from "./ending.js"
import { serve } from "./http.js"
import type { Options } from "./options.js"
import { makeService } from "./service.js"
import { limits, settingsOf, tenants } from "./settings.js"
import { count, print } from "./text.js"

/** The service alone, until `stop`. */
export const standing = (
  options: Options & { readonly port: number },
  stop: Effect.Effect<void>
): Effect.Effect<void, ServerFailed> =>
  Effect.gen(function*() {
    const service = yield* makeService(settingsOf(options))
    const server = yield* serve(service.api, options.port)
    for (const key of tenants.keys()) print(`curl -i -H "x-api-key: ${key}" ${server.url.href}anything`)
    print(`curl ${server.url.href}stats`)
    yield* stop
    const { aborted, counts, returned } = yield* end(service, server, options.deadline)
    print(
      `${count(counts.submitted, "call")}: ${counts.succeeded} done, ${aborted.length} cut off, ` +
        `${returned.length} never begun`
    )
  }).pipe(Effect.scoped, Effect.provide(limits))
