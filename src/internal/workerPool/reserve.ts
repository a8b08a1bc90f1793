import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
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
      const wait = Effect.callback<void, PoolClosed>((resume) => {
        reservation.resume = resume
        const exit = pool.reserve(reservation, (later) => new Places(later))
        if (exit !== undefined) resume(exit)
      })
      const held = Effect.onExit(restore(wait), (exit) => Exit.isFailure(exit) ? giveBack : Effect.void)
      return Effect.as(Effect.andThen(held, Effect.addFinalizer(() => giveBack)), slotOf(pool, reservation))
    })
  )

const slotOf = <Job, A, E>(pool: Pool<Job, A, E>, reservation: Reservation): Slot<Job, A, E> => ({
  run: (job) => pool.runIn(reservation, job),
  submit: (job) => pool.submitIn(reservation, job),
  recalled: reservation.recalled
})
