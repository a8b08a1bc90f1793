/** The figures of durable jobs, as they stand in docs/durable.md. */
import { median } from "../measure.js"
import type { Results } from "./main.js"

type Throughput = Results["redis"]

/** The median of the ratios within each round. */
const ratio = (all: Throughput, name: string, to: string, of: "perSecond" | "cpuMillis"): number =>
  median(all[name]![of].map((value, round) => value / all[to]![of][round]!))

const rowsOf = (all: Throughput, peer: string, bareOf: (name: string) => string | undefined): ReadonlyArray<string> =>
  Object.entries(all).map(([name, { cpuMillis, perSecond }]) => {
    const bare = bareOf(name)
    const cells = [
      name,
      median(perSecond).toFixed(0),
      name === peer ? "1" : ratio(all, name, peer, "perSecond").toFixed(2),
      median(cpuMillis).toFixed(2),
      bare === undefined ? "" : ratio(all, name, bare, "cpuMillis").toFixed(2)
    ]
    return `| ${cells.join(" | ")} |`
  })

const bareOf = (name: string): string | undefined =>
  /^sluice on (\w+)/.exec(name)?.[1]?.replace(/^/, "PersistedQueue on ")

const throughputTable = (all: Throughput, peer: string): string =>
  [
    `| no-op jobs, ten workers in one process | jobs/s | of ${peer} | CPU ms a job | of the bare engine |`,
    "| --- | ---: | ---: | ---: | ---: |",
    ...rowsOf(all, peer, bareOf)
  ].join("\n")

const latencyTable = (all: Results["latencies"]): string =>
  [
    "| from submit to begin, in another process | p50 ms | p99 ms |",
    "| --- | ---: | ---: |",
    ...Object.entries(all).map(([name, { p50, p99 }]) => `| ${name} | ${p50.toFixed(1)} | ${p99.toFixed(1)} |`)
  ].join("\n")

const recoveryTable = (all: Results["recoveries"]): string =>
  [
    "| from kill -9 to begin, with a lock of 5 s | seconds, each time |",
    "| --- | ---: |",
    ...Object.entries(all).map(([name, each]) =>
      `| ${name} | ${each.map((millis) => (millis / 1_000).toFixed(1)).join(", ")} |`
    )
  ].join("\n")

const limitTable = (all: Results["limits"]): string =>
  [
    "| `Limit` | a second | round trips each |",
    "| --- | ---: | ---: |",
    ...Object.entries(all).map(([name, { perSecond, roundTrips }]) =>
      `| ${name} | ${perSecond!.toFixed(0)} | ${roundTrips!.toFixed(2)} |`
    )
  ].join("\n")

/** The page with new figures between the marks. People write the words around them. */
export const pageOf = (text: string, results: Results): string => {
  const { latencies, limits, load, machine, node, postgres, recoveries, redis, rounds } = results
  const parts = [
    `Measured on ${machine}, with Node ${node}, in ${rounds} interleaved rounds, at a load of ${load.toFixed(1)}.`,
    throughputTable(redis, "BullMQ"),
    throughputTable(postgres, "graphile-worker"),
    latencyTable(latencies),
    recoveryTable(recoveries),
    limitTable(limits)
  ]
  return text.replace(
    /(<!-- figures -->\n)[^]*?(<!-- end -->)/,
    (_, mark: string, end: string) => `${mark}\n${parts.join("\n\n")}\n\n${end}`
  )
}
