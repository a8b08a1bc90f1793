import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { WorkerPool } from "sluice"
import { ThreadPool } from "sluice/threads"
import { threadModule } from "../threadModule.js"
import { shrink } from "./filter.js"
import type { Image } from "./image.js"
import type { Job, jobs } from "./thread.js"

export interface Settings {
  /** How many images may wait. */
  readonly capacity: number
  /** How long one may wait, and then how long it may take. */
  readonly deadline: Duration.Input
  /** What the threads load. */
  readonly module?: ReturnType<typeof threadModule>
  /** How long a thread may go on with an image that nobody wants, before it is ended. */
  readonly grace?: Duration.Input
}

type ResizeError = WorkerPool.RunError | WorkerPool.JobTimeout | ThreadPool.CallError

/** What makes images smaller, some at a time; the others wait, or are dropped when too many do. */
export interface Resizer {
  readonly resize: (job: Job) => Effect.Effect<Image, ResizeError>
  readonly stats: () => WorkerPool.Stats
  readonly shutdown: (deadline: Duration.Input) => Effect.Effect<unknown>
}

const optionsOf = ({ capacity, deadline }: Settings) => ({
  name: "resizers",
  // Rather than `trySubmit`: so `run` serves for everything, and a client that hangs up takes its job along.
  queue: { capacity, strategy: "dropping" },
  deadlines: { wait: deadline, run: deadline }
} as const)

/** In threads. The pixels are moved there and back, whatever their size. */
export const inThreads = (
  size: number,
  settings: Settings
): Effect.Effect<Resizer, ThreadPool.ThreadFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { grace = "1 second", module = threadModule("thread", import.meta.url) } = settings
    const pool = yield* ThreadPool.make<typeof jobs>({ ...optionsOf(settings), ...yield* module, size, grace })
    return {
      resize: (job) => pool.run.resize(ThreadPool.transfer(job, [job.image.pixels.buffer])),
      stats: () => WorkerPool.stats(pool.workers),
      shutdown: (deadline) => WorkerPool.shutdown(pool.workers, { deadline })
    }
  })

/** For comparison, where all else happens too. Nothing can interrupt it. */
export const onMainThread = (settings: Settings): Effect.Effect<Resizer, never, Scope.Scope> =>
  Effect.map(
    WorkerPool.make({
      ...optionsOf(settings),
      size: 1,
      run: ({ image, width }: Job) => Effect.sync(() => shrink(image, width, () => false))
    }),
    (pool) => ({
      resize: (job) => WorkerPool.run(pool, job),
      stats: () => WorkerPool.stats(pool),
      shutdown: (deadline) => WorkerPool.shutdown(pool, { deadline })
    })
  )
