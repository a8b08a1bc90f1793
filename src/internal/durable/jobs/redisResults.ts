import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import { failing } from "../errors.js"
import { backOff } from "./polling.js"
import { Results } from "./results.js"

/** One key for each exit, which expires after `timeToLive`. */
export const redisResults = Effect.fnUntraced(function*(prefix: string, timeToLive: Duration.Duration) {
  const redis = yield* Redis.Redis
  const keyOf = (job: string, id: string): string => `${prefix}${job}:${id}`
  const expires = Duration.isFinite(timeToLive) ? ["PX", String(Math.ceil(Duration.toMillis(timeToLive)))] : []
  return Results.of({
    record: (job, id, exit) =>
      redis.send("SET", keyOf(job, id), exit, "NX", ...expires).pipe(
        Effect.asVoid,
        Effect.mapError(failing("Results.record"))
      ),
    get: (job, id) =>
      redis.send<string | null>("GET", keyOf(job, id)).pipe(
        Effect.map((exit) => exit ?? undefined),
        Effect.mapError(failing("Results.get"))
      ),
    pause: (_job, _id, asked) => backOff(asked)
  })
})
