/**
 * `gradient()` and its peers on the same simulated traces. All is deterministic; each trace is run with three seeds, of
 * which the means are shown.
 */
import * as AdaptiveLimit from "../../../src/AdaptiveLimit.js"
import { Fixed, NetflixAimd, Ours, WindowedGradient2 } from "./contenders.js"
import { type Contender, type Phase, services, simulate, type Trace } from "./simulation.js"

/** The results for one capacity of a trace. */
export interface Simulated {
  readonly trace: string
  readonly capacity: number
  /** The mean time of a call in milliseconds, for each of `names`. */
  readonly calls: ReadonlyArray<number>
  /** The time of `gradient()` divided by that of Gradient2: the mean, and the largest of the seeds. */
  readonly ratio: number
  readonly worst: number
  /** The mean limit of `gradient()`, as a multiple of the least that suffices; its 5 % and 95 %, of its mean. */
  readonly limit: number
  readonly low: number
  readonly high: number
}

type Unseeded = Omit<Trace, "seed">

const mean = 10
const capacity = 24
const seeds = [1, 2, 3]

export const traces: ReadonlyArray<Unseeded> = [0, 50].flatMap((network) =>
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
const optimum = (trace: Unseeded, phase: Phase): number => phase.capacity * (1 + trace.network / mean)

const contenders: Readonly<Record<string, (trace: Unseeded) => Contender>> = {
  "no limit": () => new Fixed(Infinity),
  "gradient()": () => new Ours(AdaptiveLimit.gradient()),
  Gradient2: () => new WindowedGradient2(),
  "Netflix AIMD": ({ network }) => new NetflixAimd(network + 3 * mean)
}

export const names = Object.keys(contenders)

const average = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

export const simulated = (trace: Unseeded): ReadonlyArray<Simulated> => {
  const runs = names.map((name) => seeds.map((seed) => simulate({ ...trace, seed }, contenders[name]!(trace))))
  return trace.capacities.map((capacity, i) => {
    const calls = runs.map((run) => run.map((phases) => phases[i]!.call))
    const [ours, theirs] = [calls[1]!, calls[2]!]
    const ratios = ours.map((call, seed) => call / theirs[seed]!)
    const phases = runs[1]!.map((phases) => phases[i]!)
    return {
      trace: trace.name,
      capacity,
      calls: calls.map(average),
      ratio: average(ratios),
      worst: Math.max(...ratios),
      limit: average(phases.map((phase) => phase.limit.mean / optimum(trace, phase))),
      low: average(phases.map(({ limit }) => limit.low / limit.mean)),
      high: average(phases.map(({ limit }) => limit.high / limit.mean))
    }
  })
}

/** The traces of the page. All of them take a minute. */
const shown = traces.filter(({ name }) => /^(exponential|lognormal 1), (open 90 %|closed)/.test(name))

export const measureSimulation = (): Promise<ReadonlyArray<Simulated>> => Promise.resolve(shown.flatMap(simulated))
