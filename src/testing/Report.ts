/** The result of an exploration. */
import { brief, full } from "./format.js"
import type { Kind } from "./oracles.js"
import type { Realism, Schedule } from "./Schedule.js"
import { toSvg } from "./svg/toSvg.js"
import type { Trace } from "./Trace.js"

/**
 * The failure of a run, and the schedule that leads to it.
 *
 * @since 0.1.0
 */
export interface Failure {
  /**
   * - `expectation`: `Kit.expect`, or an assertion, failed.
   * - `deadlock`: actors wait, and nothing is left that could wake them.
   * - `livelock`: the run does not end, though every fiber has had many turns.
   * - `leaked-fiber`: a fiber was alive at the end of the scenario.
   * - `leaked-finalizer`: a scope was never closed, or a finalizer ran more than once.
   * - `defect`: an actor died, or the body failed.
   * - `not-linearizable`: no order explains the results of the operations.
   * - `escaped`: the same choices gave another run.
   */
  readonly kind: Kind
  /** The failure in words: the message of `expect`, the error, or the names of the fibers. */
  readonly message: string
  /** The schedule that fails, reduced unless `shrink` is false. */
  readonly schedule: Schedule
  /** The schedule as text, for `replay`. */
  readonly key: string
  /** The failing run step by step. */
  readonly trace: Trace
  /** The realism of the runtime that the failure needs. */
  readonly realism: Realism
  /** The number of the schedule in which the failure was found, from 1. */
  readonly run: number
  /** A program that shows the failure on the stock runtime, without the kit. Absent if none was found. */
  readonly program?: string | undefined
}

interface Results {
  readonly runs: number
  readonly distinct: number
  readonly steps: number
  readonly exhausted: boolean
  readonly truncated: number
  readonly millis: number
  readonly seed: number
  readonly failure: Failure | undefined
  readonly trace?: Trace
}

const needs: Record<Realism, string> = {
  suspension: "It needs no preemption: fibers switch only where they suspend, in the stock runtime's order.",
  nested: "It needs an interrupt that comes from within a fiber that the interrupted one has just resumed.",
  contract: "It needs an order of ready fibers, or a yield between two operations, that Effect allows but seldom does.",
  scheduler: "It needs a scheduler that makes a fiber yield before its first operation; Effect's own does not.",
  any: "It needs a timer that fires late."
}

/**
 * The result of an exploration.
 *
 * @since 0.1.0
 */
export class Report {
  /** How many schedules were run. */
  readonly runs: number
  /** How many of them differ in which fiber ran when. Counted up to 8,388,608. */
  readonly distinct: number
  /** How many operations these runs took in all. */
  readonly steps: number
  /** Whether every schedule within the bounds was run. False for every random strategy. */
  readonly exhausted: boolean
  /** How many runs took more than `maxSteps` steps, and were not explored from there on. */
  readonly truncated: number
  /** How many schedules were run in a second, on average, rounded. */
  readonly schedulesPerSecond: number
  /** How many milliseconds the exploration took, >= 1. */
  readonly millis: number
  /** The seed of the exploration. 0 for a single schedule of `run` or `replay`. */
  readonly seed: number
  /** The failure that ended the exploration. `undefined` if no schedule failed. */
  readonly failure: Failure | undefined
  private readonly known: Trace | undefined

  constructor(results: Results) {
    this.runs = results.runs
    this.distinct = results.distinct
    this.steps = results.steps
    this.exhausted = results.exhausted
    this.truncated = results.truncated
    this.millis = results.millis
    this.seed = results.seed
    this.schedulesPerSecond = Math.round(results.runs * 1000 / results.millis)
    this.failure = results.failure
    this.known = results.trace
  }

  /**
   * The run step by step: of the failure, or the one that `replay` has made. `undefined` for an exploration without a
   * failure.
   */
  get trace(): Trace | undefined {
    return this.known ?? this.failure?.trace
  }

  /**
   * Returns the run as text, each operation on a line with its source. Empty without a failure, except for `replay`.
   */
  toTrace(): string {
    return this.trace === undefined ? "" : full(this.trace)
  }

  /** Returns the run as a drawing in SVG, one lane for each fiber. Without a run to draw, it has a title only. */
  toSvg(): string {
    const { failure, trace = { fibers: [], events: [] } } = this
    return failure === undefined
      ? toSvg(trace, { title: "no failure", subtitle: `${this.runs} schedules` })
      : toSvg(trace, { title: `${failure.kind}: ${failure.message}`, subtitle: failure.key })
  }

  /**
   * Returns the report as text for a person: how many schedules were run, and the failure, its short trace, and the
   * line that replays it.
   */
  toString(): string {
    const { distinct, exhausted, failure, runs, truncated } = this
    if (failure === undefined && truncated > 0) {
      return `${runs} schedules (${distinct} distinct), no failure; ${truncated} of them were cut off at maxSteps`
    }
    if (failure === undefined) {
      return `${runs} schedules (${distinct} distinct${
        exhausted ? ", every one there is within the bounds" : ""
      }), no failure`
    }
    const indented = brief(failure.trace).split("\n").map((line) => `  ${line}`).join("\n")
    return [
      `${failure.kind}: ${failure.message}`,
      "",
      indented,
      "",
      `Found in schedule ${failure.run} (seed ${this.seed}), reduced to ${failure.schedule.length} decision${
        failure.schedule.length === 1 ? "" : "s"
      }. ${needs[failure.realism]}`,
      `Run it again:  replay(yourScenario, ${JSON.stringify(failure.key)})`,
      ...(failure.program === undefined
        ? []
        : ["", "A program that shows it on the stock runtime:", "", failure.program])
    ].join("\n")
  }
}
