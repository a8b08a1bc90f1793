import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { WorkerPool } from "sluice"
import type { Serving } from "../httpServer.js"
import type { Call } from "./pool.js"
import type { Service } from "./service.js"

/**
 * The end in good order: nothing more is accepted, what has been accepted is done, or given up at the deadline, and
 * whoever waits for an answer has it. Only then may the server go.
 */
export const end = (
  { pool }: Service,
  { settled }: Serving,
  deadline: Duration.Input
): Effect.Effect<WorkerPool.ShutdownReport<Call>> =>
  Effect.tap(
    WorkerPool.shutdown(pool, { deadline }),
    // Those that come meanwhile are refused at once; but who does not stop coming is not waited for.
    () => Effect.timeoutOption(settled, "1 second")
  )
