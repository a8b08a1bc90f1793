/**
 * A limit on how many calls run at a time. It finds its own value: by how long calls take, and by which of them say
 * that the server has too much to do. After Netflix's concurrency-limits, which took the idea from TCP.
 *
 * The laws it keeps are numbered A1 to A6, here and in `docs/adaptive-limit.md`.
 *
 * - **A1.** The limit is an integer, never below `min` and never above `max`.
 * - **A2.** A call that began while less than half the limit was in flight never raises it.
 * - **A3.** An overload lowers the limit immediately: by one at least, and to no less than `backoff` times what it was,
 *   rounded down.
 * - **A4.** One congestion lowers the limit once: calls that had begun when the limit was lowered neither lower it
 *   again nor raise it. So it falls by one `backoff` in a round trip.
 * - **A5.** However a call ends, and wherever an interrupt comes, its permit is returned and it is no longer in flight.
 * - **A6.** `onChange` is called for every change, once, in order, one at a time, by a call that has returned its
 *   permit.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { Option } from "effect/Option"
import { hasProperty } from "effect/Predicate"
import { Checks } from "./internal/adaptiveLimit/Checks.js"
import { Aimd, Gradient } from "./internal/adaptiveLimit/estimators.js"
import { Limit } from "./internal/adaptiveLimit/Limit.js"
import {
  type AdaptiveLimit,
  type Algorithm,
  type BoundsOptions,
  type Outcome,
  type Stats,
  TypeId
} from "./internal/adaptiveLimit/model.js"
import type { AdaptiveLimitService } from "./internal/adaptiveLimit/service.js"
import { StartingPoint } from "./internal/adaptiveLimit/StartingPoint.js"
import { effectLast, invalid, isCount } from "./internal/args.js"
import { observe, type Observer } from "./internal/Observers.js"

export type { AdaptiveLimit, Algorithm, BoundsOptions, Outcome, Stats } from "./internal/adaptiveLimit/model.js"
export type { AdaptiveLimitService } from "./internal/adaptiveLimit/service.js"

/**
 * How an adaptive limit is made. A wrong value is a defect; `makeUnsafe` throws it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How the limit is found: `AdaptiveLimit.aimd()` or `AdaptiveLimit.gradient()`. Required. */
  readonly algorithm: Algorithm
  /**
   * Says what the exit of a call means for the load. Default: `AdaptiveLimit.classify`. If it throws, or returns
   * anything but an `Outcome`, the call dies of that, and is ignored.
   */
  readonly classify?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
  /**
   * Is run with the new limit after each change, in order, one at a time (law A6), but not for the first limit.
   * Default: none. A failure of it is logged as an error, and changes nothing else.
   */
  readonly onChange?: ((limit: number) => Effect.Effect<void>) | undefined
  /**
   * Names the limit in logs, in the debugger, in metrics and in spans. Default: none; metrics and spans then say
   * `limit`.
   */
  readonly name?: string | undefined
  /**
   * Watchers of the limit's value, its calls and their waits: `Watch.metrics()` and `Watch.spans()`. Default: none.
   * Anything but an array of these is a defect.
   */
  readonly watch?: ReadonlyArray<Observer> | undefined
}

/**
 * The default for `classify`: says what an exit means for the load.
 *
 * **Details**
 *
 * - A success is a `"success"`.
 * - A `TimeoutError` among the failures is an `"overload"`: the call was late.
 * - Any other typed failure is a `"success"`: "not found" takes a server as long as a result does. If some of your
 *   failures mean "too busy", classify them as an `"overload"`.
 * - A defect is ignored, since a bug may come before the call was even made. An interrupt is ignored too: it says
 *   something about the caller only.
 *
 * **Example** (A server that says so)
 *
 * ```ts
 * import { Exit } from "effect"
 * import { AdaptiveLimit } from "sluice"
 *
 * const classify = (exit: Exit.Exit<unknown, unknown>) =>
 *   Exit.isSuccess(exit) && exit.value === 503 ? "overload" : AdaptiveLimit.classify(exit)
 *
 * console.log(classify(Exit.succeed(503)), classify(Exit.succeed(200)), classify(Exit.interrupt()))
 * // => overload success ignore
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const classify = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  const { cause } = exit
  if (cause.reasons.some((reason) => Cause.isFailReason(reason) && Cause.isTimeoutError(reason.error))) {
    return "overload"
  }
  return Cause.hasDies(cause) || Cause.hasInterrupts(cause) || !Cause.hasFails(cause) ? "ignore" : "success"
}

/**
 * The options of `AdaptiveLimit.aimd`. Every option may be left out. For a wrong value `aimd` throws a `RangeError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AimdOptions extends BoundsOptions {
  /** How much the limit grows in a round trip in which all is well: a number of calls > 0. Default: 1. */
  readonly increase?: number | undefined
  /**
   * The part of the limit that an overload leaves: a number > 0 and < 1. Default: 0.9. The limit falls by one at least.
   */
  readonly backoff?: number | undefined
  /**
   * A call that takes longer counts as an overload, however it ended: a duration > 0. Default: none, so that only
   * `classify` decides. It does not interrupt the call.
   */
  readonly timeout?: Duration.Input | undefined
}

/**
 * The options of `AdaptiveLimit.gradient`. Every option may be left out. For a wrong value `gradient` throws a
 * `RangeError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface GradientOptions extends BoundsOptions {
  /**
   * The part of the way to a new estimate that the limit goes in a round: a number > 0 and <= 1. Default: 0.2. An
   * overload leaves `1 - smoothing / 2` of the limit.
   */
  readonly smoothing?: number | undefined
  /**
   * The latency that counts as queueing, as a multiple of the latency with few calls in flight: a number >= 1 and < 2.
   * Default: 1.
   */
  readonly tolerance?: number | undefined
  /**
   * How much the estimate may exceed the limit while calls are fast: a number of calls > 0. Default: 4. This lets the
   * limit grow, and is about how many calls queue at the server.
   */
  readonly queue?: number | undefined
  /**
   * The number of turns after which the baseline is measured again: an integer >= 1. Default: 100. A turn is as many
   * calls as the limit, and at least 10.
   */
  readonly window?: number | undefined
}

// The interface hides the state, and Limit is its only implementation.
// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
const impl = (self: AdaptiveLimit): Limit => self as Limit

const makeImpl = (where: string, options: Options, context: Context.Context<never>): Limit => {
  const algorithm: unknown = options.algorithm
  if (!(algorithm instanceof StartingPoint)) {
    throw invalid(where, "algorithm", "of AdaptiveLimit.aimd or AdaptiveLimit.gradient", algorithm)
  }
  for (const argument of ["classify", "onChange"] as const) {
    const value: unknown = options[argument]
    if (value !== undefined && typeof value !== "function") throw invalid(where, argument, "a function", value)
  }
  const { name, watch } = options
  const observing = observe(where, watch, { kind: "limit", name, context })
  return new Limit(where, algorithm.start(), { ...options, classify: options.classify ?? classify }, observing)
}

/**
 * Returns whether a value is an `AdaptiveLimit`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAdaptiveLimit = (u: unknown): u is AdaptiveLimit => hasProperty(u, TypeId)

/**
 * Additive increase, multiplicative decrease, as in TCP: the limit grows by `increase` in each round trip in which it
 * is used, and falls to `backoff` times its value at an overload.
 *
 * **When to use**
 *
 * Use when overload shows: the server refuses, or responds later than a `timeout` that you can name. Without either the
 * limit only grows, up to `max`. Throws a `RangeError` for an option with a wrong value.
 *
 * **Example** (As many requests as are answered within 200 milliseconds)
 *
 * ```ts
 * import { AdaptiveLimit } from "sluice"
 *
 * const { initial, kind, max, min } = AdaptiveLimit.aimd({ max: 50, timeout: "200 millis" })
 * console.log(kind, { initial, min, max }) // => aimd { initial: 20, min: 1, max: 50 }
 * ```
 *
 * @see {@link gradient} when you cannot say how late is too late
 * @category constructors
 * @since 0.1.0
 */
export const aimd = (options: AimdOptions = {}): Algorithm => {
  const checks = new Checks("AdaptiveLimit.aimd")
  const bounds = checks.bounds(options)
  const resolved = {
    ...bounds,
    increase: checks.number("increase", options.increase, 1, "a number > 0", (n) => n > 0),
    backoff: checks.number("backoff", options.backoff, 0.9, "a number > 0 and < 1", (n) => n > 0 && n < 1),
    timeout: checks.millis("timeout", options.timeout)
  }
  return new StartingPoint("aimd", bounds, () => new Aimd(resolved))
}

/**
 * Compares two latencies: the latency of calls that fill the limit, and the baseline, the latency while few calls are
 * in flight. Holds the limit where a queue begins to form: at about `tolerance` times as many calls as the server can
 * serve at a time, plus `queue`.
 *
 * **When to use**
 *
 * Use when the server never refuses but only becomes slow, and you cannot name a time that is too long. Service times
 * may vary widely, as long as the mix of calls stays much the same. Throws a `RangeError` for an option with a wrong
 * value.
 *
 * **Details**
 *
 * The limit changes once a round. A round has as many calls as are needed to know a typical latency to a tenth, and at
 * least one turn of calls. The typical latency is the geometric mean, since a few long calls make the arithmetic mean a
 * matter of chance.
 *
 * The baseline is measured by calls that begin while few others are in flight: about half of what the server can serve.
 * When there have been no such calls for `window` turns, and after half as many until the baseline is known to a tenth,
 * the limit falls for a moment to let a few calls begin that meet few others. While the baseline is uncertain, the
 * limit errs upwards.
 *
 * **Example** (A description serves many limits)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { AdaptiveLimit } from "sluice"
 *
 * const algorithm = AdaptiveLimit.gradient({ initial: 8 })
 * const limits = await Effect.runPromise(
 *   Effect.all([AdaptiveLimit.make({ algorithm }), AdaptiveLimit.make({ algorithm })])
 * )
 * console.log(limits.map((limit) => AdaptiveLimit.stats(limit).limit)) // => [ 8, 8 ]
 * ```
 *
 * @see {@link aimd} when overload shows by itself
 * @category constructors
 * @since 0.1.0
 */
export const gradient = (options: GradientOptions = {}): Algorithm => {
  const checks = new Checks("AdaptiveLimit.gradient")
  const bounds = checks.bounds(options)
  const resolved = {
    ...bounds,
    smoothing: checks.number("smoothing", options.smoothing, 0.2, "a number > 0 and <= 1", (n) => n > 0 && n <= 1),
    tolerance: checks.number("tolerance", options.tolerance, 1, "a number >= 1 and < 2", (n) => n >= 1 && n < 2),
    queue: checks.number("queue", options.queue, 4, "a number > 0", (n) => n > 0),
    window: checks.number("window", options.window, 100, "an integer >= 1", isCount)
  }
  return new StartingPoint("gradient", bounds, () => new Gradient(resolved))
}

/**
 * Creates an adaptive limit outside of an effect. Throws a `RangeError` for an option with a wrong value.
 *
 * **Example** (A limit shared by a module)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { AdaptiveLimit } from "sluice"
 *
 * const limit = AdaptiveLimit.makeUnsafe({ algorithm: AdaptiveLimit.aimd({ timeout: "1 second" }) })
 * const query = (n: number) => AdaptiveLimit.withPermit(limit, Effect.succeed(n * n))
 *
 * console.log(await Effect.runPromise(Effect.all([query(1), query(2)], { concurrency: "unbounded" }))) // => [ 1, 4 ]
 * ```
 *
 * @see {@link make} for the same as an effect
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = (options: Options): AdaptiveLimit =>
  makeImpl("AdaptiveLimit.makeUnsafe", options, Context.empty())

/**
 * Creates an adaptive limit, which begins at the `initial` of its algorithm. An option with a wrong value is a defect.
 *
 * **Example** (A server that refuses)
 *
 * ```ts
 * import { Effect, Exit } from "effect"
 * import { AdaptiveLimit } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const limit = yield* AdaptiveLimit.make({
 *     algorithm: AdaptiveLimit.aimd({ initial: 10, backoff: 0.5 }),
 *     classify: (exit) => Exit.isFailure(exit) ? "overload" : "success",
 *     onChange: (n) => Effect.sync(() => console.log(`now ${n}`))
 *   })
 *   yield* Effect.exit(AdaptiveLimit.withPermit(limit, Effect.fail("too busy"))) // => now 5
 *   console.log(AdaptiveLimit.stats(limit).overloads) // => 1
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @see {@link makeUnsafe} for the same outside of an effect
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<AdaptiveLimit> => makeFor("make", options)

const makeFor = (where: string, options: Options): Effect.Effect<AdaptiveLimit> =>
  Effect.withFiber(({ context }) => Effect.sync(() => makeImpl(`AdaptiveLimit.${where}`, options, context)))

/**
 * Runs an effect when there is room within the limit, and learns from how it ends and how long it took.
 *
 * **Details**
 *
 * Waits its turn behind every earlier call, strictly first come, first served. The measured time is without this wait.
 * Fails only as the effect fails. A limit that falls revokes no permit: no other call is let in until enough permits
 * have been returned.
 *
 * When its end changes the limit, it waits for `onChange`, its permit returned. An `onChange` that dies, or interrupts
 * itself, is logged as an error and changes nothing else: the call ends as it did, and the next change is reported.
 *
 * **Gotchas**
 *
 * Put a timeout inside: a timeout around this interrupts the call, and interrupts are ignored. So the limit would learn
 * nothing from the calls that say most. Not reentrant: a call within a call may wait for itself.
 *
 * **Example** (A timeout that counts)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { AdaptiveLimit } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const limit = yield* AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd({ initial: 10 }) })
 *   const call = Effect.never.pipe(Effect.timeout("1 second"), AdaptiveLimit.withPermit(limit))
 *   yield* Effect.forkChild(call)
 *   yield* TestClock.adjust("1 second")
 *   console.log(AdaptiveLimit.stats(limit).limit) // => 9
 * })
 *
 * await Effect.runPromise(Effect.provide(program, TestClock.layer()))
 * ```
 *
 * @see {@link measure} for calls that something else limits
 * @category combinators
 * @since 0.1.0
 */
export const withPermit: {
  /**
   * Returns a function that runs an effect when there is room within the limit, and learns from how it ends and how
   * long it took.
   *
   * Suspends until every earlier call has been let in and a permit is free. An interrupt while it waits gives up its
   * place. The measured time is without this wait. Returns the effect's value, and fails only as the effect fails. When
   * its end changes the limit, it first waits for `onChange`.
   *
   * Put a timeout inside: the limit ignores a call that a timeout around this interrupts. Not reentrant: a call within
   * a call may wait for itself.
   */
  (self: AdaptiveLimit): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect when there is room within the limit, and learns from how it ends and how long it took.
   *
   * Suspends until every earlier call has been let in and a permit is free. An interrupt while it waits gives up its
   * place. The measured time is without this wait. Returns the effect's value, and fails only as the effect fails. When
   * its end changes the limit, it first waits for `onChange`.
   *
   * Put a timeout inside: the limit ignores a call that a timeout around this interrupts. Not reentrant: a call within
   * a call may wait for itself.
   */
  <A, E, R>(self: AdaptiveLimit, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
} = effectLast(2, <A, E, R>(self: AdaptiveLimit, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const limit = impl(self)
  return limit.thenTell(limit.withPermit(limit.measure(effect)))
})

/**
 * Runs an effect when there is room within the limit now, learns from it as `withPermit` does, and returns its value in
 * a `Some`. Returns `None`, and runs nothing, when it would have to wait.
 *
 * **When to use**
 *
 * Use to shed load: a call that is refused immediately costs its caller no time.
 *
 * **Details**
 *
 * Never suspends for a permit, and does not overtake: while anyone waits it returns `None`. The limit learns nothing
 * from a call that is refused. Fails only as the effect fails. O(1).
 *
 * **Example** (Refusing instead of waiting)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { AdaptiveLimit } from "sluice"
 *
 * const limit = AdaptiveLimit.makeUnsafe({ algorithm: AdaptiveLimit.aimd({ initial: 1 }) })
 * const request = Effect.yieldNow.pipe(
 *   AdaptiveLimit.tryWithPermit(limit),
 *   Effect.map(Option.match({ onNone: () => "503 busy", onSome: () => "served" }))
 * )
 *
 * const both = Effect.all([request, request], { concurrency: 2 })
 * console.log(await Effect.runPromise(both)) // => [ 'served', '503 busy' ]
 * ```
 *
 * @see {@link withPermit} for waiting instead
 * @category combinators
 * @since 0.1.0
 */
export const tryWithPermit: {
  /**
   * Returns a function that runs an effect if there is room within the limit now, and learns from how it ends and how
   * long it took.
   *
   * Never suspends for a permit. Returns the effect's value in a `Some`. Returns `None`, and runs nothing, when it
   * would have to wait or when any other call waits; the limit learns nothing from that. Fails only as the effect
   * fails. When its end changes the limit, it first waits for `onChange`.
   */
  (self: AdaptiveLimit): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option<A>, E, R>
  /**
   * Runs an effect if there is room within the limit now, and learns from how it ends and how long it took.
   *
   * Never suspends for a permit. Returns the effect's value in a `Some`. Returns `None`, and runs nothing, when it
   * would have to wait or when any other call waits; the limit learns nothing from that. Fails only as the effect
   * fails. When its end changes the limit, it first waits for `onChange`.
   */
  <A, E, R>(self: AdaptiveLimit, effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R>
} = effectLast(2, <A, E, R>(self: AdaptiveLimit, effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R> => {
  const limit = impl(self)
  return limit.thenTell(limit.tryWithPermit(limit.measure(effect)))
})

/**
 * Runs an effect immediately, counts it as in flight, and learns from how it ends and how long it took. It takes no
 * permit.
 *
 * **When to use**
 *
 * Use where something else keeps to the limit, by `onChange`: in the `run` of a worker pool whose size follows.
 *
 * **Example** (Somebody else's limit)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { AdaptiveLimit } from "sluice"
 *
 * const program = Effect.gen(function*() {
 *   const sizes: Array<number> = []
 *   const limit = yield* AdaptiveLimit.make({
 *     algorithm: AdaptiveLimit.aimd({ initial: 4 }),
 *     classify: () => "overload",
 *     onChange: (size) => Effect.sync(() => void sizes.push(size))
 *   })
 *   const job = AdaptiveLimit.measure(limit, Effect.yieldNow)
 *   yield* Effect.all([job, job, job], { concurrency: "unbounded" }) // one congestion
 *   yield* job // another
 *   console.log(sizes) // => [ 3, 2 ]
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @see {@link withPermit} which also keeps to the limit
 * @category combinators
 * @since 0.1.0
 */
export const measure: {
  /**
   * Returns a function that runs an effect immediately, counts it as in flight, and learns from how it ends and how
   * long it took.
   *
   * Takes no permit, and never waits for one: something else keeps to the limit, by `onChange`. Returns the effect's
   * value, and fails only as the effect fails. When its end changes the limit, it first waits for `onChange`.
   */
  (self: AdaptiveLimit): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect immediately, counts it as in flight, and learns from how it ends and how long it took.
   *
   * Takes no permit, and never waits for one: something else keeps to the limit, by `onChange`. Returns the effect's
   * value, and fails only as the effect fails. When its end changes the limit, it first waits for `onChange`.
   */
  <A, E, R>(self: AdaptiveLimit, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
} = effectLast(2, <A, E, R>(self: AdaptiveLimit, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const limit = impl(self)
  return limit.thenTell(limit.measure(effect))
})

/**
 * Returns the limit, and the calls within it now: a plain, synchronous snapshot. O(1).
 *
 * **Example** (Looking at a limit)
 *
 * ```ts
 * import { AdaptiveLimit } from "sluice"
 *
 * const { inFlight, limit, waiting } = AdaptiveLimit.stats(
 *   AdaptiveLimit.makeUnsafe({ algorithm: AdaptiveLimit.aimd({ initial: 7 }) })
 * )
 * console.log({ limit, inFlight, waiting }) // => { limit: 7, inFlight: 0, waiting: 0 }
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const stats = (self: AdaptiveLimit): Stats => impl(self).stats()

/**
 * Makes the layer of an adaptive limit, for a key of your own. An option with a wrong value is a defect of the build.
 *
 * **Example** (A limit for a service of your own)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { AdaptiveLimit } from "sluice"
 *
 * class ApiLimit extends Context.Service<ApiLimit, AdaptiveLimit.AdaptiveLimit>()("app/ApiLimit") {}
 * const ApiLimitLive = AdaptiveLimit.layer(ApiLimit, { algorithm: AdaptiveLimit.aimd({ timeout: "1 second" }) })
 *
 * const program = Effect.flatMap(ApiLimit, (limit) => AdaptiveLimit.withPermit(limit, Effect.succeed("called")))
 * console.log(await Effect.runPromise(Effect.provide(program, ApiLimitLive))) // => called
 * ```
 *
 * @see {@link Service} for a class that has its layer and its operations
 * @see {@link layerConfig} for bounds from the environment
 * @category layers
 * @since 0.1.0
 */
export const layer = <Self>(key: Context.Key<Self, AdaptiveLimit>, options: Options): Layer.Layer<Self> =>
  Layer.effect(key, makeFor("layer", options))

/**
 * Makes the layer of an adaptive limit from a `Config` of its options. The build fails with a `ConfigError` if the
 * config does. An option with a wrong value is a defect of the build.
 *
 * **Example** (A largest limit that the environment says)
 *
 * ```ts
 * import { Config, ConfigProvider, Context, Effect } from "effect"
 * import { AdaptiveLimit } from "sluice"
 *
 * class ApiLimit extends Context.Service<ApiLimit, AdaptiveLimit.AdaptiveLimit>()("app/ApiLimit") {}
 * const ApiLimitLive = AdaptiveLimit.layerConfig(
 *   ApiLimit,
 *   Config.map(Config.Int("API_MAX"), (max) => ({ algorithm: AdaptiveLimit.aimd({ max }) }))
 * )
 *
 * const program = Effect.map(ApiLimit, (limit) => AdaptiveLimit.stats(limit).limit)
 * const env = { API_MAX: "8" }
 * const configured = Effect.provide(program, ApiLimitLive).pipe(
 *   Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
 * )
 * console.log(await Effect.runPromise(configured)) // => 8
 * ```
 *
 * @see {@link layer} for options that are known
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = <Self>(
  key: Context.Key<Self, AdaptiveLimit>,
  config: Config.Config<Options>
): Layer.Layer<Self, Config.ConfigError> =>
  Layer.effect(key, Effect.flatMap(config, (options) => makeFor("layerConfig", options)))

/**
 * Makes a class that is an adaptive limit as a service: the key, its layer, and its operations.
 *
 * **When to use**
 *
 * Use for a server that several modules call: they share its limit.
 *
 * **Details**
 *
 * `Api.withPermit(call)` runs a call within the limit of `Api.layer`; `tryWithPermit`, `measure` and `stats` likewise.
 * `yield* Api` is the limit itself. An option with a wrong value is a defect of the layer's build.
 *
 * **Example** (The limit of one server)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { AdaptiveLimit } from "sluice"
 *
 * class Api extends AdaptiveLimit.Service<Api>()("app/Api", {
 *   algorithm: AdaptiveLimit.aimd({ timeout: "1 second" }),
 *   name: "api"
 * }) {}
 *
 * const program = Effect.succeed("called").pipe(Api.withPermit)
 * console.log(await Effect.runPromise(Effect.provide(program, Api.layer))) // => called
 * ```
 *
 * @see {@link layer} for a key of your own
 * @category layers
 * @since 0.1.0
 */
export const Service =
  <Self>() => <const Id extends string>(id: Id, options: Options): AdaptiveLimitService<Self, Id> => {
    const key = Context.Service<Self, AdaptiveLimit>()(id)
    return Object.assign(key, {
      layer: Layer.effect(key, makeFor(`Service ${JSON.stringify(id)}`, options)),
      withPermit: <A, E, R>(effect: Effect.Effect<A, E, R>) => key.use((self) => withPermit(self, effect)),
      tryWithPermit: <A, E, R>(effect: Effect.Effect<A, E, R>) => key.use((self) => tryWithPermit(self, effect)),
      measure: <A, E, R>(effect: Effect.Effect<A, E, R>) => key.use((self) => measure(self, effect)),
      stats: key.useSync((self) => stats(self))
    })
  }
