import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Semaphore } from "sluice"
import { Inspect } from "sluice/inspect"
import { expect, test } from "vitest"
import { deadlock, fork, run, tags, watched } from "../support/inspect.js"

test("each tick of a test's clock has a sweep, however much there is to see", () =>
  watched((reports) =>
    Effect.gen(function*() {
      const db = yield* Semaphore.make(1)
      yield* fork(Semaphore.withPermit(db, Effect.never))
      for (let i = 0; i < 20_000; i++) yield* fork(Semaphore.withPermit(db, Effect.void))
      yield* TestClock.adjust("1 second")
      yield* deadlock
      yield* TestClock.adjust("1 second")
      expect(tags(reports)).toEqual(["Deadlock"])
    })
  ))

test("a sweep that takes more than a hundredth of the time makes the next ones rarer, down to one in ten ticks", () =>
  run(
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let [took, spent] = [0n, 0n]
      // Each look at this clock takes so long.
      const slow = Object.assign(Object.create(clock) as Clock.Clock, {
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + (spent += took)
      })
      const reports: Array<Inspect.Report> = []
      const onReport = (report: Inspect.Report) => Effect.sync(() => void reports.push(report))
      yield* Effect.gen(function*() {
        /** Returns after how many ticks a deadlock that begins now is reported. */
        const ticks = Effect.gen(function*() {
          const before = reports.length
          yield* deadlock
          let ticks = 0
          for (; reports.length === before && ticks < 20; ticks++) yield* TestClock.adjust("1 second")
          return ticks
        })
        const pauses = (nanos: bigint) => {
          took = nanos
          // The first one may begin in a pause of before.
          return Effect.andThen(ticks, ticks)
        }
        expect(yield* pauses(0n)).toBe(1)
        expect(yield* pauses(1_000_000n)).toBe(1)
        const some = yield* pauses(9_000_000n)
        expect(some).toBeGreaterThan(1)
        expect(some).toBeLessThan(10)
        expect(yield* pauses(1_000_000_000n)).toBe(10)
        expect(yield* pauses(0n)).toBe(1)
        expect(tags(reports)).toEqual(Array.from({ length: 10 }, () => "Deadlock"))
      }).pipe(
        Effect.provide(Inspect.layer({ adopt: false, onReport, starvedFor: "1 hour" })),
        Effect.provideService(Clock.Clock, slow)
      )
    }).pipe(Effect.provide(TestClock.layer()))
  ))
