import * as Exit from "effect/Exit"
import { List } from "../List.js"
import type { AnyFiber } from "../stack.js"
import { PoolClosed, type PoolFailed } from "./errors.js"
import { type PoolState, poolStates, step } from "./states.js"
import { Suspended } from "./Suspended.js"
import type { Worker } from "./Worker.js"

/** A call that waits for the end of the pool. `part`: the worker that cannot end before it returns. */
export class Ender extends Suspended<void> {
  declare prev: Ender | undefined
  declare next: Ender | undefined

  constructor(
    fiber: AnyFiber,
    resume: () => void,
    onServed: (() => void) | undefined,
    readonly part: Worker | undefined
  ) {
    super(fiber, resume, onServed)
  }
}

type State =
  | { readonly _tag: Exclude<PoolState, "draining" | "failed"> }
  /** The timers are those of the deadlines. */
  | { readonly _tag: "draining"; readonly timers: Array<AnyFiber> }
  | { readonly _tag: "failed"; readonly timers: Array<AnyFiber>; readonly error: PoolFailed }

/** The pool's states, and the calls that are suspended until its end (P8). The table is in `docs/services.md`. */
export class Lifecycle {
  private current: State = { _tag: "starting" }
  private readonly outside = new List<Ender>()
  /** Calls by a worker's job or release, which wait for all but their own worker. */
  private readonly inside = new List<Ender>()

  constructor(private readonly name: string | undefined) {}

  get state(): PoolState {
    return this.current._tag
  }

  /** No worker takes another job. */
  get isEnding(): boolean {
    const { _tag } = this.current
    return _tag === "stopping" || _tag === "stopped" || _tag === "failed"
  }

  /** It accepts jobs. */
  get isOpen(): boolean {
    const { _tag } = this.current
    return _tag === "starting" || _tag === "running" || _tag === "paused"
  }

  /** Workers are given no jobs (P20). */
  get isPaused(): boolean {
    return this.current._tag === "paused"
  }

  get error(): PoolFailed | undefined {
    return this.current._tag === "failed" ? this.current.error : undefined
  }

  private become(next: State): void {
    step("pool", poolStates[this.current._tag], poolStates[next._tag])
    this.current = next
  }

  /** The workers have their resources, or the pause is over. */
  runs(): void {
    this.become({ _tag: "running" })
  }

  pause(): void {
    this.become({ _tag: "paused" })
  }

  drain(): void {
    this.become({ _tag: "draining", timers: [] })
  }

  stop(): void {
    this.become({ _tag: "stopping" })
  }

  stopped(): void {
    this.become({ _tag: "stopped" })
  }

  /** A deadline still holds, for the jobs that run. */
  fail(error: PoolFailed): void {
    this.become({ _tag: "failed", timers: this.timers, error })
  }

  // Deadlines of the drain

  private get timers(): Array<AnyFiber> {
    return "timers" in this.current ? this.current.timers : []
  }

  /** A deadline will end the wait of all. */
  get hasTimer(): boolean {
    return this.timers.length > 0
  }

  addTimer(timer: AnyFiber): void {
    this.timers.push(timer)
  }

  takeTimers(): Array<AnyFiber> {
    return this.timers.splice(0)
  }

  // Jobs that come too late

  /** The exit of a submission, if the pool accepts no jobs. A pool that is starting has no callers. */
  get rejection(): Exit.Exit<never, PoolClosed> | undefined {
    const { _tag } = this.current
    return _tag === "running" || _tag === "starting" || _tag === "paused" ? undefined : this.closed(_tag)
  }

  closed(state: PoolClosed["state"]): Exit.Exit<never, PoolClosed> {
    return Exit.fail(new PoolClosed({ pool: this.name, state, cause: this.error?.cause }))
  }

  // Calls that wait for the end

  private lineOf({ part }: Ender): List<Ender> {
    return part === undefined ? this.outside : this.inside
  }

  wait(ender: Ender): void {
    this.lineOf(ender).push(ender)
  }

  leave(ender: Ender): void {
    if (ender.state === "served") return
    ender.served()
    this.lineOf(ender).remove(ender)
  }

  /** How many calls wait. */
  get waiting(): number {
    return this.outside.size + this.inside.size
  }

  get enders(): ReadonlyArray<Ender> {
    return [...this.outside, ...this.inside]
  }

  /** The events that they wait for: each list stands for its own. */
  get events(): { readonly outside: object; readonly inside: object } {
    return { outside: this.outside, inside: this.inside }
  }

  /** The workers that cannot end before a call of their own returns. */
  get parts(): ReadonlySet<Worker> {
    const parts = new Set<Worker>()
    for (let ender = this.inside.head; ender !== undefined; ender = ender.next) if (ender.part) parts.add(ender.part)
    return parts
  }

  /** Takes the calls of workers' jobs and releases, if `isLast` of their workers. */
  takeInside(isLast: (parts: ReadonlySet<Worker>) => boolean): Array<Ender> {
    return this.inside.size > 0 && isLast(this.parts) ? this.inside.takeAll() : []
  }

  takeOutside(): Array<Ender> {
    return this.outside.takeAll()
  }
}
