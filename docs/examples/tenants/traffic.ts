import * as Effect from "effect/Effect"
import { ask, type Unanswered } from "./client.js"
import type { Tenant, Tenants } from "./tenant.js"

/** How a call of a tenant ended, as its client sees it. */
export interface Seen {
  readonly tenant: Tenant
  readonly kind: "200" | "429 quota" | "429 queue" | "503" | "504" | "other"
  /** How many milliseconds it has waited for a worker, where it did. */
  readonly waited: number | undefined
}

/**
 * The first tenant sends so many calls at once; each of the others one after the other, until the first has its
 * answers, or `isStopped`.
 */
export const traffic = (
  service: URL,
  tenants: Tenants,
  calls: number,
  see: (seen: Seen) => void,
  isStopped: () => boolean
): Effect.Effect<void, Unanswered> =>
  Effect.suspend(() => {
    const [noisy, ...quiet] = [...tenants].map(([key, tenant]) =>
      Effect.map(ask(service, "/render", key), ({ content, headers, status }) => {
        const dur = /dur=(\d+)/.exec(String(headers["server-timing"]))?.[1]
        see({ tenant, kind: kindOf(status, content), waited: dur === undefined ? undefined : Number(dur) })
      })
    )
    if (noisy === undefined) return Effect.void
    let isOver = false
    const burst = Effect.forEach(Array.from({ length: calls }), () => noisy, {
      concurrency: "unbounded",
      discard: true
    })
    const all = [
      ...quiet.map((call) => Effect.repeat(call, { until: () => isOver || isStopped() })),
      Effect.andThen(burst, Effect.sync(() => isOver = true))
    ]
    return Effect.all(all, { concurrency: "unbounded", discard: true })
  })

const kindOf = (status: number, content: unknown): Seen["kind"] => {
  switch (status) {
    case 200:
      return "200"
    case 429:
      return JSON.stringify(content).includes("quota") ? "429 quota" : "429 queue"
    case 503:
      return "503"
    case 504:
      return "504"
    default:
      return "other"
  }
}
