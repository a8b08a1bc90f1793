/** One small scenario for each operation of `Group`, to be explored to the last schedule. */
import { Effect, Exit, Fiber, Scope } from "effect"
import { Group } from "sluice"
import { type Model, returns, type Scenario, scenario } from "sluice/testing"

type TestGroup = Group.Group<string>

/** A child that is counted while it runs. */
const counted = (running: Set<object>, body: Effect.Effect<unknown, string>) =>
  Effect.uninterruptibleMask((restore) => {
    const id = {}
    running.add(id)
    return Effect.onExit(restore(body), () => Effect.sync(() => running.delete(id)))
  })

/** The bodies of children as items of a `forEach`: how many iterators are open, and whether their order is kept. */
class Items {
  private open = 0
  private isInOrder = true;

  *of<A>(bodies: ReadonlyArray<A>): Generator<A> {
    this.open++
    try {
      yield* bodies
    } finally {
      this.open--
    }
  }

  /** Starts a child for each body, in order (G13). */
  readonly each = (
    group: TestGroup,
    bodies: ReadonlyArray<Effect.Effect<unknown, string>>
  ): Effect.Effect<void, string> =>
    Effect.suspend(() => {
      let begun = 0
      return Group.forEach(group, this.of(bodies), (body, i) => {
        this.isInOrder &&= i === begun++
        return body
      })
    })

  get isKept(): boolean {
    return this.open === 0 && this.isInOrder
  }
}

/**
 * Actors around one group, which the first of them closes as it ends. Never do more children run than the limit allows,
 * and none does once the group is closed.
 */
const around = (
  options: { readonly limit: number; readonly highest?: number; readonly onFailure?: "continue" },
  effects: (
    group: TestGroup,
    child: (body: Effect.Effect<unknown, string>) => Effect.Effect<unknown, string>,
    items: Items
  ) => ReadonlyArray<Effect.Effect<unknown, string>>
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { highest = options.limit, limit, onFailure = "cancel" } = options
      const group = yield* Group.make<string>({ limit, onFailure }).pipe(Scope.provide(scope))
      const running = new Set<object>()
      yield* t.always(() => running.size <= highest, "more children than the limit (G5)")
      const items = new Items()
      const bodies = effects(group, (body) => counted(running, body), items)
      for (const [i, body] of bodies.entries()) {
        // What a group ends its callers with is theirs to have; only a hang, a leak or a wrong count is a failure here.
        const closing = i === 0 ? Effect.onExit(body, (exit) => Scope.close(scope, exit)) : body
        yield* t.actor(String.fromCharCode(97 + i), closing, { mayDie: true })
      }
      yield* t.settled
      yield* Scope.close(scope, Exit.void)
      const { active, failed, interrupted, started, state, succeeded, waiting } = Group.stats(group)
      yield* t.expect(running.size === 0, "a child outlived its group (G2)")
      yield* t.expect(
        active === 0 && waiting === 0 && state === "closed",
        `${active} active, ${waiting} waiting, ${state}`
      )
      yield* t.expect(started === succeeded + failed + interrupted, "a child is in no account")
      yield* t.expect(() => items.isKept, "an iterator is open, or an item came out of order (G13)")
    })
  )

export const exhausted: Record<string, Scenario> = {
  go: around({ limit: 1 }, (group, child) => [
    Effect.andThen(Group.go(group, child(Effect.yieldNow)), Group.go(group, child(Effect.void)))
  ]),
  "go, from two": around({ limit: 1 }, (group, child) => [
    Effect.andThen(Group.go(group, child(Effect.void)), Group.wait(group)),
    Group.go(group, child(Effect.void))
  ]),
  "go, failing": around({ limit: 2 }, (group, child) => [
    Effect.andThen(
      Effect.andThen(Group.go(group, child(Effect.never)), Group.go(group, child(Effect.fail("planned")))),
      Group.wait(group)
    )
  ]),
  forEach: around({ limit: 1 }, (group, child, { each }) => [
    Effect.andThen(each(group, [child(Effect.yieldNow), child(Effect.void)]), Group.wait(group))
  ]),
  "forEach, in turns": around({ limit: 1 }, (group, child, { each }) => [
    Effect.andThen(each(group, [child(Effect.void), child(Effect.void)]), Group.wait(group)),
    Group.go(group, child(Effect.void))
  ]),
  "forEach, failing": around({ limit: 1 }, (group, child, { each }) => [
    Effect.andThen(
      each(group, [
        child(Effect.void),
        child(Effect.andThen(Effect.yieldNow, Effect.fail("planned"))),
        child(Effect.void)
      ]),
      Group.wait(group)
    )
  ]),
  "forEach, cancel": around({ limit: 1 }, (group, child, { each }) => [
    each(group, [child(Effect.yieldNow), child(Effect.void)]),
    Group.cancel(group)
  ]),
  "forEach, setLimit": around({ limit: 1, highest: 2 }, (group, child, { each }) => [
    each(group, [child(Effect.yieldNow), child(Effect.void)]),
    Group.setLimit(group, 2)
  ]),
  "forEach, results": around({ limit: 1 }, (group, child) => [
    Group.forEach(group, [1, 2], (n) => Effect.as(child(n === 1 ? Effect.yieldNow : Effect.void), n), { results: true })
  ]),
  tryGo: around({ limit: 1 }, (group, child) => [
    Effect.andThen(Group.tryGo(group, child(Effect.yieldNow)), Group.wait(group)),
    Group.tryGo(group, child(Effect.void))
  ]),
  fork: around({ limit: 1 }, (group, child) => [
    Effect.flatMap(Group.fork(group, child(Effect.yieldNow)), Fiber.interrupt)
  ]),
  wait: around({ limit: 1 }, (group, child) => [
    Effect.andThen(Group.go(group, child(Effect.yieldNow)), Group.wait(group)),
    Group.wait(group)
  ]),
  setLimit: around({ limit: 1, highest: 2 }, (group, child) => [
    Effect.andThen(Group.go(group, child(Effect.yieldNow)), Group.go(group, child(Effect.void))),
    Group.setLimit(group, 2)
  ]),
  cancel: around({ limit: 1 }, (group, child) => [
    Effect.andThen(Group.go(group, child(Effect.never)), Group.go(group, child(Effect.void))),
    Group.cancel(group)
  ]),
  "continue on failure": around({ limit: 1, onFailure: "continue" }, (group, child) => [
    Effect.andThen(
      Effect.andThen(Group.go(group, child(Effect.fail("planned"))), Group.go(group, child(Effect.void))),
      Group.wait(group)
    )
  ]),
  scoped: scenario((t) =>
    Effect.gen(function*() {
      const running = new Set<object>()
      const nursery = Group.scoped({ limit: 2 }, (group: TestGroup) =>
        Effect.andThen(
          Group.go(group, counted(running, Effect.never)),
          Group.go(group, counted(running, Effect.fail("planned")))
        ))
      let left = 0
      yield* t.actor("a", Effect.onExit(nursery, () => Effect.sync(() => (left = running.size))), { mayDie: true })
      yield* t.always(() => left === 0, "scoped returned and a child still runs (G2)")
      yield* t.settled
      yield* t.expect(running.size === 0, "a child outlived its nursery (G2)")
    })
  )
}

/** The admission of a group: how many run, and how many may. */
interface State {
  readonly limit: number
  readonly running: number
}

/** A start waits until there is a place, an end gives one back, a new limit holds at once. */
export const admission: Model<State> = {
  init: { limit: 1, running: 0 },
  step: (state, call) => {
    const { argument, exit, name } = call
    const fits = state.running < state.limit
    const started: State = { ...state, running: state.running + 1 }
    switch (name) {
      case "go":
        // What did not get its place, because it was interrupted or the group was over, has started nothing.
        if (exit !== undefined && Exit.isFailure(exit) && !returns(call, undefined)) return [state]
        return fits ? [started] : []
      case "tryGo":
        if (exit !== undefined && Exit.isFailure(exit) && !returns(call, true)) return [state]
        return returns(call, true) ? (fits ? [started] : []) : [state]
      case "end":
        return [{ ...state, running: state.running - 1 }]
      default:
        return [{ ...state, limit: argument as number }]
    }
  }
}

/** Actors that start children, which end by themselves, and move the limit, as calls to be put in order. */
export const history = (
  actors: ReadonlyArray<{ readonly kind: "go" | "tryGo" | "setLimit"; readonly n: number; readonly work: number }>
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1 })
      const turns = (n: number) => Effect.forEach(Array.from({ length: n }), () => Effect.yieldNow, { discard: true })
      for (const [i, { kind, n, work }] of actors.entries()) {
        const child = Effect.onExit(turns(work), () => t.op("end", undefined, Effect.void))
        const acts = {
          go: Effect.asVoid(t.op("go", undefined, Group.go(group, child))),
          tryGo: Effect.asVoid(t.op("tryGo", undefined, Group.tryGo(group, child))),
          setLimit: t.op("setLimit", n, Group.setLimit(group, n))
        }
        yield* t.actor(`actor${i}`, Effect.andThen(turns(n), acts[kind]), { cancel: kind !== "setLimit", mayDie: true })
      }
      yield* t.settled
      yield* t.linearizable(admission)
    })
  )

/** Actors that each run a body in a current group, with children that are counted. None outlives its scope. */
const inCurrent = (
  ...bodies: ReadonlyArray<
    (
      child: <A, E, R>(body: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    ) => Effect.Effect<unknown, unknown>
  >
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      let [running, outlived] = [0, 0]
      const counted = <A, E, R>(body: Effect.Effect<A, E, R>) =>
        Effect.uninterruptibleMask((restore) => {
          running++
          return Effect.onExit(restore(body), () => Effect.sync(() => running--))
        })
      for (const [i, body] of bodies.entries()) {
        const ends = Effect.onExit(body(counted), () => Effect.sync(() => (outlived += running)))
        yield* t.actor(String.fromCharCode(97 + i), ends, { mayDie: true })
      }
      yield* t.settled
      yield* t.expect(running === 0 && outlived === 0, "a child outlived its group (G2)")
    })
  )

export const current: Record<string, Scenario> = {
  go: inCurrent((child) =>
    Effect.andThen(Group.go(child(Effect.yieldNow)), Group.go(child(Effect.void))).pipe(Group.scoped({ limit: 1 }))
  ),
  "go, failing": inCurrent((child) =>
    Effect.andThen(Group.go(child(Effect.never)), Group.go(child(Effect.fail("planned")))).pipe(Group.scoped())
  ),
  forEach: inCurrent((child) =>
    Group.forEach([Effect.yieldNow, Effect.void], child, { results: true }).pipe(Group.scoped({ limit: 1 }))
  ),
  "forEach, failing": inCurrent((child) =>
    Group.forEach([Effect.never, Effect.fail("planned"), Effect.void], child).pipe(Group.scoped({ limit: 2 }))
  ),
  finish: inCurrent((child) =>
    Effect.andThen(
      Group.go(child(Effect.never)),
      Group.go(child(Effect.andThen(Effect.yieldNow, Group.finish("value"))))
    ).pipe(Group.scoped({ limit: 2 }))
  ),
  start: inCurrent((child) =>
    Group.start(child(Effect.andThen(Effect.yieldNow, Effect.andThen(Group.ready(1), Effect.yieldNow)))).pipe(
      Group.scoped()
    )
  ),
  "start, failing": inCurrent((child) =>
    Effect.exit(
      Group.start(child(Effect.andThen(Effect.yieldNow, Effect.andThen(Effect.fail("planned"), Group.ready(1)))))
    ).pipe(
      Group.scoped()
    )
  ),
  quorum: inCurrent((child) =>
    Group.quorum([child(Effect.yieldNow), child(Effect.fail("planned")), child(Effect.never)], 1, { limit: 2 })
  ),
  runtime: inCurrent((child) =>
    Effect.scoped(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const run = yield* Group.runtime(group)()
      const fibers = [run(child(Effect.yieldNow)), run(child(Effect.void))]
      yield* Effect.onInterrupt(Effect.forEach(fibers, Fiber.join), () => Fiber.interruptAll(fibers))
    }))
  )
}
