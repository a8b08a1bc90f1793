import * as Effect from "effect/Effect"

/**
 * Work for one fiber at a time: whoever comes while one does it leaves it to that one, which goes on until there is no
 * more. It may come back into itself, and finds it taken.
 */
export class Turnstile {
  private state: "free" | "taken" = "free"

  constructor(private readonly isDone: () => boolean, private readonly once: () => Effect.Effect<void>) {}

  /** For a finalizer: it is to be run, and not to be interrupted. */
  enter(): Effect.Effect<void> | undefined {
    if (this.state === "taken" || this.isDone()) return undefined
    this.state = "taken"
    return Effect.whileLoop({
      while: () => {
        if (!this.isDone()) return true
        this.state = "free"
        return false
      },
      body: this.once,
      step: () => {}
    })
  }
}
