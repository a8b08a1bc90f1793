/** One small scenario for each operation of `Semaphore`, to be explored to the last schedule. */
import { Effect, Exit, Scope } from "effect"
import { Semaphore } from "sluice"
import { type Model, returns, type Scenario, scenario } from "sluice/testing"
import { start } from "../support/actors.js"

/** Holds what it has for one turn. */
const held = <A, E, R>(acquire: Effect.Effect<A, E, R>) => Effect.scoped(Effect.andThen(acquire, Effect.yieldNow))

const times = <A>(n: number, value: A): ReadonlyArray<A> => Array.from({ length: n }, () => value)

/** Three fibers, each with one effect, of a semaphore with so many permits. Afterwards none is missing. */
const three = (
  capacity: number,
  effects: (semaphore: Semaphore.Semaphore) => ReadonlyArray<Effect.Effect<unknown, unknown>>
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const semaphore = Semaphore.makeUnsafe(capacity)
      yield* t.always(() => {
        const { capacity: now, held } = Semaphore.stats(semaphore)
        return held <= Math.max(capacity, now)
      }, "more is held than there was (S1)")
      yield* start(t, effects(semaphore))
      yield* t.settled
      const { available, capacity: now, held, waiting } = Semaphore.stats(semaphore)
      yield* t.expect(held === 0 && available === now && waiting === 0, `${held} held, ${waiting} waiting in the end`)
    })
  )

export const exhausted: Record<string, Scenario> = {
  withPermit: three(1, (s) => times(3, Semaphore.withPermit(s, Effect.void))),
  withPermits: three(2, (s) => [
    ...times(2, Semaphore.withPermits(s, 2, Effect.void)),
    Semaphore.withPermits(s, 1, Effect.void)
  ]),
  "withPermits, failing and dying": three(1, (s) => [
    Semaphore.withPermits(s, 1, Effect.fail("planned")),
    Semaphore.withPermits(s, 1, Effect.die("planned")),
    Semaphore.withPermits(s, 1, Effect.void)
  ]),
  tryWithPermits: three(2, (s) => [1, 2].map((n) => Semaphore.tryWithPermits(s, n, Effect.yieldNow))),
  acquire: three(1, (s) => times(2, held(Semaphore.acquire(s, 1)))),
  tryAcquire: three(2, (s) => [1, 2].map((n) => held(Semaphore.tryAcquire(s, n)))),
  "acquire and tryAcquire": three(1, (s) => [held(Semaphore.acquire(s, 1)), held(Semaphore.tryAcquire(s, 1))]),
  "resize to more": three(0, (s) => [Semaphore.withPermits(s, 1, Effect.void), Semaphore.resize(s, 1)]),
  "resize to less": three(2, (s) => [
    Semaphore.withPermits(s, 2, Effect.yieldNow),
    Semaphore.withPermits(s, 2, Effect.void),
    Semaphore.resize(s, 1)
  ])
}

/** What is held, by whom. */
interface State {
  readonly capacity: number
  readonly held: ReadonlyArray<readonly [string, number]>
}

/**
 * A semaphore as a sequential model: an acquire waits until it fits, a release returns what that actor has, a resize
 * takes effect at once. Fairness is no part of it: that is not a property of one call after another.
 */
export const model: Model<State> = {
  init: { capacity: 2, held: [] },
  step: (state, call) => {
    const { argument, actor, exit, name } = call
    const total = state.held.reduce((sum, [, n]) => sum + n, 0)
    const n = argument as number
    const fits = total + n <= state.capacity
    const taken: State = { ...state, held: [...state.held, [actor, n] as const] }
    switch (name) {
      case "acquire":
        if (exit !== undefined && Exit.isFailure(exit) && !returns(call, undefined)) {
          return n > state.capacity ? [state] : []
        }
        return fits ? [taken] : []
      case "try":
        // It also fails beside a free place, while another waits for more than that.
        return returns(call, true) ? (fits ? [taken] : []) : [state]
      case "release":
        return [{ ...state, held: state.held.filter(([holder]) => holder !== actor) }]
      default:
        return [{ ...state, capacity: n }]
    }
  }
}

/** Actors that acquire, try, release by closing their scope, and resize, as calls to be put in order. */
export const history = (
  actors: ReadonlyArray<{ readonly kind: "acquire" | "try" | "resize"; readonly n: number; readonly hold: number }>
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const semaphore = Semaphore.makeUnsafe(2)
      for (const [i, { hold, kind, n }] of actors.entries()) {
        const wait = Effect.forEach(Array.from({ length: hold }), () => Effect.yieldNow, { discard: true })
        if (kind === "resize") {
          yield* t.actor(`actor${i}`, Effect.andThen(wait, t.op("resize", n, Semaphore.resize(semaphore, n))), {
            cancel: false
          })
          continue
        }
        const taking: Effect.Effect<unknown, unknown, Scope.Scope> = kind === "acquire"
          ? Semaphore.acquire(semaphore, n)
          : Semaphore.tryAcquire(semaphore, n)
        // The acquiring and the holding may be interrupted, what records them not.
        const body = Effect.uninterruptibleMask((restore) =>
          Effect.gen(function*() {
            const scope = yield* Scope.make()
            const exit = yield* Effect.exit(t.op(kind, n, restore(Scope.provide(taking, scope))))
            if (Exit.isSuccess(exit) && exit.value !== false) yield* Effect.exit(restore(wait))
            yield* t.op("release", undefined, Scope.close(scope, Exit.void))
          })
        )
        yield* t.actor(`actor${i}`, body)
      }
      yield* t.settled
      yield* t.linearizable(model)
    })
  )

/** Actors that take permits of several semaphores, each with one permit. Afterwards none is missing. */
const several = (
  count: number,
  effects: (all: ReadonlyArray<Semaphore.Semaphore>) => ReadonlyArray<Effect.Effect<unknown, unknown>>
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const all = Array.from({ length: count }, () => Semaphore.makeUnsafe(1))
      yield* t.always(() => all.every((one) => Semaphore.stats(one).held <= 1), "more is held than there was (S1)")
      yield* start(t, effects(all))
      yield* t.settled
      const left = all.map((one) => Semaphore.stats(one))
      yield* t.expect(
        left.every(({ available, capacity, held, waiting }) => held === 0 && waiting === 0 && available === capacity),
        `left: ${JSON.stringify(left)}`
      )
    })
  )

const joint = (of: ReadonlyArray<Semaphore.Semaphore>, effect: Effect.Effect<unknown, string> = Effect.yieldNow) =>
  Semaphore.withAll(of.map((one) => [one, 1]), effect)

export const jointly: Record<string, Scenario> = {
  "two semaphores, in both orders": several(2, ([a, b]) => [joint([a!, b!]), joint([b!, a!])]),
  "two semaphores, and one of them": several(2, ([a, b]) => [
    joint([a!, b!]),
    Semaphore.withPermit(b!, Effect.yieldNow),
    Semaphore.withPermit(a!, Effect.void)
  ]),
  "two semaphores, failing": several(2, ([a, b]) => [joint([a!, b!], Effect.fail("planned")), joint([a!, b!])]),
  "two semaphores, one of which shrinks": several(2, ([a, b]) => [
    joint([a!, b!]),
    joint([b!, a!]),
    Semaphore.resize(b!, 0)
  ]),
  "three semaphores in a ring": several(3, ([a, b, c]) => [joint([a!, b!]), joint([b!, c!]), joint([c!, a!])])
}

/** One actor on a keyed semaphore. */
interface KeyedUse {
  readonly kind: "with" | "try" | "acquire" | "tryAcquire" | "all"
  readonly key: string
  readonly n: number
  readonly hold: number
  readonly end: "succeed" | "fail" | "die"
}

/**
 * Actors on a keyed semaphore whose keys have two permits each. A use that is listed twice is of actors that are alike.
 * Whenever no fiber runs, no more than two are held of a key (S9), and only keys that are in use are kept (S10).
 */
export const keys = (uses: ReadonlyArray<KeyedUse>): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const capacity = 2
      const all = Semaphore.makeKeyedUnsafe<string>({ permits: () => capacity })
      const holding = new Map<string, number>()
      yield* t.always(
        () => ["a", "b"].every((key) => (holding.get(key) ?? 0) <= capacity),
        "more is held of a key than there is (S9)"
      )
      yield* t.always(() => {
        const { held, keys, waiting } = Semaphore.stats(all)
        const inUse = ["a", "b"].filter((key) => {
          const { held, waiting } = Semaphore.stats(Semaphore.forKey(all, key))
          return held > 0 || waiting > 0
        })
        // A request for nothing that has been granted holds nothing.
        return keys === inUse.length && (keys > 0 || held + waiting === 0)
      }, "a key is kept that nobody uses (S10)")
      const effectOf = ({ end, hold, key, kind, n }: KeyedUse): Effect.Effect<unknown, unknown> => {
        const add = (n: number) => {
          for (const one of kind === "all" ? ["a", "b"] : [key]) holding.set(one, (holding.get(one) ?? 0) + n)
          return undefined
        }
        const work = Effect.forEach(Array.from({ length: hold }), () => Effect.yieldNow, { discard: true })
        const ending = end === "succeed" ? Effect.void : end === "fail" ? Effect.fail("planned") : Effect.die("planned")
        const body = Effect.uninterruptibleMask((restore) => {
          add(n)
          return Effect.onExitPrimitive(restore(Effect.andThen(work, ending)), () => add(-n), true)
        })
        const of = Semaphore.forKey(all, key)
        return {
          with: Semaphore.withPermits(of, n, body),
          try: Semaphore.tryWithPermits(of, n, body),
          all: Semaphore.withAll([[Semaphore.forKey(all, "b"), n], [Semaphore.forKey(all, "a"), n]], body),
          acquire: Effect.scoped(Effect.andThen(Semaphore.acquire(of, n), body)),
          tryAcquire: Effect.scoped(
            Effect.flatMap(Semaphore.tryAcquire(of, n), (taken): Effect.Effect<void, string> =>
              taken ? body : Effect.void)
          )
        }[kind]
      }
      const effects = new Map(uses.map((use) => [use, effectOf(use)]))
      const inOrder = uses.map((use) =>
        effects.get(use)!
      )
      yield* start(t, inOrder)
      yield* t.settled
      const { held, keys, waiting } = Semaphore.stats(all)
      yield* t.expect(keys === 0 && held === 0 && waiting === 0, `${keys} keys, ${held} held in the end (S10)`)
    })
  )

const use = (kind: KeyedUse["kind"], n: number, key = "a", end: KeyedUse["end"] = "succeed"): KeyedUse => ({
  kind,
  key,
  n,
  hold: 1,
  end
})

export const keyed: Record<string, Scenario> = {
  "one key": keys([...times(2, use("with", 2)), use("with", 1)]),
  "one key, failing": keys([use("with", 2, "a", "fail"), use("with", 2)]),
  "one key, acquired": keys([...times(2, use("acquire", 2)), use("tryAcquire", 1)]),
  "two keys at once": keys([use("all", 2), use("with", 1), use("with", 1, "b")]),
  "too much": keys([use("with", 3), use("tryAcquire", 3), use("acquire", 3)])
}
