/**
 * Runs a program under a schedule of the test's own: which ready fiber goes next, before which operation a fiber is
 * preempted, and before which operation it is interrupted. The same plan gives the same run.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"

/** Interrupt an actor before its `at`-th operation; or, with `step`, when that many tasks have run, wherever it is. */
export interface Interrupt {
  readonly actor: number
  readonly at: number
  readonly unit: "operation" | "step"
}

export interface Plan {
  /** Orders the ready fibers and places the preemptions; undefined is first in, first out without any preemption. */
  readonly seed: number | undefined
  /** How likely a preemption is before each operation, 0 to 1. */
  readonly preemption: number
  readonly interrupts: ReadonlyArray<Interrupt>
}

export interface Run {
  readonly exits: ReadonlyArray<Exit.Exit<unknown, unknown> | undefined>
  /** How many operations each actor went through. */
  readonly operations: ReadonlyArray<number>
  readonly steps: number
  /** Actors that had not ended when nothing was left to run. */
  readonly stuck: ReadonlyArray<number>
}

type AnyFiber = Fiber.Fiber<unknown, unknown>

const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const maxSteps = 200_000

export class Controlled implements Scheduler {
  readonly executionMode = "async"
  private readonly ready: Array<() => void> = []
  private readonly next: (() => number) | undefined
  private readonly actors: Array<AnyFiber> = []
  private readonly operations = new Map<AnyFiber, number>()
  private readonly unasked = new Map<AnyFiber, number>()
  private due: Array<number> = []
  private indivisible = false

  private readonly violations: Array<string> = []

  /** For a check inside an actor, where a thrown error would only be one more defect: `run` throws it in the end. */
  check(condition: boolean, message: string): void {
    if (!condition) this.violations.push(message)
  }

  /** Told of each interrupt just before it is made. */
  onInterrupt: (actor: number) => void = () => {}

  constructor(private readonly plan: Plan) {
    this.next = plan.seed === undefined ? undefined : random(plan.seed)
  }

  makeDispatcher(): SchedulerDispatcher {
    return { scheduleTask: (task) => void this.ready.push(task), flush: () => {} }
  }

  /** Runs `note` and then the first operation of `effect` with nothing between them. */
  noting<A, E, R>(note: () => void, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      note()
      this.indivisible = true
      return effect
    })
  }

  shouldYield(fiber: AnyFiber): boolean {
    const operation = (this.operations.get(fiber) ?? 0) + 1
    this.operations.set(fiber, operation)
    if (this.indivisible) {
      this.indivisible = false
      return false
    }
    // After a preemption the fiber's resumption, and the operation it was taken from, go unasked: or it never proceeds.
    const unasked = this.unasked.get(fiber) ?? 0
    if (unasked > 0) {
      this.unasked.set(fiber, unasked - 1)
      return false
    }
    if (!this.preempts(fiber, operation)) return false
    this.unasked.set(fiber, 2)
    return true
  }

  private preempts(fiber: AnyFiber, operation: number): boolean {
    const actor = this.actors.indexOf(fiber)
    for (const interrupt of this.plan.interrupts) {
      if (interrupt.unit === "operation" && interrupt.actor === actor && interrupt.at === operation) {
        this.due.push(actor)
        return true
      }
    }
    return this.next !== undefined && this.plan.preemption > 0 && this.next() < this.plan.preemption
  }

  private interrupt(actor: number): void {
    this.onInterrupt(actor)
    this.actors[actor]?.interruptUnsafe()
  }

  /** Starts the actors, runs until nothing is left to run, calling `between` whenever no fiber is running. */
  run(
    actors: ReadonlyArray<Effect.Effect<unknown, unknown>>,
    between: () => void = () => {}
  ): Run {
    for (const actor of actors) {
      this.actors.push(Effect.runFork(Effect.andThen(Effect.yieldNow, actor), { scheduler: this }))
    }
    this.operations.clear()
    let steps = 0
    while (steps < maxSteps) {
      for (const { actor, at, unit } of this.plan.interrupts) {
        if (unit === "step" && at === steps) this.interrupt(actor)
      }
      const due = this.due
      this.due = []
      for (const actor of due) this.interrupt(actor)
      between()
      if (this.ready.length === 0) break
      steps++
      const index = this.next === undefined ? 0 : Math.floor(this.next() * this.ready.length)
      for (const task of this.ready.splice(index, 1)) task()
    }
    if (steps === maxSteps) throw new Error(`no end after ${maxSteps} steps`)
    if (this.violations.length > 0) throw new Error(this.violations.join("; "))
    const exits = this.actors.map((fiber) => fiber.pollUnsafe())
    return {
      exits,
      operations: this.actors.map((fiber) => this.operations.get(fiber) ?? 0),
      steps,
      stuck: exits.flatMap((exit, i) => exit === undefined ? [i] : [])
    }
  }
}
