/** A pool's ends, waits and accounts where several things happen in the same turn, or at an unusual moment. */
import { Deferred, Effect, Fiber, Schedule } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { type Kit, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import * as stack from "../../src/internal/stack.js"
import { after, expectEnded, expectPending, run, runTimed, settle, start, turns } from "../support/effect.js"
import { holdsWithin } from "../support/property.js"
import { balanced, type Handle, type Job, make, type Pool } from "../support/workerPool.js"

/** Runs an effect in a fiber of its own, so many levels deep on the stack. */
const deep = (levels: number, effect: Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const go = (left: number): void => left > 0 ? stack.run(fiber, () => go(left - 1)) : void Effect.runFork(effect)
    go(levels)
    return Effect.void
  })

/** The first acquisition succeeds, and no other one ever ends. */
const once = () => {
  let acquired = 0
  return () => Effect.suspend(() => ++acquired > 1 ? Effect.never : Effect.void)
}

describe("a drain is over when the last job that waits leaves, and no worker is there", () => {
  const leaves: Record<string, (pool: Pool) => Effect.Effect<Effect.Effect<unknown>, WorkerPool.PoolClosed>> = {
    "it expires": (pool) => Effect.as(WorkerPool.submit(pool, Effect.void), after(1_000)),
    "its handle cancels it": (pool) => Effect.map(WorkerPool.submit(pool, Effect.void), ({ cancel }) => cancel),
    "its caller is interrupted": (pool) => Effect.map(start(WorkerPool.run(pool, Effect.void)), Fiber.interrupt)
  }
  test.each(Object.entries(leaves))("%s", (_, leave) =>
    runTimed(Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<Job, unknown, string | WorkerPool.JobTimeout> = yield* WorkerPool.make({
        size: 1,
        deadlines: { wait: "1 second" },
        worker: once(),
        run: (job: Job) => job
      })
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      yield* settle
      const leaving = yield* leave(pool as Pool)
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* settle
      expectPending(ending)
      yield* leaving
      yield* settle
      expectEnded(ending)
      balanced(pool)
    })))

  test("the job is cancelled between two attempts", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ retry: { schedule: Schedule.spaced("1 hour") } })
      const handle = yield* WorkerPool.submit(pool, Effect.fail("planned"))
      yield* settle
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* settle
      expect(handle.state).toBe("retrying")
      expectPending(ending)
      yield* handle.cancel
      yield* settle
      expectEnded(ending)
    })))
})

describe("a job that the pool interrupts as it stops", () => {
  const stubborn = Effect.uninterruptible(Effect.catchCause(Effect.interruptible(Effect.never), () => Effect.fail("f")))
  test.each(
    [
      ["is interrupted", Effect.never, "interrupted", 1],
      ["dies of its finalizer", Effect.onExit(Effect.never, () => Effect.die("planned")), "died", 0],
      ["fails on its way out", stubborn, "failed", 0]
    ] as const
  )("is among the aborted only if it is interrupted: it %s", (_, job, outcome, count) =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      yield* WorkerPool.submit(pool, job)
      const { aborted, counts } = yield* WorkerPool.shutdownNow(pool)
      expect([aborted.length, counts[outcome]]).toEqual([count, 1])
      balanced(pool)
    })))

  test("is not among the aborted where its handle had cancelled it before", () =>
    run(Effect.gen(function*() {
      const pool = yield* make()
      const handle = yield* WorkerPool.submit(pool, Effect.onExit(Effect.never, () => turns(3)))
      yield* start(handle.cancel)
      const { aborted, counts } = yield* WorkerPool.shutdownNow(pool)
      expect([aborted.length, counts.interrupted]).toEqual([0, 1])
    })))
})

describe("a job between two attempts has no other one, however deep it is ended, and at whichever moment", () => {
  const moments = [0, 1, 2, 3, 4].flatMap((n) => [0, 31, 32].map((levels) => [n, levels] as const))

  test.each(moments)(
    "cancelled %i turns after it has failed, %i levels deep",
    (n, levels) =>
      run(Effect.gen(function*() {
        for (
          const options of [{ retry: { times: 0, poison: { kills: 2 } } }, { retry: { schedule: Schedule.recurs(1) } }]
        ) {
          let attempts = 0
          const fails = Effect.suspend(() => (attempts++, "poison" in options ? Effect.die("p") : Effect.fail("f")))
          const pool = yield* make(options)
          const handle = yield* WorkerPool.submit(pool, fails)
          yield* turns(n)
          // Its last attempt has an end of its own.
          if (handle.state !== "retrying" || attempts > 1) continue
          yield* deep(levels, handle.cancel)
          yield* settle
          expect([attempts, handle.state]).toEqual([1, "interrupted"])
          balanced(pool)
        }
      }))
  )

  test.each(moments)(
    "its pool stops %i turns after it has failed, %i levels deep",
    (n, levels) =>
      run(Effect.gen(function*() {
        for (
          const options of [{ retry: { times: 0, poison: { kills: 2 } } }, { retry: { schedule: Schedule.recurs(1) } }]
        ) {
          let attempts = 0
          const died = "poison" in options
          const fails = Effect.suspend(() => (attempts++, died ? Effect.die("p") : Effect.fail("f")))
          const pool = yield* make(options)
          const handle = yield* WorkerPool.submit(pool, fails)
          yield* turns(n)
          const before = attempts
          yield* deep(levels, WorkerPool.shutdownNow(pool))
          yield* settle
          expect([attempts, handle.state, WorkerPool.stats(pool).state]).toEqual([
            before,
            died ? "died" : "failed",
            "stopped"
          ])
          balanced(pool)
        }
      }))
  )
})

describe("a caller of submit goes on when its job has been let in", () => {
  /** One step on a pool of two workers, whose queue holds two. */
  interface Step {
    readonly kind: "submit" | "succeed" | "fail" | "cancel" | "interrupt" | "resize"
    readonly n: number
  }
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom("submit", "submit", "submit", "succeed", "fail", "cancel", "cancel", "interrupt", "resize"),
    n: fc.nat(5)
  })

  test("over any sequence of submits, ends, cancels and interrupts, several to a turn", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 8 }), (rounds) =>
        run(Effect.gen(function*() {
          const pool = yield* make({ size: 2, queue: { capacity: 2 } })
          const handles: Array<Handle> = []
          const gates: Array<Deferred.Deferred<void, string>> = []
          const callers: Array<Fiber.Fiber<Handle, unknown>> = []
          const pick = <T>(all: ReadonlyArray<T>, n: number) =>
            all[n % Math.max(1, all.length)]
          const waiting = () => callers.filter((caller) => caller.pollUnsafe() === undefined)
          for (const round of rounds) {
            for (const { kind, n } of round) {
              const open = gates.filter((gate) => !Deferred.isDoneUnsafe(gate))
              const gate = pick(open, n)
              if (kind === "submit") {
                const own = yield* Deferred.make<void, string>()
                gates.push(own)
                const submit = Effect.tap(
                  WorkerPool.submit(pool, Deferred.await(own)),
                  (handle) => Effect.sync(() => handles.push(handle))
                )
                callers.push(yield* start(submit))
              } else if (kind === "succeed" && gate !== undefined) yield* Deferred.succeed(gate, undefined)
              else if (kind === "fail" && gate !== undefined) yield* Deferred.fail(gate, "planned")
              else if (kind === "resize") yield* WorkerPool.resize(pool, 1 + n % 3)
              else if (kind === "interrupt") pick(waiting(), n)?.interruptUnsafe()
              else if (kind === "cancel") {
                yield* start(pick(handles.filter(({ state }) => state === "queued"), n)?.cancel ?? Effect.void)
              }
            }
            yield* settle
            expect(WorkerPool.stats(pool).waiting).toBe(waiting().length)
            balanced(pool)
          }
        }))),
      { numRuns: 150 }
    ))

  test.each(["succeed", "fail"] as const)(
    "each time, while the queue stays full: the jobs %s one after the other",
    (end) =>
      run(Effect.gen(function*() {
        const pool = yield* make({ queue: { capacity: 2 } })
        const gates = yield* Effect.forEach(Array.from({ length: 8 }), () => Deferred.make<void, string>())
        const order: Array<number> = []
        for (const [n, gate] of gates.entries()) {
          yield* start(Effect.map(WorkerPool.submit(pool, Deferred.await(gate)), () => order.push(n)))
        }
        expect(order).toEqual([0, 1, 2])
        for (const [n, gate] of gates.entries()) {
          yield* end === "succeed" ? Deferred.succeed(gate, undefined) : Deferred.fail(gate, "planned")
          yield* settle
          expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7].slice(0, 4 + n))
        }
      }))
  )
})

describe("a fiber that is resumed interrupts another one that is resumed with it", () => {
  const three = (t: Kit, waits: ReadonlyArray<Effect.Effect<unknown, unknown>>): Effect.Effect<void> =>
    Effect.gen(function*() {
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const [n, wait] of waits.entries()) {
        const known = Effect.withFiber((fiber) => {
          fibers[n] = fiber
          return Effect.andThen(wait, Effect.sync(() => n === 1 && fibers[0]?.interruptUnsafe()))
        })
        yield* t.actor(String.fromCharCode(97 + n), known, { cancel: false, mayDie: true })
      }
      yield* t.settled
    })

  const cases: Record<string, (pool: Pool, handle: Handle) => ReadonlyArray<Effect.Effect<unknown, unknown>>> = {
    "fibers that await a job": (_, { await: await_ }) => [await_, await_, await_],
    "fibers that shut the pool down": (pool) => [1, 2, 3].map(() => WorkerPool.shutdown(pool)),
    "fibers that stop the pool": (pool) => [1, 2, 3].map(() => WorkerPool.shutdownNow(pool)),
    "fibers whose jobs are let in": (pool) => [1, 2, 3].map(() => WorkerPool.submit(pool, Effect.void))
  }
  test.each(Object.entries(cases))("%s, over every schedule with a preemption", (_, waits) => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const pool = yield* make({ queue: { capacity: 1 } })
        const handle = yield* WorkerPool.submit(pool, turns(2))
        yield* three(t, waits(pool, handle))
        balanced(pool)
      })
    )
    holdsWithin(self, { preemptions: 1, cancels: 0 })
  })

  test("both are jobs that shut the pool down", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        const pool = yield* make({ size: 4 })
        yield* WorkerPool.submit(pool, turns(3))
        const jobs = [1, 2, 3].map(() => WorkerPool.run(pool, Effect.suspend(() => WorkerPool.shutdown(pool))))
        yield* three(t, jobs)
        balanced(pool)
      })
    )
    holdsWithin(self, { preemptions: 1, cancels: 0 })
  })

  test("a job that shuts the pool down again after it has interrupted another one that did goes on", () =>
    run(Effect.gen(function*() {
      const [gate, last] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const pool = yield* make({ size: 3 })
      let other: Fiber.Fiber<unknown, unknown> | undefined
      const shutdown = Effect.suspend(() => WorkerPool.shutdown(pool))
      const again = Effect.suspend(() => (other?.interruptUnsafe(), shutdown))
      const one = yield* WorkerPool.submit(
        pool,
        Effect.andThen(Deferred.await(gate), Effect.andThen(shutdown, again))
      )
      const waits = Effect.andThen(Deferred.await(gate), Effect.andThen(shutdown, Effect.never))
      const two = yield* WorkerPool.submit(pool, Effect.withFiber((fiber) => (other = fiber, waits)))
      yield* WorkerPool.submit(pool, Deferred.await(last))
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      yield* Deferred.succeed(last, undefined)
      yield* settle
      expect([one.state, two.state]).toEqual(["succeeded", "interrupted"])
    })))
})

describe("a job that has ended keeps its outcome when its deadline would be due", () => {
  test.each(["returned", "interrupted", "withdrawn"] as const)(
    "it was %s while the pool still runs another",
    (how) =>
      runTimed(Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const pool = yield* WorkerPool.make({
          size: 1,
          deadlines: { wait: "1 second", run: "1 hour" },
          run: (job: Effect.Effect<unknown>) => job
        })
        yield* WorkerPool.submit(pool, Effect.uninterruptible(Deferred.await(gate)))
        const waits = yield* WorkerPool.submit(pool, Effect.void)
        const runs = yield* start(WorkerPool.run(pool, Effect.void))
        if (how === "returned") yield* start(WorkerPool.shutdownNow(pool))
        else if (how === "interrupted") yield* waits.cancel
        yield* Fiber.interrupt(runs)
        const { state } = waits
        const before = WorkerPool.stats(pool)
        if (how === "withdrawn") yield* waits.cancel
        yield* after(2_000)
        expect(waits.state).toBe(how === "returned" ? "returned" : "interrupted")
        if (how !== "withdrawn") {
          expect(waits.state).toBe(state)
          expect(WorkerPool.stats(pool)).toEqual(before)
        }
        balanced(pool)
        yield* Deferred.succeed(gate, undefined)
      }))
  )
})

describe("workers' numbers", () => {
  test("are never given to two at a time, and none is higher than there ever were workers", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 12 }),
        fc.array(fc.nat(4)),
        (sizes, ends) =>
          run(Effect.gen(function*() {
            const held = new Map<number, number>()
            const gates: Array<Deferred.Deferred<void>> = []
            let wrong = false
            let most = 2
            const pool = yield* WorkerPool.make({
              size: 2,
              queue: { capacity: "unbounded" },
              worker: ({ id }) =>
                Effect.acquireRelease(
                  Effect.sync(() => {
                    held.set(id, (held.get(id) ?? 0) + 1)
                    if (held.get(id) !== 1 || id > most) wrong = true
                  }),
                  () => Effect.sync(() => held.set(id, held.get(id)! - 1))
                ),
              run: (gate: Deferred.Deferred<void>) => Deferred.await(gate)
            })
            for (const [n, size] of sizes.entries()) {
              most = Math.max(most, size)
              yield* WorkerPool.resize(pool, size)
              const gate = yield* Deferred.make<void>()
              gates.push(gate)
              yield* WorkerPool.submit(pool, gate)
              yield* settle
              yield* Deferred.succeed(gates[(ends[n] ?? 0) % gates.length]!, undefined)
              yield* settle
            }
            for (const gate of gates) yield* Deferred.succeed(gate, undefined)
            expect(wrong).toBe(false)
          }))
      ),
      { numRuns: 100 }
    ))
})

describe("jobs that were given to workers and have not begun as the pool stops", () => {
  const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] as const
  test.each(orders)(
    "are returned in their order, and so are their callers notified: workers %i, %i and %i become free in turn",
    (...order) =>
      run(Effect.gen(function*() {
        const gates = yield* Effect.all([0, 1, 2].map(() => Deferred.make<void, string>()))
        const pool = yield* WorkerPool.make({
          size: 3,
          queue: { capacity: "unbounded" },
          run: (job: number) => job < 3 ? Deferred.await(gates[job]!) : Effect.never
        })
        const told: Array<number> = []
        for (let job = 0; job < 8; job++) {
          const handle = yield* WorkerPool.submit(pool, job)
          yield* start(Effect.andThen(handle.await, Effect.sync(() => told.push(job))))
        }
        // In one turn: what they free is given to the next ones, which are to begin in a later turn.
        const fail = (n: number) => Deferred.doneUnsafe(gates[n]!, Effect.fail("planned"))
        const ending = yield* Effect.suspend(() => {
          for (const n of order) fail(n)
          return start(WorkerPool.shutdownNow(pool))
        })
        yield* settle
        expect((yield* Fiber.join(ending)).returned).toEqual([3, 4, 5, 6, 7])
        expect(told.slice(3)).toEqual([3, 4, 5, 6, 7])
        balanced(pool)
      }))
  )
})
