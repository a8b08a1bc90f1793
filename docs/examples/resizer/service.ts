import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Semaphore } from "sluice"
import { type Answer, later, refuse, type Request } from "./answer.js"
import { receive } from "./body.js"
import { headerOf, type Image, parsePpm } from "./image.js"
import type { Resizer } from "./resizer.js"

/** What the request is answered instead. */
class Refused extends Data.TaggedError("Refused")<{ readonly answer: Answer }> {}

const refused = (status: number, error: string) => new Refused({ answer: refuse(status, error) })

/** The service but for its server. What it answers:
 *
 *     POST /resize?width=W   the body is a binary PPM. 200 and the image W pixels wide; 400 when the body or the width is
 *                            not what it should be; 413 when there is too much of it; 429 when too many wait; 503 when
 *                            it has waited or taken for too long, or the service stops
 *
 * A client that hangs up takes its job along.
 */
export const makeService = (
  resizer: Resizer,
  { capacity, limit }: { readonly capacity: number; readonly limit: number }
): Effect.Effect<(request: Request) => Effect.Effect<Answer>> =>
  Effect.gen(function*() {
    // Whoever sends takes no thread, but memory.
    const requests = yield* Semaphore.make(4 * (resizer.stats().size + capacity))
    return (request) => {
      const { method, url } = request
      if (url.pathname !== "/resize") return Effect.succeed(refuse(404, "no such page"))
      if (method !== "POST") return Effect.succeed(refuse(405, "POST an image"))
      return Semaphore.tryWithPermits(requests, 1, answerTo(resizer, request, limit)).pipe(
        Effect.map(Option.getOrElse(() => full))
      )
    }
  })

const full = later(429, "too many images are waiting")

const answerTo = (resizer: Resizer, { body, url }: Request, limit: number): Effect.Effect<Answer> =>
  Effect.gen(function*() {
    const text = url.searchParams.get("width") ?? ""
    const bytes = yield* Effect.mapError(receive(body, limit), ({ message }) => refused(413, message))
    const image = yield* Effect.mapError(Effect.fromResult(parsePpm(bytes)), (error) => refused(400, error))
    const width = /^\d{1,9}$/.test(text) ? Number(text) : 0
    if (width < 1 || width > image.width) {
      return refuse(400, `width must be an integer from 1 to ${image.width}, got ${JSON.stringify(text)}`)
    }
    return picture(yield* resizer.resize({ image, width }))
  }).pipe(
    Effect.catchTags({
      Refused: ({ answer }) => Effect.succeed(answer),
      JobLost: ({ reason }) => Effect.succeed(reason === "dropped" ? full : stopping),
      JobTimeout: ({ phase }) =>
        Effect.succeed(later(503, phase === "run" ? "it took too long" : "it waited too long")),
      ThreadLost: () => Effect.succeed(later(503, "its thread has ended")),
      PoolClosed: () => Effect.succeed(stopping),
      PoolFailed: () => Effect.succeed(stopping),
      // It is an image.
      NotCloneable: (error) => Effect.die(error)
    })
  )

const stopping = later(503, "the service stops")

const picture = (image: Image): Answer => ({
  status: 200,
  headers: { "content-type": "image/x-portable-pixmap" },
  body: [headerOf(image), image.pixels]
})
