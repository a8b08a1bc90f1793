/** What `Limit` costs on its servers, and how it keeps apart from the caller's transactions and time zones. */
import { type PgClient } from "@effect/sql-pg"
import { Deferred, Effect, Exit, Fiber, Layer, type Scope } from "effect"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { Limit, LimitStore } from "sluice/durable"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { onSql, pgLayer, type Place, storeOf } from "../../support/fleet.js"
import { layer as ioredis } from "../../support/ioredis.js"
import { type Server, startPostgres, startRedis } from "../../support/servers.js"

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(effect))

describe("redis", () => {
  let server: Server
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.close())

  test("acquire and release without a wait are two round trips", () => {
    const sent: Array<string> = []
    const store = LimitStore.layerRedis().pipe(Layer.provide(ioredis(server.port, (command) => sent.push(command))))
    return run(
      Effect.gen(function*() {
        const use = Limit.withPermit(Limit.make("trips", { permits: 1 }), () => Effect.void)
        // Loads the scripts.
        yield* use
        sent.length = 0
        yield* use
        expect(sent).toEqual(["EVALSHA", "EVALSHA"])
      }).pipe(Effect.provide(store))
    )
  })

  /** Requests for some of two permits of a limit. */
  const requestsOf = (store: LimitStore.LimitStore["Service"], limit: string) =>
  (
    permits: number,
    lease: number
  ): LimitStore.Request => ({ limit, id: store.nextId(), permits, total: 2, lease })

  test.each([
    ["main", "", "Granted"],
    ["line", ":line", "Waiting"],
    ["ends", ":ends", "Granted"]
  ])(
    "a limit whose key %s Redis has evicted grants no more than there is, and goes on (F1, F3)",
    (name, part, reply) =>
      run(
        Effect.gen(function*() {
          const redis = yield* Redis.Redis
          const store = yield* LimitStore.LimitStore
          const requestOf = requestsOf(store, name)
          // Of the three only the second, which waits, asks again.
          expect((yield* store.acquire(requestOf(2, 60_000)))._tag).toBe("Granted")
          const waiting = requestOf(1, 60_000)
          expect((yield* store.acquire(waiting))._tag).toBe("Waiting")
          expect((yield* store.acquire(requestOf(1, 1_500)))._tag).toBe("Waiting")
          yield* redis.send("DEL", `sluice:limit:{${name}}${part}`)
          yield* Effect.sleep(1_600)
          expect((yield* store.acquire(waiting))._tag).toBe(reply)
          expect((yield* store.acquire(requestOf(2, 60_000)))._tag).toBe("Waiting")
        }).pipe(Effect.provide(LimitStore.layerRedis().pipe(Layer.provideMerge(ioredis(server.port)))))
      )
  )

  test("a limit whose key Redis has evicted loses nothing of a process that has died (F2, F3)", () => {
    const situations = ["", ":line", ":ends"].flatMap((part) =>
      (["held", "held, waited for", "waited for"] as const).map((use) => ({ part, use }))
    )
    return run(
      Effect.gen(function*() {
        const redis = yield* Redis.Redis
        const store = yield* LimitStore.LimitStore
        const replies = yield* Effect.forEach(situations, ({ part, use }) =>
          Effect.gen(function*() {
            const limit = `${use}${part}`
            const requestOf = requestsOf(store, limit)
            const holding = requestOf(2, 1_500)
            yield* store.acquire(holding)
            if (use !== "held") yield* store.acquire(requestOf(1, 1_500))
            // Then the waiter may have the permit, and never asks.
            if (use === "waited for") yield* store.release(holding)
            yield* redis.send("DEL", `sluice:limit:{${encodeURIComponent(limit)}}${part}`)
            yield* Effect.sleep(1_600)
            const { _tag: next } = yield* store.acquire(requestOf(2, 60_000))
            const { _tag: another } = yield* store.acquire(requestOf(1, 60_000))
            return { part, use, next, another }
          }), { concurrency: "unbounded" })
        expect(replies).toEqual(situations.map((one) => ({ ...one, next: "Granted", another: "Waiting" })))
      }).pipe(Effect.provide(LimitStore.layerRedis().pipe(Layer.provideMerge(ioredis(server.port)))))
    )
  })

  test("a limit that is not in use leaves numbers only, which expire", () => {
    const sent: Array<string> = []
    const client = ioredis(server.port, (command) => sent.push(command))
    return run(
      storeOf(
        { kind: "redis", port: server.port },
        () => Limit.withPermits(Limit.make("a}b", { permits: 3 }), 2)(() => Effect.void)
      ).pipe(
        Effect.andThen(Effect.gen(function*() {
          const redis = yield* Redis.Redis
          const keys = yield* redis.send<ReadonlyArray<string>>("KEYS", "sluice:limit:{a%7Db}*")
          expect(keys).toEqual(["sluice:limit:{a%7Db}"])
          const fields = yield* redis.send<ReadonlyArray<string>>("HKEYS", keys[0]!)
          expect([...fields].sort()).toEqual(["arrivals", "held", "permits", "token"])
          expect(yield* redis.send<string>("HGET", keys[0]!, "held")).toBe("0")
          const left = yield* redis.send<number>("PTTL", keys[0]!)
          expect(left).toBeGreaterThan(80_000_000)
        })),
        Effect.provide(client)
      )
    )
  })
})

describe("postgres", () => {
  let server: Server
  let place: Place
  beforeAll(async () => {
    server = await startPostgres()
    place = { kind: "postgres", port: server.port }
  })
  afterAll(() => server.close())

  /** The client, and a store on it. */
  const withStore = <A, E>(
    effect: Effect.Effect<A, E, LimitStore.LimitStore | SqlClient.SqlClient>,
    options: LimitStore.PgOptions = {},
    config: Partial<PgClient.PgPoolConfig> = {},
    zone = "UTC"
  ) => Effect.provide(effect, LimitStore.layerPg(options).pipe(Layer.provideMerge(pgLayer({ ...place, zone }, config))))

  test("acquire and release without a wait are two round trips", () => {
    const sent: Array<string> = []
    const store = LimitStore.layerPg().pipe(
      Layer.provide(onSql((text) => sent.push(text))),
      Layer.provide(pgLayer(place))
    )
    return run(
      Effect.gen(function*() {
        sent.length = 0
        yield* Limit.withPermit(Limit.make("trips", { permits: 1 }), () => Effect.void)
        expect(sent).toHaveLength(2)
      }).pipe(Effect.provide(store))
    )
  })

  test("a permit that is taken in a transaction is held at once, and after its rollback", () =>
    run(withStore(Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const limit = Limit.make("transaction", { permits: 1 })
      const begun = yield* Deferred.make<void>()
      const end = yield* Deferred.make<void>()
      const inside = Limit.withPermit(limit, ({ token }) =>
        Effect.gen(function*() {
          yield* Deferred.succeed(begun, undefined)
          yield* Deferred.await(end)
          return token
        }))
      const transaction = Effect.flatMap(inside, (token) => Effect.fail(token)).pipe(sql.withTransaction, Effect.flip)
      const fiber = yield* Effect.forkChild(transaction)
      yield* Deferred.await(begun)
      const [row] = yield* sql.unsafe("SELECT count(*)::int FROM sluice_leases WHERE name = 'transaction'").values
      expect(row).toEqual([1])
      const other = yield* Effect.forkChild(Limit.withPermit(limit, ({ token }) => Effect.succeed(token)))
      yield* Effect.sleep(200)
      expect(other.pollUnsafe()).toBeUndefined()
      yield* Deferred.succeed(end, undefined)
      const token = yield* Fiber.join(fiber)
      expect(yield* Fiber.join(other)).toBeGreaterThan(Number(token))
    }))))

  test("connections in other time zones agree on the end of a lease (F1)", () =>
    run(Effect.gen(function*() {
      const limit = Limit.make("zones", { permits: 1, lease: "6 seconds" })
      const held = yield* Deferred.make<void>()
      const holder = Limit.withPermit(limit, () => Effect.andThen(Deferred.succeed(held, undefined), Effect.never))
      const fiber = yield* Effect.forkChild(withStore(holder, {}, {}, "Pacific/Kiritimati"))
      yield* Deferred.await(held)
      for (const zone of ["Pacific/Pago_Pago", "Asia/Kathmandu"]) {
        const other = Effect.timeoutOption(Limit.withPermit(limit, () => Effect.void), "2 seconds")
        expect((yield* withStore(other, {}, {}, zone))._tag).toBe("None")
      }
      expect(fiber.pollUnsafe()).toBeUndefined()
    })))

  test("waiters poll where the client may not listen", () =>
    run(withStore(
      Effect.gen(function*() {
        const limit = Limit.make("polled", { permits: 1, lease: "60 seconds" })
        const store = yield* LimitStore.LimitStore
        expect(store.poll).toBe(100)
        const begun = yield* Deferred.make<void>()
        const first = yield* Effect.forkChild(
          Limit.withPermit(limit, () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
        )
        yield* Deferred.await(begun)
        const second = yield* Effect.forkChild(Limit.withPermit(limit, () => Effect.void))
        yield* Effect.sleep(300)
        yield* Fiber.interrupt(first)
        // Sooner than its lease is renewed.
        yield* Effect.timeout(Fiber.join(second), "15 seconds")
      }),
      { listen: false, prefix: "polled" }
    )))

  test("a higher isolation level is refused: there the function would not see what others have committed (F1)", () =>
    run(withStore(
      Effect.gen(function*() {
        const error = yield* Effect.flip(Limit.withPermit(Limit.make("level", { permits: 1 }), () => Effect.void))
        expect(error._tag).toBe("StoreError")
        expect(String((error as Limit.StoreError).cause)).toMatch(/isolation level|SqlError|Unknown/)
      }),
      {},
      { startupParameters: { default_transaction_isolation: "repeatable read" } }
    )))

  test("processes that start together make the tables, once", () =>
    run(Effect.gen(function*() {
      const limit = Limit.make("together", { permits: 100 })
      const one = withStore(Limit.withPermit(limit, ({ token }) => Effect.succeed(token)), { prefix: "together" })
      const tokens = yield* Effect.all(Array.from({ length: 10 }, () => one), { concurrency: "unbounded" })
      expect(new Set(tokens).size).toBe(10)
    })))

  test("a role that may not create tables uses those that are there", () =>
    run(Effect.gen(function*() {
      yield* withStore(
        Effect.gen(function*() {
          const sql = yield* SqlClient.SqlClient
          yield* sql.unsafe("CREATE ROLE guest LOGIN")
          yield* sql.unsafe("GRANT SELECT, INSERT, UPDATE, DELETE ON guarded_limits, guarded_leases TO guest")
        }),
        { prefix: "guarded" }
      )
      const use = Limit.withPermit(Limit.make("guest", { permits: 1 }), () => Effect.succeed("used"))
      expect(yield* withStore(use, { prefix: "guarded" }, { username: "guest" })).toBe("used")
      const exit = yield* Effect.exit(withStore(use, { prefix: "missing" }, { username: "guest" }))
      expect(Exit.isFailure(exit)).toBe(true)
    })))
})
