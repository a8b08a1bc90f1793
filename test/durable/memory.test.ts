import { Duration, Effect, Exit, Layer, Schema } from "effect"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import { Admin, DurableJob, DurableStore, Results } from "sluice/durable"
import { expect, test } from "vitest"
import { deadLetters, lettersOf } from "./deadLetters.js"

deadLetters(() => Layer.fresh(Layer.mergeAll(DurableStore.layerMemory, Results.layerMemory)))

const turns = Effect.repeat(Effect.yieldNow, { times: 5 })

const queue = "queue"
const Job = DurableJob.make(queue, { payload: Schema.String })
const maxAttempts = 2
const retrySeconds = 2
const keptSeconds = 5

interface Entry {
  readonly id: string
  state: "delayed" | "ready" | "completed" | "failed"
  attempts: number
  /** When it becomes ready, or when it has ended. */
  at: number
}

/** The store's jobs in plain lists. */
class Model {
  now = 0
  readonly entries = new Map<string, Entry>()
  private delayed: Array<Entry> = []
  ready: Array<Entry> = []
  dead: Array<Entry> = []

  offer(id: string, seconds: number): void {
    if (this.entries.has(id)) return
    const entry: Entry = { id, state: "delayed", attempts: 0, at: 0 }
    this.entries.set(id, entry)
    this.delay(entry, seconds)
  }

  private delay(entry: Entry, seconds: number): void {
    Object.assign(entry, { state: "delayed", at: this.now + seconds })
    this.delayed.push(entry)
    this.pass(0)
  }

  pass(seconds: number): void {
    this.now += seconds
    const due = this.delayed.filter(({ at }) => at <= this.now).sort((one, other) => one.at - other.at)
    this.delayed = this.delayed.filter((one) => !due.includes(one))
    for (const entry of due) this.enter(entry)
  }

  private enter(entry: Entry): void {
    entry.state = "ready"
    this.ready.push(entry)
  }

  succeed(entry: Entry): void {
    this.ready.shift()
    Object.assign(entry, { state: "completed", at: this.now })
  }

  fail(entry: Entry): void {
    this.ready.shift()
    if (++entry.attempts < maxAttempts) return this.delay(entry, retrySeconds)
    Object.assign(entry, { state: "failed", at: this.now })
    this.dead.push(entry)
  }

  /** Returns whether it was a dead letter. */
  leave(id: string, next: "ready" | "forgotten"): boolean {
    const entry = this.dead.find((one) => one.id === id)
    if (entry === undefined) return false
    this.dead = this.dead.filter((one) => one !== entry)
    entry.attempts = 0
    if (next === "ready") this.enter(entry)
    else this.entries.delete(id)
    return true
  }

  cleanup(failedToo: boolean): void {
    for (const entry of this.entries.values()) {
      if (entry.at + keptSeconds > this.now) continue
      if (entry.state === "completed") this.entries.delete(entry.id)
      if (entry.state === "failed" && failedToo) this.leave(entry.id, "forgotten")
    }
  }

  counts(): Admin.Counts {
    const counts = { stored: this.entries.size, ready: 0, delayed: 0, claimed: 0, completed: 0, failed: 0 }
    for (const { state } of this.entries.values()) counts[state]++
    return counts
  }
}

const ids = fc.constantFrom("a", "b", "c", "d")

const steps = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ step: fc.constant("offer" as const), id: ids, seconds: fc.constantFrom(0, 0, 0, 4) })
  },
  {
    weight: 6,
    arbitrary: fc.record({
      step: fc.constant("take" as const),
      end: fc.constantFrom("succeed", "fail", "fail", "fail", "interrupt")
    })
  },
  { weight: 2, arbitrary: fc.record({ step: fc.constantFrom("requeue" as const, "remove" as const), id: ids }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant("pass" as const), seconds: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant("cleanup" as const), failedToo: fc.boolean() }) }
)

test("the store in memory agrees with plain lists, over random histories (D9, D10)", () =>
  fc.assert(fc.asyncProperty(fc.array(steps, { maxLength: 60, size: "max" }), (history) => {
    const model = new Model()
    return Effect.gen(function*() {
      const store = yield* PersistedQueue.PersistedQueueStore
      const admin = yield* Admin.Admin
      const take = store.take({
        name: queue,
        maxAttempts,
        retryDelay: () => Effect.succeed(Duration.seconds(retrySeconds))
      })
      for (const one of history) {
        switch (one.step) {
          case "offer": {
            const { id, seconds } = one
            yield* store.offer({ name: queue, id, element: id, isCustomId: true, delay: Duration.seconds(seconds) })
            model.offer(id, seconds)
            break
          }
          case "take": {
            const [entry] = model.ready
            if (entry === undefined) break
            const exit = one.end === "succeed" ? Effect.void : one.end === "fail" ? Effect.fail("no") : Effect.interrupt
            const taken = Effect.tap(take, (taken) => {
              expect(taken).toEqual({ id: entry.id, element: entry.id, attempts: entry.attempts + 1 })
              return exit
            })
            expect(Exit.isSuccess(yield* Effect.exit(Effect.scoped(taken)))).toBe(one.end === "succeed")
            if (one.end === "succeed") model.succeed(entry)
            if (one.end === "fail") model.fail(entry)
            break
          }
          case "requeue":
            expect(yield* admin.requeue(queue, one.id)).toBe(model.leave(one.id, "ready"))
            break
          case "remove":
            expect(yield* admin.remove(queue, one.id)).toBe(model.leave(one.id, "forgotten"))
            break
          case "pass":
            yield* turns
            yield* TestClock.adjust(Duration.seconds(one.seconds))
            model.pass(one.seconds)
            break
          case "cleanup": {
            const timeToLive = Duration.seconds(keptSeconds)
            yield* store.cleanup({ timeToLive, failedTimeToLive: one.failedToo ? timeToLive : undefined })
            model.cleanup(one.failedToo)
          }
        }
        yield* turns
        expect(yield* admin.counts(queue)).toEqual(model.counts())
        const dead = model.dead.map(({ id }) => id)
        expect(yield* lettersOf(Job, 2)).toEqual(dead)
        for (const id of ["a", "b", "c", "d"]) expect(yield* admin.isDead(queue, id)).toBe(dead.includes(id))
      }
    }).pipe(
      Effect.provide(Layer.fresh(DurableStore.layerMemory).pipe(Layer.provideMerge(TestClock.layer()))),
      Effect.runPromise
    )
  })))
