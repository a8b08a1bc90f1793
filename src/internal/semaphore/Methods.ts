import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Option } from "effect/Option"
import type * as Scope from "effect/Scope"
import { checkInteger } from "../args.js"
import { Described } from "../Described.js"
import type { CapacityExceeded } from "./errors.js"
import { type Semaphore, TypeId } from "./model.js"

export type AnyEffect = Effect.Effect<unknown, unknown, unknown>

/** Makes only a wait interruptible. */
export type Restore<E> = (wait: Effect.Effect<void, E>) => Effect.Effect<void, E>

/** How a request goes on that could never be granted (S4). */
export type Refuse<Refused> = (exit: Exit.Exit<void, CapacityExceeded>) => Refused

const check = <A, E, R>(
  method: string,
  argument: string,
  value: number,
  then: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const invalid = checkInteger(`Semaphore.${method}`, argument, value)
    return invalid ? Effect.die(invalid) : then()
  })

/** The methods that Effect's semaphores have, too: there, too, a request for too much is no error. */
export abstract class Methods extends Described implements Semaphore {
  readonly [TypeId]: typeof TypeId = TypeId
  abstract readonly name: string | undefined

  abstract use(permits: number, effect: AnyEffect, refuse: Refuse<AnyEffect>): AnyEffect
  abstract tryUse<A, E, R>(permits: number, effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R>
  abstract acquire(
    permits: number,
    scope: Scope.Scope,
    restore: Restore<CapacityExceeded>
  ): Effect.Effect<void, CapacityExceeded>
  abstract setCapacity(capacity: number): void

  withPermit<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    // An operation has no type of its own.
    return Effect.suspend(() => this.use(1, effect, Effect.orDie)) as Effect.Effect<A, E, R>
  }

  withPermits(permits: number) {
    return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      // As for `withPermit`.
      check("withPermits", "permits", permits, () => this.use(permits, effect, Effect.orDie)) as Effect.Effect<A, E, R>
  }

  withPermitsIfAvailable(permits: number) {
    return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Option<A>, E, R> =>
      check("withPermitsIfAvailable", "permits", permits, () => this.tryUse(permits, effect))
  }

  takeScoped(permits: number): Effect.Effect<void, never, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.scope,
        (scope) => check("takeScoped", "permits", permits, () => Effect.orDie(this.acquire(permits, scope, restore)))
      )
    )
  }

  resize(capacity: number): Effect.Effect<void> {
    return check("resize", "capacity", capacity, () => Effect.sync(() => this.setCapacity(capacity)))
  }
}
