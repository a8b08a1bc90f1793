import * as Effect from "effect/Effect"
import { WorkerPool } from "sluice"
import type { ServerFailed } from "../httpServer.js"
import { type MetricsFailed, serveMetrics } from "../observability/metrics.js"
import { type Ended, fanOut } from "./fanOut.js"
import type { Options, Version } from "./options.js"
import type { Pool } from "./pool.js"
import { showing } from "./progress.js"
import type { Received } from "./server.js"
import { inChild } from "./spawn.js"
import { kindsOf } from "./subscribers.js"
import { Tally } from "./tally.js"
import { say } from "./text.js"

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
): Effect.Effect<Outcome, ServerFailed | MetricsFailed> =>
  Effect.scoped(Effect.gen(function*() {
    if (options.metricsPort !== undefined) {
      const { href } = yield* serveMetrics(options.metricsPort)
      say(`${version}: metrics are at ${href}`)
    }
    const server = yield* inChild(options)
    const tally = new Tally(kindsOf(options))
    let pool: Pool | undefined = undefined as Pool | undefined
    yield* showing(version, options.subscribers * options.events, () => ({
      settled: tally.settled,
      ...pool === undefined ? { running: 0, queued: 0, retrying: 0 } : WorkerPool.stats(pool)
    }))
    const began = performance.now()
    const settings = { ...options, keyed: version === "keyed", metrics: options.metricsPort !== undefined }
    const ended = yield* fanOut(settings, server.port, tally, stop, (made) => {
      pool = made
    })
    const seconds = (performance.now() - began) / 1000
    const { again, events, late } = yield* server.end
    return { version, ended, received: { again, events, late }, seconds, rows: tally.rows, reasons: tally.reasons }
  }))
