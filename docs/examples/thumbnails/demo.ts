import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import type { ServerFailed } from "../httpServer.js"
import { Client } from "./client.js"
import { makeEncoder } from "./encoder.js"
import { temporaryDirectory } from "./file.js"
import { serve } from "./http.js"
import { imagesIn } from "./images.js"
import type { Options } from "./options.js"
import { type Receiver, receivers } from "./receivers.js"
import { makeService } from "./service.js"
import { table } from "./table.js"
import { count, print } from "./text.js"
import { visit } from "./visit.js"
import { visitUploads } from "./visitUploads.js"

const webhooks = {
  workers: 16,
  capacity: 64,
  timeout: "5 seconds",
  // Five attempts in half a second: a demonstration. A receiver that is deployed anew is gone for minutes.
  retry: Schedule.exponential("30 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 4 }))
} as const

/** The service, a client that visits it, and the end: which comes earlier with `stop`. Answers the exit code. */
export const demo = (options: Options, stop: Effect.Effect<void>): Effect.Effect<number, ServerFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { capacity, deadline, images, width, workers } = options
    const out = yield* temporaryDirectory
    const { folder, good } = yield* imagesIn(options.folder ?? `${out}/images`, images)
    const encoder = (worker: number) =>
      makeEncoder((encoded) => print(`  encoder of worker ${worker} released, after ${count(encoded, "image")}`))
    const limit = options.limit * 1e6
    const settings = { folder, out, width, workers, capacity, encoder, limit, remembered: 1000, webhooks }
    const service = yield* makeService(settings)
    const client = new Client(yield* serve(service.api))
    const all = yield* receivers
    print(`${count(workers, "worker")}, room for ${count(capacity, "image")} to wait\n`)
    let told: ReadonlyMap<Receiver, ReadonlyArray<number>> = new Map()
    const visits = Effect.gen(function*() {
      yield* visit(client, good)
      told = yield* visitUploads(client, good.map((file) => join(folder, file)), all, limit)
    })
    const early = yield* Effect.raceFirst(Effect.as(visits, false), Effect.as(stop, true))

    print(`\nShut down${early ? "" : " with everything just submitted"}, and ${deadline} ms to finish:`)
    if (!early) yield* Effect.forEach(good, client.submit, { concurrency: "unbounded", discard: true })
    const report = yield* service.shutdown({ images: deadline, webhooks: "10 seconds" })
    const { aborted, counts, returned } = report.images
    print(`${count(returned.length, "image")} returned unstarted, ${count(aborted.length, "image")} aborted`)
    const { status } = yield* client.submit(good[0]!)
    print(`an image that comes now gets a ${status}`)
    const { died, failed, submitted, succeeded } = counts
    print(`in all ${submitted} accepted: ${succeeded} succeeded, ${failed} failed, ${died} died`)
    if (told.size > 0) print(`\nThe webhooks, drained after the images:\n${table(told, report.undelivered)}`)
    return 0
  })
