import * as Data from "effect/Data"
import { adviceOn } from "./loading.js"

/**
 * A thread could not be started: `make` fails with this error, and a replacement is tried again as `restart` says.
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadFailed extends Data.TaggedError("ThreadFailed")<{
  /** The URL of the module that the thread should load. */
  readonly module: string
  /**
   * - `"module"`: the module could not be loaded, or ended while it was loaded.
   * - `"data"`: the thread's `data` cannot be cloned, or the function that makes it threw.
   * - `"silent"`: the module did not serve within `startTimeout`. It has not called `ThreadWorker.serve`, or it is
   *   still being loaded, or its layer is still being built.
   * - `"version"`: the module was built with another version of sluice.
   * - `"layer"`: the layer of its jobs could not be built.
   */
  readonly reason: "module" | "data" | "silent" | "version" | "layer"
  /**
   * The error that the module or the function of the data threw, or why the layer could not be built. Absent if there
   * was none.
   */
  readonly cause?: unknown
  /**
   * The exit code of a thread that ended before it served, if its platform knows it. 0: nothing was left to do, so the
   * module has not called `ThreadWorker.serve`. 13: the module awaits a promise that nothing can settle. Absent
   * otherwise.
   */
  readonly exitCode?: number | undefined
}> {
  /** One line that names the module and the reason, with advice for TypeScript that this Node does not load. */
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
 * @category errors
 * @since 0.1.0
 */
export class ThreadLost extends Data.TaggedError("ThreadLost")<{
  /** The name of the thread, as in logs: `name/thread-2`, or `pool/thread-2` in a pool without a name. */
  readonly thread: string
  /** The name of the job: the function of the module that ran. */
  readonly job: string
  /**
   * - `"exited"`: code in the thread called `process.exit` with `exitCode`.
   * - `"crashed"`: code outside of all jobs threw `cause`.
   * - `"outOfMemory"`: the thread exceeded its `resourceLimits`.
   * - `"terminated"`: another job of the same thread was cancelled and did not end within `grace`.
   * - `"stuck"`: the thread was terminated because code outside of all jobs blocked it. It had begun no job, so only
   *   jobs whose input had been moved to it are lost.
   */
  readonly reason: "exited" | "crashed" | "outOfMemory" | "terminated" | "stuck"
  /** The exit code of the thread, if `reason` is `"exited"` and the platform knows it. */
  readonly exitCode?: number | undefined
  /** The error that ended the thread, if `reason` is `"crashed"` or `"outOfMemory"` and the platform knows it. */
  readonly cause?: unknown
}> {
  /** One line that names the thread, the job and the reason. */
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
 * @category errors
 * @since 0.1.0
 */
export class ThreadNotClosed extends Data.TaggedError("ThreadNotClosed")<{
  /** The name of the thread, as in logs: `name/thread-2`, or `pool/thread-2` in a pool without a name. */
  readonly thread: string
  /**
   * - `"timeout"`: the finalizers took longer than `closeTimeout`.
   * - `"silent"`: the thread did not respond, so it was terminated.
   * - `"exited"`, `"crashed"`, `"outOfMemory"`: the thread ended meanwhile, as with `ThreadLost`.
   */
  readonly reason: "timeout" | "silent" | "exited" | "crashed" | "outOfMemory"
  /** The exit code of the thread, if `reason` is `"exited"` and the platform knows it. */
  readonly exitCode?: number | undefined
  /** The error that ended the thread, if `reason` is `"crashed"` or `"outOfMemory"` and the platform knows it. */
  readonly cause?: unknown
}> {
  /** One line that names the thread and the reason. */
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
  /** The name of the job: a function of the module. */
  readonly job: string
  /**
   * `"input"`: the input of the job, which has not begun. `"result"`: the value or the error of the job, which has
   * ended.
   */
  readonly what: "input" | "result"
  /** Why it cannot be sent, as one text: the message of the platform or of the schema. */
  readonly reason: string
}> {
  /** One line that names the job, and says which of the two values cannot be sent, and why. */
  override get message(): string {
    return `ThreadPool: the ${this.what} of the job ${JSON.stringify(this.job)} cannot be sent: ${this.reason}`
  }
}
