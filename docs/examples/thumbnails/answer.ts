import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { readFile } from "node:fs/promises"
import type { IncomingHttpHeaders } from "node:http"
import type { WorkerPool } from "sluice"
import type { BadImage } from "./encoder.js"
import type { Handle, Thumbnail } from "./pool.js"
import { reasonOf } from "./text.js"

export interface Request {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: AsyncIterable<Buffer>
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export const json = (status: number, content: unknown, headers: Answer["headers"] = {}): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: Buffer.from(`${JSON.stringify(content)}\n`)
})

export const refuse = (status: number, error: string): Answer => json(status, { error })

/** For whom there is no room: a job takes about that long, so there will be some. */
export const busy = (error: string): Answer => json(429, { error }, { "retry-after": "1" })

/** One of a job's thumbnails, or why there is none: yet, or at all. */
export const pictureOf = (
  id: number,
  { await: ended, state }: Handle,
  index: number,
  wait: boolean
): Effect.Effect<Answer> => {
  if (!wait && (state === "queued" || state === "running")) return Effect.succeed(json(202, { id, state }))
  return Effect.flatMap(ended, (exit) => {
    if (Exit.isSuccess(exit)) return picture(exit.value[index]!)
    const { error, status } = explain(exit.cause)
    return Effect.succeed(refuse(status, error))
  })
}

/** Whose fault it is that there is no thumbnail: the image's, the service's end, or a bug. */
export const explain = (
  cause: Cause.Cause<BadImage | WorkerPool.JobLost | WorkerPool.PoolFailed>
): { readonly status: number; readonly error: string } => {
  if (Cause.hasDies(cause)) return { status: 500, error: reasonOf(Cause.squash(cause)) }
  if (Cause.hasInterrupts(cause)) return { status: 503, error: "interrupted by the end of the service" }
  const error = Cause.squash(cause)
  const isBad = typeof error === "object" && error !== null && "_tag" in error && error._tag === "BadImage"
  return { status: isBad ? 422 : 503, error: reasonOf(error) }
}

const picture = ({ height, path, width }: Thumbnail): Effect.Effect<Answer> =>
  Effect.map(Effect.promise(() => readFile(path)), (body) => ({
    status: 200,
    headers: { "content-type": "image/jpeg", "x-size": `${width}x${height}` },
    body
  }))
