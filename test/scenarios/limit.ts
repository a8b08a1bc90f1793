/** Small scenarios of `Limit` on the store in memory, whose replies an oracle compares with a model. */
import { Clock, Effect } from "effect"
import * as assert from "node:assert/strict"
import { Limit, LimitStore } from "sluice/durable"
import { type Model, type Scenario, scenario } from "sluice/testing"
import { makeMemory } from "../../src/internal/durable/limit/memory.js"
import { start } from "../support/actors.js"
import { type Ask, empty, Oracle, type State, step, tagOf } from "../support/limit.js"

const lease = 1_200

type Acting = Effect.Effect<unknown, unknown, LimitStore.LimitStore>

/** The effects that run with permits, and whether the store holds their permits meanwhile. */
class Bodies {
  private inside = 0

  constructor(readonly oracle: Oracle) {}

  /** Runs `work`. Its permits are held as it begins and as it ends (F5, F7). */
  holding(work: Effect.Effect<unknown, unknown>): (lease: Limit.Lease) => Effect.Effect<unknown, unknown> {
    return ({ permits, token }) =>
      Effect.clockWith((clock) =>
        Effect.uninterruptibleMask((restore) => {
          this.inside += permits
          this.check(`the effect of ${token} begins`, clock)
          return Effect.onExitPrimitive(restore(work), () => {
            this.check(`the effect of ${token} ends`, clock)
            this.inside -= permits
            return undefined
          }, true)
        })
      )
  }

  private check(when: string, clock: Clock.Clock): void {
    const held = this.oracle.heldOf("x", clock.currentTimeMillisUnsafe())
    if (this.inside > held) this.oracle.violations.push(`${when}: ${held} held, ${this.inside} in use (F5, F7)`)
  }
}

/**
 * Actors on the store in memory. Afterwards nothing is held, and nobody waits, unless `mayLeave`. No time has passed if
 * the scenario is prompt: each waiter was woken.
 */
const actors = (
  effects: (bodies: Bodies) => ReadonlyArray<Acting>,
  change: Partial<LimitStore.Store> = {},
  { isPrompt = false, mayLeave = false } = {}
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const oracle = new Oracle(makeMemory(), change)
      const bodies = new Bodies(oracle)
      yield* t.always(() => {
        assert.deepEqual(oracle.violations, [])
        return true
      }, "a law is broken")
      // Those that are alike stay alike.
      const known = new Map<Acting, Effect.Effect<unknown, unknown>>()
      const provided = effects(bodies).map((effect) => {
        const one = known.get(effect) ?? Effect.provideService(effect, LimitStore.LimitStore, oracle.store)
        known.set(effect, one)
        return one
      })
      yield* start(t, provided)
      yield* t.settled
      const now = yield* Clock.currentTimeMillis
      yield* t.expect(!isPrompt || now === 0, `a waiter was not woken for ${now} ms (F3)`)
      const { entries } = oracle.stateOf("x", now)
      yield* t.expect(mayLeave || entries.length === 0, `left in the end (F3): ${JSON.stringify(entries)}`)
    })
  )

const limit = (permits: number) => Limit.make("x", { permits, lease })

const times = <A>(n: number, value: A): ReadonlyArray<A> => Array.from({ length: n }, () => value)

const use = (bodies: Bodies, total: number, permits: number, work: Effect.Effect<unknown, unknown> = Effect.yieldNow) =>
  Limit.withPermits(limit(total), permits)(bodies.holding(work))

/** A process that is killed after its first call: it holds permits, or a place in the line, until its lease is over. */
const killed = (permits: number, total: number): Acting =>
  Effect.uninterruptible(
    Effect.flatMap(LimitStore.LimitStore, (store) =>
      Effect.andThen(
        store.acquire({ limit: "x", id: store.nextId(), permits, total, lease }),
        // Until its lease is over, so that nothing is left in the end.
        Effect.sleep(lease)
      ))
  )

const unreachable = (operation: "renew") => ({
  [operation]: () => Effect.fail(new Limit.StoreError({ operation, of: "x", cause: "unreachable" }))
})

/** How many preemptions each scenario below bears. */
export const preemptionsOf = (name: string): number =>
  /^withPermit$|failing|nothing|a long hold|a holder/.test(name) ? 1 : 0

const isPrompt = { isPrompt: true }

export const exhausted: Record<string, Scenario> = {
  withPermit: actors((b) => times(3, use(b, 1, 1, Effect.void)), {}, isPrompt),
  withPermits: actors((b) => [...times(2, use(b, 2, 2, Effect.void)), use(b, 2, 1, Effect.void)], {}, isPrompt),
  "withPermits, failing and dying": actors(
    (b) => [use(b, 1, 1, Effect.fail("planned")), use(b, 1, 1, Effect.die("planned"))],
    {},
    isPrompt
  ),
  "withPermits, of nothing": actors((b) => [use(b, 1, 1), use(b, 1, 0)], {}, isPrompt),
  "a holder that is killed": actors((b) => [killed(1, 1), use(b, 1, 1)]),
  "a waiter that is killed": actors((b) => [use(b, 1, 1), killed(1, 1), use(b, 1, 1, Effect.void)]),
  "a long hold": actors((b) => [
    Effect.tapError(
      use(b, 1, 1, Effect.sleep(1.1 * lease)),
      (error) => Effect.sync(() => b.oracle.violations.push(`a lease that could be renewed: ${String(error)} (F7)`))
    )
  ]),
  "a lease that cannot be renewed": actors(
    (b) => [use(b, 1, 1, Effect.sleep(1.1 * lease)), use(b, 1, 1, Effect.void)],
    unreachable("renew")
  ),
  "another number of permits": actors((b) => [use(b, 2, 2), use(b, 1, 1), use(b, 2, 2, Effect.void)], {}, isPrompt)
}

/** One process of a random workload. Times are in tenths of a lease. */
export interface Process {
  readonly kind: "uses" | "is killed" | "is cut off"
  readonly permits: number
  readonly arrives: number
  readonly holds: number
  /** When it is cut off from the store, and for how long. */
  readonly cut: number
  readonly cutFor: number
}

/** The calls fail, without effect, for a while. */
const cutOff = (store: LimitStore.Store, from: number, until: number): LimitStore.Store => {
  const flaky = <A>(
    operation: "acquire" | "renew" | "release",
    call: (request: LimitStore.Request) => Effect.Effect<A, Limit.StoreError>
  ) =>
  (request: LimitStore.Request) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      now >= from && now < until
        ? Effect.fail(new Limit.StoreError({ operation, of: "x", cause: "unreachable" }))
        : call(request))
  return {
    ...store,
    acquire: flaky("acquire", store.acquire),
    renew: flaky("renew", store.renew),
    release: flaky("release", store.release)
  }
}

const tenth = lease / 10

/** Processes of their own, as far as the store knows, that come, hold, die and lose the store. */
export const processes = (total: number, all: ReadonlyArray<Process>): Scenario =>
  actors(
    (bodies) =>
      all.map(({ arrives, cut, cutFor, holds, kind, permits }) => {
        const using = use(bodies, total, permits, Effect.sleep(holds * tenth))
        const acting = kind === "uses" ? using : kind === "is killed" ? killed(permits, total) : Effect.flatMap(
          LimitStore.LimitStore,
          (store) =>
            Effect.provideService(
              using,
              LimitStore.LimitStore,
              cutOff(store, cut * tenth, (cut + cutFor) * tenth)
            )
        )
        return Effect.andThen(Effect.sleep(arrives * tenth), acting)
      }),
    {},
    // A permit that is not given back for want of the store.
    { mayLeave: all.some(({ kind }) => kind === "is cut off") }
  )

/** Calls of a store as a sequential model. The clock is one of its operations. */
export const model: Model<State> = {
  init: empty,
  step: (state, { argument, exit }) => {
    const [after, reply] = step(state, argument as Ask)
    return exit === undefined || (exit._tag === "Success" && tagOf(exit.value) === reply) ? [after] : []
  }
}

/** One call of an actor on the store. */
export interface Call {
  readonly act: "acquire" | "renew" | "release" | "advance"
  /** Of the request that it is about; one request may be asked for by several actors. */
  readonly id: number
  readonly permits: number
  readonly total: number
  readonly millis: number
}

/** Actors that call the store in memory, on a clock that their calls move: the replies are those of some order. */
export const history = (calls: ReadonlyArray<ReadonlyArray<Call>>): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const store = makeMemory()
      const clock = yield* Clock.Clock
      let now = 0
      // Only the time that the store reads.
      const own: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
        currentTimeMillisUnsafe: () => now
      })
      for (const [i, all] of calls.entries()) {
        const body = Effect.forEach(all, ({ act, id, millis, permits, total }) => {
          const ask: Ask = act === "advance"
            ? { act, millis }
            : { act, request: { limit: "x", id: String(id), permits, total, lease: 10 } }
          const call: Effect.Effect<unknown, unknown> = ask.act === "advance"
            ? Effect.sync(() => void (now += ask.millis))
            : Effect.provideService(store[ask.act](ask.request) as Effect.Effect<unknown, unknown>, Clock.Clock, own)
          return t.op(act, ask, call)
        }, { discard: true })
        yield* t.actor(`actor${i}`, body)
      }
      yield* t.settled
      yield* t.linearizable(model)
    })
  )
