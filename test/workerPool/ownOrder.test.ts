/** An order of one's own: which job goes next, and what the pool does when the order makes a mistake. */
import { Deferred, Effect, Fiber, Logger } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { run, settle, start } from "../support/effect.js"
import { times } from "../support/property.js"
import { balanced } from "../support/workerPool.js"

interface Job {
  readonly name: number
  readonly cost: number
}

/** Shortest job first; of two as short, the one that was added first. Checks what the pool guarantees. */
class Shortest implements WorkerPool.OrderLine<Job> {
  readonly waiting = new Map<number, Job>()
  private last = 0

  readonly add = (job: Job, number: number): void => {
    expect(number).toBeGreaterThan(this.last)
    this.last = number
    this.waiting.set(number, job)
  }

  readonly remove = (job: Job, number: number): void => {
    expect(this.waiting.get(number)).toBe(job)
    this.waiting.delete(number)
  }

  readonly next = (): number => {
    const [first, ...others] = this.waiting
    expect(first).toBeDefined()
    return others.reduce((one, other) => other[1].cost < one[1].cost ? other : one, first!)[0]
  }
}

describe("queue.order", () => {
  const act = fc.oneof(
    fc.record({ kind: fc.constantFrom("run" as const, "submit" as const), cost: fc.nat(4) }),
    fc.record({ kind: fc.constant("cancel" as const), n: fc.nat(9) }),
    fc.record({ kind: fc.constant("serve" as const) })
  )

  test("has each free worker take the job that the line names, and tells the line of every job that waits", () =>
    fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 30 }), fc.nat(3), (acts, capacity) =>
        run(Effect.gen(function*() {
          const line = new Shortest()
          const begun: Array<Job> = []
          const gates: Array<Deferred.Deferred<void>> = []
          const pool = yield* WorkerPool.make({
            size: 1,
            queue: { capacity, order: WorkerPool.order(() => line) },
            run: (job: Job) =>
              Effect.gen(function*() {
                begun.push(job)
                const gate = yield* Deferred.make<void>()
                gates.push(gate)
                yield* Deferred.await(gate)
              })
          })
          // The model: the jobs that wait, in the order of arrival; the first of the least cost is next.
          let waiting: Array<Job> = []
          const expected: Array<Job> = []
          const worker = { isBusy: false }
          const serveModel = () => {
            const least = Math.min(...waiting.map(({ cost }) => cost))
            const next = waiting.find(({ cost }) => cost === least)
            worker.isBusy = next !== undefined
            if (next === undefined) return
            waiting = waiting.filter((job) => job !== next)
            expected.push(next)
          }
          const fibers: Array<readonly [Job, Fiber.Fiber<unknown, unknown>]> = []
          for (const [name, act] of acts.entries()) {
            if (act.kind === "serve") {
              const gate = gates.at(-1)
              if (gate === undefined || !worker.isBusy) continue
              yield* Deferred.succeed(gate, undefined)
              serveModel()
            } else if (act.kind === "cancel") {
              const [job, fiber] = fibers[act.n] ?? []
              if (job === undefined || fiber === undefined || !waiting.includes(job)) continue
              yield* Fiber.interrupt(fiber)
              waiting = waiting.filter((other) => other !== job)
            } else {
              const job = { name, cost: act.cost }
              fibers.push([job, yield* start(Effect.exit(WorkerPool.run(pool, job)))])
              waiting.push(job)
              if (!worker.isBusy) serveModel()
            }
            yield* settle
            expect(begun).toEqual(expected)
            // A job that an idle worker takes at once never waits.
            expect([...line.waiting.values()].map(({ name }) => name).toSorted()).toEqual(
              waiting.map(({ name }) => name).toSorted()
            )
            expect(WorkerPool.stats(pool)).toMatchObject({
              queued: Math.min(waiting.length, capacity),
              waiting: Math.max(0, waiting.length - capacity)
            })
          }
          yield* WorkerPool.shutdownNow(pool)
          expect(line.waiting.size).toBe(0)
          balanced(pool)
        }))),
      { numRuns: times(200) }
    ))

  const mistakes: Record<string, Partial<WorkerPool.OrderLine<number>>> = {
    "next returns a number that does not wait": { next: () => 99 },
    "next throws": {
      next: () => {
        throw new Error("broken")
      }
    },
    "add throws": {
      add: () => {
        throw new Error("broken")
      }
    },
    "remove throws": {
      remove: () => {
        throw new Error("broken")
      }
    }
  }

  test.each(Object.entries(mistakes))(
    "whose line makes a mistake is first come, first served from then on: %s",
    (_, mistake) =>
      run(Effect.gen(function*() {
        const logged: Array<unknown> = []
        const waiting: Array<number> = []
        const order = WorkerPool.order<number>(() => ({
          add: (_, number) => void waiting.push(number),
          remove: (_, number) => void waiting.splice(waiting.indexOf(number), 1),
          next: () => waiting[0]!,
          ...mistake
        }))
        const begun: Array<number> = []
        const pool = yield* WorkerPool.make({
          size: 1,
          queue: { capacity: 10, order },
          run: (n: number) => Effect.andThen(Effect.sync(() => begun.push(n)), Effect.yieldNow)
        }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(message))])))
        for (const n of [1, 2, 3, 4, 5]) yield* WorkerPool.submit(pool, n)
        yield* WorkerPool.shutdown(pool)
        expect(begun).toEqual([1, 2, 3, 4, 5])
        yield* settle
        expect(JSON.stringify(logged)).toContain("queue.order made a mistake")
        expect(logged).toHaveLength(1)
        balanced(pool)
      }))
  )
})
