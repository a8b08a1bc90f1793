/** The results as Markdown: the same in the terminal and on the page. */
import { names } from "./adaptiveLimit/table.js"
import { compared } from "./compared.js"
import { type Clock, median } from "./measure.js"
import { jobBytes, noiseOf, ratioOf, type Results, waiterBytes, type WorkResult } from "./results.js"

const number = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 })

export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, i) => i === 0 ? "---" : "---:"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const clocks: Readonly<Record<Clock, string>> = { cpu: "processor time", wall: "wall time" }

export const workTable = ({ clock, figures }: WorkResult): string =>
  table(
    [`${clocks[clock]} of each, ns`, "median", "lowest to highest", "first row / this row"],
    figures.map(({ high, low, median, name, ratio }, i) => [
      name,
      number(median),
      `${number(low)} to ${number(high)}`,
      i === 0 ? "" : ratio.toFixed(2)
    ])
  )

export const growthTable = ({ growth: { all, sizes } }: Pick<Results, "growth">): string =>
  table(
    ["processor time of each, ns", ...sizes.map(number), "exponent"],
    all.map(({ exponent, name, times }) => [name, ...times.map(number), exponent.toFixed(2)])
  )

export const stepsTable = ({ steps }: Pick<Results, "steps">): string =>
  table(
    ["for one of them", "steps of the loop", "bytes allocated"],
    steps.map(({ bytes, name, steps }) => [name, steps.toFixed(1), number(bytes)])
  )

export const heapsTable = ({ growth: { all, sizes } }: Pick<Results, "growth">): string =>
  table(
    ["bytes of heap for each of them", ...sizes.map(number)],
    all.map(({ heaps, name }) => [name, ...heaps.map(number)])
  )

export const memoryTable = (all: Pick<Results, "growth">): string =>
  table(["heap", "measured"], [
    ["a fiber that waits for a permit, beyond one that is suspended anyway", `${number(waiterBytes(all))} bytes`],
    ["a job that waits in the queue of a pool", `${number(jobBytes(all))} bytes`],
    ["a million jobs through WorkerPool.map, at most", `${(all.growth.map / 2 ** 20).toFixed(1)} MB`]
  ])

export const latencyTable = ({ latency }: Pick<Results, "latency">): string =>
  table(
    ["from … to …", "with", "p50, µs", "p90, µs", "p99, µs"],
    latency.map(({ name, p50, p90, p99, what }) => [what, name, number(p50), number(p90), number(p99)])
  )

export const fairnessTable = ({ fairness }: Pick<Results, "fairness">): string =>
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

export const ratiosTable = ({ works }: Pick<Results, "works">): string =>
  table(
    ["work", "against", "ratio", "against itself"],
    compared.flatMap(({ against, work: id }) => {
      const work = works.find((work) => work.id === id)
      const ratio = ratioOf({ works }, id, against)
      if (work === undefined || ratio === undefined) return []
      return [[work.title, against, ratio.toFixed(2), noiseOf(work).toFixed(2)]]
    })
  )

/** The null tests of all works. */
export const noiseTable = ({ works }: Pick<Results, "works">): string =>
  table(
    ["a contender against itself", "works", "lowest ratio", "highest ratio", "median distance from 1"],
    (["cpu", "wall"] as const).flatMap((clock) => {
      const ratios = works.filter((work) => work.clock === clock).map(noiseOf)
      if (ratios.length === 0) return []
      const [low, high] = [Math.min(...ratios), Math.max(...ratios)]
      const distance = median(ratios.map((ratio) => Math.abs(ratio - 1)))
      return [[
        clocks[clock],
        String(ratios.length),
        low.toFixed(2),
        high.toFixed(2),
        `${(distance * 100).toFixed(1)} %`
      ]]
    })
  )

export const simulationTable = ({ simulation }: Pick<Results, "simulation">): string =>
  table(
    ["mean call, ms", "capacity", ...names, "gradient() / Gradient2", "limit / the least that suffices"],
    simulation.map(({ calls, capacity, limit, ratio, trace }) => [
      trace,
      String(capacity),
      ...calls.map((call) => call.toFixed(1)),
      ratio.toFixed(2),
      limit.toFixed(2)
    ])
  )
