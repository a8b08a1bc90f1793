// What a user writes, compiled against the tarball: every entry, data-first and data-last, options given and left out.
import { type Config, Effect, Exit, Schedule } from "effect"
import { AdaptiveLimit, Group, Semaphore, Watch, WorkerPool } from "sluice"
import { Limit, LimitStore } from "sluice/durable"
import { check, explore, type Failure, type Report, type Scenario, scenario } from "sluice/testing"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { serve } from "sluice/threads/ThreadWorker"
import { settings as settingsOf, type Settings } from "sluice/PoolConfig"
import { go, type Options, scoped } from "sluice/Group"
import { type JobHandle, make as makePool, run, type ShutdownReport } from "sluice/WorkerPool"
import { aimd, make as makeLimit, type Outcome, withPermit } from "sluice/AdaptiveLimit"
import { type CapacityExceeded, makeUnsafe, withPermits } from "sluice/Semaphore"

const settings: Config.Config<Settings> = settingsOf("PAGES", { size: 2 })
const options: Options = { limit: 2, name: "pages", onFailure: undefined }
const semaphore: Semaphore.Semaphore = makeUnsafe(2, { name: undefined })

const page = (n: number): Effect.Effect<number, string> => n < 3 ? Effect.succeed(n) : Effect.fail("missing")

export const program: Effect.Effect<string, string | CapacityExceeded> = scoped(
  options,
  (group: Group.Group<string | CapacityExceeded>) =>
    Effect.gen(function*() {
      for (let n = 0; n < 5; n++) yield* go(group, page(n).pipe(withPermits(semaphore, 1)))
      const open: boolean = yield* page(1).pipe(Group.tryGo(group))
      const fiber = yield* Group.fork(group, Semaphore.withPermit(semaphore, page(2)))
      return `${open} ${fiber.id} ${Group.stats(group).state}`
    })
)

export const current: Effect.Effect<string | number, string | CapacityExceeded> = Effect.gen(function*() {
  for (let n = 0; n < 5; n++) yield* Group.go(page(n).pipe(Semaphore.withAll([[semaphore, 1]])))
  const ready: number = yield* Group.start(Effect.andThen(Group.ready(1), page(1)))
  if (ready > 1) yield* Group.finish("early")
  return yield* Group.any([page(1), page(2)])
}).pipe(Group.scoped({ limit: 2 }))

class Pages extends WorkerPool.Service<Pages>()("Pages", { size: 2, run: page, drain: "1 second" }) {}
export const answered: Effect.Effect<number, string | WorkerPool.PoolError> = Effect.provide(Pages.tryRun(1), Pages.layer)

// @ts-expect-error a group whose children may not fail takes none that may
export const wrong = scoped({}, (group) => go(group, page(1)))

export const jobs: Effect.Effect<ReadonlyArray<string>, string | WorkerPool.PoolClosed | WorkerPool.JobLost | WorkerPool.PoolFailed> =
  Effect.scoped(
    Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<number, number, string> = yield* makePool({
        size: 2,
        worker: ({ id }) => Effect.succeed({ id }),
        run: (n: number, { resource }) => Effect.as(page(n), resource.id)
      })
      const handle: JobHandle<number, string> = yield* pool.pipe(WorkerPool.submit(1))
      const sum: number = (yield* run(pool, 1)) + (yield* pool.pipe(run(2)))
      const report: ShutdownReport<number> = yield* WorkerPool.shutdown(pool, { deadline: "1 second" })
      return [handle.state, String(sum), ...report.returned.map(String)]
    })
  )

const patient: Effect.Effect<number, string | WorkerPool.JobTimeout | WorkerPool.PoolClosed | WorkerPool.JobLost | WorkerPool.PoolFailed> =
  Effect.scoped(
    Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<number, number, string | WorkerPool.JobTimeout> = yield* makePool({
        size: 2,
        queue: { capacity: "unbounded", key: (n) => n % 2, perKey: { concurrency: 1 }, priority: () => 0 },
        deadlines: { wait: "1 second", run: undefined },
        retry: {
          schedule: Schedule.recurs(2),
          while: (error) => error !== "gone",
          deadLetters: { sink: ({ attempts, job }) => Effect.log(job, attempts) }
        },
        watch: [Watch.metrics(), Watch.spans()],
        run: page
      })
      yield* pool.pipe(WorkerPool.autoscale({ min: 1, max: 4 }))
      return yield* run(pool, 1)
    })
  )

const fleet: Limit.Limit = Limit.make("fleet", { permits: 2, lease: "10 seconds" })
export const limited: Effect.Effect<number, string | Limit.LimitExceeded | Limit.LeaseLost | Limit.StoreError> =
  Effect.provide(
    Limit.withPermit(fleet)(({ token }: Limit.Lease) => Effect.map(page(1), (n) => n + token)).pipe(
      Effect.andThen(Limit.withPermits(fleet, 2, ({ permits }) => page(permits)))
    ),
    LimitStore.layerMemory
  )

const classify = (exit: Exit.Exit<unknown, unknown>): Outcome => Exit.isSuccess(exit) ? "success" : "overload"
export const adaptive: Effect.Effect<number, Effect.Error<typeof patient>> = Effect.gen(function*() {
  const limit: AdaptiveLimit.AdaptiveLimit = yield* makeLimit({ algorithm: aimd({ max: 10 }), classify })
  return yield* patient.pipe(withPermit(limit))
})

export const served = serve({ page, length: (text: string) => Promise.resolve(text.length), now: () => Date.now() })
export const threads: Effect.Effect<
  number,
  string | ThreadPool.ThreadFailed | ThreadPool.CallError | WorkerPool.RunError | WorkerPool.PoolClosed
> = Effect.scoped(Effect.gen(function*() {
  const module = new URL("./jobs.js", import.meta.url)
  const pool: ThreadPool.ThreadPool<typeof served> = yield* ThreadPool.make<typeof served>({ module, prefetch: 1 })
  const handle = yield* pool.submit.length("text")
  // @ts-expect-error a job of numbers takes no text
  pool.run.page("one")
  const context: ThreadWorker.JobContext | undefined = undefined
  return (yield* pool.run.page(1)) + (yield* pool.run.now()) + (handle.id === 1 && context === undefined ? 1 : 0)
}))

export const scenarios: Scenario = scenario((t) =>
  Effect.gen(function*() {
    const fiber = yield* t.actor("a", withPermits(semaphore, 1, t.op("page", 1, page(1))), { cancel: false })
    const n: number = yield* t.choose([1, 2])
    yield* t.settled
    yield* t.expect(() => fiber.pollUnsafe() !== undefined && n < 3, "ended")
  })
)
export const report: Report = check(scenarios, { strategy: { exhaustive: { preemptions: 1, cancels: 0 } } })
export const failure: Failure | undefined = explore(scenarios, { runs: 10, realism: "nested" }).failure
