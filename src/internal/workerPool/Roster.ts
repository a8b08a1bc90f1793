import { List } from "../List.js"
import { dismissed } from "./dismissal.js"
import type { OnDemand, Sharing } from "./parts.js"
import { workerStates } from "./states.js"
import type { Worker } from "./Worker.js"

/** Which workers there are, which of them are idle, and how many there are to be (P1, P10). Runs no fiber. */
export class Roster {
  private readonly all = new Set<Worker>()
  private readonly idlers = new List<Worker>()
  /** The numbers of workers that have ended, for those to come. */
  private readonly freeIds: Array<number> = []
  /** Workers whose own fibers have not ended. */
  live = 0
  /** How many resources took the place of another. */
  replaced = 0

  /** `size`: how many workers there are to be. */
  constructor(
    public size: number,
    private readonly sharing: Sharing | undefined,
    private readonly onDemand: OnDemand | undefined,
    private readonly create: (id: number) => Worker
  ) {}

  get workers(): ReadonlyArray<Worker> {
    return [...this.all]
  }

  get idle(): number {
    return this.idlers.size
  }

  /** How many workers there always are (P19). */
  get floor(): number {
    return this.onDemand === undefined ? this.size : Math.min(this.onDemand.min, this.size)
  }

  /** One more worker, which is to start. */
  hire(): Worker {
    const worker = this.create(this.freeIds.pop() ?? this.all.size + 1)
    this.all.add(worker)
    this.live++
    return worker
  }

  ended(worker: Worker): void {
    this.live--
    this.all.delete(worker)
    this.freeIds.push(worker.id)
  }

  rest(worker: Worker): void {
    worker.become(workerStates.idle)
    this.idlers.push(worker)
    this.onDemand?.rests(worker)
  }

  /**
   * The worker that has been idle for longest. With shared resources, the least loaded one, in O(idle workers). Where
   * idle workers leave, the last one that became idle: else a low load would keep all of them.
   */
  takeIdle(): Worker | undefined {
    const { onDemand, sharing } = this
    let least = onDemand === undefined ? this.idlers.head : this.idlers.tail
    if (least === undefined) return undefined
    onDemand?.ends(least)
    if (sharing !== undefined) {
      let lowest = sharing.load(least.resource)
      for (let other = least.next; other !== undefined && lowest > 0; other = other.next) {
        const own = sharing.load(other.resource)
        if (own >= lowest) continue
        least = other
        lowest = own
      }
    }
    return this.idlers.remove(least)
  }

  /** The worker is about to release its resource: it is idle no more. */
  releases(worker: Worker): void {
    if (worker.state === "idle") {
      this.idlers.remove(worker)
      this.onDemand?.ends(worker)
    }
    worker.become(workerStates.releasing)
  }

  /** Workers that are to stay. */
  get staying(): ReadonlyArray<Worker> {
    return this.workers.filter(({ state, wanted }) => wanted && state !== "givenUp")
  }

  /** Workers that are to leave, and can go back on that. One that gives up its acquisition cannot. */
  get leaving(): ReadonlyArray<Worker> {
    return this.workers.filter(({ state, wanted }) => !wanted && state !== "acquiring" && state !== "givenUp")
  }

  /** P10: the surplus workers. `waits` tells whether a worker's job waits for the pool. */
  surplus(waits: (worker: Worker) => boolean): ReadonlyArray<Worker> {
    const { staying } = this
    return dismissed(staying, Math.max(0, staying.length - this.size), this.sharing, waits)
  }
}
