export { type Cancellation, cancellations, schedule, type ScheduleOptions, withCancellations } from "./arbitraries.js"
export { check, checkAsync, CheckFailed, type CheckOptions } from "./check.js"
export { explore, exploreAsync, replay, replayAsync, run } from "./explore.js"
export type { Call, History } from "./History.js"
export {
  type Cancelled,
  fails,
  type Linearizable,
  linearizable,
  type Model,
  type NotLinearizable,
  returns,
  type Verdict
} from "./linearizable.js"
export type { ExploreOptions, Progress, Strategy } from "./options.js"
export type { Kind } from "./oracles.js"
export type { SourceLocator } from "./provided.js"
export type { Failure, Report } from "./Report.js"
export { type ActorOptions, Kit, type Scenario, scenario } from "./Scenario.js"
export type { Decision, Realism, Schedule } from "./Schedule.js"
export type { Event, Source, Trace, TracedFiber } from "./Trace.js"
