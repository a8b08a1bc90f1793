// A library whose own exports have inferred types of sluice: its declarations name them all.
import { Config, Context, Effect, Schedule } from "effect"
import { AdaptiveLimit, Group, Semaphore, Watch, WorkerPool } from "sluice"
import * as PoolConfig from "sluice/PoolConfig"
import { check, explore, linearizable, scenario } from "sluice/testing"
import { ThreadPool, ThreadWorker } from "sluice/threads"

export const memory = Semaphore.makeUnsafe(64)
export const byTenant = Semaphore.makeKeyed({ permits: 2 })
export const load = Semaphore.withPermits(memory, 8, Effect.succeed("page"))
export const loadOf = (tenant: string) => Effect.flatMap(byTenant, (keyed) => Semaphore.withPermit(Semaphore.forKey(keyed, tenant), load))
export const both = Semaphore.withAll([[memory, 1]], load)
export class Memory extends Semaphore.Service<Memory>()("library/Memory", { permits: 64, watch: [Watch.metrics()] }) {}

export const limit = AdaptiveLimit.make({ algorithm: AdaptiveLimit.gradient() })
export class Api extends AdaptiveLimit.Service<Api>()("library/Api", { algorithm: AdaptiveLimit.aimd() }) {}
export const measured = Effect.flatMap(limit, (self) => AdaptiveLimit.withPermit(self, load))

export const page = (n: number) => n < 3 ? Effect.succeed(n) : Effect.fail("missing" as const)
export const started = Group.go(page(1))
export const crawl = started.pipe(Group.scoped({ limit: 8 }))
export const first = Group.any([page(1), page(2)])
export const group = Group.make({ onFailure: "continue" })
export const errors = Effect.map(group, Group.failures)
export const status = Effect.map(group, Group.stats)

export const pool = WorkerPool.make({
  size: 2,
  worker: () => Effect.succeed({ send: page }),
  run: (n: number, { resource }) => resource.send(n),
  queue: { capacity: 10, key: (n) => n % 2, perKey: { concurrency: 1 } },
  deadlines: { run: "1 second" },
  retry: { schedule: Schedule.recurs(2), deadLetters: {} },
  watch: [Watch.metrics(), Watch.spans()]
})
export const submitted = Effect.flatMap(pool, (self) => WorkerPool.submit(self, 1))
export const ran = Effect.flatMap(pool, (self) => WorkerPool.run(self, 1))
export const report = Effect.flatMap(pool, (self) => WorkerPool.shutdown(self, { deadline: "1 second" }))
export const all = Effect.map(pool, (self) => WorkerPool.map(self, [1, 2], { exits: true }))
export const settings = PoolConfig.settings("PAGES", { size: 2 })
export class Pages extends WorkerPool.Service<Pages>()("library/Pages", { size: 2, run: page, drain: "1 second" }) {}
export class Sized extends Context.Service<Sized, WorkerPool.WorkerPool<number, number, "missing">>()("library/Sized") {}
export const SizedLive = WorkerPool.layerConfig(Sized, Config.Int("SIZE"), (size) => ({ size, run: page }))

export const jobs = ThreadWorker.serve({ half: (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd" as const) })
export const threads = ThreadPool.make<typeof jobs>({ module: new URL("file:///jobs.js") })
export const half = Effect.flatMap(threads, ({ run }) => run.half(2))
export class Threads extends ThreadPool.Service<Threads, typeof jobs>()("library/Threads", { module: new URL("file:///jobs.js") }) {}

export const counts = scenario((t) => t.actor("a", load))
export const checked = () => check(counts)
export const explored = () => explore(counts, { seed: 1 })
export const judge = linearizable
