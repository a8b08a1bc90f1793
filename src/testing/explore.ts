/** Explores a scenario's schedules, and reports the failure of the first schedule that fails. */
import { makeLocator } from "../source/Locator.js"
import { DepthFirst } from "./choosers/DepthFirst.js"
import { Replay } from "./choosers/Replay.js"
import { randomChooser } from "./choosers/strategies.js"
import { drive, driveAsync } from "./drive.js"
import { Machine } from "./Machine.js"
import { type ExploreOptions, levels, type Settings, settingsOf } from "./options.js"
import { providedLocator } from "./provided.js"
import { TraceRecorder } from "./recorder.js"
import { Report } from "./Report.js"
import type { Failure } from "./Report.js"
import type { Outcome, Program, Steps } from "./Run.js"
import { requireInternals } from "./runtime.js"
import { program, type Scenario } from "./Scenario.js"
import { decode, encode, type Realism, realismOf, type Schedule } from "./Schedule.js"
import { shrink } from "./shrink.js"
import { onStock, standAlone } from "./stock.js"
import type { Trace } from "./Trace.js"

/** How many distinct schedules are counted: more than that, and the count itself would take all memory. */
const mostSeen = 2 ** 23

/** Every so many runs it is checked that the same choices give the same run. */
const checkEvery = 512

function* search(machine: Machine, scenario: Scenario, settings: Settings): Steps<Report> {
  const self = program(scenario)
  const began = Date.now()
  const seen = new Set<number>()
  const { cancels, millis, realism, runs, seed, strategy } = settings
  const chooser = typeof strategy === "string"
    ? randomChooser(strategy, seed, cancels)
    : new DepthFirst(strategy.exhaustive)
  const exhaustive = chooser instanceof DepthFirst ? chooser : undefined
  if (exhaustive !== undefined) requireInternals()
  let run = 0
  let steps = 0
  let truncated = 0
  let exhausted = false
  let failure: Failure | undefined
  while (run < runs) {
    const outcome = yield* machine.run(self, chooser, { recorder: exhaustive })
    run++
    steps += outcome.operations
    if (outcome.truncated) truncated++
    if (seen.size < mostSeen) seen.add(outcome.hash)
    if (outcome.problem !== undefined || (run % checkEvery === 1 && !machine.outside)) {
      const parted = yield* findEscape(machine, self, outcome)
      if (parted !== undefined) {
        failure = yield* explain(machine, self, parted, run, realism)
        break
      }
    }
    if (outcome.problem !== undefined) {
      const found = settings.shrink ? yield* simplest(machine, self, outcome, settings) : { outcome, realism }
      failure = yield* explain(machine, self, found.outcome, run, found.realism)
      if (settings.shrink && !machine.outside) failure = { ...failure, program: programOf(scenario, failure) }
      break
    }
    if (exhaustive?.advance() === false) {
      exhausted = truncated === 0
      break
    }
    if (millis < Infinity && Date.now() - began >= millis) break
    if (run % 1024 === 0) settings.onProgress?.({ runs: run, distinct: seen.size, millis: Date.now() - began })
  }
  const elapsed = Math.max(1, Date.now() - began)
  return new Report({
    runs: run,
    distinct: seen.size,
    steps,
    exhausted,
    truncated,
    millis: elapsed,
    seed,
    failure
  })
}

/**
 * Runs the program again with the same choices. A different run is an escape from the kit's control, and becomes the
 * problem. Input from outside takes a varying time, so in a run with outside input only a lost failure counts.
 */
function* findEscape(machine: Machine, self: Program, outcome: Outcome): Steps<Outcome | undefined> {
  const first = yield* machine.run(self, new Replay(outcome.decisions), { places: true })
  const fails = (other: Outcome) => other.problem?.kind === outcome.problem?.kind
  if (fails(first) && (machine.outside || first.hash === outcome.hash)) return undefined
  const second = yield* machine.run(self, new Replay(outcome.decisions), { places: true })
  if (fails(second) && machine.outside) return undefined
  const [a, b] = [first.places?.ends ?? [], second.places?.ends ?? []]
  const names = first.places?.names ?? []
  let i = 0
  while (i < a.length && a[i] === b[i] && a[i + 1] === b[i + 1]) i += 2
  const where = i >= a.length && i >= b.length
    ? ""
    : `: in turn ${i / 2 + 1}, ${names[a[i] ?? 0] ?? "main"} stopped after ${
      a[i + 1] ?? 0
    } operations in one run, and ${names[b[i] ?? 0] ?? "main"} after ${b[i + 1] ?? 0} in the next`
  const was = outcome.problem === undefined
    ? ""
    : ` (in one of them, ${outcome.problem.kind}: ${outcome.problem.message})`
  const message = `the same choices gave different runs${where}${was}. ` +
    "Something outside of the kit's control has a part in it: " +
    "Date.now, Math.random, state that outlives a run, a promise or a timer that is not Effect's"
  return { ...outcome, problem: { kind: "escaped", message } }
}

/** The least that still fails, on terms as close to the stock runtime's as it can be found to fail on. */
function* simplest(machine: Machine, self: Program, outcome: Outcome, settings: Settings): Steps<{
  readonly outcome: Outcome
  readonly realism: Realism
}> {
  const { cancels, maxSteps, realism, seed } = settings
  let best = yield* shrink(machine, self, outcome)
  let needs = realismOf(best.decisions, realism)
  for (const weaker of levels.slice(0, levels.indexOf(needs))) {
    const limited = new Machine(maxSteps, weaker, machine.outside)
    const chooser = randomChooser("portfolio", seed, Math.max(1, cancels))
    const until = Date.now() + 1_000
    for (let i = 0; i < 200 && Date.now() < until; i++) {
      const found = yield* limited.run(self, chooser)
      if (found.problem?.kind !== outcome.problem?.kind || found.problem?.message !== outcome.problem?.message) continue
      best = yield* shrink(limited, self, found)
      needs = weaker
      break
    }
    if (needs === weaker) break
  }
  return { outcome: best, realism: needs }
}

/** A program that shows the failure on the stock runtime, if one is found: it interrupts the schedule's victims. */
const programOf = (scenario: Scenario, failure: Failure): string | undefined => {
  const { schedule, trace } = failure
  const victims = schedule.filter(({ kind }) => kind === "interrupt" || kind === "nested")
    .map(({ pick }) => trace.fibers[pick]?.name ?? "")
  const interruptions = onStock(scenario, failure, [...new Set(victims)])
  return interruptions === undefined ? undefined : standAlone(scenario, failure, interruptions)
}

/** Runs it once more, with the trace. */
function* explain(
  machine: Machine,
  self: Program,
  outcome: Outcome,
  run: number,
  realism: Realism
): Steps<Failure> {
  requireInternals()
  const fromPage = providedLocator()
  const locator = fromPage === undefined ? makeLocator() : undefined
  try {
    const recorder = new TraceRecorder(fromPage ?? locator)
    yield* machine.run(self, new Replay(outcome.decisions), { recorder })
    const trace = recorder.trace()
    const waiting = machine.outside ? [] : recorder.waitingForPromises()
    const { kind, message } = outcome.problem?.kind === "deadlock" && waiting.length > 0
      ? {
        kind: "escaped" as const,
        message: `${waiting[0]?.name ?? ""} waits for a promise: use exploreAsync or checkAsync`
      }
      : outcome.problem ?? { kind: "escaped" as const, message: "no failure" }
    const schedule = outcome.decisions
    return { kind, message, schedule, key: encode(schedule), trace, realism, run }
  } finally {
    locator?.close()
  }
}

/**
 * Runs a scenario under many schedules, until one fails. Returns the report in either case. A failure in the report is
 * reduced to a small one. Synchronous: for a scenario that waits for promises, files or sockets there is
 * `exploreAsync`. Throws an `Error` for an option with a wrong value.
 *
 * @since 0.1.0
 */
export const explore = (self: Scenario, options: ExploreOptions = {}): Report => {
  const settings = settingsOf(options)
  return drive(search(new Machine(settings.maxSteps, settings.realism), self, settings))
}

/**
 * As `explore`, for a scenario that waits for promises, files or sockets. The kit holds their results until nothing
 * else can run. The order of the results is then part of the schedule. The promise resolves with the report.
 *
 * @since 0.1.0
 */
export const exploreAsync = (self: Scenario, options: ExploreOptions = {}): Promise<Report> => {
  const settings = settingsOf(options)
  const machine = new Machine(settings.maxSteps, settings.realism, true)
  return driveAsync(search(machine, self, settings))
}

function* again(machine: Machine, self: Program, schedule: Schedule): Steps<Report> {
  const began = Date.now()
  const outcome = yield* machine.run(self, new Replay(schedule))
  const failure = yield* explain(machine, self, outcome, 1, realismOf(schedule, machine.realism))
  return new Report({
    runs: 1,
    distinct: 1,
    steps: outcome.operations,
    exhausted: false,
    truncated: outcome.truncated ? 1 : 0,
    millis: Math.max(1, Date.now() - began),
    seed: 0,
    failure: outcome.problem === undefined ? undefined : failure,
    trace: failure.trace
  })
}

const scheduleOf = (key: string | Schedule): Schedule => typeof key === "string" ? decode(key) : key

/**
 * Runs one schedule: the key of a failure, or a schedule of fast-check. Returns a report with the trace of the run,
 * also when nothing fails. Throws an `Error` for a text that is no key.
 *
 * @since 0.1.0
 */
export const replay = (
  self: Scenario,
  key: string | Schedule,
  options: Pick<ExploreOptions, "maxSteps"> = {}
): Report => {
  const { maxSteps } = settingsOf(options)
  return drive(again(new Machine(maxSteps, "any"), program(self), scheduleOf(key)))
}

/**
 * Runs one schedule, and returns its report: for a property of fast-check, which runs many schedules and reduces a
 * failure itself. The trace is made only when it is read. Throws an `Error` for a text that is no key.
 *
 * @since 0.1.0
 */
export const run = (
  self: Scenario,
  schedule: string | Schedule,
  options: Pick<ExploreOptions, "maxSteps"> = {}
): Report => {
  const began = Date.now()
  const { maxSteps } = settingsOf(options)
  const machine = new Machine(maxSteps, "any")
  const outcome = drive(machine.run(program(self), new Replay(scheduleOf(schedule))))
  const { decisions, operations: steps, problem } = outcome
  const realism = realismOf(decisions, "any")
  let trace: Trace | undefined
  const failure = problem === undefined ? undefined : {
    ...problem,
    schedule: decisions,
    key: encode(decisions),
    realism,
    run: 1,
    get trace(): Trace {
      return trace ??= drive(explain(machine, program(self), outcome, 1, realism)).trace
    }
  }
  const millis = Math.max(1, Date.now() - began)
  return new Report({ runs: 1, distinct: 1, steps, exhausted: false, truncated: 0, millis, seed: 0, failure })
}

/**
 * As `replay`, for a scenario that waits for promises, files or sockets. The promise resolves with the report.
 *
 * @since 0.1.0
 */
export const replayAsync = (
  self: Scenario,
  key: string | Schedule,
  options: Pick<ExploreOptions, "maxSteps"> = {}
): Promise<Report> => {
  const { maxSteps } = settingsOf(options)
  const machine = new Machine(maxSteps, "any", true)
  return driveAsync(again(machine, program(self), scheduleOf(key)))
}
