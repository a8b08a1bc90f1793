import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { canListen, keepListening, outsideOf } from "../listening.js"
import { Wakes } from "../Wakes.js"
import type { Act, Request, Store } from "./model.js"
import { call, makeIds, parseReply } from "./remote.js"

/**
 * Two tables, and a function that makes one step: it locks the limit, removes each request whose lease is over, acts,
 * and wakes those that fit. Times are in microseconds since 1970, by `clock_timestamp`, which no time zone changes.
 * Each question of a step has an index. So only a request that begins to wait counts those ahead of it.
 *
 * - A step is one call of a function, so that acquire and release without a wait are one round trip each, and because
 *   each statement of a function sees all that was committed before. In one statement the lock would come too late:
 *   after its wait, the statement still sees the leases from before.
 * - The lock is the row of the limit (F1). Under a higher isolation level the function would not see what was committed
 *   while it waited for the lock, so it refuses to run there.
 * - A token is at least the time, so tokens grow even if the row is lost (F6).
 * - The version is in the names. Another version of the function may run in other processes.
 */
const schema = (prefix: string): ReadonlyArray<string> => [
  `CREATE TABLE IF NOT EXISTS ${prefix}_limits (
  name text PRIMARY KEY,
  permits bigint NOT NULL DEFAULT 0,
  token bigint NOT NULL DEFAULT 0,
  arrivals bigint NOT NULL DEFAULT 0
)`,
  `CREATE TABLE IF NOT EXISTS ${prefix}_leases (
  name text NOT NULL,
  id text NOT NULL,
  arrival bigint NOT NULL,
  permits bigint NOT NULL,
  token bigint,
  ends bigint NOT NULL,
  PRIMARY KEY (name, id)
)`,
  `CREATE INDEX IF NOT EXISTS ${prefix}_leases_held
  ON ${prefix}_leases (name) INCLUDE (permits) WHERE token IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS ${prefix}_leases_line ON ${prefix}_leases (name, arrival) WHERE token IS NULL`,
  `CREATE INDEX IF NOT EXISTS ${prefix}_leases_ends ON ${prefix}_leases (name, ends)`,
  `CREATE OR REPLACE FUNCTION ${prefix}_step_1(
  act text, limit_name text, request text, wanted bigint, total bigint, lease bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  now_us bigint;
  a_limit ${prefix}_limits;
  mine ${prefix}_leases;
  one record;
  free bigint;
  first_end bigint;
  ahead bigint;
  made_room boolean;
  is_admissible boolean := false;
  reply text := 'gone';
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'sluice: limits need the isolation level read committed, got %', current_setting('transaction_isolation');
  END IF;
  SELECT * INTO a_limit FROM ${prefix}_limits WHERE name = limit_name FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO ${prefix}_limits (name) VALUES (limit_name) ON CONFLICT DO NOTHING;
    SELECT * INTO a_limit FROM ${prefix}_limits WHERE name = limit_name FOR UPDATE;
  END IF;
  now_us := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
  DELETE FROM ${prefix}_leases WHERE name = limit_name AND ends <= now_us;
  made_room := FOUND;
  SELECT * INTO mine FROM ${prefix}_leases WHERE name = limit_name AND id = request;

  IF act = 'acquire' THEN
    IF mine.token IS NOT NULL THEN
      UPDATE ${prefix}_leases SET ends = now_us + lease * 1000 WHERE name = limit_name AND id = request;
      reply := 'granted ' || mine.token;
    ELSE
      IF mine.id IS NULL AND a_limit.permits <> total THEN
        a_limit.permits := total;
        made_room := true;
      END IF;
      IF wanted > a_limit.permits THEN
        DELETE FROM ${prefix}_leases WHERE name = limit_name AND id = request;
        made_room := made_room OR FOUND;
        reply := 'exceeded ' || a_limit.permits;
      ELSE
        a_limit.arrivals := a_limit.arrivals + 1;
        INSERT INTO ${prefix}_leases AS l (name, id, arrival, permits, ends)
          VALUES (limit_name, request, a_limit.arrivals, wanted, now_us + lease * 1000)
          ON CONFLICT (name, id) DO UPDATE SET ends = excluded.ends;
        SELECT a_limit.permits - coalesce(sum(l.permits), 0) INTO free FROM ${prefix}_leases l
          WHERE l.name = limit_name AND l.token IS NOT NULL;
        FOR one IN SELECT l.id, l.permits FROM ${prefix}_leases l
          WHERE l.name = limit_name AND l.token IS NULL ORDER BY l.arrival
        LOOP
          IF one.permits <= a_limit.permits THEN
            EXIT WHEN one.permits > 0 AND one.permits > free;
            free := free - one.permits;
          END IF;
          is_admissible := one.id = request;
          EXIT WHEN is_admissible;
        END LOOP;
        IF is_admissible THEN
          a_limit.token := greatest(a_limit.token + 1, now_us);
          UPDATE ${prefix}_leases SET token = a_limit.token WHERE name = limit_name AND id = request;
          reply := 'granted ' || a_limit.token;
        ELSE
          SELECT min(ends) INTO first_end FROM ${prefix}_leases WHERE name = limit_name;
          SELECT count(*) INTO ahead FROM ${prefix}_leases WHERE name = limit_name AND token IS NULL
            AND arrival < (SELECT arrival FROM ${prefix}_leases WHERE name = limit_name AND id = request);
          reply := 'waiting ' || ahead || ' ' || (first_end - now_us + 999) / 1000;
        END IF;
      END IF;
      UPDATE ${prefix}_limits SET permits = a_limit.permits, token = a_limit.token, arrivals = a_limit.arrivals
        WHERE name = limit_name;
    END IF;
  ELSIF mine.id IS NOT NULL THEN
    IF mine.token IS NOT NULL THEN
      reply := 'held';
    END IF;
    IF act = 'release' THEN
      DELETE FROM ${prefix}_leases WHERE name = limit_name AND id = request;
      made_room := true;
    ELSIF mine.token IS NOT NULL THEN
      UPDATE ${prefix}_leases SET ends = now_us + lease * 1000 WHERE name = limit_name AND id = request;
    END IF;
  END IF;

  IF made_room THEN
    SELECT a_limit.permits - coalesce(sum(l.permits), 0) INTO free FROM ${prefix}_leases l
      WHERE l.name = limit_name AND l.token IS NOT NULL;
    FOR one IN SELECT l.id, l.permits FROM ${prefix}_leases l
      WHERE l.name = limit_name AND l.token IS NULL ORDER BY l.arrival
    LOOP
      IF one.permits <= a_limit.permits THEN
        EXIT WHEN one.permits > 0 AND one.permits > free;
        free := free - one.permits;
      END IF;
      IF one.id <> request THEN
        PERFORM pg_notify('${prefix}_' || split_part(one.id, ':', 1), one.id);
      END IF;
    END LOOP;
  END IF;
  RETURN reply;
END $$`
]

/** A store in PostgreSQL. Makes its tables. A fiber of the scope receives the wake-ups, if the client can listen. */
export const makePg = (
  prefix: string,
  pollOf: (isWoken: boolean) => number,
  listen: boolean
): Effect.Effect<Store, SqlError, SqlClient.SqlClient | Scope.Scope> =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const wakes = new Wakes()
    const ids = makeIds()
    // A permit that is taken in the caller's transaction would be none until its commit, and would hold the lock.
    const outside = outsideOf(sql)
    const run = (text: string, parameters: ReadonlyArray<unknown> = []) => sql.unsafe(text, parameters).values
    const step = ({ id, lease, limit, permits, total }: Request, act: Act) =>
      call(
        { id, lease, limit, permits, total },
        act,
        Effect.map(
          outside(run(
            `SELECT ${prefix}_step_1($1::text, $2::text, $3::text, $4::bigint, $5::bigint, $6::bigint)`,
            [act, limit, id, String(permits), String(total), String(Math.ceil(lease))]
          )),
          ([row]) => String(row?.[0])
        )
      )

    // A role that may not create anything finds what another role has created.
    const [row] = yield* outside(run("SELECT to_regproc($1::text) IS NOT NULL", [`${prefix}_step_1`]))
    if (row?.[0] !== true) {
      // Even with IF NOT EXISTS two sessions that create the same at a time fail.
      yield* outside(sql.withTransaction(
        Effect.andThen(
          run("SELECT pg_advisory_xact_lock(hashtext($1::text))", [`sluice ${prefix}`]),
          Effect.forEach(schema(prefix), (text) => run(text), { discard: true })
        )
      ))
    }
    const isWoken = listen && canListen(sql)
    if (isWoken) {
      yield* outside(keepListening(
        sql.listen(`${prefix}_${ids.channel}`),
        ({ payload }) => wakes.wake(payload),
        () => wakes.wakeAll()
      ))
    }
    return {
      poll: pollOf(isWoken),
      nextId: ids.nextId,
      acquire: (request) => Effect.map(step(request, "acquire"), parseReply),
      renew: (request) => Effect.map(step(request, "renew"), (reply) => reply === "held"),
      release: (request) => Effect.map(step(request, "release"), (reply) => reply === "held"),
      onWake: wakes.on
    }
  })
