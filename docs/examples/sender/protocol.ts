// What the main process, where the server is, and the one that sends tell each other.

/** In the order in which they run and are shown. */
export const versions = ["pooled", "naive"] as const

export type Version = (typeof versions)[number]

export interface Task {
  readonly version: Version
  readonly port: number
  readonly users: number
  readonly workers: number
  readonly deadline: number
}

export type ToSender =
  | { readonly type: "task"; readonly task: Task }
  /** Come to an end in good order. */
  | { readonly type: "stop" }

export interface Progress {
  readonly type: "progress"
  readonly sent: number
  /** Being sent now. */
  readonly running: number
  /** Accepted by the pool, and in its queue. */
  readonly queued: number
  readonly heap: number
}

export interface Ended {
  readonly type: "ended"
  /** Acknowledged by the server. */
  readonly sent: number
  /** Tried as often as a message may be, in vain. */
  readonly gaveUp: number
  /** Interrupted while they were being sent: nobody knows whether they arrived. */
  readonly aborted: number
  /** Accepted by the pool, and never begun. */
  readonly returned: number
  readonly seconds: number
  readonly heapBefore: number
  readonly peakHeap: number
  readonly peakMemory: number
  /** Connections opened, and how many of them took the place of one that broke. */
  readonly connections: number
  readonly reconnects: number
  /** How often the system had no connection, such as for want of file descriptors, by its error code. */
  readonly refusals: Readonly<Record<string, number>>
  /** Why there was no going on. */
  readonly failure: string | undefined
}

export type FromSender = Progress | Ended
