/** A process that serves durable jobs until SIGTERM. It prints each claim, and how each job ends. */
import { Duration, Effect, Layer, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool } from "sluice/durable"
import { type Engine, storesOf } from "../support/engines.js"
import { ownOrder, say } from "../support/processes.js"

export const Job = DurableJob.make("job", {
  payload: Schema.String,
  success: Schema.String,
  error: Schema.String,
  id: (name) => name,
  attempts: 20
})

export interface Order {
  readonly engine: Engine
  /** How long each job runs, in milliseconds. */
  readonly millis: number
  /** How long each job blocks the event loop at first. */
  readonly blocks: number
  /** How long a drain lets jobs run. */
  readonly drain: number
  /** What a job returns, after its name. */
  readonly mark: string
}

export type Said =
  | { readonly says: "ready" }
  | { readonly says: "claimed"; readonly id: string; readonly attempts: number }
  | { readonly says: "done" | "interrupted"; readonly id: string; readonly lost: number }
  | { readonly says: "drained"; readonly stats: DurablePool.Stats }

const tell = (said: Said) => Effect.sync(() => say(said))

const block = (millis: number): void => {
  const until = performance.now() + millis
  while (performance.now() < until);
}

const serve = ({ blocks, drain, engine, mark, millis }: Order) =>
  Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 4,
      run: (name: string) =>
        Effect.sleep(millis).pipe(
          Effect.tap(() => Effect.sync(() => block(blocks))),
          Effect.as(`${name}${mark}`),
          Effect.onExit((exit) =>
            tell({
              says: exit._tag === "Success" ? "done" : "interrupted",
              id: name,
              lost: DurablePool.stats(serving).lost
            })
          )
        )
    })
    const serving: DurablePool.Serving = yield* DurablePool.serve(Job, pool, { grace: 300 })
    const terminated = Effect.callback<void>((resume) => void process.once("SIGTERM", () => resume(Effect.void)))
    yield* tell({ says: "ready" })
    yield* terminated
    yield* DurablePool.drain(serving, { deadline: Duration.millis(drain) })
    yield* tell({ says: "drained", stats: DurablePool.stats(serving) })
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(
      Layer.fresh(PersistedQueue.layer),
      Layer.effect(
        PersistedQueue.PersistedQueueStore,
        Effect.map(PersistedQueue.PersistedQueueStore, (store) => ({
          ...store,
          take: (options) =>
            Effect.tap(store.take(options), ({ attempts, id }) => tell({ says: "claimed", id, attempts }))
        } satisfies PersistedQueue.PersistedQueueStore["Service"]))
      )
    )),
    Effect.provide(storesOf(engine))
  )

if (ownOrder !== undefined) await Effect.runPromise(serve(ownOrder as Order))
