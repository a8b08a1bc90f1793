// The built package at its main job: a limit, a budget, a failure, a cancellation.
import { Effect, Exit, Fiber } from "effect"
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { Group, Semaphore, WorkerPool } from "sluice"
import * as GroupEntry from "sluice/Group"
import { Inspect } from "sluice/inspect"
import * as SemaphoreEntry from "sluice/Semaphore"
import { ThreadPool } from "sluice/threads"
import * as WorkerPoolEntry from "sluice/WorkerPool"

const { bun, deno, node } = process.versions
const runtime = bun !== undefined ? `Bun ${bun}` : deno !== undefined ? `Deno ${deno}` : `Node ${node}`

assert.equal(GroupEntry.go, Group.go)
assert.equal(SemaphoreEntry.make, Semaphore.make)
assert.equal(WorkerPoolEntry.run, WorkerPool.run)
// As Node says it, and as Bun and Deno do.
const isNotExported = ({ code }) => code === "ERR_PACKAGE_PATH_NOT_EXPORTED" || code === "ERR_MODULE_NOT_FOUND"
await assert.rejects(import("sluice/internal/workerPool/Pool"), isNotExported)
await assert.rejects(import("sluice/internal/WaitQueue"), isNotExported)

const semaphore = Semaphore.makeUnsafe(10)
let done = 0
const work = Group.scoped({ limit: 4 }, (group) =>
  Effect.gen(function*() {
    for (let i = 0; i < 10_000; i++) {
      const job = Effect.andThen(Effect.yieldNow, Effect.sync(() => done++))
      yield* Group.go(group, job.pipe(Semaphore.withPermits(semaphore, i % 10)))
    }
  }))
await Effect.runPromise(work)
assert.equal(done, 10_000)

// Bun and Deno have no inspector: there a dump has the resources that were made while somebody watched, and no line.
const watched = Effect.gen(function*() {
  const db = yield* Semaphore.make(2, { name: "db" })
  return Inspect.toText(yield* Semaphore.withPermit(db, Inspect.dump))
})
assert.match(
  await Effect.runPromise(Effect.provide(watched, Inspect.layer())),
  /semaphore db: 1 of 2 permits taken\n +held by fiber \d+/
)

const failing = Group.scoped(
  {},
  (group) => Effect.andThen(Group.go(group, Effect.never), Group.go(group, Effect.fail("first")))
)
assert.deepEqual(await Effect.runPromise(Effect.exit(failing)), Exit.fail("first"))

const first = Effect.gen(function*() {
  yield* Group.go(Effect.never)
  yield* Group.go(Effect.andThen(Effect.yieldNow, Group.finish("early")).pipe(Semaphore.withAll([[semaphore, 10]])))
  return yield* Effect.never
}).pipe(Group.scoped({ limit: 2 }))
assert.equal(await Effect.runPromise(first), "early")

class Squares
  extends WorkerPool.Service()("Squares", { size: 2, run: (n) => Effect.succeed(n * n), drain: "1 second" })
{}
assert.equal(await Effect.runPromise(Effect.provide(Squares.run(4), Squares.layer)), 16)
const answer = Effect.provide(Squares.tryRun(4), Squares.layer).pipe(WorkerPool.catchRunError(() => Effect.succeed(0)))
assert.equal(await Effect.runPromise(answer), 16)

const waiting = Effect.runFork(
  Semaphore.withPermits(semaphore, 10, Group.scoped({}, (group) => Group.go(group, Effect.never)))
)
await Effect.runPromise(Fiber.interrupt(waiting))
assert.deepEqual(Semaphore.stats(semaphore), { capacity: 10, held: 0, available: 10, waiting: 0 })

let open = 0
const pooled = Effect.gen(function*() {
  const pool = yield* WorkerPool.make({
    size: 4,
    worker: () => Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)),
    run: (n) => n % 100 === 0 ? Effect.die("poison") : Effect.yieldNow
  })
  for (let n = 1; n <= 10_000; n++) yield* WorkerPool.submit(pool, n)
  return yield* WorkerPool.shutdown(pool)
})
const { counts } = await Effect.runPromise(Effect.scoped(pooled))
assert.deepEqual([counts.submitted, counts.succeeded, counts.died, open], [10_000, 9_900, 100, 0])

// fast-check is not installed here: nothing but its arbitraries needs it.
const { check, explore, schedule, scenario } = await import("sluice/testing")
const counting = (increment) =>
  scenario((t) =>
    Effect.gen(function*() {
      const counter = { n: 0 }
      yield* t.actor("a", increment(counter), { cancel: false })
      yield* t.actor("b", increment(counter), { cancel: false })
      yield* t.settled
      yield* t.expect(counter.n === 2, "an update was lost")
    })
  )
const inOne = (counter) => Effect.sync(() => counter.n++)
const inTwo = (counter) => Effect.flatMap(Effect.sync(() => counter.n), (n) => Effect.sync(() => (counter.n = n + 1)))
assert.equal(check(counting(inOne), { strategy: { exhaustive: { preemptions: 2, cancels: 0 } } }).exhausted, true)
const place = runtime.startsWith("Node") ? "smoke\\.js:\\d+ {2}const inTwo" : "a place without a source"
assert.throws(() => check(counting(inTwo)), new RegExp(`an update was lost[^]*a +preempted before ${place}`))
assert.equal(explore(counting(inTwo)).toSvg().startsWith("<svg"), true)
assert.throws(() => schedule(), /npm install --save-dev fast-check/)

const { version } = JSON.parse(readFileSync(new URL("node_modules/effect/package.json", import.meta.url), "utf8"))
const threads = Effect.scoped(Effect.gen(function*() {
  const pool = yield* ThreadPool.make({
    module: new URL("./jobs.js", import.meta.url),
    size: 2,
    prefetch: 1,
    grace: 10
  })
  assert.equal(yield* pool.run.add(1), 2)
  assert.deepEqual(yield* Effect.flip(pool.run.fail()), { _tag: "Planned" })
  assert.equal((yield* Effect.timeoutOption(pool.run.forever(), 10))._tag, "None")
  assert.equal(yield* pool.run.add(2), 3)
}))
await Effect.runPromise(threads)

// Effect 4.0 has no services for Redis and SQL under these names.
if (!version.startsWith("4.0.")) {
  const { Limit, LimitStore } = await import("sluice/durable")
  const fleet = Limit.make("fleet", { permits: 2 })
  const calls = Effect.all([1, 2, 3].map((n) => Limit.withPermit(fleet, ({ token }) => Effect.succeed([n, token]))))
  assert.deepEqual(await Effect.runPromise(Effect.provide(calls, LimitStore.layerMemory)), [[1, 1], [2, 2], [3, 3]])
}

console.log(`works on ${runtime} with effect ${version}`)
