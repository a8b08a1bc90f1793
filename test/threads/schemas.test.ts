/** What is encoded on its way to a thread and back, and what a thread's layer provides. */
import { Context, Effect, Fiber, Layer } from "effect"
import { ThreadPool, ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { run, start } from "../support/effect.js"
import { compiled, shared, until } from "../support/threads.js"
import type { jobs } from "./encoded.js"
import { Nowhere, Point, schemas } from "./schemas.js"

class Step extends Context.Service<Step, number>()("Step") {}

const make = ThreadPool.make<typeof jobs>({ module: compiled("encoded"), size: 1, schemas })

test("instances of classes and errors are such on the other side", () =>
  run(Effect.gen(function*() {
    const pool = yield* make
    const doubled = yield* pool.run.double(new Point({ x: 3, y: 4 }))
    expect(doubled).toBeInstanceOf(Point)
    expect(doubled.length).toBe(10)
    const nowhere = yield* Effect.flip(pool.run.double(new Point({ x: 0, y: 0 })))
    expect(nowhere).toBeInstanceOf(Nowhere)
    expect(nowhere).toMatchObject({ _tag: "Nowhere", point: { x: 0 } })
    expect(yield* pool.run.half(new Date(10))).toBe(5)
    expect(yield* pool.run.plain(1)).toBe(1)
  })))

test("a value that a schema refuses is not sent, there or back", () =>
  run(Effect.gen(function*() {
    const pool = yield* make
    const input = yield* Effect.flip(pool.run.double("nowhere" as never))
    expect(input).toBeInstanceOf(ThreadPool.NotCloneable)
    expect(input).toMatchObject({ job: "double", what: "input" })
    const result = yield* Effect.flip(pool.run.wrong())
    expect(result).toBeInstanceOf(ThreadPool.NotCloneable)
    expect(result).toMatchObject({ job: "wrong", what: "result" })
  })))

test("bytes whose schema is Transferable are moved: the side that has sent them has none left", () =>
  run(Effect.gen(function*() {
    const pool = yield* make
    const bytes = new Uint8Array([1, 2, 3])
    const inverted = yield* pool.run.invert(bytes)
    expect([...inverted]).toEqual([254, 253, 252])
    expect([bytes.length, yield* pool.run.inverted()]).toEqual([0, 0])
  })))

test("a promise that is cancelled has ended when its call has", () =>
  run(Effect.gen(function*() {
    const pool = yield* make
    const told = shared(2)
    const fiber = yield* start(pool.run.slow(told))
    yield* until(() => told[0] === 1)
    yield* Fiber.interrupt(fiber)
    expect([...told]).toEqual([1, 1])
  })))

test("a layer is built in the thread, and released with it", async () => {
  const released = shared(1)
  await run(Effect.gen(function*() {
    const pool = yield* make
    expect(yield* pool.run.step(1)).toBe(3)
    yield* pool.run.watch(released)
    expect(released[0]).toBe(0)
  }))
  expect(released[0]).toBe(1)
})

test("effects that need something are not served without a layer", () => {
  const needs = { step: (n: number) => Effect.as(Effect.service(Step), n) }
  // @ts-expect-error a layer is missing
  ThreadWorker.serve(needs)
  const jobs = ThreadWorker.serve(needs, { layer: Layer.succeed(Step, 1) })
  expect(jobs).toBeDefined()
})
