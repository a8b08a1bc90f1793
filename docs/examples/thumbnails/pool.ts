import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import { WorkerPool } from "sluice"
import type { BadImage, Encoder } from "./encoder.js"
import { writeAtomically } from "./file.js"

export interface Target {
  readonly path: string
  readonly width: number
}

/**
 * An image, and the thumbnails to be made of it: all or none. A job for each would read and decode the image as many
 * times, which is most of the work; a full queue would take one and refuse the others, and a deadline part them.
 */
export interface Job {
  readonly source: string
  readonly targets: ReadonlyArray<Target>
}

export interface Thumbnail {
  readonly path: string
  readonly width: number
  readonly height: number
  readonly bytes: number
}

export type Thumbnails = WorkerPool.WorkerPool<Job, ReadonlyArray<Thumbnail>, BadImage>

export type Handle = WorkerPool.JobHandle<ReadonlyArray<Thumbnail>, BadImage>

export interface Settings {
  readonly workers: number
  readonly capacity: number
  /** For a worker. */
  readonly encoder: (worker: number) => Effect.Effect<Encoder, never, Scope.Scope>
}

/** The job for a file of a folder. */
export const jobFor = (
  { folder, out, width }: { readonly folder: string; readonly out: string; readonly width: number },
  name: string
): Job => ({ source: join(folder, name), targets: [{ path: join(out, `${name}.jpg`), width }] })

export const makePool = ({ capacity, encoder, workers }: Settings): Effect.Effect<Thumbnails, never, Scope.Scope> =>
  WorkerPool.make({
    name: "thumbnails",
    size: workers,
    queue: { capacity },
    worker: ({ id }) => encoder(id),
    run: ({ source, targets }: Job, { job, resource }) =>
      Effect.gen(function*() {
        const encoded = yield* resource.encode(source, targets.map(({ width }) => width))
        yield* writeAtomically(targets.map(({ path }, i) => ({ path, content: encoded[i]!.jpeg })), job)
        return targets.map(({ path }, i) => {
          const { height, jpeg, width } = encoded[i]!
          return { path, width, height, bytes: jpeg.length }
        })
      })
  })
