import * as Effect from "effect/Effect"
import { basename } from "node:path"
import { WorkerPool } from "sluice"
import { type Answer, busy, json, pictureOf, refuse } from "./answer.js"
import { type Handle, jobFor, type Thumbnails } from "./pool.js"

export interface ByName {
  readonly submit: (file: string) => Effect.Effect<Answer>
  readonly look: (id: number, wait: boolean) => Effect.Effect<Answer>
}

/** Thumbnails of the images in a folder of the service's. */
export const makeByName = (
  pool: Thumbnails,
  settings: { readonly folder: string; readonly out: string; readonly width: number; readonly remembered: number }
): ByName => {
  const jobs = new Map<number, Handle>()

  const submit = (file: string): Effect.Effect<Answer> => {
    // Nobody gets to the files outside.
    if (file === "" || file.startsWith(".") || file !== basename(file)) {
      return Effect.succeed(refuse(400, "file must be the name of an image"))
    }
    return WorkerPool.trySubmit(pool, jobFor(settings, file)).pipe(
      Effect.map((handle) => {
        jobs.set(handle.id, handle)
        for (const id of jobs.keys()) {
          // Without an end, a service would remember until it has no memory.
          if (jobs.size <= settings.remembered) break
          jobs.delete(id)
        }
        return json(202, { id: handle.id }, { location: `/thumbnails/${handle.id}` })
      }),
      Effect.catchTags({
        QueueFull: ({ message }) => Effect.succeed(busy(message)),
        PoolClosed: ({ message }) => Effect.succeed(refuse(503, message))
      })
    )
  }

  const look = (id: number, wait: boolean): Effect.Effect<Answer> => {
    const handle = jobs.get(id)
    return handle === undefined ? Effect.succeed(refuse(404, "no such thumbnail")) : pictureOf(id, handle, 0, wait)
  }

  return { submit, look }
}
