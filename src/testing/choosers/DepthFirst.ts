/** Depth-first search: takes every combination of decisions within bounds, one a run. */
import type { Chooser, Situation } from "../Chooser.js"
import type { Recorder } from "../Journal.js"
import { canBeInterrupted, type Lane } from "../Lane.js"
import { matters, stretchOf } from "../runtime.js"

/** The purpose of a yield: a bit set of `forPreemption` and `forInterrupt`; 0 if the fiber does not yield here. */
type Mode = number
const forPreemption = 1
const forInterrupt = 2

/**
 * Enumerates every schedule with at most so many preemptions and interrupts. An interrupt of the running fiber does not
 * count as a preemption as well. Three kinds of decisions are left out, because another schedule shows the same:
 *
 * - a stop before an operation that only prepares its own fiber's continuation, unless that is a handler and the fiber
 *   can be interrupted;
 * - all interrupts within an uninterruptible stretch but the first, since they take effect at its end;
 * - an interrupt of a fiber that has not begun.
 */
export class DepthFirst implements Chooser, Recorder {
  /**
   * Per choice on the path: the branch taken, the number of branches, and the number of questions before the choice.
   */
  private readonly taken: Array<number> = []
  private readonly counts: Array<number> = []
  private readonly asks: Array<number> = []
  private position = 0
  /** Per question whether to yield, in the order of the run: what a yield would be for. See `Mode`. */
  private readonly modes: Array<Mode> = []
  private ask = 0
  private preemptions = 0
  private cancels = 0
  private situation: Situation | undefined
  /** The fiber of the latest question, if the question is new. `operation` has yet to tell whether it matters. */
  private asked: Lane | undefined
  /** The fiber that has yielded straight to the driver. The next turn says what for. */
  private yielded: { readonly lane: Lane; readonly mode: Mode } | undefined
  /** Per lane: the uninterruptible stretch that has had its interrupt. */
  private stretched: Array<number | undefined> = []

  constructor(private readonly bounds: { readonly preemptions: number; readonly cancels: number }) {}

  /** Moves to the next schedule; false if there is none. */
  advance(): boolean {
    while (this.taken.length > 0) {
      const last = this.taken.length - 1
      const next = (this.taken[last] ?? 0) + 1
      if (next < (this.counts[last] ?? 0)) {
        this.taken[last] = next
        return true
      }
      this.drop()
    }
    return false
  }

  private drop(): void {
    this.taken.pop()
    this.counts.pop()
    this.asks.pop()
  }

  begin(situation: Situation): void {
    this.situation = situation
    this.position = this.ask = 0
    this.preemptions = this.bounds.preemptions
    this.cancels = this.bounds.cancels
    this.asked = this.yielded = undefined
    this.stretched = []
    // Up to the last choice this run repeats the one before. All later questions are new.
    this.modes.length = Math.min(this.modes.length, this.asks.at(-1) ?? 0)
  }

  /** The branch to take here: the path's, or the first of a new choice. */
  private pick(count: number): number {
    if (count <= 1) return 0
    const position = this.position++
    if (position < this.taken.length) return this.taken[position] ?? 0
    this.taken.push(0)
    this.counts.push(count)
    this.asks.push(this.ask)
    return 0
  }

  preempt(lane: Lane): boolean {
    this.asked = undefined
    const situation = this.situation
    if (situation === undefined) return false
    if (situation.realism === "suspension" || situation.realism === "nested") return false
    const straight = situation.first === lane
    // In a task that runs fibers, another fiber may have yielded before. `next` counts it when the task has ended.
    const preemptions = this.preemptions - (this.yielded === undefined ? 0 : 1)
    const stretch = stretchOf(lane.fiber)
    const stretched = stretch !== undefined && this.stretched[lane.index] === stretch
    if (!stretched) this.stretched[lane.index] = undefined
    const isNew = this.ask === this.modes.length
    if (isNew) {
      // With no other way to go on, the fiber would continue at once; unless it runs on top of another, or within a
      // task.
      const preempt = preemptions > 0 && (situation.others > 0 || !straight || !situation.alone ||
        (this.cancels > 0 && situation.lanes.some((other) => other !== lane && canBeInterrupted(other))))
      const interrupt = this.cancels > 0 && lane.cancellable && (straight || preemptions > 0) && !stretched
      this.modes.push((preempt ? forPreemption : 0) | (interrupt ? forInterrupt : 0))
    }
    const mode = this.modes[this.ask++] ?? 0
    if (mode === 0) return false
    if ((mode & forInterrupt) !== 0) this.stretched[lane.index] = stretch
    if (this.pick(2) === 0) {
      if (isNew) this.asked = lane
      return false
    }
    if (straight) this.yielded = { lane, mode }
    else this.preemptions--
    return true
  }

  /** Withdraws the latest question if the operation cannot matter. */
  operation(primitive: unknown, lane: Lane): void {
    if (this.asked !== lane) return
    this.asked = undefined
    if (matters(primitive, lane.fiber)) return
    this.modes[this.ask - 1] = 0
    this.stretched[lane.index] = undefined
    this.drop()
    this.position--
  }

  nested(outer: Lane): boolean {
    if (this.cancels === 0 || !outer.cancellable || this.pick(2) === 0) return false
    this.cancels--
    return true
  }

  next(): number {
    this.asked = undefined
    const situation = this.situation
    if (situation === undefined) return 0
    const { yielded } = this
    this.yielded = undefined
    const actions: Array<number> = []
    if (yielded === undefined) {
      for (let i = 0; i < situation.options; i++) actions.push(i)
      if (actions.length === 0) actions.push(0)
    } else if ((yielded.mode & forPreemption) !== 0) {
      // All but the fiber itself: that is no preemption, unless the rest of a task came in between.
      for (let i = 0; i < situation.options; i++) {
        if (!situation.alone || situation.ready[i] !== yielded.lane.parked) actions.push(i)
      }
    }
    if (this.cancels > 0) {
      for (const lane of situation.lanes) {
        const own = yielded === undefined ||
          (yielded.mode & (lane === yielded.lane ? forInterrupt : forPreemption)) !== 0
        if (own && canBeInterrupted(lane)) actions.push(~lane.index)
      }
    }
    const action = actions[this.pick(actions.length)] ?? 0
    if (action < 0) this.cancels--
    if (yielded !== undefined && action !== ~yielded.lane.index) this.preemptions--
    return action
  }

  choose(options: number): number {
    return this.pick(options)
  }

  readonly event = (): void => {}
}
