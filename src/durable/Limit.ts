/**
 * A limit on concurrent work that holds across processes, with leases and fencing tokens. Its state is in Redis or
 * PostgreSQL: see `LimitStore`.
 *
 * Its laws are numbered F1 to F7, here and in `docs/limits.md`.
 *
 * - **F1.** By the store's clock, the permits of leases that are not over never exceed the limit.
 * - **F2.** Permits are granted in the order of arrival. A dead waiter holds up the line for at most a lease.
 * - **F3.** The permits of an effect that ends or is interrupted return at once; of a killed process, after a lease.
 * - **F4.** A request for more than the limit fails at once.
 * - **F5.** Permits belong to an effect.
 * - **F6.** Each grant has a token that is greater than the tokens of all grants of that limit before.
 * - **F7.** An effect whose lease cannot be renewed is interrupted before the lease is over.
 *
 * Experimental: it stands on modules that Effect calls unstable, and needs `effect` 4.1.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import { checkInteger, checkMillis, effectLast, invalid } from "../internal/args.js"
import type { StoreError } from "../internal/durable/errors.js"
import type { LeaseLost, LimitExceeded } from "../internal/durable/limit/errors.js"
import { type Lease, type Limit, type LimitStore, TypeId } from "../internal/durable/limit/model.js"
import { use } from "../internal/durable/limit/use.js"
import { observeBy } from "../internal/durable/limit/Uses.js"
import { longest } from "../internal/durable/longest.js"
import { aName, isName } from "../internal/durable/names.js"
import { checkObservers, observe, type Observer } from "../internal/Observers.js"

export { StoreError } from "../internal/durable/errors.js"
export { LeaseLost, LimitExceeded } from "../internal/durable/limit/errors.js"
export type { Lease, Limit } from "../internal/durable/limit/model.js"

/**
 * How a limit is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many permits there are in all, over all processes: an integer >= 0. Required. Anything else throws. If two
   * processes say different numbers, as while a new version is deployed, the number of the newest request counts.
   */
  readonly permits: number
  /**
   * How long a permit is kept without a renewal: 10 milliseconds to 100 years. Default: 30 seconds. Anything else
   * throws. The permits of a killed process return after this time. A lease is renewed every third of it.
   */
  readonly lease?: Duration.Input | undefined
  /**
   * Counts the requests of this process (`Watch.metrics()`), and gives each a span (`Watch.spans()`), with the services
   * of the first request. Default: none. Anything else throws.
   */
  readonly watch?: ReadonlyArray<Observer> | undefined
}

/**
 * Returns whether a value is a `Limit`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isLimit = (u: unknown): u is Limit => hasProperty(u, TypeId)

const minLease = 10

/**
 * Describes a limit: a plain value, without state of its own. Limits with one name share their permits, in all
 * processes that have the same store. The name has 1 to 255 characters, without U+0000 and lone surrogates. A wrong
 * argument throws a `RangeError`.
 *
 * **When to use**
 *
 * Use for calls that all processes together may make. For the fibers of one process, `Semaphore` needs no store.
 *
 * **Example** (At most two calls over all processes)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Limit, LimitStore } from "sluice/durable"
 *
 * const billing = Limit.make("billing", { permits: 2, lease: "10 seconds" })
 * const charge = Limit.withPermit(billing, ({ token }) => Effect.succeed(`charged with token ${token}`))
 *
 * console.log(await Effect.runPromise(Effect.provide(charge, LimitStore.layerMemory))) // => charged with token 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string, options: Options): Limit => {
  if (!isName(name)) throw invalid("Limit.make", "name", aName, name)
  const error = checkInteger("Limit.make", "permits", options.permits)
  if (error) throw error
  const limit: Limit = {
    [TypeId]: TypeId,
    name,
    permits: options.permits,
    lease: checkMillis(
      "Limit.make",
      "lease",
      options.lease ?? "30 seconds",
      "a duration of 10 milliseconds to 100 years",
      (millis) => millis >= minLease && millis <= longest
    )
  }
  const { watch } = options
  if (watch !== undefined) {
    checkObservers("Limit.make", watch)
    observeBy(limit, (context) => observe("Limit.make", watch, { kind: "lease", name, context }))
  }
  return limit
}

/**
 * Runs an effect with `permits` permits of a limit, and gives them back when the effect ends, however it ends.
 *
 * **Details**
 *
 * Suspends until the permits are free and no earlier request waits for them (F2). An interrupt gives the place in the
 * line, or the permits, back at once (F3). Each call to the store is at most a sixth of a lease long.
 *
 * Fails as the effect fails, and
 *
 * - with `LimitExceeded` if `permits` is more than the limit, at once or after another process has made it smaller,
 * - with `LeaseLost` if the lease could not be renewed in time. The effect is interrupted first, and has ended (F7).
 *   A success means that the lease held until the effect's end.
 * - with `StoreError` if the store cannot be reached for the first time, or a waiter cannot reach it for a lease.
 *
 * Anything but an integer >= 0 is a defect. A request for 0 permits waits its turn and takes nothing. Without a wait it
 * costs two calls of the store.
 *
 * **Gotchas**
 *
 * A process that is frozen does not know that its lease is over. Pass the token to the resource that the effect writes
 * to, and let the resource refuse a token that is less than the greatest it has seen.
 *
 * **Example** (A write that a newer holder has made obsolete)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Limit, LimitStore } from "sluice/durable"
 *
 * const report = Limit.make("report", { permits: 1 })
 * const file = { token: 0, text: "" }
 * const write = (text: string) =>
 *   Limit.withPermits(report, 1)(({ token }) =>
 *     Effect.sync(() => {
 *       if (token < file.token) return "refused"
 *       Object.assign(file, { token, text })
 *       return "written"
 *     })
 *   )
 *
 * console.log(await Effect.runPromise(Effect.provide(write("first"), LimitStore.layerMemory))) // => written
 * ```
 *
 * @see {@link withPermit} for one permit
 * @category combinators
 * @since 0.1.0
 */
export const withPermits: {
  /**
   * Returns a function that runs an effect with `permits` permits of a limit, and gives them back when the effect ends,
   * however it ends.
   *
   * Suspends until the permits are free and no earlier request waits for them. An interrupt gives permits or place back
   * at once. Fails as the effect fails; with `LimitExceeded` if `permits` is more than the limit; with `LeaseLost`,
   * after the effect was interrupted, if the lease could not be renewed in time; with `StoreError` if the store
   * cannot be reached. Anything but an integer >= 0 is a defect.
   */
  (self: Limit, permits: number): <A, E, R>(
    body: (lease: Lease) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | LimitExceeded | LeaseLost | StoreError, R | LimitStore>
  /**
   * Runs an effect with `permits` permits of a limit, and gives them back when the effect ends, however it ends.
   *
   * Suspends until the permits are free and no earlier request waits for them. An interrupt gives permits or place back
   * at once. Fails as the effect fails; with `LimitExceeded` if `permits` is more than the limit; with `LeaseLost`,
   * after the effect was interrupted, if the lease could not be renewed in time; with `StoreError` if the store
   * cannot be reached. Anything but an integer >= 0 is a defect.
   */
  <A, E, R>(
    self: Limit,
    permits: number,
    body: (lease: Lease) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | LimitExceeded | LeaseLost | StoreError, R | LimitStore>
} = effectLast(
  3,
  <A, E, R>(self: Limit, permits: number, body: (lease: Lease) => Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const error = checkInteger("Limit.withPermits", "permits", permits)
      return error ? Effect.die(error) : use(self, permits, body)
    })
)

/**
 * Runs an effect with one permit of a limit, and gives it back when the effect ends, however it ends.
 *
 * **Details**
 *
 * As `withPermits` with 1: fails as the effect fails, with `LimitExceeded` if the limit is 0, with `LeaseLost`, or with
 * `StoreError`.
 *
 * **Example** (One process at a time)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Limit, LimitStore } from "sluice/durable"
 *
 * const nightly = Limit.make("nightly", { permits: 1 })
 * const job = Limit.withPermit(nightly, ({ permits }) => Effect.succeed(`runs with ${permits} permit`))
 *
 * console.log(await Effect.runPromise(Effect.provide(job, LimitStore.layerMemory))) // => runs with 1 permit
 * ```
 *
 * @see {@link withPermits} for several permits
 * @category combinators
 * @since 0.1.0
 */
export const withPermit: {
  /**
   * Returns a function that runs an effect with one permit of a limit, and gives it back when the effect ends, however
   * it ends.
   *
   * Suspends until a permit is free and no earlier request waits for it. An interrupt gives permit or place back at
   * once. Fails as the effect fails; with `LimitExceeded` if the limit is 0; with `LeaseLost`, after the effect was
   * interrupted, if the lease could not be renewed in time; with `StoreError` if the store cannot be reached.
   */
  (self: Limit): <A, E, R>(
    body: (lease: Lease) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | LimitExceeded | LeaseLost | StoreError, R | LimitStore>
  /**
   * Runs an effect with one permit of a limit, and gives it back when the effect ends, however it ends.
   *
   * Suspends until a permit is free and no earlier request waits for it. An interrupt gives permit or place back at
   * once. Fails as the effect fails; with `LimitExceeded` if the limit is 0; with `LeaseLost`, after the effect was
   * interrupted, if the lease could not be renewed in time; with `StoreError` if the store cannot be reached.
   */
  <A, E, R>(
    self: Limit,
    body: (lease: Lease) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | LimitExceeded | LeaseLost | StoreError, R | LimitStore>
} = effectLast(
  2,
  <A, E, R>(self: Limit, body: (lease: Lease) => Effect.Effect<A, E, R>) => use(self, 1, body)
)
