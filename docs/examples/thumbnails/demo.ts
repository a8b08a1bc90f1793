import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { WorkerPool } from "sluice"
import { makeApi } from "./api.js"
import { Client } from "./client.js"
import { makeEncoder } from "./encoder.js"
import { temporaryDirectory } from "./file.js"
import { serve, type ServerFailed } from "./http.js"
import { imagesIn } from "./images.js"
import type { Options } from "./options.js"
import { makePool } from "./pool.js"
import { count, print } from "./text.js"
import { visit } from "./visit.js"

/** The service, a client that visits it, and the end: which comes earlier with `stop`. Answers the exit code. */
export const demo = (options: Options, stop: Effect.Effect<void>): Effect.Effect<number, ServerFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { capacity, deadline, images, width, workers } = options
    const temporary = yield* temporaryDirectory
    const { folder, good } = yield* imagesIn(options.folder ?? `${temporary}/images`, images)
    const out = temporary
    const encoder = (worker: number) =>
      makeEncoder((encoded) => print(`  encoder of worker ${worker} released, after ${count(encoded, "image")}`))
    const pool = yield* makePool({ folder, out, width, workers, capacity, encoder })
    const client = new Client(yield* serve(makeApi(pool)))
    print(`${count(workers, "worker")}, room for ${count(capacity, "image")} to wait\n`)
    const early = yield* Effect.raceFirst(Effect.as(visit(client, good), false), Effect.as(stop, true))

    print(`\nShut down${early ? "" : " with everything just submitted"}, and ${deadline} ms to finish:`)
    if (!early) yield* Effect.forEach(good, client.submit, { concurrency: "unbounded", discard: true })
    const { aborted, counts, returned } = yield* WorkerPool.shutdown(pool, { deadline })
    print(`${count(returned.length, "image")} returned unstarted, ${count(aborted.length, "image")} aborted`)
    const { status } = yield* client.submit(good[0]!)
    print(`an image that comes now gets a ${status}`)
    const { died, failed, submitted, succeeded } = counts
    print(`in all ${submitted} accepted: ${succeeded} succeeded, ${failed} failed, ${died} died`)
    return 0
  })
