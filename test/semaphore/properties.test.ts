/** The laws of `Semaphore` over random workloads, schedules and cancellations, and over all schedules of small ones. */
import { Effect, Exit } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { Semaphore } from "sluice"
import { type Kit, type Realism, scenario } from "sluice/testing"
import { describe, test } from "vitest"
import { exhausted, history, keyed, keys } from "../scenarios/semaphore.js"
import { isInterrupted, turns } from "../support/effect.js"
import { holds, holdsWithin, lawsOf } from "../support/property.js"

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

/** Interrupts the request of that number. */
interface Interrupt {
  readonly kind: "interrupt"
  readonly victim: number
  readonly delay: number
}

interface Workload {
  readonly capacity: number
  readonly requests: ReadonlyArray<Request>
  readonly others: ReadonlyArray<Resize | Interrupt>
}

const request: fc.Arbitrary<Request> = fc.record<Request>({
  kind: fc.constantFrom("withPermit", "withPermits", "tryWithPermits", "acquire", "tryAcquire"),
  n: fc.nat(4),
  delay: fc.nat(2),
  hold: fc.nat(5),
  end: fc.constantFrom("succeed", "fail", "die")
}).map((request) => request.kind === "withPermit" ? { ...request, n: 1 } : request)

const resize: fc.Arbitrary<Resize> = fc.record({ kind: fc.constant("resize"), capacity: fc.nat(5), delay: fc.nat(6) })

const interrupt: fc.Arbitrary<Interrupt> = fc.record({
  kind: fc.constant("interrupt"),
  victim: fc.nat(5),
  delay: fc.nat(8)
})

const workload = (other: fc.Arbitrary<Resize | Interrupt>): fc.Arbitrary<Workload> =>
  fc.record({
    capacity: fc.nat(5),
    requests: fc.array(request, { minLength: 1, maxLength: 6 }),
    others: fc.array(other, { maxLength: 4 })
  })

type Status = "before" | "waiting" | "holding" | "over"

/** Runs a workload and keeps a model beside it, of what each actor does, to compare with whenever no fiber runs. */
class Simulation {
  readonly semaphore: Semaphore.Semaphore
  readonly status: Array<Status>
  /** The requests that may wait, in the order in which they came. */
  readonly line: Array<number> = []
  /** The smallest and largest capacity so far tell what is possible. */
  lowest: number
  highest: number
  private violation: string | undefined
  /** How many have made room otherwise than by a success, whom the semaphore has had no turn to follow. */
  private cooling = 0

  constructor(readonly work: Workload, make: (capacity: number) => Semaphore.Semaphore = Semaphore.makeUnsafe) {
    this.semaphore = make(work.capacity)
    this.status = work.requests.map(() => "before")
    this.lowest = this.highest = work.capacity
  }

  get held(): number {
    return this.work.requests.reduce((sum, { n }, i) => sum + (this.status[i] === "holding" ? n : 0), 0)
  }

  /** For a check inside an actor, where a thrown error would be one more defect. */
  private expect(condition: boolean, message: string): void {
    if (!condition) this.violation ??= message
  }

  private body(self: number, { end, hold, n }: Request) {
    return Effect.gen({ self: this }, function*() {
      this.expect(n <= this.highest, "granted more than there ever was")
      yield* turns(hold)
      if (end === "fail") return yield* Effect.fail("planned")
      if (end === "die") return yield* Effect.die("planned")
      return "ran"
    }).pipe((body) =>
      // Holding for as long as the body runs, its first and last step included.
      Effect.uninterruptibleMask((restore) => {
        this.onGrant(self)
        this.status[self] = "holding"
        return Effect.onExitPrimitive(restore(body), () => {
          this.status[self] = "over"
          return undefined
        }, true)
      })
    )
  }

  private perform(self: number, actor: Request): Effect.Effect<unknown, unknown> {
    const { semaphore } = this
    const { kind, n } = actor
    const body = this.body(self, actor)
    switch (kind) {
      case "withPermit":
        return Semaphore.withPermit(semaphore, body)
      case "withPermits":
        return Semaphore.withPermits(semaphore, n, body)
      case "tryWithPermits":
        return Semaphore.tryWithPermits(semaphore, n, body)
      case "acquire":
        return Effect.scoped(Effect.andThen(Semaphore.acquire(semaphore, n), body))
      case "tryAcquire":
        return Effect.scoped(
          Effect.flatMap(Semaphore.tryAcquire(semaphore, n), (taken) => taken ? body : Effect.void)
        )
    }
  }

  /** Room has come or gone otherwise than by a success: requests that now fit are let in by the second turn after. */
  private readonly cools: Effect.Effect<void> = Effect.suspend(() => {
    this.cooling++
    return Effect.asVoid(Effect.forkDetach(Effect.andThen(Effect.yieldNow, Effect.sync(() => this.cooling--))))
  })

  get isCooling(): boolean {
    return this.cooling > 0
  }

  /** On the stock runtime's terms: whom a grant overtakes. */
  private onGrant(self: number): void {
    const overtaken = this.line.slice(0, this.line.indexOf(self)).filter((i) => this.status[i] === "waiting")
    if (this.ordered) this.expect(overtaken.length === 0, `overtook ${overtaken.join()}`)
  }
  ordered = false

  private ended(self: number, actor: Request, exit: Exit.Exit<unknown, unknown>): void {
    this.status[self] = "over"
    if (isInterrupted(exit)) return
    const planned = actor.end === "succeed" ? undefined : "planned"
    if (Exit.isSuccess(exit)) {
      // A `try` that found no room; or the end that was planned.
      if (!actor.kind.startsWith("try")) this.expect(planned === undefined, "a failure was swallowed")
    } else if (planned === undefined || !exit.toString().includes("planned")) {
      // S4 is the only other way to fail, and only for what does not fit the smallest capacity there was.
      this.expect(exit.toString().includes("CapacityExceeded"), exit.toString())
      this.expect(actor.n > this.lowest, `no room for ${actor.n} where there was never less`)
    }
  }

  /** Whether requests may be interrupted by the kit, anywhere; else only by the workload's own interrupts. */
  scenario(t: Kit, cancel: boolean, between: () => void) {
    return Effect.gen({ self: this }, function*() {
      const { semaphore, work } = this
      yield* t.always(() => {
        const { available, capacity, held } = Semaphore.stats(semaphore)
        assert.equal(this.violation, undefined)
        assert.equal(held + available, capacity)
        assert.ok(held >= this.held, "a body runs without its permits")
        assert.ok(held <= this.highest, "more held than there ever was")
        if (this.lowest === this.highest) assert.ok(available >= 0, "more held than there is")
        between()
        return true
      }, "the model and the semaphore differ")
      const fibers = yield* Effect.forEach(work.requests, (actor, self) => {
        const asked = Effect.suspend(() => {
          this.status[self] = "waiting"
          this.line.push(self)
          return this.perform(self, actor)
        })
        const noted = Effect.onExit(
          asked,
          (exit) =>
            Effect.andThen(
              Effect.sync(() => this.ended(self, actor, exit)),
              Exit.isSuccess(exit) ? Effect.void : this.cools
            )
        )
        return t.actor(`${actor.kind}${self}`, Effect.andThen(turns(actor.delay), noted), { cancel, mayDie: true })
      })
      yield* Effect.forEach(work.others, (other) => {
        const act = Effect.sync(() => {
          if (other.kind === "resize") {
            this.lowest = Math.min(this.lowest, other.capacity)
            this.highest = Math.max(this.highest, other.capacity)
            return Effect.andThen(Semaphore.resize(semaphore, other.capacity), this.cools)
          }
          if (this.status[other.victim] === "waiting") this.status[other.victim] = "over"
          fibers[other.victim]?.interruptUnsafe()
          return Effect.void
        })
        return t.actor(other.kind, Effect.andThen(turns(other.delay), Effect.flatten(act)), { cancel: false })
      })
      yield* t.settled
      const { capacity } = Semaphore.stats(semaphore)
      assert.deepEqual(Semaphore.stats(semaphore), { capacity, held: 0, available: capacity, waiting: 0 })
    })
  }
}

describe("over random workloads, schedules and cancellations", () => {
  test.each(["contract", "any"] satisfies ReadonlyArray<Realism>)(
    "nothing is lost, nothing is taken twice, nobody is left waiting (S1, S3, S4, S5): %s",
    (realism) => {
      holds(
        workload(resize),
        (work) => scenario((t) => Effect.suspend(() => new Simulation(work).scenario(t, true, () => {}))),
        { realism, cancels: 3, workloads: 1_000 }
      )
    }
  )

  const inOrder = (others: fc.Arbitrary<Resize | Interrupt>, make?: (capacity: number) => Semaphore.Semaphore) => {
    holds(
      workload(others),
      (work) =>
        scenario((t) =>
          Effect.suspend(() => {
            const simulation = new Simulation(work, make)
            simulation.ordered = true
            return simulation.scenario(t, false, () => {
              const { line, semaphore, status } = simulation
              const stats = Semaphore.stats(semaphore)
              assert.equal(stats.held, simulation.held)
              const waiting = line.filter((i) => status[i] === "waiting").map((i) => work.requests[i]!)
              assert.equal(stats.waiting, waiting.length)
              // The first in line is the one that does not fit; no request of nothing is ever first in line.
              if (waiting[0] !== undefined && !simulation.isCooling) {
                assert.ok(waiting[0].n > Math.max(0, stats.available), "stranded")
              }
              for (const { n } of waiting) {
                assert.ok(n <= stats.capacity, "waits for the impossible")
              }
            })
          })
        ),
      // On the stock runtime's terms grants show as they are made: no fiber stops between one and its use.
      { realism: "nested", cancels: 0, workloads: 3_000 }
    )
  }

  test("grants are made in the order of requests (S2), and as soon as they can be (S3)", () => {
    inOrder(fc.oneof(resize, interrupt))
  })

  test("grants of a key are made in order, and as soon as they can be (S9)", () => {
    // Each request finds the key by a semaphore of its own.
    inOrder(interrupt, (permits) => {
      const keyed = Semaphore.makeKeyedUnsafe<string>({ permits })
      return Semaphore.forKey(keyed, "a")
    })
  })

  test("keys lose nothing, take nothing twice, and are forgotten (S9, S10)", () => {
    const use = fc.record({
      kind: fc.constantFrom("with", "with", "try", "acquire", "tryAcquire", "all"),
      key: fc.constantFrom("a", "b"),
      n: fc.nat(3),
      hold: fc.nat(3),
      end: fc.constantFrom("succeed", "fail", "die")
    })
    holds(fc.array(use, { minLength: 1, maxLength: 6 }), keys, { realism: "contract", cancels: 3, workloads: 1_000 })
  })

  test("the results of the calls can be explained one after the other", () => {
    const actor = fc.record({
      kind: fc.constantFrom("acquire", "acquire", "try", "resize"),
      n: fc.integer({ min: 1, max: 3 }),
      hold: fc.nat(2)
    })
    holds(fc.array(actor, { minLength: 2, maxLength: 5 }), history, {
      realism: "contract",
      cancels: 2,
      workloads: 1_000
    })
  })
})

lawsOf(exhausted, { bounds: () => ({ preemptions: 2, cancels: 1 }), runs: 1_000 })

describe("keys", () => lawsOf(keyed, { bounds: () => ({ preemptions: 1, cancels: 1 }), runs: 1_000 }))

test("over every schedule with two interrupts: withPermit and acquire", () => {
  for (const self of [exhausted["withPermit"]!, exhausted["acquire"]!]) {
    holdsWithin(self, { preemptions: 0, cancels: 2 })
  }
})
