import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { IncomingHttpHeaders } from "node:http"
import { join } from "node:path"
import { Group, Semaphore, WorkerPool } from "sluice"
import { type Answer, busy, explain, json, pictureOf, refuse, type Request } from "./answer.js"
import { receive } from "./body.js"
import { checkImage } from "./encoder.js"
import { remove } from "./file.js"
import type { Handle, Target, Thumbnails } from "./pool.js"
import { names, type Size, sizes } from "./sizes.js"
import type { Delivery, Webhooks } from "./webhooks.js"

interface Upload {
  readonly id: number
  readonly origin: string
  readonly handle: Handle
  readonly webhook: URL | undefined
  delivery: Delivery | undefined
}

export interface Uploads {
  readonly submit: (request: Request) => Effect.Effect<Answer>
  readonly look: (id: number, wait: boolean) => Effect.Effect<Answer>
  readonly picture: (id: number, size: string, wait: boolean) => Effect.Effect<Answer>
  /** Suspends until all that were accepted have ended and their webhooks are on their way. */
  readonly settled: Effect.Effect<void>
}

export interface Settings {
  readonly pool: Thumbnails
  readonly webhooks: Webhooks
  readonly out: string
  /** How many bytes an upload may have. */
  readonly limit: number
  /** How many that have ended anybody will still ask for. What is forgotten is deleted, or the disk would fill. */
  readonly remembered: number
  /** The pool's. */
  readonly workers: number
  readonly capacity: number
}

/** Thumbnails, in all sizes, of the images that clients send. */
export const makeUploads = (settings: Settings): Effect.Effect<Uploads, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { capacity, limit, out, pool, remembered, webhooks, workers } = settings
    const uploads = new Map<number, Upload>()
    const ended: Array<Upload> = []
    let last = 0
    // Whoever sends takes no worker, but room on the disk.
    const receiving = yield* Semaphore.make(4 * (workers + capacity))
    const watchers = yield* Group.make({ name: "uploads" })

    const submit = (request: Request): Effect.Effect<Answer> => {
      const webhook = webhookOf(request.headers)
      if (webhook === "invalid") return Effect.succeed(refuse(400, "x-webhook must be an address with http or https"))
      if (Number(request.headers["content-length"]) > limit) return Effect.succeed(tooLarge)
      // Better now than after ten megabytes. Not for sure: others may be sending as well.
      const { idle, queued, state } = WorkerPool.stats(pool)
      if (state !== "running") return Effect.succeed(refuse(503, "the service shuts down"))
      if (idle === 0 && queued >= capacity) return Effect.succeed(busy("the queue is full"))
      const id = ++last
      const source = join(out, `${id}.upload`)
      return Semaphore.tryWithPermits(receiving, 1, take(request, webhook, id, source)).pipe(
        Effect.map(Option.getOrElse(() => busy("too many uploads at a time")))
      )
    }

    const tooLarge = refuse(413, `an image may have ${limit} bytes`)

    const targetsOf = (id: number): ReadonlyArray<Target> =>
      names.map((size) => ({ path: join(out, `${id}-${size}.jpg`), width: sizes[size] }))

    const take = (request: Request, webhook: URL | undefined, id: number, source: string): Effect.Effect<Answer> => {
      return receive(request.body, source, limit).pipe(
        Effect.andThen(checkImage(source)),
        Effect.andThen(WorkerPool.trySubmit(pool, { source, targets: targetsOf(id) })),
        // From here the file is its job's.
        Effect.onError(() => remove([source])),
        Effect.flatMap((handle) => {
          const upload = { id, origin: request.url.origin, handle, webhook, delivery: undefined }
          uploads.set(id, upload)
          return Effect.as(
            Group.go(watchers, watch(upload, source)),
            json(202, { id }, { location: `/images/${id}` })
          )
        }),
        Effect.catchTags({
          TooLarge: () => Effect.succeed(tooLarge),
          BadImage: ({ message }) => Effect.succeed(refuse(422, message)),
          QueueFull: ({ message }) => Effect.succeed(busy(message)),
          PoolClosed: ({ message }) => Effect.succeed(refuse(503, message))
        }),
        // Were it interrupted, the file would be neither's. It does not take longer than the client sends.
        Effect.uninterruptible
      )
    }

    /** However a job ends, its upload is removed and whoever wanted to know is told. */
    const watch = (upload: Upload, source: string): Effect.Effect<void> =>
      Effect.gen(function*() {
        yield* Effect.ensuring(upload.handle.await, remove([source]))
        const { id, webhook } = upload
        if (webhook !== undefined) {
          upload.delivery = yield* webhooks.send({ image: id, to: webhook, content: yield* describe(upload) })
        }
        ended.push(upload)
        if (ended.length > remembered) {
          const { id } = ended.shift()!
          uploads.delete(id)
          yield* remove(targetsOf(id).map(({ path }) => path))
        }
      })

    const find = (id: number, f: (upload: Upload) => Effect.Effect<Answer>): Effect.Effect<Answer> => {
      const upload = uploads.get(id)
      return upload === undefined ? Effect.succeed(refuse(404, "no such image")) : f(upload)
    }
    return {
      submit,
      look: (id, wait) =>
        find(id, (upload) =>
          Effect.gen(function*() {
            if (wait) yield* upload.handle.await
            const description = yield* describe(upload)
            return json(200, { ...description, ...(upload.delivery && { webhook: upload.delivery.state }) })
          })),
      picture: (id, size, wait) =>
        find(id, ({ handle }) => {
          const index = names.indexOf(size as Size)
          return index < 0 ? Effect.succeed(refuse(404, "no such size")) : pictureOf(id, handle, index, wait)
        }),
      settled: Group.wait(watchers)
    }
  })

/** What a client is told of its image, when it asks and by its webhook. */
const describe = ({ handle, id, origin }: Upload) => {
  const { state } = handle
  if (state === "queued" || state === "running") return Effect.succeed({ id, state })
  return Effect.map(handle.await, (exit) => {
    if (Exit.isFailure(exit)) return { id, state, error: explain(exit.cause).error }
    return { id, state, thumbnails: Object.fromEntries(names.map((size) => [size, `${origin}/images/${id}/${size}`])) }
  })
}

/**
 * The address that the client names, if any. A service that faces strangers would also refuse what leads into its own
 * network; here the receivers are on this machine.
 */
const webhookOf = ({ "x-webhook": header }: IncomingHttpHeaders): URL | "invalid" | undefined => {
  if (header === undefined) return undefined
  if (typeof header !== "string" || !URL.canParse(header)) return "invalid"
  const url = new URL(header)
  // fetch takes no password in an address.
  const isPlain = url.username === "" && url.password === ""
  return isPlain && (url.protocol === "http:" || url.protocol === "https:") ? url : "invalid"
}
