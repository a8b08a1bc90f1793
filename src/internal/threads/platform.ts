import type { Init } from "./protocol.js"

/**
 * The argument of a platform's `spawn`: the thread to start.
 *
 * @category platform
 * @since 0.1.0
 */
export interface ThreadOptions {
  /** The URL of the module that the thread loads. */
  readonly module: URL
  /** The name of the thread, for debuggers: `name/thread-2`. */
  readonly name: string
  /**
   * The first data of the thread, for sluice's side in it. The platform adds `port`, one end of a channel, and passes
   * it to the thread unchanged otherwise.
   */
  readonly init: Omit<Init, "port">
  /** The options for threads of Node. A platform that is not Node ignores them. */
  readonly node: NodeOptions
}

/**
 * Options of Node's threads, as in `new Worker` of `node:worker_threads`. Ignored elsewhere.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeOptions {
  /**
   * Limits of the thread's memory. A thread that exceeds one ends with `"outOfMemory"`. Default: those of Node. Bun and
   * Deno do not keep to them.
   */
  readonly resourceLimits?: {
    /** The largest size of the heap, in megabytes. Default: the one of Node. */
    readonly maxOldGenerationSizeMb?: number | undefined
    /** The largest size of the heap for young objects, in megabytes. Default: the one of Node. */
    readonly maxYoungGenerationSizeMb?: number | undefined
    /** The size of the memory for generated code, in megabytes. Default: the one of Node. */
    readonly codeRangeSizeMb?: number | undefined
    /** The largest size of the stack, in megabytes. Default: the one of Node, which is 4. */
    readonly stackSizeMb?: number | undefined
  } | undefined
  /**
   * The environment variables of the thread. A variable that is `undefined` is left out. Default: a copy of the
   * environment of the process. The symbol is `SHARE_ENV` of `node:worker_threads`.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | symbol | undefined
  /** Options of the `node` command for the thread, such as `--import`. Default: the options of the process. */
  readonly execArgv?: ReadonlyArray<string> | undefined
  /** Values that are added to `process.argv` in the thread. Default: none. */
  readonly argv?: ReadonlyArray<unknown> | undefined
}

/**
 * How a thread has ended, other than by `terminate`.
 *
 * @category platform
 * @since 0.1.0
 */
export interface ThreadEnd {
  /**
   * `"exited"`: it ended by itself, or by `process.exit`. `"crashed"`: code outside of all jobs threw. `"outOfMemory"`:
   * it exceeded a limit of its memory.
   */
  readonly reason: "exited" | "crashed" | "outOfMemory"
  /** The exit code, if the thread has exited and the platform knows it. */
  readonly exitCode?: number | undefined
  /** The error that ended the thread, if there was one and the platform knows it. */
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
 * The functions that a platform calls for the events of a thread: its messages, and then its end.
 *
 * @category platform
 * @since 0.1.0
 */
export interface ThreadEvents {
  /** A message of the thread has arrived, as its clone. Called in order. */
  readonly message: (message: unknown) => void
  /**
   * Text that the thread has written to its stdout or stderr, in chunks, each stream's in order, and all of it before
   * `ended`. If given, the platform captures both streams, and does not write them to those of the process. Absent
   * unless the platform `capturesOutput` and the pool has the option `output`.
   */
  readonly output?: ((text: string, stream: OutputStream) => void) | undefined
  /** The thread has ended. Called once, after all messages and all output, and after `terminate` too. */
  readonly ended: (end: ThreadEnd) => void
}

/**
 * A thread that has been started.
 *
 * @category platform
 * @since 0.1.0
 */
export interface PlatformThread {
  /**
   * Clones a message and sends it to the thread, and moves the objects of the list `transfer`. If it throws, it has
   * sent nothing.
   */
  readonly post: (message: unknown, transfer: ReadonlyArray<unknown>) => void
  /** Ends the thread, whatever it is doing. Returns immediately; `ended` follows, not before it returns. */
  readonly terminate: () => void
  /**
   * The thread keeps the process alive from now on, as with Node's `Worker`. A thread that has started does so until
   * `unref`. Absent where a thread never keeps a process alive.
   */
  readonly ref?: (() => void) | undefined
  /** The thread no longer keeps the process alive. Absent where it never does. */
  readonly unref?: (() => void) | undefined
  /**
   * Whether a thread that has closed its port and has nothing left to do ends, so that `ended` follows. Default: false,
   * and the pool terminates a thread that has closed.
   */
  readonly endsItself?: boolean | undefined
}

/**
 * The source of threads. There is a platform for Node, Bun and Deno, and one for browsers; `make` chooses by what it
 * finds.
 *
 * @category platform
 * @since 0.1.0
 */
export interface Platform {
  /** How many threads can run at a time, an integer >= 1: the default of the pool's `size`. */
  readonly parallelism: number
  /** Whether `spawn` calls the event `output`. Default: false, and the option `output` of the pool is a defect. */
  readonly capturesOutput?: boolean | undefined
  /**
   * Whether its threads can measure their heap, by `node:v8`. Default: false, and the option `recycle.maxHeap` is a
   * defect.
   */
  readonly measuresHeap?: boolean | undefined
  /**
   * Starts a thread, and calls no event before it returns. If it throws, the pool has a `ThreadFailed` with that error
   * as `cause`.
   */
  readonly spawn: (options: ThreadOptions, events: ThreadEvents) => PlatformThread
}
