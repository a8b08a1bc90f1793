/**
 * The administration of the engine's table (4.1). A row is `pending`, `completed` or `failed`; a pending one is claimed
 * if it has `acquired_by`, and delayed if `visible_at` is in the future. `test/durable/formats.servers.test.ts` fails
 * when the engine changes this.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { failing } from "../errors.js"
import { Wake } from "../wake.js"
import { Admin, pageOf } from "./admin.js"
import { queueTopic } from "./woken.js"

interface Row {
  readonly sequence: number | string
  readonly id: string
  readonly element: string
  readonly attempts: number
  readonly last_failure: string | null
  readonly failed_at: number | string
}

export const sqlAdmin = Effect.fnUntraced(function*(tableName: string) {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const wake = yield* Wake
  const table = sql(tableName)
  const now = sql.onDialectOrElse({
    mysql: () => sql.literal("NOW()"),
    pg: () => sql.literal("NOW()"),
    orElse: () => sql.literal("CURRENT_TIMESTAMP")
  })
  // The engine's timestamps have no zone: they are in that of the connection.
  const failedAt = sql.onDialectOrElse({
    mysql: () => sql.literal("UNIX_TIMESTAMP(updated_at)"),
    pg: () => sql.literal("EXTRACT(EPOCH FROM updated_at::timestamptz)"),
    orElse: () => sql.literal("strftime('%s', updated_at)")
  })
  const dead = (queue: string, id: string) => sql`queue_name = ${queue} AND id = ${id} AND state = 'failed'`
  const isDead = (queue: string, id: string) =>
    Effect.map(sql`SELECT sequence FROM ${table} WHERE ${dead(queue, id)}`, (rows) => rows.length > 0)
  const requeued = sql`SET state = 'pending', attempts = 0, last_failure = NULL, acquired_at = NULL, acquired_by = NULL,
    visible_at = ${now}, updated_at = ${now}`
  const change = sql.onDialectOrElse({
    // Without RETURNING: in a transaction, so that of two at a time one finds the row.
    mysql: () => (queue: string, id: string, act: "requeue" | "remove") =>
      sql.withTransaction(Effect.gen(function*() {
        const rows = yield* sql`SELECT sequence FROM ${table} WHERE ${dead(queue, id)} FOR UPDATE`
        if (rows.length === 0) return false
        yield* act === "requeue"
          ? sql`UPDATE ${table} ${requeued} WHERE ${dead(queue, id)}`
          : sql`DELETE FROM ${table} WHERE ${dead(queue, id)}`
        return true
      })),
    orElse: () => (queue: string, id: string, act: "requeue" | "remove") =>
      Effect.map(
        act === "requeue"
          ? sql`UPDATE ${table} ${requeued} WHERE ${dead(queue, id)} RETURNING sequence`
          : sql`DELETE FROM ${table} WHERE ${dead(queue, id)} RETURNING sequence`,
        (rows) => rows.length > 0
      )
  })

  return Admin.of({
    // One statement is one snapshot (D9).
    counts: (queue) => {
      const count = (condition: string) => sql.literal(`COALESCE(SUM(CASE WHEN ${condition} THEN 1 ELSE 0 END), 0)`)
      const waits = "state = 'pending' AND acquired_by IS NULL"
      return sql<Record<"stored" | "ready" | "is_delayed" | "claimed" | "completed" | "failed", number | string>>`
        SELECT COUNT(*) AS stored,
          ${count("state = 'completed'")} AS completed,
          ${count("state = 'failed'")} AS failed,
          ${count("state = 'pending' AND acquired_by IS NOT NULL")} AS claimed,
          COALESCE(SUM(CASE WHEN ${sql.literal(waits)} AND visible_at <= ${now} THEN 1 ELSE 0 END), 0) AS ready,
          COALESCE(SUM(CASE WHEN ${sql.literal(waits)} AND visible_at > ${now} THEN 1 ELSE 0 END), 0) AS is_delayed
        FROM ${table} WHERE queue_name = ${queue}
      `.pipe(
        Effect.map(([row]) => ({
          stored: Number(row?.stored),
          ready: Number(row?.ready),
          delayed: Number(row?.is_delayed),
          claimed: Number(row?.claimed),
          completed: Number(row?.completed),
          failed: Number(row?.failed)
        })),
        Effect.mapError(failing("Admin.counts", queue))
      )
    },
    deadLetters: (queue, limit, after) =>
      sql<Row>`
        SELECT sequence, id, element, attempts, last_failure, ${failedAt} AS failed_at FROM ${table}
        WHERE queue_name = ${queue} AND state = 'failed' AND sequence > ${after === undefined ? 0 : Number(after)}
        ORDER BY sequence LIMIT ${sql.literal(String(limit + 1))}
      `.pipe(
        Effect.map((rows) =>
          pageOf(rows, limit, ({ attempts, element, failed_at, id, last_failure }) => ({
            id,
            payload: parse(element),
            attempts,
            failure: last_failure ?? "",
            failedAt: Math.round(Number(failed_at) * 1_000)
          }), ({ sequence }) => String(sequence))
        ),
        Effect.mapError(failing("Admin.deadLetters", queue))
      ),
    isDead: (queue, id) => Effect.mapError(isDead(queue, id), failing("Admin.isDead", queue)),
    requeue: (queue, id) =>
      Effect.mapError(
        Effect.tap(change(queue, id, "requeue"), (found) => found ? wake.notify(queueTopic(queue)) : Effect.void),
        failing("Admin.requeue", queue)
      ),
    remove: (queue, id) => Effect.mapError(change(queue, id, "remove"), failing("Admin.remove", queue))
  })
})

/** A payload that is no JSON is the reason why its job is dead. */
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
