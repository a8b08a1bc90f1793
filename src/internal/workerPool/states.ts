/** A pool's states; the table with their meaning is in `docs/services.md`. */
export type PoolState = "starting" | "running" | "paused" | "draining" | "stopping" | "stopped" | "failed"

/** How a job ended. Each is a column of the ledger (P4). */
export type Outcome =
  | "succeeded"
  | "failed"
  | "died"
  | "interrupted"
  | "expired"
  | "timedOut"
  | "deadLettered"
  | "dropped"
  | "returned"

/** A job's phases; the table with their meaning is in `docs/internals.md`. */
export type JobPhase = "offered" | "blocked" | "withdrawn" | "queued" | "running" | "retrying" | Outcome

/** A worker's states; the table with their meaning is in `docs/internals.md`. */
export type WorkerState = "acquiring" | "idle" | "busy" | "releasing" | "givenUp" | "ended"

/** Which state may follow which. A test compares each table with its documentation. */
export type Transitions<State extends string> = Readonly<Record<State, ReadonlyArray<State>>>

export const poolTransitions: Transitions<PoolState> = {
  starting: ["running", "stopping"],
  running: ["paused", "draining", "stopping", "failed"],
  paused: ["running", "draining", "stopping", "failed"],
  draining: ["stopping", "failed"],
  stopping: ["stopped"],
  stopped: [],
  failed: []
}

// The ends of a job's last attempt, where the job is not given another one.
const lastAttempt: ReadonlyArray<JobPhase> = ["failed", "died", "timedOut"]
const over: ReadonlyArray<JobPhase> = []

export const jobTransitions: Transitions<JobPhase> = {
  offered: ["blocked", "queued", "running", "dropped"],
  blocked: ["queued", "running", "withdrawn"],
  queued: ["running", "interrupted", "expired", "dropped", "returned", ...lastAttempt],
  running: ["running", "queued", "retrying", "succeeded", "interrupted", "returned", ...lastAttempt],
  retrying: ["queued", "running", "interrupted", "deadLettered", ...lastAttempt],
  withdrawn: over,
  succeeded: over,
  failed: over,
  died: over,
  interrupted: over,
  expired: over,
  timedOut: over,
  deadLettered: over,
  dropped: over,
  returned: over
}

export const workerTransitions: Transitions<WorkerState> = {
  acquiring: ["idle", "busy", "releasing", "givenUp"],
  idle: ["busy", "releasing"],
  busy: ["idle", "busy", "releasing"],
  releasing: ["acquiring", "ended"],
  givenUp: ["ended"],
  ended: []
}

/**
 * One state, its place in the table, and which states may follow it: a bit for each place, so that a step is checked in
 * some nanoseconds.
 */
export interface State<Name extends string> {
  readonly name: Name
  readonly place: number
  readonly next: number
}

const statesOf = <Name extends string>(transitions: Transitions<Name>): { readonly [N in Name]: State<N> } => {
  const names = Object.keys(transitions) as Array<Name>
  const states = names.map((name, place) => {
    const next = transitions[name].reduce((bits, to) => bits | (1 << names.indexOf(to)), 0)
    return [name, { name, place, next }]
  })
  return Object.fromEntries(states) as { readonly [N in Name]: State<N> }
}

export const poolStates = /* @__PURE__ */ statesOf(poolTransitions)
export const jobPhases = /* @__PURE__ */ statesOf(jobTransitions)
export const workerStates = /* @__PURE__ */ statesOf(workerTransitions)

/** Returns `to`. Throws if the table has no such step: then a book of the pool is wrong, and nothing may go on. */
export const step = <Name extends string>(subject: string, from: State<Name>, to: State<Name>): State<Name> => {
  if ((from.next & (1 << to.place)) !== 0) return to
  throw new Error(`WorkerPool: a ${subject} that is ${from.name} cannot become ${to.name}`)
}
