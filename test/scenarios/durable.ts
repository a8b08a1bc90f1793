/** Small scenarios of durable jobs over the memory store, to be explored to the last schedule. */
import { Duration, Effect, Exit, Layer, Logger, Schedule, Schema, Scope } from "effect"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, DurableStore, Results } from "sluice/durable"
import { type Kit, type Scenario, scenario } from "sluice/testing"

interface Begin {
  readonly name: string
  /** The number of the attempt, as the store counts it. */
  readonly attempt: number
}

/** A store, its results, and what was seen of them. */
class Stage {
  readonly begun: Array<Begin> = []
  readonly ended: Array<string> = []
  succeeded = 0
  running = 0
  wrong: string | undefined = undefined
  readonly job

  constructor(readonly attempts: number) {
    this.job = DurableJob.make("job", {
      payload: Schema.String,
      success: Schema.String,
      error: Schema.String,
      id: (name) => name,
      attempts,
      retry: Schedule.spaced("1 second")
    })
  }

  /** The number of the attempt of each claim, by the id of the job. */
  private readonly claimed = new Map<string, number>()

  readonly layer = Layer.merge(
    Layer.provideMerge(
      // The memory store has a factory of its own.
      Layer.fresh(PersistedQueue.layer),
      Layer.effect(
        PersistedQueue.PersistedQueueStore,
        Effect.map(PersistedQueue.PersistedQueueStore, (store) =>
          PersistedQueue.PersistedQueueStore.of({
            ...store,
            take: (options) =>
              Effect.map(store.take(options), (taken) => {
                this.claimed.set(taken.id, taken.attempts)
                return taken
              })
          }))
      ).pipe(Layer.provideMerge(DurableStore.layerMemory))
    ),
    Results.layerMemory
  )

  /** A process: a pool that serves the job. */
  readonly process = (
    size: number,
    body: (name: string) => Effect.Effect<string, string> = (name) => Effect.as(Effect.yieldNow, name)
  ) =>
    Effect.gen({ self: this }, function*() {
      const pool = yield* WorkerPool.make({
        size,
        run: (name: string) =>
          name === "local" ? Effect.succeed(name) : Effect.uninterruptibleMask((restore) => {
            this.begun.push({ name, attempt: this.claimed.get(name) ?? 0 })
            this.running++
            if (this.running > size) this.wrong = "more jobs run than there are workers (D3)"
            return Effect.onExitPrimitive(restore(body(name)), (exit) => {
              this.running--
              if (Exit.isSuccess(exit)) this.ended.push(name)
              return undefined
            }, true)
          })
      })
      const serving = yield* DurablePool.serve(this.job, pool, { grace: 0 })
      return { pool, serving }
    })

  /** A drain that has returned leaves no claim (D4). */
  readonly drain = (serving: DurablePool.Serving, deadline: Duration.Input) =>
    Effect.map(DurablePool.drain(serving, { deadline }), () => {
      const { running, waiting } = DurablePool.stats(serving)
      if (running + waiting > 0) this.wrong = "a drain has returned, and a claim is left (D4)"
    })

  /** After a process has ended: no claim is left, and its books balance. */
  readonly over = (t: Kit, serving: DurablePool.Serving) =>
    Effect.gen({ self: this }, function*() {
      const stats = DurablePool.stats(serving)
      const { claimed, dead, failed, givenBack, lost, phase, running, skipped, succeeded, waiting } = stats
      yield* t.expect(phase === "drained" && running === 0 && waiting === 0, `a claim is left (D4): ${phase}`)
      yield* t.expect(
        claimed === succeeded + failed + dead + givenBack + skipped + lost,
        "the books of the process do not balance"
      )
      yield* t.expect(this.running === 0, "a job outlives its process")
      this.succeeded += succeeded
    })
}

/**
 * Dead letters, and an operator: one that failed in its last attempt is begun again if it is requeued, and never else
 * (D10). At each moment the counts add up, and agree with the jobs that run (D9).
 */
const byHand: Scenario = scenario((t) =>
  Effect.gen(function*() {
    const stage = new Stage(1)
    yield* Effect.gen(function*() {
      const admin = yield* Admin.Admin
      let requeued = 0
      const operator = Admin.Admin.of({
        ...admin,
        requeue: (queue, id) =>
          Effect.uninterruptible(Effect.map(admin.requeue(queue, id), (found) => {
            if (found) requeued++
            return found
          }))
      })
      const fails = () => Effect.andThen(Effect.yieldNow, Effect.fail("no"))
      let submitted = 0
      yield* t.always(() => {
        const { claimed, completed, delayed, failed, ready, stored } = Effect.runSync(admin.counts("job"))
        assert.equal(ready + delayed + claimed + completed + failed, stored, "the counts do not add up (D9)")
        assert.ok(stored === submitted || stored === submitted + 1, `${stored} of ${submitted} jobs are stored (D9)`)
        assert.ok(claimed >= stage.running, "a job runs that is not counted as claimed (D9)")
        assert.equal(completed, 0, "a job that failed is completed (D10)")
        if (stage.wrong !== undefined) assert.fail(stage.wrong)
        return true
      }, "")
      const scope = yield* Scope.make()
      const one = yield* Scope.provide(stage.process(1, fails), scope)
      for (const name of [first, second]) {
        yield* DurableJob.submit(stage.job, name)
        submitted++
      }
      yield* t.actor("operator", Effect.provideService(Admin.requeue(stage.job, first), Admin.Admin, operator), {
        mayDie: true
      })
      yield* t.actor("drain", stage.drain(one.serving, Infinity), { mayDie: true })
      yield* t.settled
      yield* Scope.close(scope, Exit.void)
      yield* stage.over(t, one.serving)
      yield* Effect.scoped(Effect.gen(function*() {
        const { serving } = yield* stage.process(2, fails)
        for (const name of [first, second]) {
          if (!(yield* admin.isDead("job", name))) yield* DurableJob.exit(stage.job, name)
        }
        yield* DurablePool.drain(serving, { deadline: Infinity })
        yield* stage.over(t, serving)
      }))
      const timesOf = (one: string) => stage.begun.filter(({ name }) => name === one).length
      yield* t.expect(
        timesOf(first) === 1 + requeued && timesOf(second) === 1,
        `begun ${timesOf(first)} and ${timesOf(second)} times, requeued ${requeued} times (D10)`
      )
      const lettersOf = Effect.map(Admin.deadLetters(stage.job), ({ letters }) => letters.map(({ id }) => id).sort())
      yield* t.expect((yield* lettersOf).join() === [first, second].sort().join(), "a dead letter is not listed (D10)")
      yield* t.expect(yield* Admin.remove(stage.job, first), "a dead letter cannot be removed (D10)")
      submitted--
      yield* t.expect((yield* lettersOf).join() === second, "a dead letter is removed, and listed (D10)")
    }).pipe(Effect.provide(stage.layer))
  })
)

const first = "one"
const second = "two"

/**
 * A process that ends somehow, and another one that does the rest: each job succeeds once, at attempt 1 (D4). A job
 * that is cut off may have done its work already.
 */
const inTwo = (
  { cutsOff = false, size }: { readonly size: number; readonly cutsOff?: boolean },
  actors: (one: {
    readonly stage: Stage
    readonly pool: WorkerPool.WorkerPool<string, string, string>
    readonly serving: DurablePool.Serving
  }) => ReadonlyArray<Effect.Effect<unknown, unknown, Layer.Success<Stage["layer"]>>>
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const stage = new Stage(3)
      yield* Effect.gen(function*() {
        const scope = yield* Scope.make()
        const one = yield* Scope.provide(stage.process(size), scope)
        yield* t.always(() => {
          if (stage.wrong !== undefined) assert.fail(stage.wrong)
          return true
        }, "")
        for (const name of [first, second]) yield* DurableJob.submit(stage.job, name)
        for (const [i, effect] of actors({ stage, ...one }).entries()) {
          yield* t.actor(String.fromCharCode(97 + i), effect, { mayDie: true })
        }
        yield* t.settled
        yield* Scope.close(scope, Exit.void)
        yield* stage.over(t, one.serving)
        yield* Effect.scoped(Effect.gen(function*() {
          const { serving } = yield* stage.process(2)
          for (const name of [first, second]) {
            const exit = yield* DurableJob.exit(stage.job, name)
            yield* t.expect(Exit.isSuccess(exit) && exit.value === name, `${name} has no result (D2)`)
          }
          yield* DurablePool.drain(serving, { deadline: Infinity })
          yield* stage.over(t, serving)
        }))
        yield* t.expect(
          stage.succeeded === 2 && (cutsOff || stage.ended.length === 2),
          `${stage.succeeded} jobs succeeded, and did their work: ${stage.ended.join()} (D2)`
        )
        yield* t.expect(
          stage.begun.every(({ attempt }) => attempt === 1),
          `attempts: ${JSON.stringify(stage.begun)} (D4)`
        )
      }).pipe(Effect.provide(stage.layer))
    })
  )

/** A serving that ends leaves no trace at its pool: the next one is the only one, and has no warning. */
const servedAgain: Scenario = scenario((t) =>
  Effect.gen(function*() {
    const { job, layer } = new Stage(1)
    const logged: Array<unknown> = []
    const logger = Logger.layer([Logger.make(({ message }) => void logged.push(message))])
    yield* Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.succeed(name) })
      const serve = DurablePool.serve(job, pool, { grace: 0 })
      yield* t.actor("first", Effect.scoped(serve))
      yield* t.settled
      yield* serve
      yield* DurableJob.submit(job, first)
      yield* t.expect((yield* DurableJob.await(job, first)) === first, "the job has no result (D2)")
      yield* t.expect(logged.length === 0, `there is a warning: ${String(logged)}`)
    }).pipe(Effect.provide([layer, logger]))
  })
)

const cutsOff = { size: 1, cutsOff: true }

export const exhausted: Record<string, Scenario> = {
  "a serving ends, and another one begins": servedAgain,
  "drain, with a deadline": inTwo(cutsOff, ({ serving, stage }) => [stage.drain(serving, 0)]),
  "drain, without": inTwo({ size: 1 }, ({ serving, stage }) => [stage.drain(serving, Infinity)]),
  "the pool ends": inTwo(cutsOff, ({ pool }) => [WorkerPool.shutdownNow(pool)]),
  "the pool drains": inTwo({ size: 1 }, ({ pool }) => [WorkerPool.shutdown(pool)]),
  "a job of the pool itself": inTwo({ size: 1 }, ({ pool }) => [
    Effect.timeoutOption(WorkerPool.run(pool, "local"), Duration.seconds(1))
  ])
}

/** With too many schedules to try them all. */
export const larger: Record<string, Scenario> = {
  "drain, twice": inTwo(cutsOff, ({ serving, stage }) => [
    stage.drain(serving, Infinity),
    stage.drain(serving, 0)
  ]),
  "dead letters, by hand": byHand,
  "a result is awaited": inTwo({ size: 2 }, ({ stage }) => [DurableJob.exit(stage.job, second)])
}
