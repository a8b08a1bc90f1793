/**
 * Where a failure is found, and nothing else of it: `explore` also explains each failure, with sources, which takes as
 * long as thousands of schedules, and measurements need many failures.
 */
import type { ExploreOptions, Kind, Scenario, Strategy } from "sluice/testing"
import { Chance, styles } from "sluice/testing/Chance"
import { drive } from "sluice/testing/drive"
import { Enumeration } from "sluice/testing/Enumeration"
import { Machine } from "sluice/testing/Machine"
import { generator } from "sluice/testing/random"
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
  const enumeration = typeof strategy === "string" ? undefined : new Enumeration(strategy.exhaustive)
  const among = typeof strategy === "string" ? styles[strategy] : []
  const chooser = enumeration ?? new Chance(generator(options.seed), among, 2)
  const body = program(self)
  for (let run = 1; run <= options.runs; run++) {
    const { problem } = drive(machine.run(body, chooser, { recorder: enumeration }))
    if (problem !== undefined) return { run, kind: problem.kind }
    if (enumeration?.advance() === false) break
  }
  return { run: Infinity, kind: undefined }
}

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
