/** The stock order, first come, first served, without an event loop: what a task throws comes out of `drain`. */
import type { Scheduler, SchedulerDispatcher } from "effect/Scheduler"

export class Stepper implements Scheduler {
  readonly executionMode = "async"
  private readonly tasks: Array<() => void> = []

  shouldYield(): boolean {
    return false
  }

  makeDispatcher(): SchedulerDispatcher {
    return { scheduleTask: (task) => void this.tasks.push(task), flush: () => {} }
  }

  drain(): void {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) task()
  }
}
