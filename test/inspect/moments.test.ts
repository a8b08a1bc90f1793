/** Dumps from where books are about to change: finalizers, releases of resources, and hand-overs in one step (I2). */
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { AdaptiveLimit, Group, Semaphore, WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { fork, settle, watched } from "../support/inspect.js"

/** The lines of a resource, with the fibers that hold something, and how many wait. */
const booksOf = ({ resources }: Inspect.Dump, name: string) => {
  const found = resources.find((one) => one.name === name)
  return found && {
    lines: found.lines.map(({ held, holders }) => [held, holders.map(({ by }) => by)]),
    waiting: found.waiting,
    jobs: found.jobs?.map(({ id, state }) => [id, state]),
    workers: found.workers?.map(({ state }) => state)
  }
}

const stateOf = ({ fibers }: Inspect.Dump, fiber: Fiber.Fiber<unknown, unknown>) =>
  fibers.find(({ id }) => id === `fiber ${fiber.id}`)?.state

describe("a dump is of one moment", () => {
  test("in a finalizer within a permit, and in one after it", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        const dumps: Array<Inspect.Dump> = []
        const look = Effect.map(Inspect.dump, (dump) => void dumps.push(dump))
        const begun = yield* Deferred.make<void>()
        const body = Effect.ensuring(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never), look)
        const fiber = yield* fork(Effect.ensuring(Semaphore.withPermit(db, body), look))
        yield* Deferred.await(begun)
        const waiter = yield* fork(Semaphore.withPermit(db, Effect.never))
        yield* Fiber.interrupt(fiber)
        const [inside, after] = dumps
        expect(booksOf(inside!, "db")).toMatchObject({ lines: [[1, [`fiber ${fiber.id}`]]], waiting: 1 })
        expect(inside!.fibers.find(({ id }) => id === `fiber ${fiber.id}`)).toMatchObject({
          state: "running",
          interrupted: true
        })
        expect(stateOf(inside!, waiter)).toBe("waiting")
        expect(inside!.deadlocks).toEqual([])
        // After an interrupt, the permit becomes the waiter's in a later turn (S7).
        expect(booksOf(after!, "db")).toMatchObject({ lines: [[0, []]], waiting: 1 })
      })
    ))

  test("in a finalizer of a scope that holds permits", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(2, { name: "db" })
        const scope = yield* Scope.make()
        const dumps: Array<Inspect.Dump> = []
        const look = () => Effect.map(Inspect.dump, (dump) => void dumps.push(dump))
        // Finalizers run in reverse order.
        yield* Scope.addFinalizer(scope, Effect.suspend(look))
        yield* Scope.provide(Semaphore.acquire(db, 2), scope)
        yield* Scope.addFinalizer(scope, Effect.suspend(look))
        const waiter = yield* fork(Semaphore.withPermit(db, Effect.never))
        yield* Scope.close(scope, Exit.void)
        expect(dumps.map((dump) => booksOf(dump, "db")?.lines[0]?.[0])).toEqual([2, 1])
        expect(dumps.map((dump) => stateOf(dump, waiter))).toEqual(["waiting", "suspended"])
      })
    ))

  test("in the acquisition and the release of a worker's resource", () =>
    watched(() =>
      Effect.gen(function*() {
        const dumps: Array<Inspect.Dump> = []
        const look = Effect.map(Inspect.dump, (dump) => void dumps.push(dump))
        const scope = yield* Scope.make()
        const pool = yield* Scope.provide(
          WorkerPool.make({
            name: "mail",
            size: 1,
            worker: () => Effect.acquireRelease(look, () => look),
            run: () => Effect.never
          }),
          scope
        )
        const caller = yield* fork(Effect.exit(WorkerPool.run(pool, 1)))
        yield* settle
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.await(caller)
        expect(dumps.map((dump) => booksOf(dump, "mail"))).toMatchObject([
          { lines: [[1, [expect.any(String)]]], jobs: [], workers: ["acquiring"] },
          { jobs: [], workers: ["releasing"] }
        ])
        for (const dump of dumps) expect(dump.deadlocks).toEqual([])
      })
    ))

  /** Runs an effect in one of a resource's places. */
  type Within = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, unknown>

  const makers: Readonly<Record<string, Effect.Effect<Within, never, Scope.Scope>>> = {
    "a semaphore": Effect.map(
      Semaphore.make(1, { name: "it" }),
      (semaphore): Within => Semaphore.withPermit(semaphore)
    ),
    "a limit": Effect.map(
      AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ initial: 1, max: 1 }), name: "it" }),
      (limit): Within => AdaptiveLimit.withPermit(limit)
    ),
    "a group": Effect.map(
      Group.make<unknown>({ limit: 1, name: "it" }),
      (group): Within => (effect) => Effect.flatMap(Group.fork(group, effect), Fiber.join)
    ),
    "a pool": Effect.map(
      WorkerPool.make({ name: "it", size: 1, run: (job: Effect.Effect<unknown, unknown>) => job }),
      (pool): Within => (effect) => WorkerPool.run(pool, effect) as Effect.Effect<never, unknown>
    )
  }

  test.each(Object.entries(makers))(
    "from a fiber that %s lets go on as another one ends",
    (name, make) =>
      watched(() =>
        Effect.gen(function*() {
          const within = yield* make
          const first = yield* Deferred.make<void>()
          const giver = yield* fork(within(Deferred.await(first)))
          const taken: Array<Inspect.Dump> = []
          let order = ""
          const look = Effect.map(Inspect.dump, (dump) => {
            order += "look "
            taken.push(dump)
          })
          const taker = yield* fork(within(look))
          const last = yield* fork(within(Effect.void))
          yield* settle
          const before = yield* Inspect.dump
          expect(booksOf(before, "it")?.lines[0]?.[0]).toBe(1)
          yield* Deferred.succeed(first, undefined)
          order += "succeeded"
          yield* Effect.all([giver, taker, last].map(Fiber.join))
          // In the step in which the first one has ended.
          expect(order).toBe("look succeeded")
          const [dump] = taken
          expect(booksOf(dump!, "it")?.lines[0]?.[0]).toBe(1)
          // A group does not know a child until it has suspended: it counts, and is not named.
          const isNamed = name !== "a group"
          expect(booksOf(dump!, "it")?.lines[0]?.[1]).toEqual(isNamed ? [expect.any(String)] : [])
          expect(dump!.fibers.filter(({ state }) => state === "running").length).toBe(isNamed ? 1 : 0)
          expect(dump!.deadlocks).toEqual([])
          expect(stateOf(dump!, last)).toBe("waiting")
        })
      )
  )
})
