/** `WorkerPool.sizing`: Erlang's formula against what is published, against exact fractions, and against a pool. */
import { Clock, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { describe, test } from "vitest"
import { generator } from "../../src/testing/random.js"
import { seed } from "../support/seed.js"

const near = (actual: number, expected: number, relative = 1e-9): void =>
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${actual} is not ${expected}`)

const minutes = Duration.toMinutes

describe("published numbers", () => {
  // Hillier and Lieberman, Introduction to Operations Research: the emergency room of the County Hospital, with 2
  // patients an hour, and doctors who see 3.
  const patients = { arrivals: 2 / 3_600, duration: "20 minutes" } as const

  test("the County Hospital with one doctor: 40 minutes", () => {
    const { utilization, wait, workers } = WorkerPool.sizing(patients)
    assert.equal(workers, 1)
    near(utilization, 2 / 3)
    near(minutes(wait.mean), 40)
  })

  test("the County Hospital with two doctors: 2.5 minutes", () => {
    const { wait, waiting, workers } = WorkerPool.sizing({ ...patients, utilization: 0.5 })
    assert.equal(workers, 2)
    near(waiting, 1 / 6)
    near(minutes(wait.mean), 2.5)
  })

  // Gross and Harris, Fundamentals of Queueing Theory: 6 patients an hour, three doctors who take 20 minutes for each.
  test("the eye clinic: 4 of 9 wait, on average 8.9 minutes over all", () => {
    const { wait, waiting, workers } = WorkerPool.sizing({ arrivals: 6 / 3_600, duration: "20 minutes" })
    assert.equal(workers, 3)
    near(waiting, 4 / 9)
    near(minutes(wait.mean), 80 / 9)
  })

  // Erlang C tables: traffic in erlangs, workers, the part that waits.
  test.each([[1, 2, 0.3333], [4, 5, 0.5541], [8, 10, 0.4092], [10, 12, 0.4494], [20, 24, 0.2981]])(
    "%d erlangs on %d: %d wait",
    (arrivals, workers, waiting) => {
      const sized = WorkerPool.sizing({ arrivals, duration: "1 second", utilization: arrivals / workers })
      assert.equal(sized.workers, workers)
      assert.equal(Number(sized.waiting.toFixed(4)), waiting)
    }
  )
})

/** Erlang's C as it is written, in exact fractions: n = load^c / c! * c / (c - load), and n / (sum + n). */
const exact = (workers: number, load: number): number => {
  const [c, a] = [BigInt(workers), BigInt(load)]
  // All terms times c!, so that they are whole numbers.
  let term = 1n
  for (let k = 1n; k <= c; k++) term *= k
  let sum = 0n
  for (let k = 0n; k < c; k++) {
    sum += term
    term = term * a / (k + 1n)
  }
  const digits = 10n ** 20n
  return Number(term * c * digits / (sum * (c - a) + term * c)) / 1e20
}

test.each([[1, 2], [6, 9], [95, 100], [170, 180], [480, 500], [950, 1_000]])(
  "%d jobs under way on %d workers, as in exact fractions",
  (arrivals, workers) => {
    const sized = WorkerPool.sizing({ arrivals, duration: "1 second", utilization: arrivals / workers })
    assert.equal(sized.workers, workers)
    near(sized.waiting, exact(workers, arrivals))
  }
)

test("ten thousand workers: the limit of Halfin and Whitt", () => {
  const sized = WorkerPool.sizing({ arrivals: 9_950, duration: "1 second", utilization: 0.995 })
  assert.equal(sized.workers, 10_000)
  // 1 / (1 + b * P(b) / p(b)) for b = 0.5, with the normal distribution's P and density p.
  near(sized.waiting, 1 / (1 + 0.5 * 0.691462 / 0.352065), 0.002)
  near(Duration.toMillis(sized.wait.mean), sized.waiting * 1_000 / 50, 1e-6)
})

test("a million workers", () => {
  const sized = WorkerPool.sizing({ arrivals: 999_000, duration: "1 second", utilization: 0.999 })
  assert.equal(sized.workers, 1_000_000)
  assert.ok(sized.waiting > 0 && sized.waiting < 1)
})

describe("workers", () => {
  test.each([[7, 0.7, 10], [4.2, 0.7, 6], [6, 0.7, 9], [3, 0.1, 30], [0.001, 0.7, 1], [6, 0.999_999_999_999_9, 7], [
    0.3,
    0.3,
    1
  ]])(
    "%d jobs under way at a utilisation of %d: %d",
    (arrivals, utilization, workers) => {
      assert.equal(WorkerPool.sizing({ arrivals, duration: "1 second", utilization }).workers, workers)
    }
  )

  test("where few wait, the percentile does not, and is not less than nothing", () => {
    const { wait, waiting } = WorkerPool.sizing({ arrivals: 0.001, duration: "1 second" })
    near(waiting, 0.001)
    assert.equal(Duration.toMillis(wait.percentile), 0)
    assert.ok(Duration.toMillis(wait.mean) > 0)
  })

  test("patience takes as many more as it needs, and not one too many", () => {
    const jobs = { arrivals: 200, duration: "30 millis", patience: "5 millis" } as const
    const sized = WorkerPool.sizing(jobs)
    assert.equal(sized.workers, 12)
    assert.ok(Duration.toMillis(sized.wait.percentile) <= 5)
    const fewer = WorkerPool.sizing({ ...jobs, patience: undefined, utilization: 6 / 11 })
    assert.equal(fewer.workers, 11)
    assert.ok(Duration.toMillis(fewer.wait.percentile) > 5)
  })
})

describe("capacity", () => {
  test("serves jobs within the patience", () => {
    const jobs = { arrivals: 200, duration: "30 millis" } as const
    assert.equal(WorkerPool.sizing({ ...jobs, patience: "1 second" }).capacity, 300)
    assert.equal(WorkerPool.sizing({ ...jobs, patience: "29.9 millis", percentile: 0.9 }).capacity, 8)
  })

  test("is not one less for what the machine rounds off", () => {
    // 100 x 11 / 1.1 is 999.9999999999999.
    const sized = WorkerPool.sizing({ arrivals: 7_000, duration: "1.1 millis", patience: "100 millis" })
    assert.deepEqual([sized.workers, sized.capacity], [11, 1_000])
  })

  test("is at most the largest integer that make takes", () => {
    const sized = WorkerPool.sizing({ arrivals: 1, duration: "1 nanos", patience: 1e300 })
    assert.equal(sized.capacity, Number.MAX_SAFE_INTEGER)
  })

  test("twice the workers without one, as in make", () => {
    assert.equal(WorkerPool.sizing({ arrivals: 200, duration: "30 millis" }).capacity, 18)
  })
})

describe("jobs that come, and take, as the model says", () => {
  interface Arrival {
    readonly arrived: number
    readonly takes: number
  }

  /** Exponential intervals and durations, in whole milliseconds of a seeded generator's. */
  function* arrivals(workload: { readonly arrivals: number; readonly duration: number }, jobs: number, seed: number) {
    const next = generator(seed)
    const exponential = (mean: number) => Math.round(-mean * Math.log(1 - next()))
    for (let n = 0, arrived = 0; n < jobs; n++) {
      arrived += exponential(1_000 / workload.arrivals)
      yield { arrived, takes: exponential(workload.duration) }
    }
  }

  /** How long each waits, first come, first served: reckoned without a pool. */
  function* reckoned(workers: number, jobs: Iterable<Arrival>) {
    const free = Array.from({ length: workers }, () => 0)
    for (const { arrived, takes } of jobs) {
      const earliest = free.indexOf(Math.min(...free))
      const starts = Math.max(arrived, free[earliest]!)
      free[earliest] = starts + takes
      yield starts - arrived
    }
  }

  /** How long each waits for a real pool, on the test clock. */
  const measured = (workers: number, jobs: Iterable<Arrival>) =>
    Effect.gen(function*() {
      const waits: Array<number> = []
      const pool = yield* WorkerPool.make({
        size: workers,
        queue: { capacity: "unbounded" },
        run: ({ arrived, takes }: Arrival) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            waits.push(now - arrived)
            return Effect.sleep(takes)
          })
      })
      for (const job of jobs) {
        yield* TestClock.setTime(job.arrived)
        yield* WorkerPool.submit(pool, job)
      }
      yield* TestClock.adjust("1 day")
      return waits
    }).pipe(Effect.scoped, Effect.provide(TestClock.layer()), Effect.runPromise)

  // Seconds rather than milliseconds, so that rounding does not count.
  const workloads = [
    { arrivals: 0.1, duration: 7_000 },
    { arrivals: 2, duration: 3_000 },
    { arrivals: 2, duration: 3_000, utilization: 0.8, percentile: 0.95 },
    { arrivals: 2, duration: 8_000, utilization: 0.85 }
  ]

  test.each(workloads)("a pool has each wait as long as was reckoned: %o", async (workload) => {
    const { workers } = WorkerPool.sizing(workload)
    const drawn = seed()
    const expected = [...reckoned(workers, arrivals(workload, 2_000, drawn))]
    assert.deepEqual(await measured(workers, arrivals(workload, 2_000, drawn)), expected)
  })

  test.each(workloads)("a million of them wait as was said: %o", (workload) => {
    const { wait, waiting, workers } = WorkerPool.sizing(workload)
    // One fixed sample: the tolerances below are for this one.
    const waits = Float64Array.from(reckoned(workers, arrivals(workload, 1_000_000, 1))).sort()
    near(waits.filter((wait) => wait > 0).length / waits.length, waiting, 0.02)
    near(waits.reduce((sum, wait) => sum + wait, 0) / waits.length, Duration.toMillis(wait.mean), 0.04)
    const part = workload.percentile ?? 0.99
    near(waits[Math.floor(waits.length * part)]!, Duration.toMillis(wait.percentile), 0.04)
  })
})

describe("an argument out of range throws", () => {
  const jobs = { arrivals: 200, duration: "30 millis" } as const
  const part = "a number above 0 and below 1"
  const duration = "a finite duration above zero"
  test.each<readonly [object, string]>([
    [{ arrivals: NaN }, "arrivals must be a finite number above 0, got NaN"],
    [{ arrivals: 0 }, "arrivals must be a finite number above 0, got 0"],
    [{ arrivals: -1 }, "arrivals must be a finite number above 0, got -1"],
    [{ arrivals: Infinity }, "arrivals must be a finite number above 0, got Infinity"],
    [{ arrivals: "200" }, "arrivals must be a finite number above 0, got \"200\""],
    [{ duration: NaN }, `duration must be ${duration}, got NaN`],
    [{ duration: 0 }, `duration must be ${duration}, got 0`],
    [{ duration: "soon" }, `duration must be ${duration}, got "soon"`],
    [{ duration: "-1 second" }, `duration must be ${duration}, got "-1 second"`],
    [{ duration: Infinity }, `duration must be ${duration}, got Infinity`],
    [{ duration: undefined }, `duration must be ${duration}, got undefined`],
    [{ utilization: 1 }, `utilization must be ${part}, got 1`],
    [{ utilization: 0 }, `utilization must be ${part}, got 0`],
    [{ utilization: NaN }, `utilization must be ${part}, got NaN`],
    [{ percentile: 99 }, `percentile must be ${part}, got 99`],
    [{ percentile: NaN }, `percentile must be ${part}, got NaN`],
    [{ patience: NaN }, `patience must be ${duration}, got NaN`],
    [{ patience: "0 seconds" }, `patience must be ${duration}, got "0 seconds"`],
    [{ arrivals: 1e8 }, "arrivals x duration must be work for at most 1000000 workers, got 3000000"],
    [{ arrivals: 1e9 }, "arrivals x duration must be work for at most 1000000 workers, got 30000000"],
    [
      { arrivals: 1e300, duration: 1e300 },
      "arrivals x duration must be work for at most 1000000 workers, got Infinity"
    ],
    [
      { arrivals: 999_999, duration: 1_000, utilization: 0.999_999, patience: "1 nanos", percentile: 0.999_999 },
      "arrivals x duration must be work for at most 1000000 workers, got 999999"
    ]
  ])("%o", (options, message) => {
    assert.throws(() => WorkerPool.sizing({ ...jobs, ...options }), {
      name: "RangeError",
      message: `WorkerPool.sizing: ${message}`
    })
  })
})
