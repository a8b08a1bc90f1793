/** The messages between a pool and its threads, and the memory that they share. */

/** Changes with whatever is below. The two sides may have been installed apart. */
export const version = 3

/** The first data of a thread. A platform passes it to the thread unchanged, with a `port`. */
export interface Init {
  /** The version of the messages. The two sides have to have the same: they may have been installed apart. */
  readonly version: number
  /** The URL of the module that the thread loads. */
  readonly module: string
  /** The other end of the thread's own channel: nobody else speaks there. */
  readonly port: MessagePortLike
  /** One word of memory for each call that the thread may be given. Shared, if `isShared`. */
  readonly words: Int32Array
  /** Whether the pool and the thread share `words`. False where the platform does not share memory. */
  readonly isShared: boolean
  /** How many calls it may run at a time. */
  readonly concurrency: number
  /** Whether the thread measures its heap, and sends the size before its results. Default: false. */
  readonly measuresHeap?: boolean | undefined
  /** The data that the pool starts the thread with. `undefined` without any. */
  readonly data?: unknown
}

export const initKey = "~sluice/threads"

/** The first message of a browser's thread: it listens. The key is part of it, so that no other worker sends it. */
export const hello = `${initKey} hello`

/** A `MessagePort`, as both Node and browsers have it. */
export interface MessagePortLike {
  /**
   * Clones a message and sends it to the other end, and moves the objects of the list `transfer`. Throws if the message
   * cannot be cloned.
   */
  postMessage(message: unknown, transfer?: ReadonlyArray<unknown>): void
  /** Is called with each message of the other end. `null` until it is set. */
  onmessage:
    | ((event: {
      /** The clone of the message. */
      readonly data: unknown
    }) => void)
    | null
  /** Is called for each message that cannot be read here. `null` until it is set. */
  onmessageerror:
    | ((event: {
      /** The error of the platform, or nothing. */
      readonly data: unknown
    }) => void)
    | null
  /** Closes both ends. No message arrives any more. */
  close(): void
}

/**
 * Calls go as `[seat, turn, name, input, …]`, as many as there are, and their results come as
 * `[seat, turn, kind, value, …]`: a message costs far more than what is in it. All other messages are tagged.
 */
export type ToThread =
  | ReadonlyArray<unknown>
  | { readonly _tag: "cancel"; readonly seat: number; readonly turn: number }
  /** Answered by "pong". */
  | { readonly _tag: "ping" }
  /** Answered by "closing", if there is a layer; and by "closed". */
  | { readonly _tag: "close" }

export type FromThread =
  | ReadonlyArray<unknown>
  /** The layer is being built. From here on the thread can close. */
  | { readonly _tag: "building" }
  | { readonly _tag: "ready"; readonly version: number; readonly jobs: ReadonlyArray<string>; readonly closes: boolean }
  | { readonly _tag: "failed"; readonly reason: "module" | "layer"; readonly cause: unknown }
  /** The message of that number, from 1, could not be read. */
  | { readonly _tag: "garbled"; readonly message: number }
  | { readonly _tag: "pong" }
  /** Bytes of its heap in use; results follow. */
  | { readonly _tag: "heap"; readonly used: number }
  /** A report of the call of that seat, which is under way. */
  | { readonly _tag: "progress"; readonly seat: number; readonly turn: number; readonly value: unknown }
  /** The finalizers of the layer are running. */
  | { readonly _tag: "closing" }
  /** Nothing is left to do. `failure`: the defects of the finalizers. */
  | { readonly _tag: "closed"; readonly failure?: unknown }

/** Of a call or a result. */
export const stride = 4

export const kinds = { success: 0, failure: 1, uncloneable: 2, skipped: 3 } as const

export const isTagged = (message: unknown): message is { readonly _tag: string } =>
  typeof message === "object" && message !== null && "_tag" in message

const phases = { waiting: 0, begun: 1, withdrawn: 2, asked: 3 } as const

const wordOf = (turn: number, phase: keyof typeof phases): number => (turn << 2) | phases[phase]

/** The turns of a seat count its calls, as far as a word has room. */
export const nextTurn = (turn: number): number => (turn + 1) & 0x3fffffff

/**
 * The phase of each seat's call. Both sides see it at once, also while the thread's job keeps it from reading messages.
 * So a call that has not begun can be withdrawn, and one that runs can see that it is to stop.
 *
 *     waiting ──▶ begun ──▶ asked      by the thread; then by the pool, which asks it to stop
 *        └──▶ withdrawn                by the pool, before it has begun
 *
 * The first side to change a word wins. A word holds the turn as well: a call that was withdrawn is not taken for the
 * next one of its seat.
 */
export class Board {
  constructor(private readonly words: Int32Array) {}

  offer(seat: number, turn: number): void {
    Atomics.store(this.words, seat, wordOf(turn, "waiting"))
  }

  begin(seat: number, turn: number): boolean {
    return this.change(seat, turn, "waiting", "begun")
  }

  withdraw(seat: number, turn: number): boolean {
    return this.change(seat, turn, "waiting", "withdrawn")
  }

  ask(seat: number, turn: number): void {
    this.change(seat, turn, "begun", "asked")
  }

  isWaiting(seat: number, turn: number): boolean {
    return Atomics.load(this.words, seat) === wordOf(turn, "waiting")
  }

  isAsked(seat: number, turn: number): boolean {
    return Atomics.load(this.words, seat) === wordOf(turn, "asked")
  }

  private change(seat: number, turn: number, from: keyof typeof phases, to: keyof typeof phases): boolean {
    const word = wordOf(turn, from)
    return Atomics.compareExchange(this.words, seat, word, wordOf(turn, to)) === word
  }
}
