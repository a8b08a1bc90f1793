/**
 * Pools that are ended by what they would have to wait for: a job, what it has forked, or the release of a resource.
 */
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { run, settle, squash } from "../support/effect.js"
import { holdsWithin } from "../support/property.js"

type Pool = WorkerPool.WorkerPool<Effect.Effect<unknown>, unknown>
type End = (pool: Pool, scope: Scope.Closeable) => Effect.Effect<unknown>

const ends: Record<string, End> = {
  shutdown: (pool) => WorkerPool.shutdown(pool),
  "shutdown with a deadline": (pool) => WorkerPool.shutdown(pool, { deadline: "1 second" }),
  shutdownNow: (pool) => WorkerPool.shutdownNow(pool),
  "the close of its scope": (_, scope) => Scope.close(scope, Exit.void)
}

describe.each(Object.entries(ends))("%s", (_, end) => {
  const made = (size: number) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const log: Array<string> = []
      let pool: Pool | undefined = undefined
      const ended = Effect.suspend(() => Effect.andThen(end(pool!, scope), Effect.sync(() => log.push("ended"))))
      let first = true
      pool = yield* WorkerPool.make({
        size,
        worker: ({ id }) =>
          Effect.acquireRelease(Effect.succeed(id), () => {
            const mine = id === 1 && first
            if (mine) first = false
            return Effect.andThen(mine ? ended : Effect.void, Effect.sync(() => log.push(`released ${id}`)))
          }),
        run: (job: Effect.Effect<unknown>, { invalidate }) => Effect.andThen(job, invalidate)
      }).pipe(Scope.provide(scope))
      return { pool, scope, log, ended }
    })

  test.each([1, 2])("by the release of a resource, of %i", (size) =>
    run(Effect.gen(function*() {
      const { log, pool } = yield* made(size)
      yield* WorkerPool.submit(pool, Effect.void)
      yield* settle
      expect(log).toContain("ended")
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "stopped", running: 0, idle: 0 })
      expect(log.filter((line) => line.startsWith("released")).length).toBe(size)
    })))

  test("by a child of a job, which the job awaits", () =>
    run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const pool: Pool = yield* WorkerPool.make({
        size: 2,
        run: (job: Effect.Effect<unknown>) => job
      }).pipe(Scope.provide(scope))
      const child = Effect.uninterruptible(end(pool, scope))
      yield* WorkerPool.submit(pool, Effect.uninterruptible(Effect.flatMap(Effect.forkChild(child), Fiber.await)))
      yield* settle
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "stopped", running: 0 })
    })))
})

test("a release that would wait for jobs which only its own worker could run dies, and the pool goes on", () =>
  run(Effect.gen(function*() {
    let pool: Pool | undefined = undefined
    let exit: Exit.Exit<unknown> | undefined = undefined
    const gate = yield* Deferred.make<void>()
    pool = yield* WorkerPool.make({
      size: 1,
      worker: () =>
        Effect.acquireRelease(Effect.void, () =>
          exit !== undefined ? Effect.void : Effect.map(
            Effect.exit(Effect.suspend(() => WorkerPool.shutdown(pool!))),
            (ended) => (exit = ended)
          )),
      run: (job: Effect.Effect<unknown>, { invalidate }) => Effect.andThen(invalidate, job)
    })
    yield* WorkerPool.submit(pool, Deferred.await(gate))
    const second = yield* WorkerPool.submit(pool, Effect.void)
    yield* Deferred.succeed(gate, undefined)
    yield* second.await
    expect(second.state).toBe("succeeded")
    expect(squash(exit!)).toBeInstanceOf(WorkerPool.PoolDeadlock)
    expect(String(squash(exit!))).toContain("deadlock: the resource of pool/worker-1 waits for jobs")
  })))

test("a drain by a child of a job waits for the jobs of other workers, and not for its own", () =>
  run(Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({ size: 2, run: (job: Effect.Effect<unknown>) => job })
    const other = yield* WorkerPool.submit(pool, Deferred.await(gate))
    let drained = false
    const drain = Effect.map(Effect.suspend(() => WorkerPool.shutdown(pool)), () => (drained = true))
    yield* WorkerPool.submit(pool, Effect.flatMap(Effect.forkChild(drain), Fiber.join))
    yield* settle
    expect([drained, other.state]).toEqual([false, "running"])
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect([drained, other.state, WorkerPool.stats(pool).state]).toEqual([true, "succeeded", "stopped"])
  })))

describe("over every schedule with an interrupt at any operation", () => {
  const scenarios: Record<string, Scenario> = Object.fromEntries(
    Object.entries(ends).map(([name, end]) => [
      name,
      scenario((t) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          let pool: Pool | undefined = undefined
          let first = true
          pool = yield* WorkerPool.make({
            size: 1,
            worker: () =>
              Effect.acquireRelease(Effect.void, () => {
                if (!first) return Effect.void
                first = false
                return Effect.ignoreCause(Effect.suspend(() => end(pool!, scope)))
              }),
            run: (job: Effect.Effect<unknown>, { invalidate }) => Effect.andThen(invalidate, job)
          }).pipe(Scope.provide(scope))
          yield* t.actor("one", Effect.exit(WorkerPool.run(pool, Effect.yieldNow)))
          yield* t.actor("other", Effect.exit(Effect.suspend(() => end(pool, scope))))
          yield* t.settled
          yield* Scope.close(scope, Exit.void)
          yield* t.expect(WorkerPool.stats(pool).state === "stopped", "has not stopped")
        })
      )
    ])
  )
  test.each(Object.entries(scenarios))("%s", (_, self) => {
    holdsWithin(self, { preemptions: 0, cancels: 1 })
  })
})
