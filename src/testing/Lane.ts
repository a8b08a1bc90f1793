/**
 * The fibers that take part in one run. A `Lane` is one fiber, an `Entry` is one task that is ready, and `Lanes` knows
 * the lane of each fiber.
 */
import type * as Scope from "effect/Scope"
import type { AnyFiber } from "./runtime.js"

/** One fiber of the run. */
export interface Lane {
  readonly fiber: AnyFiber
  /** In order of appearance; the scenario's body is 0. */
  readonly index: number
  name: string
  /** The body, or a fiber started by `Kit.actor`: a fiber that must end. */
  actor: boolean
  cancellable: boolean
  /** The number of operations that the fiber has come to. */
  operations: number
  /** The number of turns given since the latest operation. The place of a decision is the operation and this number. */
  turns: number
  /** The number of next operations that the chooser is not asked about, because they resume a preempted fiber. */
  unasked: number
  /** The lane's entry in the queue, if a preemption put it there. */
  parked: Entry | undefined
  /** The next task that the fiber schedules is the start of an actor, which joins these starts. */
  forking: Starts | undefined
  forked: Entry | undefined
  /** The number of operations at the moment when the run had taken too many steps. */
  tired: number
  context: unknown
  scope: Scope.Scope | undefined
  children: number
}

/**
 * A task that is ready: it resumes or starts a fiber, or is the runtime's own (a wake-up of effect's Semaphore, say).
 */
export interface Entry {
  readonly task: () => void
  /** The fiber that continues with the task, if that fiber is known, or else the fiber that scheduled the task. */
  lane: Lane | undefined
  readonly parked: boolean
  /** The turn of the event loop in which the task became ready. */
  readonly since: number
  /** The starts that the task is one of, if it starts an actor. */
  readonly starts: Starts | undefined
}

/** The starts of actors that are alike, for the actors that have not begun. The first of them is in the queue. */
export type Starts = Array<Entry>

/** A fiber that has not come to any operation. The first lane is the body's. */
export const newLane = (fiber: AnyFiber, index: number, name: string): Lane => ({
  fiber,
  index,
  name,
  actor: index === 0,
  cancellable: false,
  operations: 0,
  turns: 0,
  unasked: 0,
  parked: undefined,
  forking: undefined,
  forked: undefined,
  tired: 0,
  context: undefined,
  scope: undefined,
  children: 0
})

export const isAlive = ({ fiber }: Lane): boolean => fiber.pollUnsafe() === undefined

/** A fiber that has not begun is not interrupted: it would end unseen, while others may count on its start. */
export const canBeInterrupted = (lane: Lane): boolean => lane.cancellable && lane.operations > 0 && isAlive(lane)

/** The lanes of one run. A fiber enters when the runtime first asks about it, and never leaves. */
export class Lanes {
  /** In order of appearance. */
  readonly all: Array<Lane> = []
  private readonly byFiber = new Map<AnyFiber, Lane>()
  /** The number of actors of each name. */
  private readonly named = new Map<string, number>()

  get(fiber: AnyFiber): Lane | undefined {
    return this.byFiber.get(fiber)
  }

  /** The driver itself starts the fibers without a parent: the body, then the close of its scope. */
  enter(fiber: AnyFiber, parent: Lane | undefined): Lane {
    const index = this.all.length
    const name = index === 0 ? "main" : parent === undefined ? "close" : `${parent.name}/${++parent.children}`
    const lane = newLane(fiber, index, name)
    this.all.push(lane)
    this.byFiber.set(fiber, lane)
    return lane
  }

  /** The second actor of one name is `name#2`. */
  makeActor(lane: Lane, name: string, cancellable: boolean): void {
    const same = (this.named.get(name) ?? 0) + 1
    this.named.set(name, same)
    lane.name = same === 1 ? name : `${name}#${same}`
    lane.actor = true
    lane.cancellable = cancellable
  }
}
