/** Takes every combination of decisions within bounds, one a run: few deviations first, and the rest depth-first. */
import type { Chooser, Situation } from "../Chooser.js"
import type { Recorder } from "../Journal.js"
import { canBeInterrupted, type Lane } from "../Lane.js"
import { matters, stretchOf } from "../runtime.js"

/** The purpose of a yield: a bit set of `forPreemption` and `forInterrupt`; 0 if the fiber does not yield here. */
type Mode = number
const forPreemption = 1
const forInterrupt = 2

/** So many deviations from the default a schedule of the first pass has at most. */
const shallow = 2
/** So many decisions the first pass keeps at most: beyond that, the rest is depth-first, which keeps one path. */
const room = 2 ** 20

/** The choices of a run. Other branches are to be tried from the `floor`-th choice on. */
class Path {
  constructor(
    /** Per choice: the branch taken, the number of branches, and the number of questions before the choice. */
    readonly taken: Array<number>,
    readonly counts: Array<number>,
    readonly asks: Array<number>,
    /** Per question whether to yield, in the order of the run: what a yield would be for. See `Mode`. */
    readonly modes: Array<Mode>,
    readonly floor: number,
    /** How many branches before the floor are not the first. */
    readonly deviations: number
  ) {}

  /** Moves to the next branch of the latest choice that has one; false if there is none from the floor on. */
  step(): boolean {
    while (this.taken.length > this.floor) {
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

  /** The path after a step, as a copy to be run. */
  branch(): Path {
    const { asks, counts, deviations, modes, taken } = this
    return new Path([...taken], [...counts], [...asks], [...modes], taken.length, deviations + 1)
  }

  drop(): void {
    this.taken.pop()
    this.counts.pop()
    this.asks.pop()
  }
}

/**
 * Enumerates every schedule with at most so many preemptions and interrupts. An interrupt of the running fiber does not
 * count as a preemption as well. Three kinds of decisions are left out, because another schedule shows the same:
 *
 * - a stop before an operation that only prepares its own fiber's continuation, unless that is a handler and the fiber
 *   can be interrupted;
 * - all interrupts within an uninterruptible stretch but the first, since they take effect at its end;
 * - an interrupt of a fiber that has not begun.
 *
 * The first pass bounds the deviations from the default, as delay-bounded scheduling does (Emmi, Qadeer and Rakamaric,
 * POPL 2011): most bugs need one or two. Depth-first search alone tries all that may follow a late choice before it
 * tries another early one. Each run of the first pass leaves the path from which the second pass goes on, so no
 * schedule is run twice.
 */
export class DepthFirst implements Chooser, Recorder {
  private path = new Path([], [], [], [], 0, 0)
  private isFirstPass = true
  /** Paths of runs whose other branches have not all been tried, those with the fewest deviations first. */
  private readonly open: Array<Path> = []
  private kept = 0
  private position = 0
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
    if (this.isFirstPass && this.advanceShallow()) return true
    while (!this.path.step()) {
      const next = this.open.shift()
      if (next === undefined) return false
      this.path = next
    }
    return true
  }

  /** Moves to the next schedule of the first pass; false, and the second pass begins, if there is none. */
  private advanceShallow(): boolean {
    this.open.push(this.path)
    this.kept += this.path.taken.length + this.path.modes.length
    while (this.open[0] !== undefined && this.open[0].deviations < shallow && this.kept < room) {
      if (this.open[0].step()) {
        this.path = this.open[0].branch()
        return true
      }
      this.open.shift()
    }
    this.isFirstPass = false
    this.path = this.open.shift() ?? this.path
    return false
  }

  begin(situation: Situation): void {
    this.situation = situation
    this.position = this.ask = 0
    this.preemptions = this.bounds.preemptions
    this.cancels = this.bounds.cancels
    this.asked = this.yielded = undefined
    this.stretched = []
    // Up to the last choice this run repeats the one before. All later questions are new.
    const { asks, modes } = this.path
    modes.length = Math.min(modes.length, asks.at(-1) ?? 0)
  }

  /** The branch to take here: the path's, or the first of a new choice. */
  private pick(count: number): number {
    if (count <= 1) return 0
    const position = this.position++
    const { asks, counts, taken } = this.path
    if (position < taken.length) return taken[position] ?? 0
    taken.push(0)
    counts.push(count)
    asks.push(this.ask)
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
    const { modes } = this.path
    const isNew = this.ask === modes.length
    if (isNew) {
      // With no other way to go on, the fiber would continue at once; unless it runs on top of another, or within a
      // task.
      const preempt = preemptions > 0 && (situation.others > 0 || !straight || !situation.alone ||
        (this.cancels > 0 && situation.lanes.some((other) => other !== lane && canBeInterrupted(other))))
      const interrupt = this.cancels > 0 && lane.cancellable && (straight || preemptions > 0) && !stretched
      modes.push((preempt ? forPreemption : 0) | (interrupt ? forInterrupt : 0))
    }
    const mode = modes[this.ask++] ?? 0
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
    this.path.modes[this.ask - 1] = 0
    this.stretched[lane.index] = undefined
    this.path.drop()
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
