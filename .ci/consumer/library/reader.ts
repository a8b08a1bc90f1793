// Whoever uses the library sees the same types as in its sources.
import { Effect } from "effect"
import type { WorkerPool } from "sluice"
import { crawl, half, pool, Threads } from "./dist/index.js"

export const crawled: Effect.Effect<void, "missing"> = crawl
export const ran = Effect.map(pool, (self: WorkerPool.WorkerPool<number, number, "missing" | WorkerPool.JobTimeout>) => self.name)
export const halved = Effect.catchIf(Effect.scoped(half), (error) => error === "odd", () => Effect.succeed(0))
export const inThreads = Effect.provide(Threads.run.half(2), Threads.layer)
