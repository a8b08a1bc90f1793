import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { failing } from "../errors.js"
import { Wake } from "../wake.js"
import { pauses, resultTopic } from "./pausing.js"
import { Results } from "./results.js"

/** A table of the exits, made where there is none. */
export const sqlResults = Effect.fnUntraced(function*(tableName: string) {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const wake = yield* Wake
  const table = sql(tableName)
  // Of processes that start together, PostgreSQL lets some fail at the name of the table, which exists then.
  yield* sql`CREATE TABLE IF NOT EXISTS ${table} (
    job VARCHAR(255) NOT NULL,
    id VARCHAR(255) NOT NULL,
    result TEXT NOT NULL,
    recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (job, id)
  )`.pipe(Effect.retry({ times: 3 }), Effect.orDie)
  const insert = sql.onDialectOrElse({
    mysql: () => (job: string, id: string, exit: string) =>
      sql`INSERT IGNORE INTO ${table} (job, id, result) VALUES (${job}, ${id}, ${exit})`,
    orElse: () => (job: string, id: string, exit: string) =>
      sql`INSERT INTO ${table} (job, id, result) VALUES (${job}, ${id}, ${exit}) ON CONFLICT (job, id) DO NOTHING`
  })
  return Results.of({
    record: (job, id, exit) =>
      insert(job, id, exit).pipe(
        Effect.andThen(wake.notify(resultTopic(job, id))),
        Effect.mapError(failing("Results.record", job))
      ),
    get: (job, id) =>
      sql<{ readonly result: string }>`SELECT result FROM ${table} WHERE job = ${job} AND id = ${id}`.pipe(
        Effect.map(([row]) => row?.result),
        Effect.mapError(failing("Results.get", job))
      ),
    forget: (job, id, exit) =>
      sql`DELETE FROM ${table} WHERE job = ${job} AND id = ${id} AND result = ${exit}`.pipe(
        Effect.asVoid,
        Effect.mapError(failing("Results.forget", job))
      ),
    listen: pauses(wake)
  })
})
