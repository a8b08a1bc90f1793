/** The explorer as a test: it throws what a person can act on. */
import { explore, exploreAsync, run } from "./explore.js"
import type { ExploreOptions } from "./options.js"
import type { Report } from "./Report.js"
import type { Scenario } from "./Scenario.js"
import type { Schedule } from "./Schedule.js"

/** `check` throws this error. Its message has the failure, the schedule as a short trace, and the line to replay it. */
export class CheckFailed extends Error {
  override readonly name = "CheckFailed"
  declare readonly report: Report

  constructor(report: Report, drawing: string | undefined) {
    super()
    // Not enumerable: a runner that prints an error's own properties would bury its message under the trace.
    Object.defineProperty(this, "report", { value: report })
    // Only when it is read: fast-check meets many failures on its way to the one that it shows.
    let message: string | undefined
    Object.defineProperty(this, "message", {
      configurable: true,
      get: () => message ??= `${report.toString()}${drawing === undefined ? "" : `\nDrawn in ${drawing}`}`
    })
  }
}

export interface CheckOptions extends ExploreOptions {
  /**
   * Where to draw a failing run, as SVG. Default: beneath the folder that the environment variable `SLUICE_SVG` names;
   * nowhere without it.
   */
  readonly svg?: string | undefined
  /** Run this schedule only, as given by a property of fast-check, or a key: nothing is explored nor reduced. */
  readonly schedule?: Schedule | string | undefined
}

interface Platform {
  readonly process?: {
    readonly env: Record<string, string | undefined>
    readonly getBuiltinModule?: (name: "node:fs") => {
      readonly writeFileSync: (path: string, text: string) => void
      readonly mkdirSync: (path: string, options: { readonly recursive: true }) => void
    }
  }
}

const draw = (report: Report, path: string | undefined): string | undefined => {
  const { process } = globalThis as unknown as Platform
  const folder = process?.env["SLUICE_SVG"]
  const file = path ??
    (folder === undefined ? undefined : `${folder}/${report.failure?.kind ?? "run"}-${hash(report)}.svg`)
  const fs = process?.getBuiltinModule?.("node:fs")
  if (file === undefined || fs === undefined) return undefined
  if (path === undefined && folder !== undefined) fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(file, report.toSvg())
  return file
}

/** A name for a run: the same failure is drawn to the same file. */
const hash = (report: Report): string => {
  let state = 0
  for (const character of `${report.failure?.message ?? ""}${report.failure?.key ?? ""}`) {
    state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193)
  }
  return (state >>> 0).toString(36)
}

const settle = (report: Report, options: CheckOptions): Report => {
  if (report.failure !== undefined) throw new CheckFailed(report, draw(report, options.svg))
  return report
}

/**
 * Explores a scenario and throws `CheckFailed` if a schedule fails; returns the report otherwise. For any test runner:
 * it is an ordinary function.
 */
export const check = (scenario: Scenario, options: CheckOptions = {}): Report =>
  settle(
    options.schedule === undefined ? explore(scenario, options) : run(scenario, options.schedule, options),
    options
  )

/** As `check`, for a scenario that waits for what is outside of Effect. */
export const checkAsync = async (scenario: Scenario, options: CheckOptions = {}): Promise<Report> =>
  settle(await exploreAsync(scenario, options), options)
