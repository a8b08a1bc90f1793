/**
 * The resources of a `WorkerPool`'s workers: each acquired once, released once, and used in between only (P1, P2, P5).
 */
import { Cause, Deferred, Effect, Exit, Fiber, Schedule, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { describe, test } from "vitest"
import {
  defectOf,
  expectEnded,
  expectPending,
  isInterrupted,
  run,
  settle,
  squash,
  start,
  withRandom
} from "../support/effect.js"
import { balanced, make } from "../support/workerPool.js"

type Worker = (info: WorkerPool.WorkerInfo) => Effect.Effect<unknown, string, Scope.Scope>

/** Resources numbered in the order of their acquisition, and what became of each. */
class Resources {
  readonly log: Array<string> = []
  private acquired = 0

  readonly acquire = Effect.acquireRelease(
    Effect.sync(() => {
      this.log.push(`acquire ${++this.acquired}`)
      return this.acquired
    }),
    (n) => Effect.sync(() => this.log.push(`release ${n}`))
  )

  /** Every one was released once, after it was acquired. */
  checkReleased(): void {
    const numbers = (what: string) => this.log.filter((line) => line.startsWith(what)).map((line) => line.slice(8))
    assert.deepEqual(numbers("release").toSorted(), numbers("acquire").toSorted())
    for (const n of numbers("acquire")) {
      assert.ok(this.log.indexOf(`acquire ${n}`) < this.log.indexOf(`release ${n}`))
    }
  }
}

describe("make (P1)", () => {
  const ends = [
    ["a failure", Effect.fail("refused"), Cause.fail("refused")],
    ["a defect", Effect.die("broken"), Cause.die("broken")],
    ["a failure and a defect", Effect.failCause(Cause.combine(Cause.fail("a"), Cause.die("b"))), undefined]
  ] as const
  const moments = [["at once", Effect.void], ["later", Effect.yieldNow]] as const

  for (const [what, end, expected] of ends) {
    for (const [when, before] of moments) {
      for (const bad of [1, 2, 3]) {
        test(`${what} ${when} of worker ${bad} is make's exactly so, and the others are released`, () =>
          run(Effect.gen(function*() {
            const resources = new Resources()
            const worker: Worker = ({ id }) => id === bad ? Effect.andThen(before, end) : resources.acquire
            const exit = yield* Effect.exit(make({ size: 3, worker }))
            assert.ok(Exit.isFailure(exit))
            if (expected !== undefined) assert.deepEqual(exit.cause, expected)
            assert.equal(exit.cause.reasons.length, expected === undefined ? 2 : 1)
            resources.checkReleased()
          })))
      }
    }
  }

  test.each(moments)(
    "a worker that interrupts itself %s ends make with an interrupt",
    (_, before) =>
      run(Effect.gen(function*() {
        const resources = new Resources()
        const worker: Worker = ({ id }) => id === 2 ? Effect.andThen(before, Effect.interrupt) : resources.acquire
        assert.ok(isInterrupted(yield* Effect.exit(make({ size: 3, worker }))))
        resources.checkReleased()
      }))
  )

  test("the first of two failures is make's", () =>
    run(Effect.gen(function*() {
      const gates = [yield* Deferred.make<never, string>(), yield* Deferred.make<never, string>()]
      const making = yield* start(make({ size: 2, worker: ({ id }) => Deferred.await(gates[id - 1]!) }))
      yield* Deferred.fail(gates[1]!, "second")
      yield* Deferred.fail(gates[0]!, "first")
      assert.deepEqual(yield* Fiber.await(making), Exit.fail("second"))
    })))

  test("the resources of a worker that fails are released too, before make ends", () =>
    run(Effect.gen(function*() {
      const resources = new Resources()
      const worker: Worker = () => Effect.andThen(resources.acquire, Effect.andThen(Effect.yieldNow, Effect.fail("no")))
      assert.equal(yield* Effect.flip(make({ size: 3, worker })), "no")
      assert.equal(resources.log.length, 6)
      resources.checkReleased()
    })))

  test("make waits for slow releases of the others, and for acquisitions that cannot be interrupted", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const resources = new Resources()
      const worker: Worker = ({ id }) =>
        id === 1
          ? Effect.acquireRelease(Effect.void, () => Deferred.await(gate))
          : id === 2
          ? Effect.uninterruptible(Effect.andThen(Deferred.await(gate), resources.acquire))
          : Effect.andThen(Effect.yieldNow, Effect.fail("no"))
      const making = yield* start(make({ size: 3, worker }))
      yield* settle
      expectPending(making)
      yield* Deferred.succeed(gate, undefined)
      assert.deepEqual(yield* Fiber.await(making), Exit.fail("no"))
      resources.checkReleased()
    })))

  test("interrupted, it waits for what it has to release", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const making = yield* start(make({
        size: 2,
        worker: ({ id }) => id === 2 ? Effect.never : Effect.acquireRelease(Effect.void, () => Deferred.await(gate))
      }))
      const interrupting = yield* start(Fiber.interrupt(making))
      yield* settle
      expectPending(interrupting)
      yield* Deferred.succeed(gate, undefined)
      assert.ok(isInterrupted(yield* Fiber.await(making)))
    })))

  test("a worker function that throws is a defect of make", () =>
    run(Effect.gen(function*() {
      const worker = (): Effect.Effect<void> => {
        throw new Error("no worker")
      }
      assert.match(String(yield* defectOf(make({ size: 2, worker }))), /no worker/)
    })))

  test("a worker function that returns no effect is a defect of make, and not a make without end", () =>
    run(Effect.gen(function*() {
      for (const nothing of [undefined, 3, {}, Promise.resolve()]) {
        const making = yield* start(make({ worker: (() => nothing) as unknown as Worker }))
        yield* settle
        expectEnded(making)
        assert.ok(Exit.hasDies(yield* Fiber.await(making)))
      }
    })))

  test("a resource that was condemned before the others were there is replaced, and no worker is missing", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const resources = new Resources()
      const invalidates: Array<Effect.Effect<void>> = []
      const making = yield* start(make({
        size: 2,
        worker: ({ id, invalidate }) => {
          invalidates.push(invalidate)
          return Effect.andThen(id === 2 ? Deferred.await(gate) : Effect.void, resources.acquire)
        }
      }))
      yield* invalidates[0]!
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      const pool = yield* Fiber.join(making)
      yield* settle
      assert.equal(WorkerPool.stats(pool).idle, 2)
    })))

  test("a resource that condemns itself while it is acquired is replaced before make returns", () =>
    run(Effect.gen(function*() {
      for (const size of [1, 2]) {
        let held = 0
        let acquired = 0
        const pool = yield* make({
          size,
          worker: ({ invalidate }) =>
            Effect.acquireRelease(
              Effect.andThen(
                Effect.yieldNow,
                Effect.suspend(() => (held++, ++acquired === 1 ? invalidate : Effect.void))
              ),
              () => Effect.sync(() => held--)
            )
        })
        assert.equal(held, size)
        assert.equal(WorkerPool.stats(pool).idle, size)
      }
    })))
})

describe("replacing (P2, P5)", () => {
  /** A pool whose jobs get at everything. */
  const open = (resources: Resources, options: { readonly size?: number; readonly onDefect?: "keep" } = {}) => {
    const infos: Array<WorkerPool.WorkerInfo> = []
    const contexts: Array<WorkerPool.JobContext<number>> = []
    return Effect.map(
      WorkerPool.make({
        size: 1,
        ...options,
        worker: (info) => {
          infos.push(info)
          return resources.acquire
        },
        run: (job: (context: WorkerPool.JobContext<number>) => Effect.Effect<unknown, string>, context) => {
          contexts.push(context)
          return job(context)
        }
      }),
      (pool) => ({ contexts, infos, pool })
    )
  }
  const resourceOf = ({ resource }: WorkerPool.JobContext<number>) => Effect.succeed(resource)

  test.each([
    ["by its job", (context: WorkerPool.JobContext<number>) => context.invalidate],
    ["twice", ({ invalidate }: WorkerPool.JobContext<number>) => Effect.andThen(invalidate, invalidate)],
    ["in a finalizer", ({ invalidate }: WorkerPool.JobContext<number>) => Effect.onExit(Effect.void, () => invalidate)],
    [
      "by a child of its job",
      ({ invalidate }: WorkerPool.JobContext<number>) => Effect.flatMap(start(invalidate), Fiber.join)
    ],
    [
      "as the job's children are interrupted",
      ({ invalidate }: WorkerPool.JobContext<number>) =>
        Effect.andThen(start(Effect.onInterrupt(Effect.never, () => invalidate)), Effect.yieldNow)
    ]
  ])("condemned %s, a resource is replaced once that has ended", (_, condemns) =>
    run(Effect.gen(function*() {
      const resources = new Resources()
      const { pool } = yield* open(resources)
      yield* WorkerPool.run(pool, (context) =>
        Effect.andThen(condemns(context), Effect.sync(() => assert.deepEqual(resources.log, ["acquire 1"]))))
      assert.equal(yield* WorkerPool.run(pool, resourceOf), 2)
      assert.deepEqual(resources.log, ["acquire 1", "release 1", "acquire 2"])
      assert.equal(WorkerPool.stats(pool).replaced, 1)
    })))

  test("condemned by a context that was kept, an idle worker's resource is replaced, and a later one is not", () =>
    run(Effect.gen(function*() {
      const resources = new Resources()
      const { contexts, pool } = yield* open(resources)
      yield* WorkerPool.run(pool, resourceOf)
      yield* contexts[0]!.invalidate
      yield* contexts[0]!.invalidate
      assert.equal(yield* WorkerPool.run(pool, resourceOf), 2)
      yield* contexts[0]!.invalidate
      assert.equal(yield* WorkerPool.run(pool, resourceOf), 2)
    })))

  test("condemned after one job has ended and before the next has begun, a resource serves no other", () =>
    run(Effect.gen(function*() {
      for (const by of ["context", "info"] as const) {
        const resources = new Resources()
        const gate = yield* Deferred.make<void>()
        const { contexts, infos, pool } = yield* open(resources)
        const first = yield* WorkerPool.submit(pool, () => Deferred.await(gate))
        const invalidate = Effect.suspend(() => by === "info" ? infos[0]!.invalidate : contexts[0]!.invalidate)
        let condemned = false
        yield* start(
          first.await.pipe(Effect.andThen(invalidate), Effect.tap(() => Effect.sync(() => condemned = true)))
        )
        const second = yield* WorkerPool.submit(pool, (context) => Effect.succeed([condemned, context.resource]))
        yield* Deferred.succeed(gate, undefined)
        assert.deepEqual(yield* second.await, Exit.succeed([true, 2]))
      }
    })))

  test("condemned by itself, a busy worker's resource serves its job to the end", () =>
    run(Effect.gen(function*() {
      const resources = new Resources()
      const gate = yield* Deferred.make<void>()
      const { infos, pool } = yield* open(resources)
      const handle = yield* WorkerPool.submit(pool, (context) =>
        Effect.andThen(Deferred.await(gate), resourceOf(context)))
      yield* infos[0]!.invalidate
      assert.deepEqual(resources.log, ["acquire 1"])
      yield* Deferred.succeed(gate, undefined)
      assert.deepEqual(yield* handle.await, Exit.succeed(1))
      yield* settle
      assert.deepEqual(resources.log, ["acquire 1", "release 1", "acquire 2"])
    })))

  test("condemned as it is released, a resource does not cost its successor", () =>
    run(Effect.gen(function*() {
      let acquired = 0
      const pool = yield* make({
        worker: ({ invalidate }) => Effect.acquireRelease(Effect.sync(() => ++acquired), () => invalidate)
      })
      yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
      yield* settle
      assert.deepEqual([acquired, WorkerPool.stats(pool).idle], [2, 1])
    })))

  test("a failure or an interrupt costs no resource, and a defect costs one unless it is kept", () =>
    run(Effect.gen(function*() {
      for (const onDefect of [undefined, "keep"] as const) {
        const resources = new Resources()
        const { pool } = yield* open(resources, onDefect && { onDefect })
        yield* Effect.exit(WorkerPool.run(pool, () => Effect.fail("no")))
        yield* Effect.exit(WorkerPool.run(pool, () => Effect.interrupt))
        yield* (yield* WorkerPool.submit(pool, () => Effect.never)).cancel
        assert.equal(yield* WorkerPool.run(pool, resourceOf), 1)
        yield* Effect.exit(WorkerPool.run(pool, () => Effect.failCause(Cause.combine(Cause.fail("a"), Cause.die("b")))))
        assert.equal(yield* WorkerPool.run(pool, resourceOf), onDefect === "keep" ? 1 : 2)
        const { died, failed, interrupted, succeeded } = WorkerPool.stats(pool)
        assert.deepEqual([died, failed, interrupted, succeeded], [1, 1, 2, 2])
        yield* WorkerPool.shutdown(pool)
        resources.checkReleased()
      }
    })))

  test("a resource is released with the defect of the job that died on it", () =>
    run(Effect.gen(function*() {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const worker = () => Effect.acquireRelease(Effect.void, (_, exit) => Effect.sync(() => exits.push(exit)))
      const pool = yield* make({ worker })
      yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
      yield* WorkerPool.shutdown(pool)
      assert.deepEqual(exits, [Exit.die("poison"), Exit.void])
    })))

  test("while one is replaced the others serve the queue, and there are never more than size", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let held = 0
      let most = 0
      const pool = yield* make({
        size: 2,
        worker: () =>
          Effect.acquireRelease(
            Effect.sync(() => (most = Math.max(most, ++held))),
            () => Effect.andThen(Deferred.await(gate), Effect.sync(() => held--))
          )
      })
      yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
      assert.equal(yield* WorkerPool.run(pool, Effect.succeed("served")), "served")
      assert.deepEqual([WorkerPool.stats(pool).idle, most], [1, 2])
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepEqual([WorkerPool.stats(pool).idle, most, held], [2, 2, 2])
    })))

  test("stats tells how many workers acquire a resource and how many release one", () =>
    run(Effect.gen(function*() {
      const gates = { acquire: yield* Deferred.make<void>(), release: yield* Deferred.make<void>() }
      let acquired = 0
      const pool = yield* make({
        size: 3,
        worker: () =>
          Effect.acquireRelease(
            Effect.suspend(() => ++acquired > 3 ? Deferred.await(gates.acquire) : Effect.void),
            () => Deferred.await(gates.release),
            { interruptible: true }
          )
      })
      const counts = () => {
        const { acquiring, idle, releasing, running } = WorkerPool.stats(pool)
        return [idle, running, acquiring, releasing]
      }
      assert.deepEqual(counts(), [3, 0, 0, 0])
      yield* WorkerPool.submit(pool, Effect.never)
      yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
      assert.deepEqual(counts(), [1, 1, 0, 1])
      yield* WorkerPool.resize(pool, 4)
      assert.deepEqual(counts(), [1, 1, 1, 1])
      yield* Deferred.succeed(gates.release, undefined)
      yield* settle
      assert.deepEqual(counts(), [1, 1, 2, 0])
      yield* Deferred.succeed(gates.acquire, undefined)
      yield* settle
      assert.deepEqual(counts(), [3, 1, 0, 0])
      yield* WorkerPool.shutdownNow(pool)
      assert.deepEqual(counts(), [0, 0, 0, 0])
    })))
})

describe("when a replacement fails (P5)", () => {
  /** A pool of two, whose third acquisition and those after it end so. */
  const failing = (end: Effect.Effect<unknown, string>, restart = Schedule.recurs(0)) => {
    let acquired = 0
    return make({ size: 2, restart, worker: () => Effect.suspend(() => ++acquired > 2 ? end : Effect.void) })
  }

  test.each([
    ["a failure", 0, Effect.fail("refused"), Cause.fail("refused")],
    ["a failure that was tried again", 3, Effect.fail("refused"), Cause.fail("refused")],
    ["a defect, which is not tried again,", Infinity, Effect.die("broken"), Cause.die("broken")]
  ])("%s is the cause that PoolFailed and PoolClosed tell", (_, restarts, end, cause) =>
    run(Effect.gen(function*() {
      const pool = yield* failing(Effect.andThen(Effect.yieldNow, end), Schedule.recurs(restarts))
      yield* WorkerPool.submit(pool, Effect.never)
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      const failure = yield* Effect.flip(WorkerPool.run(pool, Effect.void))
      assert.ok(failure instanceof WorkerPool.PoolFailed)
      assert.deepEqual([failure.worker, failure.cause], ["pool/worker-2", cause])
      const error = yield* Effect.flip(WorkerPool.run(pool, Effect.void))
      assert.ok(error instanceof WorkerPool.PoolClosed)
      assert.deepEqual([error.state, error.cause], ["failed", cause])
    })))

  test("every waiting job settles with PoolFailed, and what runs goes on and is waited for", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* failing(Effect.andThen(Effect.yieldNow, Effect.fail("refused")))
      const running = yield* WorkerPool.submit(pool, Effect.as(Deferred.await(gate), "fine"))
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      const waiting = yield* Effect.forEach([1, 2, 3, 4], () => WorkerPool.submit(pool, Effect.void))
      const blocked = yield* start(WorkerPool.submit(pool, Effect.void))
      yield* settle
      for (const handle of waiting) {
        assert.ok(squash(yield* handle.await) instanceof WorkerPool.PoolFailed)
        assert.equal(handle.state, "returned")
        assert.equal(yield* handle.cancel, false)
      }
      assert.ok(squash(yield* Fiber.await(blocked)) instanceof WorkerPool.PoolClosed)
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* settle
      expectPending(ending)
      yield* Deferred.succeed(gate, undefined)
      const { aborted, counts, returned } = yield* Fiber.join(ending)
      assert.deepEqual([aborted.length, returned.length, counts.submitted, counts.succeeded], [0, 4, 6, 1])
      assert.deepEqual(yield* running.await, Exit.succeed("fine"))
      balanced(pool)
    })))

  test("a shutdown's deadline holds also on a pool that has failed, or fails meanwhile", () =>
    run(
      Effect.gen(function*() {
        for (const first of ["fails", "drains"]) {
          const gate = yield* Deferred.make<void>()
          const pool = yield* failing(Effect.fail("refused"))
          const running = yield* WorkerPool.submit(pool, Effect.never)
          yield* WorkerPool.submit(pool, Effect.andThen(Deferred.await(gate), Effect.die("poison")))
          yield* WorkerPool.submit(pool, Effect.void)
          if (first === "fails") yield* Effect.andThen(Deferred.succeed(gate, undefined), settle)
          const ending = yield* start(WorkerPool.shutdown(pool, { deadline: "1 second" }))
          yield* Effect.andThen(Deferred.succeed(gate, undefined), settle)
          assert.equal(WorkerPool.stats(pool).state, "failed")
          yield* TestClock.adjust("1 second")
          yield* settle
          assert.equal(running.state, "interrupted")
          assert.deepEqual((yield* Fiber.join(ending)).aborted, [Effect.never])
        }
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("the restart schedule begins anew with each replacement", () =>
    run(
      Effect.gen(function*() {
        let down = false
        let attempts = 0
        const worker = () => Effect.suspend(() => (attempts++, down ? Effect.fail("refused") : Effect.void))
        const pool = yield* make({ worker, restart: Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(3)]) })
        for (let round = 0; round < 4; round++) {
          attempts = 0
          down = true
          yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
          yield* TestClock.adjust("2500 millis")
          assert.equal(attempts, 3)
          down = false
          yield* TestClock.adjust("500 millis")
          assert.equal(WorkerPool.stats(pool).idle, 1)
        }
        assert.equal(WorkerPool.stats(pool).replaced, 4)
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("by default it is tried five times more within 3.1 seconds", () =>
    run(
      Effect.gen(function*() {
        let attempts = 0
        const pool = yield* make({
          worker: () => Effect.suspend(() => ++attempts > 1 ? Effect.fail("refused") : Effect.void)
        })
        yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
        const seen: Array<number> = []
        for (const millis of [0, 100, 200, 400, 800, 1599]) {
          yield* TestClock.adjust(millis)
          seen.push(attempts - 1)
        }
        assert.deepEqual(seen, [1, 2, 3, 4, 5, 5])
        assert.equal(WorkerPool.stats(pool).state, "running")
        yield* TestClock.adjust(1)
        assert.deepEqual([attempts - 1, WorkerPool.stats(pool).state], [6, "failed"])
      }).pipe(withRandom(0.5), Effect.provide(TestClock.layer()))
    ))

  test("a drain that has nothing left to do does not wait for a replacement, nor fails with it", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool = yield* failing(Effect.never)
      yield* WorkerPool.submit(pool, Effect.die("poison"))
      const last = yield* WorkerPool.submit(pool, Deferred.await(gate))
      const ending = yield* start(WorkerPool.shutdown(pool))
      yield* Deferred.succeed(gate, undefined)
      assert.deepEqual((yield* Fiber.join(ending)).counts.succeeded, 1)
      assert.deepEqual([last.state, WorkerPool.stats(pool).state], ["succeeded", "stopped"])
    })))
})

describe("releases that go wrong", () => {
  const stuck = () => Effect.acquireRelease(Effect.void, () => Effect.andThen(Effect.yieldNow, Effect.die("stuck")))

  test("a release that dies is reported, and its worker gets another resource", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ worker: stuck })
      yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
      assert.equal(yield* WorkerPool.run(pool, Effect.succeed("served")), "served")
      const { releaseFailures } = yield* WorkerPool.shutdown(pool)
      assert.deepEqual(releaseFailures, [Cause.die("stuck"), Cause.die("stuck")])
    })))

  test("the scope's close dies of defects that no report contains, and of nothing else", () =>
    run(Effect.gen(function*() {
      for (const told of [true, false]) {
        const scope = yield* Scope.make()
        const pool = yield* Scope.provide(make({ size: 2, worker: stuck }), scope)
        yield* told ? WorkerPool.shutdown(pool) : Fiber.interrupt(yield* start(WorkerPool.shutdown(pool)))
        const exit = yield* Effect.exit(Scope.close(scope, Exit.void))
        assert.deepEqual(Exit.isSuccess(exit) ? [] : exit.cause.reasons.length, told ? [] : 2)
      }
    })))

  test("a release without end holds up its worker, and the end of the pool, and nothing else", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const worker: Worker = ({ id }) =>
        Effect.acquireRelease(Effect.void, () => id === 1 ? Deferred.await(gate) : Effect.void)
      const pool = yield* make({ size: 2, worker })
      yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
      for (let n = 0; n < 10; n++) yield* WorkerPool.run(pool, Effect.void)
      const ending = yield* start(WorkerPool.shutdownNow(pool))
      yield* settle
      expectPending(ending)
      assert.equal(WorkerPool.stats(pool).state, "stopping")
      yield* Deferred.succeed(gate, undefined)
      assert.equal((yield* Fiber.join(ending)).counts.succeeded, 10)
    })))

  test("an acquisition under way when the pool stops is interrupted, or waited for and released", () =>
    run(Effect.gen(function*() {
      for (const interruptible of [true, false]) {
        const gate = yield* Deferred.make<void>()
        const resources = new Resources()
        let acquired = 0
        const slow = Effect.andThen(Deferred.await(gate), resources.acquire)
        const again = interruptible ? slow : Effect.uninterruptible(slow)
        const pool = yield* make({ worker: () => Effect.suspend(() => ++acquired === 1 ? resources.acquire : again) })
        yield* Effect.exit(WorkerPool.run(pool, Effect.die("poison")))
        const ending = yield* start(WorkerPool.shutdownNow(pool))
        yield* settle
        assert.equal(ending.pollUnsafe() === undefined, !interruptible)
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(ending)
        assert.equal(resources.log.length, interruptible ? 2 : 4)
        resources.checkReleased()
      }
    })))
})
