/**
 * The formats of Effect's `PersistedQueue` that `Admin` reads and changes. A test that fails here says that a newer
 * effect has another format: then `src/internal/durable/jobs/sqlAdmin.ts` and `redisAdmin.ts` have to follow.
 */
import { Cause, Deferred, Duration, Effect, Layer } from "effect"
import { PersistedQueue, Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { pgLayer, type Place } from "../support/fleet.js"
import { layer as ioredis } from "../support/ioredis.js"
import { type Server, startPostgres, startRedis } from "../support/servers.js"

const take = { name: "jobs", maxAttempts: 1, retryDelay: () => Effect.succeed(Duration.hours(1)) }

/**
 * The engine's own store has a job in each state: `completed`, `failed`, `claimed`, `delayed`, `ready`. `look` is run
 * meanwhile.
 */
const inEachState = <A, E, R>(look: Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.gen(function*() {
    const store = yield* PersistedQueue.PersistedQueueStore
    const offer = (id: string, delay?: Duration.Duration) =>
      store.offer({ name: "jobs", id, element: { to: id }, isCustomId: true, delay })
    const settle = (end: Effect.Effect<unknown, string>) =>
      Effect.exit(Effect.scoped(Effect.andThen(store.take(take), end)))
    yield* offer("completed")
    yield* settle(Effect.void)
    yield* offer("failed")
    yield* settle(Effect.fail("no"))
    yield* offer("claimed")
    const claimed = yield* Deferred.make<void>()
    yield* Effect.forkScoped(settle(Effect.andThen(Deferred.succeed(claimed, undefined), Effect.never)))
    yield* Deferred.await(claimed)
    yield* offer("delayed", Duration.hours(1))
    yield* offer("ready")
    return yield* look
  }))

describe("formats of Effect's PersistedQueue", () => {
  let redis: Server
  let postgres: Server
  beforeAll(async () => {
    ;[redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  })
  afterAll(() => Promise.all([redis.close(), postgres.close()]))

  test("the columns of the table, and the rows of each state", () => {
    const place: Place = { kind: "postgres", port: postgres.port }
    const layer = Layer.provideMerge(PersistedQueue.layerStoreSql(), pgLayer(place))
    const look = Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const columns = yield* sql<{ readonly column_name: string; readonly data_type: string }>`
        SELECT column_name, data_type FROM information_schema.columns
        WHERE table_name = 'effect_queue' ORDER BY column_name`
      expect(Object.fromEntries(columns.map(({ column_name, data_type }) => [column_name, data_type]))).toEqual({
        acquired_at: "timestamp without time zone",
        acquired_by: "uuid",
        attempts: "integer",
        created_at: "timestamp without time zone",
        element: "text",
        id: "character varying",
        last_failure: "text",
        queue_name: "character varying",
        sequence: "bigint",
        state: "character varying",
        updated_at: "timestamp without time zone",
        visible_at: "timestamp without time zone"
      })
      const rows = yield* sql`SELECT id, element, state, attempts, acquired_by IS NOT NULL AS claimed,
        visible_at > NOW() AS is_delayed FROM effect_queue WHERE queue_name = 'jobs' ORDER BY sequence`
      const row = (id: string, state: string, attempts: number, more = {}) => ({
        id,
        element: JSON.stringify({ to: id }),
        state,
        attempts,
        claimed: false,
        is_delayed: false,
        ...more
      })
      expect(rows).toEqual([
        row("completed", "completed", 1),
        row("failed", "failed", 1),
        row("claimed", "pending", 1, { claimed: true }),
        row("delayed", "pending", 0, { is_delayed: true }),
        row("ready", "pending", 0)
      ])
    })
    return Effect.runPromise(Effect.provide(inEachState(look), layer))
  })

  test("the keys in Redis, and the record of a dead letter", () => {
    const layer = Layer.provideMerge(PersistedQueue.layerStoreRedis(), ioredis(redis.port))
    const look = Effect.gen(function*() {
      const { send } = yield* Redis.Redis
      const payload = (id: string) => JSON.stringify({ id, element: { to: id } })
      const keys = yield* send<ReadonlyArray<string>>("KEYS", "effectq:jobs*")
      expect([...keys].sort()).toEqual(
        ["", ":attempts", ":delayed", ":failed", ":ids", ":owners", ":pending"].map((part) => `effectq:jobs${part}`)
      )
      expect(yield* send("LRANGE", "effectq:jobs", "0", "-1")).toEqual([payload("ready")])
      expect(yield* send("ZRANGE", "effectq:jobs:delayed", "0", "-1")).toEqual([payload("delayed")])
      const due = yield* send("ZSCORE", "effectq:jobs:delayed", payload("delayed"))
      expect(Number(due) - Date.now()).toBeGreaterThan(3_500_000)
      expect(yield* send("HKEYS", "effectq:jobs:pending")).toEqual(["claimed"])
      expect(yield* send("HGET", "effectq:jobs:pending", "claimed")).toBe(payload("claimed"))
      const ids = yield* send<ReadonlyArray<string>>("ZRANGEBYSCORE", "effectq:jobs:ids", "-inf", "(+inf")
      expect(ids).toEqual(["completed"])
      expect(yield* send("ZCARD", "effectq:jobs:ids")).toBe(5)
      const [failed] = yield* send<[string]>("LRANGE", "effectq:jobs:failed", "0", "-1")
      expect(failed).toMatch(
        /^\{"id":"failed","element":\{"to":"failed"\},"attempts":1,"lastFailure":".*","failedAt":\d+\}$/
      )
      expect((JSON.parse(failed) as { lastFailure: string }).lastFailure).toContain(
        Cause.pretty(Cause.fail("no")).split("\n")[0]
      )
      // So a requeued job begins at attempt 1.
      expect(yield* send("HKEYS", "effectq:jobs:attempts")).toEqual(["claimed"])
    })
    return Effect.runPromise(Effect.provide(inEachState(look), layer))
  })
})
