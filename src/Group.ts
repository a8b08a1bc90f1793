/**
 * A group of fibers that are one piece of work: when one fails the others are cancelled, and the group is waited for as
 * a whole. Go's errgroup, on fibers and scopes.
 *
 * The laws it keeps are numbered G1 to G12, here and in `docs/group.md`.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import { hasProperty, isIterable } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { invalid } from "./internal/args.js"
import { type AnyGroup, currentGroup, provideGroup } from "./internal/group/current.js"
import { FiberGroup } from "./internal/group/FiberGroup.js"
import { forEach as startForEach } from "./internal/group/forEach.js"
import {
  type Current,
  type ErrorOf,
  type Group,
  type Ready,
  type ReadyOf,
  type Stats,
  TypeId,
  type ValueOf
} from "./internal/group/model.js"
import { quorum as runQuorum } from "./internal/group/quorum.js"
import { report, startReady } from "./internal/group/ready.js"
import { runnerOf } from "./internal/group/runner.js"
import { closeScope, runScoped } from "./internal/group/scoped.js"
import { observe, type Observer } from "./internal/Observers.js"
import { operation } from "./internal/operation.js"
import type { AnyFiber } from "./internal/stack.js"

export { GroupClosed, GroupDeadlock } from "./internal/group/errors.js"
export type { Current, ErrorOf, Group, Ready, ReadyOf, Stats, ValueOf } from "./internal/group/model.js"
export { NeverReady } from "./internal/group/ready.js"

/**
 * How a group is made. Every option may be left out. A wrong value is a defect.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many children may run at a time: an integer >= 1, or `"unbounded"`. Default: `"unbounded"`. At the limit `go`
   * waits for a place, and `tryGo` returns false. Anything else is a defect of the call that makes the group.
   */
  readonly limit?: number | "unbounded" | undefined
  /**
   * Says how a child's failure ends the group. `"cancel"`, the default, interrupts the other children and the body at
   * the first failure. `"continue"` runs all children to their ends, and keeps every failure for `failures`. Anything
   * else is a defect.
   */
  readonly onFailure?: "cancel" | "continue" | undefined
  /**
   * Names the group in errors, in logs, in the debugger, in metrics and in spans. Default: none; metrics and spans then
   * say `group`.
   */
  readonly name?: string | undefined
  /**
   * Watchers of the children: `Watch.metrics()` and `Watch.spans()`. Default: none. Anything but an array of these is a
   * defect.
   */
  readonly watch?: ReadonlyArray<Observer> | undefined
}

// The interface hides the state, and FiberGroup is its only implementation.
// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
const impl = <E>(self: Group<E>): FiberGroup<E> => self as FiberGroup<E>

const checkLimit = (where: string, limit: number | "unbounded"): number => {
  if (limit === "unbounded") return Infinity
  if (Number.isInteger(limit) && limit >= 1) return limit
  throw invalid(`Group.${where}`, "limit", "an integer >= 1 or \"unbounded\"", limit)
}

const makeImpl = <E>(
  where: string,
  options: Options | undefined,
  isCurrent: boolean,
  { context }: AnyFiber
): FiberGroup<E> => {
  const { limit = "unbounded", name, onFailure = "cancel", watch } = options ?? {}
  // No type stops a misspelling in JavaScript, and the other mode would be a silent answer to it.
  if (!["cancel", "continue"].includes(onFailure)) {
    throw invalid(`Group.${where}`, "onFailure", "\"cancel\" or \"continue\"", onFailure)
  }
  const observing = watch && observe(`Group.${where}`, watch, { kind: "group", name, context })
  return new FiberGroup<E>(checkLimit(where, limit), onFailure, name, isCurrent, observing)
}

/**
 * Returns whether a value is a `Group`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isGroup: {
  // A value that is known to be a group keeps its E: a group of unknown errors would take any child.
  /** Returns whether a value is a `Group`. A group keeps the type of its errors. Never throws. */
  <E>(u: Group<E>): u is Group<E>
  /** Returns whether a value is a `Group`. Never throws. */
  (u: unknown): u is Group<unknown>
} = (u: unknown): u is never => hasProperty(u, TypeId)

/**
 * Creates a group that lives as long as the scope.
 *
 * **When to use**
 *
 * Use when the group outlives one block of code, such as one that serves requests. For a piece of work with a beginning
 * and an end, `scoped` is shorter and cannot forget to wait.
 *
 * **Details**
 *
 * `E` is the type of the children's errors, `never` unless given. The scope's close interrupts the children that are
 * left, in parallel, and returns when they have ended, finalizers included (G2). Options with wrong values are a
 * defect.
 *
 * **Gotchas**
 *
 * A failure shows only in `wait`, in `failures` and in the next `go`. With `onFailure: "continue"` the group keeps all
 * failures, for `failures`, as long as it lives.
 *
 * A child that closes the scope waits for the other children. If the scope closes in parallel, the child waits for
 * itself too, and never ends.
 *
 * **Example** (Two requests, one of which fails)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make<string>()
 *   yield* Group.go(group, Effect.never)
 *   yield* Group.go(group, Effect.fail("no such host"))
 *   yield* Group.wait(group)
 * })
 *
 * console.log(await Effect.runPromise(Effect.flip(Effect.scoped(program)))) // => no such host
 * ```
 *
 * @see {@link scoped} for a group that is waited for by itself
 * @category constructors
 * @since 0.1.0
 */
export const make = <E = never>(options?: Options): Effect.Effect<Group<E>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.withFiber((fiber) => Effect.sync(() => makeImpl<E>("make", options, false, fiber))),
    closeScope
  )

/** For the form with a group as a value, a reminder of what its error has to be, in place of `never`. */
type Fits<XE, E> = [XE] extends [E] ? unknown
  : "a child fails with more than the group: annotate `(group: Group.Group<MyError>) =>`, or `Group.make<MyError>()`"

/**
 * Runs a body that starts children in a group, waits for all of them, and returns the body's value. However it returns,
 * no child is running then. Also known as a nursery.
 *
 * **Details**
 *
 * Inside the body and its children the group is the current one: `go`, `tryGo`, `fork`, `start` and `finish` find it.
 * Its errors need no annotation: they are collected in the requirements, as `Current<MyError>`, and become errors of
 * `scoped` (`ErrorOf`). Scopes nest: the innermost group is the current one.
 *
 * 1. The first child that fails interrupts the other children and the body, and `scoped` fails as that child did (G1).
 * 2. When the body fails, or is interrupted, the children are interrupted, and `scoped` ends as the body did.
 * 3. An interrupt of `scoped` itself interrupts the body and the children, and is passed on (G4), together with an
 *    earlier failure, if there was one.
 * 4. With `onFailure: "continue"`, a child that fails interrupts no other. Once all have ended `scoped` fails as the
 *    first failed child did, unless the body failed: then it fails as the body did.
 * 5. `finish(value)` interrupts the children and the body, and `scoped` returns that value.
 *
 * Suspends until the body and all children have ended, finalizers included. Fibers forked in the body with
 * `Effect.forkChild` end with the body.
 *
 * With options and a function, the group is a value that the function receives, to be passed around. Then its errors
 * are annotated: `(group: Group.Group<MyError>) => ...`.
 *
 * **Example** (All or nothing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const fetchPage = (n: number) => n === 3 ? Effect.fail(`page ${n} is missing`) : Effect.succeed(`page ${n}`)
 *
 * const program = Effect.gen(function*() {
 *   for (let n = 1; n <= 1_000_000; n++) {
 *     yield* Group.go(fetchPage(n)) // waits at the limit, and is interrupted once the group has failed
 *   }
 * }).pipe(Group.scoped({ limit: 2 }))
 *
 * console.log(await Effect.runPromise(Effect.flip(program))) // => page 3 is missing
 * ```
 *
 * @see {@link make} for a group that lives as long as a scope
 * @category constructors
 * @since 0.1.0
 */
export const scoped: {
  /**
   * Returns a function that runs a body in a group of its own, and waits for all of its children.
   *
   * Suspends until the body and all children have ended, finalizers included. The group is the current one for the body
   * and its children: `go`, `tryGo`, `fork`, `start` and `finish` find it.
   *
   * Returns the body's value, or the value of `finish`. Fails as the first child that failed, or as the body did if the
   * body failed first. That failure interrupts the other children and the body. With `onFailure: "continue"` a child's
   * failure interrupts nothing, and a failure of the body takes precedence. An interrupt from outside interrupts the
   * body and the children, and is passed on. Options with wrong values are a defect.
   */
  (options?: Options): <A, XE, R>(
    body: Effect.Effect<A, XE, R>
  ) => Effect.Effect<A | ValueOf<R>, XE | ErrorOf<R>, Exclude<R, Current<unknown, unknown>>>
  /**
   * Runs a body in a group of its own, and waits for all of its children.
   *
   * Suspends until the body and all children have ended, finalizers included. The group is the current one for the body
   * and its children: `go`, `tryGo`, `fork`, `start` and `finish` find it.
   *
   * Returns the body's value, or the value of `finish`. Fails as the first child that failed, or as the body did if the
   * body failed first. That failure interrupts the other children and the body. With `onFailure: "continue"` a child's
   * failure interrupts nothing, and a failure of the body takes precedence. An interrupt from outside interrupts the
   * body and the children, and is passed on. Options with wrong values are a defect.
   */
  <A, XE, R>(
    body: Effect.Effect<A, XE, R>,
    options?: Options
  ): Effect.Effect<A | ValueOf<R>, XE | ErrorOf<R>, Exclude<R, Current<unknown, unknown>>>
  /**
   * Runs `f` with a group as a value, and waits for the group's children. Annotate the parameter,
   * `(group: Group.Group<MyError>) => ...`: without that, children must not fail.
   *
   * Suspends until `f` and all children have ended, finalizers included. Returns the value of `f`. Fails as the first
   * child that failed, or as `f` did if `f` failed first. That failure interrupts the other children and `f`. With
   * `onFailure: "continue"` a child's failure interrupts nothing, and a failure of `f` takes precedence. An interrupt
   * from outside interrupts `f` and the children, and is passed on. Options with wrong values are a defect.
   */
  <A, XE, R, E = never>(
    options: Options,
    f: (group: Group<E>) => Effect.Effect<A, XE, R>
  ): Effect.Effect<A, E | XE, R>
} = ((first?: unknown, second?: unknown) => {
  if (Effect.isEffect(first)) return inCurrent(first, second as Options | undefined)
  if (typeof second === "function") return inNew(first as Options, false, second as Body)
  return (body: AnyEffect) => inCurrent(body, first as Options | undefined)
  // Three forms in one: which it is, and so its type, only the arguments tell.
}) as never

type AnyEffect = Effect.Effect<unknown, unknown, unknown>
type Body = (group: AnyGroup) => AnyEffect

const inNew = (options: Options | undefined, isCurrent: boolean, body: Body): AnyEffect =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => runScoped(makeImpl("scoped", options, isCurrent, fiber), fiber, body, restore))
  )

const inCurrent = (body: AnyEffect, options: Options | undefined): AnyEffect =>
  inNew(options, true, (group) => provideGroup(body, group))

/**
 * An operation that starts a child: of the current group where it is called with an effect alone, of a group that is a
 * value where it is called with that one, before the effect or alone.
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- it is what the caller declares
const starting = <Operation>(
  label: string,
  start: (fiber: AnyFiber, group: AnyGroup, effect: AnyEffect) => AnyEffect
): Operation => {
  const InGroup = operation(label, start)
  const InCurrent = operation(label, (fiber, effect: AnyEffect) => start(fiber, currentGroup(fiber), effect))
  return function(first: AnyGroup | AnyEffect, effect: AnyEffect) {
    // First the form that a loop calls most often: it looks at nothing but how many arguments there are.
    if (arguments.length >= 2) return new InGroup(first as AnyGroup, effect)
    return first instanceof FiberGroup
      ? (effect: AnyEffect) => new InGroup(first, effect)
      : new InCurrent(first, undefined)
  } as Operation
}

const discard = () => Effect.void

/**
 * The options of a `forEach` that returns the children's values.
 *
 * @category models
 * @since 0.1.0
 */
export interface WithResults {
  /** The call also waits for its children, and returns their values in the order of the items. */
  readonly results: true
}

/**
 * The options of a `forEach` that returns once the last child runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface WithoutResults {
  /** Whether the call also waits for its children and returns their values. Default: false. */
  readonly results?: false | undefined
}

/**
 * Starts a child.
 *
 * **Details**
 *
 * Returns once the child runs, without waiting for its end. Suspends while `limit` children run, first come, first
 * served; an interrupt then leaves the queue, and the child never runs (G5). A place that a success frees goes to the
 * child immediately; any other place goes to it in a later turn of the event loop (G8). The call returns at the latest
 * a turn after the child has begun. An interrupt in between interrupts the child too.
 *
 * `go(effect)` starts it in the current group, that of the innermost `Group.scoped`, and never fails: the errors of the
 * child become errors of `scoped`. On a group that has failed or finished it starts nothing and interrupts its caller,
 * which the group has interrupted already.
 *
 * `go(group, effect)` starts it in a group that is a value. On a group that has failed it starts nothing and fails as
 * the group did, so a loop that produces children stops by itself. On a group that was cancelled, or whose scope has
 * closed, it dies with `GroupClosed`. Once `scoped` has returned, both forms die with `GroupClosed` (G3).
 *
 * The child has the services, references and tracing span of the caller (`R`). It runs immediately, up to its first
 * suspension. O(1).
 *
 * **Gotchas**
 *
 * A child that calls `go` on its own group holds its place while it waits for another one. When children that wait for
 * the group hold every place, the last of their `go` dies with `GroupDeadlock` (G9). Bound the work inside the children
 * instead, with a `Semaphore`.
 *
 * A child that needs a `Scope` gets the caller's. Wrap it in `Effect.scoped` to release with the child.
 *
 * **Example** (At most four at a time)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * let sum = 0
 * const program = Effect.gen(function*() {
 *   for (let n = 1; n <= 100; n++) {
 *     yield* Group.go(Effect.andThen(Effect.yieldNow, Effect.sync(() => sum += n)))
 *   }
 * }).pipe(Group.scoped({ limit: 4 }))
 *
 * await Effect.runPromise(program)
 * console.log(sum) // => 5050
 * ```
 *
 * @see {@link tryGo} for an attempt that never waits
 * @see {@link fork} for a handle on the child
 * @see {@link start} for a child that reports when it is ready
 * @category combinators
 * @since 0.1.0
 */
export const go: {
  /**
   * Starts a child of the current group, that of the innermost `Group.scoped`.
   *
   * Suspends while `limit` children run, first come, first served. An interrupt then leaves the queue, and the child
   * never runs. Returns once the child runs, at the latest a turn of the event loop after it has begun. Never fails:
   * the child's errors become errors of `scoped`. On a group that has failed or finished it starts nothing and
   * interrupts its caller. Dies with `GroupDeadlock` when children that wait for the group hold every place.
   */
  <A, XE, R>(effect: Effect.Effect<A, XE, R>): Effect.Effect<void, never, R | Current<XE>>
  /**
   * Returns a function that starts a child of this group.
   *
   * Suspends while `limit` children run, first come, first served. An interrupt then leaves the queue, and the child
   * never runs. Returns once the child runs, at the latest a turn of the event loop after it has begun. On a group that
   * has failed it starts nothing and fails as the group did. On a group that was cancelled, or whose scope has closed,
   * it dies with `GroupClosed`. Dies with `GroupDeadlock` when children that wait for the group hold every place.
   */
  <E>(self: Group<E>): <A, XE extends E, R>(effect: Effect.Effect<A, XE, R>) => Effect.Effect<void, E, R>
  /**
   * Starts a child of this group.
   *
   * Suspends while `limit` children run, first come, first served. An interrupt then leaves the queue, and the child
   * never runs. Returns once the child runs, at the latest a turn of the event loop after it has begun. On a group that
   * has failed it starts nothing and fails as the group did. On a group that was cancelled, or whose scope has closed,
   * it dies with `GroupClosed`. Dies with `GroupDeadlock` when children that wait for the group hold every place.
   */
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>): Effect.Effect<void, E, R>
  /**
   * Starts a child of this group. This form only reports the type error of a child that may fail with more than the
   * group.
   *
   * Suspends while `limit` children run, first come, first served. An interrupt then leaves the queue, and the child
   * never runs. Returns once the child runs, at the latest a turn of the event loop after it has begun. On a group that
   * has failed it starts nothing and fails as the group did. On a group that was cancelled, or whose scope has closed,
   * it dies with `GroupClosed`. Dies with `GroupDeadlock` when children that wait for the group hold every place.
   */
  <E, A, XE, R>(self: Group<E>, effect: Effect.Effect<A, XE, R> & Fits<NoInfer<XE>, E>): Effect.Effect<void, E, R>
} = /* @__PURE__ */ starting("Group.go", (fiber, group, effect) => group.start(fiber, effect, discard))

/**
 * Starts a child for each item, in order, as a loop over `go` does, at a lower price.
 *
 * **Details**
 *
 * Returns once the last child runs, without waiting for its end. Suspends while `limit` children run, and is one call
 * in the line of those that wait: after each child it goes to the end of the line, so other calls of `go` and `forEach`
 * get their turns (G13). The limit may change meanwhile.
 *
 * An item is taken from the iterator when the child before it has begun, so the iterator may be endless. A call that
 * ends early, by an interrupt or with the group, closes the iterator. Children that run belong to the group: an
 * interrupt of this call does not interrupt them. A child whose `f` throws dies. An iterator that throws is a defect of
 * the call. After 1,024 children at a stretch other fibers get a turn.
 *
 * With `results: true` it also waits for its children, and returns their values in the order of the items. If a child
 * has no value, since it failed or was interrupted, the call fails as the first such child in the order of the items.
 *
 * Otherwise it fails, dies and interrupts as `go` does. O(items).
 *
 * **Example** (Pages, at most eight at a time)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const fetchPage = (n: number) => Effect.as(Effect.sleep("1 millis"), `page ${n}`)
 *
 * const program = Effect.gen(function*() {
 *   yield* Group.forEach([1, 2, 3], fetchPage)
 *   return yield* Group.forEach([4, 5, 6], fetchPage, { results: true })
 * }).pipe(Group.scoped({ limit: 8 }))
 *
 * console.log(await Effect.runPromise(program)) // => [ 'page 4', 'page 5', 'page 6' ]
 * ```
 *
 * @see {@link go} for one child
 * @category combinators
 * @since 0.1.0
 */
export const forEach: {
  /**
   * Starts a child of the current group for each item, in order, and returns once the last one runs. With
   * `results: true` it also waits for the children, and returns their values in the order of the items.
   *
   * Suspends while `limit` children run, in turns with other calls that wait, and then until the children have ended.
   * Fails as the first child in the order of the items that has no value; that failure is also the group's. On a group
   * that has failed or finished it starts nothing more and interrupts its caller. An interrupt closes the iterator, and
   * no further child starts.
   */
  <Item, A, XE, R>(
    items: Iterable<Item>,
    f: (item: Item, index: number) => Effect.Effect<A, XE, R>,
    options: WithResults
  ): Effect.Effect<Array<A>, XE, R | Current<XE>>
  /**
   * Starts a child of the current group for each item, in order, and returns once the last one runs.
   *
   * Suspends while `limit` children run, in turns with other calls that wait. Never fails: the children's errors become
   * errors of `scoped`. On a group that has failed or finished it starts nothing more and interrupts its caller. An
   * interrupt closes the iterator, and no further child starts.
   */
  <Item, A, XE, R>(
    items: Iterable<Item>,
    f: (item: Item, index: number) => Effect.Effect<A, XE, R>,
    options?: WithoutResults
  ): Effect.Effect<void, never, R | Current<XE>>
  /**
   * Starts a child of this group for each item, in order, waits for these children, and returns their values in the
   * order of the items.
   *
   * Suspends while `limit` children run, in turns with other calls that wait, and then until the children have ended.
   * Fails as the first child in the order of the items that has no value. On a group that has failed it starts nothing
   * more and fails as the group did; on a group that was cancelled it dies with `GroupClosed`. An interrupt closes the
   * iterator, and no further child starts.
   */
  <E, Item, A, XE extends E, R>(
    self: Group<E>,
    items: Iterable<Item>,
    f: (item: Item, index: number) => Effect.Effect<A, XE, R>,
    options: WithResults
  ): Effect.Effect<Array<A>, E, R>
  /**
   * Starts a child of this group for each item, in order, and returns once the last one runs.
   *
   * Suspends while `limit` children run, in turns with other calls that wait. On a group that has failed it starts
   * nothing more and fails as the group did; on a group that was cancelled, or whose scope has closed, it dies with
   * `GroupClosed`. An interrupt closes the iterator, and no further child starts.
   */
  <E, Item, A, XE extends E, R>(
    self: Group<E>,
    items: Iterable<Item>,
    f: (item: Item, index: number) => Effect.Effect<A, XE, R>,
    options?: WithoutResults
  ): Effect.Effect<void, E, R>
} = ((...args: ReadonlyArray<unknown>) => {
  const [first] = args
  return Effect.withFiber((fiber) =>
    first instanceof FiberGroup
      ? startForEach(fiber, first, args[1], args[2], args[3])
      : startForEach(fiber, currentGroup(fiber), first, args[1], args[2])
  )
}) as never

/**
 * Starts a child if there is a place for it now, and returns whether there was.
 *
 * **Details**
 *
 * Never suspends, and does not overtake: it returns false at the limit, and while any `go` waits (G5). Fails, dies and
 * interrupts as `go` does. O(1).
 *
 * **Example** (Optional work)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   console.log(yield* Group.tryGo(Effect.yieldNow)) // => true
 *   console.log(yield* Group.tryGo(Effect.yieldNow)) // => false
 * }).pipe(Group.scoped({ limit: 1 }))
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const tryGo: {
  /**
   * Starts a child of the current group if there is a place for it now, and returns whether there was.
   *
   * Never suspends, and never fails: the child's errors become errors of `scoped`. Returns true once the child runs.
   * Returns false, and starts nothing, at the limit and while any `go` waits for a place. On a group that has failed or
   * finished it starts nothing and interrupts its caller.
   */
  <A, XE, R>(effect: Effect.Effect<A, XE, R>): Effect.Effect<boolean, never, R | Current<XE>>
  /**
   * Returns a function that starts a child of this group if there is a place for it now, and returns whether there was.
   *
   * Never suspends. Returns true once the child runs. Returns false, and starts nothing, at the limit and while any
   * `go` waits for a place. On a group that has failed it starts nothing and fails as the group did. On a group that
   * was cancelled, or whose scope has closed, it dies with `GroupClosed`.
   */
  <E>(self: Group<E>): <A, XE extends E, R>(effect: Effect.Effect<A, XE, R>) => Effect.Effect<boolean, E, R>
  /**
   * Starts a child of this group if there is a place for it now, and returns whether there was.
   *
   * Never suspends. Returns true once the child runs. Returns false, and starts nothing, at the limit and while any
   * `go` waits for a place. On a group that has failed it starts nothing and fails as the group did. On a group that
   * was cancelled, or whose scope has closed, it dies with `GroupClosed`.
   */
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>): Effect.Effect<boolean, E, R>
  /**
   * Starts a child of this group if there is a place for it now, and returns whether there was. This form only reports
   * the type error of a child that may fail with more than the group.
   *
   * Never suspends. Returns true once the child runs. Returns false, and starts nothing, at the limit and while any
   * `go` waits for a place. On a group that has failed it starts nothing and fails as the group did. On a group that
   * was cancelled, or whose scope has closed, it dies with `GroupClosed`.
   */
  <E, A, XE, R>(self: Group<E>, effect: Effect.Effect<A, XE, R> & Fits<NoInfer<XE>, E>): Effect.Effect<boolean, E, R>
} = /* @__PURE__ */ starting(
  "Group.tryGo",
  (fiber, group, effect) => group.tryStart(fiber, effect, () => Effect.succeed(true)) ?? Effect.succeed(false)
)

/**
 * Starts a child like `go`, and returns its fiber, to await, join or interrupt it.
 *
 * **Details**
 *
 * Suspends, fails, dies and interrupts like `go`. Interrupting the fiber fails no other child: the child counts as
 * interrupted (G4). A failure of the child is the group's failure all the same. O(1).
 *
 * **Example** (A child's value)
 *
 * ```ts
 * import { Effect, Fiber } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const left = yield* Group.fork(Effect.succeed(20))
 *   const right = yield* Group.fork(Effect.succeed(22))
 *   return (yield* Fiber.join(left)) + (yield* Fiber.join(right))
 * }).pipe(Group.scoped())
 *
 * console.log(await Effect.runPromise(program)) // => 42
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const fork: {
  /**
   * Starts a child of the current group, and returns its fiber, to await, join or interrupt it. Interrupting the fiber
   * fails no other child; a failure of the child is the group's failure all the same.
   *
   * Suspends while `limit` children run, first come, first served. An interrupt then leaves the queue, and the child
   * never runs. Returns once the child runs, at the latest a turn of the event loop after it has begun. Never fails:
   * the child's errors become errors of `scoped`. On a group that has failed or finished it starts nothing and
   * interrupts its caller. Dies with `GroupDeadlock` when children that wait for the group hold every place.
   */
  <A, XE, R>(effect: Effect.Effect<A, XE, R>): Effect.Effect<Fiber.Fiber<A, XE>, never, R | Current<XE>>
  /**
   * Returns a function that starts a child of this group, and returns its fiber, to await, join or interrupt it.
   * Interrupting the fiber fails no other child; a failure of the child is the group's failure all the same.
   *
   * Suspends while `limit` children run, first come, first served. An interrupt then leaves the queue, and the child
   * never runs. Returns once the child runs, at the latest a turn of the event loop after it has begun. On a group that
   * has failed it starts nothing and fails as the group did. On a group that was cancelled, or whose scope has closed,
   * it dies with `GroupClosed`. Dies with `GroupDeadlock` when children that wait for the group hold every place.
   */
  <E>(
    self: Group<E>
  ): <A, XE extends E, R>(effect: Effect.Effect<A, XE, R>) => Effect.Effect<Fiber.Fiber<A, XE>, E, R>
  /**
   * Starts a child of this group, and returns its fiber, to await, join or interrupt it. Interrupting the fiber fails
   * no other child; a failure of the child is the group's failure all the same.
   *
   * Suspends while `limit` children run, first come, first served. An interrupt then leaves the queue, and the child
   * never runs. Returns once the child runs, at the latest a turn of the event loop after it has begun. On a group that
   * has failed it starts nothing and fails as the group did. On a group that was cancelled, or whose scope has closed,
   * it dies with `GroupClosed`. Dies with `GroupDeadlock` when children that wait for the group hold every place.
   */
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>): Effect.Effect<Fiber.Fiber<A, XE>, E, R>
  /**
   * Starts a child of this group, and returns its fiber. This form only reports the type error of a child that may fail
   * with more than the group. Interrupting the fiber fails no other child; a failure of the child is the group's
   * failure all the same.
   *
   * Suspends while `limit` children run, first come, first served. An interrupt then leaves the queue, and the child
   * never runs. Returns once the child runs, at the latest a turn of the event loop after it has begun. On a group that
   * has failed it starts nothing and fails as the group did. On a group that was cancelled, or whose scope has closed,
   * it dies with `GroupClosed`. Dies with `GroupDeadlock` when children that wait for the group hold every place.
   */
  <E, A, XE, R>(
    self: Group<E>,
    effect: Effect.Effect<A, XE, R> & Fits<NoInfer<XE>, E>
  ): Effect.Effect<Fiber.Fiber<A, XE>, E, R>
} = /* @__PURE__ */ starting(
  "Group.fork",
  (fiber, group, effect) => group.start(fiber, effect, Effect.succeed)
)

/**
 * Starts a child, waits until it reports that it is ready, and returns the value that it reports. Trio's
 * `nursery.start`.
 *
 * **When to use**
 *
 * Use when others depend on a child that keeps running: a server that has to listen, a cache that has to be warm.
 *
 * **Details**
 *
 * Suspends for a place as `go` does, and then until the child calls `Group.ready(value)`. Until that call the child
 * belongs to its caller: if the child fails, `start` fails with its cause and the group goes on; an interrupt of
 * `start` interrupts the child. After that call it is a child like any other. A child that succeeds without a call of
 * `ready` is a defect, `NeverReady`.
 *
 * **Example** (A server, and who needs its port)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const server = Effect.gen(function*() {
 *   yield* Effect.yieldNow // opens a socket
 *   yield* Group.ready(8080)
 *   return yield* Effect.never
 * })
 *
 * const program = Effect.gen(function*() {
 *   const port = yield* Group.start(server)
 *   return yield* Group.finish(`listens on ${port}`)
 * }).pipe(Group.scoped())
 *
 * console.log(await Effect.runPromise(program)) // => listens on 8080
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const start: {
  /**
   * Starts a child of the current group, waits until it calls `Group.ready`, and returns the value of that call.
   *
   * Suspends for a place as `go` does, and then until the child calls `ready`. A child that fails before that makes
   * this call fail with its cause, and the group goes on. A child that succeeds before that is a defect, `NeverReady`.
   * An interrupt of this call takes along a child that is not ready. After `ready` the child is like any other child.
   * On a group that has failed or finished it starts nothing and interrupts its caller. Dies with `GroupDeadlock` when
   * children that wait for the group hold every place.
   */
  <A, XE, R>(
    effect: Effect.Effect<A, XE, R>
  ): Effect.Effect<ReadyOf<R>, XE, Exclude<R, Ready<unknown>> | Current<XE>>
  /**
   * Returns a function that starts a child of this group, waits until it calls `Group.ready`, and returns the value of
   * that call.
   *
   * Suspends for a place as `go` does, and then until the child calls `ready`. A child that fails before that makes
   * this call fail with its cause, and the group goes on. A child that succeeds before that is a defect, `NeverReady`.
   * An interrupt of this call takes along a child that is not ready. After `ready` the child is like any other child.
   * On a group that has failed it starts nothing and fails as the group did; on one that was cancelled, or whose scope
   * has closed, it dies with `GroupClosed`. Dies with `GroupDeadlock` when children that wait for the group hold every
   * place.
   */
  <E>(
    self: Group<E>
  ): <A, XE extends E, R>(
    effect: Effect.Effect<A, XE, R>
  ) => Effect.Effect<ReadyOf<R>, E, Exclude<R, Ready<unknown>>>
  /**
   * Starts a child of this group, waits until it calls `Group.ready`, and returns the value of that call.
   *
   * Suspends for a place as `go` does, and then until the child calls `ready`. A child that fails before that makes
   * this call fail with its cause, and the group goes on. A child that succeeds before that is a defect, `NeverReady`.
   * An interrupt of this call takes along a child that is not ready. After `ready` the child is like any other child.
   * On a group that has failed it starts nothing and fails as the group did; on one that was cancelled, or whose scope
   * has closed, it dies with `GroupClosed`. Dies with `GroupDeadlock` when children that wait for the group hold every
   * place.
   */
  <E, A, XE extends E, R>(
    self: Group<E>,
    effect: Effect.Effect<A, XE, R>
  ): Effect.Effect<ReadyOf<R>, E, Exclude<R, Ready<unknown>>>
  /**
   * Starts a child of this group, waits until it calls `Group.ready`, and returns the value of that call. This form
   * only reports the type error of a child that may fail with more than the group.
   *
   * Suspends for a place as `go` does, and then until the child calls `ready`. A child that fails before that makes
   * this call fail with its cause, and the group goes on. A child that succeeds before that is a defect, `NeverReady`.
   * An interrupt of this call takes along a child that is not ready. After `ready` the child is like any other child.
   * On a group that has failed it starts nothing and fails as the group did; on one that was cancelled, or whose scope
   * has closed, it dies with `GroupClosed`. Dies with `GroupDeadlock` when children that wait for the group hold every
   * place.
   */
  <E, A, XE, R>(
    self: Group<E>,
    effect: Effect.Effect<A, XE, R> & Fits<NoInfer<XE>, E>
  ): Effect.Effect<ReadyOf<R>, E, Exclude<R, Ready<unknown>>>
} = /* @__PURE__ */ starting(
  "Group.start",
  (caller, group, effect) => startReady(group, effect, (child) => group.start(caller, child, Effect.succeed))
)

/**
 * Reports that a child is ready, with a value for the caller of `Group.start`.
 *
 * **Details**
 *
 * Never suspends, never fails. Only the first call counts. `Ready<V>` in the requirements says that `Group.start` has
 * to run this effect: `start` removes that requirement.
 *
 * **Example** (A warm cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const cache = Effect.andThen(Group.ready(new Map([["a", 1]])), Effect.yieldNow)
 * const program = Effect.map(Group.start(cache), (entries) => entries.get("a")).pipe(Group.scoped())
 *
 * console.log(await Effect.runPromise(program)) // => 1
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const ready: {
  /**
   * Reports that this child is ready. `Group.start` then returns undefined. Never suspends, never fails. Only the first
   * call counts. Without `Group.start` around it, it does not compile.
   */
  (): Effect.Effect<void, never, Ready<void>>
  /**
   * Reports that this child is ready. `Group.start` then returns this value. Never suspends, never fails. Only the
   * first call counts. Without `Group.start` around it, it does not compile.
   */
  <V>(value: V): Effect.Effect<void, never, Ready<V>>
} = (value?: unknown): Effect.Effect<void, never, Ready<never>> =>
  report(value) as Effect.Effect<void, never, Ready<never>>

/**
 * Ends the current group early, without an error: interrupts its children and its body, and `Group.scoped` returns the
 * value.
 *
 * **Details**
 *
 * `scoped` returns once all have ended, finalizers included. The first `finish` counts; on a group that has failed it
 * changes nothing. It never returns: its caller is a child or the body, and is interrupted with the others. Errors of
 * children that fail after that are dropped. Their defects are not: `scoped` dies of them.
 *
 * **Example** (The first answer will do)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const look = (place: string) => place === "attic" ? Effect.succeed(place) : Effect.never
 *
 * const program = Effect.gen(function*() {
 *   for (const place of ["cellar", "attic", "garden"]) {
 *     yield* Group.go(Effect.flatMap(look(place), (found) => Group.finish(`in the ${found}`)))
 *   }
 *   return "nowhere"
 * }).pipe(Group.scoped({ limit: 2 }))
 *
 * console.log(await Effect.runPromise(program)) // => in the attic
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const finish: {
  /**
   * Ends the current group early, without an error: interrupts its children and its body. `Group.scoped` returns
   * undefined once all have ended, finalizers included. Never returns: its caller is a child or the body, and is
   * interrupted too. The first call counts. On a group that has failed it changes nothing.
   */
  (): Effect.Effect<never, never, Current<never, void>>
  /**
   * Ends the current group early, without an error: interrupts its children and its body. `Group.scoped` returns this
   * value once all have ended, finalizers included. Never returns: its caller is a child or the body, and is
   * interrupted too. The first call counts. On a group that has failed it changes nothing.
   */
  <V>(value: V): Effect.Effect<never, never, Current<never, V>>
} = (value?: unknown): Effect.Effect<never, never, Current<never>> =>
  Effect.withFiber((fiber) => currentGroup(fiber).finish(value, fiber))

/**
 * Runs effects until the first of them succeeds, interrupts the others, and returns its value. As `Promise.any`, but no
 * effect is running once it returns.
 *
 * **Details**
 *
 * Suspends until one has succeeded and the others have ended, finalizers included. When all fail it fails with the
 * causes of all of them, in the order in which they came; a defect ends it at once (G7). `limit` is how many run at a
 * time: an integer >= 1, or `"unbounded"`, the default. An empty list of effects is a defect.
 *
 * **Example** (Two mirrors)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const mirrors = [Effect.fail("is down"), Effect.succeed("page from b"), Effect.never]
 * console.log(await Effect.runPromise(Group.any(mirrors))) // => page from b
 * ```
 *
 * @see {@link quorum} for more than one success
 * @category combinators
 * @since 0.1.0
 */
export const any = <Eff extends Effect.Effect<unknown, unknown, unknown>>(
  effects: Iterable<Eff>,
  options?: Pick<Options, "limit">
): Effect.Effect<Effect.Success<Eff>, Effect.Error<Eff>, Effect.Services<Eff>> =>
  Effect.suspend(() => {
    const candidates = Array.from(effects as Iterable<AnyOf<Eff>>)
    if (candidates.length === 0) throw invalid("Group.any", "effects", "at least one", candidates)
    return Effect.map(quorumOf("any", candidates, 1, options), (values) => (values as [Effect.Success<Eff>])[0])
  })

type AnyOf<Eff extends AnyEffect> = Effect.Effect<Effect.Success<Eff>, Effect.Error<Eff>, Effect.Services<Eff>>

const quorumOf = <A, E, R>(
  where: string,
  candidates: ReadonlyArray<Effect.Effect<A, E, R>>,
  count: number,
  options: Pick<Options, "limit"> | undefined
): Effect.Effect<Array<A>, E, R> => {
  if (!Number.isInteger(count) || count < 0 || count > candidates.length) {
    const requirement = `an integer from 0 to the number of effects, ${candidates.length}`
    throw invalid(`Group.${where}`, "count", requirement, count)
  }
  return runQuorum(candidates, count, checkLimit(where, options?.limit ?? "unbounded"))
}

/**
 * Runs effects until `count` of them have succeeded, interrupts the others, and returns the values in the order in
 * which they came.
 *
 * **Details**
 *
 * Suspends until all have ended, finalizers included. As soon as fewer than `count` can succeed, it interrupts the
 * others and fails with the causes of all that have failed, in order; a defect ends it at once (G7). `limit` is how
 * many run at a time: an integer >= 1, or `"unbounded"`, the default. A count that is no integer from 0 to the number
 * of effects is a defect.
 *
 * **Example** (Two of three replicas)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const write = (replica: string) => replica === "b" ? Effect.fail("disk full") : Effect.succeed(replica)
 * const program = Group.quorum(["a", "b", "c"].map(write), 2)
 * console.log(await Effect.runPromise(program)) // => [ 'a', 'c' ]
 * ```
 *
 * @see {@link any} for the first success
 * @category combinators
 * @since 0.1.0
 */
export const quorum: {
  /**
   * Returns a function that runs effects until `count` of them have succeeded, interrupts the others, and returns the
   * values in the order in which they came.
   *
   * Suspends until all have ended, finalizers included. As soon as fewer than `count` can succeed it interrupts the
   * others, and fails with the causes of all that have failed, in order. A defect ends it at once. `limit` is how many
   * run at a time: an integer >= 1, or `"unbounded"`, the default. A `count` that is no integer from 0 to the number of
   * effects is a defect.
   */
  (
    count: number,
    options?: Pick<Options, "limit">
  ): <Eff extends Effect.Effect<unknown, unknown, unknown>>(
    effects: Iterable<Eff>
  ) => Effect.Effect<Array<Effect.Success<Eff>>, Effect.Error<Eff>, Effect.Services<Eff>>
  /**
   * Runs effects until `count` of them have succeeded, interrupts the others, and returns the values in the order in
   * which they came.
   *
   * Suspends until all have ended, finalizers included. As soon as fewer than `count` can succeed it interrupts the
   * others, and fails with the causes of all that have failed, in order. A defect ends it at once. `limit` is how many
   * run at a time: an integer >= 1, or `"unbounded"`, the default. A `count` that is no integer from 0 to the number of
   * effects is a defect.
   */
  <Eff extends Effect.Effect<unknown, unknown, unknown>>(
    effects: Iterable<Eff>,
    count: number,
    options?: Pick<Options, "limit">
  ): Effect.Effect<Array<Effect.Success<Eff>>, Effect.Error<Eff>, Effect.Services<Eff>>
} = /* @__PURE__ */ dual(
  (args) => isIterable(args[0]),
  (
    effects: Iterable<AnyEffect>,
    count: number,
    options?: Pick<Options, "limit">
  ): AnyEffect => Effect.suspend(() => quorumOf("quorum", Array.from(effects), count, options))
)

/**
 * Returns a function that starts children from outside of Effect, such as from callbacks and event handlers. The
 * children have the services `R` of the caller of `runtime`.
 *
 * **Details**
 *
 * The function returns a fiber immediately. The fiber waits for a place as `go` does, and ends as the child ends.
 * Interrupting the fiber interrupts the child. A failure of the child is the group's failure, too. On a group that has
 * failed the fiber fails as the group did. On a group that was cancelled, or whose scope has closed, it dies with
 * `GroupClosed`.
 *
 * **Example** (Event handlers)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const events = new EventTarget()
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make({ limit: 10 })
 *   const run = yield* Group.runtime(group)()
 *   events.addEventListener("greet", () => run(Effect.sync(() => console.log("hello"))))
 *   events.dispatchEvent(new Event("greet"))
 *   yield* Group.wait(group)
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => hello
 * ```
 *
 * @see {@link runtimePromise} for promises in place of fibers
 * @category combinators
 * @since 0.1.0
 */
export const runtime = <E>(self: Group<E>) =>
<R = never>(): Effect.Effect<
  <A, XE extends E>(effect: Effect.Effect<A, XE, R>, options?: Effect.RunOptions) => Fiber.Fiber<A, E>,
  never,
  R
> => Effect.contextWith((context: Context.Context<R>) => Effect.succeed(runnerOf(impl(self), context)))

/**
 * Returns a function that starts children from outside of Effect and returns promises of their values. The children
 * have the services `R` of the caller of `runtimePromise`.
 *
 * **Details**
 *
 * The child waits for a place as with `go`. The promise resolves with the child's value, and rejects as that of
 * `Effect.runPromise` does. An abort of `options.signal` interrupts the child. On a group that has failed the promise
 * rejects with that failure. On a group that was cancelled, or whose scope has closed, it rejects with `GroupClosed`.
 *
 * **Example** (A handler that returns a promise)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make<string>({ limit: 10 })
 *   const run = yield* Group.runtimePromise(group)()
 *   const handler = async (name: string) => `hello, ${await run(Effect.succeed(name))}`
 *   return yield* Effect.promise(() => handler("ada"))
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => hello, ada
 * ```
 *
 * @see {@link runtime} for fibers in place of promises
 * @category combinators
 * @since 0.1.0
 */
export const runtimePromise = <E>(self: Group<E>) =>
<R = never>(): Effect.Effect<
  <A, XE extends E>(effect: Effect.Effect<A, XE, R>, options?: Effect.RunOptions) => Promise<A>,
  never,
  R
> => Effect.map(runtime(self)<R>(), (run) => (effect, options) => Effect.runPromise(Fiber.join(run(effect, options))))

/**
 * Suspends until no child runs and no `go` is pending, and then fails as the first child that failed, if one did.
 *
 * **Details**
 *
 * The failure has that child's cause exactly; a defect is a defect here too, with its stack (G1, G7). Other failures
 * are in `failures`. Every child has ended, its finalizers included, when `wait` returns (G2). It may be called any
 * number of times, and an open group continues to take children. An interrupt stops the waiting only.
 *
 * A child that calls it waits for the other children, except children that are in `wait` themselves. A fiber that a
 * child has forked, as `Effect.timeout` does, waits for that child too, and so never returns if the child waits for it.
 *
 * **Example** (A group in two batches)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make()
 *   yield* Group.go(group, Effect.yieldNow)
 *   yield* Group.wait(group)
 *   yield* Group.go(group, Effect.yieldNow)
 *   yield* Group.wait(group)
 *   console.log(Group.stats(group).succeeded) // => 2
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const wait = <E>(self: Group<E>): Effect.Effect<void, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const group = impl(self)
      return Effect.flatMap(group.awaitQuiet(fiber, "work", restore), () => group.result)
    })
  )

/**
 * Changes the limit, an integer >= 1 or `"unbounded"`, at any time. Anything else is a defect.
 *
 * **Details**
 *
 * Never suspends. Raising the limit starts pending children in a turn of the event loop that is requested now (G8).
 * Lowering it stops no child: `go` waits until fewer children run (G5). O(1) plus the children it starts.
 *
 * **Example** (Opening up)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make({ limit: 1 })
 *   yield* Group.go(group, Effect.never)
 *   yield* Group.setLimit(group, 2)
 *   console.log(yield* Group.tryGo(group, Effect.never)) // => true
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const setLimit: {
  /**
   * Returns a function that changes the limit of a group.
   *
   * Never suspends. Raising the limit starts pending children in a turn of the event loop that is requested now.
   * Lowering the limit stops no child: `go` waits until fewer children run. `limit` is an integer >= 1 or
   * `"unbounded"`; anything else is a defect.
   */
  (limit: number | "unbounded"): <E>(self: Group<E>) => Effect.Effect<void>
  /**
   * Changes the limit of a group.
   *
   * Never suspends. Raising the limit starts pending children in a turn of the event loop that is requested now.
   * Lowering the limit stops no child: `go` waits until fewer children run. `limit` is an integer >= 1 or
   * `"unbounded"`; anything else is a defect.
   */
  <E>(self: Group<E>, limit: number | "unbounded"): Effect.Effect<void>
} = /* @__PURE__ */ dual(
  2,
  <E>(self: Group<E>, limit: number | "unbounded") =>
    Effect.sync(() => impl(self).setLimit(checkLimit("setLimit", limit)))
)

/**
 * Interrupts all children, and suspends until they have ended, finalizers included. A pending `go` dies with
 * `GroupClosed`.
 *
 * **Details**
 *
 * The group is closed from then on: another `go` dies with `GroupClosed` (G3). `wait` succeeds, unless a child failed.
 * Never fails. An interrupt while it waits stops the waiting only. A second call waits again. A child that calls it is
 * interrupted with the others. The body of `scoped` is no child, and continues.
 *
 * **Example** (Stopping)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make()
 *   yield* Group.go(group, Effect.never)
 *   yield* Group.cancel(group)
 *   console.log(Group.stats(group).interrupted) // => 1
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const cancel = <E>(self: Group<E>): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const group = impl(self)
      group.close(fiber, "cancel")
      return group.awaitQuiet(fiber, "end", restore)
    })
  )

/**
 * Returns how children failed so far: the first failure, then the later ones, in order. A plain, synchronous copy.
 *
 * **Details**
 *
 * The first failure interrupts the other children. A child that only was interrupted is not in the list. A child that
 * failed while it was interrupted is, and so is a defect of the body of `scoped` after a child's failure.
 *
 * **Example** (Every failure)
 *
 * ```ts
 * import { Cause, Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make<string>({ onFailure: "continue" })
 *   yield* Group.go(group, Effect.fail("a is missing"))
 *   yield* Group.go(group, Effect.fail("b is missing"))
 *   console.log(Group.failures(group).map(Cause.squash)) // => [ 'a is missing', 'b is missing' ]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const failures = <E>(self: Group<E>): ReadonlyArray<Cause.Cause<E>> => impl(self).failures.slice()

/**
 * Returns what the group is doing now: a plain, synchronous snapshot. O(1).
 *
 * **Example** (Looking at a group)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make({ limit: 8 })
 *   yield* Group.go(group, Effect.never)
 *   const { active, limit, state } = Group.stats(group)
 *   console.log({ active, limit, state }) // => { active: 1, limit: 8, state: 'open' }
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const stats = <E>(self: Group<E>): Stats => impl(self).stats()
