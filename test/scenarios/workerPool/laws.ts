/**
 * The laws of `WorkerPool` as oracles: one constant for each law, with its sentence from the docs. An oracle has a
 * function for each moment at which its law can turn out to be broken. The function returns what is wrong, or
 * undefined.
 *
 * `Stage` records a run and asks every oracle at every moment. Five laws have no oracle here. Examples show P5, P11 and
 * P14. `test/scenarios/deadLetters.ts` explores P13, and `test/handOver.test.ts` explores P16.
 */
import { Cause, Exit } from "effect"
import { WorkerPool } from "sluice"
import { accountsOf } from "../../support/workerPool.js"
import type { Attempt, Job, Mapped, Resource, Seen, Settlement } from "./seen.js"

/** The moments at which a stage asks the oracles, each with its subject. */
export interface Moments {
  /** `make` has returned. */
  readonly made: undefined
  /** A worker has acquired this resource. */
  readonly acquired: Resource
  /** The check of this resource begins. */
  readonly checked: Resource
  /** A worker releases this resource. */
  readonly released: Resource
  /** The pool has called `run` with this attempt. The attempt has not begun. */
  readonly given: Attempt
  /** This attempt begins. */
  readonly begun: Attempt
  /** This attempt ends. */
  readonly ended: Attempt
  /** `WorkerPool.run` has ended for this job. */
  readonly runEnded: Job
  /** A stream of `WorkerPool.map` has ended. */
  readonly mapEnded: Mapped
  /** A job's operation on its own pool has ended. All the time another worker could have served it. */
  readonly askedInside: Exit.Exit<unknown, unknown>
  /** A job that was run in a place has ended. */
  readonly placeUsed: Exit.Exit<unknown, unknown>
  /** `shutdown`, `shutdownNow` or the close of the scope has returned. */
  readonly poolEnded: undefined
  /** No fiber runs; others may be ready. Asked after each turn, and at the end. */
  readonly lull: WorkerPool.Stats
  /** Nothing is ready before the next timer. So many running jobs are suspended in an operation of their own pool. */
  readonly stuck: WorkerPool.Stats & { readonly inside: number }
  /** Every actor of the scenario has ended, and nothing is ready. The pool is still open. */
  readonly quiet: WorkerPool.Stats
  /** The scope of the pool has closed, or `make` has not returned. */
  readonly closed: undefined
  /** The same, of a pool that `make` has returned. */
  readonly over: WorkerPool.Stats
  /** The same, for each handle of the pool. */
  readonly settled: Settlement
}

type Verdict = string | undefined

export type Law = { readonly [M in keyof Moments]?: (seen: Seen, subject: Moments[M]) => Verdict }

const wrongIf = (isWrong: boolean, message: string): Verdict => isWrong ? message : undefined

const heldCount = ({ resources }: Seen): number => resources.filter(({ state }) => state === "held").length

/** How many workers there always are, unless the size is lowered. */
const floorOf = ({ options: { resource }, size }: Seen): number => resource?.min ?? size

/** Whether a release may go on when its worker no longer waits for it. */
const mayDetach = ({ options: { resource } }: Seen): boolean => resource?.releaseTimeout !== undefined

/** The numbers of the jobs that have begun, in the order of their first attempts. */
const begunIds = ({ begun }: Seen): ReadonlyArray<number> =>
  begun.filter(({ attempt }) => attempt === 1).map(({ id }) => id)

const runs = ({ running }: Seen, job: Job): boolean => [...running].some((attempt) => attempt.job === job)

const triesAgain = ({ options: { retry } }: Seen): boolean =>
  retry !== undefined && (retry.times !== 0 || retry.poison !== undefined)

/**
 * P1. `make` returns once all workers hold their resources, which they acquire in parallel. If one cannot, the others
 * are released, and `make` fails as that one did.
 *
 * P2 finds a resource that is left after a failed `make`.
 */
export const P1: Law = {
  made: (seen) =>
    wrongIf(heldCount(seen) !== floorOf(seen), `make returned with ${heldCount(seen)} resources of ${floorOf(seen)}`)
}

/**
 * P2. A worker runs one job at a time on its own resource. A resource is acquired once, released once, and never used
 * afterwards. There are never more resources than workers, but for releases that `releaseTimeout` has detached.
 */
export const P2: Law = {
  acquired: (seen) => wrongIf(!mayDetach(seen) && heldCount(seen) > seen.largestSize, "more resources than workers"),
  given: (_, { resource }) => wrongIf(resource.fate === "condemned", "a job got a resource that was condemned"),
  begun: ({ largestSize, running }, { resource }) =>
    wrongIf(resource.state === "released", "a job got a resource that was released") ??
      wrongIf(resource.users > 1, "two jobs on one resource") ??
      wrongIf(running.size > largestSize, "more jobs than workers"),
  ended: (_, { resource }) => wrongIf(resource.state === "released", "a resource was released under a job"),
  released: (_, { state, users }) =>
    wrongIf(state === "released", "a resource was released twice") ??
      wrongIf(users > 0, "a resource was released while a job used it"),
  lull: ({ largestSize, running }, stats) =>
    wrongIf(
      stats.running > largestSize || stats.running < running.size,
      `${stats.running} jobs run, of them ${running.size} seen`
    ),
  closed: (seen) => wrongIf(!mayDetach(seen) && heldCount(seen) > 0, "a resource was not released"),
  over: (seen, { releasesDetached }) => wrongIf(heldCount(seen) > releasesDetached, "a resource was not released")
}

/** Jobs begin in the order of their numbers, where a single worker takes them from a single queue. */
const isInOrder = ({ hasPlaces, isMapped, largestSize, options: { queue } }: Seen): boolean =>
  // A job with a place goes before jobs that have come earlier.
  !hasPlaces &&
  // A job of `map` or `runAll` waits for room in a sliding queue too. Its number comes with the room: after that of a
  // later job.
  largestSize === 1 && queue?.key === undefined && queue?.priority === undefined &&
  !(isMapped && queue?.strategy === "sliding")

const isSorted = (numbers: ReadonlyArray<number>): boolean => numbers.every((n, i) => i === 0 || n > numbers[i - 1]!)

/**
 * P3. First come, first served. At most `capacity` jobs wait; to a full queue a job waits, is refused, is dropped, or
 * has the oldest dropped, as you ask. No accepted job is lost without its handle saying so.
 */
export const P3: Law = {
  lull: (seen, { capacity, idle, queued, reserved, waiting }) => {
    // Each key has a queue of its own, and its limit may leave a worker idle.
    if (seen.options.queue?.key !== undefined) return undefined
    // A job whose resource is lost before the job begins goes back into the queue, which may be full by then.
    const lost = seen.resources.filter(({ fate }) => fate !== "good").length
    // Retries are outside the bound.
    const isBounded = capacity !== "unbounded" && !triesAgain(seen)
    const isFull = capacity !== "unbounded" && queued >= capacity
    // A pause puts jobs back that workers have not begun.
    const isPaused = seen.state === "paused"
    const putBack = lost + (isPaused ? seen.largestSize : 0)
    // There is room for a job that another worker will come for.
    const toCome = seen.options.resource?.min === undefined ? 0 : seen.largestSize
    return wrongIf(isBounded && queued > capacity + putBack + toCome, "more jobs wait than may") ??
      wrongIf(waiting > 0 && !isFull && !triesAgain(seen), "callers wait although there is room") ??
      wrongIf(!isPaused && idle > reserved && queued + waiting > 0, "a worker is idle although jobs wait")
  },
  mapEnded: (seen, { exit, results }) => {
    // The pool takes no more, so all that it took are among the results.
    const error = Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause) ? Cause.squash(exit.cause) : undefined
    const begun = begunIds(seen).length
    return wrongIf(
      error instanceof WorkerPool.PoolClosed && results !== begun,
      `map had ${results} results of ${begun} jobs`
    )
  },
  over: (seen) =>
    wrongIf(isInOrder(seen) && !isSorted(begunIds(seen)), `jobs began in the order ${begunIds(seen).join()}`),
  settled: (seen, { handle: { id, state } }) => {
    const hasNotBegun = state === "dropped" || state === "returned" || (state === "expired" && !triesAgain(seen))
    return wrongIf(hasNotBegun && begunIds(seen).includes(id), `a ${state} job has begun`)
  }
}

/** The states of a handle that the exit agrees with. */
const statesOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<Settlement["handle"]["state"]> => {
  if (Exit.isSuccess(exit)) return ["succeeded"]
  const late = ["timedOut", "deadLettered", "dropped", "returned", "expired"] as const
  if (Cause.hasDies(exit.cause)) return ["died", ...late]
  return Cause.hasInterruptsOnly(exit.cause) ? ["interrupted"] : ["failed", ...late]
}

/**
 * P4. The ledger. At every moment `submitted = succeeded + failed + died + interrupted + expired + timedOut +
 * deadLettered + dropped + returned + queued + retrying + running`, and every handle settles exactly once.
 */
export const P4: Law = {
  lull: (_, stats) => wrongIf(accountsOf(stats) !== stats.submitted, "the ledger does not balance"),
  settled: (_, { again, exit, handle: { state }, wasCancelled }) =>
    wrongIf(again !== exit, "a handle settled twice") ??
      wrongIf(wasCancelled, "a settled job was cancelled") ??
      wrongIf(!statesOf(exit).includes(state), `a handle is ${state}, and its exit is ${String(exit)}`)
}

/**
 * P6. A typed failure is a result, and nothing more.
 *
 * Nor does an interrupt (P7) or a deadline (P11) cost a resource.
 */
export const P6: Law = {
  released: ({ dismissed, lowered, options: { resource } }) =>
    wrongIf(
      lowered === 0 && dismissed > 0 && (resource?.maxAge ?? resource?.min) === undefined,
      "a good resource was released, and no worker was surplus"
    )
}

/**
 * P7. Interrupting the caller of `run`, or `cancel`, takes a waiting job out of the queue and interrupts a running one,
 * and waits for its end. The worker goes on with the same resource.
 */
export const P7: Law = {
  runEnded: (seen, job) => wrongIf(runs(seen, job), "run has ended and its job has not"),
  mapEnded: (seen, { jobs }) => wrongIf(jobs.some((job) => runs(seen, job)), "map has ended and its jobs have not")
}

/** P8. Closing the pool's scope is `shutdownNow`. Once it returns no fiber, timer or resource of the pool is left. */
export const P8: Law = {
  poolEnded: (seen) =>
    wrongIf(
      (mayDetach(seen) ? 0 : heldCount(seen)) + seen.running.size > 0,
      `${heldCount(seen)} resources are left, ${seen.running.size} jobs run`
    ),
  over: (_, { idle, queued, retrying, running, state, waiting }) =>
    wrongIf(queued + retrying + running + waiting + idle > 0, "something is left") ??
      wrongIf(state !== "stopped" && state !== "failed", `the pool is ${state}`)
}

/**
 * P9. A job that waits for its own pool when no worker could ever serve it dies with `PoolDeadlock`, which names the
 * pool and the worker, instead of hanging.
 */
export const P9: Law = {
  askedInside: (_, exit) => {
    const defects = Exit.isSuccess(exit) ? [] : exit.cause.reasons.filter(Cause.isDieReason)
    const verdict = defects.some(({ defect }) => defect instanceof WorkerPool.PoolDeadlock)
    return wrongIf(verdict, "a verdict although a worker was free")
  },
  stuck: (_, { idle, inside, running }) =>
    wrongIf(inside > 0 && inside >= running + idle, "every worker's job waits for the pool")
}

/**
 * P10. `resize` never waits and revokes nothing. Workers that are too many leave at once when idle and after their job
 * when busy; those that are missing come as they get their resources. There are never more resources than the largest
 * size so far.
 *
 * P2 compares the resources with the largest size so far.
 */
export const P10: Law = {
  released: ({ dismissed, lowered, options: { resource } }) =>
    wrongIf(
      lowered > 0 && dismissed > lowered && (resource?.maxAge ?? resource?.min) === undefined,
      `${dismissed} good resources were released for ${lowered} surplus workers`
    ),
  quiet: ({ acquiring, largestSize, options: { resource } }, { idle, running, size, state }) =>
    wrongIf(
      // A resource may never come.
      state === "running" && acquiring === 0 && resource?.min === undefined &&
        (idle + running !== size || size > largestSize),
      "there are not as many workers as there should be"
    )
}

/** P12. Retries. [...] In between it is `retrying`: it holds no worker, and no place in the queue. */
export const P12: Law = {
  begun: ({ begun }, { attempt, id }) =>
    wrongIf(
      begun.filter((other) => other.id === id && other.attempt === attempt).length > 1,
      `attempt ${attempt} at job ${id} began twice`
    )
}

/**
 * P15. Keys. [...] At most `perKey.concurrency` jobs of a key run at a time. [...] A key is forgotten once none of its
 * jobs waits or runs.
 */
export const P15: Law = {
  begun: ({ options: { queue }, running }, { job }) => {
    const { key, perKey } = queue ?? {}
    if (key === undefined) return undefined
    const limit = typeof perKey?.concurrency === "number" ? perKey.concurrency : Infinity
    const ofKey = [...running].filter((attempt) => key(attempt.job) === key(job)).length
    return wrongIf(ofKey > limit, "more jobs of a key run than may")
  },
  over: (_, { keys }) => wrongIf(keys > 0, "a key is left")
}

/**
 * P17. Checks. Before a job begins on a resource that was idle for `resource.checkAfter` or longer, `resource.check`
 * runs on it. [...] If the check fails, [...] the job has not begun.
 *
 * P2 finds a job on a resource whose check has failed, which is condemned.
 */
export const P17: Law = {
  checked: (_, { checks, state, users }) =>
    wrongIf(state === "released", "a resource was checked after its release") ??
      wrongIf(users > 0, "a resource was checked while a job used it") ??
      wrongIf(checks > 0, "a resource was checked twice at a time"),
  given: (_, { resource }) => wrongIf(resource.checks > 0, "a job began before the check of its resource had ended"),
  released: (_, { checks }) => wrongIf(checks > 0, "a resource was released during its check")
}

/** P18. A resource serves at most `resource.maxJobs` jobs. */
export const P18: Law = {
  given: ({ options }, { resource }) =>
    wrongIf(resource.jobs >= (options.resource?.maxJobs ?? Infinity), "a resource served more jobs than it may")
}

/**
 * P19. On demand. [...] A job that would have to wait has another worker come while there are fewer than the size.
 */
export const P19: Law = {
  quiet: (seen, { acquiring, idle, queued, releasing, running, size, state, waiting }) => {
    const { options: { queue, resource } } = seen
    if (resource?.min === undefined || state !== "running") return undefined
    const [workers, isRefused] = [acquiring + idle + releasing + running, seen.options.acquire !== undefined]
    return wrongIf(workers > seen.largestSize, "more workers than the size") ??
      wrongIf(!isRefused && workers < Math.min(resource.min, size), "fewer workers than there always are") ??
      wrongIf(
        !isRefused && queue?.key === undefined && queued + waiting > 0 && workers < size,
        "jobs wait, and no worker comes"
      )
  },
  over: (_, { acquiring, releasing }) => wrongIf(acquiring + releasing > 0, "a worker is left")
}

/** P20. Pause. From `pause` to `resume`, or the beginning of the pool's end, no job begins. */
export const P20: Law = {
  given: ({ state }) => wrongIf(state === "paused", "a job began in a paused pool")
}

/** A worker is lost to the places where its resource breaks, a size is lowered, or jobs are not given out. */
const mayLoseWorkers = ({ lowered, resources, options: { resource } }: Seen): boolean =>
  lowered > 0 || resource !== undefined || resources.some(({ fate }) => fate !== "good")

/**
 * P22. Reservations. `reserve` returns a place once a worker is idle for which there is no job. Each place keeps one
 * idle worker from other jobs until it is used or given back. A job in a place begins immediately. Jobs go first: one
 * that waits has a place recalled.
 */
export const P22: Law = {
  lull: (seen, { idle, reserved, state }) =>
    wrongIf(reserved > 0 && state !== "running" && state !== "paused", "a place outlives the pool") ??
      wrongIf(reserved > idle && !mayLoseWorkers(seen), "there are more places than idle workers"),
  // In these scenarios each holder of a place gives it back once it is recalled.
  stuck: (seen, { idle, queued, reserved, state }) =>
    wrongIf(
      seen.options.queue?.key === undefined && state === "running" && idle > 0 && queued > 0,
      "a job waits for a place that was not recalled"
    ) ??
      wrongIf(
        state === "running" && idle > reserved && seen.reserving > 0,
        "a call of reserve waits although a worker is free"
      ),
  placeUsed: (_, exit) => {
    const error = Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause) ? Cause.squash(exit.cause) : undefined
    return wrongIf(
      error instanceof WorkerPool.JobLost && error.reason === "dropped",
      "a job with a place was dropped"
    )
  }
}

export const laws: Readonly<Record<string, Law>> = {
  P1,
  P2,
  P3,
  P4,
  P6,
  P7,
  P8,
  P9,
  P10,
  P12,
  P15,
  P17,
  P18,
  P19,
  P20,
  P22
}
