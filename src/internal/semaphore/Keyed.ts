import * as Effect from "effect/Effect"
import type { Option } from "effect/Option"
import type * as Scope from "effect/Scope"
import { checkInteger, invalid } from "../args.js"
import { Described } from "../Described.js"
import type { Observe, Observers } from "../Observers.js"
import { type Detail, type View, type Viewable, ViewTypeId, watch } from "../view.js"
import { Waiter } from "../WaitQueue.js"
import type { CapacityExceeded } from "./errors.js"
import { type AnyEffect, Methods, type Refuse, type Restore } from "./Methods.js"
import { type Keyed, type KeyedStats, KeyedTypeId, type Stats } from "./model.js"
import { holdingLate, InnerPermits, type Permits, Request } from "./Permits.js"

/** The permits of one key that is in use: someone holds some, or waits (S10). */
class KeyPermits<in out K> extends InnerPermits {
  constructor(
    capacity: number,
    private readonly keys: Map<K, KeyPermits<K>>,
    private readonly key: K,
    name: string | undefined,
    observers: Observers | undefined
  ) {
    super(capacity, name, () => observers)
    keys.set(key, this)
  }

  override view(detail: Detail): View | undefined {
    const view = super.view(detail)
    return view && { ...view, key: this.key }
  }

  override reserve(permits: number): void {
    super.reserve(permits)
    this.abandoned()
  }

  /** S10. A request for nothing may outlive its key here: the key may have other permits by now. */
  override abandoned(): void {
    if (this.isIdle && this.keys.get(this.key) === this) this.keys.delete(this.key)
  }
}

/** The permits of all keys that are in use, and of no others. */
export class KeyedPermits<in out K> extends Described implements Keyed<K>, Viewable {
  readonly [KeyedTypeId]: (key: K) => void = () => {}
  readonly observers: Observers | undefined
  private readonly keys = new Map<K, KeyPermits<K>>()

  constructor(
    private readonly where: string,
    private readonly capacity: number | ((key: K) => number),
    readonly name: string | undefined,
    observe: Observe
  ) {
    super()
    if (typeof capacity !== "function") this.checked(capacity)
    this.observers = observe(this)
    watch?.appeared(this)
  }

  private checked(capacity: number): number {
    const error = checkInteger(this.where, "permits", capacity)
    if (error) throw error
    return capacity
  }

  private capacityOf(key: K): number {
    return typeof this.capacity === "function" ? this.checked(this.capacity(key)) : this.capacity
  }

  /**
   * The permits of a key, for a request that in the same step reserves some, joins their line, or abandons them.
   */
  permitsOf(key: K): KeyPermits<K> {
    const known = this.keys.get(key)
    if (known !== undefined) return known
    const capacity = this.capacityOf(key)
    // The user's function may have used the key.
    return this.keys.get(key) ?? new KeyPermits(capacity, this.keys, key, this.name, this.observers)
  }

  viewOf(key: K, detail: Detail): View | undefined {
    return this.keys.get(key)?.view(detail)
  }

  statsOf(key: K): Stats {
    const known = this.keys.get(key)
    if (known !== undefined) return known.stats()
    const capacity = this.capacityOf(key)
    return { capacity, held: 0, available: capacity, waiting: 0 }
  }

  stats(): KeyedStats {
    let [capacity, held, waiting] = [0, 0, 0]
    for (const permits of this.keys.values()) {
      const stats = permits.stats()
      capacity += stats.capacity
      held += stats.held
      waiting += stats.waiting
    }
    return { keys: this.keys.size, capacity, held, waiting }
  }

  toJSON(): unknown {
    return { _id: "Semaphore.Keyed", name: this.name, ...this.stats() }
  }

  [ViewTypeId](detail: Detail): View | undefined {
    const parts = [...this.keys.values()].flatMap((permits) => permits.view(detail) ?? [])
    if (detail !== "all" && parts.length === 0) return undefined
    const stats = this.stats()
    return { version: 1, kind: "semaphore", name: this.name, self: this, stats, lines: [], waits: [], parts }
  }
}

/**
 * The semaphore of one key (S9). It holds no state, so that nothing needs to know how many of these there are. Each
 * request looks the key's permits up in the step in which it reserves some or joins their line.
 */
export class OfKey<in out K> extends Methods implements Viewable {
  constructor(private readonly keyed: KeyedPermits<K>, private readonly key: K) {
    super()
  }

  get name(): string | undefined {
    return this.keyed.name
  }

  get observers(): Observers | undefined {
    return this.keyed.observers
  }

  permits(): Permits {
    return this.keyed.permitsOf(this.key)
  }

  use(permits: number, effect: AnyEffect, refuse: Refuse<AnyEffect>): AnyEffect {
    const { observers } = this
    let request: Waiter<CapacityExceeded> | undefined
    const entered = Effect.suspend(() => {
      const entering = new Request(this.permits(), permits, observers === undefined ? effect : Effect.void, refuse)
      request = entering
      return entering.enter()
    })
    return holdingLate(() => request, observers === undefined ? entered : Effect.flatMap(entered, () => effect))
  }

  tryUse<A, E, R>(permits: number, effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R> {
    let request: Waiter<CapacityExceeded> | undefined
    const entered = Effect.suspend(() => {
      const found = this.permits()
      request = new Waiter(found.queue, permits)
      return found.reserveNow(request, effect)
    })
    return holdingLate(() => request, entered)
  }

  acquire(
    permits: number,
    scope: Scope.Scope,
    restore: Restore<CapacityExceeded>
  ): Effect.Effect<void, CapacityExceeded> {
    return this.permits().acquire(permits, scope, restore)
  }

  tryAcquire(permits: number, scope: Scope.Scope): Effect.Effect<boolean> {
    return this.permits().tryAcquire(permits, scope)
  }

  /** The change would last as long as the key is in use. */
  setCapacity(): never {
    throw invalid("Semaphore.resize", "self", "a semaphore of its own, and not that of a key", this)
  }

  stats(): Stats {
    return this.keyed.statsOf(this.key)
  }

  /** Undefined for a key that is not in use. */
  [ViewTypeId](detail: Detail): View | undefined {
    return this.keyed.viewOf(this.key, detail)
  }

  toJSON(): unknown {
    return { _id: "Semaphore", name: this.name, key: this.key, ...this.stats() }
  }
}
