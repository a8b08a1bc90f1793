import type { Clock } from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Option } from "effect/Option"
import { invalid } from "../args.js"
import { Described } from "../Described.js"
import type { Observe, Observers } from "../Observers.js"
import { InnerPermits } from "../semaphore/Permits.js"
import { type Detail, type View, type Viewable, ViewTypeId, watch } from "../view.js"
import type { Estimator } from "./Estimator.js"
import { type AdaptiveLimit, type Outcome, type Stats, TypeId } from "./model.js"
import { Turnstile } from "./Turnstile.js"

const outcomes: ReadonlyArray<Outcome> = ["success", "overload", "ignore"]

/** The options of `AdaptiveLimit.make`, but for the algorithm. */
export interface Settings {
  readonly classify: (exit: Exit.Exit<unknown, unknown>) => Outcome
  readonly onChange?: ((limit: number) => Effect.Effect<void>) | undefined
  readonly name?: string | undefined
}

/** All mutable state is here. Only `begin` and `end` change it, and the two turnstiles, which make it known. */
export class Limit extends Described implements AdaptiveLimit, Viewable {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly name: string | undefined
  private readonly permits: InnerPermits
  private readonly classify: (exit: Exit.Exit<unknown, unknown>) => Outcome
  private readonly observers: Observers | undefined

  private begun = 0
  private inFlight = 0
  private samples = 0
  private overloads = 0
  private ignored = 0
  private changes = 0
  /** The capacity of the semaphore as it was last set. */
  private capacity: number
  /** The limits that the listener has not received yet. */
  private readonly untold: Array<number> = []

  /** One resize at a time, or an earlier limit may reach the semaphore after a later one. */
  private readonly resizing = new Turnstile(
    () => this.capacity === this.estimator.limit,
    () => {
      const capacity = this.capacity = this.estimator.limit
      return Effect.sync(() => this.permits.setCapacity(capacity))
    }
  )
  /** A6. */
  private readonly telling: Turnstile | undefined = undefined

  constructor(
    private readonly where: string,
    private estimator: Estimator,
    { classify, name, onChange }: Settings,
    observe: Observe
  ) {
    super()
    this.name = name
    this.classify = classify
    this.capacity = estimator.limit
    const observers = this.observers = observe(this)
    this.permits = new InnerPermits(estimator.limit, name, () => observers)
    watch?.appeared(this)
    if (onChange === undefined) return
    this.telling = new Turnstile(() => this.untold.length === 0, () => {
      const [limit] = this.untold.splice(0, 1)
      if (limit === undefined) return Effect.void
      // The call whose end it was is not to answer for the listener, nor are the changes to come.
      return Effect.catchCause(
        Effect.suspend(() => onChange(limit)),
        (cause) => Effect.logError("AdaptiveLimit: onChange did not succeed", cause)
      )
    })
  }

  begin(): Running {
    return { call: ++this.begun, inFlight: ++this.inFlight }
  }

  /** A5: nothing that can throw comes before the call is out of flight. */
  end(
    { call, inFlight }: Running,
    latency: number,
    exit: Exit.Exit<unknown, unknown>
  ): Effect.Effect<void> | undefined {
    this.inFlight--
    let outcome: Outcome
    try {
      outcome = this.checked(this.classify(exit))
    } catch (error) {
      this.ignored++
      if (this.observers !== undefined) this.observed(this.observers, "ignore", latency, 0)
      return Effect.die(error)
    }
    if (outcome === "ignore") {
      this.ignored++
      if (this.observers !== undefined) this.observed(this.observers, outcome, latency, 0)
      return undefined
    }
    this.samples++
    if (outcome === "overload") this.overloads++
    const { limit } = this.estimator
    this.estimator = this.estimator.next({ call, begun: this.begun, inFlight, latency, outcome })
    if (this.observers !== undefined) this.observed(this.observers, outcome, latency, this.estimator.limit - limit)
    if (this.estimator.limit === limit) return undefined
    this.changes++
    if (this.telling !== undefined) this.untold.push(this.estimator.limit)
    return this.resizing.enter()
  }

  /** A call has ended. */
  private observed(observers: Observers, outcome: Outcome, latency: number, change: number): void {
    observers.counted(outcome)
    observers.took(latency)
    if (change !== 0) observers.counted(change > 0 ? "raised" : "lowered")
  }

  /** A function of JavaScript may return anything. */
  private checked(outcome: Outcome): Outcome {
    if (outcomes.includes(outcome)) return outcome
    throw invalid(this.where, "the result of classify", `"success", "overload" or "ignore"`, outcome)
  }

  /** The effect as a call: measured, and in flight while it runs. */
  measure<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const call = new Call(this)
      // The end of the call is installed before it begins, so that no interrupt can come between (A5).
      return Effect.onExitPrimitive(
        Effect.clockWith((clock) => {
          call.begin(clock)
          return effect
        }),
        (exit) => call.end(exit)
      )
    })
  }

  /** Runs the effect when there is room within the limit. */
  withPermit<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.permits.withPermit(effect)
  }

  /** Runs the effect if there is room within the limit now, and nobody waits. */
  tryWithPermit<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R> {
    return Effect.suspend(() => this.permits.tryUse(1, effect))
  }

  /** Reports to the listener afterwards the limits that it has not received yet (A6). */
  thenTell<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const { telling } = this
    return telling === undefined ? effect : Effect.onExitPrimitive(effect, () => telling.enter())
  }

  stats(): Stats {
    const { changes, ignored, inFlight, overloads, samples } = this
    const { waiting } = this.permits.stats()
    return { limit: this.estimator.limit, inFlight, waiting, samples, overloads, ignored, changes }
  }

  toJSON(): unknown {
    return { _id: "AdaptiveLimit", name: this.name, ...this.stats() }
  }

  [ViewTypeId](detail: Detail): View | undefined {
    const view = this.permits.view(detail)
    if (view === undefined) return undefined
    const { held } = this.permits.stats()
    // A call that succeeds may raise the limit: within it one that is not stuck, and any that is only measured.
    const reach = this.inFlight > held ? Infinity : Math.max(this.capacity, held)
    for (const line of view.lines) Object.assign(line, { reach })
    return { ...view, kind: "limit", self: this, stats: this.stats() }
  }
}

interface Running {
  readonly call: number
  readonly inFlight: number
}

class Call {
  private state:
    | { readonly tag: "new" }
    | { readonly tag: "begun"; readonly running: Running; readonly clock: Clock; readonly since: bigint } = {
      tag: "new"
    }

  constructor(private readonly limit: Limit) {}

  begin(clock: Clock): void {
    const since = clock.monotonicTimeNanosUnsafe()
    this.state = { tag: "begun", running: this.limit.begin(), clock, since }
  }

  /** Once. A call that was interrupted before it began was never in flight. */
  end(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    const { state } = this
    if (state.tag === "new") return undefined
    const latency = Number(state.clock.monotonicTimeNanosUnsafe() - state.since) / 1_000_000
    return this.limit.end(state.running, latency, exit)
  }
}
