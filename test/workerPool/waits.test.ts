/** Jobs of a `WorkerPool` that wait for their own pool: what would never end dies, and nothing else does (P9). */
import { Cause, Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { describe, test } from "vitest"
import { expectPending, settle, squash, start } from "../support/effect.js"
import { balanced, type Handle, type Job, make as makePool, type Options, verdictOf } from "../support/workerPool.js"

const make = (options: Options = {}) => makePool({ name: "mail", ...options })

/** The pool's end is not waited for where the test has failed, since it might not come. */
const run = async <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<void> => {
  const scope = Scope.makeUnsafe()
  await Effect.runPromise(Scope.provide(effect, scope).pipe(Effect.provide(TestClock.layer())))
  await Effect.runPromise(Scope.close(scope, Exit.void))
}

/** What a job does with its own pool; its errors are none of ours. */
const asks = (operation: () => Effect.Effect<unknown, unknown>): Job => Effect.exit(Effect.suspend(operation))

const moments = [["in its first stretch", Effect.void], ["later", Effect.yieldNow]] as const

/** The verdict on a job, if there was one: also where `asks` has caught it. */
const verdictOn = (exit: Exit.Exit<unknown, unknown>) =>
  verdictOf(Exit.isSuccess(exit) && Exit.isExit(exit.value) ? exit.value : exit)

describe.each(moments)("a job of the only worker, %s,", (_, before) => {
  test.each(["run", "submit", "await", "shutdown"] as const)(
    "that waits with %s",
    (kind) =>
      run(Effect.gen(function*() {
        const pool = yield* make({ queue: { capacity: 1 } })
        const queue = (job: Job = Effect.void) => WorkerPool.submit(pool, job)
        const operations = {
          run: () => WorkerPool.run(pool, Effect.void),
          submit: () => Effect.andThen(queue(), queue()),
          await: () => Effect.flatMap(queue(), (handle) => handle.await),
          shutdown: () => Effect.andThen(queue(), WorkerPool.shutdown(pool))
        }
        const exit = yield* Effect.exit(WorkerPool.run(pool, Effect.andThen(before, asks(operations[kind]))))
        const verdict = verdictOn(exit)
        assert.ok(verdict !== undefined)
        const { itself, job, operation, pool: name, size, worker } = verdict
        assert.deepEqual([operation, name, worker, job, size, itself], [kind, "mail", "mail/worker-1", 1, 1, false])
        for (
          const part of [
            `WorkerPool.${kind}: deadlock: job 1 on mail/worker-1`,
            "cannot end",
            "another pool or a Group"
          ]
        ) {
          assert.ok(verdict.message.includes(part), verdict.message)
        }
        // The verdict has changed nothing: the pool goes on.
        yield* settle
        assert.equal(WorkerPool.stats(pool).state, "running")
        assert.equal(yield* WorkerPool.run(pool, Effect.succeed(1)), 1)
        balanced(pool)
      }))
  )

  test("that awaits itself", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make()
      yield* WorkerPool.submit(pool, Deferred.await(gate))
      const handles: Array<Handle> = []
      handles.push(yield* WorkerPool.submit(pool, Effect.andThen(before, asks(() => handles[0]!.await))))
      yield* Deferred.succeed(gate, undefined)
      assert.equal(verdictOn(yield* handles[0]!.await)?.itself, true)
    })))

  test("that does not wait: trySubmit, submit with room, await of what has ended, shutdown of an empty queue", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ queue: { capacity: 1 } })
      const ended = yield* WorkerPool.submit(pool, Effect.succeed("early"))
      const job = Effect.gen(function*() {
        yield* before
        assert.deepEqual(yield* ended.await, Exit.succeed("early"))
        assert.equal((yield* WorkerPool.submit(pool, Effect.void)).state, "queued")
        return yield* Effect.flip(WorkerPool.trySubmit(pool, Effect.void))
      })
      assert.ok((yield* WorkerPool.run(pool, Effect.orDie(job))) instanceof WorkerPool.QueueFull)
      yield* settle
      const report = yield* WorkerPool.run(
        pool,
        Effect.andThen(before, Effect.suspend(() => WorkerPool.shutdown(pool)))
      )
      assert.equal((report as WorkerPool.ShutdownReport<Job>).counts.running, 1)
    })))
})

describe("chains and circles", () => {
  test.each([2, 3, 10])(
    "of %i jobs that wait for an inner one, the last dies, and the others get theirs",
    (size) =>
      run(Effect.gen(function*() {
        const pool = yield* make({ size, queue: { capacity: "unbounded" } })
        const outer = Effect.andThen(Effect.yieldNow, asks(() => WorkerPool.run(pool, Effect.succeed("inner"))))
        const handles = yield* Effect.forEach(Array.from({ length: size }), () => WorkerPool.submit(pool, outer))
        const exits = yield* Effect.forEach(handles, (handle) => handle.await)
        assert.deepEqual(exits.map((exit) => verdictOn(exit) !== undefined), handles.map(({ id }) => id === size))
        balanced(pool)
      }))
  )

  test.each([2, 3])(
    "a chain of jobs on %i workers, each of which runs the next, dies where it is too long",
    (size) =>
      run(Effect.gen(function*() {
        const pool = yield* make({ size })
        const deep = (n: number): Job =>
          Effect.suspend(() => n === 0 ? Effect.succeed(0) : Effect.mapError(WorkerPool.run(pool, deep(n - 1)), String))
        assert.equal(yield* WorkerPool.run(pool, deep(size - 1)), 0)
        const verdict = squash(yield* Effect.exit(WorkerPool.run(pool, deep(size))))
        assert.ok(verdict instanceof WorkerPool.PoolDeadlock)
        assert.deepEqual([verdict.job, verdict.size], [2 * size, size])
        yield* settle
        assert.equal(WorkerPool.stats(pool).idle, size)
      }))
  )

  test.each([2, 3, 5])(
    "a circle of %i jobs that await one another is found, though a worker is free",
    (length) =>
      run(Effect.gen(function*() {
        const pool = yield* make({ size: length + 1 })
        const gate = yield* Deferred.make<void>()
        const handles: Array<Handle> = []
        for (let n = 0; n < length; n++) {
          const job = Effect.andThen(Deferred.await(gate), asks(() => handles[(n + 1) % length]!.await))
          handles.push(yield* WorkerPool.submit(pool, job))
        }
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        const exits = yield* Effect.forEach(handles, (handle) => handle.await)
        assert.deepEqual(
          exits.map((exit) => verdictOn(exit)?.itself),
          handles.map(({ id }) => id === length ? true : undefined)
        )
      }))
  )

  test.each([[2, "awaits first"], [3, "awaits first"], [2, "shuts down first"], [3, "shuts down first"]] as const)(
    "of %i workers' jobs, one shuts down and so waits for the other, which awaits it: who %s goes on",
    (size, order) =>
      run(Effect.gen(function*() {
        const pool = yield* make({ size })
        const gate = yield* Deferred.make<void>()
        const before = (first: boolean) => first ? Effect.yieldNow : Deferred.await(gate)
        const awaits = order === "awaits first"
        const ends = yield* WorkerPool.submit(
          pool,
          Effect.andThen(before(!awaits), asks(() => WorkerPool.shutdown(pool)))
        )
        const waits = yield* WorkerPool.submit(pool, Effect.andThen(before(awaits), asks(() => ends.await)))
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        assert.ok(ends.state !== "running" || waits.state !== "running", "both wait forever")
        const verdicts = [verdictOn(yield* ends.await), verdictOn(yield* waits.await)]
        assert.deepEqual(
          verdicts.map((verdict) => verdict?.operation),
          awaits ? ["shutdown", undefined] : [undefined, "await"]
        )
      }))
  )

  test("two jobs that both shut down their pool do not wait for each other", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 3 })
      const ends = Effect.andThen(Effect.yieldNow, asks(() => WorkerPool.shutdown(pool)))
      const handles = [yield* WorkerPool.submit(pool, ends), yield* WorkerPool.submit(pool, ends)]
      for (const handle of handles) assert.equal(verdictOn(yield* handle.await), undefined)
      yield* settle
      assert.equal(WorkerPool.stats(pool).state, "stopped")
    })))
})

describe("no false verdict", () => {
  test("in a child, which a timeout ends", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      const inner = asks(() => WorkerPool.run(pool, Effect.void))
      const outer = yield* start(WorkerPool.run(pool, Effect.timeoutOption(inner, "1 second")))
      yield* TestClock.adjust("1 second")
      assert.equal((yield* Fiber.await(outer))._tag, "Success")
      balanced(pool)
    })))

  test("with a worker that is free, or whose resource is being replaced", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let acquired = 0
      const pool = yield* make({
        size: 2,
        worker: () => Effect.suspend(() => ++acquired > 2 ? Deferred.await(gate) : Effect.void)
      })
      const outer = asks(() => WorkerPool.run(pool, Effect.succeed("inner")))
      assert.deepEqual(yield* WorkerPool.run(pool, outer), Exit.succeed("inner"))
      yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
      const waiting = yield* start(WorkerPool.run(pool, outer))
      yield* settle
      assert.equal(WorkerPool.stats(pool).idle, 0)
      yield* Deferred.succeed(gate, undefined)
      assert.deepEqual(yield* Fiber.join(waiting), Exit.succeed("inner"))
    })))

  test("while another job is not waiting for the pool, also if it is for something else", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({ size: 2 })
      yield* WorkerPool.submit(pool, Deferred.await(gate))
      const waiting = yield* start(WorkerPool.run(pool, asks(() => WorkerPool.run(pool, Effect.succeed("inner")))))
      yield* settle
      expectPending(waiting)
      yield* Deferred.succeed(gate, undefined)
      assert.deepEqual(yield* Fiber.join(waiting), Exit.succeed("inner"))
    })))

  test("after others have waited, and were interrupted, cancelled or served", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({ size: 3, queue: { capacity: 1 } })
      const target = yield* WorkerPool.submit(pool, Deferred.await(gate))
      const submits = asks(() =>
        Effect.andThen(WorkerPool.submit(pool, Effect.void), WorkerPool.submit(pool, Effect.void))
      )
      for (let n = 0; n < 5; n++) {
        const awaiting = yield* WorkerPool.submit(pool, Effect.andThen(Effect.yieldNow, asks(() => target.await)))
        const blocked = yield* start(WorkerPool.run(pool, Effect.andThen(Effect.yieldNow, submits)))
        yield* settle
        assert.equal(WorkerPool.stats(pool).waiting, 1)
        assert.equal(yield* awaiting.cancel, true)
        yield* Fiber.interrupt(blocked)
        yield* settle
      }
      const ends = yield* Effect.forEach([1, 2], () =>
        WorkerPool.submit(pool, Effect.andThen(Effect.yieldNow, asks(() => target.await))))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      for (const handle of ends) {
        assert.equal(verdictOn(yield* handle.await), undefined)
      }
      // Two of three wait, and the third serves them.
      const outer = asks(() =>
        WorkerPool.run(pool, Effect.as(Effect.yieldNow, "inner"))
      )
      const outers = [yield* WorkerPool.submit(pool, outer), yield* WorkerPool.submit(pool, outer)]
      for (const handle of outers) assert.deepEqual(yield* Effect.flatten(handle.await), Exit.succeed("inner"))
      balanced(pool)
    })))

  test("after the job before on a worker was cancelled while it waited for room", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2, queue: { capacity: 0 } })
      const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const other = yield* WorkerPool.submit(pool, Deferred.await(first))
      const blocked = yield* WorkerPool.submit(pool, asks(() => WorkerPool.submit(pool, Effect.void)))
      assert.equal(WorkerPool.stats(pool).waiting, 1)
      assert.equal(yield* blocked.cancel, true)
      yield* WorkerPool.submit(pool, Deferred.await(second))
      yield* Deferred.succeed(first, undefined)
      yield* other.await
      const asking = yield* WorkerPool.submit(pool, asks(() => WorkerPool.run(pool, Effect.succeed("inner"))))
      yield* settle
      yield* Deferred.succeed(second, undefined)
      assert.deepEqual(yield* Effect.flatten(asking.await), Exit.succeed("inner"))
    })))

  test("while a drain has a deadline", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({ queue: { capacity: 2 } })
      const handles: Array<Handle> = []
      handles.push(yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), asks(() => handles[1]!.await))))
      handles.push(yield* WorkerPool.submit(pool, Effect.void))
      const ending = yield* start(WorkerPool.shutdown(pool, { deadline: "1 second" }))
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.equal(handles[0]!.state, "running")
      yield* TestClock.adjust("1 second")
      assert.equal((yield* Fiber.join(ending)).returned.length, 1)
      assert.equal(verdictOn(yield* handles[0]!.await), undefined)
    })))

  test.each(["dropping", "sliding"] as const)(
    "where the job would be dropped at once, by %s",
    (strategy) =>
      run(Effect.gen(function*() {
        const pool = yield* make({ queue: { capacity: 0, strategy } })
        const exit = yield* Effect.exit(WorkerPool.run(pool, asks(() => WorkerPool.run(pool, Effect.void))))
        assert.equal(verdictOn(exit), undefined)
        const error = Exit.isSuccess(exit) ? squash(exit.value as Exit.Exit<unknown>) : undefined
        assert.ok(error instanceof WorkerPool.JobLost && error.reason === "dropped")
      }))
  )

  test("where the job would push out the one that another waits for", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* make({ size: 2, queue: { capacity: 1, strategy: "sliding" } })
      const first = asks(() => Effect.flatMap(WorkerPool.submit(pool, Effect.succeed("old")), (handle) => handle.await))
      yield* WorkerPool.submit(pool, Effect.andThen(Effect.yieldNow, first))
      const second = asks(() => WorkerPool.run(pool, Effect.succeed("new")))
      const handle = yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), second))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.deepEqual(yield* Effect.flatten(handle.await), Exit.succeed("new"))
    })))

  test.each(["run", "submit"] as const)(
    "for a shutdown that turns away the other, which waits for room in %s",
    (kind) =>
      run(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* make({ size: 2, queue: { capacity: 1 } })
        const ends = yield* WorkerPool.submit(
          pool,
          Effect.andThen(Deferred.await(gate), asks(() => WorkerPool.shutdown(pool)))
        )
        const blocks = asks(() =>
          kind === "run" ? WorkerPool.run(pool, Effect.void) : WorkerPool.submit(pool, Effect.void)
        )
        const blocked = yield* WorkerPool.submit(pool, Effect.andThen(Effect.yieldNow, blocks))
        yield* WorkerPool.submit(pool, Effect.void)
        yield* settle
        assert.equal(WorkerPool.stats(pool).waiting, 1)
        yield* Deferred.succeed(gate, undefined)
        assert.equal(verdictOn(yield* ends.await), undefined)
        const exit = yield* Effect.flatten(blocked.await)
        assert.ok(Exit.isExit(exit) && squash(exit) instanceof WorkerPool.PoolClosed)
      }))
  )

  test("between two pools: each sees only its own jobs", () =>
    run(Effect.gen(function*() {
      const outer = yield* make({ name: "outer" })
      const inner = yield* make({ name: "inner" })
      const job = asks(() => WorkerPool.run(inner, asks(() => WorkerPool.submit(outer, Effect.succeed("queued")))))
      const exit = yield* WorkerPool.run(outer, job)
      assert.equal(verdictOn(exit as Exit.Exit<unknown>), undefined)
      yield* settle
      assert.equal(WorkerPool.stats(outer).succeeded, 2)
    })))

  test("of a pool that a job has made for itself, and in whose jobs its own is not known", () =>
    run(Effect.gen(function*() {
      const outer = yield* make({ name: "outer" })
      const job = Effect.scoped(Effect.gen(function*() {
        const inner = yield* make({ name: "inner" })
        return yield* Effect.exit(WorkerPool.run(inner, asks(() => WorkerPool.run(inner, Effect.void))))
      }))
      const verdict = verdictOn((yield* WorkerPool.run(outer, job)) as Exit.Exit<unknown>)
      assert.equal(verdict?.worker, "inner/worker-1")
    })))

  test("for a cancel: what it waits for has been interrupted", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const victim = yield* WorkerPool.submit(pool, Effect.onExit(Effect.never, () => Effect.yieldNow))
      assert.deepEqual(yield* WorkerPool.run(pool, asks(() => victim.cancel)), Exit.succeed(true))
      const verdicts = Cause.isCause(squash(yield* victim.await))
      assert.equal(verdicts, false)
    })))
})
