/** A pool whose resource can lose a job before that has begun, as a thread can. */
import { Effect } from "effect"
import type { Sharing } from "../../src/internal/workerPool/parts.js"

/** Of one job at a time: whichever has run `lose` last. */
export class Losing implements Sharing {
  private isLost = false

  /** What a job runs that its resource loses. */
  readonly lose = Effect.suspend((): Effect.Effect<never> => {
    this.isLost = true
    return Effect.die(new Error("lost"))
  })

  whole(): undefined {
    return undefined
  }

  load(): number {
    return 0
  }

  begins(): void {
    this.isLost = false
  }

  unbegun(): "lost" | undefined {
    return this.isLost ? "lost" : undefined
  }
}
