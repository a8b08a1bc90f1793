/** Turns of an event loop that its owner runs, in the order in which they were requested. */
export class Turns {
  private requested: Array<() => void> = []

  /** Requests a turn, as `setImmediate` does. Returns its cancellation. Bound, as `MixedScheduler` takes it. */
  readonly request = (task: () => void): () => void => {
    let isCancelled = false
    this.requested.push(() => {
      if (!isCancelled) task()
    })
    return () => {
      isCancelled = true
    }
  }

  /** Runs until no turn is requested: every fiber has ended or is suspended then. */
  run(): void {
    while (this.requested.length > 0) {
      const tasks = this.requested
      this.requested = []
      for (const task of tasks) task()
    }
  }
}
