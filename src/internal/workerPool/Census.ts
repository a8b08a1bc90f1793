import { type State, type WorkerState, workerStates, workerTransitions } from "./states.js"

/** How many workers are in each state. Written by `Worker` alone, at each of its steps. */
export class Census {
  private readonly counts = Object.keys(workerTransitions).map(() => 0)

  come(state: State<WorkerState>): void {
    this.add(state, 1)
  }

  move(from: State<WorkerState>, to: State<WorkerState>): void {
    this.add(from, -1)
    this.add(to, 1)
  }

  private add({ place }: State<WorkerState>, by: number): void {
    this.counts[place] = (this.counts[place] ?? 0) + by
  }

  count(state: WorkerState): number {
    return this.counts[workerStates[state].place] ?? 0
  }
}
