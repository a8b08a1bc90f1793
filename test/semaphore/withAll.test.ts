/** S8: permits of several semaphores are taken in one step, each request in its turn in every one of them. */
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as fc from "fast-check"
import { Semaphore } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { jointly } from "../scenarios/semaphore.js"
import { deepInTheStack, defectOf, run, settle, squash, start, turns } from "../support/effect.js"
import { holds, lawsOf } from "../support/property.js"

const heldOf = (semaphores: ReadonlyArray<Semaphore.Semaphore>) => semaphores.map((s) => Semaphore.stats(s).held)
const waitingOf = (semaphores: ReadonlyArray<Semaphore.Semaphore>) => semaphores.map((s) => Semaphore.stats(s).waiting)

describe("withAll", () => {
  test("takes all permits in one step, or none, and gives them back however the effect ends", () =>
    run(Effect.gen(function*() {
      const [a, b] = [Semaphore.makeUnsafe(3), Semaphore.makeUnsafe(1)]
      for (const end of [Effect.void, Effect.fail("planned"), Effect.die("planned"), Effect.interrupt]) {
        const seen = Effect.sync(() => heldOf([a, b]))
        yield* Effect.exit(
          Effect.andThen(
            Effect.map(seen, (held) => {
              expect(held).toEqual([2, 1])
            }),
            end
          ).pipe(Semaphore.withAll([[a, 2], [b, 1]]))
        )
        expect(heldOf([a, b])).toEqual([0, 0])
      }
      const held = yield* start(Semaphore.withPermit(b, Effect.never))
      const joint = yield* start(Semaphore.withAll([[a, 2], [b, 1]], Effect.never))
      expect([heldOf([a, b]), waitingOf([a, b])]).toEqual([[0, 1], [1, 1]])
      yield* Fiber.interrupt(held)
      yield* settle
      expect([heldOf([a, b]), waitingOf([a, b])]).toEqual([[2, 1], [0, 0]])
      yield* Fiber.interrupt(joint)
      expect(heldOf([a, b])).toEqual([0, 0])
    })))

  test("never deadlocks by the order of the list", () =>
    run(Effect.gen(function*() {
      const all = [1, 2, 3].map(() => Semaphore.makeUnsafe(1))
      let most = 0
      const orders = [[0, 1], [1, 0], [1, 2], [2, 1], [2, 0], [0, 2], [0, 1, 2], [2, 1, 0]]
      const calls = orders.map((order) =>
        Effect.andThen(Effect.sync(() => (most = Math.max(most, ...heldOf(all)))), turns(2)).pipe(
          Semaphore.withAll(order.map((i) => [all[i]!, 1]))
        )
      )
      yield* Effect.all(calls, { concurrency: "unbounded" })
      expect([most, heldOf(all)]).toEqual([1, [0, 0, 0]])
    })))

  test("is overtaken by no later request of any of its semaphores, and overtakes no earlier one", () =>
    run(Effect.gen(function*() {
      const [a, b] = [Semaphore.makeUnsafe(2), Semaphore.makeUnsafe(1)]
      const order: Array<string> = []
      const log = (name: string) => Effect.sync(() => order.push(name))
      const holder = yield* start(Semaphore.withPermit(b, Effect.never))
      const calls = [
        yield* start(Semaphore.withPermit(b, log("first at b"))),
        yield* start(Semaphore.withAll([[a, 1], [b, 1]], log("both"))),
        yield* start(Semaphore.withPermit(a, log("later at a"))),
        yield* start(Semaphore.withPermit(b, log("later at b")))
      ]
      expect(Semaphore.stats(a)).toMatchObject({ held: 0, waiting: 2 })
      expect(yield* Semaphore.tryWithPermits(a, 1, Effect.void)).toMatchObject({ _tag: "None" })
      yield* Fiber.interrupt(holder)
      yield* Fiber.awaitAll(calls)
      expect(order.slice(0, 2)).toEqual(["first at b", "both"])
      expect(order.slice(2).toSorted()).toEqual(["later at a", "later at b"])
    })))

  test("lets those behind it begin as soon as it has begun itself", () =>
    run(Effect.gen(function*() {
      const [a, b] = [Semaphore.makeUnsafe(1), Semaphore.makeUnsafe(2)]
      const gate = yield* start(Semaphore.withPermit(a, turns(2)))
      const joint = yield* start(Semaphore.withAll([[a, 1], [b, 1]], Effect.never))
      const behind = yield* start(Semaphore.withPermit(b, Effect.succeed("served")))
      expect(heldOf([a, b])).toEqual([1, 0])
      yield* Fiber.join(gate)
      expect(yield* Fiber.join(behind)).toBe("served")
      yield* Fiber.interrupt(joint)
    })))

  test("begins in no turn in which an interrupt made room for it, whatever a success does in it (S7)", () =>
    run(Effect.gen(function*() {
      const [a, b] = [Semaphore.makeUnsafe(1), Semaphore.makeUnsafe(1)]
      const gate = yield* Deferred.make<void>()
      let begun = 0
      yield* start(Semaphore.withPermit(a, Deferred.await(gate)))
      const interrupted = yield* start(Semaphore.withPermit(b, Effect.never))
      const joint = yield* start(Semaphore.withAll([[a, 1], [b, 1]], Effect.sync(() => begun++)))
      yield* Effect.sync(() => {
        interrupted.interruptUnsafe()
        Deferred.doneUnsafe(gate, Effect.void)
        joint.interruptUnsafe()
      })
      yield* settle
      expect([begun, heldOf([a, b])]).toEqual([0, [0, 0]])
    })))

  test("that a resize ends leaves its room to those behind it in a later turn (S7)", () =>
    run(Effect.gen(function*() {
      const [a, b] = [Semaphore.makeUnsafe(1), Semaphore.makeUnsafe(2)]
      let begun = 0
      yield* start(Semaphore.withPermit(b, Effect.never))
      const joint = yield* start(Effect.exit(Semaphore.withAll([[a, 1], [b, 2]], Effect.void)))
      const behind = yield* start(Semaphore.withPermit(a, Effect.sync(() => begun++)))
      yield* Effect.suspend(() => Effect.andThen(Semaphore.resize(b, 1), Effect.sync(() => expect(begun).toBe(0))))
      yield* Fiber.join(behind)
      yield* Fiber.join(joint)
    })))

  test("gives all permits back in one step: who gets one of them sees the others free", () =>
    run(Effect.gen(function*() {
      const [a, b] = [Semaphore.makeUnsafe(1), Semaphore.makeUnsafe(1)]
      yield* start(Semaphore.withAll([[a, 1], [b, 1]], turns(2)))
      const seen = yield* Semaphore.withPermit(a, Effect.sync(() => Semaphore.stats(b).held))
      expect(seen).toBe(0)
    })))

  test("leaves no trace when it is interrupted, and lets those behind it go on", () =>
    run(Effect.gen(function*() {
      const [a, b] = [Semaphore.makeUnsafe(1), Semaphore.makeUnsafe(1)]
      yield* start(Semaphore.withPermit(b, Effect.never))
      const joint = yield* start(Semaphore.withAll([[a, 1], [b, 1]], Effect.never))
      const behind = yield* start(Semaphore.withPermit(a, Effect.succeed("served")))
      yield* Fiber.interrupt(joint)
      expect(yield* Fiber.join(behind)).toBe("served")
      expect([heldOf([a, b]), waitingOf([a, b])]).toEqual([[0, 1], [0, 0]])
    })))

  test("fails when a semaphore never has so much, at once or after a resize, and lets those behind it go on", () =>
    run(Effect.gen(function*() {
      const [a, b] = [Semaphore.makeUnsafe(1), Semaphore.makeUnsafe(2)]
      const error = yield* Effect.flip(Semaphore.withAll([[a, 1], [b, 3]], Effect.void))
      expect(error).toMatchObject({ _tag: "CapacityExceeded", requested: 3, capacity: 2 })
      yield* start(Semaphore.withPermit(b, Effect.never))
      const joint = yield* start(Semaphore.withAll([[a, 1], [b, 2]], Effect.void))
      const behind = yield* start(Semaphore.withPermit(a, Effect.succeed("served")))
      yield* Semaphore.resize(b, 1)
      expect(squash(yield* Fiber.await(joint))).toMatchObject({ requested: 2, capacity: 1 })
      expect(yield* Fiber.join(behind)).toBe("served")
      expect([heldOf([a, b]), waitingOf([a, b])]).toEqual([[0, 1], [0, 0]])
    })))

  test("asks a semaphore that occurs twice for the sum, and for nothing with an empty list", () =>
    run(Effect.gen(function*() {
      const a = Semaphore.makeUnsafe(3)
      const held = Effect.sync(() => heldOf([a]))
      expect(yield* Semaphore.withAll([[a, 1], [a, 2]], held)).toEqual([3])
      expect(yield* Effect.flip(Semaphore.withAll([[a, 2], [a, 2]], held))).toMatchObject({ requested: 4 })
      expect(yield* Semaphore.withAll([], held)).toEqual([0])
    })))

  test("refuses what is no number of permits before it takes anything", () =>
    run(Effect.gen(function*() {
      const a = Semaphore.makeUnsafe(3)
      for (const permits of [-1, 0.5, NaN, Infinity]) {
        const defect = yield* defectOf(Semaphore.withAll([[a, 1], [a, permits]], Effect.void))
        expect(String(defect)).toContain("Semaphore.withAll: permits must be")
      }
      expect(heldOf([a])).toEqual([0])
    })))

  test("is granted deep in the stack in a later turn, in every semaphore at once", () =>
    run(Effect.gen(function*() {
      const [a, b] = [Semaphore.makeUnsafe(1), Semaphore.makeUnsafe(1)]
      const holder = yield* start(Semaphore.withAll([[a, 1], [b, 1]], Effect.never))
      const joint = yield* start(Semaphore.withAll([[b, 1], [a, 1]], Effect.succeed("served")))
      deepInTheStack(() => {
        holder.interruptUnsafe()
      })
      expect(yield* Fiber.join(joint)).toBe("served")
      expect(heldOf([a, b])).toEqual([0, 0])
    })))

  test("a chain of ten thousand that overlap in pairs is served in order, with a flat stack", () =>
    run(Effect.gen(function*() {
      const count = 10_000
      const all = Array.from({ length: count + 1 }, () => Semaphore.makeUnsafe(1))
      const order: Array<number> = []
      const gate = yield* start(Semaphore.withPermit(all[0]!, turns(1)))
      const calls = yield* Effect.forEach(
        Array.from({ length: count }, (_, i) => i),
        (i) => start(Semaphore.withAll([[all[i]!, 1], [all[i + 1]!, 1]], Effect.sync(() => order.push(i))))
      )
      yield* Fiber.join(gate)
      yield* Fiber.awaitAll(calls)
      expect(order).toEqual(Array.from({ length: count }, (_, i) => i))
    })))
})

lawsOf(jointly, { bounds: (name) => ({ preemptions: 1, cancels: name.startsWith("three") ? 1 : 2 }), runs: 300 })

/** After `delay` turns, asks for so much of each semaphore, holds it for `hold` turns, and ends so. */
interface Call {
  readonly delay: number
  readonly hold: number
  readonly counts: ReadonlyArray<number>
  readonly how: "withAll" | "withPermits"
  readonly end: "succeed" | "fail"
}

interface Workload {
  readonly capacities: ReadonlyArray<number>
  readonly calls: ReadonlyArray<Call>
  readonly resizes: ReadonlyArray<{ readonly delay: number; readonly which: number; readonly capacity: number }>
}

const workload: fc.Arbitrary<Workload> = fc.record({
  capacities: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 3, maxLength: 3 }),
  calls: fc.array(
    fc.record<Call>({
      delay: fc.nat(2),
      hold: fc.nat(3),
      counts: fc.array(fc.nat(2), { minLength: 3, maxLength: 3 }),
      how: fc.constantFrom("withAll", "withAll", "withPermits"),
      end: fc.constantFrom("succeed", "succeed", "fail")
    }),
    { minLength: 2, maxLength: 6 }
  ),
  resizes: fc.array(fc.record({ delay: fc.nat(4), which: fc.nat(2), capacity: fc.nat(3) }), { maxLength: 2 })
})

/** Never more is held than there was, nobody overtakes, and nobody waits who could go on. */
const served = ({ calls, capacities, resizes }: Workload): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const all = capacities.map((capacity) => Semaphore.makeUnsafe(capacity))
      const highest = [...capacities]
      /** Who may wait, in the order in which they came. A call is on its way to its place in line until it waits. */
      const line: Array<Call> = []
      const held = all.map(() => 0)
      const granted = new Set<Call>()
      let wrong: string | undefined
      const sharesOf = ({ counts, how }: Call) =>
        counts.flatMap((count, i) => count > 0 && (how === "withAll" || i === 0) ? [[i, count] as const] : [])
      for (const [n, call] of calls.entries()) {
        const shares = sharesOf(call)
        const body = Effect.uninterruptibleMask((restore) =>
          Effect.suspend(() => {
            granted.add(call)
            const ahead = line.slice(0, line.indexOf(call)).find((earlier) =>
              !granted.has(earlier) && sharesOf(earlier).some(([i]) => shares.some(([j]) => i === j))
            )
            if (ahead !== undefined) wrong ??= "a request was overtaken (S2, S8)"
            for (const [i, count] of shares) held[i]! += count
            const ends = call.end === "succeed" ? Effect.void : Effect.fail("planned")
            return Effect.onExit(restore(Effect.andThen(turns(call.hold), ends)), () =>
              Effect.sync(() => {
                for (const [i, count] of shares) held[i]! -= count
              }))
          })
        )
        const asks = call.how === "withAll"
          ? Semaphore.withAll(shares.map(([i, count]) => [all[i]!, count]), body)
          : shares.length === 0
          ? body
          : Semaphore.withPermits(all[0]!, call.counts[0]!, body)
        const comes = Effect.uninterruptibleMask((restore) =>
          Effect.suspend(() => {
            line.push(call)
            return Effect.onExit(restore(asks), () => Effect.sync(() => void line.splice(line.indexOf(call), 1)))
          })
        )
        yield* t.actor(`call${n}`, Effect.andThen(turns(call.delay), Effect.exit(comes)))
      }
      for (const [n, { capacity, delay, which }] of resizes.entries()) {
        const resize = Effect.suspend(() => {
          highest[which] = Math.max(highest[which]!, capacity)
          return Semaphore.resize(all[which]!, capacity)
        })
        yield* t.actor(`resize${n}`, Effect.andThen(turns(delay), resize), { cancel: false })
      }
      yield* t.always(() => held.every((count, i) => count <= highest[i]!), "more is held than there was (S1)")
      yield* t.settled
      yield* t.expect(wrong === undefined, wrong ?? "")
      const left = all.map((semaphore) => Semaphore.stats(semaphore))
      yield* t.expect(left.every(({ held, waiting }) => held === 0 && waiting === 0), "something is left (S3)")
    })
  )

describe("over random workloads of joint and single requests", () => {
  // Between two operations a fiber may be preempted on its way into line, so order is for the runtime's own schedules.
  test("preempted at suspensions only: S1, S2, S3, S8", () => {
    holds(workload, served, { realism: "suspension", cancels: 2, workloads: 300 })
  })
})

test("an exit is that of the effect", () =>
  run(Effect.gen(function*() {
    const a = Semaphore.makeUnsafe(1)
    expect(yield* Effect.exit(Semaphore.withAll([[a, 1]], Effect.fail("planned")))).toEqual(Exit.fail("planned"))
  })))
