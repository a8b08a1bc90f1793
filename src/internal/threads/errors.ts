import * as Data from "effect/Data"
import { adviceOn } from "./loading.js"

/**
 * A thread could not be started: `make` fails with this error, and a replacement is tried again as `restart` says.
 *
 * **Details**
 *
 * `reason` says why:
 *
 * - `"module"`: the module could not be loaded, or ended while it was loaded. `cause` is the error that it threw, if
 *   any; the message says what to do about TypeScript that this Node does not load. Otherwise `exitCode` is the
 *   thread's: 0 if nothing was left to do, which means that the module has not called `ThreadWorker.serve`; 13 if the
 *   module awaits a promise that nothing can settle.
 * - `"data"`: the thread's `data` cannot be cloned, or the function that makes it threw; `cause` is the error.
 * - `"silent"`: the module did not serve within `startTimeout`. It has not called `ThreadWorker.serve`, or it is still
 *   being loaded, or its layer is still being built.
 * - `"version"`: the module was built with another version of sluice.
 * - `"layer"`: the layer of its jobs could not be built; `cause` is the reason.
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadFailed extends Data.TaggedError("ThreadFailed")<{
  readonly module: string
  readonly reason: "module" | "data" | "silent" | "version" | "layer"
  readonly cause?: unknown
  readonly exitCode?: number | undefined
}> {
  override get message(): string {
    const why = {
      module: "could not be loaded",
      data: "could not be given its data",
      silent: "did not serve within startTimeout: it has not called ThreadWorker.serve, or is still loading",
      version: "was built with another version of sluice",
      layer: "could not build the layer of its jobs"
    }
    const { cause, exitCode } = this
    // A data: URL contains all of the code.
    const module = this.module.length <= 200 ? this.module : `${this.module.slice(0, 200)}…`
    const more = cause instanceof Error ? cause.message : exitCode === undefined ? "" : exitOf(exitCode)
    const advice = adviceOn(this.module, cause)
    return `ThreadPool: ${module} ${why[this.reason]}${more === "" ? "" : `: ${more}`}` +
      (advice === undefined ? "" : `; ${advice}`)
  }
}

const exitOf = (code: number): string => {
  const hint = { 0: "; does it call ThreadWorker.serve?", 13: "; does it await a promise that never settles?" }[code]
  return `it exited with code ${code} before it served${hint ?? ""}`
}

/**
 * The error of a job whose thread ended while the job ran. How much of its work the job had done is unknown.
 *
 * **Details**
 *
 * `reason` says why:
 *
 * - `"exited"`: code in the thread called `process.exit` with `exitCode`.
 * - `"crashed"`: code outside of all jobs threw `cause`.
 * - `"outOfMemory"`: the thread exceeded its `resourceLimits`.
 * - `"terminated"`: another job of the same thread was cancelled and did not end within `grace`.
 * - `"stuck"`: the thread was terminated because code outside of all jobs blocked it. It had begun no job, so only jobs
 *   whose input had been moved to it are lost.
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadLost extends Data.TaggedError("ThreadLost")<{
  readonly thread: string
  readonly job: string
  readonly reason: "exited" | "crashed" | "outOfMemory" | "terminated" | "stuck"
  readonly exitCode?: number | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    const why = {
      exited: `exited with code ${this.exitCode ?? "unknown"}`,
      crashed: `crashed${this.cause instanceof Error ? `: ${this.cause.message}` : ""}`,
      outOfMemory: "ran out of memory",
      terminated: "was terminated because another of its jobs ignored cancellation",
      stuck: "was terminated because it stopped responding"
    }
    const when = this.reason === "stuck" ? "before" : "while"
    return `ThreadPool: ${this.thread} ${why[this.reason]}, ${when} it ran the job ${JSON.stringify(this.job)}`
  }
}

/**
 * The finalizers of a thread's layer did not all run, though nothing needed the thread any more. This defect is among
 * the `releaseFailures` of the pool's report. If no report contains it, the pool's scope closes with it.
 *
 * **Details**
 *
 * `reason` says why:
 *
 * - `"timeout"`: they took longer than `closeTimeout`.
 * - `"silent"`: the thread did not respond, so it was terminated.
 * - `"exited"`, `"crashed"`, `"outOfMemory"`: the thread ended meanwhile, as with `ThreadLost`.
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadNotClosed extends Data.TaggedError("ThreadNotClosed")<{
  readonly thread: string
  readonly reason: "timeout" | "silent" | "exited" | "crashed" | "outOfMemory"
  readonly exitCode?: number | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    const why = {
      timeout: "took longer than closeTimeout",
      silent: "did not respond",
      exited: `exited with code ${this.exitCode ?? "unknown"}`,
      crashed: `crashed${this.cause instanceof Error ? `: ${this.cause.message}` : ""}`,
      outOfMemory: "ran out of memory"
    }
    return `ThreadPool: ${this.thread} ${why[this.reason]} before its layer was released`
  }
}

/**
 * A job's input cannot be sent to a thread, or its result cannot be sent back. It contains something that cannot be
 * cloned, such as a function, or that has been transferred before. A job whose input cannot be sent has not begun.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotCloneable extends Data.TaggedError("NotCloneable")<{
  readonly job: string
  readonly what: "input" | "result"
  readonly reason: string
}> {
  override get message(): string {
    return `ThreadPool: the ${this.what} of the job ${JSON.stringify(this.job)} cannot be sent: ${this.reason}`
  }
}
