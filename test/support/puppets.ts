/**
 * Threads that do nothing by themselves but close and end when they are to: the test says what they say, and sees what
 * they are sent.
 */
import type { ThreadPool } from "sluice/threads"
import { isTagged, version } from "../../src/internal/threads/protocol.js"

export class Puppet implements ThreadPool.PlatformThread {
  readonly posted: Array<unknown> = []
  readonly moved: Array<ReadonlyArray<unknown>> = []
  /** How often it was asked to end. */
  terminations = 0
  endsItself: boolean | undefined = undefined
  /** It neither closes nor ends by itself. */
  isHeld = false
  private isOver = false

  constructor(readonly options: ThreadPool.ThreadOptions, private readonly events: ThreadPool.ThreadEvents) {}

  readonly post = (message: unknown, transfer: ReadonlyArray<unknown>): void => {
    // As a clone, which throws if there can be none.
    this.posted.push(structuredClone(message))
    this.moved.push(transfer)
    if (isTagged(message) && message._tag === "close" && !this.isHeld) {
      queueMicrotask(() => this.say({ _tag: "closed" }))
    }
  }

  readonly terminate = (): void => {
    this.terminations++
    if (!this.isHeld) queueMicrotask(() => this.end())
  }

  get isTerminated(): boolean {
    return this.terminations > 0
  }

  say(message: unknown): void {
    this.events.message(message)
  }

  serve(closes = false): void {
    this.say({ _tag: "ready", version, jobs: ["call"], closes })
  }

  write(text: string, stream: ThreadPool.OutputStream = "stdout"): void {
    this.events.output?.(text, stream)
  }

  end(end: ThreadPool.ThreadEnd = { reason: "exited", exitCode: 1 }): void {
    if (this.isOver) return
    this.isOver = true
    this.events.ended(end)
  }
}

/** `onSpawn` is called before the pool has the thread: whatever it says has to wait. */
export class Puppets implements ThreadPool.Platform {
  readonly parallelism = 1
  readonly all: Array<Puppet> = []

  constructor(private readonly onSpawn: (puppet: Puppet) => void = () => {}) {}

  readonly spawn = (options: ThreadPool.ThreadOptions, events: ThreadPool.ThreadEvents): ThreadPool.PlatformThread => {
    const puppet = new Puppet(options, events)
    this.all.push(puppet)
    this.onSpawn(puppet)
    return puppet
  }
}
