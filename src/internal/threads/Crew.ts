import { Home, type Making } from "./Home.js"

/** All places of a pool's threads, and who has a part of which. */
export class Crew {
  private readonly homes = new Map<number, Home>()

  /** `making` says how the threads of a place are made, of which the first is 1. */
  constructor(
    private readonly size: number,
    private readonly seats: number,
    private readonly making: (place: number) => Making
  ) {}

  /** In turns, so that as long as there are few calls each has a thread of its own. */
  homeOf(worker: number): Home {
    const { seats, size } = this
    return this.home(worker <= size * seats ? (worker - 1) % size + 1 : Math.floor((worker - 1) / seats) + 1)
  }

  /** What the module serves, once a thread has loaded it. */
  get jobs(): ReadonlyArray<string> {
    return this.home(1).jobs
  }

  private home(place: number): Home {
    const home = this.homes.get(place) ?? new Home(this.making(place))
    this.homes.set(place, home)
    return home
  }
}
