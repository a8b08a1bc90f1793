/** A clock on which sleeping never waits: when nothing is ready, the driver fires the earliest timer. */
import type { Clock } from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export interface Timer {
  readonly due: number
  readonly fire: () => void
}

export class VirtualClock implements Clock {
  /** Milliseconds since the run began. */
  now = 0
  /** In the order in which they are due; of those due at once, the first set is first. */
  readonly timers: Array<Timer> = []

  // Getters: each run has a clock, and few runs read these.
  get currentTimeMillis(): Effect.Effect<number> {
    return Effect.sync(() => this.now)
  }

  get currentTimeNanos(): Effect.Effect<bigint> {
    return Effect.sync(() => this.currentTimeNanosUnsafe())
  }

  get monotonicTimeNanos(): Effect.Effect<bigint> {
    return this.currentTimeNanos
  }

  currentTimeMillisUnsafe(): number {
    return this.now
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.now * 1_000_000))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback<void>((resume) => {
      const timer: Timer = { due: this.now + millis, fire: () => resume(Effect.void) }
      const later = this.timers.findIndex(({ due }) => due > timer.due)
      this.timers.splice(later === -1 ? this.timers.length : later, 0, timer)
      return Effect.sync(() => {
        const index = this.timers.indexOf(timer)
        if (index >= 0) this.timers.splice(index, 1)
      })
    })
  }

  /** Takes a timer out and moves on to its time, unless that is past: a late timer does not turn the clock back. */
  advance(index: number): Timer | undefined {
    const [timer] = this.timers.splice(index, 1)
    if (timer !== undefined) this.now = Math.max(this.now, timer.due)
    return timer
  }
}
