/** What holds for dead letters in every store (D10). */
import { Effect, Exit, type Layer, Schedule, Schema, type Scope } from "effect"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, type DurableStore, Results } from "sluice/durable"
import { expect, test } from "vitest"

/** The field `failedAt` is no part of the record in which the engine keeps a dead letter. */
const Letter = Schema.Struct({ to: Schema.String, failedAt: Schema.Number })
type Letter = typeof Letter.Type

const Fragile = DurableJob.make("fragile", {
  payload: Letter,
  success: Schema.String,
  error: Schema.String,
  id: ({ to }) => to,
  attempts: 2,
  retry: Schedule.spaced(1)
})

/** The ids of all dead letters of a job, page by page. */
export const lettersOf = (job: Parameters<typeof Admin.deadLetters>[0], limit: number) =>
  Effect.gen(function*() {
    const ids: Array<string> = []
    for (let after: string | undefined = undefined;;) {
      const page: Admin.Page = yield* Admin.deadLetters(job, { limit, after })
      expect(page.letters.length).toBeLessThanOrEqual(limit)
      ids.push(...page.letters.map(({ id }) => id))
      if (page.next === undefined) return ids
      after = page.next
    }
  })

type Services = DurableStore.Services | Results.Results

/** `isBullMQ`: two that remove a job at a time both did so, and only a process that serves finds out what is due. */
export const deadLetters = (layerOf: () => Layer.Layer<Services>, { isBullMQ = false } = {}): void => {
  const run = <A, E>(effect: Effect.Effect<A, E, Services | Scope.Scope>) =>
    Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(layerOf())))

  test(
    "a dead letter is kept and listed, and is begun again or removed by hand only (D10)",
    () =>
      Effect.runPromise(
        Effect.scoped(Effect.gen(function*() {
          const begun: Array<string> = []
          let isDown = true
          const pool = yield* WorkerPool.make({
            size: 2,
            run: ({ to }: Letter) =>
              Effect.suspend(() => {
                begun.push(to)
                return isDown ? Effect.fail(`no way to ${to}, "attempts":1`) : Effect.succeed(to)
              })
          })
          yield* DurablePool.serve(Fragile, pool)
          const names = ["a", "b\"\\{\u00e9", "c", "d", "e"]
          for (const to of names) yield* DurableJob.submit(Fragile, { to, failedAt: 5 })
          const exits = yield* Effect.forEach(names, (to) => DurableJob.exit(Fragile, to))
          expect(exits).toEqual(names.map((to) => Exit.fail(`no way to ${to}, "attempts":1`)))
          // The engine settles a claim after its exit is recorded.
          yield* Effect.repeat(Admin.counts(Fragile), { until: ({ failed }) => failed === 5 })
          expect(begun.length).toBe(10)

          for (const limit of [1, 2, 100]) expect((yield* lettersOf(Fragile, limit)).sort()).toEqual([...names].sort())
          const { letters } = yield* Admin.deadLetters(Fragile)
          const letter = letters.find(({ id }) => id === names[1])
          expect(letter).toMatchObject({ payload: { to: names[1], failedAt: 5 }, attempts: 2 })
          expect(letter?.failure).toContain("no way to")
          expect(Math.abs(Date.now() - letter!.failedAt)).toBeLessThan(60_000)

          // Between two pages the first one is requeued, and no other one is left out.
          const first = yield* Admin.deadLetters(Fragile, { limit: 2 })
          isDown = false
          for (const { id } of first.letters) expect(yield* Admin.requeue(Fragile, id)).toBe(true)
          const second = yield* Admin.deadLetters(Fragile, { limit: 100, after: first.next })
          expect([...first.letters, ...second.letters].map(({ id }) => id).sort()).toEqual([...names].sort())
          const requeued = first.letters.map(({ id }) => id)
          for (const id of requeued) expect(yield* DurableJob.await(Fragile, id)).toBe(id)
          expect(begun.slice(10).sort()).toEqual(requeued.sort())

          // It has succeeded, and is no dead letter any more.
          expect(yield* Admin.requeue(Fragile, requeued[0]!)).toBe(false)
          expect(yield* Admin.remove(Fragile, requeued[0]!)).toBe(false)
          expect(yield* Admin.requeue(Fragile, "unknown")).toBe(false)

          const [removed] = second.letters
          expect(yield* Admin.remove(Fragile, removed!.id)).toBe(true)
          expect(yield* Admin.remove(Fragile, removed!.id)).toBe(false)
          yield* Effect.repeat(Admin.counts(Fragile), { until: ({ completed }) => completed === 2 })
          expect(yield* Admin.counts(Fragile)).toMatchObject({ stored: 4, failed: 2, completed: 2 })
          // Its id is free, and its exit is forgotten.
          yield* DurableJob.submit(Fragile, { to: removed!.id, failedAt: 5 })
          expect(yield* DurableJob.await(Fragile, removed!.id)).toBe(removed!.id)
          expect((yield* lettersOf(Fragile, 1)).length).toBe(2)
        })).pipe(Effect.provide(layerOf()))
      )
  )

  /** A kind of job with one attempt, on a pool that fails. */
  const failing = Effect.fnUntraced(function*(name: string) {
    const job = DurableJob.make(name, {
      payload: Schema.String,
      success: Schema.String,
      error: Schema.String,
      id: (id) => id,
      attempts: 1
    })
    const begun: Array<string> = []
    const pool = yield* WorkerPool.make({
      size: 1,
      run: (id: string) =>
        Effect.suspend(() => {
          begun.push(id)
          return Effect.fail(`no. ${begun.length}`)
        })
    })
    yield* DurablePool.serve(job, pool)
    /** Until so many jobs are dead letters. */
    const dead = (n: number) => Effect.repeat(Admin.counts(job), { until: ({ failed }) => failed === n })
    return { job, begun, dead }
  })

  test("a dead letter of one kind of job is none of another with the same id (D10)", () =>
    run(Effect.gen(function*() {
      const [one, other] = [yield* failing("one kind"), yield* failing("another kind")]
      for (const { dead, job } of [one, other]) {
        yield* DurableJob.submit(job, "a")
        yield* dead(1)
      }
      expect(yield* Admin.requeue(other.job, "a")).toBe(true)
      expect(yield* Effect.flip(DurableJob.await(other.job, "a"))).toBe("no. 2")
      yield* other.dead(1)
      expect(yield* Admin.remove(other.job, "a")).toBe(true)
      expect(yield* Admin.remove(other.job, "a")).toBe(false)
      expect(yield* Admin.requeue(other.job, "a")).toBe(false)
      expect(yield* lettersOf(other.job, 1)).toEqual([])
      expect(yield* lettersOf(one.job, 1)).toEqual(["a"])
      expect(one.begun).toEqual(["a"])
      expect(yield* Effect.flip(DurableJob.await(one.job, "a"))).toBe("no. 1")
    })))

  test("of two that requeue or remove a dead letter at a time, one finds it (D10)", () =>
    run(Effect.gen(function*() {
      const { begun, dead, job } = yield* failing("two at a time")
      yield* DurableJob.submit(job, "a")
      yield* dead(1)
      const twice = (act: typeof Admin.remove) =>
        Effect.map(Effect.all([act(job, "a"), act(job, "a")], { concurrency: 2 }), (found) => [...found].sort())
      expect(yield* twice(Admin.requeue)).toEqual([false, true])
      expect(yield* Effect.flip(DurableJob.await(job, "a"))).toBe("no. 2")
      yield* dead(1)
      expect(yield* twice(Admin.remove)).toEqual([isBullMQ, true])
      expect(begun).toEqual(["a", "a"])
      expect((yield* Admin.counts(job)).stored).toBe(0)
    })))

  if (!isBullMQ) {
    test("a job that is due and that nobody serves is ready, and was delayed before (D9)", () =>
      run(Effect.gen(function*() {
        const job = DurableJob.make("due", { payload: Schema.String })
        yield* DurableJob.submit(job, "a", { delay: 2_000 })
        expect(yield* Admin.counts(job)).toMatchObject({ stored: 1, ready: 0, delayed: 1 })
        yield* Effect.repeat(Effect.andThen(Effect.sleep(50), Admin.counts(job)), { until: ({ ready }) => ready === 1 })
        expect(yield* Admin.counts(job)).toMatchObject({ stored: 1, ready: 1, delayed: 0 })
      })))
  }

  test("a failure that is recorded stays when its job is no dead letter yet", () =>
    run(Effect.gen(function*() {
      const job = DurableJob.make("not yet dead", { payload: Schema.String, id: (id) => id })
      yield* DurableJob.submit(job, "a")
      const results = yield* Results.Results
      const failure = "{\"_tag\":\"Failure\",\"cause\":[{\"_tag\":\"Die\",\"defect\":\"no\"}]}"
      yield* results.record(job.name, "a", failure)
      expect(yield* Admin.requeue(job, "a")).toBe(false)
      expect(yield* Admin.remove(job, "a")).toBe(false)
      expect(yield* results.get(job.name, "a")).toBe(failure)
    })))
}
