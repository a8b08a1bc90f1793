/** Names the function that blocks the event loop, while it blocks it: by a thread, which runs meanwhile. */
import { attempt } from "../../source/node.js"
import type { Frame } from "../../source/Source.js"
import type { Ref } from "./model.js"
import { script } from "./watchdogThread.js"

interface Worker {
  readonly on: (event: "error", listener: (error: unknown) => void) => void
  readonly unref: () => void
  readonly terminate: () => Promise<number>
}

interface Builtins {
  readonly "node:inspector": object
  readonly "node:worker_threads": {
    readonly isMainThread: boolean
    readonly Worker: new(code: string, options: object) => Worker
  }
}

interface Process {
  readonly getBuiltinModule?: <Name extends keyof Builtins>(name: Name) => Builtins[Name] | undefined
}

declare const setInterval: (task: () => void, millis: number) => { readonly unref: () => void }
declare const clearInterval: (timer: object) => void

/** One block of the event loop, which is over. */
export interface Block {
  /** For how long. */
  readonly millis: number
  /** The functions that were running, innermost first. Not empty. */
  readonly stack: ReadonlyArray<Frame>
  /** The fiber that was running. */
  readonly fiber: Ref | undefined
  /** Completes "the event loop is blocked": the fiber, and the innermost function. */
  readonly text: string
}

/** A block that is under way. */
export type Running = Omit<Block, "millis">

export interface WatchdogOptions {
  /** For how long the event loop may be blocked, in milliseconds. */
  readonly millis: number
  /** Returns what runs, below the evaluated script of this name; undefined if nothing does. Called while it runs. */
  readonly look: (evaluated: string) => Running | undefined
  /** Called at most once, if the thread does not do its work. */
  readonly failed: (error: unknown) => void
}

/** The name of the script that the main thread evaluates. */
const evaluated = "sluice:watchdog"

/** How many blocks are kept between two sweeps. */
const most = 100

/** So many looks of the thread in the time that the event loop may be blocked; but none takes less than 5 ms. */
const everyOf = (millis: number): number => Math.min(250, Math.max(5, millis / 4))

/**
 * The main thread beats: a timer raises a counter, which the thread reads. When the beat is late, the thread has the
 * main thread evaluate `look`, by its inspector. V8 does so in an interrupt of the running function. Nothing is paused,
 * so no debugger is needed, and any other one may be there.
 */
export class Watchdog {
  private readonly beats = new Int32Array(new SharedArrayBuffer(4))
  private beatAt = performance.now()
  private running: Running | undefined = undefined
  private blocks: Array<Block> = []
  private readonly end: () => Promise<unknown>

  /** Throws where there is no thread, or none that could look at this one. */
  constructor({ failed, look, millis }: WatchdogOptions) {
    const { process } = globalThis as unknown as { readonly process?: Process }
    const threads = process?.getBuiltinModule?.("node:worker_threads")
    const meeting = process?.getBuiltinModule?.("node:inspector")
    if (threads === undefined || meeting === undefined) throw new Error("there are no threads of Node here")
    if (!threads.isMainThread) throw new Error("a thread can look at the main thread alone, and this is another one")
    const name = `~sluice/inspect/watchdog/${Math.random()}`
    const every = everyOf(millis)
    const call = `process.getBuiltinModule("node:inspector")[${JSON.stringify(name)}]`
    // No option and no variable of the process has the thread load anything else.
    const thread = new threads.Worker(script(evaluated), {
      eval: true,
      name: "sluice watchdog",
      execArgv: [],
      env: {},
      workerData: { beats: this.beats, call, every, millis }
    })
    thread.on("error", failed)
    thread.unref()
    const asked = (beat: number): string | undefined => {
      if (beat !== Atomics.load(this.beats, 0)) return undefined
      this.running = attempt(() => look(evaluated))
      return this.running?.text
    }
    Object.defineProperty(meeting, name, { value: asked, configurable: true })
    const timer = setInterval(() => this.beat(), every)
    timer.unref()
    this.end = () => {
      clearInterval(timer)
      Reflect.deleteProperty(meeting, name)
      return thread.terminate()
    }
  }

  private beat(): void {
    Atomics.add(this.beats, 0, 1)
    const now = performance.now()
    if (this.running !== undefined && this.blocks.length < most) {
      this.blocks.push({ ...this.running, millis: now - this.beatAt })
    }
    this.running = undefined
    this.beatAt = now
  }

  /** The blocks that were not taken before. Called by the event loop, so none is under way. */
  take(): ReadonlyArray<Block> {
    this.beat()
    return this.blocks.splice(0)
  }

  readonly close = (): Promise<unknown> => this.end()
}
