import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type * as Scope from "effect/Scope"
import { WorkerPool } from "sluice"
import { type Answer, json, later, refuse, type Request } from "./answer.js"
import { type Calls, makePool, makeSharedPool, type Settings as PoolSettings, type Waited } from "./pool.js"
import { takeToken } from "./quota.js"
import { makeTally } from "./tally.js"
import type { Tenant, Tenants } from "./tenant.js"

export interface Settings extends PoolSettings {
  readonly tenants: Tenants
  /** Whether each tenant has a queue of its own. */
  readonly keyed?: boolean
}

export interface Service {
  readonly api: (request: Request) => Effect.Effect<Answer>
  readonly pool: Calls
}

/** The service but for its server. What it answers:
 *
 *     GET /stats         200, what the pool does, and how many answers of each kind every tenant has had
 *     anything else      401 without an x-api-key that is known; 429 when the tenant's quota is used up, or its queue
 *                        is full; 503 when the call has waited for too long, or the service shuts down; 504 when it
 *                        has run for too long; 200 when it is done. Where it waited, server-timing says how long
 *
 * A call whose client hangs up is interrupted, and with it what the pool has of it.
 */
export const makeService = (
  settings: Settings
): Effect.Effect<Service, never, RateLimiter.RateLimiter | Scope.Scope> =>
  Effect.gen(function*() {
    const { keyed = true, tenants } = settings
    const limiter = yield* RateLimiter.RateLimiter
    const pool = yield* (keyed ? makePool(settings) : makeSharedPool(settings, tenants.size))
    const tally = makeTally(tenants)

    const call = (tenant: Tenant, path: string) =>
      Effect.gen(function*() {
        const { headers, refused } = yield* takeToken(limiter, tenant)
        const answer = refused ?? (yield* answerTo(pool, tenant, path))
        return { ...answer, headers: { ...answer.headers, ...headers } }
      })

    const api = ({ headers, method, path }: Request): Effect.Effect<Answer> => {
      if (path === "/stats") {
        return Effect.succeed(
          method === "GET" ? json(200, { pool: WorkerPool.stats(pool), tenants: tally.read() }) : refuse(405, "GET it")
        )
      }
      const tenant = tenants.get(String(headers["x-api-key"]))
      if (tenant === undefined) return Effect.succeed(refuse(401, "no such x-api-key"))
      return Effect.onExit(call(tenant, path), (exit) => {
        // Whatever else it may be, it is no answer.
        const status = Exit.isSuccess(exit) ? exit.value.status : Exit.hasInterrupts(exit) ? "hung up" : 500
        return Effect.sync(() => tally.add(tenant, status))
      })
    }
    return { api, pool }
  })

const answerTo = (pool: Calls, tenant: Tenant, path: string): Effect.Effect<Answer> =>
  Effect.flatMap(Clock.currentTimeMillis, (came) => WorkerPool.run(pool, { tenant, path, came })).pipe(
    Effect.map((waited) => timed(waited, json(200, { tenant: tenant.name, path }))),
    Effect.catchTags({
      JobTimeout: ({ after, phase }) =>
        Effect.succeed(
          phase === "run"
            ? refuse(504, "it ran for too long")
            : timed(Duration.toMillis(after), later(503, "it waited for too long", 1))
        ),
      JobLost: ({ reason }) => Effect.succeed(reason === "dropped" ? later(429, "the queue is full", 1) : stopping),
      PoolClosed: () => Effect.succeed(stopping),
      PoolFailed: () => Effect.succeed(stopping)
    })
  )

// Whoever comes again meets another instance, or this one anew.
const stopping = later(503, "the service stops", 1)

const timed = (waited: Waited, answer: Answer): Answer => ({
  ...answer,
  headers: { ...answer.headers, "server-timing": `queue;dur=${waited}` }
})
