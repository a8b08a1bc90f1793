/**
 * The event loop of one run: tasks that are ready, timers, and the number of the present turn. The driver takes a task
 * or a timer, or begins a step; the runtime's hooks add tasks. A turn of the event loop is one of these:
 *
 *     tasks       the tasks that were ready together when the turn began, as when a dispatcher flushes its queue
 *     a time      the timers that are due at that time
 *     step        one task from the driver itself: the start of the body, an interrupt, the close of the scope
 */
import type { Entry, Lane, Starts } from "./Lane.js"
import type { Realism } from "./Schedule.js"
import { type Timer, VirtualClock } from "./VirtualClock.js"

export class EventLoop {
  readonly clock = new VirtualClock()
  /** In the order in which the tasks became ready. */
  readonly ready: Array<Entry> = []
  /** The number of turns so far. */
  turn = 0
  private turnOf: "tasks" | "step" | number = "step"

  constructor(private readonly realism: Realism) {}

  /** `parked`: a preemption put the lane into the queue. */
  add(task: () => void, lane: Lane | undefined, parked: boolean): Entry {
    const entry: Entry = { task, lane, parked, since: this.turn, starts: undefined }
    this.ready.push(entry)
    return entry
  }

  /**
   * The start of an actor. Of actors that are alike, the queue has the first that has not begun. As it begins, the next
   * one takes its place.
   *
   * No outcome is lost. Until they begin, such actors differ in their numbers only: they run the same effect, became
   * ready in one turn, next to each other, and the kit interrupts no actor that has not begun (`canBeInterrupted`). So
   * a schedule that begins them in another order becomes one of this order when they exchange their numbers: each
   * decision stays possible, and costs as many preemptions and interrupts.
   */
  addStart(task: () => void, lane: Lane | undefined, starts: Starts): Entry {
    const entry: Entry = { task, lane, parked: false, since: this.turn, starts }
    starts.push(entry)
    if (starts.length === 1) this.ready.push(entry)
    return entry
  }

  remove(entry: Entry): void {
    const index = this.ready.indexOf(entry)
    if (index >= 0) this.ready.splice(index, 1)
  }

  takeTask(index: number): Entry | undefined {
    const entry = this.ready[index]
    if (entry === undefined) return undefined
    entry.starts?.shift()
    const next = entry.starts?.[0]
    if (next !== undefined) this.ready[index] = next
    else if (index === 0) this.ready.shift()
    else this.ready.splice(index, 1)
    // Only tasks that were ready when the turn began belong to it.
    if (this.turnOf !== "tasks" || entry.since === this.turn) this.turn++
    this.turnOf = "tasks"
    return entry
  }

  /** The clock moves on to the timer's time. */
  takeTimer(index: number): Timer | undefined {
    const timer = this.clock.advance(index)
    if (timer === undefined) return undefined
    if (this.turnOf !== this.clock.now) this.turn++
    this.turnOf = this.clock.now
    return timer
  }

  beginStep(): void {
    this.turn++
    this.turnOf = "step"
  }

  /** The number of ways to go on, without interrupts: first the ready tasks, then the timers that may fire. */
  get options(): number {
    // The clock moves on only where nothing is ready.
    return this.optionsAt(this.ready.length > 0 ? this.clock.now : this.clock.timers[0]?.due ?? 0)
  }

  /** The number of ways to go on without the running fiber, if that yields: it is ready then. */
  get others(): number {
    return this.optionsAt(this.clock.now)
  }

  private optionsAt(time: number): number {
    const ready = this.ready.length
    const { timers } = this.clock
    if (this.realism === "any") return ready + timers.length
    if (this.realism === "suspension" || this.realism === "nested") return ready + timers.length > 0 ? 1 : 0
    // Timers of one time fire in any order, with or without the tasks in between that the first of them made ready.
    let due = 0
    while (due < timers.length && (timers[due]?.due ?? 0) <= time) due++
    return ready + due
  }
}
