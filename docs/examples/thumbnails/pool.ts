import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import { WorkerPool } from "sluice"
import type { BadImage, Encoder } from "./encoder.js"
import { writeAtomically } from "./file.js"

export interface Thumbnail {
  readonly path: string
  readonly width: number
  readonly height: number
  readonly bytes: number
}

/** A job is the name of a file. */
export type Thumbnails = WorkerPool.WorkerPool<string, Thumbnail, BadImage>

export interface Settings {
  readonly folder: string
  readonly out: string
  readonly width: number
  readonly workers: number
  readonly capacity: number
  /** For a worker. */
  readonly encoder: (worker: number) => Effect.Effect<Encoder, never, Scope.Scope>
}

export const makePool = (settings: Settings): Effect.Effect<Thumbnails, never, Scope.Scope> =>
  WorkerPool.make({
    name: "thumbnails",
    size: settings.workers,
    queue: { capacity: settings.capacity },
    worker: ({ id }) => settings.encoder(id),
    run: (name: string, { job, resource }) =>
      Effect.gen(function*() {
        const { height, jpeg, width } = yield* resource.encode(join(settings.folder, name), settings.width)
        const path = join(settings.out, `${name}.jpg`)
        yield* writeAtomically(path, jpeg, job)
        return { path, width, height, bytes: jpeg.length }
      })
  })
