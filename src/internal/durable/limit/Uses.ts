import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Observe, Observers } from "../../Observers.js"
import type { AnyFiber } from "../../stack.js"
import { type Hold, type Line, type View, type Viewable, ViewTypeId, type Wait, watch } from "../../view.js"
import type { Limit } from "./model.js"

/** One request of this process. */
export interface Use {
  readonly fiber: AnyFiber
  readonly permits: number
  isHeld: boolean
}

/** The requests of this process for the permits of one limit: made where the limit is watched, and nowhere else. */
export class Uses implements Viewable {
  private readonly all = new Set<Use>()
  private readonly observers: Observers | undefined

  constructor(private readonly limit: Limit, observe: Observe) {
    this.observers = observe(this)
    watch?.appeared(this)
  }

  readonly stats = () => {
    let held = 0
    let waiting = 0
    for (const { isHeld, permits } of this.all) {
      if (isHeld) held += permits
      else waiting++
    }
    return { held, waiting }
  }

  begin(fiber: AnyFiber, permits: number): Use {
    const use: Use = { fiber, permits, isHeld: false }
    this.all.add(use)
    return use
  }

  granted(use: Use): void {
    use.isHeld = true
    this.observers?.counted("granted")
  }

  end(use: Use, isLost: boolean): void {
    this.all.delete(use)
    if (isLost) this.observers?.counted("lost")
  }

  /** Wraps the wait for a grant. */
  around<A, E>(permits: number, wait: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.observers?.around({ kind: "wait", permits }, wait) ?? wait
  }

  [ViewTypeId](): View {
    const { name, permits } = this.limit
    const holds: Array<Hold> = []
    const waits: Array<Wait> = []
    const line: Line = { of: "permits", capacity: permits, holds, self: this }
    for (const use of this.all) {
      if (use.isHeld) holds.push({ node: use.fiber, weight: use.permits, until: "exit", key: use })
      else {
        waits.push({
          node: use.fiber,
          who: "fiber",
          for: use.permits === 1 ? "a permit" : `${use.permits} permits`,
          rooms: [[line, use.permits]],
          ends: "a release in another process",
          key: use
        })
      }
    }
    return { version: 1, kind: "lease", name, self: this, stats: this.stats(), lines: [line], waits }
  }
}

const known = new WeakMap<Limit, Uses>()
const observed = new WeakMap<Limit, (context: Context.Context<never>) => Observe>()

/** For `Limit.make` with the option `watch`: the first request brings the services that its observers need. */
export const observeBy = (limit: Limit, observe: (context: Context.Context<never>) => Observe): void =>
  void observed.set(limit, observe)

/** Undefined where nobody watches. */
export const usesOf = (limit: Limit, context: Context.Context<never>): Uses | undefined => {
  const uses = known.get(limit)
  if (uses !== undefined) return uses
  const observe = observed.get(limit)
  if (observe === undefined && watch === undefined) return undefined
  const made = new Uses(limit, observe?.(context) ?? (() => undefined))
  known.set(limit, made)
  return made
}
