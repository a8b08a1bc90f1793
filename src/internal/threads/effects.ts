import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { encodeCause } from "./causes.js"
import { failed, type Outcome, type Reason, succeeded } from "./wire.js"

/** Runs the effects that functions return, with what a layer provides. */
export class Effects {
  private readonly scope = Scope.makeUnsafe()
  private context: Context.Context<never> = Context.empty()
  private building: Fiber.Fiber<Context.Context<unknown>, unknown> | undefined = undefined
  private closing: Promise<Exit.Exit<void>> | undefined = undefined

  /**
   * Builds the layer, before any effect runs, if there is a layer. `onEnd` is called with the failure of the layer, if
   * there is one, once the parts of it that were built have been released.
   */
  build(layer: Layer.Layer<unknown, unknown>, onEnd: (failure: ReadonlyArray<Reason> | undefined) => void): void {
    const build = Effect.flatMap(
      Effect.promise(() => import("effect/Layer")),
      ({ buildWithScope }) => buildWithScope(layer, this.scope)
    )
    this.building = Effect.runFork(build)
    this.building.addObserver((exit) => {
      if (Exit.isFailure(exit)) {
        const cause = encodeCause(exit.cause)
        return this.close((failure = []) => onEnd([...cause, ...failure]))
      }
      // Whatever the handlers need: so says the type of `serve`.
      this.context = exit.value
      onEnd(undefined)
    })
  }

  fork(effect: Effect.Effect<unknown, unknown>): Fiber.Fiber<unknown, unknown> {
    return Effect.runForkWith(this.context)(effect)
  }

  outcomeOf(exit: Exit.Exit<unknown, unknown>): Outcome {
    return Exit.isSuccess(exit) ? succeeded(exit.value) : failed(encodeCause(exit.cause))
  }

  /**
   * Ends the building of the layer, and runs its finalizers, once. Calls `onEnd` with the defects of the finalizers.
   */
  close(onEnd: (failure: ReadonlyArray<Reason> | undefined) => void): void {
    this.closing ??= this.closeOnce()
    void this.closing.then((exit) => onEnd(Exit.isFailure(exit) ? encodeCause(exit.cause) : undefined))
  }

  private async closeOnce(): Promise<Exit.Exit<void>> {
    // The interrupt may come back to `close`, which is to find this promise then.
    await Promise.resolve()
    const { building, scope } = this
    const built = building === undefined ? Effect.void : Fiber.interrupt(building)
    return Effect.runPromiseExit(Effect.andThen(built, Scope.close(scope, Exit.void)))
  }
}
