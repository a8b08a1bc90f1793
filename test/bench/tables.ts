/** The results as Markdown: the same in the terminal and on the page. */
import type { Results, WorkResult } from "./results.js"
import { verdictsOf } from "./results.js"

const number = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 })

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, i) => i === 0 ? "---" : "---:"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

export const workTable = (work: WorkResult): string => {
  const [first] = work.figures
  const rows = work.figures.map(({ high, low, median, name }, i) => [
    name,
    number(median),
    `${number(low)} to ${number(high)}`,
    i === 0 ? "" : (first!.median / median).toFixed(2)
  ])
  return table(["ns for each of them", "median", "lowest to highest", "first row / this row"], rows)
}

/** In the terminal only: whether the project's own goals are met. */
export const goalsOf = (work: WorkResult): ReadonlyArray<string> =>
  verdictsOf(work).map(({ against, goal, met, ratio }) =>
    `Goal: at most ${number(goal)} times ${against}. Measured: ${ratio.toFixed(2)}, ${met ? "met" : "missed"}.`
  )

export const growthTable = ({ growth: { all, sizes } }: Results): string =>
  table(
    ["ns for each of them", ...sizes.map(number), "exponent"],
    all.map(({ exponent, name, times }) => [name, ...times.map(number), exponent.toFixed(2)])
  )

export const stepsTable = ({ steps }: Results): string =>
  table(
    ["for one of them", "steps of the loop", "bytes allocated"],
    steps.map(({ bytes, name, steps }) => [name, steps.toFixed(1), number(bytes)])
  )

export const heapsTable = ({ growth: { all, sizes } }: Results): string =>
  table(
    ["bytes of heap for each of them", ...sizes.map(number)],
    all.map(({ heaps, name }) => [name, ...heaps.map(number)])
  )

/** The project's goals: 200 bytes, 200 bytes and 16 MB. */
export const memoryTable = ({ growth: { all, sizes }, map }: Results): string => {
  const each = (name: string): number => all.find((one) => one.name === name)!.heaps[sizes.indexOf(100_000)]!
  const waiter = each("waiting for permits") - each("suspended fibers, no semaphore")
  return table(["heap", "measured"], [
    ["a fiber that waits for a permit, beyond one that is suspended anyway", `${number(waiter)} bytes`],
    ["a job that waits in the queue of a pool", `${number(each("queued jobs, returned"))} bytes`],
    ["a million jobs through WorkerPool.map, at most", `${(map / 2 ** 20).toFixed(1)} MB`]
  ])
}

export const latencyTable = ({ latency }: Results): string =>
  table(
    ["from … to …", "with", "p50, µs", "p99, µs"],
    latency.map(({ name, p50, p99, what }) => [what, name, number(p50), number(p99)])
  )

export const fairnessTable = ({ fairness }: Results): string =>
  table(
    ["turns of the event loop that a request waits", "permits it wants", "median", "longest", "longest / median"],
    fairness.map(({ max, median, name, weight }) => [
      name,
      String(weight),
      String(median),
      String(max),
      (max / median).toFixed(1)
    ])
  )

export const threadTimesTable = ({ threads: { times } }: Pick<Results, "threads">): string =>
  table(
    ["from … until …", "with", "median, ms", "longest, ms"],
    times.map(({ max, median, name, what }) => [what, name, median.toFixed(1), max.toFixed(1)])
  )

export const scalingTable = ({ threads: { scaling } }: Pick<Results, "threads">): string =>
  table(
    ["threads", "jobs a second", "times as many as one", "one call for each thread", "times as many as one"],
    scaling.map(({ alone, jobs, threads }) => [
      String(threads),
      number(jobs),
      (jobs / scaling[0]!.jobs).toFixed(2),
      number(alone),
      (alone / scaling[0]!.alone).toFixed(2)
    ])
  )

/** The comparisons that help to choose: a work, and another contender of it. */
const compared: ReadonlyArray<readonly [id: string, against: string]> = [
  ["semaphore-waiting", "Effect Semaphore"],
  ["semaphore-waiting", "Effect PartitionedSemaphore"],
  ["semaphore-waiting", "async-sema"],
  ["semaphore-uncontended", "Effect Semaphore"],
  ["group-limit", "Effect.forEach, concurrency 8"],
  ["group-sync", "Effect.forEach, concurrency 8"],
  ["group-for-each", "Effect.forEach, concurrency 8"],
  ["group-for-each-sync", "Effect.forEach, concurrency 8"],
  ["group-unbounded", "FiberSet.run and awaitEmpty"],
  ["cancel", "Fiber.interruptAll"],
  ["pool-submit", "Queue.bounded(16) and 8 fibers"],
  ["pool-submit", "8 fibers that loop over yieldNow"],
  ["pool-submit", "Go channel and 8 goroutines"],
  ["pool-run", "p-limit"],
  ["pool-run", "p-queue"],
  ["pool-run-promises", "p-limit"],
  ["pool-run-promises", "p-queue"],
  ["threads-tiny", "piscina, 32 jobs a thread"],
  ["threads-compute", "piscina, 4 jobs a thread"],
  ["threads-transfer", "piscina, moved"]
]

export const ratiosTable = ({ works }: Pick<Results, "works">): string =>
  table(
    ["work", "against", "ratio"],
    compared.flatMap(([id, against]) => {
      const { figures, title } = works.find((work) => work.id === id)!
      const other = figures.find(({ name }) => name === against)
      // Go may be absent.
      return other === undefined ? [] : [[title, against, (figures[0]!.median / other.median).toFixed(2)]]
    })
  )

/** In the terminal only. */
export const goalsTable = ({ works }: Results): string =>
  table(
    ["work", "against", "goal", "measured", ""],
    works.flatMap((work) =>
      verdictsOf(work).map(({ against, goal, met, ratio }) => [
        work.title,
        against,
        number(goal),
        ratio.toFixed(2),
        met ? "met" : "missed"
      ])
    )
  )
