import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { encodeCause } from "./causes.js"
import { failed, type Outcome, type Reason, succeeded } from "./wire.js"

/** Runs the effects that functions return, with what a layer provides. */
export class Effects {
  private readonly scope = Scope.makeUnsafe()
  private context: Context.Context<never> = Context.empty()

  /** To be done before there are effects, if at all. `onEnd` is told why the layer could not be built. */
  async build(
    layer: Layer.Layer<unknown, unknown>,
    onEnd: (failure: ReadonlyArray<Reason> | undefined) => void
  ): Promise<void> {
    const { buildWithScope } = await import("effect/Layer")
    Effect.runFork(buildWithScope(layer, this.scope)).addObserver((exit) => {
      if (Exit.isFailure(exit)) return onEnd(encodeCause(exit.cause))
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

  /** Runs the finalizers of the layer. */
  close(onEnd: () => void): void {
    Effect.runFork(Scope.close(this.scope, Exit.void)).addObserver(onEnd)
  }
}
