import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isIterable } from "effect/Predicate"
import { invalid } from "../args.js"
import { cancellation } from "../cancellation.js"
import type { AnyFiber } from "../stack.js"
import type { Taking, Wait } from "../view.js"
import type { PoolClosed } from "./errors.js"
import { type Host, Intake, type Item } from "./Intake.js"
import type { Told } from "./Job.js"
import type { RunError } from "./model.js"
import type { Follower, Pool } from "./Pool.js"
import { SyncCursor } from "./source.js"
import { currentFiber, Suspended } from "./Suspended.js"
import type { Worker } from "./Worker.js"

/**
 * The options of `runAll`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunAllOptions {
  /**
   * Whether the array has the exit of each job, also of one that fails, rather than values. Default: false. Anything
   * but true or false is a defect.
   */
  readonly exits?: boolean | undefined
}

/** Runs a job for each item, and returns what `shows` makes of their exits, by their places. */
export const runAll = <Job, A, E, B>(
  pool: Pool<Job, A, E>,
  jobs: Iterable<Job>,
  shows: (exit: Told<A, E>) => Exit.Exit<B, E | RunError>
): Effect.Effect<Array<B>, E | RunError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      if (!isIterable(jobs)) throw invalid("WorkerPool.runAll", "jobs", "an iterable", jobs)
      const all = new All(pool, new SyncCursor(jobs), shows, fiber)
      return Effect.onExit(restore(all.results), (exit) => all.close(fiber, exit))
    })
  )

/**
 * P21: the jobs of one call. The first that fails, or that the pool refuses, ends the call, which cancels the others.
 * The caller's own fiber brings them, and waits for their ends.
 */
class All<Job, A, E, B> implements Host<Job, A, E>, Follower {
  private readonly intake: Intake<Job, A, E>
  private readonly values: Array<B> = []
  private failure: Exit.Exit<never, E | RunError> | undefined = undefined
  private waitsForEnd: Suspended<Exit.Exit<void>> | undefined = undefined
  /** The worker whose job the caller is (P9), and what ends its wait in the books. */
  private readonly inside: Worker | undefined
  private endWait: (() => void) | undefined = undefined
  /** The oldest job that has not ended, which the wait is for; and whether a verdict about that is due. */
  private awaited: Item<Job, A, E> | undefined = undefined
  private isUnjudged = false

  readonly held = 0

  constructor(
    private readonly pool: Pool<Job, A, E>,
    private readonly items: SyncCursor<Job>,
    private readonly shows: (exit: Told<A, E>) => Exit.Exit<B, E | RunError>,
    caller: AnyFiber
  ) {
    this.inside = pool.insideOf(caller)
    this.intake = new Intake<Job, A, E>(this, pool)
    pool.followers.add(this)
  }

  get hasEnough(): boolean {
    return this.failure !== undefined
  }

  get isHeldUp(): boolean {
    return this.intake.isFull
  }

  poolChanged(): void {
    this.intake.fill()
  }

  get waits(): ReadonlyArray<Wait> {
    const { intake, waitsForEnd } = this
    if (this.isOver || (waitsForEnd === undefined && !intake.waits)) return []
    const { jobs } = intake
    return [{
      node: intake.caller,
      who: "fiber",
      for: jobs.length === 1 ? "a job" : `${jobs.length} jobs`,
      any: jobs,
      key: this
    }]
  }

  get takes(): Taking {
    return { by: this.intake.caller, nodes: this.intake.jobs }
  }

  get results(): Effect.Effect<Array<B>, E | RunError> {
    return Effect.flatMap(
      Effect.andThen(this.intake.bring(this.items), this.rest),
      () => this.failure ?? Exit.succeed(this.values)
    )
  }

  /** Suspends until the last job has ended. */
  private readonly rest = Effect.callback<void>((resume) => {
    if (this.isOver) return resume(Effect.void)
    this.waitsForEnd = new Suspended(currentFiber(), resume)
    this.brought()
  })

  private get isOver(): boolean {
    return this.failure !== undefined || this.intake.open.size === 0
  }

  refused(item: Item<Job, A, E>, exit: Exit.Exit<never, PoolClosed>): boolean {
    this.place(item, exit)
    return this.failure === undefined
  }

  ended(item: Item<Job, A, E>, exit: Told<A, E>): void {
    this.intake.open.remove(item)
    this.place(item, exit)
    this.intake.fill()
    this.brought()
    this.goOn()
  }

  private place({ index }: Item<Job, A, E>, exit: Told<A, E>): void {
    const shown = this.shows(exit)
    if (Exit.isSuccess(shown)) this.values[index] = shown.value
    else this.failure ??= Exit.failCause(shown.cause)
  }

  /** Lets the caller go on, if all is over. Runs its fiber. */
  private goOn(): void {
    if (!this.isOver) return
    this.waitsNoMore()
    if (this.failure !== undefined) this.intake.end(Exit.void)
    const caller = this.waitsForEnd
    this.waitsForEnd = undefined
    caller?.wake(Exit.void)
  }

  // A caller that is a job of the pool (P9). It waits for all of its jobs, and in the books for the oldest.

  settled(item: Item<Job, A, E>): void {
    if (this.inside === undefined || this.endWait === undefined || item !== this.awaited) return
    let next = item.next
    while (next?.state === "served") next = next.next
    this.awaited = next
    this.isUnjudged = true
    if (next === undefined) this.waitsNoMore()
    else this.endWait = this.pool.waits.begin(this.inside, next.job)
  }

  brought(): void {
    if (this.inside === undefined || this.failure !== undefined) return
    if (this.endWait === undefined) {
      this.awaited = this.intake.open.head
      while (this.awaited?.state === "served") this.awaited = this.awaited.next
    } else if (!this.isUnjudged) {
      return
    }
    if (this.awaited === undefined) return
    this.isUnjudged = false
    const wait = this.pool.awaitBrought(this.inside, this.awaited.job)
    if (typeof wait === "function") {
      this.endWait = wait
      return
    }
    this.failure = wait
    this.goOn()
  }

  private waitsNoMore(): void {
    this.endWait?.()
    this.endWait = undefined
  }

  /** Cancels what has not ended, waits for it, and returns the iterator. */
  close(by: AnyFiber, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const { intake, items, pool } = this
    pool.followers.delete(this)
    this.waitsNoMore()
    const why = this.failure === undefined ? "its caller was interrupted" : "another job failed"
    const annotations = cancellation("pool", pool.name, why, by, Exit.isFailure(exit) ? exit.cause : undefined)
    return Effect.andThen(intake.cancel(by, annotations), items.close)
  }
}
