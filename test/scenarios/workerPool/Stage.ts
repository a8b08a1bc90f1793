/** A pool whose jobs and resources are recorded, for the laws to be held against. */
import { Cause, Effect, Exit, Schedule, Scope, Stream } from "effect"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import type { Kit } from "sluice/testing"
import { laws, type Moments } from "./laws.js"
import type { Attempt, Handle, Job, Resource, Seen, StageOptions, TestPool } from "./seen.js"

const numbered = Object.entries(laws)

/**
 * Makes the pool of a scenario and records its run. At each moment it asks the laws. At the next lull `holds` throws
 * the first thing that is wrong: an error thrown inside a job or a release would be one more defect.
 *
 * Every operation of a fiber is a point where the kit may preempt or interrupt it. So the recording is done within
 * operations that the scenario has anyway, or in a single `Effect.sync`.
 */
export class Stage implements Seen {
  pool: TestPool | undefined = undefined
  readonly handles: Array<Handle> = []

  readonly resources: Array<Resource> = []
  readonly begun: Array<Attempt> = []
  readonly running = new Set<Attempt>()
  largestSize: number
  lowered = 0
  dismissed = 0
  acquiring = 0
  isMapped = false
  hasPlaces = false
  reserving = 0

  private wrong: string | undefined = undefined
  private acquisitions = 0
  private releases = 0

  constructor(readonly options: StageOptions) {
    this.largestSize = this.size
    this.lastSize = this.size
  }

  get size(): number {
    return this.options.size ?? 1
  }

  private get maxJobs(): number {
    return this.options.resource?.maxJobs ?? Infinity
  }

  /** Every law looks at this moment. The first thing that is wrong is kept, with the statistics of the pool. */
  readonly ask = <M extends keyof Moments>(moment: M, subject: Moments[M]): void => {
    for (const [number, law] of numbered) {
      const wrong = law[moment]?.(this, subject)
      if (wrong !== undefined) this.wrong ??= `${wrong} (${number}): ${JSON.stringify(this.stats)}`
    }
  }

  get state(): string | undefined {
    return this.stats?.state
  }

  private get stats(): WorkerPool.Stats | undefined {
    return this.pool && WorkerPool.stats(this.pool)
  }

  /** True while nothing is wrong: throws the first thing that is. For `t.always`, which asks at each lull. */
  readonly holds = (): boolean => {
    this.noteSize()
    if (this.stats !== undefined) this.ask("lull", this.stats)
    if (this.wrong !== undefined) assert.fail(this.wrong)
    return true
  }

  /** The same, after one more question. */
  readonly holdsAt = <M extends keyof Moments>(moment: M, subject: Moments[M]): boolean => {
    this.ask(moment, subject)
    return this.holds()
  }

  // The pool.

  readonly make = Effect.suspend(() => {
    const { acquire, check, release, resource, restart = Schedule.recurs(0), ...options } = this.options
    // The type says which options need which others.
    const upkeep = resource && {
      ...resource,
      ...(check && { check: this.checked(check) }),
      ...((resource.maxJobs ?? resource.maxAge) !== undefined && { jitter: 0 })
    } as WorkerPool.ResourceOptions<Resource, never>
    return Effect.map(
      WorkerPool.make<
        Job,
        unknown,
        string,
        never,
        Resource,
        string,
        Scope.Scope,
        never,
        unknown,
        WorkerPool.Deadlines | undefined
      >({
        ...options,
        size: this.size,
        restart,
        worker: ({ invalidate }) => {
          const open = Effect.sync(() => this.acquired(invalidate))
          return Effect.acquireRelease(
            acquire === undefined ? open : Effect.andThen(this.acquisition(acquire), open),
            (resource) => {
              this.released(resource)
              return release?.(++this.releases) ?? Effect.void
            },
            { interruptible: true }
          )
        },
        resource: upkeep,
        run: (job: Job, context) => this.perform(job, context)
      }),
      (pool) => {
        this.ask("made", undefined)
        this.pool = pool
        return pool
      }
    )
  })

  // Resources.

  private acquisition(acquire: (n: number) => Effect.Effect<unknown, string>): Effect.Effect<unknown, string> {
    return Effect.acquireUseRelease(
      Effect.sync(() => this.acquiring++),
      () => acquire(++this.acquisitions),
      () => Effect.sync(() => this.acquiring--)
    )
  }

  private acquired(invalidate: Effect.Effect<void>): Resource {
    const resource: Resource = { state: "held", users: 0, jobs: 0, checks: 0, fate: "good", invalidate }
    this.resources.push(resource)
    this.ask("acquired", resource)
    return resource
  }

  /** The check of the options. Its failure condemns the resource, and the interrupt of a cancelled job does not. */
  private checked(check: NonNullable<StageOptions["check"]>) {
    return (resource: Resource) =>
      Effect.uninterruptibleMask((restore) => {
        this.ask("checked", resource)
        resource.checks++
        return Effect.onExitPrimitive(restore(check(this.resources.indexOf(resource), this)), (exit) => {
          resource.checks--
          if (Exit.isFailure(exit)) resource.fate = Cause.hasInterruptsOnly(exit.cause) ? "doubtful" : "condemned"
          return undefined
        }, true)
      })
  }

  private released(resource: Resource): void {
    this.noteSize()
    if (this.stats?.state === "running" && resource.fate === "good") this.dismissed++
    this.ask("released", resource)
    resource.state = "released"
  }

  /** Condemns the resource of that number, as it would itself. */
  readonly invalidate = (n: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const resource = this.resources[n]
      if (resource === undefined) return Effect.void
      resource.fate = "doubtful"
      return Effect.andThen(resource.invalidate, Effect.sync(() => void (resource.fate = "condemned")))
    })

  // Jobs.

  private perform(job: Job, context: WorkerPool.JobContext<Resource>): Effect.Effect<unknown, string> {
    const attempt = { job, id: context.job, attempt: context.attempt, resource: context.resource }
    // Before the effect has its turn: the resource may be condemned until then.
    this.ask("given", attempt)
    if (++attempt.resource.jobs >= this.maxJobs) attempt.resource.fate = "doubtful"
    return Effect.uninterruptibleMask((restore) => {
      this.begins(attempt)
      const invalidate = Effect.suspend(() => {
        attempt.resource.fate = "doubtful"
        return context.invalidate
      })
      const body = Effect.isEffect(job.body) ? job.body : job.body({ ...context, invalidate })
      return Effect.onExitPrimitive(restore(body), (exit) => {
        this.ends(attempt, exit)
        return undefined
      }, true)
    })
  }

  private begins(attempt: Attempt): void {
    this.begun.push(attempt)
    this.running.add(attempt)
    attempt.resource.users++
    this.ask("begun", attempt)
  }

  private ends(attempt: Attempt, exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.hasDies(exit) && this.options.onDefect !== "keep") attempt.resource.fate = "condemned"
    if (attempt.resource.jobs >= this.maxJobs) attempt.resource.fate = "condemned"
    this.ask("ended", attempt)
    attempt.resource.users--
    this.running.delete(attempt)
  }

  /** The handle is kept until the end. */
  readonly submit = (job: Job) => Effect.map(WorkerPool.submit(this.pool!, job), (handle) => this.keep(handle))

  readonly trySubmit = (job: Job) => Effect.map(WorkerPool.trySubmit(this.pool!, job), (handle) => this.keep(handle))

  private keep(handle: Handle): Handle {
    this.handles.push(handle)
    return handle
  }

  readonly run = (job: Job) =>
    Effect.onExit(WorkerPool.run(this.pool!, job), () => Effect.sync(() => this.ask("runEnded", job)))

  readonly tryRun = (job: Job) =>
    Effect.onExit(WorkerPool.tryRun(this.pool!, job), () => Effect.sync(() => this.ask("runEnded", job)))

  readonly runAll = (jobs: ReadonlyArray<Job>) =>
    Effect.onExit(
      Effect.suspend(() => {
        this.isMapped = true
        return WorkerPool.runAll(this.pool!, jobs)
      }),
      () => Effect.sync(() => jobs.forEach((job) => this.ask("runEnded", job)))
    )

  /** The job's body as a task. */
  readonly use = (job: Job) =>
    Effect.onExit(
      WorkerPool.use(this.pool!, (_, context) => this.perform(job, context)),
      () => Effect.sync(() => this.ask("runEnded", job))
    )

  // Places.

  private readonly slot = Effect.uninterruptibleMask((restore) => {
    this.hasPlaces = true
    this.reserving++
    return Effect.onExitPrimitive(restore(WorkerPool.reserve(this.pool!)), () => {
      this.reserving--
      return undefined
    }, true)
  })

  /** Runs a job in a place, some time after that was reserved. */
  readonly inPlace = (job: Job, before: Effect.Effect<unknown> = Effect.void) =>
    Effect.onExit(
      Effect.scoped(Effect.flatMap(this.slot, (slot) => Effect.andThen(before, slot.run(job)))),
      (exit) =>
        Effect.sync(() => {
          this.ask("runEnded", job)
          this.ask("placeUsed", exit)
        })
    )

  /** Holds a place until the pool wants it back, or for some time. */
  readonly holding = Effect.scoped(
    Effect.flatMap(this.slot, ({ recalled }) => Effect.raceFirst(recalled, Effect.sleep(10)))
  )

  readonly idle = Effect.suspend(() => WorkerPool.idle(this.pool!))

  readonly pause = Effect.suspend(() => WorkerPool.pause(this.pool!))

  /** A pause that an interrupt ends, too. */
  readonly paused = Effect.acquireUseRelease(
    this.pause,
    () => Effect.yieldNow,
    () => WorkerPool.resume(this.pool!)
  )

  readonly clear = Effect.suspend(() => WorkerPool.clear(this.pool!))

  readonly map = (jobs: ReadonlyArray<Job>, options: { readonly ordered: boolean; readonly enough?: number }) =>
    Effect.suspend(() => {
      let results = 0
      this.isMapped = true
      const stream = Stream.take(WorkerPool.map(this.pool!, jobs, options), options.enough ?? Infinity)
      return Effect.onExit(
        Stream.runForEach(stream, () => Effect.sync(() => results++)),
        (exit) => Effect.sync(() => this.ask("mapEnded", { jobs, results, exit }))
      )
    })

  /** A job's operation on its own pool, while another worker could always serve it. */
  readonly withoutVerdict = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<void> =>
    Effect.map(Effect.exit(effect), (exit) => this.ask("askedInside", exit))

  // The size.

  /** The size that the pool was last seen with. */
  private lastSize: number
  /** How many calls of `resize` are in flight. */
  private resizing = 0

  readonly resize = (size: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.largestSize = Math.max(this.largestSize, size)
      this.noteSize()
      this.resizing++
      return Effect.onExitPrimitive(WorkerPool.resize(this.pool!, size), () => {
        this.noteSize()
        this.resizing--
        return undefined
      }, true)
    })

  /**
   * The size is read from the pool, since another fiber may resize it between a call of `resize` and its effect. Where
   * no `resize` is in flight, only a resource that cannot be acquired lowers the size, and no worker is surplus.
   */
  private noteSize(): void {
    const { stats } = this
    if (stats === undefined) return
    if (this.resizing > 0) this.lowered += Math.max(0, this.lastSize - stats.size)
    this.lastSize = stats.size
  }

  // The end.

  /** An end of the pool: nothing of the pool is left once `end` has succeeded. */
  readonly ending = <A, E>(end: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.tap(end, () => Effect.sync(() => this.ask("poolEnded", undefined)))

  readonly shutdown = Effect.suspend(() => this.ending(WorkerPool.shutdown(this.pool!)))

  /** The same, for a scope; a second close does not wait for the first. */
  readonly closing = (scope: Scope.Closeable): Effect.Effect<void> =>
    Effect.uninterruptible(Effect.suspend(() => {
      const close = scope.state._tag === "Open" ? Scope.closeUnsafe(scope, Exit.void) : undefined
      return close === undefined ? Effect.void : this.ending(close)
    }))

  /** Nothing is ready any more, and the pool is still open. */
  readonly atQuiet = (t: Kit): Effect.Effect<void> =>
    t.expect(() => this.holdsAt("quiet", WorkerPool.stats(this.pool!)), "")

  /** The pool's scope has closed, or its `make` has failed. */
  readonly atEnd = (t: Kit): Effect.Effect<void> =>
    Effect.gen({ self: this }, function*() {
      yield* t.expect(() => this.holdsAt("closed", undefined), "")
      if (this.pool === undefined) return
      yield* t.expect(() => this.holdsAt("over", WorkerPool.stats(this.pool!)), "")
      for (const handle of this.handles) {
        const exit = yield* handle.await
        const settlement = { handle, exit, again: yield* handle.await, wasCancelled: yield* handle.cancel }
        yield* t.expect(() => this.holdsAt("settled", settlement), "")
      }
    })
}
