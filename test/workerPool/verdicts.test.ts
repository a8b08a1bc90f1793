/** P9 where a job that waits for its pool cannot be interrupted, waits in a finalizer, or has a worker that leaves. */
import { Deferred, Effect, Exit, Fiber, Schedule } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { after, run, runTimed, settle, start, turns } from "../support/effect.js"
import { holds } from "../support/property.js"
import { verdictOf } from "../support/workerPool.js"

type Job = Effect.Effect<unknown, unknown>
type Pool = WorkerPool.WorkerPool<Job, unknown, unknown>

describe("a job that has been cancelled, and waits for its pool where it cannot be interrupted, counts as waiting", () => {
  const waits: Record<string, (inner: Job) => Job> = {
    "in an uninterruptible region": (inner) => Effect.uninterruptible(Effect.andThen(Effect.yieldNow, inner)),
    "in a finalizer": (inner) => Effect.onExit(Effect.never, () => Effect.ignore(inner))
  }
  const asks: Record<string, (pool: Pool, other: () => Effect.Effect<unknown>) => Job> = {
    run: (pool) => WorkerPool.run(pool, Effect.void),
    await: (_, other) => other()
  }
  test.each(
    Object.entries(waits).flatMap(([where, wait]) =>
      Object.entries(asks).map(([what, ask]) => [where, what, wait, ask] as const)
    )
  )("%s, by %s", (_, __, wait, ask) =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool: Pool = yield* WorkerPool.make({ size: 2, run: (job: Job) => job })
      const handles: Array<WorkerPool.JobHandle<unknown, unknown>> = []
      const asking = (other: number) => Effect.suspend(() => ask(pool, () => handles[other]!.await))
      handles.push(yield* WorkerPool.submit(pool, wait(asking(1))))
      handles.push(yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), asking(0))))
      yield* settle
      yield* start(handles[0]!.cancel)
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(verdictOf(yield* handles[1]!.await)).toBeDefined()
      expect(handles[0]!.state).not.toBe("running")
    })))
})

describe("no verdict", () => {
  test("where a job's own deadline ends its wait", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, deadlines: { run: "1 second" }, run: (job: Job) => job })
      const kinds = [
        Effect.suspend(() => WorkerPool.run(pool, Effect.void)),
        Effect.suspend(() => Effect.flatMap(WorkerPool.submit(pool, Effect.void), (handle) => handle.await))
      ]
      for (const kind of kinds) {
        const handle = yield* WorkerPool.submit(pool, kind)
        yield* after(999)
        expect(handle.state).toBe("running")
        yield* after(1)
        expect(handle.state).toBe("timedOut")
        yield* settle
      }
    })))

  test("where a shutdown in a job waits for jobs that will expire", () =>
    runTimed(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({ size: 1, deadlines: { wait: "1 second" }, run: (job: Job) => job })
      const shutdown = Effect.suspend(() => WorkerPool.shutdown(pool))
      const one = yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), shutdown))
      const others = yield* Effect.forEach([1, 2], () => WorkerPool.submit(pool, Effect.void))
      yield* Deferred.succeed(gate, undefined)
      yield* after(1)
      expect(one.state).toBe("running")
      yield* after(1_000)
      expect([one, ...others].map(({ state }) => state)).toEqual(["succeeded", "expired", "expired"])
    })))

  test("where one of those that wait has a worker that leaves, and another one will be free", () =>
    run(Effect.gen(function*() {
      const gates = yield* Effect.all([0, 1, 2].map(() => Deferred.make<void>()))
      const pool = yield* WorkerPool.make({ size: 3, run: (job: Job) => job })
      const inner = Effect.suspend(() => WorkerPool.run(pool, Effect.void))
      const busy = yield* WorkerPool.submit(pool, Deferred.await(gates[0]!))
      const waits = yield* Effect.forEach(
        [1, 2],
        (n) => WorkerPool.submit(pool, Effect.andThen(Deferred.await(gates[n]!), inner))
      )
      // The first of them waits in the queue, where no worker is idle; then its worker is one too many.
      yield* Deferred.succeed(gates[1]!, undefined)
      yield* settle
      const blocker = yield* WorkerPool.submit(pool, Effect.void)
      yield* WorkerPool.resize(pool, 2)
      yield* Deferred.succeed(gates[2]!, undefined)
      yield* settle
      yield* Deferred.succeed(gates[0]!, undefined)
      yield* settle
      expect([busy, ...waits, blocker].map(({ state }) => state)).toEqual(Array.from({ length: 4 }, () => "succeeded"))
    })))

  test.each([[2, 2], [3, 3]])(
    "for the first to be notified, of %i jobs that await another one, in a pool of %i",
    (count, size) =>
      runTimed(Effect.gen(function*() {
        const pool = yield* WorkerPool.make({
          size,
          retry: { schedule: Schedule.spaced("1 hour") },
          run: (job: Job) => job
        })
        const other = yield* WorkerPool.submit(pool, Effect.fail("planned"))
        yield* settle
        const use = Effect.suspend(() => WorkerPool.run(pool, Effect.succeed("inner")))
        const first = yield* WorkerPool.submit(pool, Effect.andThen(other.await, use))
        for (let n = 1; n < count; n++) yield* WorkerPool.submit(pool, other.await)
        yield* settle
        yield* other.cancel
        yield* settle
        expect(first.state).toBe("succeeded")
      }))
  )

  test("for a job that waits, while the interrupt of the other one that does is on its way", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 2, run: (job: Job) => job })
      const one = yield* WorkerPool.submit(
        pool,
        Effect.andThen(Effect.yieldNow, Effect.suspend(() => WorkerPool.run(pool, Effect.never)))
      )
      const gate = yield* Deferred.make<void>()
      const inner = Effect.suspend(() => WorkerPool.run(pool, Effect.void))
      const two = yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), inner))
      yield* settle
      yield* start(one.cancel)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect([one.state, two.state]).toEqual(["interrupted", "succeeded"])
    })))
})

describe("a verdict", () => {
  test("for a run that would push another job out of the queue, and then wait for its own worker", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 1, strategy: "sliding" },
        run: (job: Job) => job
      })
      const inner = Effect.suspend(() => WorkerPool.run(pool, Effect.void))
      const caller = yield* start(Effect.exit(WorkerPool.run(pool, Effect.andThen(Deferred.await(gate), inner))))
      const queued = yield* WorkerPool.submit(pool, Effect.void)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(verdictOf(yield* Fiber.join(caller))).toMatchObject({ operation: "run", itself: false })
      expect(queued.state).toBe("succeeded")
    })))

  test("for the last of the jobs that wait, where a worker that leaves has a job that does not", () =>
    run(Effect.gen(function*() {
      const gates = yield* Effect.all([0, 1].map(() => Deferred.make<void>()))
      const pool = yield* WorkerPool.make({ size: 2, run: (job: Job) => job })
      const inner = Effect.suspend(() => WorkerPool.run(pool, Effect.void))
      const one = yield* WorkerPool.submit(pool, Deferred.await(gates[0]!))
      const two = yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gates[1]!), inner))
      yield* WorkerPool.resize(pool, 1)
      yield* Deferred.succeed(gates[0]!, undefined)
      yield* Deferred.succeed(gates[1]!, undefined)
      yield* settle
      expect(one.state).toBe("succeeded")
      expect(["died", "succeeded"]).toContain(two.state)
    })))
})

/** A job that asks something of its pool, where it can be interrupted or not, and in its finalizer. */
interface Task {
  readonly work: number
  readonly ask: "nothing" | "run" | "submit" | "await"
  readonly n: number
  readonly inner: Task | undefined
  readonly isMasked: boolean
  readonly isLate: boolean
}

const task = (depth: number): fc.Arbitrary<Task> =>
  fc.record<Task>({
    work: fc.nat(2),
    ask: fc.constantFrom("nothing", "run", "run", "submit", "await"),
    n: fc.nat(4),
    inner: depth === 0 ? fc.constant(undefined) : fc.option(task(depth - 1), { nil: undefined }),
    isMasked: fc.boolean(),
    isLate: fc.constantFrom(false, false, true)
  })

interface Workload {
  readonly size: number
  readonly capacity: number
  readonly tasks: ReadonlyArray<Task>
  readonly cancels: ReadonlyArray<number>
}

const workload: fc.Arbitrary<Workload> = fc.record({
  size: fc.integer({ min: 1, max: 3 }),
  capacity: fc.nat(2),
  tasks: fc.array(task(2), { minLength: 1, maxLength: 5 }),
  cancels: fc.array(fc.nat(4), { maxLength: 3 })
})

const simulate = ({ cancels, capacity, size, tasks }: Workload): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const pool: Pool = yield* WorkerPool.make({ size, queue: { capacity }, run: (job: Job) => job })
      const handles: Array<WorkerPool.JobHandle<unknown, unknown>> = []
      const working = new Set<object>()
      let wrong: string | undefined
      const job = (task: Task, isInner: boolean): Job =>
        Effect.uninterruptibleMask((restore) => {
          // Nobody has a handle of an inner one; its caller, interrupted, waits for it without a verdict.
          const self = isInner ? { ...task, isLate: false, isMasked: false } : task
          const id = {}
          working.add(id)
          const inner = self.inner === undefined ? Effect.void : job(self.inner, true)
          const asks = {
            nothing: Effect.void,
            run: WorkerPool.run(pool, inner),
            submit: WorkerPool.submit(pool, inner),
            await: Effect.suspend(() => handles[self.n]?.await ?? Effect.void)
          }
          const asking = Effect.suspend(() => {
            working.delete(id)
            return Effect.onExitPrimitive(Effect.exit(asks[self.ask]), (exit) => {
              // A circle may leave workers that others could have.
              const verdict = verdictOf(Exit.isSuccess(exit) ? exit.value : exit)
              if (verdict?.itself === false && working.size > 0) wrong ??= "a verdict although a job may go on"
              working.add(id)
              return undefined
            }, true)
          })
          const first = self.isLate ? Effect.andThen(turns(self.work), Effect.never) : turns(self.work)
          const masked = (effect: Job): Job => self.isMasked ? effect : restore(effect)
          const body = self.isLate
            ? Effect.onExit(restore(first), () => masked(asking))
            : masked(Effect.andThen(first, asking))
          return Effect.onExitPrimitive(body, () => {
            working.delete(id)
            return undefined
          }, true)
        })
      for (const [i, one] of tasks.entries()) {
        const submit = Effect.map(WorkerPool.submit(pool, job(one, false)), (handle) => handles.push(handle))
        yield* t.actor(`task${i}`, submit, { mayDie: true })
      }
      const cancelling = Effect.forEach(
        cancels,
        (n) => Effect.andThen(turns(2), Effect.suspend(() => Effect.forkDetach(handles[n]?.cancel ?? Effect.void)))
      )
      yield* t.actor("canceller", cancelling, { cancel: false })
      // When nothing is ready, each fiber that is left waits for its own interrupt, which comes at last.
      const last = Effect.andThen(
        Effect.sleep(1),
        Effect.suspend(() => Effect.forEach(handles, ({ cancel }) => Effect.forkDetach(cancel)))
      )
      yield* t.actor("last", Effect.forEach(tasks, () => last), { cancel: false })
      yield* t.settled
      if (wrong !== undefined) throw new Error(wrong)
      const { queued, running, waiting } = WorkerPool.stats(pool)
      yield* t.expect(running + queued + waiting === 0, `${running} run, ${queued} are queued, ${waiting} wait`)
    })
  )

test("no job hangs that waits for its pool, wherever it does and whoever cancels it, and there is no false verdict", () => {
  holds(workload, simulate, { realism: "nested", cancels: 2, workloads: 800 })
})
