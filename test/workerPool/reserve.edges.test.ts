/** Places that are lost, recalled, used late or used in a job, and pools whose workers come and go (P22). */
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { Reservation } from "../../src/internal/workerPool/Reservation.js"
import { after, defectOf, run, runTimed, settle, start, tagOf } from "../support/effect.js"
import { tags, watched } from "../support/inspect.js"
import { balanced, type Job, make, type Options, type Pool, verdictOf } from "../support/workerPool.js"

/** Reserves a place. The second value gives the place back. */
const place = (pool: Pool) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    return [yield* Scope.provide(WorkerPool.reserve(pool), scope), Scope.close(scope, Exit.void)] as const
  })

/** Whether each place has been recalled so far. */
const recalls = (...slots: ReadonlyArray<WorkerPool.Slot<Job, unknown, string>>) =>
  Effect.gen(function*() {
    const recalled = slots.map(() => false)
    for (const [i, slot] of slots.entries()) {
      yield* Effect.forkScoped(Effect.andThen(slot.recalled, Effect.sync(() => void (recalled[i] = true))), {
        startImmediately: true
      })
    }
    return recalled
  })

/** A pool whose resources the test can condemn. All acquisitions but the first of each worker wait for `open`. */
const breakable = (options: Options & { readonly size: number }) =>
  Effect.gen(function*() {
    const resources: Array<Effect.Effect<void>> = []
    const open = yield* Deferred.make<void>()
    const pool = yield* make({
      ...options,
      worker: ({ invalidate }) =>
        Effect.andThen(
          Effect.suspend(() => resources.length < options.size ? Effect.void : Deferred.await(open)),
          Effect.sync(() => void resources.push(invalidate))
        )
    })
    return { pool, condemn: (n: number) => resources[n]!, open: Deferred.succeed(open, undefined) }
  })

const stats = ({ idle, queued, reserved, running }: WorkerPool.Stats) => [idle, reserved, running, queued]
const statsOf = (pool: Pool) => stats(WorkerPool.stats(pool))

describe("a place whose worker is lost (P22)", () => {
  test("is recalled for a job that waits, once the worker is back", () =>
    run(Effect.gen(function*() {
      const { condemn, open, pool } = yield* breakable({ size: 1 })
      const [slot, giveBack] = yield* place(pool)
      const recalled = yield* recalls(slot)
      yield* condemn(0)
      const handle = yield* WorkerPool.submit(pool, Effect.succeed("done"))
      yield* settle
      // Nobody could run the job: the place costs it nothing.
      expect(recalled).toEqual([false])
      yield* open
      yield* settle
      expect(statsOf(pool)).toEqual([1, 1, 0, 1])
      expect(recalled).toEqual([true])
      yield* giveBack
      expect(yield* handle.join).toBe("done")
    })))

  test("keeps the next worker that is free", () =>
    run(Effect.gen(function*() {
      const { condemn, pool } = yield* breakable({ size: 2 })
      const gate = yield* Deferred.make<void>()
      const running = yield* WorkerPool.submit(pool, Deferred.await(gate))
      const [slot] = yield* place(pool)
      yield* condemn(1)
      const queued = yield* WorkerPool.submit(pool, Effect.void)
      yield* Deferred.succeed(gate, undefined)
      yield* running.await
      yield* settle
      expect(statsOf(pool)).toEqual([1, 1, 0, 1])
      expect(yield* slot.run(Effect.succeed("first"))).toBe("first")
      yield* queued.join
    })))

  test("runs its job on the worker of a younger place", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const [older] = yield* place(pool)
      const [younger] = yield* place(pool)
      const recalled = yield* recalls(older, younger)
      yield* WorkerPool.resize(pool, 1)
      yield* settle
      expect(recalled).toEqual([false, true])
      expect(statsOf(pool)).toEqual([1, 2, 0, 0])
      expect(yield* older.run(Effect.succeed("older"))).toBe("older")
      expect(yield* younger.run(Effect.succeed("younger"))).toBe("younger")
    })))

  test("lets its job wait behind no bound, and never be dropped", () =>
    run(Effect.gen(function*() {
      const { condemn, open, pool } = yield* breakable({ size: 1, queue: { capacity: 1, strategy: "sliding" } })
      const [slot] = yield* place(pool)
      yield* condemn(0)
      const first = yield* WorkerPool.submit(pool, Effect.succeed("first"))
      const placed = yield* start(slot.run(Effect.succeed("placed")))
      expect([first.state, WorkerPool.stats(pool).queued]).toEqual(["queued", 2])
      const second = yield* WorkerPool.submit(pool, Effect.succeed("second"))
      const third = yield* WorkerPool.submit(pool, Effect.succeed("third"))
      expect([first.state, second.state, third.state]).toEqual(["dropped", "dropped", "queued"])
      yield* open
      expect(yield* Fiber.join(placed)).toBe("placed")
      expect(yield* third.join).toBe("third")
      balanced(pool)
    })))

  test("keeps a worker that comes on demand from a job, which then finds the queue full", () =>
    run(Effect.gen(function*() {
      const { condemn, open, pool } = yield* breakable({ size: 1, queue: { capacity: 0 }, resource: { min: 0 } })
      yield* place(pool)
      yield* condemn(0)
      yield* settle
      expect(WorkerPool.stats(pool).acquiring).toBe(1)
      expect(tagOf(yield* Effect.exit(WorkerPool.trySubmit(pool, Effect.void)))).toBe("QueueFull")
      yield* open
      yield* settle
      expect(statsOf(pool)).toEqual([1, 1, 0, 0])
    })))

  test("gets another worker where workers come on demand", () =>
    run(Effect.gen(function*() {
      const { condemn, open, pool } = yield* breakable({ size: 2, resource: { min: 0 } })
      yield* open
      yield* place(pool)
      yield* condemn(0)
      yield* settle
      expect(statsOf(pool)).toEqual([1, 1, 0, 0])
    })))
})

describe("recalled places (P22)", () => {
  test("are followed by an older one if they are used instead of given back", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const [older, giveBack] = yield* place(pool)
      const [younger] = yield* place(pool)
      const recalled = yield* recalls(older)
      const handle = yield* WorkerPool.submit(pool, Effect.succeed("done"))
      yield* younger.recalled
      yield* start(younger.run(Effect.never))
      yield* settle
      expect(recalled).toEqual([true])
      yield* giveBack
      expect(yield* handle.join).toBe("done")
    })))

  test("are as many as jobs that could run, the youngest first", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 3 })
      const places = yield* Effect.all([place(pool), place(pool), place(pool)])
      const recalled = yield* recalls(...places.map(([slot]) => slot))
      const recalledAfter = (effect: Effect.Effect<unknown, unknown>) =>
        Effect.map(Effect.andThen(effect, settle), () => recalled.map(Number).join(""))
      const submit = WorkerPool.submit(pool, Effect.never)
      expect(yield* recalledAfter(Effect.void)).toBe("000")
      expect(yield* recalledAfter(submit)).toBe("001")
      expect(yield* recalledAfter(submit)).toBe("011")
      // The first job begins. Two wait then, for one of whom a place has been recalled.
      yield* places[2][1]
      expect(yield* recalledAfter(Effect.void)).toBe("011")
      expect(yield* recalledAfter(submit)).toBe("111")
    })))

  test("are none for a job that the limit of its key holds back", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 3,
        queue: { capacity: 9, key: () => "key", perKey: { concurrency: 1 } },
        run: (job: Job) => job
      })
      const [slot] = yield* place(pool)
      const recalled = yield* recalls(slot)
      yield* WorkerPool.submit(pool, Effect.never)
      yield* WorkerPool.submit(pool, Effect.never)
      yield* settle
      expect(recalled).toEqual([false])
      // And the job of a place waits for the limit as well, while its worker is there for others.
      const places = yield* Effect.all([place(pool), start(place(pool))])
      expect(statsOf(pool)).toEqual([2, 2, 1, 1])
      yield* start(slot.run(Effect.void))
      expect(statsOf(pool)).toEqual([2, 2, 1, 2])
      yield* Fiber.join(places[1])
    })))

  test("are all in a pause, and may be used after it", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const [one] = yield* place(pool)
      const [other] = yield* place(pool)
      const recalled = yield* recalls(one, other)
      yield* WorkerPool.pause(pool)
      yield* settle
      expect(recalled).toEqual([true, true])
      const placed = yield* start(one.run(Effect.succeed("done")))
      const waiting = yield* start(Effect.scoped(WorkerPool.reserve(pool)))
      yield* settle
      expect(statsOf(pool)).toEqual([2, 1, 0, 1])
      yield* WorkerPool.resume(pool)
      expect(yield* Fiber.join(placed)).toBe("done")
      yield* Fiber.join(waiting)
      expect(yield* other.run(Effect.succeed("done"))).toBe("done")
    })))

  test("are followed by new ones once the pause is over, and not before", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      yield* WorkerPool.pause(pool)
      const waiting = yield* start(place(pool))
      yield* settle
      expect([statsOf(pool), waiting.pollUnsafe()]).toEqual([[1, 0, 0, 0], undefined])
      yield* WorkerPool.resume(pool)
      yield* Fiber.join(waiting)
    })))

  test("are all at the end of the pool", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const [slot] = yield* place(pool)
      const recalled = yield* recalls(slot)
      yield* WorkerPool.shutdown(pool)
      yield* settle
      expect([recalled, WorkerPool.stats(pool).reserved]).toEqual([[true], 0])
    })))

  test("are those of jobs without a queue, too", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1, queue: { capacity: 0 } })
      const [slot, giveBack] = yield* place(pool)
      const recalled = yield* recalls(slot)
      const fiber = yield* start(WorkerPool.run(pool, Effect.succeed("done")))
      yield* settle
      expect(recalled).toEqual([true])
      yield* giveBack
      expect(yield* Fiber.join(fiber)).toBe("done")
    })))
})

describe("a slot (P22)", () => {
  test("runs one job: a second one is a defect, and so is one after the end of the scope", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const [used] = yield* place(pool)
      const [closed, giveBack] = yield* place(pool)
      yield* start(used.run(Effect.never))
      yield* giveBack
      for (const slot of [used, closed]) {
        expect(String(yield* defectOf(slot.run(Effect.void)))).toContain("Slot.run: the slot was used or given back")
        yield* slot.recalled
      }
      expect(statsOf(pool)).toEqual([1, 0, 1, 0])
      balanced(pool)
    })))

  test("says that it is recalled once it is used, or given back", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const [used] = yield* place(pool)
      const [closed, giveBack] = yield* place(pool)
      const recalled = yield* recalls(used, closed, closed)
      const left = yield* start(used.recalled)
      yield* Fiber.interrupt(left)
      yield* start(used.run(Effect.never))
      yield* giveBack
      expect(recalled).toEqual([false, false, false])
      yield* settle
      expect(recalled).toEqual([true, true, true])
    })))

  test("is given back by a scope that had closed before", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      yield* Scope.provide(WorkerPool.reserve(pool), scope)
      expect(statsOf(pool)).toEqual([1, 0, 0, 0])
    })))

  test("whose caller is interrupted as it gets the place goes to the next caller", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const [, giveBack] = yield* place(pool)
      const first = yield* start(Effect.scoped(Effect.andThen(WorkerPool.reserve(pool), Effect.never)))
      const next = yield* start(Effect.scoped(WorkerPool.reserve(pool)))
      yield* giveBack
      yield* Fiber.interrupt(first)
      yield* Fiber.join(next)
      expect(statsOf(pool)).toEqual([1, 0, 0, 0])
    })))

  test("goes to the next caller where the first one waits no more", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const [, giveBack] = yield* place(pool)
      const first = yield* start(Effect.scoped(Effect.andThen(WorkerPool.reserve(pool), Effect.never)))
      const next = yield* start(Effect.scoped(WorkerPool.reserve(pool)))
      yield* Fiber.interrupt(first)
      yield* giveBack
      yield* Fiber.join(next)
    })))

  test("that is given back goes to the first caller that waits, and to no other", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const [, giveBack] = yield* place(pool)
      const first = yield* start(place(pool))
      const second = yield* start(place(pool))
      yield* giveBack
      expect(statsOf(pool)).toEqual([1, 1, 0, 0])
      yield* settle
      expect([first, second].map((fiber) => fiber.pollUnsafe() !== undefined)).toEqual([true, false])
      yield* Fiber.interrupt(second)
    })))

  test("forgets a fiber that waits for its recall no more", () =>
    run(Effect.gen(function*() {
      const reservation = new Reservation(yield* Effect.withFiber(Effect.succeed))
      reservation.state = "held"
      const fiber = yield* start(reservation.recalled)
      expect(reservation.observers.size).toBe(1)
      yield* Fiber.interrupt(fiber)
      expect(reservation.observers.size).toBe(0)
    })))

  test("and its caller go on in a later turn", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const [slot, giveBack] = yield* place(pool)
      const recalled = yield* recalls(slot)
      const waiting = yield* start(Effect.scoped(WorkerPool.reserve(pool)))
      const handle = yield* WorkerPool.submit(pool, Effect.void)
      expect(recalled).toEqual([false])
      yield* handle.cancel
      yield* giveBack
      expect([recalled, waiting.pollUnsafe()]).toEqual([[false], undefined])
      yield* settle
      expect([recalled, waiting.pollUnsafe() !== undefined]).toEqual([[true], true])
    })))

  test("that was granted and has not been used ends with the pool", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const [, giveBack] = yield* place(pool)
      const waiting = yield* start(
        Effect.scoped(Effect.flatMap(WorkerPool.reserve(pool), (slot) => slot.run(Effect.void)))
      )
      yield* giveBack
      yield* WorkerPool.shutdownNow(pool)
      expect(tagOf(yield* Fiber.await(waiting))).toBe("PoolClosed")
      expect(tagOf(yield* Effect.exit(Effect.scoped(WorkerPool.reserve(pool))))).toBe("PoolClosed")
      expect(WorkerPool.stats(pool)).toMatchObject({ state: "stopped", reserved: 0, submitted: 0 })
    })))

  test("keeps no job of a drain waiting", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      yield* place(pool)
      const handle = yield* WorkerPool.submit(pool, Effect.succeed("done"))
      yield* WorkerPool.shutdown(pool)
      expect(yield* handle.join).toBe("done")
    })))
})

describe("reserve in a job of the same pool (P9, P22)", () => {
  /** Reserves a place, uses it, and gives it back. */
  const placed = (
    pool: Pool,
    use: (slot: WorkerPool.Slot<Job, unknown, string>) => Effect.Effect<unknown, unknown>
  ): Job => Effect.mapError(Effect.scoped(Effect.flatMap(WorkerPool.reserve(pool), use)), tagOfError)
  const tagOfError = (error: unknown) => String(tagOf(Exit.fail(error)))

  test("dies of a deadlock where no other worker could come", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const exit = yield* Effect.exit(WorkerPool.run(pool, placed(pool, () => Effect.void)))
      expect(verdictOf(exit)).toMatchObject({ operation: "reserve", itself: false })
      expect(statsOf(pool)).toEqual([1, 0, 0, 0])
    })))

  test("dies of a deadlock although jobs leave the queue after a time", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 2, deadlines: { wait: "1 second" }, run: (job: Job) => job })
      const gate = yield* Deferred.make<void>()
      const reserving = Effect.orDie(Effect.scoped(Effect.asVoid(WorkerPool.reserve(pool))))
      const jobs = yield* Effect.forEach([1, 2], () =>
        WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), reserving)))
      yield* Deferred.succeed(gate, undefined)
      const exits = yield* Effect.timeout(
        Effect.forEach(jobs, (job) =>
          job.await),
        "1 second"
      )
      expect(exits.map((exit) => verdictOf(exit)?.operation)).toEqual([undefined, "reserve"])
    })))

  test("counts as a wait until the place is there", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const [busy, holding] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const slots = yield* Deferred.make<WorkerPool.Slot<Job, unknown, string>>()
      const other = yield* WorkerPool.submit(pool, Deferred.await(busy))
      const hands = (slot: WorkerPool.Slot<Job, unknown, string>) =>
        Effect.andThen(Deferred.succeed(slots, slot), Deferred.await(holding))
      const outer = yield* WorkerPool.submit(pool, placed(pool, hands))
      yield* Deferred.succeed(busy, undefined)
      yield* other.join
      const slot = yield* Deferred.await(slots)
      // The job that has reserved goes on: so a job that reserves in its place may wait.
      const inner = yield* start(slot.run(placed(pool, () => Effect.succeed("inner"))))
      yield* settle
      yield* Deferred.succeed(holding, undefined)
      yield* outer.join
      expect(yield* Fiber.join(inner)).toBe("inner")
    })))

  test("counts as a wait no longer once it is cancelled", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const [busy, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const other = yield* WorkerPool.submit(
        pool,
        Effect.andThen(Deferred.await(busy), placed(pool, () => Effect.void))
      )
      const cancelled = yield* WorkerPool.submit(pool, placed(pool, () => Effect.void))
      yield* settle
      yield* cancelled.cancel
      const last = yield* WorkerPool.submit(pool, Deferred.await(gate))
      yield* Deferred.succeed(busy, undefined)
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.all([last.join, other.join])
    })))

  test("dies of a deadlock where every other job waits likewise", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const gate = yield* Deferred.make<void>()
      const reserving = placed(pool, () => Effect.void)
      const first = yield* start(WorkerPool.run(pool, reserving))
      yield* Fiber.await(first)
      const jobs = yield* Effect.all(
        [1, 2].map(() => WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), reserving)))
      )
      yield* Deferred.succeed(gate, undefined)
      const exits = yield* Effect.all(jobs.map((job) => job.await))
      expect(exits.map((exit) => verdictOf(exit)?.operation)).toEqual([undefined, "reserve"])
    })))

  test("has the job of a place die of a deadlock where its worker was lost for good", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const inner = placed(pool, (slot) => Effect.andThen(WorkerPool.resize(pool, 1), slot.run(Effect.void)))
      const exit = yield* Effect.timeout(Effect.exit(WorkerPool.run(pool, inner)), "1 second")
      expect(verdictOf(exit)).toMatchObject({ operation: "run" })
    })))

  test("is rejected by a pool that shuts down, and lets another job's shutdown end", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 2 })
      const reserving = placed(pool, () => Effect.never)
      const gate = yield* Deferred.make<void>()
      yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), Effect.asVoid(WorkerPool.shutdown(pool))))
      const waits = yield* WorkerPool.submit(pool, reserving)
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Effect.flip(waits.join)).toBe("PoolClosed")
    })))
})

describe("workers on demand and places (P19, P22)", () => {
  const onDemand: Options = { size: 2, resource: { min: 0, idleTimeout: 100 } }

  test("come for each call that waits, and not for one that has left", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ ...onDemand, worker: () => Effect.sleep(10) })
      const calls = yield* Effect.all([start(place(pool)), start(place(pool)), start(place(pool))])
      expect(WorkerPool.stats(pool)).toMatchObject({ acquiring: 2, reserved: 0 })
      yield* after(10)
      expect(statsOf(pool)).toEqual([2, 2, 0, 0])
      yield* Fiber.interrupt(calls[2])
    })))

  test("leave once they have been idle for the time, but for as many as places are held", () =>
    runTimed(Effect.gen(function*() {
      let acquired = 0
      const pool = yield* make({ ...onDemand, worker: () => Effect.sync(() => acquired++) })
      const [, giveBack] = yield* place(pool)
      const [slot] = yield* place(pool)
      yield* slot.run(Effect.void)
      yield* after(99)
      expect(statsOf(pool)).toEqual([2, 1, 0, 0])
      yield* after(1)
      expect(statsOf(pool)).toEqual([1, 1, 0, 0])
      yield* after(250)
      expect([statsOf(pool), acquired]).toEqual([[1, 1, 0, 0], 2])
      yield* giveBack
      yield* after(100)
      expect(statsOf(pool)).toEqual([0, 0, 0, 0])
    })))
})

describe("autoscale and places (U2, P22)", () => {
  test("a pool grows for calls that wait for a place while no worker is idle", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 3, dwell: "1 second" })
      // Each of them holds a place until it has a job.
      const jobs = yield* Deferred.make<void>()
      const loop = Effect.scoped(
        Effect.flatMap(
          WorkerPool.reserve(pool),
          (slot) => Effect.andThen(Deferred.await(jobs), slot.run(Effect.sleep("10 seconds")))
        )
      )
      yield* Effect.all([start(loop), start(loop), start(loop), start(loop)])
      yield* after(5_000)
      expect(WorkerPool.stats(pool).size).toBe(1)
      yield* Deferred.succeed(jobs, undefined)
      for (let n = 0; n < 6; n++) yield* after(1_000)
      expect(WorkerPool.stats(pool)).toMatchObject({ size: 3, running: 3 })
    })))

  test("a pool shrinks although calls wait for places that others hold", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* make({ size: 3 })
      yield* WorkerPool.autoscale(pool, { min: 1, max: 3, dwell: "1 second" })
      for (let n = 0; n < 4; n++) yield* start(place(pool))
      for (let n = 0; n < 6; n++) yield* after(1_000)
      expect(WorkerPool.stats(pool).size).toBe(1)
    })))
})

describe("places, as sluice/inspect sees them (P22)", () => {
  const explained = (fiber: Fiber.Fiber<unknown, unknown>) => Effect.map(Inspect.explain(fiber), String)

  test("are held until a scope closes, by the fibers that reserved them", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1, name: "sender" })
      const holder = yield* start(Effect.scoped(Effect.andThen(WorkerPool.reserve(pool), Effect.never)))
      const waiter = yield* start(Effect.scoped(WorkerPool.reserve(pool)))
      const { resources } = yield* Inspect.dump
      const [found] = resources.filter(({ name }) => name === "sender")
      expect(found?.lines).toMatchObject([{ of: "workers", capacity: 1, held: 1 }])
      expect(found?.lines[0]?.holders).toMatchObject([{ by: `fiber ${holder.id}`, until: "scope" }])
      expect(found?.waits).toMatchObject([{ by: `fiber ${waiter.id}`, for: "a worker" }])
      expect(yield* explained(waiter)).toContain("a worker")
      expect(yield* Inspect.deadlocks).toEqual([])
      yield* Fiber.interrupt(waiter)
      yield* Fiber.interrupt(holder)
    })))

  test("are waited for until the end of a pause, though all workers are idle", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1, name: "paused" })
      yield* WorkerPool.pause(pool)
      const waiter = yield* start(Effect.scoped(WorkerPool.reserve(pool)))
      const { resources } = yield* Inspect.dump
      const [found] = resources.filter(({ name }) => name === "paused")
      expect(found?.waits).toMatchObject([{ by: `fiber ${waiter.id}`, for: "a worker", ends: "the end of the pause" }])
      expect(yield* explained(waiter)).toContain("the end of the pause")
      yield* Fiber.interrupt(waiter)
    })))

  test("are waited for too long in a pause, and reported", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const pool = yield* make({ size: 1 })
        yield* WorkerPool.pause(pool)
        yield* start(Effect.scoped(WorkerPool.reserve(pool)))
        yield* after(60_000)
        expect(tags(reports)).toEqual(["Waited"])
      })
    ))

  test("make a deadlock suspected, and not certain: a scope may be closed from outside", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ size: 1, name: "alone" })
      const scope = yield* Scope.make()
      const fiber = yield* start(
        Scope.provide(Effect.andThen(WorkerPool.reserve(pool), WorkerPool.reserve(pool)), scope)
      )
      const found = yield* Inspect.deadlocks
      expect(found.map(({ evidence }) => evidence)).not.toContain("certain")
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(fiber)
    })))
})
