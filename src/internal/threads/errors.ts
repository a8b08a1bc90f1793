import * as Data from "effect/Data"

/**
 * A thread could not be started: `make` fails with it, and a replacement is tried again as `restart` has it.
 *
 * **Details**
 *
 * `reason` says why:
 *
 * - `"module"`: the module could not be loaded, or ended as it was; `cause` is what it threw, if it did. Else `exitCode`
 *   is the thread's: 0 where nothing was left to do, which means that the module has not called `ThreadWorker.serve`;
 *   13 where the module awaits a promise that nothing can settle.
 * - `"silent"`: it did not serve within `startTimeout`: it has not called `ThreadWorker.serve`, or it is still being loaded,
 *   or its layer built.
 * - `"version"`: it speaks to another version of sluice.
 * - `"layer"`: what its jobs need could not be built; `cause` is why.
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadFailed extends Data.TaggedError("ThreadFailed")<{
  readonly module: string
  readonly reason: "module" | "silent" | "version" | "layer"
  readonly cause?: unknown
  readonly exitCode?: number | undefined
}> {
  override get message(): string {
    const why = {
      module: "could not be loaded",
      silent: "did not serve within startTimeout: it has not called ThreadWorker.serve, or was not done loading",
      version: "was made for another version of sluice",
      layer: "could not build what its jobs need"
    }
    const { cause, exitCode } = this
    // That of a data: URL is all of the code.
    const module = this.module.length <= 200 ? this.module : `${this.module.slice(0, 200)}…`
    const more = cause instanceof Error ? cause.message : exitCode === undefined ? "" : exitOf(exitCode)
    return `ThreadPool: ${module} ${why[this.reason]}${more === "" ? "" : `: ${more}`}`
  }
}

const exitOf = (code: number): string => {
  const hint = { 0: "; does it call ThreadWorker.serve?", 13: "; does it await a promise that never settles?" }[code]
  return `it exited with code ${code} before it served${hint ?? ""}`
}

/**
 * The end of a job whose thread has ended while it ran. Whether it has done anything by then nobody knows.
 *
 * **Details**
 *
 * `reason` says why:
 *
 * - `"exited"`: something in it called `process.exit`; `exitCode` is with what.
 * - `"crashed"`: something threw outside of a job; `cause` is what.
 * - `"outOfMemory"`: it took more than its `resourceLimits`.
 * - `"terminated"`: another job of the same thread was cancelled and did not end within `grace`.
 * - `"stuck"`: it was terminated, since some code outside of all jobs blocked it. Only a job whose input had been moved
 *   there is lost then: the thread had begun none.
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
      terminated: "was terminated, since another job of it did not stop",
      stuck: "was terminated, since it no longer answered"
    }
    const when = this.reason === "stuck" ? "before" : "while"
    return `ThreadPool: ${this.thread} ${why[this.reason]}, ${when} it ran the job ${JSON.stringify(this.job)}`
  }
}

/**
 * The finalizers of a thread's layer did not all run, though nothing needed the thread any more. It is a defect among the
 * `releaseFailures` of the pool's report, and of the pool's scope if no report has told it.
 *
 * **Details**
 *
 * `reason` says why:
 *
 * - `"timeout"`: they took longer than `closeTimeout`.
 * - `"silent"`: the thread did not answer, so it was terminated.
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
      silent: "did not answer",
      exited: `exited with code ${this.exitCode ?? "unknown"}`,
      crashed: `crashed${this.cause instanceof Error ? `: ${this.cause.message}` : ""}`,
      outOfMemory: "ran out of memory"
    }
    return `ThreadPool: ${this.thread} ${why[this.reason]} before its layer was released`
  }
}

/**
 * A job's input cannot be sent to a thread, or its result cannot be sent back: it holds something, such as a function,
 * that cannot be cloned, or that has been transferred before. An input that fails has not been run.
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
