import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type { Options } from "./options.js"
import type { Settings } from "./service.js"
import { plans, type Tenants } from "./tenant.js"

/** Those of the program. */
export const tenants: Tenants = new Map([
  ["key-of-noisy", { name: "noisy", plan: plans.free }],
  ["key-of-ada", { name: "ada", plan: plans.free }],
  ["key-of-bob", { name: "bob", plan: plans.team }],
  ["key-of-cyd", { name: "cyd", plan: plans.business }]
])

/** The buckets. Of several processes, each has its own: `layerStoreRedis` is for those that share them. */
export const limits = Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)

export const settingsOf = ({ capacity, concurrency, run, wait, work, workers }: Options): Settings => ({
  tenants,
  workers,
  capacity,
  concurrency,
  deadlines: { wait, run },
  work: () => Effect.sleep(work)
})
