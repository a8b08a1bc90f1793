import type { Init } from "./protocol.js"

/**
 * The argument of a platform's `spawn`: the module to load, the thread's name, and more.
 *
 * **Details**
 *
 * `init` is for the thread's side of the platform to hand on, with the other end of a channel in it.
 *
 * @category platform
 * @since 0.1.0
 */
export interface ThreadOptions {
  readonly module: URL
  readonly name: string
  readonly init: Omit<Init, "port">
  readonly node: NodeOptions
}

/**
 * Options of Node's threads, as in `new Worker` of `node:worker_threads`. Ignored elsewhere.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeOptions {
  readonly resourceLimits?: {
    readonly maxOldGenerationSizeMb?: number | undefined
    readonly maxYoungGenerationSizeMb?: number | undefined
    readonly codeRangeSizeMb?: number | undefined
    readonly stackSizeMb?: number | undefined
  } | undefined
  /** A variable that is undefined is left out. The symbol is `SHARE_ENV` of `node:worker_threads`. */
  readonly env?: Readonly<Record<string, string | undefined>> | symbol | undefined
  readonly execArgv?: ReadonlyArray<string> | undefined
  readonly argv?: ReadonlyArray<unknown> | undefined
}

/**
 * How a thread has ended, other than by `terminate`.
 *
 * @category platform
 * @since 0.1.0
 */
export interface ThreadEnd {
  readonly reason: "exited" | "crashed" | "outOfMemory"
  readonly exitCode?: number | undefined
  readonly cause?: unknown
}

/**
 * The streams of a thread whose text can be captured.
 *
 * @category platform
 * @since 0.1.0
 */
export type OutputStream = "stdout" | "stderr"

/**
 * The events of a thread: its messages, and then once its end.
 *
 * **Details**
 *
 * With `output` the thread's stdout and stderr are captured, and not written to the process's own. `output` gets their
 * text in chunks, each stream's in order, and all of it before `ended`. Only a platform that `capturesOutput`
 * is given it.
 *
 * @category platform
 * @since 0.1.0
 */
export interface ThreadEvents {
  readonly message: (message: unknown) => void
  readonly output?: ((text: string, stream: OutputStream) => void) | undefined
  readonly ended: (end: ThreadEnd) => void
}

/**
 * A thread that has been started.
 *
 * **Details**
 *
 * - `post` clones a message and sends it, or throws and has sent nothing.
 * - `terminate` ends it, whatever it is doing; `ended` follows, not before it returns.
 * - `ref` and `unref`: the thread is to keep the process alive, or not, as with Node's `Worker`. A
 *   thread that has been started is, until `unref`.
 * - `endsItself`: a thread that has closed its port and has nothing left to do ends, and `ended` follows. Otherwise the
 *   pool terminates a thread that has closed.
 *
 * @category platform
 * @since 0.1.0
 */
export interface PlatformThread {
  readonly post: (message: unknown, transfer: ReadonlyArray<unknown>) => void
  readonly terminate: () => void
  readonly ref?: (() => void) | undefined
  readonly unref?: (() => void) | undefined
  readonly endsItself?: boolean | undefined
}

/**
 * Where threads come from. There is one for Node, Bun and Deno, and one for browsers; the pool takes what it finds.
 *
 * **Details**
 *
 * - `parallelism`: how many threads can run at a time.
 * - `spawn`: starts a thread, and calls no event before it returns. A value that it throws is a `ThreadFailed`.
 * - `capturesOutput`: `spawn` keeps to the event `output`.
 * - `measuresHeap`: its threads can measure their heap, by `node:v8`.
 *
 * @category platform
 * @since 0.1.0
 */
export interface Platform {
  readonly parallelism: number
  readonly capturesOutput?: boolean | undefined
  readonly measuresHeap?: boolean | undefined
  readonly spawn: (options: ThreadOptions, events: ThreadEvents) => PlatformThread
}
