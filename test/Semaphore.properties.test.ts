/** The laws of `Semaphore` over random workloads, schedules and cancellations. */
import { Effect, Exit } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { Semaphore } from "sluice"
import { describe, expect, test } from "vitest"
import { anyPlan, runs, stockPlan } from "./support/arbitraries.js"
import { Controlled, type Plan } from "./support/controlled.js"
import { isInterrupted, turns } from "./support/effect.js"

/** One actor: after `delay` turns it asks for `n` permits, holds them for `hold` turns, and ends as `end` says. */
interface Request {
  readonly kind: "withPermit" | "withPermits" | "tryWithPermits" | "acquire" | "tryAcquire"
  readonly n: number
  readonly delay: number
  readonly hold: number
  readonly end: "succeed" | "fail" | "die"
}

interface Resize {
  readonly kind: "resize"
  readonly capacity: number
  readonly delay: number
}

type Actor = Request | Resize

const anyRequest: fc.Arbitrary<Request> = fc.record({
  kind: fc.constantFrom("withPermit", "withPermits", "tryWithPermits", "acquire", "tryAcquire"),
  n: fc.nat(4),
  delay: fc.nat(2),
  hold: fc.nat(5),
  end: fc.constantFrom("succeed", "fail", "die")
})

const request = anyRequest.map((request) => request.kind === "withPermit" ? { ...request, n: 1 } : request)

const resize: fc.Arbitrary<Resize> = fc.record({ kind: fc.constant("resize"), capacity: fc.nat(5), delay: fc.nat(6) })

const workload = (plan: (actors: number) => fc.Arbitrary<Plan>, withResize: boolean) =>
  fc.record({
    capacity: fc.nat(5),
    requests: fc.array(request, { minLength: 1, maxLength: 6 }),
    resizes: fc.array(resize, { maxLength: withResize ? 3 : 0 })
  }).chain(({ capacity, requests, resizes }) => {
    const actors: ReadonlyArray<Actor> = [...requests, ...resizes]
    return fc.record({ capacity: fc.constant(capacity), actors: fc.constant(actors), plan: plan(actors.length) })
  })

type Status = "before" | "waiting" | "holding" | "over"

/** Runs a workload and keeps a model beside it, of what each actor does, to compare with at every step. */
const simulate = (capacity: number, actors: ReadonlyArray<Actor>, plan: Plan) => {
  const semaphore = Semaphore.makeUnsafe(capacity)
  const scheduler = new Controlled(plan)
  const status: Array<Status> = actors.map(() => "before")
  /** The requests that may wait, in the order in which they came. */
  const line: Array<number> = []
  /** The smallest and largest capacity so far tell what is possible. */
  let lowest = capacity
  let highest = capacity

  const body = (self: number, { end, hold, n }: Request) =>
    Effect.gen(function*() {
      const overtaken = line.slice(0, line.indexOf(self)).filter((i) => status[i] === "waiting")
      onGrant(overtaken)
      scheduler.check(n <= highest, "granted more than there ever was")
      yield* turns(hold)
      if (end === "fail") return yield* Effect.fail("planned")
      if (end === "die") return yield* Effect.die("planned")
      return "ran"
    })
  let onGrant: (overtaken: ReadonlyArray<number>) => void = () => {}

  /** Marks the actor as holding for as long as `body` runs, its first and last step included. */
  const holding = <A, E>(self: number, body: Effect.Effect<A, E>) =>
    Effect.uninterruptibleMask((restore) => {
      status[self] = "holding"
      return Effect.onExitPrimitive(restore(body), () => {
        status[self] = "over"
        return undefined
      }, true)
    })

  const perform = (self: number, actor: Request) => {
    const { kind, n } = actor
    switch (kind) {
      case "withPermit":
        return Semaphore.withPermit(semaphore, holding(self, body(self, actor)))
      case "withPermits":
        return Semaphore.withPermits(semaphore, n, holding(self, body(self, actor)))
      case "tryWithPermits":
        return Semaphore.tryWithPermits(semaphore, n, holding(self, body(self, actor)))
      case "acquire":
        return Effect.scoped(Effect.andThen(Semaphore.acquire(semaphore, n), holding(self, body(self, actor))))
      case "tryAcquire":
        return Effect.scoped(
          Effect.flatMap(
            Semaphore.tryAcquire(semaphore, n),
            (taken) => taken ? holding(self, body(self, actor)) : Effect.void
          )
        )
    }
  }

  const effects = actors.map((actor, self) =>
    Effect.andThen(
      turns(actor.delay),
      actor.kind === "resize"
        ? scheduler.noting(() => {
          lowest = Math.min(lowest, actor.capacity)
          highest = Math.max(highest, actor.capacity)
        }, Semaphore.resize(semaphore, actor.capacity))
        : Effect.ensuring(
          scheduler.noting(() => {
            status[self] = "waiting"
            line.push(self)
          }, perform(self, actor)),
          Effect.sync(() => (status[self] = "over"))
        )
    )
  )

  const held = () =>
    actors.reduce((sum, actor, i) => sum + (status[i] === "holding" && actor.kind !== "resize" ? actor.n : 0), 0)

  const run = (options: {
    readonly onGrant?: (overtaken: ReadonlyArray<number>) => void
    readonly between?: () => void
  }) => {
    onGrant = options.onGrant ?? onGrant
    const result = scheduler.run(effects, () => {
      const stats = Semaphore.stats(semaphore)
      assert.equal(stats.held + stats.available, stats.capacity)
      assert.ok(stats.held >= held(), "a body runs without its permits")
      assert.ok(stats.held <= highest, "more held than there ever was")
      if (lowest === highest) assert.ok(stats.available >= 0, "more held than there is")
      options.between?.()
    })
    const stats = Semaphore.stats(semaphore)
    expect(result.stuck).toEqual([])
    expect(stats).toEqual({ capacity: stats.capacity, held: 0, available: stats.capacity, waiting: 0 })
    return result
  }
  return { run, semaphore, status, line, scheduler, held, lowest: () => lowest }
}

describe("over random schedules and cancellations", () => {
  test("nothing is lost, nothing is taken twice, nobody is left waiting (S1, S3, S4, S5)", () => {
    fc.assert(
      fc.property(workload(anyPlan, true), ({ actors, capacity, plan }) => {
        const simulation = simulate(capacity, actors, plan)
        const { exits } = simulation.run({})
        const interrupted = new Set(plan.interrupts.map(({ actor }) => actor))
        exits.forEach((exit, i) => {
          const actor = actors[i]!
          if (exit === undefined || interrupted.has(i) || actor.kind === "resize") return
          const planned = { succeed: undefined, fail: Exit.fail("planned"), die: Exit.die("planned") }[actor.end]
          if (Exit.isSuccess(exit)) {
            // A `try` that found no room; or the end that was planned.
            if (!actor.kind.startsWith("try")) expect(planned).toBe(undefined)
          } else if (planned === undefined || !exit.toString().includes("planned")) {
            // S4 is the only other way to fail, and only for what does not fit the smallest capacity there was.
            expect(exit.toString()).toContain("CapacityExceeded")
            expect(actor.n).toBeGreaterThan(simulation.lowest())
          }
        })
      }),
      runs(3_000)
    )
  })

  test("grants are made in the order of requests (S2), and as soon as they can be (S3)", () => {
    fc.assert(
      fc.property(workload(stockPlan, true), ({ actors, capacity, plan }) => {
        const { held, line, run, scheduler, semaphore, status } = simulate(capacity, actors, plan)
        scheduler.onInterrupt = (actor) => {
          if (status[actor] === "waiting") status[actor] = "over"
        }
        run({
          onGrant: (overtaken) => scheduler.check(overtaken.length === 0, `overtook ${overtaken.join()}`),
          between: () => {
            const stats = Semaphore.stats(semaphore)
            assert.equal(stats.held, held())
            const waiting = line.filter((i) => status[i] === "waiting").map((i) => actors[i] as Request)
            assert.equal(stats.waiting, waiting.length)
            // The first in line is the one that does not fit; no request of nothing is ever first in line.
            if (waiting[0] !== undefined) assert.ok(waiting[0].n > Math.max(0, stats.available), "stranded")
            for (const { n } of waiting) assert.ok(n <= stats.capacity, "waits for the impossible")
          }
        })
      }),
      runs(3_000)
    )
  })
})

describe("swept over every operation", () => {
  const small: ReadonlyArray<[string, ReadonlyArray<Actor>]> = [
    ["withPermit", [1, 1, 1].map((n) => ({ kind: "withPermit", n, delay: 0, hold: 1, end: "succeed" }))],
    ["withPermits", [2, 1, 2].map((n) => ({ kind: "withPermits", n, delay: 0, hold: 1, end: "succeed" }))],
    ["acquire", [2, 1, 2].map((n) => ({ kind: "acquire", n, delay: 0, hold: 1, end: "succeed" }))],
    ["tryWithPermits", [1, 1, 2].map((n) => ({ kind: "tryWithPermits", n, delay: 0, hold: 1, end: "succeed" }))],
    ["tryAcquire", [1, 1, 2].map((n) => ({ kind: "tryAcquire", n, delay: 0, hold: 1, end: "succeed" }))],
    ["a shrink", [
      { kind: "withPermits", n: 2, delay: 0, hold: 2, end: "succeed" },
      { kind: "withPermits", n: 2, delay: 0, hold: 1, end: "succeed" },
      { kind: "resize", capacity: 1, delay: 1 },
      { kind: "acquire", n: 1, delay: 0, hold: 0, end: "succeed" }
    ]]
  ]
  test.each(small)("%s: each actor interrupted at each operation, under 40 schedules", (_, actors) => {
    const seeds = [undefined, ...Array.from({ length: 39 }, (_, i) => i)]
    for (const seed of seeds) {
      for (let actor = 0; actor < actors.length; actor++) {
        let operations = Infinity
        for (let at = 1; at <= operations; at++) {
          const plan: Plan = { seed, preemption: 0.2, interrupts: [{ actor, at, unit: "operation" }] }
          const result = simulate(2, actors, plan).run({})
          // Past its last operation nothing is interrupted, and the sweep is over.
          operations = result.operations[actor]!
        }
      }
    }
  })

  test("the sweep reaches its targets: a lone actor is interrupted at ten operations at least", () => {
    const actors: ReadonlyArray<Actor> = [{ kind: "withPermits", n: 1, delay: 1, hold: 3, end: "succeed" }]
    let interrupted = 0
    for (let at = 1; at <= 40; at++) {
      const { exits } = simulate(1, actors, {
        seed: undefined,
        preemption: 0,
        interrupts: [{ actor: 0, at, unit: "operation" }]
      }).run({})
      if (exits[0] !== undefined && isInterrupted(exits[0])) interrupted++
    }
    expect(interrupted).toBeGreaterThanOrEqual(10)
  })
})
