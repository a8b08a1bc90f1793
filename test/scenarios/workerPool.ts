/**
 * One small scenario for each operation of `WorkerPool`, to be explored to the last schedule; and what they stand on.
 */
import { Cause, Deferred, Effect, Exit, Schedule, Scope, Stream } from "effect"
import { WorkerPool } from "sluice"
import { type Kit, type Scenario, scenario } from "sluice/testing"
import { accountsOf } from "../support/workerPool.js"

/** What a job does on its worker's resource. */
export interface Job {
  readonly name: string
  readonly body:
    | Effect.Effect<unknown, string>
    | ((context: WorkerPool.JobContext<Resource>) => Effect.Effect<unknown, string>)
}

interface Resource {
  state: "held" | "released"
  users: number
  /** Somebody has asked for it to be replaced; "condemned" once that call has returned, or a job has died on it. */
  fate: "good" | "doubtful" | "condemned"
  readonly invalidate: Effect.Effect<void>
}

export type TestPool = WorkerPool.WorkerPool<Job, unknown, string | WorkerPool.JobTimeout>
export type Handle = WorkerPool.JobHandle<unknown, string | WorkerPool.JobTimeout>

export interface StageOptions extends
  Partial<
    Pick<
      WorkerPool.Options<Job, unknown, string, never, Resource, string, Scope.Scope>,
      "size" | "queue" | "onDefect" | "restart" | "deadlines" | "retry"
    >
  >
{
  /** What acquiring a resource does before it succeeds; `n` counts the attempts of all workers. */
  readonly acquire?: (n: number) => Effect.Effect<unknown, string>
  readonly release?: (n: number) => Effect.Effect<unknown>
}

/** A pool whose jobs and resources are watched: what is wrong at any moment is kept in `wrong`. */
export class Stage {
  pool: TestPool | undefined = undefined
  private wrong: string | undefined = undefined
  readonly resources: Array<Resource> = []
  readonly handles: Array<Handle> = []
  readonly begun: Array<number> = []
  private readonly tried = new Set<string>()
  private readonly runs = new Set<Job>()
  private running = 0
  private attempts = 0
  private releases = 0

  constructor(readonly options: StageOptions) {
    this.most = this.size
    this.last = this.size
  }

  get size(): number {
    return this.options.size ?? 1
  }

  /** The largest it has ever been: `resize` revokes nothing (P10). */
  private most: number
  /** The size that the pool was last seen with. */
  private last: number
  /** How many good resources may be released since it got smaller. */
  private spare = 0
  /**
   * How many calls of `resize` are under way. A pool that cannot get a resource gets smaller as well, and releases
   * none.
   */
  private resizing = 0

  readonly resize = (size: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.most = Math.max(this.most, size)
      this.noteSize()
      this.resizing++
      return Effect.onExitPrimitive(WorkerPool.resize(this.pool!, size), () => {
        this.noteSize()
        this.resizing--
        return undefined
      }, true)
    })

  /** Of several fibers, another one may resize between a call and its effect: so the pool says what the size is. */
  private noteSize(): void {
    if (this.pool === undefined) return
    const { size } = WorkerPool.stats(this.pool)
    if (this.resizing > 0) this.spare += Math.max(0, this.last - size)
    this.last = size
  }

  private blame(condition: boolean, what: string): void {
    if (!condition) this.wrong ??= what
  }

  readonly make = Effect.suspend(() => {
    const { acquire, release, restart = Schedule.recurs(0), ...options } = this.options
    return Effect.map(
      WorkerPool.make({
        ...options,
        size: this.size,
        restart,
        worker: ({ invalidate }) => {
          const open = Effect.sync(() => this.acquired(invalidate))
          return Effect.acquireRelease(
            acquire === undefined ? open : Effect.andThen(this.acquiring(acquire), open),
            (resource) => {
              this.released(resource)
              return release?.(++this.releases) ?? Effect.void
            },
            { interruptible: true }
          )
        },
        run: (job: Job, context) => {
          // Here, since it may be condemned before the effect gets its turn.
          this.blame(context.resource.fate !== "condemned", "a job got a resource that was condemned (P2)")
          return Effect.uninterruptibleMask((restore) => {
            this.begins(job, context)
            const invalidate = Effect.suspend(() => {
              context.resource.fate = "doubtful"
              return context.invalidate
            })
            const body = Effect.isEffect(job.body) ? job.body : job.body({ ...context, invalidate })
            return Effect.onExitPrimitive(restore(body), (exit) => {
              this.ends(job, context, exit)
              return undefined
            }, true)
          })
        }
      }),
      (pool) => {
        const held = this.resources.filter(({ state }) => state === "held").length
        this.blame(held === this.size, `make returned with ${held} resources of ${this.size} (P1)`)
        this.pool = pool
        return pool
      }
    )
  })

  /** How many acquisitions are under way. */
  private pending = 0

  private acquiring(acquire: (n: number) => Effect.Effect<unknown, string>): Effect.Effect<unknown, string> {
    return Effect.acquireUseRelease(
      Effect.sync(() => this.pending++),
      () => acquire(++this.attempts),
      () => Effect.sync(() => this.pending--)
    )
  }

  private acquired(invalidate: Effect.Effect<void>): Resource {
    const resource: Resource = { state: "held", users: 0, fate: "good", invalidate }
    this.resources.push(resource)
    const held = this.resources.filter(({ state }) => state === "held").length
    this.blame(held <= this.most, "more resources than workers (P2)")
    return resource
  }

  private released(resource: Resource): void {
    this.blame(resource.state === "held", "a resource was released twice (P2)")
    this.noteSize()
    const { state } = this.pool === undefined ? { state: "starting" } : WorkerPool.stats(this.pool)
    if (state === "running" && resource.fate === "good") {
      this.blame(this.spare-- > 0, "a good resource was released (P6, P10)")
    }
    this.blame(resource.users === 0, "a resource was released while a job used it (P2)")
    resource.state = "released"
  }

  /** How many jobs of each key run. */
  private readonly perKey = new Map<unknown, number>()

  private countKey(job: Job, change: 1 | -1): void {
    const { key, perKey } = this.options.queue ?? {}
    if (key === undefined) return
    const running = (this.perKey.get(key(job)) ?? 0) + change
    this.perKey.set(key(job), running)
    this.blame(running <= (perKey?.concurrency ?? Infinity), "more jobs of a key run than may (P15)")
  }

  private begins(job: Job, { attempt, job: id, resource }: WorkerPool.JobContext<Resource>): void {
    if (attempt === 1) this.begun.push(id)
    this.blame(!this.tried.has(`${id}/${attempt}`), "an attempt began twice (P12)")
    this.tried.add(`${id}/${attempt}`)
    this.runs.add(job)
    this.countKey(job, 1)
    this.blame(resource.state === "held", "a job got a resource that was released (P2)")
    this.blame(++resource.users === 1, "two jobs on one resource (P2)")
    this.blame(++this.running <= this.most, "more jobs than workers (P2)")
  }

  private ends(job: Job, { resource }: WorkerPool.JobContext<Resource>, exit: Exit.Exit<unknown, unknown>): void {
    this.runs.delete(job)
    this.countKey(job, -1)
    const died = Exit.isFailure(exit) && Cause.hasDies(exit.cause)
    if (died && this.options.onDefect !== "keep") resource.fate = "condemned"
    this.blame(resource.state === "held", "a resource was released under a job (P2)")
    resource.users--
    this.running--
  }

  /** The handle is kept, for the end to look at. */
  readonly submit = (job: Job) => Effect.map(WorkerPool.submit(this.pool!, job), (handle) => this.keep(handle))

  readonly trySubmit = (job: Job) => Effect.map(WorkerPool.trySubmit(this.pool!, job), (handle) => this.keep(handle))

  /** However it ends, the job has ended by then. */
  readonly run = (job: Job) =>
    Effect.onExit(
      WorkerPool.run(this.pool!, job),
      () => Effect.sync(() => this.blame(!this.runs.has(job), "run has ended and its job has not (P7)"))
    )

  /** An end of the pool, after which nothing of it is left. */
  readonly ending = <A, E>(end: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.tap(end, () =>
      Effect.sync(() => {
        const held = this.resources.filter(({ state }) => state === "held").length
        this.blame(held === 0 && this.runs.size === 0, `${held} resources are left, ${this.runs.size} jobs run (P8)`)
      }))

  /** Condemns the resource of that number, as it would itself. */
  readonly invalidate = (n: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const resource = this.resources[n]
      if (resource === undefined) return Effect.void
      resource.fate = "doubtful"
      return Effect.andThen(resource.invalidate, Effect.sync(() => void (resource.fate = "condemned")))
    })

  /** The same, for a scope; a second close does not wait for the first. */
  readonly closing = (scope: Scope.Closeable): Effect.Effect<void> =>
    Effect.uninterruptible(Effect.suspend(() => {
      const close = scope.state._tag === "Open" ? Scope.closeUnsafe(scope, Exit.void) : undefined
      return close === undefined ? Effect.void : this.ending(close)
    }))

  /** What a job asks of its own pool where nothing can be in the way (P9). */
  readonly withoutVerdict = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<void> =>
    Effect.map(Effect.exit(effect), (exit) => {
      const defects = Exit.isSuccess(exit) ? [] : exit.cause.reasons.filter(Cause.isDieReason)
      const verdict = defects.some(({ defect }) => defect instanceof WorkerPool.PoolDeadlock)
      this.blame(!verdict, "a verdict although a worker was free (P9)")
    })

  /** A stream brings jobs. */
  isMapped = false

  /**
   * When the stream has ended, so have its jobs; and if the pool took no more, all that it took are among the results.
   */
  readonly map = (jobs: ReadonlyArray<Job>, options: { readonly ordered: boolean; readonly enough?: number }) =>
    Effect.suspend(() => {
      let results = 0
      this.isMapped = true
      const stream = Stream.take(WorkerPool.map(this.pool!, jobs, options), options.enough ?? Infinity)
      return Effect.onExit(Stream.runForEach(stream, () => Effect.sync(() => results++)), (exit) =>
        Effect.sync(() => {
          this.blame(!jobs.some((job) => this.runs.has(job)), "map has ended and its jobs have not (P7)")
          const error = Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause) ? Cause.squash(exit.cause) : undefined
          if (error instanceof WorkerPool.PoolClosed) {
            this.blame(results === this.begun.length, `map had ${results} results of ${this.begun.length} jobs (P3)`)
          }
        }))
    })

  private keep(handle: Handle): Handle {
    this.handles.push(handle)
    return handle
  }

  private get triesAgain(): boolean {
    const { retry } = this.options
    return retry !== undefined && (retry.times !== 0 || retry.poison !== undefined)
  }

  /** What must hold whenever no fiber runs. */
  readonly holds = (): boolean => {
    if (this.pool === undefined) return this.blameless()
    this.noteSize()
    const { capacity, queued, running, waiting, ...stats } = WorkerPool.stats(this.pool)
    this.blame(accountsOf({ ...stats, queued, running }) === stats.submitted, "the ledger does not balance (P4)")
    this.blame(
      running <= this.most && running >= this.running,
      `${running} jobs run, of them ${this.running} seen (P2)`
    )
    // Jobs that come back are outside the bound.
    const again = this.triesAgain
    // Each key has a queue of its own, and its limit may leave a worker idle.
    if (this.options.queue?.key !== undefined) return this.blameless()
    // A job whose resource is lost before the job begins goes back into the queue, which may be full by then.
    const lost = this.resources.filter(({ fate }) => fate !== "good").length
    this.blame(capacity === "unbounded" || queued <= capacity + lost || again, "more jobs wait than may (P3)")
    const isFull = capacity !== "unbounded" && queued >= capacity
    this.blame(waiting === 0 || isFull || again, "callers wait although there is room (P3)")
    this.blame(stats.idle === 0 || queued + waiting === 0, "a worker is idle although jobs wait (P3)")
    return this.blameless()
  }

  private blameless(): boolean {
    if (this.wrong === undefined) return true
    throw new Error(`${this.wrong}: ${JSON.stringify(this.pool && WorkerPool.stats(this.pool))}`)
  }

  /** Nothing is ready any more: each worker has its resource, unless that never comes. */
  readonly staffed = (): boolean => {
    const { idle, running, size, state } = WorkerPool.stats(this.pool!)
    return state !== "running" || this.pending > 0 || (idle + running === size && size <= this.most)
  }

  /** What must hold once the pool is over. */
  readonly over = (t: Kit): Effect.Effect<void> =>
    Effect.gen({ self: this }, function*() {
      yield* t.expect(this.resources.every(({ state }) => state === "released"), "a resource was not released (P2)")
      if (this.pool === undefined) return
      const stats = WorkerPool.stats(this.pool)
      const { idle, queued, running, state, waiting } = stats
      yield* t.expect(
        queued + running + waiting + idle + stats.retrying === 0,
        `something is left: ${JSON.stringify(stats)}`
      )
      yield* t.expect(state === "stopped" || state === "failed", `the pool is ${state}`)
      // A stream's job waits for room also in a sliding queue, and is numbered once it has some: after a job that came
      // later.
      const isNumberedLate = this.isMapped && this.options.queue?.strategy === "sliding"
      const inOrder = this.most === 1 && this.options.queue?.key === undefined &&
        this.options.queue?.priority === undefined && !isNumberedLate
      yield* t.expect(stats.keys === 0, "a key is left (P15)")
      yield* t.expect(!inOrder || isSorted(this.begun), `jobs began in the order ${this.begun.join()} (P3)`)
      yield* t.expect(new Set(this.begun).size === this.begun.length, "a job began twice")
      const again = this.triesAgain
      for (const handle of this.handles) {
        const exit = yield* handle.await
        yield* t.expect(exit === (yield* handle.await), "a handle settled twice (P4)")
        yield* t.expect(!(yield* handle.cancel), "a settled job was cancelled")
        const told = Exit.isSuccess(exit)
          ? "succeeded"
          : exit.cause.reasons.some(Cause.isDieReason)
          ? "died"
          : Cause.hasInterruptsOnly(exit.cause)
          ? "interrupted"
          : "failed"
        const never = handle.state === "dropped" || handle.state === "returned" || handle.state === "expired"
        const late = handle.state === "timedOut" || handle.state === "deadLettered" || never
        yield* t.expect(
          handle.state === told || (late && (told === "failed" || told === "died")),
          `${handle.state}, but ${told}`
        )
        yield* t.expect(
          !never || (again && handle.state === "expired") || !this.begun.includes(handle.id),
          `a ${handle.state} job has begun (P3)`
        )
      }
      // With it, every settled job is in one account: nothing is left.
      yield* t.expect(accountsOf(stats) === stats.submitted, "the ledger does not balance (P4)")
    })
}

const isSorted = (numbers: ReadonlyArray<number>): boolean => numbers.every((n, i) => i === 0 || n > numbers[i - 1]!)

export const job = (name: string, body: Job["body"] = Effect.yieldNow): Job => ({ name, body })

/** Actors around one pool, whose scope closes when they have ended; or when the first has, with `closing`. */
const around = (
  options: StageOptions & { readonly closing?: boolean },
  effects: (stage: Stage) => ReadonlyArray<Effect.Effect<unknown, unknown>>
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const stage = new Stage(options)
      const scope = yield* Scope.make()
      yield* Scope.provide(stage.make, scope)
      yield* t.always(stage.holds, "")
      // What a release dies of is the scope's to tell; here it is one of the things that happen.
      const close = Effect.exit(stage.closing(scope))
      for (const [i, effect] of effects(stage).entries()) {
        const closing = i === 0 && options.closing === true ? Effect.onExit(effect, () => close) : effect
        yield* t.actor(String.fromCharCode(97 + i), closing, { mayDie: true })
      }
      yield* t.settled
      yield* t.expect(stage.staffed, "there are not as many workers as there should be (P10)")
      yield* close
      yield* stage.over(t)
    })
  )

/** `make` itself: an actor makes the pool, uses it, and leaves. */
const making = (options: StageOptions): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const stage = new Stage(options)
      yield* t.always(stage.holds, "")
      yield* t.actor("a", Effect.scoped(Effect.flatMap(stage.make, () => stage.run(job("one")))), { mayDie: true })
      yield* t.settled
      yield* stage.over(t)
    })
  )

const one = { size: 1, queue: { capacity: 1 } }

/** A job's key is the first letter of its name. */
const keyed = (size: number, concurrency: number, capacity = 1): StageOptions => ({
  size,
  queue: { capacity, key: ({ name }) => name[0], perKey: { concurrency } }
})

export const exhausted: Record<string, Scenario> = {
  make: making({ size: 2 }),
  "make, with slow resources": making({ size: 2, acquire: () => Effect.yieldNow }),
  "make, where one cannot be acquired": making({
    size: 2,
    acquire: (n) => n === 2 ? Effect.fail("refused") : Effect.yieldNow,
    release: () => Effect.yieldNow
  }),
  submit: around(one, ({ submit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    submit(job("three"))
  ]),
  "submit, to a queue of capacity 0": around({ size: 1, queue: { capacity: 0 } }, ({ submit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    submit(job("three"))
  ]),
  "submit, dropping": around({ size: 1, queue: { capacity: 1, strategy: "dropping" } }, ({ submit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    submit(job("three"))
  ]),
  "submit, sliding": around({ size: 1, queue: { capacity: 1, strategy: "sliding" } }, ({ submit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    submit(job("three"))
  ]),
  trySubmit: around(one, ({ submit, trySubmit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    trySubmit(job("three"))
  ]),
  run: around(one, ({ run }) => [run(job("one")), run(job("two"))]),
  "run, with a finalizer": around(one, ({ run }) => [
    run(job("one", Effect.onExit(Effect.yieldNow, () => Effect.yieldNow)))
  ]),
  await: around(one, ({ submit }) => [
    Effect.flatMap(submit(job("one")), (handle) => handle.await),
    Effect.flatMap(submit(job("two")), (handle) => handle.await)
  ]),
  cancel: around(one, ({ submit }) => [
    Effect.flatMap(submit(job("one", Effect.never)), (handle) => handle.cancel),
    Effect.flatMap(submit(job("two")), (handle) => handle.cancel)
  ]),
  "cancel, from two": around(one, (stage) => [
    Effect.flatMap(
      stage.submit(job("one", Effect.onExit(Effect.never, () => Effect.yieldNow))),
      ({ cancel }) => cancel
    ),
    Effect.suspend(() => stage.handles[0]?.cancel ?? Effect.void)
  ]),
  invalidate: around(one, ({ run }) => [
    run(job("one", ({ invalidate }) => Effect.andThen(invalidate, Effect.yieldNow))),
    run(job("two"))
  ]),
  "invalidate, by the resource itself": around(one, ({ invalidate, run }) => [
    Effect.andThen(run(job("one")), run(job("two"))),
    invalidate(0)
  ]),
  "invalidate, by who hears of a job's end": around(
    { size: 1, queue: { capacity: 2 } },
    ({ invalidate, run, submit }) => [
      Effect.flatMap(submit(job("one")), (handle) => Effect.andThen(handle.await, invalidate(0))),
      Effect.andThen(submit(job("two")), run(job("three")))
    ]
  ),
  "invalidate, by who hears of a job's end, and ends another": around({ size: 2, queue: { capacity: 1 } }, (stage) => [
    Effect.suspend(() => {
      const gate = Deferred.makeUnsafe<void>()
      return Effect.gen(function*() {
        yield* stage.submit(job("two", Deferred.await(gate)))
        const handle = yield* stage.submit(job("one"))
        yield* handle.await
        yield* Deferred.succeed(gate, undefined)
        yield* stage.invalidate(1)
      })
    }),
    stage.run(job("three"))
  ]),
  "a job that dies": around(one, ({ run }) => [run(job("one", Effect.die("poison"))), run(job("two"))]),
  "a job that dies, with a slow replacement": around({ ...one, acquire: () => Effect.yieldNow }, ({ run }) => [
    run(job("one", Effect.die("poison"))),
    run(job("two"))
  ]),
  "a release that dies": around({ ...one, release: (n) => n === 1 ? Effect.die("stuck") : Effect.void }, ({ run }) => [
    run(job("one", Effect.die("poison"))),
    run(job("two"))
  ]),
  "a replacement that fails": around({ ...one, acquire: (n) => n > 1 ? Effect.fail("refused") : Effect.void }, (
    { run, submit }
  ) => [
    Effect.andThen(submit(job("one", Effect.die("poison"))), run(job("two"))),
    run(job("three"))
  ]),
  "a replacement that fails once": around(
    { ...one, acquire: (n) => n === 2 ? Effect.fail("refused") : Effect.void, restart: Schedule.recurs(1) },
    ({ run }) => [run(job("one", Effect.die("poison"))), run(job("two"))]
  ),
  shutdown: around(one, (stage) => [
    Effect.andThen(stage.submit(job("one")), stage.submit(job("two"))),
    stage.ending(WorkerPool.shutdown(stage.pool!))
  ]),
  "shutdown, with a deadline": around(one, (stage) => [
    Effect.andThen(stage.submit(job("one", Effect.never)), stage.submit(job("two"))),
    stage.ending(WorkerPool.shutdown(stage.pool!, { deadline: 1 }))
  ]),
  "resize, to more": around(one, (stage) => [
    Effect.andThen(stage.submit(job("one")), stage.submit(job("two"))),
    stage.resize(2)
  ]),
  "resize, to less": around({ size: 2, queue: { capacity: 1 } }, (stage) => [
    Effect.andThen(stage.submit(job("one")), stage.submit(job("two"))),
    stage.resize(1)
  ]),
  "resize, there and back": around({ ...one, acquire: () => Effect.yieldNow }, (stage) => [
    stage.run(job("one")),
    Effect.andThen(Effect.andThen(stage.resize(2), stage.resize(1)), stage.resize(2))
  ]),
  "resize, by two": around(one, (stage) => [stage.resize(2), stage.resize(1)]),
  "resize, and shutdown": around({ size: 2, queue: { capacity: 1 } }, (stage) => [
    stage.submit(job("one")),
    Effect.andThen(stage.resize(1), stage.resize(3)),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),
  "resize, where one more cannot be had": around({
    ...one,
    acquire: (n) => n === 2 ? Effect.fail("refused") : Effect.yieldNow
  }, (stage) => [stage.run(job("one")), stage.resize(2)]),
  "resize, to less, while a job waits for room": around({ size: 2, queue: { capacity: 0 } }, (stage) => [
    stage.run(job("one", Effect.exit(stage.run(job("two"))))),
    stage.run(job("three")),
    stage.resize(1)
  ]),
  "a deadline of a wait": around({ ...one, deadlines: { wait: 1 } }, (stage) => [
    stage.run(job("one", Effect.sleep(2))),
    Effect.andThen(stage.submit(job("two")), stage.run(job("three")))
  ]),
  "a deadline of a wait, and shutdown": around({ ...one, deadlines: { wait: 1 } }, (stage) => [
    Effect.andThen(stage.submit(job("one", Effect.sleep(2))), stage.submit(job("two"))),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),
  "a deadline of a run": around({ ...one, deadlines: { run: 1 } }, (stage) => [
    stage.run(job("one", Effect.onExit(Effect.never, () => Effect.yieldNow))),
    stage.run(job("two"))
  ]),
  "a deadline of a run, cancel and shutdown": around({ ...one, deadlines: { run: 1 } }, (stage) => [
    Effect.flatMap(stage.submit(job("one", Effect.never)), (handle) => Effect.andThen(Effect.sleep(1), handle.cancel)),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),
  "retry": around({ ...one, retry: { schedule: Schedule.recurs(1) } }, (stage) => [
    stage.run(job("one", Effect.fail("planned"))),
    stage.run(job("two"))
  ]),
  "retry, cancel and shutdown": around({ ...one, retry: { schedule: Schedule.spaced(1) } }, (stage) => [
    Effect.flatMap(
      stage.submit(job("one", Effect.fail("planned"))),
      (handle) => Effect.andThen(Effect.yieldNow, handle.cancel)
    ),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!, { deadline: 2 })))
  ]),
  "retry, and shutdownNow": around({ ...one, retry: { schedule: Schedule.recurs(1) } }, (stage) => [
    stage.run(job("one", Effect.fail("planned"))),
    stage.ending(Effect.suspend(() => WorkerPool.shutdownNow(stage.pool!)))
  ]),
  "retry, and resize": around({ size: 2, queue: { capacity: 1 }, retry: { schedule: Schedule.recurs(1) } }, (stage) => [
    stage.run(job("one", Effect.fail("planned"))),
    stage.resize(1)
  ]),
  "retry, without a queue, and resize": around(
    { size: 1, queue: { capacity: 0 }, retry: { schedule: Schedule.recurs(1) } },
    (stage) => [
      stage.run(job("one", Effect.fail("planned"))),
      Effect.andThen(stage.resize(2), stage.run(job("two")))
    ]
  ),
  "retry, of a job that timed out": around(
    { ...one, retry: { schedule: Schedule.recurs(1) }, deadlines: { run: 1 } },
    (stage) => [
      stage.run(job("one", Effect.never)),
      stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
    ]
  ),
  "poison": around({ ...one, retry: { times: 0, poison: { kills: 2 }, deadLetters: {} } }, (stage) => [
    stage.run(job("one", Effect.die("poison"))),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),
  "a dead letter, cancel and shutdownNow": around({
    ...one,
    retry: { times: 0, deadLetters: { sink: () => Effect.yieldNow } }
  }, (stage) => [
    Effect.flatMap(stage.submit(job("one", Effect.fail("planned"))), (handle) => handle.cancel),
    stage.ending(Effect.suspend(() => WorkerPool.shutdownNow(stage.pool!)))
  ]),
  "dead letters, read and interrupted": around(
    { ...one, retry: { times: 0, deadLetters: {} }, closing: true },
    (stage) => [
      Effect.andThen(
        stage.submit(job("one", Effect.fail("planned"))),
        Effect.suspend(() => WorkerPool.shutdown(stage.pool!))
      ),
      Effect.suspend(() => Stream.runDrain(WorkerPool.deadLetters(stage.pool!))),
      Effect.suspend(() => Stream.runDrain(Stream.take(WorkerPool.deadLetters(stage.pool!), 1)))
    ]
  ),
  "keys, of which one may run at a time": around(keyed(2, 1), (stage) => [
    Effect.andThen(stage.submit(job("a1")), stage.submit(job("a2"))),
    stage.run(job("b1"))
  ]),
  "keys, cancel, and a job that dies": around(keyed(2, 1), (stage) => [
    Effect.andThen(stage.submit(job("a1", Effect.die("poison"))), stage.run(job("a2"))),
    Effect.flatMap(stage.submit(job("a3")), (handle) => handle.cancel)
  ]),
  "keys, without a queue, and shutdown": around(keyed(1, 1, 0), (stage) => [
    Effect.andThen(stage.submit(job("a1")), stage.submit(job("a2"))),
    stage.submit(job("b1")),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),
  "keys, and retry": around({ ...keyed(2, 1), retry: { schedule: Schedule.recurs(1) } }, (stage) => [
    stage.run(job("a1", Effect.fail("planned"))),
    stage.run(job("a2"))
  ]),
  "keys, and resize": around(keyed(1, 2), (stage) => [
    Effect.andThen(stage.submit(job("a1")), stage.submit(job("a2"))),
    stage.resize(2)
  ]),
  "keys, resize and shutdown": around(keyed(1, 1), (stage) => [
    Effect.andThen(stage.submit(job("a1")), stage.submit(job("a2"))),
    Effect.andThen(stage.resize(2), stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!))))
  ]),
  "keys that vanish, and come again": around(keyed(1, 1, 0), (stage) => [
    Effect.andThen(stage.run(job("a1")), stage.run(job("a2"))),
    Effect.flatMap(stage.submit(job("a3")), (handle) => handle.cancel)
  ]),
  "priority": around({ size: 1, queue: { capacity: 2, priority: ({ name }) => Number(name), aging: 1 } }, (stage) => [
    Effect.andThen(stage.submit(job("1")), stage.submit(job("2"))),
    Effect.flatMap(stage.submit(job("0")), (handle) => handle.cancel),
    stage.run(job("0"))
  ]),
  "shutdown, before its deadline": around(one, (stage) => [
    stage.submit(job("one")),
    stage.ending(WorkerPool.shutdown(stage.pool!, { deadline: 1_000_000 }))
  ]),
  "shutdownNow, while a resource cannot be replaced": around(
    { ...one, acquire: (n) => n > 1 ? Effect.never : Effect.void },
    (stage) => [
      stage.submit(job("one", Effect.die("poison"))),
      stage.ending(WorkerPool.shutdownNow(stage.pool!))
    ]
  ),
  "cancel, from within the job": around(one, (stage) => [
    Effect.andThen(
      stage.submit(job("one")),
      stage.submit(job("two", Effect.suspend(() => stage.handles[1]?.cancel ?? Effect.void)))
    )
  ]),
  "shutdown, while a resource is replaced": around({ ...one, acquire: (n) => n > 1 ? Effect.yieldNow : Effect.void }, (
    stage
  ) => [
    stage.run(job("one", Effect.die("poison"))),
    WorkerPool.shutdown(stage.pool!)
  ]),
  shutdownNow: around(one, (stage) => [
    Effect.andThen(stage.submit(job("one", Effect.never)), stage.run(job("two"))),
    WorkerPool.shutdownNow(stage.pool!)
  ]),
  "shutdown from within a job": around(one, (stage) => [
    stage.run(job("one", Effect.asVoid(WorkerPool.shutdown(stage.pool!)))),
    stage.run(job("two"))
  ]),
  "the scope closes": around({ ...one, closing: true }, ({ run, submit }) => [
    submit(job("one", Effect.never)),
    run(job("two"))
  ]),
  "the scope closes from within a job": around({ ...one, closing: false }, (stage) => [
    stage.run(job("one", Effect.asVoid(WorkerPool.shutdownNow(stage.pool!)))),
    stage.run(job("two"))
  ]),
  "run, in a job": around({ size: 2, queue: { capacity: 1 } }, ({ run }) => [
    run(job("one", Effect.exit(run(job("two"))))),
    run(job("three", Effect.exit(run(job("four")))))
  ]),
  "run, in a job, with a worker to spare": around({ size: 2, queue: { capacity: 1 } }, ({ run, withoutVerdict }) => [
    run(job("one", withoutVerdict(Effect.andThen(run(job("two")), run(job("three"))))))
  ]),
  "await, in a job, of one that goes on": around(
    { size: 2, queue: { capacity: 1 } },
    ({ run, submit, withoutVerdict }) => [
      run(job("one", withoutVerdict(Effect.flatMap(submit(job("two")), (handle) => handle.await)))),
      run(job("three"))
    ]
  ),
  "await, in a job, twice": around({ size: 2, queue: { capacity: 1 } }, ({ run, submit, withoutVerdict }) => [
    run(
      job(
        "one",
        withoutVerdict(
          Effect.forEach(["two", "three"], (name) => Effect.flatMap(submit(job(name)), (handle) => handle.await))
        )
      )
    )
  ]),
  "await, in a job, of one that shuts down": around({ size: 2 }, (stage) => [
    Effect.flatMap(
      stage.submit(job("one", Effect.exit(Effect.suspend(() => WorkerPool.shutdown(stage.pool!))))),
      (handle) => handle.await
    ),
    stage.run(job("two", Effect.exit(Effect.suspend(() => stage.handles[0]?.await ?? Effect.void))))
  ]),
  "run, in a job, that drops the one which another awaits": around(
    { size: 2, queue: { capacity: 1, strategy: "sliding" } },
    ({ run, submit, withoutVerdict }) => [
      run(job("one", withoutVerdict(Effect.flatMap(submit(job("two")), (handle) => handle.await)))),
      run(job("three", withoutVerdict(run(job("four")))))
    ]
  ),
  "map, of a pool that shuts down": around({ size: 1, queue: { capacity: 1 } }, (stage) => [
    stage.map([job("one"), job("two"), job("three")], { ordered: true }),
    Effect.suspend(() => WorkerPool.shutdown(stage.pool!))
  ]),
  "map, unordered, of a pool that shuts down": around({ size: 1, queue: { capacity: 1 } }, (stage) => [
    stage.map([job("one"), job("two"), job("three")], { ordered: false }),
    Effect.suspend(() => WorkerPool.shutdown(stage.pool!))
  ]),
  "map, of which one is enough": around({ size: 1, queue: { capacity: 1 } }, (stage) => [
    stage.map([job("one"), job("two"), job("three")], { ordered: true, enough: 1 })
  ]),
  "shutdown, in a job, while another waits for room": around({ size: 2, queue: { capacity: 0 } }, (stage) => [
    stage.run(job("one", stage.withoutVerdict(Effect.suspend(() => WorkerPool.shutdown(stage.pool!))))),
    stage.run(job("two", stage.withoutVerdict(stage.run(job("three")))))
  ]),
  map: around({ size: 1, queue: { capacity: 0 } }, (stage) => [
    Effect.suspend(() => Stream.runCollect(WorkerPool.map(stage.pool!, [job("one"), job("two")])))
  ]),
  "map, unordered, of which one fails": around({ size: 2, queue: { capacity: 0 } }, (stage) => [
    Effect.suspend(() =>
      Stream.runCollect(
        WorkerPool.map(stage.pool!, [job("one"), job("two", Effect.fail("planned"))], { ordered: false })
      )
    )
  ])
}
