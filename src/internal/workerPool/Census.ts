import { type State, type WorkerState, workerStates, workerTransitions } from "./states.js"

const nobody = (): Array<number> => Object.keys(workerTransitions).map(() => 0)

/** Idle and busy workers count alike: a worker becomes the one or the other with each job. */
const placeOf = (state: State<WorkerState>): number => (state === workerStates.busy ? workerStates.idle : state).place

/** How many workers are in each state, those that are to stay and those that are surplus. Written by `Worker` alone. */
export class Census {
  private readonly staying = nobody()
  private readonly leaving = nobody()

  /** One worker more, or fewer, in the state. */
  add(state: State<WorkerState>, wanted: boolean, by: 1 | -1): void {
    const counts = wanted ? this.staying : this.leaving
    const place = placeOf(state)
    counts[place] = (counts[place] ?? 0) + by
  }

  /** A worker goes from one state to the other. */
  move(from: State<WorkerState>, to: State<WorkerState>, wanted: boolean): void {
    if (placeOf(from) === placeOf(to)) return
    this.add(from, wanted, -1)
    this.add(to, wanted, 1)
  }

  /** Workers in the state that are to stay. */
  wanted(state: "acquiring" | "releasing"): number {
    return this.staying[workerStates[state].place] ?? 0
  }

  count(state: "acquiring" | "releasing"): number {
    return this.wanted(state) + (this.leaving[workerStates[state].place] ?? 0)
  }

  /** Workers that are to stay and have not given up. */
  get present(): number {
    return this.wanted("acquiring") + (this.staying[workerStates.idle.place] ?? 0) + this.wanted("releasing")
  }
}
