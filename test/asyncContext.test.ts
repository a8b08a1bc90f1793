/**
 * What `AsyncLocalStorage` holds for jobs and children that begin in a later turn than their callers': as Effect keeps
 * it.
 */
import { Deferred, Effect, Exit, Fiber, Schedule, type Scope } from "effect"
import { AsyncLocalStorage, createHook } from "node:async_hooks"
import { Group, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import * as stack from "../src/internal/stack.js"
import { makePool } from "../src/internal/workerPool/make.js"
import { after, run, runTimed, settle, start } from "./support/effect.js"
import { Losing } from "./support/losing.js"

const request = new AsyncLocalStorage<string>()

/** The store that each user's effect has seen, attempt by attempt. */
class Seen {
  readonly all: Array<string> = []
  look(user: string): Effect.Effect<void> {
    return Effect.sync(() => void this.all.push(`${user} sees ${String(request.getStore())}`))
  }
  /** Runs an effect as that user would, from outside of any fiber. */
  as(user: string, effect: Effect.Effect<unknown, unknown>): Effect.Effect<void> {
    return Effect.sync(() => void request.run(user, () => Effect.runFork(effect)))
  }
  check(expected: ReadonlyArray<string>) {
    return Effect.andThen(
      settle,
      Effect.sync(() => {
        expect(this.all).toEqual(expected.map((user) => `${user} sees ${user}`))
      })
    )
  }
}

interface Job {
  readonly user: string
  readonly end: (attempt: number, invalidate: Effect.Effect<void>) => Effect.Effect<unknown, string>
}
type Options = Omit<
  Partial<WorkerPool.Options<Job, unknown, string, never, void, string, Scope.Scope>>,
  "deadlines" | "run"
>

const staging = (options: Options) =>
  Effect.gen(function*() {
    const seen = new Seen()
    const losing = new Losing()
    const pool: WorkerPool.WorkerPool<Job, unknown, string> = yield* makePool({
      size: 1,
      ...options,
      run: ({ end, user }: Job, { attempt, invalidate }) => Effect.andThen(seen.look(user), end(attempt, invalidate))
    }, losing)
    const gate = yield* Deferred.make<void, string>()
    const first: Job = { user: "first", end: () => Deferred.await(gate) }
    const job = (user: string, end: Job["end"] = () => Effect.void): Job => ({ user, end })
    const submit = (...jobs: ReadonlyArray<Job>) =>
      Effect.forEach(jobs, (job) => seen.as(job.user, WorkerPool.submit(pool, job)), { discard: true })
    const runs = (...jobs: ReadonlyArray<Job>) =>
      Effect.forEach(jobs, (job) => seen.as(job.user, WorkerPool.run(pool, job)), { discard: true })
    const open = seen.as("opener", Deferred.succeed(gate, undefined))
    const fail = seen.as("opener", Deferred.fail(gate, "planned"))
    return { fail, first, job, losing, open, pool, runs, seen, submit }
  })

describe("a job sees the store of its caller", () => {
  const queues: Record<string, NonNullable<Options["queue"]>> = {
    "in the queue": { capacity: "unbounded" },
    "with its caller, for room": { capacity: 1 },
    "with its caller, where there is no queue": { capacity: 0 },
    "for its turn by priority": { capacity: "unbounded", priority: () => 0 },
    "behind its key's limit": { capacity: "unbounded", key: () => "key", perKey: { concurrency: 1 } }
  }
  test.each(
    Object.entries(queues).flatMap(([name, queue]) =>
      (["submit", "runs"] as const).flatMap((how) =>
        (["open", "fail"] as const).map((end) => [name, how, end, queue] as const)
      )
    )
  )("that has waited %s: %s, and the job before ends by %s", (_, how, end, queue) =>
    run(Effect.gen(function*() {
      const stage = yield* staging({ size: "perKey" in queue ? 2 : 1, queue })
      yield* stage[how](stage.first, stage.job("ada"), stage.job("bob"), stage.job("cyd"))
      yield* settle
      yield* stage[end]
      yield* stage.seen.check(["first", "ada", "bob", "cyd"])
    })))

  test("in each attempt: at once, and after a pause in which others ran", () =>
    run(Effect.gen(function*() {
      const { job, runs, seen } = yield* staging({ retry: { schedule: Schedule.recurs(2) } })
      const again = job("ada", () => Effect.fail("planned"))
      yield* runs(again, job("bob"))
      yield* settle
      expect(seen.all.toSorted()).toEqual(["ada sees ada", "ada sees ada", "ada sees ada", "bob sees bob"])
    })))

  test("in an attempt that takes an idle worker at once, after one that killed its resource", () =>
    run(Effect.gen(function*() {
      const { job, runs, seen } = yield* staging({ size: 2, retry: { times: 0, poison: { kills: 2 } } })
      yield* runs(job("ada", (attempt) => attempt === 1 ? Effect.die("poison") : Effect.void))
      yield* seen.check(["ada", "ada"])
    })))

  test.each([1, 2])("that its resource hands back to a pool of %i workers", (size) =>
    run(Effect.gen(function*() {
      const { job, losing, runs, seen } = yield* staging({ size, worker: () => Effect.void })
      let lost = 0
      yield* runs(job("ada", () => ++lost === 1 ? Effect.andThen(Effect.yieldNow, losing.lose) : Effect.void))
      yield* seen.check(["ada", "ada"])
    })))

  test("that comes to a worker on whose loop its caller hears of the job before", () =>
    run(Effect.gen(function*() {
      const { first, job, open, pool, runs, seen } = yield* staging({})
      const handle = yield* WorkerPool.submit(pool, first)
      seen.all.length = 0
      yield* seen.as("ada", Effect.andThen(handle.await, WorkerPool.submit(pool, job("ada"))))
      yield* seen.as("bob", Effect.andThen(handle.await, WorkerPool.submit(pool, job("bob"))))
      yield* open
      yield* runs(job("cyd"))
      yield* seen.check(["ada", "bob", "cyd"])
    })))

  test("that is brought too deep on the stack to begin there, in one turn with another", () =>
    run(Effect.gen(function*() {
      const { job, pool, seen } = yield* staging({ size: 2 })
      yield* Effect.withFiber((fiber) => {
        const submit = (user: string) =>
          request.run(user, () => void Effect.runFork(WorkerPool.submit(pool, job(user))))
        const deep = (left: number): void => left > 0 ? stack.run(fiber, () => deep(left - 1)) : users.forEach(submit)
        const users = ["ada", "bob"]
        deep(32)
        return Effect.void
      })
      yield* seen.check(["ada", "bob"])
    })))

  test("that comes to an idle worker, behind one whose job begins in a later turn", () =>
    run(Effect.gen(function*() {
      const { fail, first, job, runs, seen } = yield* staging({
        size: 3,
        queue: { key: ({ user }) => user === "bob" || user === "cyd" ? user : "key", perKey: { concurrency: 1 } }
      })
      yield* runs(first, job("ada"))
      yield* settle
      yield* Effect.andThen(fail, runs(job("bob"), job("cyd")))
      yield* seen.check(["first", "ada", "bob", "cyd"])
    })))

  test("in the attempt after one that the pool's deadline has ended, together with another's", () =>
    runTimed(Effect.gen(function*() {
      const seen = new Seen()
      const pool = yield* WorkerPool.make({
        size: 2,
        retry: { schedule: Schedule.recurs(1) },
        deadlines: { run: "1 second" },
        run: (user: string, { attempt }) => Effect.andThen(seen.look(user), attempt === 1 ? Effect.never : Effect.void)
      })
      for (const user of ["ada", "bob"]) yield* seen.as(user, WorkerPool.run(pool, user))
      yield* after(1_000)
      yield* seen.check(["ada", "bob", "ada", "bob"])
    })))

  test("that takes the place of others which are interrupted", () =>
    run(Effect.gen(function*() {
      const { first, job, pool, seen, submit } = yield* staging({ queue: { capacity: 1 } })
      const running = yield* WorkerPool.submit(pool, first)
      const queued = yield* WorkerPool.submit(pool, job("queued"))
      yield* submit(job("ada"), job("bob"))
      seen.all.length = 0
      yield* seen.as("canceller", Effect.andThen(queued.cancel, running.cancel))
      yield* seen.check(["ada", "bob"])
    })))

  test("that waits while its worker's resource is replaced", () =>
    run(Effect.gen(function*() {
      const { job, seen, submit } = yield* staging({ worker: () => Effect.yieldNow })
      yield* submit(job("ada", (_, invalidate) => invalidate), job("bob"), job("cyd", () => Effect.die("poison")))
      yield* submit(job("dan"))
      yield* seen.check(["ada", "bob", "cyd", "dan"])
    })))

  test("that waits for a worker which a resize brings", () =>
    run(Effect.gen(function*() {
      const { first, job, pool, seen, submit } = yield* staging({ worker: () => Effect.yieldNow })
      yield* submit(first, job("ada"), job("bob"))
      yield* seen.as("resizer", WorkerPool.resize(pool, 2))
      yield* seen.check(["first", "ada", "bob"])
    })))
})

describe("a child sees the store of its parent", () => {
  const frees: Record<string, (group: Group.Group<string>) => Effect.Effect<unknown, string>> = {
    "a success": () => Effect.void,
    "a failure": () => Effect.fail("planned"),
    "an interrupt": () => Effect.interrupt,
    "a higher limit": (group) => Effect.andThen(Group.setLimit(group, 2), Effect.never)
  }
  test.each(
    Object.entries(frees).flatMap(([name, end]) =>
      (["go", "fork", "forEach"] as const).map((how) => [how, name, end] as const)
    )
  )("whose %s has waited for a place that %s frees", (how, _, end) =>
    run(Effect.gen(function*() {
      const seen = new Seen()
      const group = yield* Group.make<string>({ limit: 1, onFailure: "continue" })
      const gate = yield* Deferred.make<void>()
      yield* Group.go(group, Effect.andThen(Deferred.await(gate), end(group)))
      for (const user of ["ada", "bob", "cyd"]) {
        const work = Effect.andThen(seen.look(user), Effect.andThen(Effect.yieldNow, seen.look(user)))
        const bring = {
          go: () => Group.go(group, work),
          fork: () => Group.fork(group, work),
          forEach: () => Group.forEach(group, [0], () => work)
        }
        yield* seen.as(user, bring[how]())
      }
      yield* seen.as("opener", Deferred.succeed(gate, undefined))
      yield* seen.check(["ada", "ada", "bob", "bob", "cyd", "cyd"])
    })))

  test("that goes on after its own go, as before", () =>
    run(Effect.gen(function*() {
      const seen = new Seen()
      const group = yield* Group.make({ limit: 1 })
      const gate = yield* Deferred.make<void>()
      yield* Group.go(group, Deferred.await(gate))
      for (const user of ["ada", "bob"]) {
        yield* seen.as(user, Effect.andThen(Group.go(group, Effect.void), seen.look(user)))
      }
      yield* seen.as("opener", Deferred.succeed(gate, undefined))
      yield* settle
      expect(seen.all.toSorted()).toEqual(["ada sees ada", "bob sees bob"])
      expect(Exit.isSuccess(yield* Effect.exit(Group.wait(group)))).toBe(true)
    })))
})

describe("async hooks hear of the end of every wait", () => {
  /** How many waits are counted as live once the effect has ended. */
  const liveAfter = async (
    effect: Effect.Effect<unknown, unknown, Scope.Scope>
  ): Promise<[live: number, all: number]> => {
    const live = new Set<number>()
    let all = 0
    const hook = createHook({
      init: (id, type) => {
        if (type !== "sluice/Waiting") return
        all++
        live.add(id)
      },
      destroy: (id) => void live.delete(id)
    }).enable()
    await run(Effect.exit(effect))
    // Node tells of ends before the next immediates. A timer may come before them, or after.
    await new Promise((resolve) => setImmediate(resolve))
    hook.disable()
    return [live.size, all]
  }

  const pending = (
    end: (group: Group.Group<string>, call: Fiber.Fiber<unknown, unknown>) => Effect.Effect<unknown>,
    bring = (group: Group.Group<string>): Effect.Effect<void, string> => Group.go(group, Effect.void)
  ) =>
    Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1 })
      const gate = yield* Deferred.make<void, string>()
      yield* Group.go(group, Deferred.await(gate))
      const call = yield* start(bring(group))
      yield* end(group, call)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(call)
    })
  const each = (group: Group.Group<string>) => Group.forEach(group, [1, 2, 3], () => Effect.void)
  const waiting = (
    end: (pool: WorkerPool.WorkerPool<number, void>, call: Fiber.Fiber<unknown, unknown>) => Effect.Effect<unknown>,
    capacity: number
  ) =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const pool: WorkerPool.WorkerPool<number, void> = yield* WorkerPool.make({
        size: 1,
        queue: { capacity },
        run: (n: number) => Effect.andThen(Effect.succeed(n), Deferred.await(gate))
      })
      yield* WorkerPool.submit(pool, 1)
      const call = yield* start(WorkerPool.run(pool, 2))
      yield* end(pool, call)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(call)
    })

  test.each<[string, Effect.Effect<unknown, unknown, Scope.Scope>]>([
    ["a go that gets a place", pending(() => Effect.void)],
    ["a go that is interrupted", pending((_, call) => Fiber.interrupt(call))],
    ["a go that is refused", pending((group) => start(Group.cancel(group)))],
    ["a forEach that gets its places", pending(() => Effect.void, each)],
    ["a forEach that is interrupted", pending((_, call) => Fiber.interrupt(call), each)],
    ["a forEach that is refused", pending((group) => start(Group.cancel(group)), each)],
    ["a queued job that runs", waiting(() => Effect.void, 1)],
    ["a queued job that is cancelled", waiting((_, call) => Fiber.interrupt(call), 1)],
    ["a queued job whose pool ends", waiting((pool) => start(WorkerPool.shutdownNow(pool)), 1)],
    ["a job that waits for room, and runs", waiting(() => Effect.void, 0)],
    ["a job that waits for room, and is cancelled", waiting((_, call) => Fiber.interrupt(call), 0)],
    [
      "a job that waits for room, and whose pool ends",
      waiting((pool) => start(WorkerPool.shutdownNow(pool)), 0)
    ]
  ])("of %s", async (_, effect) => {
    expect(await liveAfter(effect)).toEqual([0, 1])
  })
})
