import * as fc from "fast-check"
import type { Interrupt, Plan } from "./controlled.js"

/** How many runs a property gets. `SOAK=10 npm test` runs ten times as many. */
export const runs = (n: number): { readonly numRuns: number } => ({ numRuns: n * Number(process.env["SOAK"] ?? 1) })

const interrupt = (actors: number, unit: fc.Arbitrary<Interrupt["unit"]>): fc.Arbitrary<Interrupt> =>
  fc.record({ actor: fc.nat(actors - 1), at: fc.nat(30), unit })

/** Any order, preemption before any operation, interrupts at any operation. */
export const anyPlan = (actors: number): fc.Arbitrary<Plan> =>
  fc.record({
    seed: fc.option(fc.nat(), { nil: undefined }),
    preemption: fc.constantFrom(0, 0.05, 0.3),
    interrupts: fc.array(interrupt(actors, fc.constantFrom("operation", "step")), { maxLength: 4 })
  })

/** As on the stock runtime: any order, but fibers only stop where they suspend. Then grants show as they are made. */
export const stockPlan = (actors: number): fc.Arbitrary<Plan> =>
  fc.record({
    seed: fc.option(fc.nat(), { nil: undefined }),
    preemption: fc.constant(0),
    interrupts: fc.array(interrupt(actors, fc.constant("step")), { maxLength: 4 })
  })
