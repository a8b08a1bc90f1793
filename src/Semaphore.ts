/**
 * A weighted semaphore with strictly fair, first-come-first-served admission.
 *
 * It bounds anything that can be counted: connections, bytes, requests in flight. Permits are held while an effect runs
 * or a scope is open. Its laws are numbered S1 to S10, here and in `docs/semaphore.md`.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual, identity } from "effect/Function"
import * as Layer from "effect/Layer"
import type { Option } from "effect/Option"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { checkInteger, effectLast } from "./internal/args.js"
import { observe, type Observer } from "./internal/Observers.js"
import type { CapacityExceeded } from "./internal/semaphore/errors.js"
import { useAll } from "./internal/semaphore/Joint.js"
import { KeyedPermits, OfKey } from "./internal/semaphore/Keyed.js"
import { type Keyed, type KeyedStats, type Semaphore, type Stats, TypeId } from "./internal/semaphore/model.js"
import { Permits } from "./internal/semaphore/Permits.js"
import type { SemaphoreService } from "./internal/semaphore/service.js"

export { CapacityExceeded } from "./internal/semaphore/errors.js"
export type { Keyed, KeyedStats, Semaphore, Stats } from "./internal/semaphore/model.js"
export type { SemaphoreService } from "./internal/semaphore/service.js"

/**
 * How a semaphore is made. Every option may be left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Names the semaphore in logs, in the debugger, in metrics and in spans. Default: none; metrics and spans then say
   * `semaphore`.
   */
  readonly name?: string | undefined
  /**
   * Watchers of the waits and the rejected requests: `Watch.metrics()` and `Watch.spans()`. Default: none. Anything but
   * an array of these is a defect; the functions whose name ends in `Unsafe` throw.
   */
  readonly watch?: ReadonlyArray<Observer> | undefined
}

// The interface hides the state. These two implement it.

const impl = (self: Semaphore): Permits | OfKey<unknown> => self as Permits | OfKey<unknown>

const makeImpl = (
  where: string,
  capacity: number,
  { name, watch }: Options,
  context: Context.Context<never>,
  argument = "capacity"
): Permits => {
  const error = checkInteger(`Semaphore.${where}`, argument, capacity)
  if (error) throw error
  return new Permits(capacity, name, observe(`Semaphore.${where}`, watch, { kind: "semaphore", name, context }))
}

const checkPermits = (where: string, permits: number): RangeError | undefined =>
  checkInteger(`Semaphore.${where}`, "permits", permits)

/**
 * Returns whether a value is a `Semaphore`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSemaphore = (u: unknown): u is Semaphore => hasProperty(u, TypeId)

/**
 * Creates a semaphore outside of an effect. `capacity` is an integer >= 0; anything else throws a `RangeError`.
 *
 * **Example** (A semaphore shared by a module)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const connections = Semaphore.makeUnsafe(2, { name: "connections" })
 * const query = (n: number) => Semaphore.withPermit(connections, Effect.succeed(n * n))
 *
 * console.log(await Effect.runPromise(Effect.all([query(1), query(2), query(3)], { concurrency: "unbounded" })))
 * // => [ 1, 4, 9 ]
 * ```
 *
 * @see {@link make} for the same as an effect
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = (capacity: number, options: Options = {}): Semaphore =>
  makeImpl("makeUnsafe", capacity, options, Context.empty())

/**
 * Creates a semaphore that has `capacity` permits, an integer >= 0. Anything else is a defect.
 *
 * **When to use**
 *
 * Use for anything that many fibers share and that can be counted. To bound the fibers themselves, `Group` has a limit.
 *
 * **Example** (Never more than two at a time)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const semaphore = yield* Semaphore.make(2)
 *   let running = 0
 *   let most = 0
 *   const job = Effect.gen(function*() {
 *     most = Math.max(most, ++running)
 *     yield* Effect.yieldNow
 *     running--
 *   })
 *   yield* Effect.all(Array.from({ length: 10 }, () => Semaphore.withPermit(semaphore, job)), {
 *     concurrency: "unbounded"
 *   })
 *   console.log(most) // => 2
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @see {@link makeUnsafe} for the same outside of an effect
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  capacity: number,
  options: Options = {}
): Effect.Effect<Semaphore> =>
  Effect.withFiber(({ context }) => Effect.sync(() => makeImpl("make", capacity, options, context)))

/**
 * Runs an effect with one permit, and returns the permit when the effect ends, however it ends.
 *
 * **Details**
 *
 * Suspends until every earlier request has been granted and a permit is free. An interrupt while it waits gives up its
 * place; nothing is lost. Fails only as the effect fails. O(1).
 *
 * **Gotchas**
 *
 * On a semaphore with a capacity of 0 it dies with `CapacityExceeded`, immediately or after a `resize` to 0 (S4).
 * Not reentrant: an effect that holds the last permit and asks for another one waits for itself.
 *
 * **Example** (A critical section)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * let balance = 0
 * const deposit = Effect.gen(function*() {
 *   const before = balance
 *   yield* Effect.yieldNow
 *   balance = before + 1
 * })
 *
 * const program = Effect.gen(function*() {
 *   const mutex = yield* Semaphore.make(1)
 *   yield* Effect.all(Array.from({ length: 5 }, () => deposit.pipe(Semaphore.withPermit(mutex))), {
 *     concurrency: "unbounded"
 *   })
 *   console.log(balance) // => 5
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @see {@link withPermits} for a request with a weight
 * @category combinators
 * @since 0.1.0
 */
export const withPermit: {
  /**
   * Returns a function that runs an effect with one permit, and returns the permit when the effect ends, however it
   * ends.
   *
   * Suspends until every earlier request has been granted and a permit is free. An interrupt while it waits gives up
   * its place; nothing is lost. Returns the effect's value, and fails only as the effect fails. On a semaphore with a
   * capacity of 0 it dies with `CapacityExceeded`. Not reentrant: an effect that holds the last permit and asks for
   * another one waits for itself.
   */
  (self: Semaphore): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect with one permit, and returns the permit when the effect ends, however it ends.
   *
   * Suspends until every earlier request has been granted and a permit is free. An interrupt while it waits gives up
   * its place; nothing is lost. Returns the effect's value, and fails only as the effect fails. On a semaphore with a
   * capacity of 0 it dies with `CapacityExceeded`. Not reentrant: an effect that holds the last permit and asks for
   * another one waits for itself.
   */
  <A, E, R>(self: Semaphore, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
} = effectLast(
  2,
  <A, E, R>(self: Semaphore, effect: Effect.Effect<A, E, R>) => self.withPermit(effect)
)

/**
 * Runs an effect with `permits` permits, and returns them when the effect ends, however it ends.
 *
 * **Details**
 *
 * Suspends until every earlier request has been granted and that many permits are free: a small request never overtakes
 * a large one, so none starves (S2). An interrupt while it waits gives up its place; nothing is lost (S3).
 *
 * Fails with `CapacityExceeded` when `permits` is more than the capacity, at once or when a `resize` makes it so (S4).
 * A request for 0 permits waits its turn and takes nothing. Anything but an integer >= 0 is a defect. O(1).
 *
 * **Example** (A budget in bytes)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const memory = Semaphore.makeUnsafe(1_000_000)
 * const load = (bytes: number) => Effect.succeed(`${bytes} bytes`).pipe(Semaphore.withPermits(memory, bytes))
 *
 * console.log(await Effect.runPromise(load(600_000))) // => 600000 bytes
 * const error = await Effect.runPromise(Effect.flip(load(2_000_000)))
 * console.log(error._tag) // => CapacityExceeded
 * ```
 *
 * @see {@link tryWithPermits} for an attempt that never waits
 * @see {@link acquire} for holding permits until a scope closes
 * @category combinators
 * @since 0.1.0
 */
export const withPermits: {
  /**
   * Returns a function that runs an effect with `permits` permits, and returns them when the effect ends, however it
   * ends.
   *
   * Suspends until every earlier request has been granted and that many permits are free: a small request never
   * overtakes a large one. An interrupt while it waits gives up its place; nothing is lost. Returns the effect's value.
   * Fails as the effect fails, or with `CapacityExceeded` when `permits` is more than the capacity, at once or when a
   * `resize` makes it so. A request for 0 permits waits its turn and takes nothing. Anything but an integer >= 0 is a
   * defect.
   */
  (
    self: Semaphore,
    permits: number
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CapacityExceeded, R>
  /**
   * Runs an effect with `permits` permits, and returns them when the effect ends, however it ends.
   *
   * Suspends until every earlier request has been granted and that many permits are free: a small request never
   * overtakes a large one. An interrupt while it waits gives up its place; nothing is lost. Returns the effect's value.
   * Fails as the effect fails, or with `CapacityExceeded` when `permits` is more than the capacity, at once or when a
   * `resize` makes it so. A request for 0 permits waits its turn and takes nothing. Anything but an integer >= 0 is a
   * defect.
   */
  <A, E, R>(
    self: Semaphore,
    permits: number,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | CapacityExceeded, R>
} = effectLast(
  3,
  <A, E, R>(self: Semaphore, permits: number, effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const invalid = checkPermits("withPermits", permits)
      return invalid ? Effect.die(invalid) : impl(self).use(permits, effect, identity)
    })
)

/**
 * Runs an effect with `permits` permits when they are free now, and returns its value in a `Some`. Returns `None`, and
 * runs nothing, when it would have to wait or when `permits` is more than the capacity.
 *
 * **Details**
 *
 * Never suspends for a permit. It does not overtake: while anyone waits it returns `None`, even if the permits it wants
 * are free (S2). Fails only as the effect fails. Anything but an integer >= 0 is a defect. O(1).
 *
 * **Example** (Shedding load)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const semaphore = yield* Semaphore.make(1)
 *   const request = Effect.succeed("served").pipe(
 *     Semaphore.tryWithPermits(semaphore, 1),
 *     Effect.map(Option.getOrElse(() => "503 busy"))
 *   )
 *   console.log(yield* request) // => served
 *   console.log(yield* Semaphore.withPermit(semaphore, request)) // => 503 busy
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const tryWithPermits: {
  /**
   * Returns a function that runs an effect with `permits` permits if they are free now.
   *
   * Never suspends for a permit. Returns the effect's value in a `Some`. Returns `None`, and runs nothing, when it
   * would have to wait, when anyone else waits, or when `permits` is more than the capacity. Fails only as the effect
   * fails. Anything but an integer >= 0 is a defect.
   */
  (
    self: Semaphore,
    permits: number
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option<A>, E, R>
  /**
   * Runs an effect with `permits` permits if they are free now.
   *
   * Never suspends for a permit. Returns the effect's value in a `Some`. Returns `None`, and runs nothing, when it
   * would have to wait, when anyone else waits, or when `permits` is more than the capacity. Fails only as the effect
   * fails. Anything but an integer >= 0 is a defect.
   */
  <A, E, R>(self: Semaphore, permits: number, effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R>
} = effectLast(
  3,
  <A, E, R>(self: Semaphore, permits: number, effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const invalid = checkPermits("tryWithPermits", permits)
      return invalid ? Effect.die(invalid) : impl(self).tryUse(permits, effect)
    })
)

/**
 * The name that Effect's semaphores have for `tryWithPermits`: runs an effect with `permits` permits if they are free
 * now.
 *
 * **Details**
 *
 * Never suspends for a permit. Returns the effect's value in a `Some`. Returns `None`, and runs nothing, when it would
 * have to wait, when anyone else waits, or when `permits` is more than the capacity. Fails only as the effect fails.
 * Anything but an integer >= 0 is a defect.
 *
 * **Example** (Doing without)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const semaphore = yield* Semaphore.make(1)
 *   const none = yield* semaphore.withPermit(Semaphore.withPermitsIfAvailable(semaphore, 1, Effect.void))
 *   console.log(none._tag) // => None
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withPermitsIfAvailable = tryWithPermits

/**
 * Runs an effect with permits of several semaphores, taken in one step, and returns them when the effect ends, however
 * it ends.
 *
 * **When to use**
 *
 * Use for work that needs permits of several semaphores, such as memory and a connection. Nested calls of `withPermits`
 * hold the first while they wait for the second: two that nest in different orders wait for each other, without end.
 *
 * **Details**
 *
 * Suspends until the request is the first in line at each semaphore and every one has enough permits free: all are
 * taken then, or none (S8). It joins all lines in one step, so requests never wait for each other in a circle, whatever
 * the order of the list. An interrupt while it waits gives up its places; nothing is lost (S3).
 *
 * Fails with `CapacityExceeded` when it asks for more than one of them has in all, at once or when a `resize` makes it
 * so (S4). A semaphore that occurs twice is asked for the sum; with an empty list the effect just runs. Anything but
 * integers >= 0 is a defect. O(k) for k semaphores.
 *
 * **Gotchas**
 *
 * Strict fairness has a price: while a joint request is first in line at one semaphore and waits for another, requests
 * behind it wait, though the first one has permits free.
 *
 * **Example** (Memory and a connection)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const memory = Semaphore.makeUnsafe(1_000)
 * const connections = Semaphore.makeUnsafe(2)
 *
 * const load = (bytes: number) =>
 *   Effect.sync(() => Semaphore.stats(memory).held).pipe(Semaphore.withAll([[memory, bytes], [connections, 1]]))
 *
 * console.log(await Effect.runPromise(Effect.all([load(600), load(700)], { concurrency: 2 }))) // => [ 600, 700 ]
 * ```
 *
 * @see {@link withPermits} for one semaphore
 * @category combinators
 * @since 0.1.0
 */
export const withAll: {
  /**
   * Returns a function that runs an effect with permits of several semaphores, taken in one step, and returns them when
   * the effect ends, however it ends.
   *
   * Suspends until the request is first in line at each semaphore and every one has enough permits free: all are taken
   * then, or none. It joins all lines in one step, so the order of the list does not matter. An interrupt while it
   * waits gives up its places; nothing is lost. Returns the effect's value. Fails as the effect fails, or with
   * `CapacityExceeded` when it asks one semaphore for more than its capacity, at once or when a `resize` makes it so. A
   * semaphore that occurs twice is asked for the sum. Anything but integers >= 0 is a defect.
   */
  (
    requests: ReadonlyArray<readonly [self: Semaphore, permits: number]>
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CapacityExceeded, R>
  /**
   * Runs an effect with permits of several semaphores, taken in one step, and returns them when the effect ends,
   * however it ends.
   *
   * Suspends until the request is first in line at each semaphore and every one has enough permits free: all are taken
   * then, or none. It joins all lines in one step, so the order of the list does not matter. An interrupt while it
   * waits gives up its places; nothing is lost. Returns the effect's value. Fails as the effect fails, or with
   * `CapacityExceeded` when it asks one semaphore for more than its capacity, at once or when a `resize` makes it so. A
   * semaphore that occurs twice is asked for the sum. Anything but integers >= 0 is a defect.
   */
  <A, E, R>(
    requests: ReadonlyArray<readonly [self: Semaphore, permits: number]>,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | CapacityExceeded, R>
} = effectLast(
  2,
  <A, E, R>(
    requests: ReadonlyArray<readonly [self: Semaphore, permits: number]>,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | CapacityExceeded, R> =>
    Effect.suspend(() => {
      for (const [, permits] of requests) {
        const invalid = checkPermits("withAll", permits)
        if (invalid) return Effect.die(invalid)
      }
      return useAll(requests.map(([self, permits]) => [impl(self), permits]), effect)
    })
)

/**
 * Takes `permits` permits and holds them until the scope closes.
 *
 * **Details**
 *
 * Suspends until every earlier request has been granted and that many permits are free. An interrupt while it waits
 * gives up its place. Taking the permits and leaving them to the scope is one step that no interrupt can divide. Fails
 * with `CapacityExceeded` when `permits` is more than the capacity, at once or when a `resize` makes it so (S4).
 * Anything but an integer >= 0 is a defect. O(1).
 *
 * **Example** (Permits that live as long as a resource)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const sockets = yield* Semaphore.make(3)
 *   yield* Effect.scoped(Effect.gen(function*() {
 *     yield* Semaphore.acquire(sockets, 2)
 *     console.log(Semaphore.stats(sockets).available) // => 1
 *   }))
 *   console.log(Semaphore.stats(sockets).available) // => 3
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @see {@link tryAcquire} for an attempt that never waits
 * @category scoped
 * @since 0.1.0
 */
export const acquire: {
  /**
   * Returns a function that takes `permits` permits of a semaphore, and holds them until the scope closes.
   *
   * Suspends until every earlier request has been granted and that many permits are free. An interrupt while it waits
   * gives up its place; nothing is lost. Fails with `CapacityExceeded` when `permits` is more than the capacity, at
   * once or when a `resize` makes it so. A request for 0 permits waits its turn and takes nothing. Anything but an
   * integer >= 0 is a defect.
   */
  (permits: number): (self: Semaphore) => Effect.Effect<void, CapacityExceeded, Scope.Scope>
  /**
   * Takes `permits` permits, and holds them until the scope closes.
   *
   * Suspends until every earlier request has been granted and that many permits are free. An interrupt while it waits
   * gives up its place; nothing is lost. Fails with `CapacityExceeded` when `permits` is more than the capacity, at
   * once or when a `resize` makes it so. A request for 0 permits waits its turn and takes nothing. Anything but an
   * integer >= 0 is a defect.
   */
  (self: Semaphore, permits: number): Effect.Effect<void, CapacityExceeded, Scope.Scope>
} = /* @__PURE__ */ dual(
  2,
  (self: Semaphore, permits: number) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.scope, (scope) => {
        const invalid = checkPermits("acquire", permits)
        if (invalid) return Effect.die(invalid)
        return impl(self).acquire(permits, scope, restore)
      })
    )
)

/**
 * Takes `permits` permits and holds them until the scope closes, as `acquire`, but without an error: a request for more
 * than the capacity dies with `CapacityExceeded`. Effect's semaphores have a function of this name.
 *
 * **Example** (A permit for a scope)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const semaphore = yield* Semaphore.make(2)
 *   yield* Effect.scoped(Effect.gen(function*() {
 *     yield* Semaphore.takeScoped(semaphore, 1)
 *     console.log(Semaphore.stats(semaphore).available) // => 1
 *   }))
 *   console.log(Semaphore.stats(semaphore).available) // => 2
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @see {@link acquire} which fails with `CapacityExceeded`
 * @category scoped
 * @since 0.1.0
 */
export const takeScoped: {
  /**
   * Returns a function that takes `permits` permits of a semaphore, and holds them until the scope closes.
   *
   * Suspends until every earlier request has been granted and that many permits are free. An interrupt while it waits
   * gives up its place; nothing is lost. Never fails. Dies with `CapacityExceeded` when `permits` is more than the
   * capacity, at once or when a `resize` makes it so. Anything but an integer >= 0 is a defect.
   */
  (permits: number): (self: Semaphore) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Takes `permits` permits, and holds them until the scope closes.
   *
   * Suspends until every earlier request has been granted and that many permits are free. An interrupt while it waits
   * gives up its place; nothing is lost. Never fails. Dies with `CapacityExceeded` when `permits` is more than the
   * capacity, at once or when a `resize` makes it so. Anything but an integer >= 0 is a defect.
   */
  (self: Semaphore, permits: number): Effect.Effect<void, never, Scope.Scope>
} = /* @__PURE__ */ dual(2, (self: Semaphore, permits: number) => self.takeScoped(permits))

/**
 * Takes `permits` permits, to hold until the scope closes, and returns true, when they are free now. Returns false, and
 * takes nothing, when it would have to wait or when `permits` is more than the capacity.
 *
 * **Details**
 *
 * Never suspends, and does not overtake: while anyone waits it returns false (S2). Anything but an integer >= 0 is a
 * defect. O(1).
 *
 * **Example** (Taking what is left)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const semaphore = yield* Semaphore.make(3)
 *   console.log(yield* Semaphore.tryAcquire(semaphore, 2)) // => true
 *   console.log(yield* Semaphore.tryAcquire(semaphore, 2)) // => false
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category scoped
 * @since 0.1.0
 */
export const tryAcquire: {
  /**
   * Returns a function that takes `permits` permits of a semaphore if they are free now, and holds them until the scope
   * closes.
   *
   * Never suspends, never fails. Returns true when the permits were taken. Returns false, and takes nothing, when it
   * would have to wait, when anyone else waits, or when `permits` is more than the capacity. Anything but an integer >=
   * 0 is a defect.
   */
  (permits: number): (self: Semaphore) => Effect.Effect<boolean, never, Scope.Scope>
  /**
   * Takes `permits` permits if they are free now, and holds them until the scope closes.
   *
   * Never suspends, never fails. Returns true when the permits were taken. Returns false, and takes nothing, when it
   * would have to wait, when anyone else waits, or when `permits` is more than the capacity. Anything but an integer >=
   * 0 is a defect.
   */
  (self: Semaphore, permits: number): Effect.Effect<boolean, never, Scope.Scope>
} = /* @__PURE__ */ dual(2, (self: Semaphore, permits: number) =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.scope, (scope) => {
      const invalid = checkPermits("tryAcquire", permits)
      if (invalid) return Effect.die(invalid)
      return impl(self).tryAcquire(permits, scope)
    })
  ))

/**
 * How a keyed semaphore is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyedOptions<in K> extends Options {
  /**
   * How many permits each key has: an integer >= 0, or a pure function of the key. The function is called when a key
   * comes into use. Required. Anything that is neither is a defect, and `makeKeyedUnsafe` throws. A function that
   * returns anything but an integer >= 0 makes the request for that key die.
   */
  readonly permits: number | ((key: K) => number)
}

// The interface hides the state, and KeyedPermits is its only implementation.
// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
const keyedImpl = <K>(self: Keyed<K>): KeyedPermits<K> => self as KeyedPermits<K>

const makeKeyedImpl = <K>(
  where: string,
  { name, permits, watch }: KeyedOptions<K>,
  context: Context.Context<never>
): KeyedPermits<K> => {
  const from = `Semaphore.${where}`
  return new KeyedPermits(from, permits, name, observe(from, watch, { kind: "semaphore", name, context }))
}

/**
 * Creates a keyed semaphore outside of an effect, as `makeKeyed` does. `permits` that is neither an integer >= 0 nor a
 * function throws a `RangeError`.
 *
 * **Example** (One upload per user)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const uploads = Semaphore.makeKeyedUnsafe<string>({ permits: 1, name: "uploads" })
 * const upload = (user: string) =>
 *   Semaphore.withPermit(Semaphore.forKey(uploads, user), Effect.succeed(`${user}: done`))
 *
 * console.log(await Effect.runPromise(upload("ada"))) // => ada: done
 * ```
 *
 * @see {@link makeKeyed} for the same as an effect
 * @category constructors
 * @since 0.1.0
 */
export const makeKeyedUnsafe = <K>(options: KeyedOptions<K>): Keyed<K> =>
  makeKeyedImpl("makeKeyedUnsafe", options, Context.empty())

/**
 * Creates a semaphore for each key: of a tenant, a host, an account. `forKey` is the semaphore of one key.
 *
 * **When to use**
 *
 * Use for limits by key without a pool, and for a mutual exclusion by key.
 *
 * **Details**
 *
 * Keys never wait for each other, and each has a semaphore of its own, for which S1 to S8 hold (S9). A key takes no
 * memory while no one holds its permits or waits for them (S10). Keys are compared as in a `Map`, as a pool's keys are.
 *
 * `permits` that is neither an integer >= 0 nor a function is a defect. If the function returns anything else, a
 * request for that key dies and changes nothing.
 *
 * **Example** (Two requests a host)
 *
 * ```ts
 * import { Effect, Fiber } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const hosts = yield* Semaphore.makeKeyed({ permits: (host: string) => host === "localhost" ? 100 : 2 })
 *   const fetchFrom = (host: string) => Semaphore.withPermit(Semaphore.forKey(hosts, host), Effect.yieldNow)
 *
 *   const requests = ["a.org", "a.org", "a.org", "b.org"].map(fetchFrom)
 *   const all = yield* Effect.forkChild(Effect.all(requests, { concurrency: "unbounded" }), { startImmediately: true })
 *   console.log(Semaphore.stats(hosts)) // => { keys: 2, capacity: 4, held: 3, waiting: 1 }
 *   yield* Fiber.join(all)
 *   console.log(Semaphore.stats(hosts)) // => { keys: 0, capacity: 0, held: 0, waiting: 0 }
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @see {@link forKey} for the semaphore of a key
 * @category constructors
 * @since 0.1.0
 */
export const makeKeyed = <K>(options: KeyedOptions<K>): Effect.Effect<Keyed<K>> =>
  Effect.withFiber(({ context }) => Effect.sync(() => makeKeyedImpl("makeKeyed", options, context)))

/**
 * Returns the semaphore of one key, for every operation but `resize`.
 *
 * **Details**
 *
 * The result is a view: two of the same key share their permits (S9), and none of them keeps the key's memory (S10).
 * O(1).
 *
 * **Gotchas**
 *
 * `resize` is a defect on this semaphore: `makeKeyed` decides the permits of a key, and a key that is not in use has
 * nothing to resize.
 *
 * **Example** (A tenant's share, together with a connection)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const tenants = Semaphore.makeKeyedUnsafe<string>({ permits: 2 })
 * const connections = Semaphore.makeUnsafe(10)
 *
 * const query = (tenant: string) =>
 *   Effect.sync(() => Semaphore.stats(Semaphore.forKey(tenants, tenant)).held).pipe(
 *     Semaphore.withAll([[Semaphore.forKey(tenants, tenant), 1], [connections, 1]])
 *   )
 *
 * console.log(await Effect.runPromise(query("ada"))) // => 1
 * ```
 *
 * @see {@link makeKeyed} for a semaphore for each key
 * @category combinators
 * @since 0.1.0
 */
export const forKey: {
  /**
   * Returns a function that returns the semaphore of this key.
   *
   * The result is a view: two views of one key share their permits, and none of them keeps the key's memory. Never
   * fails. Every operation works on the view, except `resize`, which is a defect. Keys are compared as in a `Map`.
   * O(1).
   */
  <K>(key: K): (self: Keyed<K>) => Semaphore
  /**
   * Returns the semaphore of this key.
   *
   * The result is a view: two views of one key share their permits, and none of them keeps the key's memory. Never
   * fails. Every operation works on the view, except `resize`, which is a defect. Keys are compared as in a `Map`.
   * O(1).
   */
  <K>(self: Keyed<K>, key: K): Semaphore
} = /* @__PURE__ */ dual(2, <K>(self: Keyed<K>, key: K): Semaphore => new OfKey(keyedImpl(self), key))

/**
 * Changes the capacity, an integer >= 0, while the semaphore is in use. Anything else is a defect.
 *
 * **Details**
 *
 * Never suspends and never revokes a permit. Growing admits waiters in a turn of the event loop that is requested now
 * (S7). After a shrink below the permits that are held, nothing is granted until enough have been returned (S1), and
 * requests that became impossible fail with `CapacityExceeded` (S4).
 *
 * O(1) plus the waiters it admits; a shrink also looks at each waiter once.
 *
 * **Example** (A limit that follows the load)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const semaphore = yield* Semaphore.make(2)
 *   yield* Semaphore.acquire(semaphore, 2)
 *   yield* Semaphore.resize(semaphore, 1)
 *   console.log(Semaphore.stats(semaphore)) // => { capacity: 1, held: 2, available: -1, waiting: 0 }
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const resize: {
  /**
   * Returns a function that changes the capacity of a semaphore.
   *
   * Never suspends, never fails, and revokes no permit. Growing admits waiters in a turn of the event loop that is
   * requested now. After a shrink below the permits that are held, nothing is granted until enough have been returned,
   * and requests that became impossible fail with `CapacityExceeded`. `capacity` is an integer >= 0; anything else is a
   * defect. The semaphore of a key cannot be resized: there it is a defect.
   */
  (capacity: number): (self: Semaphore) => Effect.Effect<void>
  /**
   * Changes the capacity of a semaphore.
   *
   * Never suspends, never fails, and revokes no permit. Growing admits waiters in a turn of the event loop that is
   * requested now. After a shrink below the permits that are held, nothing is granted until enough have been returned,
   * and requests that became impossible fail with `CapacityExceeded`. `capacity` is an integer >= 0; anything else is a
   * defect. The semaphore of a key cannot be resized: there it is a defect.
   */
  (self: Semaphore, capacity: number): Effect.Effect<void>
} = /* @__PURE__ */ dual(2, (self: Semaphore, capacity: number) => self.resize(capacity))

/**
 * Returns what the semaphore holds now: a plain, synchronous snapshot. O(1); for a keyed semaphore, O(keys in use).
 *
 * **Example** (Looking at a semaphore)
 *
 * ```ts
 * import { Semaphore } from "sluice"
 *
 * console.log(Semaphore.stats(Semaphore.makeUnsafe(4))) // => { capacity: 4, held: 0, available: 4, waiting: 0 }
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const stats: {
  /**
   * Returns how many keys are in use, and the sums over them: a plain, synchronous snapshot. Never fails. O(keys in
   * use).
   */
  (self: Keyed<never>): KeyedStats
  /** Returns what the semaphore holds now: a plain, synchronous snapshot. Never fails. O(1). */
  (self: Semaphore): Stats
} = (self: Semaphore | Keyed<never>): Stats & KeyedStats =>
  // Each of the two returns its own.
  (self as Permits | OfKey<unknown> | KeyedPermits<never>).stats() as Stats & KeyedStats

/**
 * How the semaphore of a layer is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions extends Options {
  /**
   * The capacity: how many permits the semaphore has, an integer >= 0. Required. Anything else is a defect when the
   * layer is built.
   */
  readonly permits: number
}

const makeFor = (where: string, { permits, ...options }: LayerOptions): Effect.Effect<Semaphore> =>
  Effect.withFiber(({ context }) => Effect.sync(() => makeImpl(where, permits, options, context, "permits")))

/**
 * Makes the layer of a semaphore, for a key of your own. `permits` that is no integer >= 0 is a defect of the build.
 *
 * **Example** (A budget that several modules share)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * class Memory extends Context.Service<Memory, Semaphore.Semaphore>()("app/Memory") {}
 * const MemoryLive = Semaphore.layer(Memory, { permits: 1_000 })
 *
 * const program = Effect.flatMap(Memory, (memory) => Semaphore.withPermits(memory, 600, Effect.succeed("decoded")))
 * console.log(await Effect.runPromise(Effect.provide(program, MemoryLive))) // => decoded
 * ```
 *
 * @see {@link Service} for a class that has its layer and its operations
 * @see {@link layerConfig} for a number of permits from the environment
 * @category layers
 * @since 0.1.0
 */
export const layer = <Self>(key: Context.Key<Self, Semaphore>, options: LayerOptions): Layer.Layer<Self> =>
  Layer.effect(key, makeFor("layer", options))

/**
 * Makes the layer of a semaphore from a `Config` of its options. The build fails with a `ConfigError` if the config
 * does. `permits` that is no integer >= 0 is a defect of the build.
 *
 * **Example** (As many connections as the environment says)
 *
 * ```ts
 * import { Config, ConfigProvider, Context, Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * class Connections extends Context.Service<Connections, Semaphore.Semaphore>()("app/Connections") {}
 * const ConnectionsLive = Semaphore.layerConfig(
 *   Connections,
 *   Config.all({ permits: Config.Int("DB_CONNECTIONS").pipe(Config.withDefault(10)) })
 * )
 *
 * const program = Effect.map(Connections, (connections) => Semaphore.stats(connections).capacity)
 * const env = { DB_CONNECTIONS: "4" }
 * const configured = Effect.provide(program, ConnectionsLive).pipe(
 *   Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
 * )
 * console.log(await Effect.runPromise(configured)) // => 4
 * ```
 *
 * @see {@link layer} for options that are known
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = <Self>(
  key: Context.Key<Self, Semaphore>,
  config: Config.Config<LayerOptions>
): Layer.Layer<Self, Config.ConfigError> =>
  Layer.effect(key, Effect.flatMap(config, (options) => makeFor("layerConfig", options)))

/**
 * Makes a class that is a semaphore as a service: the key, its layer, and its operations.
 *
 * **When to use**
 *
 * Use for a semaphore that several modules share.
 *
 * **Details**
 *
 * `Memory.withPermits(n)` runs an effect with permits of the semaphore of `Memory.layer`; `withPermit`,
 * `tryWithPermits`, `acquire` and `stats` likewise. For all other operations `yield* Memory` is the semaphore itself.
 * `permits` that is no integer >= 0 is a defect of the layer's build.
 *
 * **Example** (A budget as a service)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 *
 * class Memory extends Semaphore.Service<Memory>()("app/Memory", { permits: 1_000, name: "memory" }) {}
 *
 * const program = Effect.succeed("decoded").pipe(Memory.withPermits(600))
 * console.log(await Effect.runPromise(Effect.provide(program, Memory.layer))) // => decoded
 * ```
 *
 * @see {@link layer} for a key of your own
 * @category layers
 * @since 0.1.0
 */
export const Service =
  <Self>() => <const Id extends string>(id: Id, options: LayerOptions): SemaphoreService<Self, Id> => {
    const key = Context.Service<Self, Semaphore>()(id)
    return Object.assign(key, {
      layer: Layer.effect(key, makeFor(`Service ${JSON.stringify(id)}`, options)),
      withPermit: <A, E, R>(effect: Effect.Effect<A, E, R>) => key.use((self) => withPermit(self, effect)),
      withPermits: (permits: number) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        key.use((self) => withPermits(self, permits, effect)),
      tryWithPermits: (permits: number) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        key.use((self) => tryWithPermits(self, permits, effect)),
      acquire: (permits: number) => key.use((self) => acquire(self, permits)),
      stats: key.useSync((self) => stats(self))
    })
  }
