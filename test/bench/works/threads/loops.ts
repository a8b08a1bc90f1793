import { Effect } from "effect"

export interface Loops {
  /** How many loops there are, each of which has one job at a time. */
  readonly callers: number
  readonly jobs: number
}

/** How many jobs one of them does: all do as many, but for one. */
const share = ({ callers, jobs }: Loops, caller: number): number =>
  Math.floor(jobs / callers) + (caller < jobs % callers ? 1 : 0)

export const byFibers = (loops: Loops, job: (n: number) => Effect.Effect<unknown, unknown>) =>
  Effect.forEach(Array.from({ length: loops.callers }), (_, caller) =>
    Effect.gen(function*() {
      for (let n = share(loops, caller); n > 0; n--) yield* job(n)
    }), { concurrency: "unbounded", discard: true })

export const byPromises = (loops: Loops, job: (n: number) => Promise<unknown>) =>
  Promise.all(Array.from({ length: loops.callers }, async (_, caller) => {
    for (let n = share(loops, caller); n > 0; n--) await job(n)
  }))
