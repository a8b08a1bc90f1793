/** Jobs in a file of SQLite. `libsql` opens it, since Node 20 has no driver of its own. */
import { Cause, Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Schedule, Schema, Scope } from "effect"
import { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import { SqlClient, SqlError } from "effect/sql"
import Libsql from "libsql"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, DurableStore, Results } from "sluice/durable"
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest"
import { type Process, Processes } from "../support/processes.js"
import { type Database, Order, storesOf } from "./databases.js"
import { deadLetters } from "./deadLetters.js"
import { outbox } from "./outbox.js"
import type { Claimed } from "./sqliteServer.js"

const folder = mkdtempSync(path.join(tmpdir(), "sluice-sqlite-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string): Database => ({ kind: "sqlite", filename: path.join(folder, `${name}.db`) })

describe("in transactions", () => {
  outbox(() => at("outbox"), { locksAll: true })
})

describe("administration", () => {
  deadLetters(() => Layer.fresh(storesOf(at("dead"))))
})

/** One opening of the file. */
const opened = <A, E>(
  database: Database,
  effect: Effect.Effect<A, E, Scope.Scope | Layer.Success<ReturnType<typeof storesOf>>>
): Promise<A> => Effect.runPromise(Effect.provide(Effect.scoped(effect), Layer.fresh(storesOf(database))))

const states = SqlClient.SqlClient.use((sql) =>
  sql<{ readonly id: string; readonly state: string; readonly attempts: number; readonly claimed: number }>`
    SELECT id, state, attempts, acquired_by IS NOT NULL AS claimed FROM effect_queue ORDER BY sequence`
)

const Job = DurableJob.make("job", {
  payload: Schema.String,
  success: Schema.String,
  error: Schema.String,
  id: (name) => name,
  attempts: 2,
  retry: Schedule.spaced(0)
})

describe("in one process", () => {
  test("a stored job is there when the file is opened again (D1)", async () => {
    const file = at("again")
    await opened(file, DurableJob.submit(Job, "ada"))
    const exit = await opened(
      file,
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.succeed(`hello, ${name}`) })
        yield* DurablePool.serve(Job, pool, { grace: 0 })
        return yield* DurableJob.exit(Job, "ada")
      })
    )
    expect(exit).toStrictEqual(Exit.succeed("hello, ada"))
    // The result, too.
    expect(await opened(file, DurableJob.await(Job, "ada"))).toBe("hello, ada")
  })

  test("no more jobs are claimed than there are workers (D3)", () =>
    opened(
      at("claims"),
      Effect.gen(function*() {
        const both = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void>()
        let begun = 0
        const run = (name: string) =>
          Effect.gen(function*() {
            if (++begun === 2) yield* Deferred.succeed(both, undefined)
            yield* Deferred.await(gate)
            return name
          })
        const names = ["a", "b", "c", "d"]
        for (const name of names) yield* DurableJob.submit(Job, name)
        const pool = yield* WorkerPool.make({ size: 2, run })
        yield* DurablePool.serve(Job, pool, { grace: 0 })
        yield* Deferred.await(both)
        expect((yield* states).map(({ claimed }) => claimed)).toEqual([1, 1, 0, 0])
        yield* Deferred.succeed(gate, undefined)
        for (const name of names) expect(yield* DurableJob.await(Job, name)).toBe(name)
      })
    ))

  test("a pool that closes gives its jobs back, uncounted (D5)", () =>
    opened(
      at("closes"),
      Effect.gen(function*() {
        const begun = yield* Deferred.make<string>()
        const scope = yield* Scope.make()
        const pool = yield* Scope.provide(
          WorkerPool.make({
            size: 1,
            run: (name: string) => Effect.andThen(Deferred.succeed(begun, name), Effect.never)
          }),
          scope
        )
        const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
        yield* DurableJob.submit(Job, "a")
        yield* Deferred.await(begun)
        yield* Scope.close(scope, Exit.void)
        yield* DurablePool.drain(serving)
        expect(yield* states).toEqual([{ id: "a", state: "pending", attempts: 0, claimed: 0 }])
      })
    ))

  const endings: ReadonlyArray<readonly [string, (name: string) => Effect.Effect<string, string>, unknown]> = [
    ["fails", () => Effect.fail("no"), Exit.fail("no")],
    ["interrupts itself", () => Effect.interrupt, Exit.die(new Error("the job interrupted itself"))]
  ]

  test.each(endings)(
    "a job that %s is tried again, its last exit is recorded, and it is kept (D2, D6, D8)",
    (how, run, expected) =>
      opened(
        at(how),
        Effect.gen(function*() {
          const pool = yield* WorkerPool.make({ size: 1, run })
          const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
          const exit = yield* Effect.flatMap(DurableJob.submit(Job, "a"), (id) => DurableJob.exit(Job, id))
          expect(exit).toEqual(expected)
          yield* DurablePool.drain(serving)
          expect(DurablePool.stats(serving)).toMatchObject({ claimed: 2, failed: 1, dead: 1 })
          expect(yield* states).toEqual([{ id: "a", state: "failed", attempts: 2, claimed: 0 }])
        })
      )
  )

  test("a recorded success is not begun again (D7)", () =>
    opened(
      at("recorded"),
      Effect.gen(function*() {
        const results = yield* Results.Results
        yield* DurableJob.submit(Job, "a")
        const { take } = yield* PersistedQueueStore
        const options = { name: "job", maxAttempts: 2, retryDelay: () => Effect.succeed(Duration.zero) }
        // Another process records the result, and dies before it says so.
        yield* results.record("job", "a", JSON.stringify({ _tag: "Success", value: "there" }))
        yield* results.record("job", "a", JSON.stringify({ _tag: "Success", value: "too late" }))
        yield* Effect.exit(Effect.scoped(Effect.andThen(take(options), Effect.die("killed"))))
        const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.succeed(`${name} here`) })
        const serving = yield* DurablePool.serve(Job, pool, { grace: 0 })
        expect(yield* DurableJob.await(Job, "a")).toBe("there")
        yield* DurableJob.submit(Job, "b")
        yield* DurableJob.await(Job, "b")
        yield* DurablePool.drain(serving)
        expect(DurablePool.stats(serving)).toMatchObject({ claimed: 2, succeeded: 1, skipped: 1 })
      })
    ))
})

describe("in several processes", () => {
  let processes: Processes<Database, Claimed>
  beforeAll(() => {
    processes = new Processes(path.join(import.meta.dirname, "sqliteServer.ts"))
  })
  afterEach(() => processes.killAll())

  /**
   * Three times two processes are ended while both have jobs. The jobs that are left are done by two more. Returns all
   * claims.
   */
  const run = async (prefix: string, n: number, signal: "SIGTERM" | "SIGKILL"): Promise<ReadonlyArray<Claimed>> => {
    const file = at(signal)
    const names = Array.from({ length: n }, (_, i) => `${prefix}-${i}`)
    await opened(file, Effect.forEach(names, (name) => DurableJob.submit(Order, name), { discard: true }))
    const all: Array<Process<Claimed>> = []
    for (let pair = 0; pair < 4; pair++) {
      const both = [processes.start(file), processes.start(file)]
      all.push(...both)
      if (pair < 3) {
        await Promise.all(both.map((one) => one.hasSaid(5)))
        await processes.endAll(signal)
      }
    }
    const exits = await opened(file, Effect.forEach(names, (name) => DurableJob.exit(Order, name), { concurrency: 20 }))
    expect(exits).toEqual(names.map((name) => Exit.succeed(`done ${name}`)))
    await processes.endAll("SIGTERM")
    expect((await opened(file, states)).filter(({ claimed, state }) => claimed === 1 || state !== "completed")).toEqual(
      []
    )
    return all.flatMap(({ said }) => said)
  }

  test("no job is lost when processes are killed, and each has its result (D2)", async () => {
    const claims = await run("killed", 300, "SIGKILL")
    expect(claims.some(({ attempts }) => attempts > 1)).toBe(true)
  })

  test("processes that drain give their jobs back, at no attempt's cost, and leave no claim (D4)", async () => {
    const claims = await run("drained", 300, "SIGTERM")
    expect(claims.filter(({ attempts }) => attempts > 1)).toEqual([])
  })
})

describe("the file, and its driver", () => {
  test.each([
    [{ filename: "" }, /layerSqlite: filename must be a string that is not empty/],
    [{ filename: "x", pollInterval: 0 }, /layerSqlite: pollInterval .* got 0/],
    [{ filename: "x", pollInterval: NaN }, /layerSqlite: pollInterval .* got NaN/],
    [{ filename: "x", lockExpiration: Infinity }, /layerSqlite: lockExpiration .* got Infinity/],
    [{ filename: "x", lockExpiration: 1e300 }, /layerSqlite: lockExpiration .* 100 years, got 1e\+300/],
    [{ filename: "x", lockRefreshInterval: -1 }, /layerSqlite: lockRefreshInterval .* got -1/],
    [{ filename: "x", lockExpiration: 1_000, lockRefreshInterval: 1_000 }, /lockRefreshInterval must be .* got 1000/]
  ])("%o is refused", (options, message) => {
    expect(() => DurableStore.layerSqlite(options)).toThrow(message)
  })

  test("a job with the longest delay is stored (D1)", async () => {
    const store = DurableStore.layerSqlite({ filename: ":memory:", open: (filename) => new Libsql(filename) })
    const Job = DurableJob.make("late", { payload: Schema.String })
    const submitted = Effect.andThen(DurableJob.submit(Job, "ada", { delay: "36500 days" }), Admin.counts(Job))
    expect(await Effect.runPromise(Effect.provide(submitted, store))).toMatchObject({ stored: 1, delayed: 1 })
  })

  test.each([
    ["without end", () => Duration.infinity, { delayed: 1 }],
    ["of a million years", () => Duration.days(365_000_000), { delayed: 1 }],
    ["that cannot be computed", () => {
      throw new Error("no delay")
    }, { failed: 1 }]
  ])("a claim that is tried again after a time %s is settled (D2)", async (_, delay, counts) => {
    const retry = Schedule.modifyDelay(Schedule.forever, () => Effect.sync(delay))
    const Job = DurableJob.make("down", { payload: Schema.String, error: Schema.String, attempts: 2, retry })
    const open = (filename: string) => new Libsql(filename)
    const store = DurableStore.layerSqlite({ filename: ":memory:", open, lockExpiration: "1 hour" })
    const failing = Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, run: (to: string) => Effect.fail(`no address of ${to}`) })
      yield* DurablePool.serve(Job, pool, { grace: 0 })
      yield* DurableJob.submit(Job, "ada")
      const settled = Effect.filterOrFail(Admin.counts(Job), ({ claimed, ready }) => claimed + ready === 0)
      return yield* Effect.timeout(Effect.eventually(settled), "1 minute")
    })
    const layer = Layer.merge(store, Results.layerMemory)
    expect(await Effect.runPromise(Effect.provide(Effect.scoped(failing), layer))).toMatchObject(counts)
  })

  const dies = (options: DurableStore.SqliteOptions) =>
    Effect.runPromise(Effect.flip(Effect.sandbox(Effect.scoped(Layer.build(DurableStore.layerSqlite(options))))))

  test("a file that cannot be opened is a defect", async () => {
    const cause = await dies({ filename: path.join(folder, "no/where.db"), open: (filename) => new Libsql(filename) })
    expect(Cause.hasDies(cause)).toBe(true)
  })

  test("a Node without node:sqlite is a defect that says what to do", async () => {
    const none = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined)
    try {
      expect(String(Cause.squash(await dies({ filename: "x" })))).toMatch(
        /layerSqlite: Node [\d.]+ has no node:sqlite, which Node 22.13 brings: set `open`/
      )
    } finally {
      none.mockRestore()
    }
  })

  test("a transaction that has read can write, whatever others write meanwhile", () =>
    opened(
      at("read first"),
      Effect.gen(function*() {
        const sql = yield* SqlClient.SqlClient
        const other = Context.get(yield* Layer.build(Layer.fresh(storesOf(at("read first")))), SqlClient.SqlClient)
        yield* sql`CREATE TABLE names (name TEXT)`
        const adding = yield* sql.withTransaction(Effect.gen(function*() {
          yield* sql`SELECT * FROM names`
          const adding = yield* Effect.forkScoped(other`INSERT INTO names VALUES ('other')`, { startImmediately: true })
          yield* sql`INSERT INTO names VALUES ('own')`
          return adding
        }))
        yield* Fiber.join(adding)
        expect(yield* sql`SELECT name FROM names`).toEqual([{ name: "own" }, { name: "other" }])
      })
    ))

  /** As `node:sqlite` throws. */
  const failing = (errcode: number, message: string) => Object.assign(new Error(message), { errcode })

  test("the driver of Node is asked again while the file is locked, and its errors are known", () => {
    const bound: Array<unknown> = []
    let locked = 0
    class DatabaseSync {
      private readonly database: Libsql.Database
      constructor(filename: string) {
        this.database = new Libsql(filename)
      }
      close() {
        this.database.close()
      }
      prepare(sql: string) {
        const statement = this.database.prepare(sql)
        const all = (...parameters: ReadonlyArray<unknown>): Array<unknown> => {
          if (sql.includes("names") && locked++ < 3) throw failing(5, "database is locked")
          if (sql.includes("names")) bound.push(...parameters)
          try {
            if (statement.reader) return statement.all(...parameters)
            statement.run(...parameters)
            return []
          } catch (error) {
            throw failing((error as { readonly rawCode: number }).rawCode, (error as Error).message)
          }
        }
        return { all, run: all }
      }
    }
    const node = vi.spyOn(process, "getBuiltinModule").mockReturnValue({ DatabaseSync })
    return Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE names (name TEXT UNIQUE, a, b, c)`
      const values = ["ada", true, undefined, new Date(0)]
      yield* sql.unsafe("INSERT INTO names VALUES (?, ?, ?, ?)", values)
      expect(bound).toEqual(["ada", 1, null, "1970-01-01T00:00:00.000Z"])
      expect(locked).toBeGreaterThan(3)
      const again = yield* Effect.flip(sql.unsafe("INSERT INTO names (name) VALUES ('ada')"))
      expect(again).toBeInstanceOf(SqlError.SqlError)
      expect(again.reason).toMatchObject({ _tag: "UniqueViolation", constraint: "names.name" })
      expect(yield* sql.unsafe("SELECT name, a FROM names").values).toEqual([["ada", 1]])
    }).pipe(
      Effect.provide(DurableStore.layerSqlite({ filename: path.join(folder, "node.db") })),
      Effect.ensuring(Effect.sync(() => node.mockRestore())),
      Effect.runPromise
    )
  })
})
