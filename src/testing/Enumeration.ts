/** Decides in every way there is, one after the other. */
import { canBeInterrupted, type Chooser, type Lane, type Machine, type Recorder } from "./Machine.js"
import { matters, stretchOf } from "./runtime.js"

/**
 * Enumerates every schedule with at most so many preemptions and interrupts, depth first. An interrupt of the fiber that
 * runs is not also counted as a preemption. Left out is what cannot differ from something that is not: a stop before an
 * operation that only prepares its own fiber's continuation, unless that is a handler and the fiber can be interrupted;
 * and of the interrupts within an uninterruptible stretch all but the first, since they take effect at its end. And a
 * fiber is not interrupted before it has begun.
 */
export class Enumeration implements Chooser, Recorder {
  /** Of each choice on the way: which was taken, how many there are, and how many questions had come before the next. */
  private readonly taken: Array<number> = []
  private readonly counts: Array<number> = []
  private readonly asks: Array<number> = []
  private position = 0
  /** What each question whether to yield is about, in the order of the run: 1 a preemption, 2 an interrupt, 3 both. */
  private readonly modes: Array<number> = []
  private ask = 0
  private preemptions = 0
  private cancels = 0
  private machine: Machine | undefined
  /** The latest question was about this fiber, for the first time, and what its operation is has yet to be seen. */
  private asked: Lane | undefined
  /** Yielded straight to the driver, which is to make something of it. */
  private yielded: { readonly lane: Lane; readonly mode: number } | undefined
  /** By lane: the uninterruptible stretch that has had its interrupt. */
  private stretched: Array<number | undefined> = []

  constructor(private readonly bounds: { readonly preemptions: number; readonly cancels: number }) {}

  /** Goes on to the next schedule; false when that was the last. */
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

  begin(machine: Machine): void {
    this.machine = machine
    this.position = this.ask = 0
    this.preemptions = this.bounds.preemptions
    this.cancels = this.bounds.cancels
    this.asked = this.yielded = undefined
    this.stretched = []
    // Up to the last choice this run is the one before; what came after that is unknown again.
    this.modes.length = Math.min(this.modes.length, this.asks.at(-1) ?? 0)
  }

  /** The choice at this place: the one on the way there, or the first of a new one. */
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
    const machine = this.machine
    if (machine === undefined) return false
    if (machine.realism === "suspension" || machine.realism === "nested") return false
    const straight = machine.first === lane
    // In a task that runs fibers, one may have yielded already that is counted when the task has ended.
    const preemptions = this.preemptions - (this.yielded === undefined ? 0 : 1)
    const stretch = stretchOf(lane.fiber)
    const stretched = stretch !== undefined && this.stretched[lane.index] === stretch
    if (!stretched) this.stretched[lane.index] = undefined
    const isNew = this.ask === this.modes.length
    if (isNew) {
      // With nothing else to go it would go on at once; not so one that runs on top of another, or within a task.
      const preempt = preemptions > 0 && (machine.others > 0 || !straight || !machine.alone ||
        (this.cancels > 0 && machine.lanes.some((other) => other !== lane && canBeInterrupted(other))))
      const interrupt = this.cancels > 0 && lane.cancellable && (straight || preemptions > 0) && !stretched
      this.modes.push((preempt ? 1 : 0) | (interrupt ? 2 : 0))
    }
    const mode = this.modes[this.ask++] ?? 0
    if (mode === 0) return false
    if ((mode & 2) !== 0) this.stretched[lane.index] = stretch
    if (this.pick(2) === 0) {
      if (isNew) this.asked = lane
      return false
    }
    if (straight) this.yielded = { lane, mode }
    else this.preemptions--
    return true
  }

  /** Looks at the operation that was just asked about: where it cannot matter, there was no choice. */
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
    const machine = this.machine
    if (machine === undefined) return 0
    const { yielded } = this
    this.yielded = undefined
    const actions: Array<number> = []
    if (yielded === undefined) {
      for (let i = 0; i < machine.options; i++) actions.push(i)
      if (actions.length === 0) actions.push(0)
    } else if ((yielded.mode & 1) !== 0) {
      // Anything but the fiber itself, which would be no preemption unless the rest of a task came in between.
      for (let i = 0; i < machine.options; i++) {
        if (!machine.alone || machine.ready[i] !== yielded.lane.parked) actions.push(i)
      }
    }
    if (this.cancels > 0) {
      for (const lane of machine.lanes) {
        const own = yielded === undefined || (yielded.mode & (lane === yielded.lane ? 2 : 1)) !== 0
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
