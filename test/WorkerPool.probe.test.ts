import { Cause, Deferred, Duration, Effect, Exit, Fiber, Schedule, Scope, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { test } from "vitest"
import { defectOf, isInterrupted, run, settle, start } from "./support/effect.js"

type Job = Effect.Effect<unknown, string>
type Pool = WorkerPool.WorkerPool<Job, unknown, string>
type Options = Partial<WorkerPool.Options<Job, unknown, string, never, any, string, Scope.Scope>>
const make = (options: Options = {}) => WorkerPool.make({ size: 1, run: (job: Job) => job, ...options } as any) as Effect.Effect<Pool, string, Scope.Scope>

test("1 condemned between assign and begin", () => run(Effect.gen(function*() {
  const used: Array<number> = []
  let n = 0
  let leaked: Effect.Effect<void> | undefined
  const gate = yield* Deferred.make<void>()
  const pool = yield* WorkerPool.make({ size: 1, worker: () => Effect.sync(() => ++n),
    run: (job: Effect.Effect<void>, ctx) => { used.push(ctx.resource); leaked ??= ctx.invalidate; return job } })
  const first = yield* WorkerPool.submit(pool, Deferred.await(gate))
  yield* start(Effect.andThen(first.await, Effect.suspend(() => leaked!)))
  yield* WorkerPool.submit(pool, Effect.void)
  yield* Deferred.succeed(gate, undefined)
  yield* settle
  assert.deepEqual(used, [1, 2])
})))

test("2 cancelled by its handle, then pool stops: not aborted", () => run(Effect.gen(function*() {
  const gate = yield* Deferred.make<void>()
  const pool = yield* make()
  const h = yield* WorkerPool.submit(pool, Effect.onExit(Effect.never, () => Deferred.await(gate)))
  yield* start(h.cancel)
  const e = yield* start(WorkerPool.shutdownNow(pool))
  yield* Deferred.succeed(gate, undefined)
  const r = yield* Fiber.join(e)
  assert.equal(r.aborted.length, 0)
})))

test("3 deadline on failed pool", () => run(Effect.gen(function*() {
  let n = 0
  const pool = yield* make({ size: 2, restart: Schedule.recurs(0), worker: () => Effect.suspend(() => ++n > 2 ? Effect.fail("refused") : Effect.void) })
  const h = yield* WorkerPool.submit(pool, Effect.never)
  yield* WorkerPool.submit(pool, Effect.die("x"))
  yield* settle
  assert.equal(WorkerPool.stats(pool).state, "failed")
  const e = yield* start(WorkerPool.shutdown(pool, { deadline: "1 second" }))
  yield* TestClock.adjust("2 seconds")
  yield* settle
  assert.equal(h.state, "interrupted")
  yield* Fiber.join(e)
}).pipe(Effect.provide(TestClock.layer()))))

test("3b deadline on draining pool which then fails", () => run(Effect.gen(function*() {
  let n = 0
  const pool = yield* make({ size: 2, restart: Schedule.recurs(0), worker: () => Effect.suspend(() => ++n > 2 ? Effect.fail("refused") : Effect.void) })
  const gate = yield* Deferred.make<void>()
  const h = yield* WorkerPool.submit(pool, Effect.never)
  yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), Effect.die("x")))
  yield* WorkerPool.submit(pool, Effect.void)
  const e = yield* start(WorkerPool.shutdown(pool, { deadline: "1 second" }))
  yield* Deferred.succeed(gate, undefined)
  yield* settle
  assert.equal(WorkerPool.stats(pool).state, "failed")
  yield* TestClock.adjust("2 seconds")
  yield* settle
  assert.equal(h.state, "interrupted")
  yield* Fiber.join(e)
}).pipe(Effect.provide(TestClock.layer()))))

for (const size of [2, 3]) {
  test("4 await A then A shutdown size " + size, () => run(Effect.gen(function*() {
    const pool: Pool = yield* make({ size })
    const gate = yield* Deferred.make<void>()
    const a = yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), Effect.suspend(() => WorkerPool.shutdown(pool))))
    const b = yield* WorkerPool.submit(pool, Effect.andThen(Effect.yieldNow, a.await))
    yield* settle
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    assert.notDeepEqual([a.state, b.state], ["running", "running"])
  })))
  test("4b A shutdown, B awaits A size " + size, () => run(Effect.gen(function*() {
    const pool: Pool = yield* make({ size })
    const gate = yield* Deferred.make<void>()
    const a = yield* WorkerPool.submit(pool, Effect.andThen(Effect.yieldNow, Effect.suspend(() => WorkerPool.shutdown(pool))))
    const b = yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), a.await))
    yield* settle
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    assert.notDeepEqual([a.state, b.state], ["running", "running"])
  })))
}

test("5 sliding capacity 0 run inside", () => run(Effect.gen(function*() {
  const pool: Pool = yield* make({ queue: { capacity: 0, strategy: "sliding" } })
  const exit = yield* Effect.exit(WorkerPool.run(pool, Effect.suspend(() => Effect.flip(WorkerPool.run(pool, Effect.void)) as Effect.Effect<any>)))
  assert.ok(Exit.isSuccess(exit), String(exit))
})))
test("5b sliding would drop what another awaits", () => run(Effect.gen(function*() {
  const pool: Pool = yield* make({ size: 2, queue: { capacity: 1, strategy: "sliding" } })
  const gate = yield* Deferred.make<void>()
  const a = yield* WorkerPool.submit(pool, Effect.suspend(() => Effect.andThen(Effect.yieldNow, Effect.flatMap(WorkerPool.submit(pool, Effect.succeed("x")), (h) => h.await))))
  const b = yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), Effect.suspend(() => WorkerPool.run(pool, Effect.succeed("y")) as Effect.Effect<any>)))
  yield* settle
  yield* Deferred.succeed(gate, undefined)
  assert.deepEqual(yield* b.await, Exit.succeed("y"))
  yield* a.await
})))

test("6 invalidated while others still acquire", () => run(Effect.gen(function*() {
  const gate = yield* Deferred.make<void>()
  const invs: Array<Effect.Effect<void>> = []
  let acquired = 0
  const making = yield* start(make({ size: 2, worker: ({ id, invalidate }) => Effect.suspend(() => { acquired++; invs.push(invalidate); return id === 2 ? Deferred.await(gate) : Effect.void }) }))
  yield* invs[0]!
  yield* Deferred.succeed(gate, undefined)
  const pool = yield* Fiber.join(making)
  yield* settle
  assert.equal(acquired, 3)
  assert.equal(WorkerPool.stats(pool).idle, 2)
})))
test("6b invalidate in acquire", () => run(Effect.gen(function*() {
  let acquired = 0
  const pool = yield* make({ size: 2, worker: ({ invalidate }) => Effect.suspend(() => ++acquired <= 2 ? invalidate : Effect.void) })
  yield* settle
  assert.equal(WorkerPool.stats(pool).idle, 2)
})))
test("6c size 1: invalidate in first acquire: make returns with a resource", () => run(Effect.gen(function*() {
  const gate = yield* Deferred.make<void>()
  let acquired = 0
  const making = yield* start(make({ size: 1, worker: ({ invalidate }) => Effect.suspend(() => ++acquired <= 1 ? invalidate : Deferred.await(gate)) }))
  yield* settle
  assert.equal(making.pollUnsafe(), undefined)
})))

test("7 huge size", () => run(Effect.gen(function*() {
  const d = yield* defectOf(make({ size: Number.MAX_SAFE_INTEGER }))
  assert.match(String(d), /size must/)
})))

test("8 observer on job's own fiber throws", async () => {
  const listeners = process.listeners("uncaughtException")
  process.removeAllListeners("uncaughtException")
  const caught: Array<unknown> = []
  process.on("uncaughtException", (e) => caught.push(e))
  try {
    await run(Effect.gen(function*() {
      const pool = yield* make()
      const h = yield* WorkerPool.submit(pool, Effect.withFiber((f) => { f.addObserver(() => { throw new Error("observer") }); return Effect.yieldNow }))
      yield* settle
      yield* settle
      assert.equal(h.state, "succeeded")
      assert.equal(yield* WorkerPool.run(pool, Effect.succeed(1)), 1)
    }).pipe(Effect.timeout("1 second")))
  } finally {
    process.removeAllListeners("uncaughtException")
    for (const l of listeners) process.on("uncaughtException", l)
  }
})

test("9 pool made in runSync, used in runPromise", async () => {
  const scope = Scope.makeUnsafe()
  const pool = Effect.runSync(Scope.provide(make(), scope))
  assert.equal(Effect.runSync(WorkerPool.run(pool, Effect.succeed(1))), 1)
  assert.equal(await Effect.runPromise(WorkerPool.run(pool, Effect.as(Effect.sleep(1), 2)).pipe(Effect.timeout("1 second"))), 2)
  const p2 = await Effect.runPromise(Effect.all([1, 2, 3, 4, 5].map((n) => WorkerPool.run(pool, Effect.as(Effect.yieldNow, n))), { concurrency: "unbounded" }).pipe(Effect.timeout("1 second")))
  assert.deepEqual(p2, [1, 2, 3, 4, 5])
  await Effect.runPromise(Scope.close(scope, Exit.void).pipe(Effect.timeout("1 second")))
})

test("10 run returns undefined or a promise", () => run(Effect.gen(function*() {
  for (const v of [undefined, Promise.resolve(1), 3, null]) {
    const pool = yield* WorkerPool.make({ size: 1, run: (_: number) => v as any as Effect.Effect<number> })
    const h = yield* WorkerPool.submit(pool, 1)
    yield* settle
    assert.equal(h.state, "died")
    assert.equal(WorkerPool.stats(pool).idle, 1)
  }
  for (const v of [undefined, Promise.resolve(1), 3, null]) {
    const exit = yield* Effect.exit(WorkerPool.make({ size: 1, worker: () => v as any as Effect.Effect<number>, run: (_: number) => Effect.void }).pipe(Effect.timeout("1 second")))
    assert.ok(Exit.isFailure(exit) && Cause.hasDies(exit.cause), String(exit))
  }
})))

test("11 job interrupts the caller of run in its first stretch", () => run(Effect.gen(function*() {
  for (const after of [Effect.never, Effect.succeed(1)]) {
    let ended = false
    const pool = yield* make()
    let fiber: Fiber.Fiber<unknown, unknown>
    const gate = yield* Deferred.make<void>()
    fiber = yield* start(Effect.andThen(Deferred.await(gate), WorkerPool.run(pool, Effect.onExit(Effect.andThen(Effect.sync(() => fiber.interruptUnsafe()), after), () => Effect.andThen(Effect.yieldNow, Effect.sync(() => { ended = true }))))))
    yield* Deferred.succeed(gate, undefined)
    const exit = yield* Fiber.await(fiber)
    assert.ok(isInterrupted(exit), String(exit))
    assert.ok(ended)
    assert.equal(WorkerPool.stats(pool).idle, 1)
  }
})))

test("12 deadlines", () => run(Effect.gen(function*() {
  const pool = yield* make()
  for (const deadline of [-1, NaN, "soon", "-1 second", null, {}, [], [NaN, 0], -1n, -Infinity, { seconds: NaN }, "NaN millis", { seconds: -1 }, Duration.millis(-5), true, Symbol("x"), () => 1]) {
    const exit = yield* Effect.exit(WorkerPool.shutdown(pool, { deadline: deadline as any }).pipe(Effect.timeout("100 millis")))
    const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit
    console.log(typeof deadline, String(JSON.stringify(deadline, (_, v) => typeof v === "bigint" ? String(v) : v)), String(defect).slice(0, 150), WorkerPool.stats(pool).state)
  }
})))

test("13 children forked in acquire", () => run(Effect.gen(function*() {
  const log: Array<string> = []
  let n = 0
  const pool = yield* make({ worker: () => Effect.gen(function*() {
    const id = ++n
    yield* Effect.acquireRelease(Effect.void, () => Effect.sync(() => log.push(`release ${id}`)))
    yield* Effect.forkChild(Effect.onExit(Effect.never, () => Effect.sync(() => log.push(`child ${id}`))), { startImmediately: true })
  }) })
  yield* Effect.exit(WorkerPool.run(pool, Effect.die("x")))
  yield* settle
  console.log(log)
  assert.ok(log.includes("child 1"))
})))
test("14 cause empty", () => run(Effect.gen(function*() {
  const pool = yield* make()
  const h = yield* WorkerPool.submit(pool, Effect.failCause(Cause.empty) as any)
  console.log(h.state, String(yield* h.await), WorkerPool.stats(pool))
})))
test("15 restart no schedule", () => run(Effect.gen(function*() {
  for (const restart of ["x", 3, null, {}]) {
    const exit = yield* Effect.exit(make({ restart: restart as any }))
    console.log(String(exit).slice(0, 200))
  }
})))
test("16 deadline 0", () => run(Effect.gen(function*() {
  const pool = yield* make()
  yield* WorkerPool.submit(pool, Effect.never)
  yield* WorkerPool.submit(pool, Effect.never)
  const r = yield* WorkerPool.shutdown(pool, { deadline: 0 })
  assert.equal(r.aborted.length, 1)
})))
