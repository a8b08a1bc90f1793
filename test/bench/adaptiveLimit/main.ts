/**
 * `npm run bench:adaptive-limit` simulates `gradient()` and its peers on the same traces, and prints the results for
 * the calls and for the limit. All is deterministic; each trace is run with three seeds, of which the means are shown.
 * `npm run bench:adaptive-limit -- lognormal closed` takes the traces whose names contain these words.
 */
import * as AdaptiveLimit from "../../../src/AdaptiveLimit.js"
import { Fixed, NetflixAimd, Ours, WindowedGradient2 } from "./contenders.js"
import { type Contender, type Phase, services, simulate, type Trace } from "./simulation.js"

const mean = 10
const capacity = 24
const seeds = [1, 2, 3]

const traces: ReadonlyArray<Omit<Trace, "seed">> = [0, 50].flatMap((network) =>
  Object.entries(services(mean)).flatMap(([name, service]) => {
    const trace = { service, mean, network }
    const suffix = network === 0 ? "" : `, network ${network} ms`
    return [
      ...[0.8, 0.9].map((share) => ({
        ...trace,
        name: `${name}, open ${share * 100} %${suffix}`,
        capacities: [capacity],
        millis: 40_000,
        load: { tag: "open", share } as const
      })),
      {
        ...trace,
        name: `${name}, closed${suffix}`,
        capacities: [capacity, 6, capacity],
        millis: 20_000,
        load: { tag: "closed", clients: 400 } as const
      }
    ]
  })
)

/** A limit that is just enough for all that the server serves at a time. */
const optimum = (trace: Pick<Trace, "network">, phase: Phase): number => phase.capacity * (1 + trace.network / mean)

const contenders: Readonly<Record<string, (trace: Omit<Trace, "seed">) => Contender>> = {
  "no limit": () => new Fixed(Infinity),
  "gradient()": () => new Ours(AdaptiveLimit.gradient()),
  Gradient2: () => new WindowedGradient2(),
  "Netflix AIMD": ({ network }) => new NetflixAimd(network + 3 * mean)
}

const average = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

const words = process.argv.slice(2)
const chosen = traces.filter(({ name }) => words.every((word) => name.includes(word)))
const names = Object.keys(contenders)
const row = (cells: ReadonlyArray<string>) => console.log(`| ${cells.join(" | ")} |`)

row(["trace", "capacity", ...names.map((name) => `${name}, ms`), "/ Gradient2", "worst", "limit / optimum", "swing"])
row(["---", ...Array.from({ length: names.length + 5 }, () => "---:")])
for (const trace of chosen) {
  const runs = names.map((name) => seeds.map((seed) => simulate({ ...trace, seed }, contenders[name]!(trace))))
  for (const [i, capacity] of trace.capacities.entries()) {
    const calls = runs.map((run) => run.map((phases) => phases[i]!.call))
    const [ours, theirs] = [calls[1]!, calls[2]!]
    const ratios = ours.map((call, seed) => call / theirs[seed]!)
    const phases = runs[1]!.map((phases) => phases[i]!)
    const limits = average(phases.map((phase) => phase.limit.mean / optimum(trace, phase)))
    const low = average(phases.map(({ limit }) => limit.low / limit.mean))
    const high = average(phases.map(({ limit }) => limit.high / limit.mean))
    row([
      trace.name,
      String(capacity),
      ...calls.map((values) => average(values).toFixed(1)),
      average(ratios).toFixed(2),
      Math.max(...ratios).toFixed(2),
      limits.toFixed(2),
      `${low.toFixed(2)} to ${high.toFixed(2)}`
    ])
  }
}
