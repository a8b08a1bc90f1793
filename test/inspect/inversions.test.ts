import { Deferred, Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { Group, Semaphore, WorkerPool } from "sluice"
import type { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { type Guard, limits, type Observation, Orders } from "../../src/internal/inspect/order.js"
import { crosswise, fork, tags, watched } from "../support/inspect.js"
import { seed, times } from "../support/seed.js"

const tick = TestClock.adjust("1 second")

type Inverted = Extract<Inspect.Report, { readonly _tag: "Inverted" }>

const inverted = (reports: ReadonlyArray<Inspect.Report>): ReadonlyArray<Inverted> =>
  reports.filter((one) => one._tag === "Inverted")

/** Runs an effect while others hold the permits of a semaphore, over a sweep; then lets it go on to its end. */
const whileTaken = <A, E>(
  semaphore: Semaphore.Semaphore,
  effect: Effect.Effect<A, E>,
  capacity = Semaphore.stats(semaphore).capacity
) =>
  Effect.gen(function*() {
    const free = yield* Deferred.make<void>()
    yield* fork(Semaphore.withPermits(semaphore, capacity, Deferred.await(free)))
    const fiber = yield* fork(effect)
    yield* tick
    yield* Deferred.succeed(free, undefined)
    return yield* Fiber.join(fiber)
  })

const nested = (outer: Semaphore.Semaphore, inner: Semaphore.Semaphore) =>
  Semaphore.withPermit(outer, Semaphore.withPermit(inner, Effect.void))

const semaphores = Effect.gen(function*() {
  return [
    yield* Semaphore.make(1, { name: "a" }),
    yield* Semaphore.make(1, { name: "b" }),
    yield* Semaphore.make(1, { name: "c" })
  ] as const
})

describe("a lock-order inversion", () => {
  test("is reported once, with the lines of each wait and each hold, though there is no deadlock (I8)", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const [a, b] = yield* semaphores
        const transfer = Effect.fn("transfer")(function*() {
          yield* Semaphore.withPermit( // holds a
            a,
            Effect.gen(function*() {
              yield* Semaphore.withPermit(b, Effect.void) // waits for b
            })
          )
        })
        const audit = Effect.fn("audit")(function*() {
          yield* Semaphore.withPermit( // holds b
            b,
            Effect.gen(function*() {
              yield* Semaphore.withPermit(a, Effect.void) // waits for a
            })
          )
        })
        yield* whileTaken(b, transfer())
        expect(reports).toEqual([])
        yield* whileTaken(a, audit())
        yield* whileTaken(b, transfer())
        yield* whileTaken(a, audit())
        expect(tags(reports)).toEqual(["Inverted"])
        const [report] = inverted(reports)
        expect(report?.edges.map(({ held, wanted }) => [held.at?.text, wanted.at?.text])).toEqual([
          [`yield* Semaphore.withPermit( // holds b`, `yield* Semaphore.withPermit(a, Effect.void) // waits for a`],
          [`yield* Semaphore.withPermit( // holds a`, `yield* Semaphore.withPermit(b, Effect.void) // waits for b`]
        ])
        expect(report?.edges.map(({ held, wanted }) => held.resource === wanted.resource)).toEqual([false, false])
        expect(report?.text).toMatch(
          /^Lock-order inversion: semaphore b, semaphore a are taken in two orders\. A deadlock is possible\n {2}fiber \d+ \(audit\) held a permit of semaphore b at .* `.*`, and waited for a permit of semaphore a at .*\n {2}fiber \d+ \(transfer\) held a permit of semaphore a /
        )
      })
    ))

  test("of three resources is reported", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const [a, b, c] = yield* semaphores
        yield* whileTaken(b, nested(a, b))
        yield* whileTaken(c, nested(b, c))
        expect(reports).toEqual([])
        yield* whileTaken(a, nested(c, a))
        expect(inverted(reports).map(({ edges }) => edges.length)).toEqual([3])
        expect(reports[0]?.text).toContain("are taken in a circle")
      })
    ))

  test("of a semaphore and the workers of a pool is reported, with the job", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(2, { name: "db" })
        const pool = yield* WorkerPool.make({
          name: "chapters",
          size: 4,
          run: (n: number) => Semaphore.withPermit(db, Effect.succeed(n))
        })
        yield* whileTaken(db, WorkerPool.run(pool, 1))
        expect(reports).toEqual([])
        const free = yield* Deferred.make<void>()
        // The first job waits, so the caller does.
        yield* fork(Semaphore.withPermit(db, Deferred.await(free)))
        yield* fork(Semaphore.withPermit(db, WorkerPool.run(pool, 2)))
        yield* tick
        expect(tags(reports)).toEqual(["Inverted"])
        expect(reports[0]?.text).toMatch(/\(job 1 of pool chapters\) held a worker of pool chapters/)
        yield* Deferred.succeed(free, undefined)
      })
    ))

  test("of a group's places and a semaphore is reported, with scoped permits", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        const group = yield* Group.make({ limit: 1, name: "uploads" })
        yield* whileTaken(db, Group.go(group, Semaphore.withPermit(db, Effect.void)))
        const free = yield* Deferred.make<void>()
        yield* Group.go(group, Deferred.await(free))
        yield* fork(
          Effect.scoped(Effect.andThen(Semaphore.acquire(db, 1), Group.go(group, Effect.void)))
        )
        yield* tick
        yield* Deferred.succeed(free, undefined)
        expect(inverted(reports).map(({ edges }) => edges.map(({ held }) => held.of))).toEqual([["permits", "places"]])
      })
    ))

  test("is reported though many more waits were new in the same sweep", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const [db] = yield* semaphores
        const own = Array.from({ length: 25 }, () => Semaphore.makeUnsafe(1))
        const free = yield* Deferred.make<void>()
        yield* fork(Semaphore.withPermit(db, Deferred.await(free)))
        for (const one of own) yield* fork(nested(one, db))
        yield* tick
        yield* tick
        yield* Deferred.succeed(free, undefined)
        for (const one of [own.at(0)!, own.at(-1)!]) yield* whileTaken(one, nested(db, one))
        expect(tags(reports)).toEqual(["Inverted", "Inverted"])
      })
    ))

  test("of the keys of a semaphore is reported", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const keyed = yield* Semaphore.makeKeyed({ permits: 2, name: "tenants" })
        const [ada, bob] = [Semaphore.forKey(keyed, "ada"), Semaphore.forKey(keyed, "bob")]
        // A key that is not in use has no permits.
        for (const key of [ada, bob]) yield* fork(Semaphore.withPermit(key, Effect.never))
        yield* whileTaken(bob, nested(ada, bob), 1)
        yield* whileTaken(ada, nested(bob, ada), 1)
        expect(tags(reports)).toEqual(["Inverted"])
        expect(reports[0]?.text).toContain("semaphore tenants (key bob), semaphore tenants (key ada) are taken in two")
      })
    ))
})

describe("no lock-order inversion is reported", () => {
  const both = (
    program: (
      all: readonly [Semaphore.Semaphore, Semaphore.Semaphore, Semaphore.Semaphore]
    ) => Effect.Effect<unknown, unknown, Scope.Scope>,
    options: Inspect.LayerOptions = {}
  ) =>
    watched((reports) =>
      Effect.gen(function*() {
        yield* program(yield* semaphores)
        expect(reports).toEqual([])
      }), options)

  test("where both fibers hold the same gate", () =>
    both(([a, b, gate]) =>
      Effect.gen(function*() {
        yield* whileTaken(b, Semaphore.withPermit(gate, nested(a, b)))
        yield* whileTaken(a, Semaphore.withPermit(gate, nested(b, a)))
      })
    ))

  test("where one fiber does both, one after the other", () =>
    both(([a, b]) =>
      Effect.gen(function*() {
        const go = yield* Deferred.make<void>()
        const fiber = yield* fork(Effect.andThen(nested(a, b), Effect.andThen(Deferred.await(go), nested(b, a))))
        yield* Fiber.interrupt(fiber)
        const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        yield* fork(Semaphore.withPermit(b, Deferred.await(first)))
        yield* fork(Effect.andThen(nested(a, b), Effect.andThen(Deferred.await(go), nested(b, a))))
        yield* tick
        yield* Deferred.succeed(first, undefined)
        yield* fork(Semaphore.withPermit(a, Deferred.await(second)))
        yield* Deferred.succeed(go, undefined)
        yield* tick
        yield* Deferred.succeed(second, undefined)
      })
    ))

  test("where the option `order` is false", () =>
    both(([a, b]) =>
      Effect.gen(function*() {
        yield* whileTaken(b, nested(a, b))
        yield* whileTaken(a, nested(b, a))
      }), { order: false }))

  test("where all permits are taken at once", () =>
    both(([a, b]) =>
      Effect.gen(function*() {
        yield* whileTaken(b, Semaphore.withAll([[a, 1], [b, 1]], Effect.void))
        yield* whileTaken(a, Semaphore.withAll([[b, 1], [a, 1]], Effect.void))
      })
    ))

  test("in addition to the deadlock that it has become", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const [a, b] = yield* semaphores
        for (const effect of crosswise(a, b)) yield* fork(effect)
        yield* tick
        yield* tick
        expect(tags(reports)).toEqual(["Deadlock"])
      })
    ))

  test("where a gate has permits for both, it is", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const [a, b] = yield* semaphores
        const gate = yield* Semaphore.make(2)
        yield* whileTaken(b, Semaphore.withPermit(gate, nested(a, b)))
        yield* whileTaken(a, Semaphore.withPermit(gate, nested(b, a)))
        expect(tags(reports)).toEqual(["Inverted"])
      })
    ))
})

describe("the graph of orders", () => {
  const resources = Array.from({ length: 5 }, (_, n) => ({ n }))

  interface Seen {
    readonly by: number
    readonly wants: number
    readonly holds: ReadonlyArray<readonly [resource: number, weight: number]>
  }

  const isSubset = <A>(one: ReadonlySet<A>, other: ReadonlySet<A>) => [...one].every((a) => other.has(a))

  const capacityOf = (n: number): number => n % 2 + 1

  const seen: fc.Arbitrary<Seen> = fc.record({
    by: fc.nat(2),
    wants: fc.nat(4),
    holds: fc.uniqueArray(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 2 })), {
      minLength: 1,
      maxLength: 3,
      selector: ([resource]) => resource
    })
  })

  /** All sets of resources on whose circles fibers may wait for each other: every choice of observations is tried. */
  const circlesOf = (all: ReadonlyArray<Seen>): ReadonlyArray<ReadonlySet<number>> => {
    const circles: Array<ReadonlySet<number>> = []
    const fits = (one: Seen, other: Seen) =>
      one.holds.every(([gate, weight]) => {
        const more = other.holds.find(([resource]) => resource === gate)?.[1] ?? -Infinity
        return weight + more <= capacityOf(gate)
      })
    const visit = (path: ReadonlyArray<readonly [from: number, seen: Seen]>): void => {
      const at = path.at(-1)![1].wants
      if (path.length > 1 && at === path[0]![0]) {
        if (new Set(path.map(([, { by }]) => by)).size > 1) circles.push(new Set(path.map(([from]) => from)))
        return
      }
      if (path.some(([from]) => from === at)) return
      for (const next of all) {
        if (next.wants === at || !next.holds.some(([resource]) => resource === at)) continue
        if (path.every(([, one]) => fits(one, next))) visit([...path, [at, next]])
      }
    }
    for (const first of all) {
      for (const [from] of first.holds) if (from !== first.wants) visit([[from, first]])
    }
    return circles
  }

  const observation = ({ by, holds, wants }: Seen): Observation<Guard> => ({
    by,
    wants: resources[wants]!,
    holds: holds.map(([n, weight]) => ({ of: resources[n]!, weight, capacity: capacityOf(n) }))
  })

  test("has a cycle if and only if fibers that were seen can wait for each other, and reports the least ones (I8)", () => {
    let found = 0
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 10 }), (all) => {
        const orders = new Orders<Guard, object>({ edges: 100, contexts: 100, longest: 5, steps: Infinity })
        const cycles = all.flatMap((one) => orders.add(observation(one), ({ of }) => of))
        const reported = cycles.map((cycle) => new Set(cycle.map((of) => resources.indexOf(of as { n: number }))))
        const circles = circlesOf(all)
        if (circles.length > 0) found++
        for (const one of reported) expect(circles).toContainEqual(one)
        for (const circle of circles) expect(reported.some((one) => isSubset(one, circle))).toBe(true)
        for (const [i, one] of reported.entries()) {
          expect(reported.slice(0, i).some((earlier) => isSubset(earlier, one))).toBe(false)
        }
      }),
      { numRuns: times(2_000), seed: seed() }
    )
    expect(found).toBeGreaterThan(times(2_000) / 20)
  })

  test("keeps a limited number of edges and of contexts", () => {
    const orders = new Orders<Guard, number>({ ...limits, edges: 3 })
    const many = Array.from({ length: 10 }, () => ({}))
    let notes = 0
    for (const of of many) orders.add({ by: 1, wants: many, holds: [{ of, weight: 1, capacity: 1 }] }, () => notes++)
    expect([orders.size, notes]).toEqual([3, 3])
    // Each with a guard of its own.
    for (const gate of many) {
      const holds = [{ of: many[0]!, weight: 2, capacity: 2 }, { of: gate, weight: 1, capacity: 1 }]
      orders.add({ by: 2, wants: many, holds: holds.slice(gate === many[0] ? 1 : 0) }, () => notes++)
    }
    expect(orders.size).toBe(3)
    expect(notes).toBeLessThanOrEqual(3 * limits.contexts)
  })
})
