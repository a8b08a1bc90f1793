import type { Dump } from "../internal/inspect/model.js"
import type { Frame } from "../source/Source.js"

/** The name of the agent's own script, in stacks. */
export const agentUrl = "sluice:ps"

/** The process that was looked at. */
export interface ProcessInfo {
  readonly pid: number
  /** The script that it runs. */
  readonly title: string
  /** The version of Node.js: `v22.18.0`. */
  readonly node: string
  /** For how long it has run, in milliseconds. */
  readonly uptime: number
  /** The functions that the main thread was in, innermost first. Empty: it was waiting for events. */
  readonly stack: ReadonlyArray<Frame>
  /** The fiber that ran, as the dump names it. */
  readonly fiber: string | undefined
  /** Whether the event loop turned between two looks, and the milliseconds between them. Undefined if it was idle. */
  readonly blocked?: { readonly millis: number; readonly isBlocked: boolean } | undefined
  /** The worker threads, whoever made them. */
  readonly threads?: ReadonlyArray<ThreadStack> | undefined
}

/** A worker thread, and the functions that it is in. */
export interface ThreadStack {
  /** Node's number of the thread, as `worker.threadId`. Undefined: the thread did not react, as in native code. */
  readonly thread: number | undefined
  readonly title: string
  /** Innermost first. Empty: the thread was waiting for events. */
  readonly stack: ReadonlyArray<Frame>
}

/** The dump that `sluice ps` prints as JSON. */
export interface ProcessDump extends Dump {
  readonly process: ProcessInfo
}

/** Arguments of the agent. */
export type Task = "look" | "stack"

/** Results of the agent, which travel as JSON. */
export type Answer =
  | { readonly _tag: "Dump"; readonly dump: ProcessDump }
  /** No class of the heap speaks the protocol. */
  | { readonly _tag: "NoSluice"; readonly process: ProcessInfo }
  | { readonly _tag: "Stack"; readonly thread: number; readonly stack: ReadonlyArray<Frame> }
