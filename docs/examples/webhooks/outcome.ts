import * as Effect from "effect/Effect"
import { WorkerPool } from "sluice"
import { type Ended, fanOut } from "./fanOut.js"
import type { Options, Version } from "./options.js"
import type { Pool } from "./pool.js"
import { showing } from "./progress.js"
import type { Received, ServerFailed } from "./server.js"
import { inChild } from "./spawn.js"
import { kindsOf } from "./subscribers.js"
import { Tally } from "./tally.js"

/** What the senders say of it, and what the subscribers say. */
export interface Outcome extends Pick<Tally, "rows" | "reasons"> {
  readonly version: Version
  readonly ended: Ended
  readonly received: Received
  readonly seconds: number
}

/** Runs one version with subscribers of its own. */
export const runVersion = (
  version: Version,
  options: Options,
  stop: Effect.Effect<void>
): Effect.Effect<Outcome, ServerFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* inChild(options)
    const tally = new Tally(kindsOf(options))
    let pool: Pool | undefined = undefined as Pool | undefined
    yield* showing(version, options.subscribers * options.events, () => ({
      settled: tally.settled,
      ...pool === undefined ? { running: 0, queued: 0, retrying: 0 } : WorkerPool.stats(pool)
    }))
    const began = performance.now()
    const ended = yield* fanOut({ ...options, keyed: version === "keyed" }, server.port, tally, stop, (made) => {
      pool = made
    })
    const seconds = (performance.now() - began) / 1000
    const { again, events, late } = yield* server.end
    return { version, ended, received: { again, events, late }, seconds, rows: tally.rows, reasons: tally.reasons }
  }))
