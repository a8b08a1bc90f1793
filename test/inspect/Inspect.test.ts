import { Clock, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AdaptiveLimit, Group, Semaphore, WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { describe, expect, test } from "vitest"
import { crosswise, fork, run, settle, tags, twice, watched } from "../support/inspect.js"

describe("a dump", () => {
  test("shows the holders and waiters of a semaphore, and their lines, though nobody watched", () =>
    run(Effect.gen(function*() {
      const db = yield* Semaphore.make(3, { name: "unwatched" })
      const holder = yield* fork(Effect.gen(function*() {
        yield* Semaphore.withPermits(db, 2, Effect.never) // holds
      }))
      const waiter = yield* fork(Effect.gen(function*() {
        return yield* Semaphore.withPermits(db, 2, Effect.void) // waits
      }))
      const dump = yield* Inspect.dump
      const found = dump.resources.find(({ name }) => name === "unwatched")!
      expect(found.lines).toMatchObject([{ of: "permits", capacity: 3, held: 2 }])
      expect(found.lines[0]!.holders).toMatchObject([{ by: `fiber ${holder.id}`, weight: 2, until: "exit" }])
      expect(found.lines[0]!.holders[0]!.at?.text).toContain("// holds")
      expect(found.waits).toMatchObject([{ by: `fiber ${waiter.id}`, for: "2 permits", ahead: 0 }])
      expect(found.waits[0]!.at?.text).toContain("// waits")
      expect(found.waits[0]!.millis).toBe(undefined)
      expect(dump.watchedSince).toBe(undefined)
      expect(dump.missing.join()).toContain("Nobody watches")
    })))

  test("shows for how long, and holds of scopes, while somebody watches", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(2, { name: "db" })
        yield* fork(Effect.andThen(Semaphore.acquire(db, 1), Effect.never))
        yield* fork(Semaphore.withPermit(db, Effect.never))
        yield* fork(Semaphore.withPermit(db, Effect.void))
        yield* TestClock.adjust("5 seconds")
        const { resources } = yield* Inspect.dump
        const [found] = resources
        expect(found?.lines[0]?.holders.map(({ millis, until }) => [until, millis])).toEqual([
          ["scope", 4_000],
          ["exit", 4_000]
        ])
        expect(found?.waits[0]?.millis).toBe(4_000)
      })
    ))

  test("shows the permits of a key once, also where the program keeps the semaphore of the key", () =>
    run(Effect.gen(function*() {
      const keyed = yield* Semaphore.makeKeyed({ permits: 1, name: "tenants" })
      const ofKey = Semaphore.forKey(keyed, "ada")
      yield* fork(Semaphore.withPermit(ofKey, Effect.never))
      yield* fork(Semaphore.withPermit(ofKey, Effect.void))
      const dump = yield* Inspect.dump
      const found = dump.resources.filter(({ name }) => name === "tenants")
      expect(found.map(({ key, waiting }) => [key, waiting])).toEqual([[undefined, 0], ["ada", 1]])
      expect(yield* Inspect.explain(ofKey)).toContain("Semaphore tenants (key ada): 1 of 1 permit taken, 1 waits")
      expect(ofKey.name).toBe("tenants")
    })))

  test("names the semaphore of withAll that has no room", () =>
    watched(() =>
      Effect.gen(function*() {
        const [free, full] = [yield* Semaphore.make(1, { name: "free" }), yield* Semaphore.make(1, { name: "full" })]
        const holder = yield* fork(Semaphore.withPermit(full, Effect.never))
        const both = Semaphore.withAll([[free, 1], [full, 1]], Effect.void)
        const first = yield* fork(both)
        const second = yield* fork(Semaphore.withPermit(free, Effect.void))
        const reason =
          `Fiber ${first.id} waits for a permit of semaphore full (first in line, 1 of 1 held; one is held ` +
          `by fiber ${holder.id}). Fiber ${holder.id} is suspended outside of sluice, or runs, at an unknown line.`
        expect(yield* Inspect.explain(first)).toBe(reason)
        expect(yield* Inspect.explain(second)).toBe(
          `Fiber ${second.id} waits for a permit of semaphore free (behind 1 other, 0 of 1 held). ${reason}`
        )
        const dump = yield* Inspect.dump
        expect(dump.resources.map(({ waits }) => waits.map(({ fits }) => fits))).toEqual([[true, undefined], [
          undefined
        ]])
        expect(Inspect.toText(dump)).toContain("waits for a permit, with room here and none elsewhere\n")
      })
    ))

  test("names the pool of a job without a number once", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({ size: 1, name: "mail", queue: { capacity: 0 }, run: () => Effect.never })
        yield* fork(WorkerPool.run(pool, 1))
        const caller = yield* fork(WorkerPool.run(pool, 2))
        expect(yield* Inspect.explain(caller)).toContain(
          "waits for a job of pool mail that waits for room. Blocked job 1 "
        )
      })
    ))

  test("names the semaphore of withAll that a member of a deadlock waits for", () =>
    watched(() =>
      Effect.gen(function*() {
        const [free, own] = [yield* Semaphore.make(1, { name: "free" }), yield* Semaphore.make(1, { name: "own" })]
        yield* fork(Semaphore.withPermit(own, Semaphore.withAll([[free, 1], [own, 1]], Effect.void)))
        const { deadlocks, resources } = yield* Inspect.dump
        const id = resources.find(({ name }) => name === "own")?.id
        expect(deadlocks).toMatchObject([{
          evidence: "certain",
          members: [{ resource: id, holds: [{ resource: id }] }]
        }])
      })
    ))

  test("shows children, requests for a place, and fibers that wait for a group", () =>
    watched(() =>
      Effect.gen(function*() {
        const group = yield* Group.make({ limit: 1, name: "uploads" })
        yield* Group.go(group, Effect.never)
        const pending = yield* fork(Group.go(group, Effect.void))
        const waiter = yield* fork(Group.wait(group))
        const { resources: [found] } = yield* Inspect.dump
        expect(found).toMatchObject({ kind: "group", name: "uploads", lines: [{ of: "places", capacity: 1, held: 1 }] })
        expect(found?.waits.map(({ by, for: what }) => [by, what])).toEqual([
          [`fiber ${pending.id}`, "a place"],
          [`fiber ${waiter.id}`, "the children"]
        ])
      })
    ))

  test("shows jobs, workers and callers of a pool", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({
          size: 1,
          name: "mail",
          queue: { capacity: 1 },
          run: (n: number) => n > 1 ? Effect.void : Effect.never
        })
        const caller = yield* fork(WorkerPool.run(pool, 1))
        const handle = yield* WorkerPool.submit(pool, 2)
        const waiter = yield* fork(handle.await)
        const blocked = yield* fork(WorkerPool.submit(pool, 3))
        const { resources: [found] } = yield* Inspect.dump
        expect(found?.lines).toMatchObject([{ of: "workers", capacity: 1, held: 1 }])
        expect(found?.jobs?.map(({ id, state }) => [id, state])).toEqual([[1, "running"], [2, "queued"], [
          0,
          "blocked"
        ]])
        expect(found?.workers).toMatchObject([{ id: 1, state: "busy", job: 1 }])
        expect(found?.waits.map(({ by, for: what }) => [by, what])).toEqual([
          [`fiber ${caller.id}`, "job 1 of pool mail"],
          [`fiber ${waiter.id}`, "job 2 of pool mail"],
          [`fiber ${blocked.id}`, "room in the queue"]
        ])
      })
    ))

  test("tells apart the jobs of a pool that wait for room, which have no numbers yet", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({
          size: 1,
          name: "mail",
          queue: { capacity: 0 },
          run: () => Effect.never
        })
        yield* WorkerPool.submit(pool, 1)
        const callers = yield* Effect.forEach([2, 3, 4], (n) => fork(WorkerPool.run(pool, n)))
        const { resources: [found] } = yield* Inspect.dump
        const refs = [1, 2, 3].map((n) => `blocked job ${n} of ${found?.id}`)
        expect(found?.jobs?.map(({ ref }) => ref)).toEqual([`job 1 of ${found?.id}`, ...refs])
        expect(found?.waits.map(({ by, on }) => [by, on])).toEqual(
          callers.map(({ id }, i) => [`fiber ${id}`, [refs[i]]])
        )
        const places = ["first in line", "behind 1 other", "behind 2 others"]
        for (const [i, caller] of callers.entries()) {
          const reason = `Blocked job ${i + 1} of pool mail waits for room in the queue (${places[i]}, 1 of 1 busy`
          expect(yield* Inspect.explain(caller)).toContain(reason)
          expect(yield* Inspect.explain(`blocked job ${i + 1} of pool mail`)).toContain(reason)
        }
        expect(yield* Inspect.explain("blocked job 4 of pool mail")).toBe(
          "Blocked job 4 of pool mail neither holds nor waits for anything of sluice, or has ended."
        )
      })
    ))

  test("shows a limit, and the keys of a keyed semaphore that are in use", () =>
    watched(() =>
      Effect.gen(function*() {
        const limit = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ initial: 1, max: 1 }), name: "api" })
        const keyed = yield* Semaphore.makeKeyed({ permits: 1, name: "tenants" })
        yield* fork(AdaptiveLimit.withPermit(limit, Effect.never))
        yield* fork(AdaptiveLimit.withPermit(limit, Effect.never))
        yield* fork(Semaphore.withPermit(Semaphore.forKey(keyed, "ada"), Effect.never))
        const { resources } = yield* Inspect.dump
        expect(resources.map(({ key, kind, name, waiting }) => [kind, name, key, waiting])).toEqual([
          ["limit", "api", undefined, 1],
          ["semaphore", "tenants", undefined, 0],
          ["semaphore", "tenants", "ada", 0]
        ])
      })
    ))

  test("has the keys in use and the waits of a keyed semaphore in its text, and in its explanation", () =>
    watched(() =>
      Effect.gen(function*() {
        const keyed = yield* Semaphore.makeKeyed<string>({ permits: 1, name: "tenants" })
        expect(yield* Inspect.explain(keyed)).toBe("Semaphore tenants: 0 keys in use. Nobody waits for it.")
        const holder = yield* fork(Semaphore.withPermit(Semaphore.forKey(keyed, "ada"), Effect.never))
        const waiter = yield* fork(Semaphore.withPermit(Semaphore.forKey(keyed, "ada"), Effect.never))
        expect(Inspect.toText(yield* Inspect.dump)).toContain("semaphore tenants: 1 key in use, 1 waits\n")
        expect(yield* Inspect.explain(keyed)).toBe(
          `Semaphore tenants: 1 key in use, 1 waits. Fiber ${waiter.id} waits for a permit of semaphore tenants ` +
            `(key ada) (first in line, 1 of 1 held; one is held by fiber ${holder.id}). ` +
            `Fiber ${holder.id} is suspended outside of sluice, or runs, at an unknown line.`
        )
      })
    ))

  test("is plain data", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        yield* fork(twice(db))
        const dump = yield* Inspect.dump
        expect(JSON.parse(JSON.stringify(dump))).toEqual(JSON.parse(JSON.stringify(structuredClone(dump))))
        expect(Inspect.toText(dump)).toContain("deadlock-1 (certain): 1 waits for itself")
      })
    ))

  test("of one moment, also from inside of a fiber that was resumed (I2)", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        const first = yield* Deferred.make<void>()
        yield* fork(Semaphore.withPermit(db, Deferred.await(first)))
        const second = yield* fork(Semaphore.withPermit(db, Inspect.dump))
        yield* fork(Semaphore.withPermit(db, Effect.void))
        yield* Deferred.succeed(first, undefined)
        const { fibers, resources: [found] } = yield* Fiber.join(second)
        expect(found?.lines[0]?.held).toBe(1)
        expect(found?.lines[0]?.holders).toMatchObject([{ by: `fiber ${second.id}` }])
        expect(found?.waiting).toBe(1)
        expect(fibers.find(({ id }) => id === `fiber ${second.id}`)?.state).toBe("running")
      })
    ))
})

describe("evidence", () => {
  const evidence = Effect.map(Inspect.deadlocks, (all) => all.map((one) => [one.evidence, one.members.length]))

  test("is certain for semaphores taken in two orders", () =>
    watched(() =>
      Effect.gen(function*() {
        const [a, b] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
        const [first, second] = crosswise(a, b)
        yield* fork(first)
        yield* fork(second)
        yield* fork(Semaphore.withPermit(a, Effect.void))
        yield* settle
        expect(yield* evidence).toEqual([["certain", 2]])
        const [deadlock] = yield* Inspect.deadlocks
        expect(deadlock?.behind).toBe(1)
      })
    ))

  test.each([
    ["Effect.all", (effect: Effect.Effect<void>) => Effect.all([effect, effect], { concurrency: 2 })],
    ["Fiber.join", (effect: Effect.Effect<void>) => Effect.flatMap(Effect.forkChild(effect), Fiber.join)],
    ["a race of two that wait", (effect: Effect.Effect<void>) => Effect.race(effect, effect)]
  ])("is derived for a holder that waits in %s", (_, wait) =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        yield* fork(Semaphore.withPermit(db, wait(Semaphore.withPermit(db, Effect.void))))
        yield* settle
        expect((yield* evidence).map(([how]) => how)).toEqual(["derived"])
      })
    ))

  test.each([
    ["a timeout", (effect: Effect.Effect<void>) => Effect.timeout(effect, "1 hour")],
    ["a race", (effect: Effect.Effect<void>) => Effect.raceFirst(effect, Effect.never)]
  ])("is none under %s, which another fiber may end", (_, bound) =>
    watched(() =>
      Effect.gen(function*() {
        const [a, b] = [yield* Semaphore.make(1), yield* Semaphore.make(1)]
        const [first, second] = crosswise(a, b)
        yield* fork(first)
        yield* fork(bound(second))
        yield* settle
        expect(yield* evidence).toEqual([])
      })
    ))

  test.each([
    [
      "a group",
      (one: Effect.Effect<void>, other: Effect.Effect<void>) =>
        Group.scoped(Effect.andThen(Group.go(one), Group.go(other)))
    ],
    ["two jobs", (one: Effect.Effect<void>, other: Effect.Effect<void>) =>
      Effect.scoped(Effect.flatMap(
        WorkerPool.make({ size: 2, run: (job: Effect.Effect<void>) => job }),
        (pool) => WorkerPool.runAll(pool, [one, other])
      ))]
  ])("is none for %s under a timeout", (_, wait) =>
    watched(() =>
      Effect.gen(function*() {
        const effects = crosswise(yield* Semaphore.make(1), yield* Semaphore.make(1))
        const all = wait(...effects)
        const bounded = yield* fork(Effect.timeout(all, "1 hour"))
        yield* settle
        expect(yield* evidence).toEqual([])
        yield* Fiber.interrupt(bounded)
        yield* fork(all)
        yield* settle
        expect((yield* evidence).map(([how]) => how)).toEqual(["certain"])
      })
    ))

  test("is none for a sibling in Effect.all that may fail, when the holder waits for both", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        const inner = Effect.all([Semaphore.withPermit(db, Effect.void), Effect.never], { concurrency: 2 })
        yield* fork(Semaphore.withPermit(db, inner))
        expect(yield* evidence).toEqual([])
      })
    ))

  test("is a suspicion where permits belong to a scope", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        yield* fork(Effect.scoped(Effect.andThen(Semaphore.acquire(db, 1), Semaphore.withPermit(db, Effect.void))))
        expect(yield* evidence).toEqual([["suspected", 1]])
      })
    ))

  test("is none for a pool's jobs with a deadline of their own", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        const pool = yield* WorkerPool.make({ size: 1, deadlines: { run: "1 hour" }, run: () => twice(db) })
        yield* WorkerPool.submit(pool, undefined)
        expect(yield* evidence).toEqual([])
      })
    ))

  test("is certain for a job that maps over its own pool", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool: WorkerPool.WorkerPool<number, unknown> = yield* WorkerPool.make({
          size: 1,
          run: (n: number): Effect.Effect<void> =>
            n === 0 ? Effect.void : Effect.ignore(Stream.runDrain(WorkerPool.map(pool, [0, 0])))
        })
        yield* WorkerPool.submit(pool, 1)
        yield* settle
        expect((yield* evidence).map(([how]) => how)).toEqual(["certain"])
      })
    ))
})

describe("explain", () => {
  test("follows a job to its worker's job, and that to the holder of a permit", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        const holder = yield* fork(Effect.withSpan(Semaphore.withPermit(db, Effect.never), "GET /report"))
        const pool = yield* WorkerPool.make({
          size: 1,
          name: "sender",
          run: () => Semaphore.withPermit(db, Effect.void)
        })
        yield* WorkerPool.submit(pool, 1)
        const handle = yield* WorkerPool.submit(pool, 2)
        yield* TestClock.adjust("2 seconds")
        const why = yield* Inspect.explain(handle)
        expect(why).toMatch(/^Job 2 of pool sender waits for 1\.0 s for a worker \(first in line, 1 of 1 busy; .*job 1/)
        expect(why).toContain("Job 1 of pool sender waits for 1.0 s for a permit of semaphore db")
        expect(why).toContain(`one is held for 1.0 s by fiber ${holder.id} (GET /report)`)
        expect(why).toContain(`Fiber ${holder.id} (GET /report) is suspended outside of sluice, or runs, at`)
        expect(yield* Inspect.explain(db)).toMatch(/^Semaphore db: 1 of 1 permit taken, 1 waits\. Job 1 of pool sender/)
        expect(yield* Inspect.explain(pool)).toMatch(/^Pool sender: 1 of 1 worker busy/)
        expect(yield* Inspect.explain(holder)).toMatch(/is suspended outside of sluice, or runs/)
      })
    ))

  test("names the limit of a job's key that holds it back, and the job that has its place", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({
          size: 4,
          name: "tenants",
          queue: { key: (tenant: string) => tenant, perKey: { concurrency: 1 } },
          run: () => Effect.never
        })
        yield* WorkerPool.submit(pool, "ada")
        const [second, third] = [yield* WorkerPool.submit(pool, "ada"), yield* WorkerPool.submit(pool, "ada")]
        const others = [yield* WorkerPool.submit(pool, "bob"), yield* WorkerPool.submit(pool, "cyd")]
        yield* TestClock.adjust("2 seconds")
        expect(yield* Inspect.explain(second)).toMatch(
          /^Job 2 of pool tenants waits for 1\.0 s for a worker, but the limit of its key ada holds it back \(first in line of the key, 1 of 1 held; one is held for 1\.0 s by job 1 of pool tenants/
        )
        expect(yield* Inspect.explain(second)).toMatch(
          /\. Job 1 of pool tenants is suspended outside of sluice, or runs,/
        )
        expect(yield* Inspect.explain(third)).toContain("(behind 1 other of the key, 1 of 1 held;")
        expect(yield* Inspect.explain(others[0]!)).not.toContain("waits")
        // Jobs of a key that has room wait for workers.
        yield* WorkerPool.submit(pool, "dan")
        const last = yield* WorkerPool.submit(pool, "eve")
        yield* settle
        expect(yield* Inspect.explain(last)).toMatch(/for a worker \(behind 2 others, 4 of 4 busy; /)
      })
    ))

  test("names the limit of a key that keeps a caller from the queue", () =>
    watched(() =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({
          size: 2,
          name: "tenants",
          queue: { capacity: 1, key: (tenant: string) => tenant, perKey: { concurrency: 1 } },
          run: () => Effect.never
        })
        yield* WorkerPool.submit(pool, "ada")
        yield* WorkerPool.submit(pool, "ada")
        const caller = yield* fork(WorkerPool.submit(pool, "ada"))
        const why = yield* Inspect.explain(caller)
        expect(why).toContain(
          "for room in the queue, but the limit of its key ada holds it back (first in line of the key"
        )
        expect(why).toContain("1 of 1 held; one is held by job 1 of pool tenants")
      })
    ))

  test("ends at a circle", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        const fiber = yield* fork(twice(db))
        expect(yield* Inspect.explain(fiber)).toMatch(/So fiber \d+ waits for itself: a deadlock \(certain\)\.$/)
      })
    ))

  test("says so of a fiber that neither holds nor waits, and of one that has ended", () =>
    watched(() =>
      Effect.gen(function*() {
        const fiber = yield* fork(Effect.never)
        expect(yield* Inspect.explain(fiber)).toMatch(/^Fiber \d+ is suspended outside of sluice, or runs/)
        yield* Fiber.interrupt(fiber)
        expect(yield* Inspect.explain(fiber)).toMatch(/has ended/)
        expect(yield* Inspect.explain("pool-99")).toBe("No fiber, job or resource is called \"pool-99\".")
      })
    ))

  test("knows each name that a text shows", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        const pool = yield* WorkerPool.make({ name: "mails", size: 1, run: () => twice(db) })
        const fiber = yield* fork(Effect.withSpan(WorkerPool.run(pool, 1), "GET /"))
        const [{ id } = { id: "" }] = (yield* Inspect.dump).resources.filter(({ kind }) => kind === "semaphore")
        const ofDb = yield* Inspect.explain(id)
        expect(ofDb).toMatch(/^Semaphore db: 1 of 1 permit taken/)
        for (const name of ["semaphore db", "db"]) expect(yield* Inspect.explain(name)).toBe(ofDb)
        expect(yield* Inspect.explain("job 1 of pool mails")).toMatch(/^Job 1 of pool mails waits for a permit of/)
        expect(yield* Inspect.explain(`fiber ${fiber.id} (GET /)`)).toBe(yield* Inspect.explain(fiber))
        expect(yield* Inspect.explain("job 7 of pool mails")).toMatch(/^Job 7 of pool mails neither holds nor waits/)
        yield* Semaphore.make(1, { name: "db" })
        expect(yield* Inspect.explain("db")).toMatch(/^2 are called "db": semaphore-\d+, semaphore-\d+\.$/)
      })
    ))
})

describe("explain of nothing that it knows", () => {
  test.each([
    [null, "null"],
    [undefined, "undefined"],
    [5, "5"],
    [true, "true"],
    [Symbol("db"), "A symbol"],
    // As the key of a service, in place of the service.
    [class extends Semaphore.Service()("Db", { permits: 1 }) {}, "A function"]
  ])("says so of %s", (target, name) =>
    run(Effect.gen(function*() {
      expect(yield* Inspect.explain(target as never)).toBe(`${name} is no fiber, job or resource.`)
    })))
})

describe("timeout", () => {
  test("fails with Effect's error, and says what the effect waited for", () =>
    watched(() =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        yield* fork(Semaphore.withPermit(db, Effect.never))
        const query = Semaphore.withPermit(db, Effect.void)
        const fiber = yield* fork(Effect.flip(
          Effect.all([query, Effect.void], { concurrency: 2 }).pipe(
            Inspect.timeout("5 seconds")
          )
        ))
        yield* TestClock.adjust("5 seconds")
        const error = yield* Fiber.join(fiber)
        expect(error._tag).toBe("TimeoutError")
        expect(error.message).toMatch(/^timed out after 5s\. Fiber \d+ waits for fiber \d+/)
        expect(error.message).toContain("for a permit of semaphore db")
        expect(Semaphore.stats(db).waiting).toBe(0)
      })
    ))

  test("returns the value, and fails as the effect fails", () =>
    run(Effect.gen(function*() {
      expect(yield* Inspect.timeout(Effect.succeed(1), "1 hour")).toBe(1)
      expect(yield* Effect.flip(Inspect.timeout(Effect.fail("no"), "1 hour"))).toBe("no")
      expect(yield* Effect.exit(Inspect.timeout(Effect.void, -1))).toMatchObject({ _tag: "Failure" })
      expect(yield* Effect.exit(Inspect.timeout(Effect.void, NaN))).toMatchObject({ _tag: "Failure" })
    })))
})

describe("reports", () => {
  test("a deadlock within a tick, once (I4, I7)", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        const fiber = yield* fork(twice(db))
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock"])
        expect(reports[0]?.text).toContain("deadlock-1 (certain): 1 waits for itself")
        yield* TestClock.adjust("1 minute")
        expect(tags(reports)).toEqual(["Deadlock"])
        yield* Fiber.interrupt(fiber)
        yield* fork(twice(db))
        yield* TestClock.adjust("1 second")
        expect(tags(reports)).toEqual(["Deadlock", "Deadlock"])
      })
    ))

  test("a long wait and a long hold, once each, and the end of the hold (I7)", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1, { name: "db" })
        const holder = yield* fork(Semaphore.withPermit(db, Effect.never))
        yield* TestClock.adjust("1 minute")
        expect(reports).toEqual([])
        yield* fork(Semaphore.withPermit(db, Effect.void))
        yield* fork(Semaphore.withPermit(db, Effect.void))
        yield* TestClock.adjust("31 seconds")
        yield* TestClock.adjust("1 minute")
        expect(tags(reports).toSorted()).toEqual(["Held", "Waited"])
        yield* Fiber.interrupt(holder)
        yield* TestClock.adjust("1 minute")
        expect(reports.at(-1)).toMatchObject({ _tag: "Held", over: true })
        expect(reports.length).toBe(3)
      })
    ))

  test("a fiber that was interrupted and has not ended", () =>
    watched((reports) =>
      Effect.gen(function*() {
        const group = yield* Group.make({ name: "slow" })
        const done = yield* Deferred.make<void>()
        const child = yield* Group.fork(group, Effect.onInterrupt(Effect.never, () => Deferred.await(done)))
        yield* fork(Fiber.interrupt(child))
        yield* Effect.addFinalizer(() => Deferred.succeed(done, undefined))
        yield* TestClock.adjust("9 seconds")
        expect(reports).toEqual([])
        yield* TestClock.adjust("1 minute")
        expect(tags(reports)).toEqual(["Lingers"])
        expect(reports[0]?.text).toContain(`fiber ${child.id} was interrupted`)
      })
    ))

  test("of a layer's own stream, and of its log by default", () =>
    run(
      Effect.gen(function*() {
        const db = yield* Semaphore.make(1)
        const heard = yield* fork(Stream.runHead(Inspect.reports))
        yield* fork(twice(db))
        yield* Fiber.join(heard)
      }).pipe(Effect.provide(Inspect.layer({ adopt: false, tick: 1, onReport: () => Effect.die("a bug") })))
    ))

  test("that the event loop was late", () => {
    const reports: Array<Inspect.Report> = []
    const layer = Inspect.layer({ adopt: false, onReport: (report) => Effect.sync(() => void reports.push(report)) })
    return run(
      Effect.gen(function*() {
        const clock = yield* Clock.Clock
        // The time passes while no timer fires.
        let late = 0
        const jumping: Clock.Clock = {
          currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
          currentTimeMillis: clock.currentTimeMillis,
          currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
          currentTimeNanos: clock.currentTimeNanos,
          monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + BigInt(late) * 1_000_000n,
          monotonicTimeNanos: clock.monotonicTimeNanos,
          sleep: (duration) => clock.sleep(duration)
        }
        yield* Effect.provideService(Layer.build(layer), Clock.Clock, jumping)
        yield* TestClock.adjust("10 seconds")
        expect(reports).toEqual([])
        late = 5_000
        yield* TestClock.adjust("1 second")
        expect(reports).toMatchObject([{ _tag: "Starved" }])
      }).pipe(Effect.provide(TestClock.layer()))
    )
  })

  test.each([
    { tick: 0 },
    { tick: NaN },
    { waitedFor: -1 },
    { heldFor: "soon" as never },
    { lingersFor: Infinity * 0 },
    { starvedFor: -5 }
  ])("a layer with the options %j is a defect", (options) =>
    run(Effect.gen(function*() {
      const exit = yield* Effect.exit(Layer.build(Inspect.layer({ adopt: false, ...options })))
      expect(String(exit)).toContain("Inspect.layer: ")
      expect(Exit.isFailure(exit)).toBe(true)
    })))

  test("that wait for an earlier one are made as the layer closes", () =>
    run(
      Effect.gen(function*() {
        const seen: Array<Inspect.Report> = []
        const gate = yield* Deferred.make<void>()
        const onReport = (report: Inspect.Report) =>
          Effect.andThen(Deferred.await(gate), Effect.sync(() => void seen.push(report)))
        const scope = yield* Scope.make()
        yield* Scope.provide(Layer.build(Inspect.layer({ adopt: false, onReport })), scope)
        for (const name of ["a", "b", "c"]) yield* fork(twice(yield* Semaphore.make(1, { name })))
        yield* TestClock.adjust("1 second")
        const closing = yield* fork(Scope.close(scope, Exit.void))
        yield* settle
        expect(seen).toEqual([])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(closing)
        expect(tags(seen)).toEqual(["Deadlock", "Deadlock", "Deadlock"])
        // The layer is gone.
        expect((yield* Inspect.dump).watchedSince).toBe(undefined)
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("do not keep the layer from its close for longer than a second", () =>
    run(
      Effect.gen(function*() {
        let ended = 0
        const onReport = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => ended++))
        const scope = yield* Scope.make()
        yield* Scope.provide(Layer.build(Inspect.layer({ adopt: false, onReport })), scope)
        yield* fork(twice(yield* Semaphore.make(1)))
        yield* TestClock.adjust("1 second")
        // By the real clock: that of a test stands still.
        yield* Scope.close(scope, Exit.void)
        expect(ended).toBe(1)
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("do not keep the layer from its close, though no interrupt ends onReport", () =>
    run(
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        let ended = 0
        const onReport = () =>
          Effect.uninterruptible(Effect.andThen(Deferred.await(gate), Effect.asVoid(Effect.sync(() => ended++))))
        const scope = yield* Scope.make()
        yield* Scope.provide(Layer.build(Inspect.layer({ adopt: false, onReport })), scope)
        yield* fork(twice(yield* Semaphore.make(1)))
        yield* TestClock.adjust("1 second")
        yield* Scope.close(scope, Exit.void)
        expect((yield* Inspect.dump).watchedSince).toBe(undefined)
        expect(ended).toBe(0)
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        expect(ended).toBe(1)
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  test("two layers share what they know, and each ends by itself", () =>
    run(Effect.gen(function*() {
      const one = yield* Scope.make()
      yield* Scope.provide(Layer.build(Inspect.layer({ adopt: false })), one)
      const db = yield* Semaphore.make(1)
      const other = yield* Scope.make()
      yield* Scope.provide(Layer.build(Inspect.layer({ adopt: false })), other)
      yield* Scope.close(one, Exit.void)
      const { resources, watchedSince } = yield* Inspect.dump
      expect(watchedSince).not.toBe(undefined)
      expect(resources.length).toBe(1)
      yield* Scope.close(other, Exit.void)
      expect((yield* Inspect.dump).watchedSince).toBe(undefined)
      expect(Semaphore.isSemaphore(db)).toBe(true)
    })))
})
