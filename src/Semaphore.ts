/**
 * A weighted semaphore with strictly fair, first-come-first-served admission.
 *
 * It bounds what can be counted (connections, bytes, requests under way) and is held for as long as an effect runs or a
 * scope is open. The laws it keeps are numbered S1 to S7, here and in `docs/semaphore.md`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual, identity } from "effect/Function"
import type { Inspectable } from "effect/Inspectable"
import type { Option } from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import { hasProperty } from "effect/Predicate"
import * as Scope from "effect/Scope"
import { checkInteger, effectLast } from "./internal/args.js"
import { Described } from "./internal/Described.js"
import { operation } from "./internal/operation.js"
import { Waiter, WaitQueue } from "./internal/WaitQueue.js"

const TypeId = "~sluice/Semaphore"

/**
 * A number of permits, and the queue of the requests that wait for some.
 *
 * @category models
 * @since 0.1.0
 */
export interface Semaphore extends Pipeable, Inspectable {
  readonly [TypeId]: typeof TypeId
  readonly name: string | undefined
}

/**
 * How a semaphore is made. Its `name` is shown when it is inspected.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly name?: string | undefined
}

/**
 * What a semaphore holds at one moment.
 *
 * **Details**
 *
 * `held + available = capacity` always, so `available` is negative after a shrink, until enough has been returned.
 * `waiting` counts requests, not permits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly capacity: number
  readonly held: number
  readonly available: number
  readonly waiting: number
}

/**
 * A request for more permits than the semaphore has in all (law S4): it could never be granted.
 *
 * @category errors
 * @since 0.1.0
 */
export class CapacityExceeded extends Data.TaggedError("CapacityExceeded")<{
  readonly requested: number
  readonly capacity: number
}> {
  override get message(): string {
    return `${this.requested} permits requested of a semaphore whose capacity is ${this.capacity}`
  }
}

/** All mutable state is here, and in its queue. None of what changes it can be interrupted. */
class SemaphoreImpl extends Described implements Semaphore {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly queue = new WaitQueue<CapacityExceeded>(this)
  private held = 0

  constructor(private capacity: number, readonly name: string | undefined) {
    super()
  }

  /** S1: less than nothing after a shrink, until enough has been returned. */
  get room(): number {
    return this.capacity - this.held
  }

  reserve(permits: number): void {
    this.held += permits
  }

  /** Runs the effect with permits if they are free now, and nobody waits. */
  tryUse<A, E, R>(permits: number, effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R> {
    const request = new Waiter(this.queue, permits)
    return holding(
      request,
      Effect.suspend(() => this.queue.reserve(request) ? Effect.asSome(effect) : Effect.succeedNone)
    )
  }

  /**
   * Takes the permits and goes on with `use`. In an uninterruptible region there is no gap between taking them and what
   * `use` does first, which is to install their release (S5).
   */
  acquire<A, E, R, E2>(
    permits: number,
    restore: (wait: Effect.Effect<void, CapacityExceeded>) => Effect.Effect<void, E2>,
    use: () => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | E2, R> {
    return this.queue.take(permits) ? use() : this.queue.wait(permits, restore, use)
  }

  /** S4, for a request that comes. */
  exceeded(permits: number): CapacityExceeded | undefined {
    return permits > this.capacity
      ? new CapacityExceeded({ requested: permits, capacity: this.capacity })
      : undefined
  }

  /** S4, for requests that wait: those that a shrink makes impossible fail, the others keep their places. */
  resize(capacity: number): void {
    const shrinks = capacity < this.capacity
    this.capacity = capacity
    this.queue.flushLater()
    if (!shrinks) return
    this.queue.settle((permits) => {
      const error = this.exceeded(permits)
      return error && Exit.fail(error)
    })
  }

  stats(): Stats {
    const { capacity, held } = this
    return { capacity, held, available: capacity - held, waiting: this.queue.size }
  }

  toJSON(): unknown {
    return { _id: "Semaphore", name: this.name, ...this.stats() }
  }
}

type AnyEffect = Effect.Effect<unknown, unknown, unknown>
type Refuse = (exit: Exit.Exit<void, CapacityExceeded>) => AnyEffect

/**
 * An effect that wants to run with permits. All that it needs while it waits is in this one object: a hundred thousand of
 * them may.
 */
class Request extends Waiter<CapacityExceeded> {
  constructor(
    private readonly semaphore: SemaphoreImpl,
    permits: number,
    private readonly effect: AnyEffect,
    private readonly refuse: Refuse
  ) {
    super(semaphore.queue, permits)
  }

  /** Runs the effect as soon as it has its permits. */
  enter(): AnyEffect {
    // The fiber may yield on its way to the second.
    return this.now() ?? Effect.callback((resume) => {
      const now = this.now()
      if (now !== undefined) return resume(now)
      this.queue.join(this)
      this.suspend(resume)
    })
  }

  private now(): AnyEffect | undefined {
    const exceeded = this.semaphore.exceeded(this.weight)
    if (exceeded !== undefined) return this.refuse(Exit.fail(exceeded))
    return this.queue.reserve(this) ? this.effect : undefined
  }

  protected override goOn(exit: Exit.Exit<void, CapacityExceeded>): AnyEffect {
    return Exit.isSuccess(exit) ? this.effect : this.refuse(exit)
  }
}

const Enter = operation("Semaphore.enter", (_, request: Request) => request.enter())

/**
 * Runs the effect with permits, and gives them back when it ends, however it ends (S5). What gives them back is installed
 * before they are taken, so no interrupt can come between.
 */
const use = (self: Semaphore, permits: number, effect: AnyEffect, refuse: Refuse): AnyEffect => {
  const request = new Request(impl(self), permits, effect, refuse)
  return holding(request, new Enter(request, undefined))
}

// The interface hides the state, and SemaphoreImpl is its only implementation.
// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
const impl = (self: Semaphore): SemaphoreImpl => self as SemaphoreImpl

const makeImpl = (
  where: string,
  capacity: number,
  options: Options | undefined
): SemaphoreImpl => {
  const error = checkInteger(`Semaphore.${where}`, "capacity", capacity)
  if (error) throw error
  return new SemaphoreImpl(capacity, options?.name)
}

const checkPermits = (where: string, permits: number): RangeError | undefined =>
  checkInteger(`Semaphore.${where}`, "permits", permits)

/**
 * Tells whether a value is a `Semaphore`.
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
export const makeUnsafe = (capacity: number, options?: Options): Semaphore => {
  return makeImpl("makeUnsafe", capacity, options)
}

/**
 * Creates a semaphore that has `capacity` permits, an integer >= 0. Anything else is a defect.
 *
 * **When to use**
 *
 * Use for what many fibers share and can be counted. To bound the fibers themselves, `Group` has a limit.
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
  options?: Options
): Effect.Effect<Semaphore> => Effect.sync(() => makeImpl("make", capacity, options))

const holding = <A, E, R, E2>(request: Waiter<E2>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onExitPrimitive(effect, (exit) => {
    request.leave(exit)
    return undefined
  })

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
 * On a semaphore with a capacity of 0 it dies with `CapacityExceeded`, at once or when a `resize` leaves it there (S4).
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
  (self: Semaphore): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Semaphore, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
} = effectLast(
  2,
  <A, E, R>(self: Semaphore, effect: Effect.Effect<A, E, R>) => Effect.suspend(() => use(self, 1, effect, Effect.orDie))
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
 * @see {@link tryWithPermits} for doing without rather than waiting
 * @see {@link acquire} for holding permits until a scope closes
 * @category combinators
 * @since 0.1.0
 */
export const withPermits: {
  (
    self: Semaphore,
    permits: number
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CapacityExceeded, R>
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
      return invalid ? Effect.die(invalid) : use(self, permits, effect, identity)
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
  (
    self: Semaphore,
    permits: number
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option<A>, E, R>
  <A, E, R>(self: Semaphore, permits: number, effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R>
} = effectLast(
  3,
  <A, E, R>(self: Semaphore, permits: number, effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const invalid = checkPermits("tryWithPermits", permits)
      return invalid ? Effect.die(invalid) : impl(self).tryUse(permits, effect)
    })
)

/** Leaves permits that are taken already to the scope, which gives them back as it closes, or now if it has (S5). */
const holdUntilClosed = (semaphore: SemaphoreImpl, permits: number, scope: Scope.Scope): Effect.Effect<void> =>
  Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => semaphore.queue.giveBack(permits, exit)))

/**
 * Takes `permits` permits and holds them until the scope closes.
 *
 * **Details**
 *
 * Suspends, fails and is interrupted as `withPermits`. Taking the permits and leaving them to the scope is one step that
 * no interrupt can divide. O(1).
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
 * @see {@link tryAcquire} for doing without rather than waiting
 * @category scoped
 * @since 0.1.0
 */
export const acquire: {
  (permits: number): (self: Semaphore) => Effect.Effect<void, CapacityExceeded, Scope.Scope>
  (self: Semaphore, permits: number): Effect.Effect<void, CapacityExceeded, Scope.Scope>
} = /* @__PURE__ */ dual(
  2,
  (self: Semaphore, permits: number) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.scope, (scope) => {
        const invalid = checkPermits("acquire", permits)
        if (invalid) return Effect.die(invalid)
        const semaphore = impl(self)
        const exceeded = semaphore.exceeded(permits)
        if (exceeded) return Effect.fail(exceeded)
        return semaphore.acquire(permits, restore, () => holdUntilClosed(semaphore, permits, scope))
      })
    )
)

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
  (permits: number): (self: Semaphore) => Effect.Effect<boolean, never, Scope.Scope>
  (self: Semaphore, permits: number): Effect.Effect<boolean, never, Scope.Scope>
} = /* @__PURE__ */ dual(2, (self: Semaphore, permits: number) =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.scope, (scope) => {
      const invalid = checkPermits("tryAcquire", permits)
      if (invalid) return Effect.die(invalid)
      const semaphore = impl(self)
      if (!semaphore.queue.take(permits)) return Effect.succeed(false)
      return Effect.as(holdUntilClosed(semaphore, permits, scope), true)
    })
  ))

/**
 * Changes the capacity, an integer >= 0, while the semaphore is in use. Anything else is a defect.
 *
 * **Details**
 *
 * Never waits and never revokes a permit. Growing admits waiters in a turn of the event loop that is requested now
 * (S7). After a shrink below what is held, nothing is granted until enough has been returned (S1), and requests that
 * became impossible fail with `CapacityExceeded` (S4).
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
  (capacity: number): (self: Semaphore) => Effect.Effect<void>
  (self: Semaphore, capacity: number): Effect.Effect<void>
} = /* @__PURE__ */ dual(2, (self: Semaphore, capacity: number) =>
  Effect.sync(() => {
    const error = checkInteger("Semaphore.resize", "capacity", capacity)
    if (error) throw error
    impl(self).resize(capacity)
  }))

/**
 * Tells what the semaphore holds now: a plain, synchronous snapshot. O(1).
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
export const stats = (self: Semaphore): Stats => impl(self).stats()
