/** Options that mean nothing without another one are a defect of `make`, before anything has begun. */
import { Effect, Schedule } from "effect"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { defectOf, run } from "../support/effect.js"

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
    const make = WorkerPool.make({ size: 1, run: () => Effect.void, ...options, ...counting })
    const exit = yield* Effect.exit(make)
    if (exit._tag === "Success") return undefined
    const defect = yield* defectOf(exit)
    expect(defect).toBeInstanceOf(RangeError)
    expect(acquired).toBe(0)
    return (defect as RangeError).message
  })

const inOrder = WorkerPool.order<string>(() => {
  const waiting = new Set<number>()
  return {
    add: (_, number) => void waiting.add(number),
    remove: (_, number) => void waiting.delete(number),
    next: () => [...waiting][0]!
  }
})

const meaningless: ReadonlyArray<readonly [string, Partial<Options>, with_: Partial<Options>]> = [
  [
    "resource must be absent without a worker, which acquires the resource, got {}",
    { worker: undefined, resource: {} },
    { resource: {}, worker }
  ],
  [
    "resource.checkAfter must be absent without a resource.check, got 1",
    { worker, resource: { checkAfter: 1 } as never },
    { worker, resource: { checkAfter: 0, check: worker } }
  ],
  [
    "resource.checkTimeout must be absent without a resource.check, got 1",
    { worker, resource: { checkTimeout: 1 } as never },
    { worker, resource: { checkTimeout: Infinity, check: worker } }
  ],
  [
    "resource.checkTimeout must be a duration above zero, got 0",
    { worker, resource: { checkTimeout: 0, check: worker } },
    { worker, resource: { checkTimeout: 1, check: worker } }
  ],
  [
    "resource.check must be a function, got true",
    { worker, resource: { check: true } as never },
    { worker, resource: { check: worker } }
  ],
  [
    "resource.maxJobs must be an integer >= 1, got 0",
    { worker, resource: { maxJobs: 0 } },
    { worker, resource: { maxJobs: 1, jitter: 1 } }
  ],
  [
    "resource.maxAge must be a duration above zero, got 0",
    { worker, resource: { maxAge: 0 } },
    { worker, resource: { maxAge: 1, jitter: 0 } }
  ],
  [
    "resource.jitter must be absent without a resource.maxJobs or a resource.maxAge, got 0.5",
    { worker, resource: { jitter: 0.5 } as never },
    { worker, resource: { maxAge: "1 hour", jitter: 0.5 } }
  ],
  [
    "resource.jitter must be a number from 0 to 1, got 1.5",
    { worker, resource: { maxJobs: 1, jitter: 1.5 } },
    { worker, resource: { maxJobs: 1, jitter: 1 } }
  ],
  [
    "resource.min must be an integer from 0 to 1, got 2",
    { worker, resource: { min: 2 } },
    { worker, resource: { min: 1 } }
  ],
  [
    "resource.idleTimeout must be absent without a resource.min, got 1",
    { worker, resource: { idleTimeout: 1 } as never },
    { worker, resource: { min: 0, idleTimeout: Infinity } }
  ],
  [
    "resource.idleTimeout must be a duration above zero, got 0",
    { worker, resource: { min: 0, idleTimeout: 0 } },
    { worker, resource: { min: 0, idleTimeout: 1 } }
  ],
  [
    "resource.releaseTimeout must be a duration above zero, got 0",
    { worker, resource: { releaseTimeout: 0 } },
    { worker, resource: { releaseTimeout: 1 } }
  ],
  [
    "resource must be an object, got []",
    { worker, resource: [] as never },
    { worker, resource: undefined }
  ],
  [
    "queue.perKey.concurrency must be absent without a queue.key, got 2",
    { queue: { perKey: { concurrency: 2 } } as never },
    { queue: { key: byName, perKey: { concurrency: 2 } } }
  ],
  [
    "queue.perKey.weight must be absent without a queue.key, got 1",
    { queue: { perKey: { weight: 1 } } as never },
    { queue: { key: byName, perKey: { weight: 1 } } }
  ],
  [
    "queue.aging must be absent without a queue.priority, got 0",
    { queue: { aging: 0 } as never },
    { queue: { priority: () => 0, aging: 0 } }
  ],
  [
    "retry.budget must be absent with retry.times 0, got {}",
    { retry: { times: 0, budget: {} } },
    { retry: { schedule: retry, budget: {} } }
  ],
  [
    "retry.budget must be absent with retry.times 0, got {\"ratio\":0}",
    { retry: { times: 0, budget: { ratio: 0 }, poison: {}, deadLetters: {} } },
    { retry: { schedule: () => undefined, budget: { ratio: 0 } } }
  ],
  [
    "retry.schedule must be absent with retry.times 0",
    { retry: { times: 0, schedule: retry } },
    { retry: { times: 1, schedule: retry } }
  ],
  [
    "retry.while must be absent with retry.times 0",
    { retry: { times: 0, while: () => true } },
    { retry: { times: 1, while: () => true } }
  ],
  [
    "retry.until must be absent with retry.times 0",
    { retry: { times: 0, until: () => true } },
    { retry: { times: 1, until: () => true } }
  ],
  [
    "retry.until must be absent with a retry.while",
    { retry: { times: 1, while: () => true, until: () => true } },
    { retry: { times: 1, while: () => true } }
  ],
  [
    "retry must be an object with a schedule or times, got {}",
    { retry: {} },
    { retry: { times: 0 } }
  ],
  [
    "queue.key must be absent with an order",
    { queue: { order: inOrder, key: byName } as never },
    { queue: { order: inOrder } }
  ],
  [
    "queue.priority must be absent with an order",
    { queue: { order: inOrder, priority: () => 0 } as never },
    { queue: { order: inOrder, capacity: 3 } }
  ],
  [
    "queue.strategy must be \"suspend\" or \"dropping\" with an order, got \"sliding\"",
    { queue: { order: inOrder, strategy: "sliding" } as never },
    { queue: { order: inOrder, strategy: "dropping" } }
  ],
  [
    "queue.order must be a value of WorkerPool.order",
    { queue: { order: { makeLine: () => 5 } } as never },
    { queue: { order: inOrder } }
  ],
  [
    "watch must be an array of watchers",
    { watch: [{}] as never },
    { watch: [] }
  ],
  [
    "retry.poison must be absent with onDefect \"keep\", which spares the resource, got {}",
    { retry: { times: 0, poison: {} }, onDefect: "keep" },
    { retry: { times: 0, poison: {} }, onDefect: "replace" }
  ],
  [
    "retry.deadLetters.capacity must be absent with a retry.deadLetters.sink, which keeps the letters, got 5",
    { retry: { times: 0, deadLetters: { capacity: 5, sink } as never } },
    { retry: { times: 0, deadLetters: { sink } } }
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
      expect(yield* complaint({ queue: { aging: 0.5 } as never })).toContain("queue.aging must be an integer")
      expect(yield* complaint({ retry: { times: 1, budget: { ratio: -1 } } })).toContain(
        "retry.budget.ratio must be a number"
      )
      expect(yield* complaint({ queue: { perKey: { weight: 0 } } as never })).toContain(
        "queue.perKey.weight must be an integer"
      )
      expect(yield* complaint({ retry: { times: 0, deadLetters: { capacity: 0, sink } as never } })).toContain(
        "deadLetters.capacity must be an integer"
      )
      expect(yield* complaint({ retry: { times: 0, poison: { key: 5 as never } } })).toContain(
        "poison.key must be a function, got 5"
      )
    })))

  test("nothing that is undefined, or is empty", () =>
    run(Effect.gen(function*() {
      const nothing = {
        queue: { aging: undefined, perKey: undefined, strategy: undefined },
        retry: { times: 0, budget: undefined, poison: undefined, deadLetters: undefined },
        restart: undefined
      }
      expect(yield* complaint(nothing)).toBeUndefined()
      expect(yield* complaint({ ...nothing, queue: { capacity: "unbounded" } })).toBeUndefined()
    })))
})
