import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StoreError } from "../errors.js"

/** The public types of a limit and of its store. `Limit.ts` and `LimitStore.ts` export them. */
export const TypeId = "~sluice/durable/Limit"

/**
 * A number of permits that processes share, by name. A plain value: the state is in the store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limit {
  readonly [TypeId]: typeof TypeId
  /** The name. Limits with one name, in one store, share their permits. */
  readonly name: string
  /** How many permits this process says that there are in all. The newest request's number counts. */
  readonly permits: number
  /** How long a permit, or a place in the line, is kept without a renewal, in milliseconds. */
  readonly lease: number
}

/**
 * The permits that an effect holds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lease {
  /**
   * The fencing token: an integer greater than those of all grants of this limit before (F6). Pass it to the resource
   * that you write to, and let the resource refuse tokens that are less than the greatest it has seen.
   */
  readonly token: number
  /** How many permits the effect holds. */
  readonly permits: number
}

/**
 * One request of permits, from its arrival until it is given back.
 *
 * @category stores
 * @since 0.1.0
 */
export interface Request {
  /** The name of the limit. */
  readonly limit: string
  /** Names the request among all of all processes. Made by `nextId`. */
  readonly id: string
  /** How many permits it asks for: an integer >= 0, at most `total`. */
  readonly permits: number
  /** How many permits the requesting process says that there are in all. */
  readonly total: number
  /** How long the grant, or the place in the line, is kept from now on, in milliseconds. */
  readonly lease: number
}

/** The operations of a store. */
export type Act = "acquire" | "renew" | "release"

/**
 * The reply of a store to `acquire`.
 *
 * @category stores
 * @since 0.1.0
 */
export type Reply =
  | {
    /** The permits are held from now on. */
    readonly _tag: "Granted"
    /** Greater than the token of every earlier grant of this limit. */
    readonly token: number
  }
  | {
    /** The request has a place in the line. */
    readonly _tag: "Waiting"
    /** How many requests are ahead in the line. */
    readonly ahead: number
    /** Milliseconds until the next lease of this limit is over, of a grant or of a place. */
    readonly next: number
  }
  | {
    /** The request is for more than the limit, and has no place. */
    readonly _tag: "Exceeded"
    /** How many permits there are in all. */
    readonly permits: number
  }

/**
 * The state that processes share. Each operation is one atomic step, by the store's own clock.
 *
 * **Details**
 *
 * A request is absent, waiting or held. Before each operation the store removes every request of the limit whose lease
 * is over. Then:
 *
 * | a request is | `acquire` | `renew` | `release` |
 * | --- | --- | --- | --- |
 * | absent | sets the limit to `total`, joins the end of the line; then as if waiting | `false` | `false` |
 * | waiting | is held if free permits are left by those ahead; else renews its place | `false` | `false` |
 * | held | renews its lease, returns the same token | renews its lease, `true` | `true` |
 *
 * After `release` the request is absent.
 *
 * A request of more than the limit never waits: `acquire` removes it and returns `Exceeded`, and nobody waits for it.
 * Whenever a step makes room, the store wakes the requests at the head of the line that fit.
 *
 * @category stores
 * @since 0.1.0
 */
export interface Store {
  /**
   * After how many milliseconds the first in the line asks again without being woken; the k-th waits k times as long.
   * `Infinity` if no wake-up is ever lost.
   */
  readonly poll: number
  /** Returns an id that no request in any process has had. */
  readonly nextId: () => string
  /** Asks for permits, or asks again. Fails with `StoreError`, and then may or may not have had an effect. */
  readonly acquire: (request: Request) => Effect.Effect<Reply, StoreError>
  /** Extends a grant to a whole lease from now on. Returns false if it is over. */
  readonly renew: (request: Request) => Effect.Effect<boolean, StoreError>
  /** Gives permits, or a place in the line, back. Returns whether the permits were held until now. */
  readonly release: (request: Request) => Effect.Effect<boolean, StoreError>
  /** Calls `wake` whenever the request should ask again, until the function that it returns is called. */
  readonly onWake: (id: string, wake: () => void) => () => void
}

/**
 * The service that limits keep their state in: `layerMemory`, `layerRedis` or `layerPg`.
 *
 * @category services
 * @since 0.1.0
 */
export class LimitStore extends Context.Service<LimitStore, Store>()("sluice/durable/LimitStore") {}
