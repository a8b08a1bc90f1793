import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { WorkerPool } from "sluice"
import type { Answer, Request } from "./answer.js"
import { makeApi } from "./api.js"
import { makeByName } from "./byName.js"
import { type Job, makePool, type Settings as PoolSettings, type Thumbnails } from "./pool.js"
import { makeUploads } from "./uploads.js"
import { makeWebhooks, type Message, type Settings as WebhookSettings, type Status } from "./webhooks.js"

export interface Settings extends PoolSettings {
  /** Where the images are that can be asked for by their names, and how wide a thumbnail of one is. */
  readonly folder: string
  readonly width: number
  /** Where uploads and thumbnails go. */
  readonly out: string
  /** How many bytes an upload may have. */
  readonly limit: number
  /** How many images that have ended anybody will still ask for, of each kind. */
  readonly remembered: number
  readonly webhooks: WebhookSettings
}

export interface Deadlines {
  readonly images: Duration.Input
  readonly webhooks: Duration.Input
}

export interface Report {
  readonly images: WorkerPool.ShutdownReport<Job>
  readonly webhooks: WorkerPool.ShutdownReport<Message>
  readonly undelivered: Status["list"]
}

export interface Service {
  readonly api: (request: Request) => Effect.Effect<Answer>
  readonly pool: Thumbnails
  readonly webhooks: () => Status
  readonly shutdown: (deadlines: Deadlines) => Effect.Effect<Report>
}

/** The service but for its server: two pools, and what connects them. */
export const makeService = (settings: Settings): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const webhooks = yield* makeWebhooks(settings.webhooks)
    const pool = yield* makePool(settings)
    const uploads = yield* makeUploads({ ...settings, pool, webhooks })
    const stats = () => WorkerPool.stats(pool)
    const api = makeApi({ byName: makeByName(pool, settings), uploads, stats, webhooks: webhooks.status })

    // Downstream, each part ends when nothing more can come from the one before. Thumbnails can be fetched all the while,
    // by those who are told of them only now.
    const shutdown = (deadlines: Deadlines) =>
      Effect.gen(function*() {
        const images = yield* WorkerPool.shutdown(pool, { deadline: deadlines.images })
        yield* uploads.settled
        const report = yield* webhooks.shutdown(deadlines.webhooks)
        return { images, webhooks: report, undelivered: webhooks.status().list }
      })
    return { api, pool, webhooks: webhooks.status, shutdown }
  })
