/** What holds for dead letters in every store (D10). */
import { Effect, Exit, type Layer, Schedule, Schema } from "effect"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, type DurableStore, type Results } from "sluice/durable"
import { expect, test } from "vitest"

const Fragile = DurableJob.make("fragile", {
  payload: Schema.Struct({ to: Schema.String }),
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

export const deadLetters = (layerOf: () => Layer.Layer<DurableStore.Services | Results.Results>): void =>
  test(
    "a dead letter is kept and listed, and is begun again or removed by hand only (D10)",
    () =>
      Effect.runPromise(
        Effect.scoped(Effect.gen(function*() {
          const begun: Array<string> = []
          let isDown = true
          const pool = yield* WorkerPool.make({
            size: 2,
            run: ({ to }: { readonly to: string }) =>
              Effect.suspend(() => {
                begun.push(to)
                return isDown ? Effect.fail(`no way to ${to}, "attempts":1`) : Effect.succeed(to)
              })
          })
          yield* DurablePool.serve(Fragile, pool)
          const names = ["a", "b\"\\{\u00e9", "c", "d", "e"]
          for (const to of names) yield* DurableJob.submit(Fragile, { to })
          const exits = yield* Effect.forEach(names, (to) => DurableJob.exit(Fragile, to))
          expect(exits).toEqual(names.map((to) => Exit.fail(`no way to ${to}, "attempts":1`)))
          // The engine settles a claim after its exit is recorded.
          yield* Effect.repeat(Admin.counts(Fragile), { until: ({ failed }) => failed === 5 })
          expect(begun.length).toBe(10)

          for (const limit of [1, 2, 100]) expect((yield* lettersOf(Fragile, limit)).sort()).toEqual([...names].sort())
          const { letters } = yield* Admin.deadLetters(Fragile)
          const letter = letters.find(({ id }) => id === names[1])
          expect(letter).toMatchObject({ payload: { to: names[1] }, attempts: 2 })
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
          yield* DurableJob.submit(Fragile, { to: removed!.id })
          expect(yield* DurableJob.await(Fragile, removed!.id)).toBe(removed!.id)
          expect((yield* lettersOf(Fragile, 1)).length).toBe(2)
        })).pipe(Effect.provide(layerOf()))
      ),
    30_000
  )
