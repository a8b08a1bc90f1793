import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { ThreadPool } from "sluice/threads"
import type { ServerFailed } from "../httpServer.js"
import { countingImages } from "../progressBar.js"
import { post, Unanswered } from "./client.js"
import { end } from "./ending.js"
import { serve } from "./http.js"
import { draw, headerOf } from "./image.js"
import type { Options } from "./options.js"
import { inThreads, onMainThread, type Resizer, type Settings } from "./resizer.js"
import { makeService } from "./service.js"
import { count, print } from "./text.js"

type Failure = ServerFailed | ThreadPool.ThreadFailed | Unanswered

/** The same images to each version of the service, until `stop`. */
export const demo = (options: Options, stop: Effect.Effect<void>): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const { clients, images, size, threads, width } = options
    const image = draw(size, Math.ceil(size * 3 / 4))
    const ppm = Buffer.concat([headerOf(image), image.pixels])
    const settings = { ...options, capacity: Math.max(options.capacity, clients) }
    print(`${count(images, "image")} of ${size}x${image.height} pixels, to a width of ${width}, ${clients} at a time\n`)
    print("resized by     images/s   event loop blocked for at most")
    const moved = yield* countingImages(images * (threads + 1))
    yield* round("main thread", onMainThread(settings), settings, ppm, moved)
    for (let n = 1; n <= threads; n++) {
      yield* round(count(n, "thread"), inThreads(n, settings), settings, ppm, moved)
    }
  }).pipe(Effect.scoped, Effect.raceFirst(stop))

/** One version: all images, once it is warm. */
const round = (
  name: string,
  resizer: Effect.Effect<Resizer, ThreadPool.ThreadFailed, Scope.Scope>,
  settings: Settings & Options,
  ppm: Buffer,
  moved: () => void
): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const { clients, deadline, images, width } = settings
    const made = yield* resizer
    const server = yield* serve(yield* makeService(made, settings))
    const send = Effect.flatMap(post(server.url, ppm, width), ({ body, status }) =>
      status === 200 ? Effect.void : Effect.fail(new Unanswered({ reason: Buffer.from(body).toString().trim() })))
    const sendAll = (times: number, each: Effect.Effect<void, Unanswered>) =>
      Effect.forEach(Array.from({ length: times }), () =>
        each, { concurrency: clients, discard: true })
    // A function is compiled only once it has been busy for a while: in each thread for itself.
    yield* sendAll(3 * made.stats().size, send)

    const delay = monitorEventLoopDelay({ resolution: 1 })
    const began = performance.now()
    delay.enable()
    yield* sendAll(images, Effect.andThen(send, Effect.sync(moved)))
    delay.disable()
    const rate = images * 1000 / (performance.now() - began)
    print(`${name.padEnd(13)}${rate.toFixed(1).padStart(10)}${(delay.max / 1e6).toFixed(0).padStart(30)} ms`)
    yield* end(made, server, deadline)
  }).pipe(Effect.scoped)
