/** Stores of limits on servers, and what the tests note there: who is inside, and the greatest token written. */
import { PgClient } from "@effect/sql-pg"
import { type Duration, Effect, Layer, Redacted } from "effect"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { LimitStore } from "sluice/durable"
import { layer as ioredis } from "./ioredis.js"

export type Kind = "redis" | "postgres"

/** A place for notes that processes share, on the same server as the limit. */
export interface Notes {
  /** Makes what the others need. */
  readonly prepare: Effect.Effect<void>
  /** Notes that this process is inside once more: how many are, over all processes. */
  readonly enter: (process: number) => Effect.Effect<number>
  readonly leave: (process: number) => Effect.Effect<void>
  /** Forgets all that a process has noted, once it is dead. */
  readonly forget: (process: number) => Effect.Effect<void>
  /** The most that ever were inside together, and how often anybody entered. */
  readonly seen: Effect.Effect<{ readonly most: number; readonly times: number }>
  /** A resource that refuses a token that is less than the greatest it has seen. */
  readonly write: (token: number) => Effect.Effect<boolean>
}

const enterScript = `
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
local all = 0
for _, n in ipairs(redis.call('HVALS', KEYS[1])) do all = all + n end
local most = tonumber(redis.call('HGET', KEYS[2], 'most') or 0)
if all > most then redis.call('HSET', KEYS[2], 'most', all) end
redis.call('HINCRBY', KEYS[2], 'times', 1)
return all`

const writeScript = `
if tonumber(redis.call('GET', KEYS[1]) or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1`

const redisNotes: Effect.Effect<Notes, never, Redis.Redis> = Effect.map(Redis.Redis, (redis): Notes => {
  const send = (...[command, ...args]: [string, ...ReadonlyArray<string>]) => Effect.orDie(redis.send(command, ...args))
  return {
    prepare: Effect.void,
    enter: (process) => Effect.map(send("EVAL", enterScript, "2", "inside", "seen", String(process)), Number),
    leave: (process) => Effect.asVoid(send("HINCRBY", "inside", String(process), "-1")),
    forget: (process) => Effect.asVoid(send("HDEL", "inside", String(process))),
    seen: Effect.map(send("HMGET", "seen", "most", "times"), (all) => {
      const [most, times] = (all as ReadonlyArray<string | null>).map(Number)
      return { most: most!, times: times! }
    }),
    write: (token) => Effect.map(send("EVAL", writeScript, "1", "written", String(token)), (reply) => reply === 1)
  }
})

const pgNotes: Effect.Effect<Notes, never, SqlClient.SqlClient> = Effect.map(SqlClient.SqlClient, (sql): Notes => {
  const run = (text: string, ...parameters: ReadonlyArray<number>) =>
    Effect.orDie(sql.unsafe(text, parameters.map(String)).values)
  return {
    prepare: Effect.gen(function*() {
      yield* run("CREATE TABLE IF NOT EXISTS inside (process bigint PRIMARY KEY, n bigint NOT NULL)")
      yield* run(
        "CREATE TABLE IF NOT EXISTS seen (most bigint NOT NULL, times bigint NOT NULL, written bigint NOT NULL)"
      )
      yield* run("INSERT INTO seen SELECT 0, 0, 0 WHERE NOT EXISTS (SELECT FROM seen)")
      yield* run(`CREATE OR REPLACE FUNCTION enter(p bigint) RETURNS bigint LANGUAGE plpgsql AS $$
        DECLARE total bigint;
        BEGIN
          PERFORM 1 FROM seen FOR UPDATE;
          INSERT INTO inside VALUES (p, 1) ON CONFLICT (process) DO UPDATE SET n = inside.n + 1;
          SELECT sum(n) INTO total FROM inside;
          UPDATE seen SET most = greatest(most, total), times = times + 1;
          RETURN total;
        END $$`)
    }),
    enter: (process) => Effect.map(run("SELECT enter($1::bigint)", process), ([row]) => Number(row![0])),
    leave: (process) => Effect.asVoid(run("UPDATE inside SET n = n - 1 WHERE process = $1::bigint", process)),
    forget: (process) => Effect.asVoid(run("DELETE FROM inside WHERE process = $1::bigint", process)),
    seen: Effect.map(
      run("SELECT most, times FROM seen"),
      ([row]) => ({ most: Number(row![0]), times: Number(row![1]) })
    ),
    write: (token) =>
      Effect.map(
        run("UPDATE seen SET written = $1::bigint WHERE written <= $1::bigint RETURNING written", token),
        (rows) => rows.length === 1
      )
  }
})

export interface Place {
  readonly kind: Kind
  readonly port: number
  /** The time zone of the connections. */
  readonly zone?: string | undefined
}

/** The client, which calls `onSend` with each statement, before it is sent. */
export const onSql = (
  onSend: (text: string) => void
): Layer.Layer<SqlClient.SqlClient, never, SqlClient.SqlClient> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.map(SqlClient.SqlClient, (sql) =>
      new Proxy(sql, {
        get: (target, key) => {
          if (key !== "unsafe") return Reflect.get(target, key) as unknown
          return (text: string, parameters: ReadonlyArray<unknown>) => {
            onSend(text)
            return target.unsafe(text, parameters)
          }
        }
      }))
  )

export const pgLayer = ({ port, zone = "UTC" }: Place, more: Partial<PgClient.PgPoolConfig> = {}) =>
  PgClient.layer({
    url: Redacted.make(`postgres://postgres@127.0.0.1:${port}/postgres`),
    startupParameters: { timezone: zone },
    maxConnections: 6,
    ...more
  })

/** A store on a server, as one process has it, and its notes. */
export const storeOf = <A, E>(
  place: Place,
  use: (notes: Notes) => Effect.Effect<A, E, LimitStore.LimitStore>,
  options: { readonly poll?: Duration.Input } = {}
): Effect.Effect<A, unknown> => {
  if (place.kind === "redis") {
    const client = ioredis(place.port)
    return Effect.flatMap(redisNotes, use).pipe(
      Effect.provide(LimitStore.layerRedis(options).pipe(Layer.provideMerge(client)))
    )
  }
  return Effect.flatMap(pgNotes, use).pipe(
    Effect.provide(LimitStore.layerPg(options).pipe(Layer.provideMerge(pgLayer(place))))
  )
}
