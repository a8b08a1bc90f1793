/** Semaphores and adaptive limits as services: their layers, and the classes with their operations. */
import { Config, ConfigProvider, Context, Effect, Exit, Layer, Option } from "effect"
import { AdaptiveLimit, Semaphore } from "sluice"
import { describe, expect, test } from "vitest"
import { defectOf, run, tagOf } from "./support/effect.js"

class Memory extends Semaphore.Service<Memory>()("test/Memory", { permits: 3, name: "memory" }) {}
class Plain extends Context.Service<Plain, Semaphore.Semaphore>()("test/Plain") {}

const algorithm = AdaptiveLimit.aimd({ initial: 1 })
class Api extends AdaptiveLimit.Service<Api>()("test/Api", { algorithm, name: "api" }) {}
class PlainLimit extends Context.Service<PlainLimit, AdaptiveLimit.AdaptiveLimit>()("test/PlainLimit") {}

const under = (env: Record<string, string>) => Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

describe("a semaphore", () => {
  test("as a class has its operations as effects that require the class", () =>
    run(
      Effect.gen(function*() {
        const none = Effect.map(Memory.tryWithPermits(3)(Effect.void), Option.isNone)
        expect(yield* Memory.withPermit(none)).toBe(true)
        expect(yield* Memory.withPermits(1)(Effect.map(Memory.stats, ({ held }) => held))).toBe(1)
        yield* Effect.scoped(
          Effect.andThen(Memory.acquire(2), Effect.map(Memory.stats, ({ held }) => expect(held).toBe(2)))
        )
        expect(tagOf(yield* Effect.exit(Memory.withPermits(4)(Effect.void)))).toBe("CapacityExceeded")
        const semaphore = yield* Memory
        expect(semaphore.name).toBe("memory")
        expect(Semaphore.stats(semaphore)).toEqual({ capacity: 3, held: 0, available: 3, waiting: 0 })
      }).pipe(Effect.provide(Layer.merge(Memory.layer, Memory.layer)))
    ))

  test("has a layer for a key of one's own, with permits that are known or configured", () =>
    run(Effect.gen(function*() {
      const capacity = Effect.map(Plain, (semaphore) => Semaphore.stats(semaphore).capacity)
      expect(yield* Effect.provide(capacity, Semaphore.layer(Plain, { permits: 5 }))).toBe(5)
      const configured = Effect.provide(
        capacity,
        Semaphore.layerConfig(Plain, Config.all({ permits: Config.Int("PERMITS") }))
      )
      expect(yield* under({ PERMITS: "7" })(configured)).toBe(7)
      expect(yield* Effect.flip(under({})(configured))).toBeInstanceOf(Config.ConfigError)
      expect(String(yield* defectOf(under({ PERMITS: "-1" })(configured)))).toContain(
        "Semaphore.layerConfig: permits must be an integer >= 0, got -1"
      )
      class Wrong extends Semaphore.Service<Wrong>()("test/Wrong", { permits: NaN }) {}
      expect(String(yield* defectOf(Effect.provide(Wrong, Wrong.layer)))).toContain(
        "Semaphore.Service \"test/Wrong\": permits must be an integer >= 0, got NaN"
      )
    })))
})

describe("an adaptive limit", () => {
  test("as a class has its operations as effects that require the class", () =>
    run(
      Effect.gen(function*() {
        const none = Effect.map(Api.tryWithPermit(Effect.void), Option.isNone)
        expect(yield* Api.withPermit(none)).toBe(true)
        expect(yield* Api.tryWithPermit(Effect.succeed(1))).toEqual(Option.some(1))
        expect(yield* Api.measure(Effect.map(Api.stats, ({ inFlight }) => inFlight))).toBe(1)
        expect(yield* Api.stats).toMatchObject({ samples: 3, inFlight: 0 })
        expect((yield* Api).name).toBe("api")
      }).pipe(Effect.provide(Api.layer))
    ))

  test("has a layer for a key of one's own, with bounds that are known or configured", () =>
    run(Effect.gen(function*() {
      const value = Effect.map(PlainLimit, (limit) => AdaptiveLimit.stats(limit).limit)
      expect(yield* Effect.provide(value, AdaptiveLimit.layer(PlainLimit, { algorithm }))).toBe(1)
      const config = Config.map(Config.Int("INITIAL"), (initial) => ({ algorithm: AdaptiveLimit.aimd({ initial }) }))
      const configured = Effect.provide(value, AdaptiveLimit.layerConfig(PlainLimit, config))
      expect(yield* under({ INITIAL: "4" })(configured)).toBe(4)
      expect(yield* Effect.flip(under({})(configured))).toBeInstanceOf(Config.ConfigError)
      const wrong = AdaptiveLimit.layer(PlainLimit, { algorithm: {} as never })
      expect(String(yield* defectOf(Effect.provide(value, wrong)))).toContain("AdaptiveLimit.layer: algorithm must be")
    })))
})

describe("tryWithPermit", () => {
  test("runs nothing where it would wait, and the limit learns from what it runs", () =>
    run(Effect.gen(function*() {
      const changes: Array<number> = []
      const limit = yield* AdaptiveLimit.make({
        algorithm: AdaptiveLimit.aimd({ initial: 2, backoff: 0.5 }),
        classify: (exit) => Exit.isSuccess(exit) ? "success" : "overload",
        onChange: (n) => Effect.sync(() => void changes.push(n))
      })
      const inner = AdaptiveLimit.tryWithPermit(limit, Effect.die("not run"))
      const both = AdaptiveLimit.tryWithPermit(limit, Effect.all([inner.pipe(AdaptiveLimit.withPermit(limit))]))
      expect(yield* both).toEqual(Option.some([Option.none()]))
      expect(yield* Effect.flip(Effect.fail("busy").pipe(AdaptiveLimit.tryWithPermit(limit)))).toBe("busy")
      expect(AdaptiveLimit.stats(limit)).toMatchObject({ samples: 3, overloads: 1, inFlight: 0, waiting: 0 })
      expect(changes).toEqual([3, 1])
    })))
})
