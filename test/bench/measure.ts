/** How everything here is measured: in turns, in one process, several times, after a warm-up. */

/** One way to do a work. `run` does it once; what it has to set up is part of it, unless `open` does that. */
export interface Contender {
  readonly name: string
  /** Before the first round. */
  readonly open?: () => Promise<unknown>
  readonly run: () => Promise<unknown>
  /** After the last one. */
  readonly close?: () => Promise<unknown>
  /** How many items it does, where it would take too long for as many as the others do. */
  readonly items?: number
}

/** Nanoseconds per item. */
export interface Figure {
  readonly name: string
  readonly median: number
  readonly low: number
  readonly high: number
  readonly items: number
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN
}

const nanoseconds = async (run: () => Promise<unknown>): Promise<number> => {
  const start = process.hrtime.bigint()
  await run()
  return Number(process.hrtime.bigint() - start)
}

/**
 * Runs every contender once a round, in an order that turns by one each time, so that none always comes after the same
 * other. The first `warmUp` rounds do not count: until then the compiler has not settled.
 */
export const measure = async (
  contenders: ReadonlyArray<Contender>,
  items: number,
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number }
): Promise<ReadonlyArray<Figure>> => {
  const times = contenders.map(() => [] as Array<number>)
  for (const { open } of contenders) await open?.()
  for (let round = -warmUp; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const at = (i + round + warmUp) % contenders.length
      const contender = contenders[at]!
      const time = await nanoseconds(contender.run)
      if (round >= 0) times[at]!.push(time / (contender.items ?? items))
    }
  }
  for (const { close } of contenders) await close?.()
  return contenders.map(({ items: own = items, name }, i) => ({
    name,
    median: median(times[i]!),
    low: Math.min(...times[i]!),
    high: Math.max(...times[i]!),
    items: own
  }))
}
