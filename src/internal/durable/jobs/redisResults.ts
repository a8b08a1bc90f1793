import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import { failing } from "../errors.js"
import { Wake } from "../wake.js"
import { pauses, resultTopic } from "./pausing.js"
import { Results } from "./results.js"

const forget = Redis.script((key: string, exit: string) => [key, exit], {
  lua: "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end",
  numberOfKeys: 1
})

/** One key for each exit, which expires after `timeToLive`. */
export const redisResults = Effect.fnUntraced(function*(prefix: string, timeToLive: Duration.Duration) {
  const redis = yield* Redis.Redis
  const wake = yield* Wake
  const forgetting = redis.eval(forget)
  // Without a colon in the name: the job `a` with the id `b:c` has another key than the job `a:b` with the id `c`.
  const keyOf = (job: string, id: string): string => `${prefix}${encodeURIComponent(job)}:${id}`
  const expires = Duration.isFinite(timeToLive) ? ["PX", String(Math.ceil(Duration.toMillis(timeToLive)))] : []
  return Results.of({
    record: (job, id, exit) =>
      redis.send("SET", keyOf(job, id), exit, "NX", ...expires).pipe(
        Effect.andThen(wake.notify(resultTopic(job, id))),
        Effect.mapError(failing("Results.record", job))
      ),
    get: (job, id) =>
      redis.send<string | null>("GET", keyOf(job, id)).pipe(
        Effect.map((exit) => exit ?? undefined),
        Effect.mapError(failing("Results.get", job))
      ),
    forget: (job, id, exit) => Effect.mapError(forgetting(keyOf(job, id), exit), failing("Results.forget", job)),
    listen: pauses(wake)
  })
})
