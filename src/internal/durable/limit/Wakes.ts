import * as Effect from "effect/Effect"
import type { AnyFiber } from "../../stack.js"
import * as stack from "../../stack.js"

/** The requests of this process that may be woken, by their ids. */
export class Wakes {
  private readonly wakes = new Map<string, () => void>()

  readonly on = (id: string, wake: () => void): () => void => {
    this.wakes.set(id, wake)
    return () => void this.wakes.delete(id)
  }

  /** Another process may have given the request up: then nobody is woken. Runs fibers. */
  wake(id: string): void {
    this.wakes.get(id)?.()
  }

  /** For a connection that was lost: wake-ups may have been lost with it. Runs fibers. */
  wakeAll(): void {
    for (const wake of [...this.wakes.values()]) wake()
  }
}

/** A wake-up of one request. It may come before its fiber waits: then the wait returns at once. */
export class Wake {
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

  clear(): void {
    this.isSet = false
  }

  readonly wait: Effect.Effect<void> = Effect.withFiber((fiber) =>
    Effect.callback<void>((go) => {
      if (this.isSet) return go(Effect.void)
      this.waiter = { fiber, go }
    })
  )
}
