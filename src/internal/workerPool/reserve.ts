import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { AnyFiber } from "../stack.js"
import type { PoolClosed } from "./errors.js"
import type { Slot } from "./model.js"
import type { Pool } from "./Pool.js"
import { Reservation } from "./Reservation.js"
import { Places } from "./Reservations.js"

/** P22. An interrupt between the grant and the finalizer gives the place back. */
export const reserve = <Job, A, E>(pool: Pool<Job, A, E>): Effect.Effect<Slot<Job, A, E>, PoolClosed, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const reservation = new Reservation(fiber)
      const giveBack = Effect.sync(() => pool.giveBack(reservation))
      const wait = restore(granted(pool, reservation))
      const held = Effect.onExit(wait, (exit) => Exit.isFailure(exit) ? giveBack : Effect.void)
      return Effect.as(Effect.andThen(held, Effect.addFinalizer(() => giveBack)), slotOf(pool, reservation))
    })
  )

/**
 * As `reserve`, for as long as an effect runs, without a scope, and without a fiber that waits for the recall.
 * `recalled` is called at most once, perhaps before the effect begins, and runs fibers.
 */
export const withPlace = <Job, A, E, R>(
  pool: Pool<Job, A, E>,
  fiber: AnyFiber,
  recalled: () => void,
  use: (slot: Slot<Job, A, E>) => Effect.Effect<void, never, R>
): Effect.Effect<void, PoolClosed, R> =>
  Effect.suspend(() => {
    const reservation = new Reservation(fiber, recalled)
    const used = Effect.flatMap(granted(pool, reservation), () => use(slotOf(pool, reservation)))
    return Effect.ensuring(used, Effect.sync(() => pool.giveBack(reservation)))
  })

/** Suspends until there is a place. The caller gives it back, after an interrupt as well. */
const granted = <Job, A, E>(pool: Pool<Job, A, E>, reservation: Reservation): Effect.Effect<void, PoolClosed> =>
  Effect.callback((resume) => {
    reservation.resume = resume
    const exit = pool.reserve(reservation, (later) => new Places(later))
    if (exit !== undefined) resume(exit)
  })

const slotOf = <Job, A, E>(pool: Pool<Job, A, E>, reservation: Reservation): Slot<Job, A, E> => ({
  run: (job) => pool.runIn(reservation, job),
  submit: (job) => pool.submitIn(reservation, job),
  recalled: reservation.recalled
})
