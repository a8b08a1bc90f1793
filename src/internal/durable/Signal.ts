import * as Effect from "effect/Effect"
import type { AnyFiber } from "../stack.js"
import * as stack from "../stack.js"

/** A wake-up of one waiter. It may come before the fiber waits: then the wait returns at once. */
export class Signal {
  private isSet = false
  private waiter: { readonly fiber: AnyFiber; readonly go: (exit: Effect.Effect<void>) => void } | undefined

  /** Runs a fiber. */
  readonly set = (): void => {
    this.isSet = true
    const { waiter } = this
    if (waiter === undefined) return
    this.waiter = undefined
    stack.resume(waiter.fiber, waiter.go, Effect.void)
  }

  readonly clear = (): void => {
    this.isSet = false
  }

  readonly wait: Effect.Effect<void> = Effect.withFiber((fiber) =>
    Effect.callback<void>((go) => {
      if (this.isSet) return go(Effect.void)
      this.waiter = { fiber, go }
    })
  )
}
