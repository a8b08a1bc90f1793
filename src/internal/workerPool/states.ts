/** What a pool is doing; see the table in `docs/worker-pool.md`. */
export type PoolState = "starting" | "running" | "draining" | "stopping" | "stopped" | "failed"

/** Which state may follow which: a pool refuses any other step, and a test holds the docs' table against this one. */
export const transitions: Readonly<Record<PoolState, ReadonlyArray<PoolState>>> = {
  starting: ["running", "stopping"],
  running: ["draining", "stopping", "failed"],
  draining: ["stopping", "failed"],
  stopping: ["stopped"],
  stopped: [],
  failed: []
}

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
