import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import { WorkerPool } from "sluice"
import type { BadImage } from "./encoder.js"
import type { Thumbnail, Thumbnails } from "./pool.js"
import { reasonOf } from "./text.js"

export interface Request {
  readonly method: string
  readonly url: URL
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

type Handle = WorkerPool.JobHandle<Thumbnail, BadImage>

// As many thumbnails as anybody will still ask for. Without an end, a service would remember until it has no memory.
const remembered = 1000

/** What the service answers:
 *
 *     POST /thumbnails?file=NAME     202, 429 when the queue is full, 503 when it shuts down
 *     GET  /thumbnails/ID            200 and the image, 202 if it is not there yet, 422 if it is no image, 500 for a bug,
 *                                    503 if it was not made because the service shut down
 *     GET  /thumbnails/ID?wait       the same, when the job has ended
 *     GET  /stats                    200 and the pool's
 */
export const makeApi = (pool: Thumbnails): (request: Request) => Effect.Effect<Answer> => {
  const jobs = new Map<number, Handle>()

  const submit = (url: URL): Effect.Effect<Answer> => {
    const file = url.searchParams.get("file") ?? ""
    // Nobody gets to the files outside.
    if (file === "" || file.startsWith(".") || file !== basename(file)) {
      return Effect.succeed(json(400, { error: "file must be the name of an image" }))
    }
    return WorkerPool.trySubmit(pool, file).pipe(
      Effect.map((handle) => {
        jobs.set(handle.id, handle)
        for (const id of jobs.keys()) {
          if (jobs.size <= remembered) break
          jobs.delete(id)
        }
        return json(202, { id: handle.id }, { location: `/thumbnails/${handle.id}` })
      }),
      Effect.catchTags({
        QueueFull: ({ message }) => Effect.succeed(json(429, { error: message }, { "retry-after": "1" })),
        PoolClosed: ({ message }) => Effect.succeed(json(503, { error: message }))
      })
    )
  }

  const look = (id: number, wait: boolean): Effect.Effect<Answer> => {
    const handle = jobs.get(id)
    if (handle === undefined) return Effect.succeed(json(404, { error: "no such thumbnail" }))
    const { state } = handle
    if (!wait && (state === "queued" || state === "running")) return Effect.succeed(json(202, { id, state }))
    return Effect.flatMap(
      handle.await,
      (exit) => Exit.isSuccess(exit) ? image(exit.value) : Effect.succeed(json(...explain(exit.cause)))
    )
  }

  return ({ method, url }) => {
    const [, root, id, rest] = url.pathname.split("/")
    if (root === "stats" && id === undefined) return Effect.succeed(json(200, WorkerPool.stats(pool)))
    if (root !== "thumbnails" || rest !== undefined) return Effect.succeed(json(404, { error: "no such page" }))
    if (id === undefined && method === "POST") return submit(url)
    if (id !== undefined && method === "GET") return look(Number(id), url.searchParams.has("wait"))
    return Effect.succeed(json(405, { error: `${method} does not go with this` }))
  }
}

/** Whose fault it is that there is no thumbnail: the image's, the service's end, or a bug. */
const explain = (
  cause: Cause.Cause<BadImage | WorkerPool.JobLost | WorkerPool.PoolFailed>
): [status: number, content: { readonly error: string }] => {
  if (Cause.hasDies(cause)) return [500, { error: reasonOf(Cause.squash(cause)) }]
  if (Cause.hasInterrupts(cause)) return [503, { error: "interrupted by the end of the service" }]
  const error = Cause.squash(cause)
  const isBad = typeof error === "object" && error !== null && "_tag" in error && error._tag === "BadImage"
  return [isBad ? 422 : 503, { error: reasonOf(error) }]
}

const image = ({ height, path, width }: Thumbnail): Effect.Effect<Answer> =>
  Effect.map(Effect.promise(() => readFile(path)), (body) => ({
    status: 200,
    headers: { "content-type": "image/jpeg", "x-size": `${width}x${height}` },
    body
  }))

export const json = (status: number, content: unknown, headers: Answer["headers"] = {}): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: Buffer.from(`${JSON.stringify(content)}\n`)
})
