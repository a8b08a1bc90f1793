/** The laws of `Limit` on the store in memory: over all schedules of small scenarios, and over random workloads. */
import * as fc from "fast-check"
import { describe, test } from "vitest"
import { type Call, exhausted, history, preemptionsOf, type Process, processes } from "../../scenarios/limit.js"
import { holds, lawsOf } from "../../support/property.js"

lawsOf(exhausted, { bounds: (name) => ({ preemptions: preemptionsOf(name), cancels: 1 }), runs: 300 })

describe("over random workloads", () => {
  const process: fc.Arbitrary<Process> = fc.record<Process>({
    kind: fc.constantFrom("uses", "uses", "is killed", "is cut off"),
    permits: fc.nat(3),
    arrives: fc.nat(20),
    holds: fc.nat(25),
    cut: fc.nat(30),
    cutFor: fc.nat(20)
  })

  test("processes that come, hold, die and lose the store break no law (F1 to F7)", () => {
    holds(
      fc.record({ total: fc.integer({ min: 1, max: 3 }), all: fc.array(process, { minLength: 1, maxLength: 5 }) }),
      ({ all, total }) => processes(total, all),
      { realism: "contract", cancels: 2, workloads: 1_000 }
    )
  })

  test("the replies of the store are those of a semaphore with leases, one call after the other (F1, F2, F4)", () => {
    const call: fc.Arbitrary<Call> = fc.record<Call>({
      act: fc.constantFrom("acquire", "acquire", "acquire", "renew", "release", "advance"),
      id: fc.nat(3),
      permits: fc.nat(3),
      total: fc.constantFrom(2, 2, 2, 3, 1),
      millis: fc.constantFrom(1, 5, 9, 10)
    }).map((call) => ({ ...call, permits: call.id }))
    holds(fc.array(fc.array(call, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }), history, {
      realism: "contract",
      cancels: 0,
      workloads: 1_000
    })
  })
})
