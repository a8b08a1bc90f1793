/** On a database: a job of a transaction is stored if and only if the transaction commits (D1). */
import { Context, Deferred, Effect, Exit, Fiber, Layer, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import * as path from "node:path"
import { WorkerPool } from "sluice"
import { DurableJob, DurablePool } from "sluice/durable"
import { afterEach, beforeAll, expect, test } from "vitest"
import { Processes } from "../support/processes.js"
import { drawing, times } from "../support/seed.js"
import { type Database, elsewhere, Order, place, prepare, type Stores, storesOf } from "./databases.js"
import type { ShopOrder, ShopSaid } from "./shop.js"

/**
 * The tests, on a database that `databaseOf` names once the tests run. `locksAll`: a transaction holds up every other
 * writer, as in SQLite.
 */
export const outbox = (databaseOf: () => Database, { locksAll }: { readonly locksAll: boolean }): void => {
  let processes: Processes<ShopOrder, ShopSaid>
  beforeAll(() => {
    processes = new Processes(path.join(import.meta.dirname, "shop.ts"))
  })
  afterEach(() => processes.killAll())

  const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope | Stores>): Promise<A> =>
    Effect.runPromise(
      Effect.andThen(prepare, effect).pipe(
        Effect.scoped,
        Effect.provide(Layer.fresh(storesOf(databaseOf())))
      )
    )

  const start = (order: Omit<ShopOrder, "database">) => processes.start({ ...order, database: databaseOf() })

  /** Runs orders elsewhere, and notes their ids. */
  const noting = Effect.gen(function*() {
    const begun: Array<string> = []
    yield* elsewhere(databaseOf(), (id) =>
      Effect.sync(() => {
        begun.push(id)
        return id
      }))
    return begun
  })

  /** Its job has been run, so the table was looked at since it was placed. */
  const placeAndAwait = (id: string) => Effect.andThen(place(id), DurableJob.await(Order, id))

  const idsOf = (sql: SqlClient.SqlClient, table: string) =>
    Effect.map(sql<{ readonly id: string }>`SELECT id FROM ${sql(table)}`, (rows) => rows.map(({ id }) => id).sort())

  test("a job of a transaction begins once it has committed, and not before (D1)", () =>
    run(Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const begun = yield* noting
      const submitted = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const committing = yield* Effect.forkScoped(sql.withTransaction(Effect.gen(function*() {
        yield* place("committed")
        yield* Deferred.succeed(submitted, undefined)
        yield* Deferred.await(go)
      })))
      yield* Deferred.await(submitted)
      if (!locksAll) yield* placeAndAwait("meanwhile")
      expect(begun).not.toContain("committed")
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(committing)
      expect(yield* DurableJob.await(Order, "committed")).toBe("committed")
    })))

  test.each(
    [
      ["fails", Effect.fail("no")],
      ["dies", Effect.die("no")],
      ["is interrupted", Effect.interrupt]
    ] as const
  )("a job of a transaction that %s is not stored (D1)", (how, end) =>
    run(Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const begun = yield* noting
      const id = `rolled back: ${how}`
      const exit = yield* Effect.exit(sql.withTransaction(Effect.andThen(place(id), end)))
      expect(Exit.isFailure(exit)).toBe(true)
      yield* placeAndAwait(`after: ${how}`)
      expect(begun).not.toContain(id)
      expect(yield* idsOf(sql, "effect_queue")).not.toContain(id)
      // The id is free.
      yield* placeAndAwait(id)
      expect(begun).toContain(id)
    })))

  test("a job of a savepoint that is rolled back is not stored, and its transaction's job is (D1)", () =>
    run(Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const begun = yield* noting
      yield* sql.withTransaction(Effect.gen(function*() {
        yield* place("outer")
        yield* Effect.ignore(sql.withTransaction(Effect.andThen(place("inner"), Effect.fail("no"))))
      }))
      expect(yield* DurableJob.await(Order, "outer")).toBe("outer")
      yield* placeAndAwait("after a savepoint")
      expect(begun).not.toContain("inner")
    })))

  test.each(["in context", "behind its layer"])(
    "a pool that begins to serve in a transaction sees no job of it, and serves after its end; client %s (D1)",
    (where) =>
      run(Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const begun: Array<string> = []
        const pool = yield* WorkerPool.make({ size: 1, run: (id: string) => Effect.sync(() => (begun.push(id), id)) })
        const serve = DurablePool.serve(Order, pool, { grace: 0 })
        const served = where === "in context"
          ? serve
          : Effect.updateContext(serve, (context: Context.Context<Stores | Scope.Scope>) =>
            Context.omit(SqlClient.SqlClient)(context) as typeof context)
        const others = Layer.fresh(storesOf(databaseOf()))
        yield* Effect.ignore(sql.withTransaction(Effect.gen(function*() {
          yield* place(`in vain ${where}`)
          yield* served
          if (!locksAll) {
            yield* Effect.provide(placeAndAwait(`of others ${where}`), others)
          }
          return yield* Effect.fail("no")
        })))
        yield* placeAndAwait(`later ${where}`)
        expect(begun).not.toContain(`in vain ${where}`)
      }))
  )

  // In SQLite the settlement of a claim waits for the transaction, and the transaction for the drain.
  if (!locksAll) {
    test.runIf(!locksAll)(
      "a drain in a transaction that is rolled back leaves no claim (D1, D4)",
      () =>
        run(Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          const begun = yield* Deferred.make<string>()
          const pool = yield* WorkerPool.make({
            size: 1,
            run: (id: string) => Effect.andThen(Deferred.succeed(begun, id), Effect.never)
          })
          const serving = yield* DurablePool.serve(Order, pool, { grace: 100 })
          yield* place("cut off")
          yield* place("claimed as the drain ended")
          yield* Deferred.await(begun)
          yield* Effect.ignore(
            sql.withTransaction(Effect.andThen(DurablePool.drain(serving, { deadline: 0 }), Effect.fail("no")))
          )
          expect(yield* sql`SELECT id FROM effect_queue WHERE acquired_by IS NOT NULL`).toEqual([])
          yield* noting
          expect(yield* DurableJob.await(Order, "cut off")).toBe("cut off")
        }))
    )
  }

  test("transactions by chance: the orders that are there are those that are run, each after its commit (D1)", () =>
    run(Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const draw = drawing()
      const early: Array<string> = []
      const begun = new Set<string>()
      yield* elsewhere(
        databaseOf(),
        Effect.fn(function*(id: string) {
          const there = yield* SqlClient.SqlClient.use((sql) => sql`SELECT id FROM orders WHERE id = ${id}`)
          if (there.length === 0) early.push(id)
          begun.add(id)
          return id
        }, Effect.orDie)
      )
      const one = () => {
        // In order, or two transactions would wait for each other.
        const ids = Array.from({ length: 1 + Math.floor(draw() * 3) }, () => Math.floor(draw() * 500)).sort((a, b) =>
          a - b
        )
        const inner = draw() < 0.3
        const innerFails = draw() < 0.5
        const end = draw()
        const pauses = draw() < 0.5 ? Math.floor(draw() * 5) : 0
        return sql.withTransaction(Effect.gen(function*() {
          for (const id of ids) {
            const placing = place(`chance-${id}`)
            yield* inner
              ? Effect.ignore(sql.withTransaction(innerFails ? Effect.andThen(placing, Effect.fail("no")) : placing))
              : placing
            for (let i = 0; i < pauses; i++) yield* Effect.yieldNow
          }
          if (end < 0.2) return yield* Effect.fail("no")
          if (end < 0.3) return yield* Effect.die("no")
          if (end < 0.4) return yield* Effect.interrupt
        }))
      }
      const all = Array.from({ length: times(300) }, one)
      yield* Effect.forEach(all, Effect.exit, { concurrency: 5, discard: true })
      const placed = (yield* idsOf(sql, "orders")).filter((id) => id.startsWith("chance-"))
      yield* Effect.forEach(placed, (id) => DurableJob.await(Order, id), { concurrency: 20 })
      expect(early).toEqual([])
      expect([...begun].filter((id) => id.startsWith("chance-")).sort()).toEqual(placed)
      expect((yield* idsOf(sql, "effect_queue")).filter((id) => id.startsWith("chance-"))).toEqual(placed)
    })))

  test("a job whose process is killed before the commit is not stored, and after it is run (D1)", async () => {
    const inside = start({ name: "killed inside", does: "waits inside" })
    await inside.hasSaid(1)
    expect(inside.said).toEqual([{ says: "inside" }])
    await inside.end("SIGKILL")
    const after = start({ name: "killed after", does: "waits after" })
    await after.hasSaid(1)
    expect(after.said).toEqual([{ says: "killed after-0" }])
    await after.end("SIGKILL")
    await run(Effect.gen(function*() {
      const begun = yield* noting
      expect(yield* DurableJob.await(Order, "killed after-0")).toBe("killed after-0")
      yield* placeAndAwait("after the kills")
      expect(begun).not.toContain("killed inside-0")
    }))
  })

  test("processes that are killed at any time lose no job of a commit, and keep none of another (D1)", async () => {
    const draw = drawing()
    const said: Array<string> = []
    for (let kills = 0; kills < 6; kills++) {
      const one = start({ name: `killed-${kills}`, does: "goes on" })
      await one.hasSaid(1)
      await new Promise((resolve) => setTimeout(resolve, draw() * 200))
      await one.end("SIGKILL")
      said.push(...one.said.map(({ says }) => says))
    }
    await run(Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const placed = (yield* idsOf(sql, "orders")).filter((id) => id.startsWith("killed-"))
      // Each commit that was reported is there, and perhaps one whose report was cut off.
      expect(placed).toEqual(expect.arrayContaining(said.filter((line) => line !== "rolled back")))
      expect((yield* idsOf(sql, "effect_queue")).filter((id) => id.startsWith("killed-"))).toEqual(placed)
      const begun = yield* noting
      yield* Effect.forEach(placed, (id) => DurableJob.await(Order, id), { concurrency: 20 })
      expect(begun.filter((id) => id.startsWith("killed-")).sort()).toEqual(placed)
    }))
  })
}
