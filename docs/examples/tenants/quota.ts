import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as RateLimiter from "effect/persistence/RateLimiter"
import { type Answer, later } from "./answer.js"
import type { Quota, Tenant } from "./tenant.js"

/**
 * A token for a call of the tenant, or a 429; and what the tenant is told of its quota either way, in the fields of the
 * draft "RateLimit header fields for HTTP".
 *
 * Only tenants have a bucket, and not whoever sends something: the store in memory keeps every key forever.
 */
export const takeToken = (
  limiter: RateLimiter.RateLimiter,
  { name, plan: { quota } }: Tenant
): Effect.Effect<{ readonly headers: Answer["headers"]; readonly refused?: Answer }> =>
  limiter.consume({
    key: name,
    limit: quota.limit,
    window: Duration.seconds(quota.seconds),
    algorithm: "token-bucket"
  }).pipe(
    Effect.map(({ remaining, resetAfter }) => ({ headers: fields(quota, remaining, resetAfter) })),
    Effect.catchReason("RateLimiterError", "RateLimitExceeded", ({ retryAfter }) =>
      Effect.succeed({
        headers: fields(quota, 0, retryAfter),
        refused: later(429, "the quota is used up", Duration.toSeconds(retryAfter))
      })),
    // A store on the network may be away. What each tenant may have in the queue and on the workers is bounded all the
    // same, so its calls go without a token rather than not at all.
    Effect.catchTag("RateLimiterError", () => Effect.succeed({ headers: {} }))
  )

/** `t`, in seconds, is when there is more of it: a bucket that is full, or where there was no token, the next one. */
const fields = ({ limit, seconds }: Quota, remaining: number, after: Duration.Duration): Answer["headers"] => ({
  "ratelimit-policy": `"calls";q=${limit};w=${seconds}`,
  ratelimit: `"calls";r=${Math.floor(remaining)};t=${Math.ceil(Duration.toSeconds(after))}`
})
