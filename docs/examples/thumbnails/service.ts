import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import { WorkerPool } from "sluice"
import { type BadImage, encoder } from "./encoder.js"

export interface Image {
  readonly name: string
  readonly width: number
}

/** What a client of the service sees. */
export type Answer =
  | { readonly status: 202; readonly id: number }
  | { readonly status: 429 | 503; readonly reason: string }

export type Thumbnails = WorkerPool.WorkerPool<Image, number, BadImage>

export interface Options {
  readonly from: string
  readonly to: string
  readonly workers: number
  readonly waiting: number
}

/** A pool of encoders. A job returns the size of the thumbnail that it wrote. */
export const thumbnails = ({ from, to, waiting, workers }: Options): Effect.Effect<Thumbnails, never, Scope.Scope> =>
  WorkerPool.make({
    name: "thumbnails",
    size: workers,
    queue: { capacity: waiting },
    worker: () => encoder(50_000_000),
    run: ({ name, width }: Image, { resource }) => {
      // A bug for this one image: it dies, and its encoder is replaced.
      if (!Number.isInteger(width) || width < 1) throw new RangeError(`width must be an integer >= 1, got ${width}`)
      return resource.encode(join(from, name), join(to, `${name}.jpg`), width)
    }
  })

/** Takes an image or refuses it, at once. */
export const submit = (pool: Thumbnails, image: Image): Effect.Effect<Answer> =>
  WorkerPool.trySubmit(pool, image).pipe(
    Effect.map(({ id }): Answer => ({ status: 202, id })),
    Effect.catchTags({
      QueueFull: ({ message }) => Effect.succeed<Answer>({ status: 429, reason: message }),
      PoolClosed: ({ message }) => Effect.succeed<Answer>({ status: 503, reason: message })
    })
  )
