/** P13: dead letters in memory, and those who read them. */
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { expect, test } from "vitest"
import * as stack from "../../src/internal/stack.js"
import { DeadLetters } from "../../src/internal/workerPool/DeadLetters.js"
import { closing, reading, readingOne } from "../scenarios/deadLetters.js"
import { expectPending, run, settle, start } from "../support/effect.js"
import { holdsByChance, holdsWithin } from "../support/property.js"

const letter = (id: number) =>
  ({ job: `${id}`, id, attempts: 1, cause: Cause.die("planned"), reason: "exhausted" }) as const

// Two preemptions and an interrupt: a reader is woken, preempted before it has suspended, and interrupted before it
// pulls.
test("no reader waits while there is a letter, however another one is preempted and interrupted", () => {
  holdsWithin(readingOne, { preemptions: 2, cancels: 1 })
})

test("a reader ends with the pool, after the last letter, however it is preempted", () => {
  holdsWithin(closing, { preemptions: 2, cancels: 0 })
})

test.each([[[1, 1, 1]], [[2, 1]], [[2, 2, 2]]])(
  "no reader waits while there is a letter, over schedules by chance: readers of %j",
  (readers) => holdsByChance(reading(...readers), { runs: 300, cancels: 3 })
)

test("a reader that was woken from deep within, and is interrupted before it goes on, leaves the letter to the next", () =>
  run(Effect.gen(function*() {
    const letters = new DeadLetters<string, never>(10)
    const first = yield* start(Stream.runHead(letters.stream))
    const second = yield* start(Stream.runHead(letters.stream))
    yield* Effect.withFiber((fiber) => {
      const deep = (n: number): void => {
        if (n > 0) stack.run(fiber, () => deep(n - 1))
        else Effect.runSync(letters.add(letter(1)))
      }
      deep(32)
      first.interruptUnsafe()
      return Effect.void
    })
    yield* settle
    expect(second.pollUnsafe()).toMatchObject({ value: { value: { id: 1 } } })
  })))

test("a reader that gives up is forgotten, and the next one gets the letter", () =>
  run(Effect.gen(function*() {
    const letters = new DeadLetters<string, never>(10)
    const readers = yield* Effect.forEach([1, 2, 3], () => start(Stream.runHead(letters.stream)))
    yield* Fiber.interrupt(readers[0]!)
    yield* letters.add(letter(1))
    yield* settle
    expect(readers.map((reader) => reader.pollUnsafe()?._tag)).toEqual(["Failure", "Success", undefined])
    letters.close()
    expect(yield* Fiber.await(readers[2]!)).toMatchObject({ value: { _tag: "None" } })
  })))

test("a letter beyond the capacity takes the place of the oldest", () =>
  run(Effect.gen(function*() {
    const letters = new DeadLetters<string, never>(2)
    for (const id of [1, 2, 3, 4]) yield* letters.add(letter(id))
    letters.close()
    const read = Stream.runCollect(Stream.map(letters.stream, ({ id }) => id))
    expect(yield* read).toEqual([3, 4])
    expect(yield* read).toEqual([])
  })))

test("readers take the letters in order, each of them once, and end when no more can come", () =>
  run(Effect.gen(function*() {
    const letters = new DeadLetters<string, never>(10)
    const read: Array<number> = []
    const reader = Stream.runForEach(letters.stream, ({ id }) => Effect.sync(() => read.push(id)))
    const readers = yield* Effect.forEach([1, 2], () => start(reader))
    for (const id of [1, 2, 3]) yield* Effect.andThen(letters.add(letter(id)), settle)
    expect(read).toEqual([1, 2, 3])
    expectPending(...readers)
    letters.close()
    for (const one of readers) expect(yield* Fiber.await(one)).toEqual(Exit.void)
  })))
