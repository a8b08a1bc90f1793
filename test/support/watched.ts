/** Workloads of one call that brings an iterator's numbers to a pool, beside other jobs, sizes and ends of the pool. */
import { Effect } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import type { Watched, WatchedOptions } from "../scenarios/watched.js"
import { turns } from "./effect.js"

export interface Workload extends Omit<WatchedOptions, "body"> {
  readonly fails: number
  readonly breaks: number
  readonly turns: ReadonlyArray<number>
  readonly sizes: ReadonlyArray<number>
  readonly ends: "nothing" | "shutdown" | "shutdownNow"
  readonly others: number
}

export const seldom = (common: number, rare: fc.Arbitrary<number>): fc.Arbitrary<number> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(common) }, rare)

/** For `fc.record`. */
export const workload = {
  size: fc.integer({ min: 1, max: 3 }),
  capacity: fc.constantFrom(0, 1, 2, "unbounded" as const),
  strategy: fc.constantFrom("suspend" as const, "dropping" as const, "sliding" as const),
  exits: fc.boolean(),
  items: fc.nat(9),
  throwsAt: seldom(99, fc.integer({ min: 1, max: 9 })),
  fails: seldom(0, fc.integer({ min: 1, max: 9 })),
  breaks: seldom(0, fc.integer({ min: 1, max: 9 })),
  turns: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
  sizes: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
  ends: fc.constantFrom("nothing" as const, "nothing" as const, "shutdown" as const, "shutdownNow" as const),
  others: seldom(0, fc.integer({ min: 1, max: 3 }))
}

/** The options of the call. */
export const optionsOf = <Work extends Workload>(work: Work): Work & WatchedOptions => ({
  ...work,
  isShared: work.others > 0,
  body: (n, invalidate) =>
    turns(work.turns[n % work.turns.length]!).pipe(
      Effect.andThen(n === work.breaks ? invalidate : Effect.void),
      Effect.andThen(n === work.fails ? Effect.fail(`${n}`) : Effect.void)
    )
})

/** The other actors. */
export const othersOf =
  ({ ends, others, sizes }: Workload) =>
  ({ pool, resize }: Watched<WatchedOptions>): ReadonlyArray<Effect.Effect<unknown, unknown>> => [
    Effect.forEach(sizes, (size) => Effect.andThen(turns(1), resize(size))),
    Effect.forEach(Array.from({ length: others }), () => WorkerPool.submit(pool, 0)),
    { nothing: Effect.void, shutdown: WorkerPool.shutdown(pool), shutdownNow: WorkerPool.shutdownNow(pool) }[ends]
  ]
