import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { List } from "../List.js"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { ThreadView, Wait } from "../view.js"
import type { Sharing } from "../workerPool/parts.js"
import { ThreadFailed } from "./errors.js"
import type { Call, Thread, Unbegun } from "./Thread.js"

/** How the threads of a pool are made. */
export interface Making {
  /** Throws `ThreadFailed`. */
  readonly thread: (owner: ConstructorParameters<typeof Thread>[4]) => Thread
  /** How many calls a thread may be given at a time. */
  readonly seats: number
  readonly grace: Effect.Effect<void>
  readonly startTimeout: Effect.Effect<void>
  /** How long the finalizers of a thread's layer may take. */
  readonly closeTimeout: Effect.Effect<void>
  /** How long a thread that is to close has to answer, and one that has closed has to end. */
  readonly patience: Effect.Effect<void>
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

/**
 * A worker's part of a thread: what it acquires, and gives its jobs to. It can be released whatever became of it.
 *
 *     waiting ──▶ seated ──▶ over
 *        └───────────────────▲
 */
export class Lease {
  prev: Lease | undefined = undefined
  next: Lease | undefined = undefined
  state: { readonly _tag: "waiting" | "over" } | {
    readonly _tag: "seated"
    readonly thread: Thread
    readonly seat: number
  } = { _tag: "waiting" }

  constructor(
    readonly home: Home,
    readonly fiber: AnyFiber,
    readonly resume: (effect: Effect.Effect<void, ThreadFailed>) => void,
    /** Tells the worker that the thread is not to be used any more. */
    readonly invalidate: Effect.Effect<void>
  ) {}

  /** How many calls its thread has to do. */
  get load(): number {
    return this.state._tag === "seated" ? this.state.thread.load : 0
  }

  /** How its last call has ended, if the thread had not begun it. */
  unbegun: Unbegun | undefined = undefined

  call(call: Call): Effect.Effect<unknown, unknown> {
    // A worker has one before it has jobs.
    if (this.state._tag !== "seated") return Effect.die(new Error("ThreadPool: a job began without a thread"))
    return this.state.thread.call(this.state.seat, call, this.home.making.grace, (how) => {
      this.unbegun = how
    })
  }
}

/** How workers share a thread: each has a lease, and they leave together. */
export const leases: Sharing = {
  whole: (lease) => asLease(lease)?.home,
  load: (lease) => asLease(lease)?.load ?? 0,
  begins: (lease) => {
    const own = asLease(lease)
    if (own !== undefined) own.unbegun = undefined
  },
  unbegun: (lease) => asLease(lease)?.unbegun
}

/** A worker that acquires has none yet. */
const asLease = (part: unknown): Lease | undefined => part instanceof Lease ? part : undefined

/**
 * A thread's place, where there is one thread after the other, and some workers share it.
 *
 *     vacant ──▶ starting ──▶ serving ──▶ leaving ──▶ ending ──▶ vacant
 *                    └───────────┴──────────────────────▲
 *
 * T1, T5: it starts a thread when a worker wants one and there is none; a second worker joins. It ends the thread when
 * no worker has or wants a part of it any more. The next thread starts only once the last one has ended. A thread that
 * ends by itself is taken from all workers that have a part of it. A thread in which a job has died is to go, with what
 * the job may have left behind there: no other worker gets a part of it, and it ends when the workers that have a part
 * have done what they have begun. A thread that is recycled leaves likewise (T8).
 *
 * A worker that waits for a thread that could not be started gets the failure, and may come again.
 */
export class Home {
  private state:
    | { readonly _tag: "vacant" }
    | { readonly _tag: "starting" | "serving" | "leaving" | "ending"; readonly thread: Thread } = { _tag: "vacant" }
  private readonly waiting = new List<Lease>()
  private readonly seated = new Set<Lease>()
  /** Seats that are free. */
  private readonly free: Array<number>
  private readonly leavers: Array<(effect: Effect.Effect<void>) => void> = []
  private timer: Fiber.Fiber<void> | undefined = undefined
  /** The names of the jobs of the last thread's module. */
  jobs: ReadonlyArray<string> = []

  constructor(readonly making: Making) {
    this.free = Array.from({ length: making.seats }, (_, index) => making.seats - 1 - index)
  }

  /** The lease waits until there is a thread. Runs fibers. */
  join(lease: Lease): void {
    this.waiting.push(lease)
    this.step()
  }

  /** Suspends until the thread has ended, if this was the last part of it. */
  release(lease: Lease, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const { state } = lease
      lease.state = { _tag: "over" }
      if (state._tag === "waiting") this.waiting.remove(lease)
      if (state._tag === "seated") {
        this.seated.delete(lease)
        this.free.push(state.seat)
        if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) state.thread.retire()
      }
      this.step()
      if (this.state._tag !== "ending" || this.seated.size > 0) return resume(Effect.void)
      this.leavers.push(resume)
    })
  }

  /** Does what is to be done next. Runs fibers. */
  private step(): void {
    const { state } = this
    if (state._tag === "vacant") {
      if (this.waiting.size > 0) this.start()
    } else if (state._tag === "leaving") {
      if (this.seated.size === 0) this.end(state.thread)
    } else if (state._tag !== "ending" && this.waiting.size === 0 && this.seated.size === 0) {
      this.end(state.thread)
    } else if (state._tag === "serving") {
      this.seatAll(state.thread)
    }
  }

  private start(): void {
    const { making } = this
    let thread: Thread
    try {
      thread = making.thread({
        ready: (jobs) => {
          this.state = { _tag: "serving", thread }
          this.jobs = jobs
          this.stopTimer()
          this.step()
        },
        failed: (error) => {
          this.end(thread)
          this.refuse(error)
        },
        doubted: () =>
          this.wait(making.grace, () => {
            if (!thread.isInCall) thread.kill("stuck")
          }),
        leaving: () => {
          this.state = { _tag: "leaving", thread }
          this.invalidateAll()
        },
        answered: () => {
          if (this.state._tag !== "ending") this.stopTimer()
        },
        closing: () => this.wait(making.closeTimeout, () => thread.giveUp()),
        closed: () => this.wait(making.patience, () => thread.giveUp()),
        ending: () => {
          this.state = { _tag: "ending", thread }
          this.invalidateAll()
        },
        ended: (settle, failure) => {
          this.state = { _tag: "vacant" }
          this.stopTimer()
          // Workers that have a part of this thread are not given another part of it.
          this.invalidateAll()
          settle()
          for (const [i, leave] of this.leavers.splice(0).entries()) {
            // One worker reports the failure.
            leave(i === 0 && failure !== undefined ? Effect.failCause(failure) : Effect.void)
          }
          this.step()
        }
      })
    } catch (error) {
      if (error instanceof ThreadFailed) return this.refuse(error)
      throw error
    }
    this.state = { _tag: "starting", thread }
    this.wait(making.startTimeout, () => thread.fail("silent"))
  }

  /** One timer at a time: the next one replaces it. */
  private wait(time: Effect.Effect<void>, then: () => void): void {
    this.stopTimer()
    const isOver = Effect.sync(() => {
      this.timer = undefined
      then()
    })
    this.timer = this.making.fork(Effect.andThen(time, isOver))
  }

  private stopTimer(): void {
    this.timer?.interruptUnsafe()
    this.timer = undefined
  }

  /** Takes the thread from those who have a part of it. Runs fibers. */
  private invalidateAll(): void {
    for (const { invalidate } of [...this.seated]) this.making.fork(invalidate)
  }

  private refuse(error: ThreadFailed): void {
    const leases = this.waiting.takeAll()
    for (const lease of leases) lease.state = { _tag: "over" }
    for (const { fiber, resume } of leases) stack.resume(fiber, resume, Effect.fail(error))
  }

  private seatAll(thread: Thread): void {
    const leases = this.waiting.takeAll()
    for (const lease of leases) {
      const seat = this.free.pop()
      // There are as many seats as workers that may come.
      if (seat === undefined) throw new Error("ThreadPool: more workers than seats")
      this.seated.add(lease)
      lease.state = { _tag: "seated", thread, seat }
    }
    for (const { fiber, resume } of leases) stack.resume(fiber, resume, Effect.void)
  }

  /** Nobody has a part of it, or will have. */
  private end(thread: Thread): void {
    this.state = { _tag: "ending", thread }
    this.wait(this.making.patience, () => thread.giveUp())
    if (!thread.close()) this.stopTimer()
  }

  /** How many have a part of a thread here, or wait for one. */
  get size(): number {
    return this.waiting.size + this.seated.size
  }

  /** Its thread is there, or about to be. */
  get isOpen(): boolean {
    return this.state._tag === "starting" || this.state._tag === "serving"
  }

  get isVacant(): boolean {
    return this.state._tag === "vacant"
  }

  // As `sluice/inspect` sees it

  /** Of the place `id`. */
  view(id: number): ThreadView {
    const { state } = this
    return state._tag === "vacant" ? { id, state: "vacant", calls: [] } : state.thread.view(id)
  }

  /** The workers that have no thread yet. Each goes on: with a thread, or with the failure of its start. */
  get waits(): ReadonlyArray<Wait> {
    return [...this.waiting].map((key) => ({ node: key.fiber, who: "fiber", for: "a thread", key }))
  }
}
