/** Readers of dead letters, to be explored to the last schedule. */
import { Cause, Effect, Stream } from "effect"
import { type Scenario, scenario } from "sluice/testing"
import { DeadLetters } from "../../src/internal/workerPool/DeadLetters.js"

/** Two readers. A letter is added at the start, and when one of them has taken the last one: enough for both. */
export const readingOne: Scenario = scenario((t) =>
  Effect.gen(function*() {
    const self = new DeadLetters<string, never>(9)
    const add = self.add({ job: "one", id: 1, attempts: 1, cause: Cause.die("planned"), reason: "exhausted" })
    // The store's own list.
    const { letters } = self as unknown as { readonly letters: { readonly size: number } }
    const reader = Effect.onExitPrimitive(Stream.runHead(self.stream), () => letters.size === 0 ? add : undefined)
    yield* t.actor("first", reader)
    yield* t.actor("second", reader, { cancel: false })
    yield* t.actor("pool", add, { cancel: false })
    yield* t.settled
  })
)

/** A reader of all letters, of which one comes before there can be no more. */
export const closing: Scenario = scenario((t) =>
  Effect.gen(function*() {
    const self = new DeadLetters<string, never>(9)
    let read = 0
    yield* t.actor("reader", Stream.runForEach(self.stream, () => Effect.sync(() => read++)), { cancel: false })
    const add = self.add({ job: "one", id: 1, attempts: 1, cause: Cause.die("planned"), reason: "exhausted" })
    yield* t.actor("pool", Effect.andThen(add, Effect.sync(() => self.close())), { cancel: false })
    yield* t.settled
    yield* t.expect(() => read === 1, "the letter was not read")
  })
)

/**
 * Each reader takes so many letters. A letter is added at the start and whenever a reader has taken the last one. So a
 * reader waits without end only if it is not woken for a letter that is there.
 */
export const reading = (...readers: ReadonlyArray<number>): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const self = new DeadLetters<string, never>(9)
      // The store's own list.
      const { letters } = self as unknown as { readonly letters: { readonly size: number } }
      const read: Array<number> = []
      let added = 0
      const add = Effect.suspend(() => {
        const id = ++added
        return self.add({ job: `${id}`, id, attempts: 1, cause: Cause.die("planned"), reason: "exhausted" })
      })
      const addNext = Effect.suspend(() => letters.size === 0 ? add : Effect.void)
      for (const [i, most] of readers.entries()) {
        const reader = Stream.runForEach(Stream.take(self.stream, most), ({ id }) => {
          read.push(id)
          return addNext
        })
        // One that is interrupted with a letter in its hands takes that along.
        yield* t.actor(`reader${i}`, Effect.onExit(reader, () => addNext))
      }
      yield* t.actor("pool", add, { cancel: false })
      yield* t.settled
      yield* t.expect(() => new Set(read).size === read.length, "a letter was read twice")
    })
  )
