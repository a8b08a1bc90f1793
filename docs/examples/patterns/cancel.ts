import { Effect } from "effect"
import { WorkerPool } from "sluice"

/** A job that `run` has brought ends with its caller. A submitted job ends when it is cancelled by its handle. */
export const cancel = Effect.scoped(
  Effect.gen(function*() {
    const log: Array<string> = []
    const pool = yield* WorkerPool.make({
      size: 1,
      run: (job: string) =>
        Effect.onInterrupt(Effect.sleep("1 minute"), () => Effect.sync(() => log.push(`${job} is undone`)))
    })
    const running = yield* WorkerPool.submit(pool, "running")
    const queued = yield* WorkerPool.submit(pool, "queued")
    const cancelled = [yield* queued.cancel, yield* running.cancel]

    // An interrupt of `run`, here by the timeout, takes the job along: when `run` has ended, so has the job.
    const inTime = yield* Effect.timeoutOption(WorkerPool.run(pool, "late"), "50 millis")
    log.push(inTime._tag)

    return { states: [running.state, queued.state], cancelled, log, idle: WorkerPool.stats(pool).idle }
  })
)
