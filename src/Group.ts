/**
 * A group of fibers that are one piece of work: when one fails the others are cancelled, and the group is waited for as
 * a whole. Go's errgroup, on fibers and scopes.
 *
 * The laws it keeps are numbered G1 to G9, here and in `docs/group.md`.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { effectLast, invalid } from "./internal/args.js"
import { FiberGroup } from "./internal/group/FiberGroup.js"
import { type Group, type Stats, TypeId } from "./internal/group/model.js"
import { closeScope, runScoped } from "./internal/group/scoped.js"
import { operation } from "./internal/operation.js"

export { GroupClosed, GroupDeadlock } from "./internal/group/errors.js"
export type { Group, Stats } from "./internal/group/model.js"

/**
 * How a group is made.
 *
 * **Details**
 *
 * - `limit`: how many children may run at a time, an integer >= 1; `"unbounded"` by default.
 * - `onFailure`: `"cancel"`, the default, ends everything at the first failure; `"continue"` runs all to their ends.
 * - `name`: shown in messages and when the group is inspected.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly limit?: number | "unbounded" | undefined
  readonly onFailure?: "cancel" | "continue" | undefined
  readonly name?: string | undefined
}

// The interface hides the state, and FiberGroup is its only implementation.
// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
const impl = <E>(self: Group<E>): FiberGroup<E> => self as FiberGroup<E>

const checkLimit = (where: string, limit: number | "unbounded"): number => {
  if (limit === "unbounded") return Infinity
  if (Number.isInteger(limit) && limit >= 1) return limit
  throw invalid(`Group.${where}`, "limit", "an integer >= 1 or \"unbounded\"", limit)
}

const makeImpl = <E>(where: string, options: Options | undefined): FiberGroup<E> => {
  const { limit = "unbounded", name, onFailure = "cancel" } = options ?? {}
  // No type stops a misspelling in JavaScript, and the other mode would be a silent answer to it.
  if (!["cancel", "continue"].includes(onFailure)) {
    throw invalid(`Group.${where}`, "onFailure", "\"cancel\" or \"continue\"", onFailure)
  }
  return new FiberGroup<E>(checkLimit(where, limit), onFailure, name)
}

/**
 * Tells whether a value is a `Group`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isGroup: {
  // A value that is known to be a group keeps its E: a group of unknown errors would take any child.
  <E>(u: Group<E>): u is Group<E>
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
 * `E` is what children may fail with, `never` unless given. When the scope closes, what is left is interrupted, in
 * parallel, and has ended, finalizers included, when the close returns (G2). A `limit` that is no integer >= 1 is a
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
    Effect.sync(() => makeImpl<E>("make", options)),
    closeScope
  )

/**
 * Runs a body that starts children in a group, waits for all of them, and returns the body's value. Nothing is running
 * once it returns, however it returns. Also known as a nursery.
 *
 * **Details**
 *
 * 1. The first child that fails interrupts the other children and the body, and `scoped` fails as that child did (G1).
 * 2. When the body fails, or is interrupted, the children are interrupted, and `scoped` ends as the body did.
 * 3. An interrupt of `scoped` itself interrupts the body and the children, and is passed on (G4), together with the
 *    failure there was before it, if any.
 * 4. With `onFailure: "continue"`, children that fail interrupt nobody. Once all have ended `scoped` fails as the first
 *    of them did, unless the body failed: then it fails as the body did.
 *
 * Suspends until the body and all children have ended, finalizers included. Fibers forked in the body with
 * `Effect.forkChild` end with the body.
 *
 * **Gotchas**
 *
 * Annotate the parameter, as below: without `(group: Group.Group<MyError>)` children must not fail.
 *
 * **Example** (All or nothing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const fetchPage = (n: number) => n === 3 ? Effect.fail(`page ${n} is missing`) : Effect.succeed(`page ${n}`)
 *
 * const program = Group.scoped({ limit: 2 }, (group: Group.Group<string>) =>
 *   Effect.gen(function*() {
 *     for (let n = 1; n <= 1_000_000; n++) {
 *       yield* Group.go(group, fetchPage(n)) // waits at the limit, and fails once the group has failed
 *     }
 *   }))
 *
 * console.log(await Effect.runPromise(Effect.flip(program))) // => page 3 is missing
 * ```
 *
 * @see {@link make} for a group that lives as long as a scope
 * @category constructors
 * @since 0.1.0
 */
export const scoped = <A, XE, R, E = never>(
  options: Options,
  f: (group: Group<E>) => Effect.Effect<A, XE, R>
): Effect.Effect<A, E | XE, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => runScoped(makeImpl<E>("scoped", options), fiber, f, restore))
  )

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a child may fail with, the type of `go` says
type AnyGroup = FiberGroup<any>

const discard = () => Effect.void
const Go = operation(
  "Group.go",
  (fiber, self: AnyGroup, effect: Effect.Effect<unknown, unknown, unknown>) => self.start(fiber, effect, discard)
)

/**
 * Starts a child.
 *
 * **Details**
 *
 * Returns once the child runs, without waiting for its end. Suspends while `limit` children run, first come, first
 * served; an interrupt then leaves the queue, and the child never runs (G5). A place that a success frees goes to the
 * child at once, any other in a later turn of the event loop (G8). The call returns at the latest a turn after the
 * child has begun; an interrupt in between takes the child along.
 *
 * On a group that has failed it starts nothing and fails as the group did, so a loop that produces children stops by
 * itself; on a group that was cancelled, or whose scope has closed, it dies with `GroupClosed` (G3).
 *
 * The child has the services, references and tracing span of the caller (`R`). It runs at once, up to its first
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
 * const program = Group.scoped({ limit: 4 }, (group) =>
 *   Effect.gen(function*() {
 *     for (let n = 1; n <= 100; n++) {
 *       yield* Effect.yieldNow.pipe(Effect.andThen(Effect.sync(() => sum += n)), Group.go(group))
 *     }
 *   }))
 *
 * await Effect.runPromise(program)
 * console.log(sum) // => 5050
 * ```
 *
 * @see {@link tryGo} for doing without rather than waiting
 * @see {@link fork} for a handle on the child
 * @category combinators
 * @since 0.1.0
 */
export const go: {
  <E>(self: Group<E>): <A, XE extends E, R>(effect: Effect.Effect<A, XE, R>) => Effect.Effect<void, E, R>
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>): Effect.Effect<void, E, R>
} = effectLast(
  2,
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>) => new Go(impl(self), effect)
)

/**
 * Starts a child if there is a place for it now, and returns whether there was.
 *
 * **Details**
 *
 * Never suspends, and does not overtake: it returns false at the limit, and while any `go` waits (G5). Fails and dies
 * as `go` does. O(1).
 *
 * **Example** (Optional work)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make({ limit: 1 })
 *   console.log(yield* Group.tryGo(group, Effect.never)) // => true
 *   console.log(yield* Group.tryGo(group, Effect.never)) // => false
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const tryGo: {
  <E>(self: Group<E>): <A, XE extends E, R>(effect: Effect.Effect<A, XE, R>) => Effect.Effect<boolean, E, R>
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>): Effect.Effect<boolean, E, R>
} = effectLast(
  2,
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>) =>
    Effect.withFiber((fiber) => impl(self).tryStart(fiber, effect, () => Effect.succeed(true)) ?? Effect.succeed(false))
)

/**
 * Starts a child like `go`, and returns its fiber, to await, join or interrupt it.
 *
 * **Details**
 *
 * Suspends, fails and dies like `go`. Interrupting the fiber fails nobody: the child counts as interrupted (G4). Its
 * failure is the group's failure all the same. O(1).
 *
 * **Example** (A child's value)
 *
 * ```ts
 * import { Effect, Fiber } from "effect"
 * import { Group } from "sluice"
 *
 * const program = Group.scoped({}, (group) =>
 *   Effect.gen(function*() {
 *     const left = yield* Group.fork(group, Effect.succeed(20))
 *     const right = yield* Group.fork(group, Effect.succeed(22))
 *     return (yield* Fiber.join(left)) + (yield* Fiber.join(right))
 *   }))
 *
 * console.log(await Effect.runPromise(program)) // => 42
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const fork: {
  <E>(
    self: Group<E>
  ): <A, XE extends E, R>(effect: Effect.Effect<A, XE, R>) => Effect.Effect<Fiber.Fiber<A, XE>, E, R>
  <E, A, XE extends E, R>(
    self: Group<E>,
    effect: Effect.Effect<A, XE, R>
  ): Effect.Effect<Fiber.Fiber<A, XE>, E, R>
} = effectLast(
  2,
  <E, A, XE extends E, R>(self: Group<E>, effect: Effect.Effect<A, XE, R>) =>
    Effect.withFiber((fiber) => impl(self).start(fiber, effect, (child) => Effect.succeed(child)))
)

/**
 * Suspends until no child runs and no `go` is pending, and then fails as the first child that failed, if one did.
 *
 * **Details**
 *
 * The failure has that child's cause exactly; a defect is a defect here too, with its stack (G1, G7). Other failures
 * are in `failures`. Every child has ended, its finalizers included, when `wait` returns (G2). May be called any number
 * of times, and an open group goes on to take children.
 *
 * A child that calls it waits for the other children, except those that wait likewise. A fiber that a child has forked,
 * as `Effect.timeout` does, would wait for that child.
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
 * Never suspends. Raising it starts pending children in a turn of the event loop that is requested now (G8), lowering
 * it stops nobody (G5). O(1) plus the children it starts.
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
  (limit: number | "unbounded"): <E>(self: Group<E>) => Effect.Effect<void>
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
 * An interrupt while it waits stops the waiting only. A second call waits again. A child that calls it is interrupted
 * with the others; the body of `scoped` is no child, and goes on.
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
      group.close(fiber.id)
      return group.awaitQuiet(fiber, "end", restore)
    })
  )

/**
 * Returns how children failed so far: the first failure, then the later ones, in order. A plain, synchronous copy.
 *
 * **Details**
 *
 * After the first failure the others are interrupted; those that only were are not here, those that failed on the way
 * out are, and so is what the body of `scoped` dies of, interrupted by a child's failure.
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
 * Tells what the group is doing now: a plain, synchronous snapshot. O(1).
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
