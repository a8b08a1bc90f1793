/** Options that mean nothing without another one are a defect of `make`, before anything has begun. */
import { Effect, Schedule } from "effect"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { defectOf, run } from "./support/effect.js"

type Options = WorkerPool.Options<string, void, never, never, unknown, never, never>

const byName = (name: string) => name
const retry = Schedule.recurs(1)
const sink = () => Effect.void
const worker = () => Effect.void

/** What `make` says of the options, or undefined where it makes the pool; and how many resources it has acquired. */
const complaint = (options: Partial<Options>) =>
  Effect.gen(function*() {
    let acquired = 0
    const counting = options.worker === undefined ? {} : { worker: () => Effect.sync(() => acquired++) }
    const make = WorkerPool.make({ size: 1, run: () => Effect.void, ...options, ...counting } as Options)
    const exit = yield* Effect.exit(make)
    if (exit._tag === "Success") return undefined
    const defect = yield* defectOf(exit)
    expect(defect).toBeInstanceOf(RangeError)
    expect(acquired).toBe(0)
    return (defect as RangeError).message
  })

const meaningless: ReadonlyArray<readonly [string, Partial<Options>, with_: Partial<Options>]> = [
  [
    "queue.perKey.concurrency must be absent without a queue.key, got 2",
    { queue: { perKey: { concurrency: 2 } } },
    { queue: { key: byName, perKey: { concurrency: 2 } } }
  ],
  [
    "queue.perKey.weight must be absent without a queue.key, got 1",
    { queue: { perKey: { weight: 1 } } },
    { queue: { key: byName, perKey: { weight: 1 } } }
  ],
  [
    "queue.aging must be absent without a queue.priority, got 0",
    { queue: { aging: 0 } },
    { queue: { priority: () => 0, aging: 0 } }
  ],
  [
    "retryBudget must be absent without a retry, got {}",
    { retryBudget: {} },
    { retryBudget: {}, retry }
  ],
  [
    "retryBudget must be absent without a retry, got {\"ratio\":0}",
    { retryBudget: { ratio: 0 }, poison: {}, deadLetters: {} },
    { retryBudget: { ratio: 0 }, retry: () => undefined }
  ],
  [
    "poison must be absent with onDefect \"keep\", which spares the resource, got {}",
    { poison: {}, onDefect: "keep" },
    { poison: {}, onDefect: "replace" }
  ],
  [
    "deadLetters.capacity must be absent with a deadLetters.sink, which keeps the letters, got 5",
    { deadLetters: { capacity: 5, sink } },
    { deadLetters: { sink } }
  ],
  [
    "restart must be absent without a worker, which acquires the resource",
    { restart: Schedule.recurs(1) },
    { restart: Schedule.recurs(1), worker }
  ]
]

describe("make refuses", () => {
  test.each(meaningless)("%s", (message, options, meaningful) =>
    run(Effect.gen(function*() {
      expect(yield* complaint(options)).toContain(`WorkerPool.make: ${message}`)
      expect(yield* complaint({ worker, ...options, ...(options.restart && { worker: undefined }) }))
        .toContain(`WorkerPool.make: ${message}`)
      expect(yield* complaint(meaningful)).toBeUndefined()
    })))

  test("an option that is wrong by itself for that reason, first", () =>
    run(Effect.gen(function*() {
      expect(yield* complaint({ queue: { aging: 0.5 } })).toContain("queue.aging must be an integer")
      expect(yield* complaint({ retryBudget: { ratio: -1 } })).toContain("retryBudget.ratio must be a number")
      expect(yield* complaint({ queue: { perKey: { weight: 0 } } })).toContain("queue.perKey.weight must be an integer")
      expect(yield* complaint({ deadLetters: { capacity: 0, sink } })).toContain(
        "deadLetters.capacity must be an integer"
      )
      expect(yield* complaint({ poison: { key: 5 as never } })).toContain("poison.key must be a function, got 5")
    })))

  test("nothing that is undefined, or is empty", () =>
    run(Effect.gen(function*() {
      const nothing = {
        queue: { aging: undefined, perKey: { concurrency: undefined, weight: undefined }, strategy: undefined },
        retryBudget: undefined,
        poison: undefined,
        deadLetters: undefined,
        restart: undefined
      }
      expect(yield* complaint(nothing)).toBeUndefined()
      expect(yield* complaint({ ...nothing, queue: { perKey: {}, capacity: "unbounded" } })).toBeUndefined()
    })))
})
