import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { ServerFailed } from "../httpServer.js"
import type { Unanswered } from "./client.js"
import { end } from "./ending.js"
import { serve } from "./http.js"
import type { Options } from "./options.js"
import { makeService } from "./service.js"
import { limits, settingsOf, tenants } from "./settings.js"
import { table } from "./table.js"
import { count, print } from "./text.js"
import { type Seen, traffic } from "./traffic.js"

/** The same traffic twice: with a queue for each tenant, and with one for all. Ends early with `stop`. */
export const demo = (options: Options, stop: Effect.Effect<void>): Effect.Effect<void, ServerFailed | Unanswered> =>
  Effect.gen(function*() {
    const { calls, capacity, concurrency, wait, work, workers } = options
    print(
      `${count(workers, "worker")}, ${work} ms a call, which may wait for ${wait} ms. The noisy tenant sends ` +
        `${count(calls, "call")} at once, the others one after the other meanwhile.`
    )
    print(`\nA queue for each: room for ${capacity} of a tenant to wait, and for ${concurrency} to run\n`)
    if (yield* round(options, true, stop)) return
    print(`\nOne queue for all, with room for ${capacity * tenants.size}\n`)
    yield* round(options, false, stop)
  })

/** Answers whether it was stopped. */
const round = (
  options: Options,
  keyed: boolean,
  stop: Effect.Effect<void>
): Effect.Effect<boolean, ServerFailed | Unanswered> =>
  Effect.gen(function*() {
    const service = yield* makeService({ ...settingsOf(options), keyed })
    const server = yield* serve(service.api)
    const all: Array<Seen> = []
    let stopped = false
    const see = (seen: Seen) => all.push(seen)
    const clients = yield* Effect.forkScoped(traffic(server.url, tenants, options.calls, see, () => stopped))
    stopped = yield* Effect.raceFirst(Effect.as(Fiber.join(clients), false), Effect.as(stop, true))
    // When it is stopped, the clients still wait for their answers.
    const { aborted, counts, returned } = yield* end(service, server, options.deadline)
    print(table(tenants, all))
    if (stopped) {
      print(`\nstopped: ${counts.succeeded} done, ${aborted.length} cut off, ${returned.length} never begun`)
    }
    return stopped
    // Buckets that are full again.
  }).pipe(Effect.scoped, Effect.provide(Layer.fresh(limits)))
