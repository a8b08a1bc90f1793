import { type State, type WorkerState, workerStates, workerTransitions } from "./states.js"

const nobody = (): Array<number> => Object.keys(workerTransitions).map(() => 0)

/** How many workers are in each state, those that are to stay and those that are surplus. Written by `Worker` alone. */
export class Census {
  private readonly staying = nobody()
  private readonly leaving = nobody()

  /** One worker more, or fewer, in the state. */
  add({ place }: State<WorkerState>, wanted: boolean, by: 1 | -1): void {
    const counts = wanted ? this.staying : this.leaving
    counts[place] = (counts[place] ?? 0) + by
  }

  /** Workers in the state that are to stay. */
  wanted(state: WorkerState): number {
    return this.staying[workerStates[state].place] ?? 0
  }

  count(state: WorkerState): number {
    return this.wanted(state) + (this.leaving[workerStates[state].place] ?? 0)
  }

  /** Workers that are to stay and have not given up. */
  get present(): number {
    return this.wanted("acquiring") + this.wanted("idle") + this.wanted("busy") + this.wanted("releasing")
  }
}
