/** Scenarios: a body that sets the stage, starts actors, and checks the outcome. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Call, History } from "./History.js"
import type { Starts } from "./Lane.js"
import { linearizable, type Model } from "./linearizable.js"
import type { Program, Run } from "./Run.js"

/**
 * The options of an actor. Every option may be left out.
 *
 * @since 0.1.0
 */
export interface ActorOptions {
  /** Whether the kit may interrupt the actor, at any operation once it has begun. Default: true. */
  readonly cancel?: boolean | undefined
  /**
   * Whether a defect of the actor is a result like any other. Default: false, and a defect is a failure of the run.
   * `Effect.exit` alone may not be enough: a fiber that is interrupted while it unwinds asks no handler.
   */
  readonly mayDie?: boolean | undefined
}

/**
 * The argument of a scenario's body. Helpers that do not receive the argument can use it as a service.
 *
 * @since 0.1.0
 */
export interface Kit {
  /**
   * Starts a fiber that takes part: it may be preempted before any of its operations, and interrupted, unless `cancel`
   * is false.
   */
  readonly actor: {
    /**
     * Starts a fiber that takes part: it may be preempted before any of its operations, and interrupted, unless
     * `cancel` is false. It must end by itself, or the run is a deadlock. It may fail, but not die, unless `mayDie` is
     * true. Returns its fiber, which begins when it is chosen. Never suspends.
     */
    <A, E, R>(
      name: string,
      effect: Effect.Effect<A, E, R>,
      options?: ActorOptions
    ): Effect.Effect<Fiber.Fiber<A, E>, never, R>
  }
  /** Starts `n` actors that are alike: schedules that differ in which of them is which are tried once. */
  readonly actors: {
    /**
     * Starts `n` actors with the same effect, named `name 1` to `name n`, as `actor` does. Schedules that differ only
     * in which of them is which are tried once: the actors begin in the order of their numbers. With `n` actors that
     * meet nobody else, that leaves one schedule in `n!`. Returns their fibers, in order. Never suspends. Dies if `n`
     * is no integer >= 0.
     *
     * The rest of the scenario must treat the actors alike: it may count them, but an actor, a check or another fiber
     * that singles one out, such as `fibers[0]` to interrupt, misses schedules. The effect may take a number when it
     * runs, as from a counter: the actors then differ by the order in which they come there. Only actors that the body
     * itself starts are tried in one order.
     *
     * **Example** (Three customers who are alike)
     *
     * ```ts
     * import { Effect } from "effect"
     * import { Semaphore } from "sluice"
     * import { explore, scenario } from "sluice/testing"
     *
     * const shop = (alike: boolean) =>
     *   scenario((t) =>
     *     Effect.gen(function*() {
     *       const seats = Semaphore.makeUnsafe(1)
     *       const customer = Semaphore.withPermit(seats, Effect.void)
     *       if (alike) yield* t.actors("customer", 3, customer)
     *       else for (const name of ["ann", "bob", "eve"]) yield* t.actor(name, customer)
     *       yield* t.settled
     *     })
     *   )
     *
     * const strategy = { exhaustive: { preemptions: 1, cancels: 0 } }
     * console.log(explore(shop(false), { strategy }).runs / explore(shop(true), { strategy }).runs) // => 6
     * ```
     */
    <A, E, R>(
      name: string,
      n: number,
      effect: Effect.Effect<A, E, R>,
      options?: ActorOptions
    ): Effect.Effect<ReadonlyArray<Fiber.Fiber<A, E>>, never, R>
  }
  /**
   * Suspends until nothing can run. The checks come after it, and are neither preempted nor interrupted. An actor that
   * has not ended by then never ends, which is a deadlock.
   */
  readonly settled: Effect.Effect<void>
  /** Fails the run with this message unless the condition holds. */
  readonly expect: {
    /**
     * Fails the run with this message unless the condition holds. A function is called when this effect runs. Never
     * suspends.
     */
    (condition: boolean | (() => boolean), message: string): Effect.Effect<void>
  }
  /** Fails the run with this message as soon as the condition does not hold. */
  readonly always: {
    /**
     * Fails the run with this message as soon as the condition does not hold. From now on the condition is called after
     * each turn, when no fiber runs. It may throw the error of an assertion instead. Never suspends.
     */
    (condition: () => boolean, message: string): Effect.Effect<void>
  }
  /**
   * The number of the present turn of the event loop. Tasks that are ready together run in one turn, as when a
   * dispatcher flushes its queue; a task that becomes ready in a turn runs in a later one. Timers of one time that fire
   * one after the other share a turn. An interrupt by the kit has a turn of its own. Read the number where you need it,
   * as `t.turn`: it changes.
   */
  readonly turn: number
  /** Runs an effect and records its call and its return, for `linearizable`. */
  readonly op: {
    /**
     * Runs an effect and records its call and its return, for `linearizable`. Suspends, returns and fails as the effect
     * does.
     */
    <A, E, R>(name: string, argument: unknown, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
  }
  /** Returns the calls that `op` has recorded so far, as a copy. */
  readonly history: Effect.Effect<History>
  /** Fails the run unless there is an order of the recorded calls that the model allows. */
  readonly linearizable: {
    /** Fails the run unless there is an order of the recorded calls that the model allows. Never suspends. */
    <S>(model: Model<S>): Effect.Effect<void>
  }
  /** Returns one of these values: each is tried, as part of the schedule. */
  readonly choose: {
    /**
     * Returns one of these values: each is tried, as part of the schedule. Never suspends. Dies when there are none.
     */
    <T>(values: ReadonlyArray<T>): Effect.Effect<T>
  }
}

/** The key of the kit, for helpers that do not receive the argument of the body: `const t = yield* Kit`. */
export const Kit: Context.Service<Kit, Kit> = Context.Service<Kit>("sluice/testing/Kit")

const TypeId = "~sluice/testing/Scenario"

/**
 * A scenario that `explore`, `check`, `run` and `replay` take. Made by `scenario`.
 *
 * @since 0.1.0
 */
export interface Scenario {
  readonly [TypeId]: typeof TypeId
  /** Makes the object under test, starts actors, waits and checks. It runs from its beginning for each schedule. */
  readonly body: (t: Kit) => Effect.Effect<unknown, unknown, Kit | Scope.Scope>
}

/**
 * A scenario: the body makes the object under test, starts actors with `t.actor`, waits with `t.settled`, and checks.
 * The body runs from its beginning for each schedule, so it must also make every object that it uses. Its scope closes
 * at the end. After that no fiber may be alive, no scope open and no finalizer left.
 *
 * **Example** (A semaphore, under every schedule within bounds)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 * import { check, scenario } from "sluice/testing"
 *
 * const permits = scenario((t) =>
 *   Effect.gen(function*() {
 *     const semaphore = yield* Semaphore.make(1)
 *     yield* t.actor("a", Semaphore.withPermit(semaphore, Effect.void))
 *     yield* t.actor("b", Semaphore.withPermit(semaphore, Effect.void))
 *     yield* t.settled
 *     yield* t.expect(Semaphore.stats(semaphore).held === 0, "a permit is lost")
 *   })
 * )
 *
 * console.log(check(permits, { strategy: { exhaustive: { preemptions: 1, cancels: 1 } } }).exhausted) // => true
 * ```
 *
 * @since 0.1.0
 */
export const scenario = <A, E>(body: (t: Kit) => Effect.Effect<A, E, Kit | Scope.Scope>): Scenario => ({
  [TypeId]: TypeId,
  body
})

/** The names of actors that are alike. */
export const numbered = (name: string, n: number): ReadonlyArray<string> =>
  Array.from({ length: n }, (_, i) => `${name} ${i + 1}`)

/** The scenario as a program, which a machine runs. */
export const program = (self: Scenario): Program => (run, context) => {
  const t = new RunKit(run)
  return Effect.runForkWith(Context.add(context, Kit, t))(Effect.suspend(() => self.body(t)))
}

/**
 * The kit of one run. A scenario may take its members out of it. Each is made where it is read, by a getter of the
 * class: V8 keeps each kit for long, see below, and a kit without closures of its own is small. Getters of an object
 * literal would be worse: V8 gives each such literal a hidden class of its own, which refers to the getter, and so to
 * the run, until the next full garbage collection.
 *
 * The kit lets go of its run at the end, because a scenario's generator functions refer to the kit, and V8 keeps each
 * that was called until then, too.
 */
class RunKit implements Kit {
  /** Undefined when the run has ended. */
  #run: Run | undefined
  readonly #history: Array<Call> = []
  /** The history's clock: each call and each return takes one tick. */
  #now = 0

  constructor(run: Run) {
    this.#run = run
    run.onEnd(() => (this.#run = undefined))
  }

  get turn(): number {
    return this.#run?.turn ?? 0
  }

  get actor(): Kit["actor"] {
    return (name, effect, options) => this.#start(name, effect, options, [])
  }

  get actors(): Kit["actors"] {
    return (name, n, effect, options) =>
      Effect.suspend(() => {
        if (!Number.isSafeInteger(n) || n < 0) {
          throw new Error(`Kit.actors: n must be an integer >= 0, got ${String(n)}`)
        }
        const starts: Starts = []
        return Effect.forEach(numbered(name, n), (each) => this.#start(each, effect, options, starts))
      })
  }

  #start<A, E, R>(
    name: string,
    effect: Effect.Effect<A, E, R>,
    options: ActorOptions | undefined,
    starts: Starts
  ): Effect.Effect<Fiber.Fiber<A, E>, never, R> {
    // Uninterruptible, so that no started fiber is unknown.
    return Effect.uninterruptible(Effect.withFiber((parent) => {
      this.#run?.expectFork(parent, starts)
      return Effect.map(Effect.forkDetach(effect), (fiber) => {
        this.#run?.adopt(parent, fiber, name, { cancel: options?.cancel !== false, mayDie: options?.mayDie === true })
        return fiber
      })
    }))
  }

  get settled(): Kit["settled"] {
    return Effect.callback((resume) => this.#run?.onSettled(() => resume(Effect.void)))
  }

  get expect(): Kit["expect"] {
    return (condition, message) =>
      Effect.sync(() => {
        if (!(typeof condition === "function" ? condition() : condition)) this.#run?.fail("expectation", message)
      })
  }

  get always(): Kit["always"] {
    return (condition, message) => Effect.sync(() => this.#run?.always(condition, message))
  }

  get op(): Kit["op"] {
    return (name, argument, effect) =>
      Effect.suspend(() => {
        const call: { -readonly [K in keyof Call]: Call[K] } = {
          actor: this.#run?.currentName() ?? "?",
          name,
          argument,
          started: this.#now++,
          ended: Infinity,
          exit: undefined
        }
        this.#history.push(call)
        return Effect.onExitPrimitive(effect, (exit) => {
          call.ended = this.#now++
          call.exit = exit
          return undefined
        })
      })
  }

  get history(): Kit["history"] {
    return Effect.sync(() => this.#history.slice())
  }

  get linearizable(): Kit["linearizable"] {
    return (model) =>
      Effect.sync(() => {
        const verdict = linearizable(model, this.#history)
        if (verdict._tag === "NotLinearizable") this.#run?.fail("not-linearizable", verdict.explanation)
      })
  }

  get choose(): Kit["choose"] {
    return (values) =>
      Effect.sync(() => {
        if (values.length === 0) throw new Error("Kit.choose: values must not be empty")
        return values[this.#run?.choose(values.length) ?? 0] as (typeof values)[number]
      })
  }
}
