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
 *
 * @category errors
 * @since 0.1.0
 */
export class ThreadLost extends Data.TaggedError("ThreadLost")<{
  readonly thread: string
  readonly job: string
  readonly reason: "exited" | "crashed" | "outOfMemory" | "terminated"
  readonly exitCode?: number | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    const why = {
      exited: `exited with code ${this.exitCode ?? "unknown"}`,
      crashed: `crashed${this.cause instanceof Error ? `: ${this.cause.message}` : ""}`,
      outOfMemory: "ran out of memory",
      terminated: "was terminated, since another job of it did not stop"
    }
    return `ThreadPool: ${this.thread} ${why[this.reason]}, while it ran the job ${JSON.stringify(this.job)}`
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
