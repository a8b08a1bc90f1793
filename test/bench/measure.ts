/** How a work is measured: its contenders take turns in one process, for several rounds, after a warm-up. */

/**
 * `cpu` is the processor time of the process: that of its main thread and of V8's compiler and collector. Other
 * processes do not change it. `wall` is for works whose threads run at the same time, since `cpu` adds them up.
 */
export type Clock = "cpu" | "wall"

/** One way to do a work. A call of `run` does all items once. */
export interface Contender {
  readonly name: string
  /** Runs before the first round. */
  readonly open?: () => Promise<unknown>
  readonly run: () => Promise<unknown>
  /** Runs after the last round. */
  readonly close?: () => Promise<unknown>
  /** The number of items, if it differs from that of the other contenders. */
  readonly items?: number
}

/** The times of one contender, in nanoseconds for each item. */
export interface Figure {
  readonly name: string
  readonly median: number
  readonly low: number
  readonly high: number
  readonly items: number
  /** The time of the work's first contender, divided by the time of this one. */
  readonly ratio: number
}

export interface Rounds {
  readonly rounds: number
  /** Rounds before the others, whose times do not count: the compiler has not settled. */
  readonly warmUp: number
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN
}

const clocks: Readonly<Record<Clock, () => number>> = {
  cpu: () => {
    const { system, user } = process.cpuUsage()
    return (user + system) * 1_000
  },
  wall: () => Number(process.hrtime.bigint())
}

/** The nanoseconds that `run` takes. */
export const timed = async (run: () => Promise<unknown>, clock: Clock = "cpu"): Promise<number> => {
  // A full collection would discard what the compiler has learnt, and the figures would be ten times as large.
  globalThis.gc?.({ type: "minor", execution: "sync" })
  const now = clocks[clock]
  const start = now()
  await run()
  return now() - start
}

/** Each round begins with another contender. Every second round goes backwards, so that each follows both neighbors. */
const orderOf = (round: number, count: number): ReadonlyArray<number> => {
  const order = Array.from({ length: count }, (_, i) => (i + round) % count)
  return round % 2 === 0 ? order : order.toReversed()
}

/** The name of a contender in the null test. */
export const againOf = (name: string): string => `${name}, again`

/** The null test: the first contender once more, in the pool of the first one if it has one. */
const again = ({ items, name, run }: Contender): Contender => ({
  name: againOf(name),
  run,
  ...items === undefined ? {} : { items }
})

/** Runs every contender once a round. The last figure is that of the null test. */
export const measure = async (
  given: ReadonlyArray<Contender>,
  { clock, items }: { readonly clock: Clock; readonly items: number },
  { rounds, warmUp }: Rounds
): Promise<ReadonlyArray<Figure>> => {
  const contenders = [...given, again(given[0]!)]
  const times = contenders.map(() => [] as Array<number>)
  for (const { open } of contenders) await open?.()
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const at of orderOf(round, contenders.length)) {
      const contender = contenders[at]!
      const time = await timed(contender.run, clock) / (contender.items ?? items)
      if (round >= warmUp) times[at]!.push(time)
    }
  }
  for (const { close } of contenders) await close?.()
  const [first] = times
  return contenders.map(({ items: own = items, name }, i) => ({
    name,
    median: median(times[i]!),
    low: Math.min(...times[i]!),
    high: Math.max(...times[i]!),
    items: own,
    // Both times of a ratio are of one round, so a disturbance that lasts longer than a round is in both.
    ratio: median(times[i]!.map((time, round) => first![round]! / time))
  }))
}
