/**
 * Counts the finalizers of every scope that a fiber of the run has had in its context, to report a finalizer that never
 * runs or runs twice. A scope's state is public, and so are the finalizers in it; each is replaced by one that counts.
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

type Finalizer = (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown>

interface Registration {
  readonly owner: string
  runs: number
}

export class Finalizers {
  private readonly scopes = new Map<Scope.Scope, { readonly owner: string; size: number }>()
  /** By the finalizer that counts. */
  private readonly registrations = new Map<Finalizer, Registration>()

  /** Called for the scope of each fiber that is about to do something: what was added since is counted from here on. */
  watch(scope: Scope.Scope, owner: string): void {
    const { state } = scope
    if (state._tag === "Closed") return
    let seen = this.scopes.get(scope)
    if (seen === undefined) this.scopes.set(scope, seen = { owner, size: 0 })
    if (state._tag === "Empty") return
    if (state.finalizers === undefined) {
      if (state.finalizer !== undefined) state.finalizer = this.counted(state.finalizer as Finalizer, owner)
    } else if (state.finalizers.size !== seen.size) {
      seen.size = state.finalizers.size
      // Setting a key that is there keeps its place, and so the order in which finalizers run.
      for (const [key, finalizer] of state.finalizers) {
        state.finalizers.set(key, this.counted(finalizer as Finalizer, owner))
      }
    }
  }

  private counted(finalizer: Finalizer, owner: string): (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void> {
    if (this.registrations.has(finalizer)) return finalizer
    const registration: Registration = { owner, runs: 0 }
    const counted: Finalizer = (exit) => {
      registration.runs++
      return finalizer(exit)
    }
    this.registrations.set(counted, registration)
    return counted
  }

  /** The first problem at the end of a run: an open scope, or a finalizer that ran twice. */
  problem(): string | undefined {
    for (const [{ state }, { owner }] of this.scopes) {
      if (state._tag !== "Open") continue
      const count = state.finalizers?.size ?? 1
      return `a scope used by ${owner} was never closed: ${count} finalizer${count === 1 ? "" : "s"} never ran`
    }
    for (const { owner, runs } of this.registrations.values()) {
      if (runs > 1) return `a finalizer registered by ${owner} ran ${runs} times`
    }
    return undefined
  }
}
