import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Described } from "../Described.js"
import { type Detail, type View, type Viewable, ViewTypeId, watch } from "../view.js"
import { currentFiber } from "../workerPool/Suspended.js"
import type { ThreadFailed } from "./errors.js"
import { Home, Lease, type Making } from "./Home.js"

/** All places of a pool's threads, and who has a part of which. */
export class Crew extends Described implements Viewable {
  private readonly homes: Array<Home> = []

  /** `making` says how the threads of a place are made, of which the first is 1. */
  constructor(
    /** The name of the pool. */
    readonly name: string | undefined,
    private readonly seats: number,
    private readonly making: (place: number) => Making
  ) {
    super()
    watch?.appeared(this)
  }

  /** Suspends until there is a thread. The scope gives the worker's part of it back. */
  acquire(invalidate: Effect.Effect<void>): Effect.Effect<Lease, ThreadFailed, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Effect.service(Scope.Scope)
      let lease: Lease | undefined = undefined
      // First, so that there is no moment at which an interrupt could leave a seat taken.
      yield* Scope.addFinalizerExit(
        scope,
        (exit) => Effect.suspend(() => lease === undefined ? Effect.void : lease.home.release(lease, exit))
      )
      yield* Effect.callback<void, ThreadFailed>((resume) => {
        const { home } = this
        lease = new Lease(home, currentFiber(), resume, invalidate)
        home.join(lease)
      })
      return lease as unknown as Lease
    })
  }

  /**
   * The place for one more worker: where a thread has room; or else where one is about to end, since there may be no
   * other one before that (T1); or else a place without a thread. So there are never more threads than it takes to seat
   * the workers.
   */
  private get home(): Home {
    const free = this.homes.filter((home) => home.size < this.seats)
    return free.find((home) => home.isOpen && home.size > 0) ?? free.find((home) => !home.isVacant) ?? free[0] ??
      this.add()
  }

  private add(): Home {
    const home = new Home(this.making(this.homes.length + 1))
    this.homes.push(home)
    return home
  }

  /** The names of the module's jobs, once a thread has loaded it. */
  get jobs(): ReadonlyArray<string> {
    return this.homes[0]?.jobs ?? []
  }

  /** How many places have a thread, how many calls the threads have, and how many workers wait for a thread. */
  private stats(): { readonly threads: number; readonly calls: number; readonly waiting: number } {
    const { homes } = this
    const views = homes.map((home) => home.view(0))
    return {
      threads: homes.filter(({ isVacant }) => !isVacant).length,
      calls: views.reduce((sum, { calls }) => sum + calls.length, 0),
      waiting: homes.reduce((sum, { waits }) => sum + waits.length, 0)
    }
  }

  toJSON(): unknown {
    return { _id: "Threads", name: this.name, ...this.stats() }
  }

  /** No fiber waits for threads in a circle: the view of the pool has the waits of its callers and jobs. */
  [ViewTypeId](detail: Detail): View | undefined {
    const { homes, name } = this
    if (detail === "waits") return undefined
    const threads = homes.map((home, i) => home.view(i + 1))
    if (detail === "sweep" && threads.every(({ calls }) => calls.length === 0)) return undefined
    return {
      version: 1,
      kind: "threads",
      name,
      self: this,
      stats: this.stats(),
      lines: [],
      waits: homes.flatMap(({ waits }) => waits),
      threads
    }
  }
}
