/** The explorer as a test: it throws an error that says how to repeat the failure. */
import { explore, exploreAsync, run } from "./explore.js"
import type { ExploreOptions } from "./options.js"
import type { Report } from "./Report.js"
import type { Scenario } from "./Scenario.js"
import type { Schedule } from "./Schedule.js"

/**
 * The error of `check`. Its message has the failure, the schedule as a short trace, and the line that replays it.
 *
 * @since 0.1.0
 */
export class CheckFailed extends Error {
  /** The name of the class, for test runners and stack traces. */
  override readonly name = "CheckFailed"
  /**
   * The report of the exploration: `report.failure` is the failure. Not enumerable, so that test runners do not print
   * it.
   */
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

/**
 * The options of `check` and `checkAsync`: the options of `explore`, and two more.
 *
 * @since 0.1.0
 */
export interface CheckOptions extends ExploreOptions {
  /**
   * The file into which a failing run is drawn, as SVG. Default: a file in the folder that the environment variable
   * `SLUICE_SVG` names; none without that variable.
   */
  readonly svg?: string | undefined
  /**
   * The only schedule to run: from a property of fast-check, or the key of a failure. Nothing is explored or reduced
   * then. Default: none. A text that is no key throws.
   */
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
 * Explores a scenario, and returns the report if no schedule fails. Throws `CheckFailed` otherwise. Synchronous: any
 * test runner can call it. Throws an `Error` for an option with a wrong value.
 *
 * @since 0.1.0
 */
export const check = (scenario: Scenario, options: CheckOptions = {}): Report =>
  settle(
    options.schedule === undefined ? explore(scenario, options) : run(scenario, options.schedule, options),
    options
  )

/**
 * As `check`, for a scenario that waits for promises, files or sockets. The promise resolves with the report if no
 * schedule fails, and rejects with `CheckFailed` otherwise.
 *
 * @since 0.1.0
 */
export const checkAsync = async (scenario: Scenario, options: CheckOptions = {}): Promise<Report> =>
  settle(await exploreAsync(scenario, options), options)
