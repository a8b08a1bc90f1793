/** A pool as a service: its layer, its end, and the class with its operations. */
import { ConfigProvider, Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { WorkerPool } from "sluice"
import * as PoolConfig from "sluice/PoolConfig"
import { describe, expect, test } from "vitest"
import { after, defectOf, run, runTimed, settle, squash, start } from "../support/effect.js"

class Prefix extends Context.Service<Prefix, string>()("Prefix") {}

class Greeter extends WorkerPool.Service<Greeter>()("test/Greeter", {
  size: 1,
  queue: { capacity: 1 },
  worker: () => Prefix,
  run: (name: string, { resource }) =>
    name === "slow"
      ? Effect.never
      : name === ""
      ? Effect.fail("no name" as const)
      : Effect.succeed(`${resource}, ${name}`)
}) {}

const withGreeter = <A, E>(effect: Effect.Effect<A, E, Greeter>): Effect.Effect<A, E> =>
  Effect.provide(effect, Layer.provide(Greeter.layer, Layer.succeed(Prefix, "hello")))

describe("layerConfig", () => {
  class Sized extends Context.Service<Sized, WorkerPool.WorkerPool<number, number, WorkerPool.JobTimeout>>()(
    "test/Sized"
  ) {}
  const sized = WorkerPool.layerConfig(Sized, PoolConfig.settings("SIZED"), (settings) => ({
    ...settings,
    worker: () => Prefix,
    run: (n: number) => Effect.succeed(n * 2)
  }))
  const under = (env: Record<string, string>) =>
    Effect.map(Sized, (pool) => WorkerPool.stats(pool).size).pipe(
      Effect.provide(sized),
      Effect.provideService(Prefix, "hello"),
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
    )

  test("reads the settings as the layer is built, and fails as the config does", () =>
    run(Effect.gen(function*() {
      expect(yield* under({ SIZED_SIZE: "3" })).toBe(3)
      const error = yield* Effect.flip(under({ SIZED_SIZE: "none" }))
      expect(String(error)).toMatch(/SIZED_SIZE must be an integer from 1 to 1000000/)
    })))
})

describe("Service", () => {
  test("has the pool's operations as effects that require it", () =>
    run(withGreeter(Effect.gen(function*() {
      expect(yield* Greeter.run("ada")).toBe("hello, ada")
      expect(yield* Effect.flip(Greeter.run(""))).toBe("no name")
      expect(yield* Greeter.tryRun("bob")).toBe("hello, bob")
      const handle = yield* Greeter.submit("cyd")
      yield* Greeter.idle
      expect(yield* handle.join).toBe("hello, cyd")
      yield* Greeter.submit("slow")
      yield* Greeter.trySubmit("slow")
      expect(yield* Effect.flip(Greeter.trySubmit("dan"))).toMatchObject({ _tag: "QueueFull" })
      expect(yield* Greeter.stats).toMatchObject({ submitted: 6, running: 1, queued: 1 })
      const pool = yield* Greeter
      expect(WorkerPool.isWorkerPool(pool)).toBe(true)
    }))))

  test("is made once for all who provide the layer together, and is over when they are", () =>
    run(Effect.gen(function*() {
      let made = 0
      class Counted extends WorkerPool.Service<Counted>()("test/Counted", {
        size: 1,
        worker: () => Effect.sync(() => made++),
        run: () => Effect.void
      }) {}
      const pool = yield* Effect.provide(
        Effect.andThen(Counted.run(undefined), Counted),
        Layer.merge(Counted.layer, Counted.layer)
      )
      expect(made).toBe(1)
      expect(WorkerPool.stats(pool).state).toBe("stopped")
    })))

  test("fails as make does, and refuses a drain that is none as its layer is built", () =>
    run(Effect.gen(function*() {
      class Broken extends WorkerPool.Service<Broken>()("test/Broken", {
        size: 1,
        worker: () => Effect.fail("no connection" as const),
        run: () => Effect.void
      }) {}
      expect(yield* Effect.flip(Effect.scoped(Layer.build(Broken.layer)))).toBe("no connection")
      for (const drain of [-1, NaN, "soon"]) {
        class Wrong extends WorkerPool.Service<Wrong>()("test/Wrong", {
          size: 1,
          run: () => Effect.void,
          drain: drain as number
        }) {}
        expect(String(yield* defectOf(Effect.scoped(Layer.build(Wrong.layer))))).toContain(
          "WorkerPool.Service \"test/Wrong\": drain must be a duration that is not negative"
        )
      }
    })))
})

describe("the close of a pool's layer", () => {
  class Key extends Context.Service<Key, WorkerPool.WorkerPool<number, number>>()("test/Key") {}

  /** A pool of one worker with two jobs, which end as the gate opens; and what its layer reports. */
  const closing = (drain: string | undefined) =>
    Effect.gen(function*() {
      const [scope, gate] = [yield* Scope.make(), yield* Deferred.make<void>()]
      const reports: Array<WorkerPool.ShutdownReport<number>> = []
      const layer = WorkerPool.layer(Key, {
        size: 1,
        queue: { capacity: 4 },
        run: (n: number) => Effect.as(Deferred.await(gate), n),
        drain: drain as undefined,
        onShutdown: (report) => Effect.sync(() => reports.push(report))
      })
      const pool = Context.get(yield* Layer.buildWithScope(layer, scope), Key)
      const handles = [yield* WorkerPool.submit(pool, 1), yield* WorkerPool.submit(pool, 2)]
      const close = yield* start(Scope.close(scope, Exit.void))
      yield* settle
      return { close, gate, handles, pool, reports }
    })

  test("without drain interrupts what runs, returns what waits, and reports it", () =>
    runTimed(Effect.gen(function*() {
      const { close, handles, reports } = yield* closing(undefined)
      yield* Fiber.join(close)
      expect(handles.map(({ state }) => state)).toEqual(["interrupted", "returned"])
      expect(reports).toMatchObject([{ aborted: [1], returned: [2] }])
    })))

  test("with drain lets jobs end, and interrupts them when its time is over", () =>
    runTimed(Effect.gen(function*() {
      const inTime = yield* closing("5 seconds")
      expect(WorkerPool.stats(inTime.pool).state).toBe("draining")
      yield* Deferred.succeed(inTime.gate, undefined)
      yield* Fiber.join(inTime.close)
      expect(inTime.reports).toMatchObject([{ counts: { succeeded: 2 }, aborted: [], returned: [] }])

      const late = yield* closing("5 seconds")
      yield* after(4_999)
      expect(late.reports).toEqual([])
      yield* after(1)
      yield* Fiber.join(late.close)
      expect(late.reports).toMatchObject([{ aborted: [1], returned: [2] }])
    })))

  test("waits for onShutdown, which may use the services around the layer, and dies of its defect", () =>
    run(Effect.gen(function*() {
      const stored: Array<string> = []
      class Store extends Context.Service<Store, Array<string>>()("test/Store") {}
      const layer = (end: Effect.Effect<unknown, never, Store>) =>
        Layer.provide(
          WorkerPool.layer(Key, { size: 1, run: (n: number) => Effect.succeed(n), onShutdown: () => end }),
          Layer.succeed(Store, stored)
        )
      const store = Effect.andThen(
        Effect.yieldNow,
        Effect.flatMap(Store, (store) => Effect.sync(() => store.push("stored")))
      )
      yield* Effect.scoped(Layer.build(layer(store)))
      expect(stored).toEqual(["stored"])
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer(Effect.die("a bug")))))
      expect(squash(exit)).toBe("a bug")
    })))
})
