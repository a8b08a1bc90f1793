/** Pools of threads as services: layers, and the classes with their operations. */
import { Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer } from "effect"
import { WorkerPool } from "sluice"
import { ThreadPool } from "sluice/threads"
import { describe, expect, test } from "vitest"
import { defectOf, run, start } from "../support/effect.js"
import { compiled, shared, until } from "../support/threads.js"
import { balanced } from "../support/workerPool.js"
import type { jobs } from "./jobs.js"

const module = compiled("jobs")

const ends: Array<WorkerPool.ShutdownReport<ThreadPool.Call>> = []

class Jobs extends ThreadPool.Service<Jobs, typeof jobs>()("test/Jobs", {
  module,
  size: 1,
  drain: "10 seconds",
  onShutdown: (report) => Effect.sync(() => void ends.push(report))
}) {}

class Plain extends Context.Service<Plain, ThreadPool.ThreadPool<typeof jobs>>()("test/Plain") {}

describe("ThreadPool.Service", () => {
  test("has the jobs as effects that require the class", () =>
    run(
      Effect.gen(function*() {
        expect(yield* Jobs.run.add(1)).toBe(2)
        expect(yield* Jobs.run.nothing()).toBe(undefined)
        expect(yield* Effect.flip(Jobs.run.fail("ada"))).toMatchObject({ _tag: "Refused" })
        const handle = yield* Jobs.submit.add(2)
        expect(yield* handle.await).toEqual(Exit.succeed(3))
        expect(yield* Jobs.stats).toMatchObject({ size: 1, submitted: 4 })
        expect(yield* (yield* Jobs).run.add(3)).toBe(4)
        expect(yield* Jobs.tryRun.add(4)).toBe(5)
      }).pipe(Effect.provide(Jobs.layer))
    ))

  test("dies of a job that the module does not serve, and says which it does", () =>
    run(Effect.gen(function*() {
      const { run: calls } = Jobs as unknown as {
        readonly run: Record<string, () => Effect.Effect<unknown, never, Jobs>>
      }
      for (const name of ["nope", "toString"]) {
        const defect = yield* defectOf(Effect.provide(calls[name]!(), Jobs.layer))
        expect(String(defect)).toMatch(new RegExp(`test/Jobs\\.run\\.${name}: the module serves .*add, `))
      }
    })))

  test("drains accepted calls as the layer closes, and reports them", () =>
    run(Effect.gen(function*() {
      ends.length = 0
      const handle = yield* Effect.provide(Effect.tap(Jobs.submit.later(1), Jobs.submit.add(1)), Jobs.layer)
      expect(yield* handle.await).toEqual(Exit.succeed(2))
      expect(ends).toHaveLength(1)
      expect(ends[0]).toMatchObject({ returned: [], aborted: [], counts: { submitted: 2, succeeded: 2 } })
    })))
})

describe("ThreadPool.layer", () => {
  test("without drain cancels what runs as it closes, and returns what waits", () =>
    run(Effect.gen(function*() {
      const reports: Array<WorkerPool.ShutdownReport<ThreadPool.Call>> = []
      const layer = ThreadPool.layer(Plain, {
        module,
        size: 1,
        grace: 0,
        onShutdown: (report) => Effect.sync(() => void reports.push(report))
      })
      const begun = shared(1)
      const program = Effect.gen(function*() {
        const pool = yield* Plain
        const running = yield* pool.submit.forever(begun)
        yield* until(() => begun[0] === 1)
        const waiting = yield* start(pool.run.add(1))
        return { running, waiting, workers: pool.workers }
      })
      const { running, waiting, workers } = yield* Effect.provide(program, layer)
      expect(Exit.hasInterrupts(yield* running.await)).toBe(true)
      yield* Fiber.interrupt(waiting)
      expect(reports).toMatchObject([{ aborted: [{ name: "forever" }], returned: [{ name: "add" }] }])
      balanced(workers)
    })))

  test("fails where its module cannot be loaded, and dies of options that make no sense, in its own name", () =>
    run(Effect.gen(function*() {
      const missing = new URL("./missing.mjs", module)
      const failed = yield* Effect.flip(Effect.provide(Plain, ThreadPool.layer(Plain, { module: missing, size: 1 })))
      expect(failed._tag).toBe("ThreadFailed")
      const defect = (layer: Layer.Layer<Plain, ThreadPool.ThreadFailed>) =>
        Effect.map(defectOf(Effect.provide(Plain, layer)), String)
      expect(yield* defect(ThreadPool.layer(Plain, { module, size: 0 }))).toContain("ThreadPool.layer: size must be")
      expect(yield* defect(ThreadPool.layer(Plain, { module, drain: -1 }))).toContain("ThreadPool.layer: drain must be")
    })))

  test("has as many threads as a config says, or fails with the config's error", () =>
    run(Effect.gen(function*() {
      const layer = ThreadPool.layerConfig(Plain, Config.Int("THREADS"), (size) => ({ module, size }))
      const under = (env: Record<string, string>) =>
        Effect.provide(
          Effect.map(Plain, ({ workers }) => WorkerPool.stats(workers).size),
          Layer.provide(layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
        )
      expect(yield* under({ THREADS: "2" })).toBe(2)
      expect(yield* Effect.flip(under({}))).toBeInstanceOf(Config.ConfigError)
    })))
})
