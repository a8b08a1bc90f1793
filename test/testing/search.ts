/**
 * Where a failure is found, and nothing else of it: `explore` also explains each failure, with sources, which takes as
 * long as thousands of schedules, and measurements need many failures.
 */
import type { ExploreOptions, Kind, Scenario, Strategy } from "sluice/testing"
import { DepthFirst } from "sluice/testing/choosers/DepthFirst"
import { randomChooser } from "sluice/testing/choosers/strategies"
import { drive } from "sluice/testing/drive"
import { Machine } from "sluice/testing/Machine"
import { program } from "sluice/testing/Scenario"

export interface Found {
  /** In which schedule; the first is 1. Infinity: in none. */
  readonly run: number
  readonly kind: Kind | undefined
}

export const search = (
  self: Scenario,
  { strategy, ...options }: Pick<ExploreOptions, "realism" | "maxSteps"> & {
    readonly strategy: Strategy
    readonly seed: number
    readonly runs: number
  }
): Found => {
  const machine = new Machine(options.maxSteps ?? 20_000, options.realism ?? "contract")
  const chooser = typeof strategy === "string"
    ? randomChooser(strategy, options.seed, 2)
    : new DepthFirst(strategy.exhaustive)
  const exhaustive = chooser instanceof DepthFirst ? chooser : undefined
  const body = program(self)
  for (let run = 1; run <= options.runs; run++) {
    const { problem } = drive(machine.run(body, chooser, { recorder: exhaustive }))
    if (problem !== undefined) return { run, kind: problem.kind }
    if (exhaustive?.advance() === false) break
  }
  return { run: Infinity, kind: undefined }
}

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
