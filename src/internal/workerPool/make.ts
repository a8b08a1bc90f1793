import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { check } from "./check.js"
import type { Deadlines, Options } from "./options.js"
import type { Sharing } from "./parts.js"
import { Pool } from "./Pool.js"

/** Makes a pool that lives as long as the caller's scope, once its workers hold their resources (P1). */
export const makePool = <
  Job,
  A,
  E = never,
  R = never,
  W = void,
  EW = never,
  RW = never,
  RC = never,
  Key = unknown,
  D extends Deadlines | undefined = Deadlines | undefined
>(
  options: Options<Job, A, E, R, W, EW, RW, RC, Key, D>,
  sharing: Sharing | undefined
): Effect.Effect<Pool<Job, A, E>, EW, R | RW | RC | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.contextWith((context: Context.Context<R | RW | RC | Scope.Scope>) => {
      const pool = new Pool(check(options, context, sharing))
      // A scope between, so that a pool which could not start leaves nothing behind in the caller's.
      const scope = Scope.forkUnsafe(Context.get(context, Scope.Scope))
      const started = Effect.andThen(Scope.addFinalizerExit(scope, (exit) => pool.close(exit)), restore(pool.start))
      return Effect.onExit(Effect.as(started, pool), (exit) => {
        if (Exit.isSuccess(exit)) return Effect.void
        const message = `WorkerPool.make: a resource could not be released after another could not be acquired`
        return Effect.catchCause(Scope.close(scope, exit), (cause) => Effect.logError(message, cause))
      }) as Effect.Effect<Pool<Job, A, E>, EW>
    })
  )
