import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { WorkerPool } from "sluice"
import type { Tenant } from "./tenant.js"

/** Something that a tenant wants done, and when it came, by the clock. */
export interface Call {
  readonly tenant: Tenant
  readonly path: string
  readonly came: number
}

/** How many milliseconds it has waited for a worker. */
export type Waited = number

export type Calls = WorkerPool.WorkerPool<Call, Waited, WorkerPool.JobTimeout>

export interface Settings {
  readonly workers: number
  /** How many calls of a tenant may wait, and how many may run at a time. */
  readonly capacity: number
  readonly concurrency: number
  readonly deadlines: { readonly wait: Duration.Input; readonly run: Duration.Input }
  /** What a worker does with a call. */
  readonly work: (call: Call) => Effect.Effect<unknown>
}

/**
 * A pool in which each tenant has a queue of its own, and they take turns (P15).
 *
 * The strategy is to drop what finds the queue full, and not `trySubmit`: so `run` serves for everything, and a client
 * that hangs up takes its call along (P7), where a handle would have to be cancelled.
 */
export const makePool = (
  { capacity, concurrency, deadlines, work, workers }: Settings
): Effect.Effect<Calls, never, Scope.Scope> =>
  WorkerPool.make({
    name: "calls",
    size: workers,
    queue: {
      capacity,
      strategy: "dropping",
      key: ({ tenant }: Call) => tenant,
      perKey: { concurrency, weight: ({ plan }: Tenant) => plan.weight }
    },
    deadlines,
    run: timed(work)
  })

/** The same without keys, to compare: one queue for all tenants, first come, first served. */
export const makeSharedPool = (
  { capacity, deadlines, work, workers }: Settings,
  tenants: number
): Effect.Effect<Calls, never, Scope.Scope> =>
  WorkerPool.make({
    name: "calls",
    size: workers,
    queue: { capacity: capacity * tenants, strategy: "dropping" },
    deadlines,
    run: timed(work)
  })

const timed = (work: Settings["work"]) => (call: Call): Effect.Effect<Waited> =>
  Effect.flatMap(Clock.currentTimeMillis, (began) => Effect.as(work(call), began - call.came))
