/** Explores the scenario of a program, with source lines, and makes of the report what a page shows. */
import type { ExploreOptions, Report, Scenario, Strategy, Trace } from "sluice/testing"
import type * as Testing from "sluice/testing"
import { compile, evaluate, withoutTypes } from "./evaluate.ts"
import { cut, fits, most } from "./limits.ts"
import { load, type Module } from "./modules.ts"
import { Places } from "./places.ts"
import { complete } from "./standAlone.ts"

export interface Exploration {
  readonly code: string
  readonly strategy: Strategy
  readonly realism: NonNullable<ExploreOptions["realism"]>
  readonly seed: number
}

/** One stay of a fiber, by the event that ended it. */
export interface Turn {
  /** As an index into the fibers. -1: of no fiber. */
  readonly fiber: number
  readonly kind: string
  readonly detail: string
  /** The name of the fiber that caused it. "" if none did. */
  readonly by: string
  /** In the program, from 1. 0: not known. */
  readonly line: number
}

/** All that a page shows of a report. */
export interface Result {
  readonly runs: number
  readonly distinct: number
  readonly perSecond: number
  readonly millis: number
  readonly exhausted: boolean
  readonly truncated: number
  readonly text: string
  readonly failure?: {
    readonly kind: string
    readonly message: string
    readonly key: string
    readonly realism: string
    readonly run: number
    readonly decisions: number
    /** "": it is too large to be shown. */
    readonly svg: string
    readonly fibers: ReadonlyArray<string>
    readonly turns: ReadonlyArray<Turn>
    /** "": none was found, or it is too long to be shown. */
    readonly program: string
  }
}

/** Ends the program's evaluation: its scenario is known. */
class Found extends Error {
  constructor(readonly scenario: Scenario, readonly isAsync: boolean) {
    super("a scenario was found")
  }
}

/** The time that an exploration may take, of the page's limit. */
const millis = 10_000

/** The kit as the program sees it: the first call that would explore a scenario ends the program instead. */
const watching = (testing: typeof Testing, made: (scenario: Scenario) => void): Module => {
  const find = (isAsync: boolean) => (scenario: Scenario): never => {
    throw new Found(scenario, isAsync)
  }
  const [sync, async] = [find(false), find(true)]
  const own = {
    scenario: (body: Scenario["body"]) => {
      const scenario = testing.scenario(body)
      made(scenario)
      return scenario
    },
    ...{ check: sync, explore: sync, replay: sync, run: sync },
    ...{ checkAsync: async, exploreAsync: async, replayAsync: async }
  }
  return Object.defineProperties({}, {
    ...Object.getOwnPropertyDescriptors(testing),
    ...Object.getOwnPropertyDescriptors(own)
  })
}

/** The program's scenario: the first that it explores, else the last that it makes. */
const scenarioOf = async (javaScript: string, places: Places, testing: typeof Testing): Promise<Found> => {
  let last: Scenario | undefined
  const kit = watching(testing, (scenario) => void (last = scenario))
  const runner: Module = { test: (_: string, f: () => unknown) => f() }
  const require = (name: string): Module => name === "sluice/testing" ? kit : name === "vitest" ? runner : load(name)
  try {
    await evaluate(javaScript, places.given, require)
  } catch (found) {
    if (found instanceof Found) return found
    throw found
  }
  if (last === undefined) throw new Error("the program makes no scenario: import it from \"sluice/testing\"")
  return new Found(last, false)
}

const isTurn = (kind: Trace["events"][number]["kind"]) => !/^(?:operation|start|resume|choice)$/.test(kind)

/** The stays of the fibers, as `report.toString` lists them. */
const turnsOf = ({ events, fibers }: Trace): ReadonlyArray<Turn> => {
  const last = new Map<number | undefined, number>()
  const turns: Array<Turn> = []
  for (const { by, detail, fiber, kind, source } of events) {
    if (kind === "operation" && source !== undefined) last.set(fiber, source.line)
    if (!isTurn(kind) || (fiber ?? -1) >= most.fibers) continue
    turns.push({
      fiber: fiber ?? -1,
      kind: kind === "suspend" && detail === "Yield" ? "yield" : kind,
      detail: cut(detail, most.text),
      by: by === undefined ? "" : cut(fibers[by]?.name ?? "", most.name),
      line: source?.line ?? (kind === "end" || kind === "interrupt" ? last.get(fiber) : undefined) ?? 0
    })
  }
  return turns.slice(0, most.turns)
}

/** The failure's program, with the scenario as it is written, and completed. */
const programOf = (code: string, places: Places, scenario: Scenario, program: string): string => {
  const compiled = Function.prototype.toString.call(scenario.body)
  const written = places.textOf(scenario.body)
  if (written === undefined) return ""
  const body = withoutTypes(`const body = ${written}`)
  return complete(code, program.replace(`const body = ${compiled}`, () => body))
}

const resultOf = (report: Report, code: string, places: Places, scenario: Scenario): Result => {
  const { failure } = report
  const [text = ""] = report.toString().split("\n\nA program that shows it")
  const svg = failure === undefined ? "" : report.toSvg()
  const program = failure?.program === undefined ? "" : programOf(code, places, scenario, failure.program)
  return {
    runs: report.runs,
    distinct: report.distinct,
    perSecond: report.schedulesPerSecond,
    millis: report.millis,
    exhausted: report.exhausted,
    truncated: report.truncated,
    text: cut(text, most.report),
    ...(failure === undefined ? {} : {
      failure: {
        kind: failure.kind,
        message: cut(failure.message, most.text),
        key: failure.key,
        realism: failure.realism,
        run: failure.run,
        decisions: failure.schedule.length,
        svg: fits(svg) ? svg : "",
        // The turns name a fiber by its index, so none is left out before the last.
        fibers: failure.trace.fibers.slice(0, most.fibers).map(({ name }) => cut(name, most.name)),
        turns: turnsOf(failure.trace),
        program: program.length <= most.report ? program : ""
      }
    })
  }
}

export const exploration = async ({ code, realism, seed, strategy }: Exploration): Promise<Result> => {
  // Says where the program's syntax is wrong, in its own text.
  compile(code)
  const places = new Places(code)
  const testing = load("sluice/testing") as unknown as typeof Testing
  const { isAsync, scenario } = await scenarioOf(compile(places.text), places, testing)
  Object.assign(globalThis, { [Symbol.for("sluice/testing/locator")]: places })
  const options: ExploreOptions = { strategy, realism, seed, millis }
  const first = isAsync ? await testing.exploreAsync(scenario, options) : testing.explore(scenario, options)
  const waits = !isAsync && first.failure?.kind === "escaped" && first.failure.message.includes("use exploreAsync")
  const report = waits ? await testing.exploreAsync(scenario, options) : first
  return resultOf(report, code, places, scenario)
}
