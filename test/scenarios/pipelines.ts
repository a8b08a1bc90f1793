/** Stages of pools, the stream of one being the source of the next, to be explored to the last schedule. */
import { Cause, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { WorkerPool } from "sluice"
import { type Kit, type Scenario, scenario } from "sluice/testing"

export type Body = (n: number) => Effect.Effect<unknown, string>

export interface StageOptions {
  readonly size: number
  readonly capacity: number
  readonly ordered: boolean
  /** What a job does with its number, which is then its result. */
  readonly body: Body
}

type StagePool = WorkerPool.WorkerPool<number, number, string>

/** A pool whose jobs are watched. */
class Stage {
  readonly begun: Array<number> = []
  readonly running = new Set<number>()

  constructor(readonly options: StageOptions, readonly pool: StagePool) {}

  static readonly make = (options: StageOptions): Effect.Effect<Stage, never, Scope.Scope> =>
    Effect.gen(function*() {
      const { body, capacity, size } = options
      const pool: StagePool = yield* WorkerPool.make({
        size,
        queue: { capacity },
        run: (n: number) =>
          Effect.uninterruptibleMask((restore) => {
            stage.begun.push(n)
            stage.running.add(n)
            return Effect.as(Effect.onExit(restore(body(n)), () => Effect.sync(() => stage.running.delete(n))), n)
          })
      })
      const stage = new Stage(options, pool)
      return stage
    })

  get window(): number {
    return this.options.size + this.options.capacity
  }
}

export interface PipelineOptions {
  /** The source has the numbers from 1 to this; a number in `failsAfter`, and it fails there. */
  readonly items: number
  readonly failsAfter?: number
  readonly stages: ReadonlyArray<Partial<StageOptions>>
  /** How many results the consumer takes. */
  readonly enough?: number
  /** What the consumer does with a result before it takes the next. */
  readonly consume?: Effect.Effect<unknown>
}

/** Stages in a row, a source that counts what is taken from it, and a consumer that keeps what it gets. */
export class Pipeline {
  taken = 0
  private source: "unused" | "open" | "released" = "unused"
  private readonly stopped = Deferred.makeUnsafe<void>()
  /** Who runs it; interrupted before it begins, it does not. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private wrong: string | undefined = undefined
  readonly results: Array<number> = []
  /** The most that was ever between the source and the consumer. */
  highest = 0

  private constructor(private readonly options: PipelineOptions, readonly stages: ReadonlyArray<Stage>) {}

  static readonly make = (options: PipelineOptions): Effect.Effect<Pipeline, never, Scope.Scope> =>
    Effect.map(
      Effect.forEach(options.stages, (stage) =>
        Stage.make({ size: 1, capacity: 0, ordered: true, body: () => Effect.yieldNow, ...stage })),
      (stages) =>
        new Pipeline(options, stages)
    )

  private blame(condition: boolean, what: string): void {
    if (!condition) this.wrong ??= what
  }

  private numbers(): Stream.Stream<number, string> {
    const { failsAfter = Infinity, items } = this.options
    const take = () => {
      this.blame(this.source === "open", "taken from a source that is not open")
      const { failed, state } = WorkerPool.stats(this.stages[0]!.pool)
      this.blame(state === "running", `taken for a pool that is ${state} (L4)`)
      this.blame(failed === 0, "taken after a job of the first stage has failed (L2)")
      return ++this.taken
    }
    const one = Effect.suspend((): Effect.Effect<number, string | Cause.Done> =>
      this.taken >= failsAfter ? Effect.fail("source") : this.taken >= items ? Cause.done() : Effect.sync(take)
    )
    return Stream.fromEffect(Effect.acquireRelease(
      Effect.sync(() => void (this.source = "open")),
      () => Effect.sync(() => void (this.source = "released"))
    )).pipe(
      Stream.scoped,
      Stream.flatMap(() => Stream.fromPull(Effect.succeed(Effect.map(one, (n) => [n] as const)))),
      Stream.haltWhen(Deferred.await(this.stopped))
    )
  }

  /** Ends the source: what has been taken goes through. */
  readonly stop = Effect.suspend(() => Deferred.succeed(this.stopped, undefined))

  readonly ended = Effect.suspend(() => Fiber.await(this.fiber!))

  /** Runs it, and looks at how it ended. */
  readonly run: Effect.Effect<void, unknown> = Effect.suspend(() => {
    const { consume = Effect.void, enough = Infinity } = this.options
    let stream: Stream.Stream<number, unknown> = this.numbers()
    for (const { options: { ordered }, pool } of this.stages) stream = WorkerPool.map(pool, stream, { ordered })
    const keep = (n: number) => Effect.andThen(Effect.sync(() => this.results.push(n)), consume)
    return Effect.onExit(
      Stream.runForEach(Stream.take(stream, enough), keep),
      (exit) => Effect.sync(() => this.ends(exit))
    )
  })

  private ends(exit: Exit.Exit<unknown, unknown>): void {
    const { enough = Infinity, failsAfter = Infinity, items } = this.options
    for (const [i, { pool, running }] of this.stages.entries()) {
      const { queued, running: busy } = WorkerPool.stats(pool)
      this.blame(running.size + queued + busy === 0, `the stream has ended, and stage ${i} has not (L2)`)
    }
    this.blame(this.source !== "open", "the stream has ended, and its source is open (L2)")
    if (Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)) return
    const got = this.results.length
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    if (error === undefined) {
      const all = Math.min(this.taken, enough, items)
      this.blame(got === all, `${got} results of the ${all} that were taken (L3)`)
    } else if (error === "source") {
      this.blame(got === failsAfter, `${got} results of the ${failsAfter} before the source failed (L3)`)
    } else if (error instanceof WorkerPool.PoolClosed) {
      const closed = this.stages.findLast(({ pool }) => WorkerPool.stats(pool).state !== "running")!
      const { submitted } = WorkerPool.stats(closed.pool)
      this.blame(got === submitted, `${got} results of the ${submitted} that the closed pool had accepted (L4)`)
    } else if (typeof error === "string" && this.stages.every(({ options }) => options.ordered)) {
      this.blame(got === Number(error) - 1, `${got} results before the failure of ${error} (L2)`)
    }
  }

  /** What must hold whenever no fiber runs. */
  readonly holds = (): boolean => {
    this.highest = Math.max(this.highest, this.taken - this.results.length)
    const room = this.stages.reduce((sum, { window }) => sum + 2 * window, 0)
    this.blame(this.highest <= room, `${this.highest} between the source and the consumer, and room for ${room} (L1)`)
    for (const [i, { begun, options, running }] of this.stages.entries()) {
      this.blame(running.size <= options.size, `${running.size} jobs run in stage ${i} of ${options.size}`)
      const before = i === 0 ? this.taken : this.stages[i - 1]!.begun.length
      this.blame(new Set(begun).size === begun.length && begun.length <= before, `stage ${i} made a job up`)
    }
    if (this.stages.every(({ options }) => options.ordered)) {
      this.blame(this.results.every((n, i) => n === i + 1), `the results are ${this.results.join()} (L3)`)
    }
    if (this.wrong !== undefined) throw new Error(this.wrong)
    return true
  }
}

/** A pipeline, run by one actor, and others beside it. */
export const pipeline = (
  options: PipelineOptions,
  others: (pipeline: Pipeline) => ReadonlyArray<Effect.Effect<unknown, unknown>> = () => []
): Scenario => scenario((t) => Effect.scoped(exploring(t, options, others)))

const exploring = (
  t: Kit,
  options: PipelineOptions,
  others: (pipeline: Pipeline) => ReadonlyArray<Effect.Effect<unknown, unknown>>
) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const self = yield* Scope.provide(Pipeline.make(options), scope)
    yield* t.always(self.holds, "")
    self.fiber = yield* t.actor("stream", self.run, { mayDie: true })
    for (const [i, effect] of others(self).entries()) {
      yield* t.actor(`other${i}`, effect, { mayDie: true })
    }
    yield* t.settled
    yield* Scope.close(scope, Exit.void)
    yield* t.expect(self.holds, "")
  })

const failing = (...numbers: ReadonlyArray<number>): Body => (n) =>
  Effect.andThen(Effect.yieldNow, numbers.includes(n) ? Effect.fail(`${n}`) : Effect.void)

const plain = {}
const queue = { capacity: 1 }
const unordered = { size: 2, ordered: false }

export const exhausted: Record<string, Scenario> = {
  "two stages": pipeline({ items: 2, stages: [plain, plain] }),
  "two stages with queues": pipeline({ items: 2, stages: [queue, queue] }),
  "two stages, unordered": pipeline({ items: 2, stages: [unordered, { ordered: false }] }),
  "a consumer that is slow": pipeline({ items: 2, stages: [plain, plain], consume: Effect.yieldNow }),
  "a consumer that has enough": pipeline({ items: 3, stages: [queue, plain], enough: 1 }),
  "the first stage fails": pipeline({ items: 3, stages: [{ body: failing(2) }, plain] }),
  "the second stage fails": pipeline({ items: 3, stages: [plain, { body: failing(1) }] }),
  "the second stage fails, while the first never ends": pipeline({
    items: 2,
    stages: [{ size: 2, body: (n) => n === 2 ? Effect.never : Effect.void }, { body: failing(1) }]
  }),
  "both stages fail": pipeline({ items: 2, stages: [{ body: failing(2) }, { body: failing(1) }] }),
  "a stage dies": pipeline({
    items: 2,
    stages: [queue, { body: (n) => n === 1 ? Effect.die(new Error("poison")) : Effect.yieldNow }]
  }),
  "the source fails": pipeline({ items: 3, failsAfter: 2, stages: [plain, plain] }),
  "the source is stopped": pipeline({ items: 2, stages: [plain, plain] }, ({ stop }) => [stop]),
  "the first pool shuts down": pipeline({ items: 2, stages: [plain, plain] }, ({ stages }) => [
    WorkerPool.shutdown(stages[0]!.pool)
  ]),
  "the second pool shuts down": pipeline({ items: 2, stages: [plain, plain] }, ({ stages }) => [
    WorkerPool.shutdown(stages[1]!.pool)
  ]),
  "the pools shut down in order, the second when the stream has ended": pipeline(
    { items: 2, stages: [plain, plain] },
    ({ ended, stages }) => [
      Effect.gen(function*() {
        yield* WorkerPool.shutdown(stages[0]!.pool)
        yield* ended
        yield* WorkerPool.shutdown(stages[1]!.pool)
      })
    ]
  )
}
