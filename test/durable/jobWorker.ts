/** A process that serves durable jobs on a server until it is told to end. It writes a line for each claim. */
import { Duration, Effect, Layer, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool, Results } from "sluice/durable"
import { pgLayer, type Place } from "../support/fleet.js"
import { layer as ioredis } from "../support/ioredis.js"

export const Job = DurableJob.make("job", { payload: Schema.String, success: Schema.String, id: (name) => name })

const lock = { pollInterval: 50, lockRefreshInterval: 400, lockExpiration: 2_000 }

type Stores = PersistedQueue.PersistedQueueFactory | PersistedQueue.PersistedQueueStore | Results.Results

/** The engine and the results on a server. */
export const stores = (place: Place): Layer.Layer<Stores> =>
  place.kind === "redis"
    ? Layer.merge(
      Layer.provideMerge(PersistedQueue.layer, PersistedQueue.layerStoreRedis(lock)),
      Results.layerRedis()
    ).pipe(Layer.provide(ioredis(place.port)))
    : Layer.merge(
      Layer.provideMerge(PersistedQueue.layer, PersistedQueue.layerStoreSql(lock)),
      Results.layerSql()
    ).pipe(Layer.provide(pgLayer(place)), Layer.orDie)

export interface JobOrder {
  readonly place: Place
  /** How long each job runs. */
  readonly millis: number
  /** How long a drain lets jobs run. */
  readonly drain: number
}

export interface Claimed {
  readonly id: string
  readonly attempts: number
}

const say = (claimed: Claimed | "drained") => Effect.sync(() => console.log(JSON.stringify(claimed)))

const serve = ({ drain, millis, place }: JobOrder) =>
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 4,
      run: (name: string) => Effect.as(Effect.sleep(millis), `done ${name}`)
    })
    const serving = yield* DurablePool.serve(Job, pool, { grace: 300 })
    yield* Effect.callback<void>((resume) => void process.once("SIGTERM", () => resume(Effect.void)))
    yield* DurablePool.drain(serving, { deadline: Duration.millis(drain) })
    yield* say("drained")
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(
      Layer.fresh(PersistedQueue.layer),
      Layer.effect(
        PersistedQueue.PersistedQueueStore,
        Effect.map(PersistedQueue.PersistedQueueStore, (store) => ({
          ...store,
          take: (options) => Effect.tap(store.take(options), ({ attempts, id }) => say({ attempts, id }))
        } satisfies PersistedQueue.PersistedQueueStore["Service"]))
      )
    )),
    Effect.provide(stores(place))
  )

const order = process.env["JOB_WORKER"]
if (order !== undefined) await Effect.runPromise(serve(JSON.parse(order) as JobOrder))
