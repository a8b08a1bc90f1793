import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Care, type Tended } from "./Care.js"
import type { Upkeep } from "./parts.js"

/** When a resource is checked, and how long the check may take, in milliseconds. */
export interface Check {
  readonly run: (resource: unknown) => Effect.Effect<unknown, unknown>
  readonly after: number
  readonly timeout: number
}

/** How long a resource serves: so many jobs, and so many milliseconds. Either may be infinite. */
export interface Limits {
  readonly maxJobs: number
  readonly maxAge: number
  /** The largest share, from 0 to 1, by which the limits of a single resource are lowered. */
  readonly jitter: number
}

/** P17, P18: checks resources that were idle, and has a resource replaced after a number of jobs or a time. */
export class ResourceUpkeep implements Upkeep {
  constructor(
    private readonly check: Check | undefined,
    private readonly limits: Limits,
    private readonly now: () => number
  ) {}

  begin(tended: Tended): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const { jitter, maxAge, maxJobs } = this.limits
      // Each number of jobs within the share is as likely as the others.
      const fewer = maxJobs === Infinity ? 0 : Math.floor((yield* Random.next) * (maxJobs * jitter + 1))
      tended.care = new Care(maxJobs - fewer)
      if (maxAge === Infinity) return
      const age = Duration.millis(maxAge * (1 - jitter * (yield* Random.next)))
      yield* Effect.forkIn(Effect.delay(tended.invalidate, age), tended.scope, { startImmediately: true })
    })
  }

  rests({ care }: Tended): void {
    if (care !== undefined && this.check !== undefined) care.idleSince ??= this.now()
  }

  due({ care, resource }: Tended): Effect.Effect<unknown, unknown> | undefined {
    const { check } = this
    if (check === undefined || care?.idleSince === undefined) return undefined
    if (this.now() - care.idleSince < check.after) return undefined
    const checked = Effect.scoped(Effect.suspend(() => check.run(resource)))
    return check.timeout === Infinity ? checked : Effect.timeout(checked, check.timeout)
  }

  began({ care }: Tended): void {
    if (care === undefined) return
    care.jobs++
    care.idleSince = undefined
  }

  isSpent({ care }: Tended): boolean {
    return care !== undefined && care.jobs >= care.maxJobs
  }
}
