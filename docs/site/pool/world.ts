/** A WorkerPool, its callers and their clock. Time passes only in `advance`, and all fibers are suspended after it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as WorkerPool from "sluice/WorkerPool"
import { Load } from "./load.js"
import type { Event, Job, Outcome } from "./model.js"
import { optionsOf, type Settings } from "./settings.js"
import { Turns } from "./turns.js"

export class World {
  private readonly turns = new Turns()
  private readonly scope = Scope.makeUnsafe()
  private readonly load: Load
  private readonly context: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly pool: WorkerPool.WorkerPool<Job, void, string | WorkerPool.JobTimeout, void>
  private source: Fiber.Fiber<void> | undefined
  private jobs = 0
  private ending: WorkerPool.ShutdownReport<Job> | undefined

  /** Makes the pool, and calls `emit` for all that its callers and its `run` see, as it happens. */
  constructor(private settings: Settings, private readonly emit: (event: Event) => void) {
    this.load = new Load(settings.seed)
    // The page runs the turns itself: nothing of the pool runs between two frames.
    const scheduler = new Scheduler.MixedScheduler("async", this.turns.request)
    this.context = Context.make(Scheduler.Scheduler, scheduler)
    // The layer's scheduler requests its turns from the one here.
    this.context = this.now(Layer.buildWithScope(TestClock.layer(), this.scope))
    this.clock = this.now(Clock.clockWith(Effect.succeed))
    // Otherwise the clock warns on the console that nobody moves it.
    this.now(TestClock.adjust(0))
    this.pool = this.now(Effect.provideService(this.make, Scope.Scope, this.scope))
    this.start()
  }

  private readonly make = Effect.suspend(() =>
    WorkerPool.make({
      ...optionsOf(this.settings),
      worker: ({ id }) =>
        Effect.acquireRelease(
          Effect.sync(() => this.emit({ kind: "opened", at: this.at(), worker: id })),
          () => Effect.sync(() => this.emit({ kind: "closed", at: this.at(), worker: id }))
        ),
      run: (job: Job, { id }) =>
        Effect.suspend(() => {
          this.emit({ kind: "started", at: this.at(), job: job.id, worker: id })
          return Effect.andThen(Effect.sleep(job.millis), job.fails ? Effect.fail("failed") : Effect.void)
        })
    })
  )

  /** Milliseconds since the beginning. */
  at(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  stats(): WorkerPool.Stats {
    return WorkerPool.stats(this.pool)
  }

  /** How the pool has ended. `undefined` before its end. */
  report(): WorkerPool.ShutdownReport<Job> | undefined {
    return this.ending
  }

  /** Moves the clock. Everything that is due happens before this returns. */
  advance(millis: number): void {
    this.now(TestClock.adjust(millis))
  }

  /** Follows settings of which `canFollow` is true. */
  follow(settings: Settings): void {
    const before = this.settings
    this.settings = settings
    if (settings.size !== before.size && this.stats().state === "running") {
      this.now(WorkerPool.resize(this.pool, settings.size))
    }
    if (settings.arrivals !== before.arrivals || settings.burst !== before.burst) {
      if (this.source !== undefined) this.now(Fiber.interrupt(this.source))
      this.start()
    }
  }

  /** Lets accepted jobs end, or with `isNow` returns and interrupts them. Callers go on to come, and are refused. */
  shutdown(isNow: boolean): void {
    const end = isNow ? WorkerPool.shutdownNow(this.pool) : WorkerPool.shutdown(this.pool)
    this.fork(Effect.map(end, (report) => void (this.ending = report)))
    this.turns.run()
  }

  /** Ends everything. */
  close(): void {
    this.now(Scope.close(this.scope, Exit.void))
  }

  private start(): void {
    this.source = this.fork(this.arrivals)
    this.turns.run()
  }

  private readonly arrivals: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    for (;;) {
      const gap = this.load.gap(this.settings)
      if (gap === Infinity) return
      yield* Effect.sleep(gap)
      for (let n = 0; n < this.settings.burst; n++) yield* this.come
    }
  })

  private readonly come = Effect.suspend(() => {
    const job = {
      id: ++this.jobs,
      millis: this.load.duration(this.settings),
      fails: this.load.fails(this.settings)
    }
    return Effect.forkIn(this.call(job), this.scope, { startImmediately: true })
  })

  /** A caller, from its arrival to the end of its job. */
  private call(job: Job): Effect.Effect<void> {
    const { emit, pool } = this
    const { id } = job
    const submit = this.settings.full === "reject" ? WorkerPool.trySubmit : WorkerPool.submit
    const end = (outcome: Outcome) => Effect.sync(() => emit({ kind: "ended", at: this.at(), job: id, outcome }))
    return Effect.gen({ self: this }, function*() {
      emit({ kind: "arrived", at: this.at(), job })
      const handle = yield* submit(pool, job)
      emit({ kind: "accepted", at: this.at(), job: id })
      yield* handle.await
      // A handle that has settled has the state of its end.
      yield* end(handle.state as Outcome)
    }).pipe(Effect.catchTags({ QueueFull: () => end("rejected"), PoolClosed: () => end("closed") }))
  }

  private fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  /** Runs an effect that ends without the clock being moved by anyone else. */
  private now<A, E>(effect: Effect.Effect<A, E>): A {
    const fiber = this.fork(effect)
    this.turns.run()
    const exit = fiber.pollUnsafe()
    if (exit === undefined) throw new Error("the effect is still suspended, and no turn is requested")
    return Effect.runSync(exit)
  }
}
