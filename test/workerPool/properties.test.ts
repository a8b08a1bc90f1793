/**
 * The laws of `WorkerPool` over random workloads, schedules and cancellations, and over every schedule of small ones.
 */
import { Effect, Schedule, Scope, Stream } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { type Kit, type Scenario, scenario } from "sluice/testing"
import { describe, test } from "vitest"
import { exhausted, job } from "../scenarios/workerPool.js"
import type { Job } from "../scenarios/workerPool/seen.js"
import { Stage } from "../scenarios/workerPool/Stage.js"
import { turns } from "../support/effect.js"
import { holds, lawsOf, soak } from "../support/property.js"

/**
 * What a job does: `work` turns, or a job of its own on the same pool; then it may condemn its resource; then it ends;
 * then its finalizer takes `cleanup` turns.
 */
interface Task {
  readonly work: number
  readonly inner: "nothing" | "run" | "runAll" | "submit" | "await" | "place"
  readonly invalidate: boolean
  readonly end: "succeed" | "fail" | "die" | "never" | "interrupt"
  readonly cleanup: number
  readonly cleanupDies: boolean
}

/**
 * One actor, after `delay` turns. `cancel` and `await` are about the job of number `n`, `invalidate` about the
 * resource. `place` uses a place after `n` turns, and `hold` has one until it is recalled.
 */
interface Act {
  readonly kind:
    | "run"
    | "submit"
    | "trySubmit"
    | "cancel"
    | "await"
    | "map"
    | "runAll"
    | "place"
    | "hold"
    | "invalidate"
    | "resize"
    | "shutdown"
    | "shutdownNow"
    | "close"
  readonly delay: number
  readonly n: number
  readonly tasks: ReadonlyArray<Task>
}

interface Workload {
  readonly size: number
  readonly capacity: number | "unbounded"
  readonly strategy: "suspend" | "dropping" | "sliding"
  readonly onDefect: "replace" | "keep"
  /** How many jobs of a key may run, of two keys; and how many levels there are. */
  readonly concurrency: number | undefined
  readonly levels: number | undefined
  readonly deadlines: WorkerPool.Deadlines | undefined
  /**
   * How often a job is tried again, at what interval; how many resources it may kill; whether dead letters are kept.
   */
  readonly again: {
    readonly times: number
    readonly millis: number
    readonly perSecond: number | undefined
    readonly kills: number | undefined
    readonly letters: "none" | "memory" | "slow"
  } | undefined
  /** Which attempts at acquiring a resource fail, after the first ones; and how often one is tried again. */
  readonly refused: ReadonlyArray<number>
  readonly restarts: number
  readonly slow: boolean
  /** Which resources fail their check; how many jobs each serves; whether releases are slow, and detached. */
  readonly upkeep: {
    readonly fails: ReadonlyArray<number> | undefined
    readonly maxJobs: number | undefined
    readonly detaches: boolean
    readonly min: number | undefined
  } | undefined
  readonly releaseDies: boolean
  readonly acts: ReadonlyArray<Act>
}

const task: fc.Arbitrary<Task> = fc.record<Task>({
  work: fc.nat(3),
  inner: fc.constantFrom("nothing", "nothing", "nothing", "run", "runAll", "submit", "await", "place"),
  invalidate: fc.constantFrom(false, false, true),
  end: fc.constantFrom("succeed", "succeed", "succeed", "fail", "die", "never", "interrupt"),
  cleanup: fc.nat(2),
  cleanupDies: fc.constantFrom(false, false, false, true)
})

const act: fc.Arbitrary<Act> = fc.record<Act>({
  kind: fc.constantFrom(
    ...["run", "run", "submit", "submit", "trySubmit", "cancel", "await", "map", "runAll", "invalidate"] as const,
    ...["place", "hold", "resize", "shutdown", "shutdownNow", "close"] as const
  ),
  delay: fc.nat(6),
  n: fc.nat(3),
  tasks: fc.array(task, { minLength: 1, maxLength: 3 })
})

const workload: fc.Arbitrary<Workload> = fc.record({
  size: fc.integer({ min: 1, max: 3 }),
  capacity: fc.constantFrom<number | "unbounded">(0, 1, 2, 3, "unbounded"),
  strategy: fc.constantFrom<Workload["strategy"]>("suspend", "suspend", "dropping", "sliding"),
  onDefect: fc.constantFrom<Workload["onDefect"]>("replace", "replace", "keep"),
  deadlines: fc.option(
    fc.record({ wait: fc.constantFrom(undefined, 1, 100), run: fc.constantFrom(undefined, 1, 100) }),
    { nil: undefined, freq: 2 }
  ),
  again: fc.option(
    fc.record({
      times: fc.nat(2),
      millis: fc.constantFrom(0, 1, 100),
      perSecond: fc.constantFrom(undefined, 0, 0.2),
      kills: fc.constantFrom(undefined, 1, 2),
      letters: fc.constantFrom<"none" | "memory" | "slow">("none", "memory", "slow")
    }),
    { nil: undefined, freq: 2 }
  ),
  concurrency: fc.constantFrom(undefined, undefined, undefined, 1, 2),
  levels: fc.constantFrom(undefined, undefined, undefined, 2),
  refused: fc.array(fc.nat(4), { maxLength: 3 }),
  restarts: fc.nat(2),
  slow: fc.boolean(),
  upkeep: fc.option(
    fc.record({
      fails: fc.option(fc.array(fc.nat(4), { maxLength: 3 }), { nil: undefined }),
      maxJobs: fc.constantFrom(undefined, 1, 2),
      detaches: fc.boolean(),
      min: fc.constantFrom(undefined, 0, 1)
    }),
    { nil: undefined, freq: 2 }
  ),
  releaseDies: fc.constantFrom(false, false, true),
  acts: fc.array(act, { minLength: 1, maxLength: 5 })
})

class Simulation {
  readonly stage: Stage
  readonly scope = Scope.makeUnsafe()
  /** Jobs that are suspended, as far as they know, in an operation of their own pool. */
  private inside = 0

  /** `lateTimers`: a timer may fire while others are ready, so that it tells nothing. */
  constructor(readonly work: Workload, readonly lateTimers: boolean) {
    const {
      again,
      capacity,
      concurrency,
      deadlines,
      levels,
      onDefect,
      refused,
      releaseDies,
      restarts,
      size,
      slow,
      strategy,
      upkeep
    } = work
    const bounded = capacity === "unbounded" ? undefined : strategy
    const order = levels === undefined
      ? { capacity, strategy: bounded }
      : {
        capacity,
        strategy: bounded === "sliding" ? "dropping" as const : bounded,
        priority: ({ name }: Job) => name.length % levels,
        aging: 1
      }
    this.stage = new Stage({
      size,
      queue: concurrency === undefined ? order : { ...order, key: ({ name }: Job) => name, perKey: { concurrency } },
      onDefect,
      deadlines,
      ...(again && {
        retry: {
          schedule: Schedule.upTo(Schedule.spaced(again.millis), { times: again.times }),
          budget: again.perSecond === undefined ? undefined : { perSecond: again.perSecond, ratio: 0.5 },
          poison: onDefect === "keep" || again.kills === undefined ? undefined : { kills: again.kills },
          deadLetters: again.letters === "none"
            ? undefined
            : again.letters === "memory"
            ? {}
            : { sink: () => turns(2) }
        }
      }),
      restart: Schedule.recurs(restarts),
      acquire: (n) => {
        const attempt = refused.includes(n - (upkeep?.min ?? size) - 1) ? Effect.fail("refused") : Effect.void
        return slow ? Effect.andThen(Effect.yieldNow, attempt) : attempt
      },
      release: () => {
        const end = releaseDies ? Effect.die("stuck") : Effect.void
        return upkeep?.detaches === true ? Effect.andThen(Effect.sleep(2), end) : end
      },
      ...(upkeep && {
        resource: {
          checkAfter: 0,
          checkTimeout: Infinity,
          ...(upkeep.maxJobs !== undefined && { maxJobs: upkeep.maxJobs }),
          ...(upkeep.min !== undefined && { min: upkeep.min }),
          ...(upkeep.detaches && { releaseTimeout: 1 })
        },
        check: (n: number) => {
          const end = upkeep.fails?.includes(n) === true ? Effect.fail("dead") : Effect.void
          return slow ? Effect.andThen(Effect.yieldNow, end) : end
        }
      })
    })
  }

  /** Nothing is ready before the next timer. */
  private readonly stuck: Effect.Effect<void> = Effect.sync(() => {
    // No verdict reckons with what is between two attempts: the docs say so.
    const isJudged = !this.lateTimers && this.work.again === undefined
    if (isJudged) this.stage.ask("stuck", { ...WorkerPool.stats(this.stage.pool!), inside: this.inside })
  })

  private jobOf(task: Task): Job {
    const end = {
      succeed: Effect.succeed("done"),
      fail: Effect.fail("planned"),
      die: Effect.die("poison"),
      never: Effect.never,
      interrupt: Effect.interrupt
    }
    const { stage } = this
    return job("job", ({ invalidate }) => {
      const inner = job("inner", turns(1))
      const asks = {
        nothing: turns(task.work),
        run: Effect.suspend(() => stage.run(inner)),
        runAll: Effect.suspend(() => stage.runAll([inner, job("inner", turns(1)), job("inner")])),
        submit: Effect.suspend(() => stage.submit(inner)),
        await: Effect.suspend(() => stage.handles[task.work]?.await ?? Effect.void),
        place: Effect.suspend(() => stage.inPlace(inner, turns(task.work)))
      }
      const waits = Effect.acquireUseRelease(
        Effect.sync(() => this.inside++),
        () => asks[task.inner],
        () => Effect.sync(() => this.inside--)
      )
      return Effect.exit(task.inner === "nothing" ? asks.nothing : waits).pipe(
        Effect.andThen(task.invalidate ? invalidate : Effect.void),
        Effect.andThen(end[task.end]),
        Effect.onExit(() => Effect.andThen(turns(task.cleanup), task.cleanupDies ? Effect.die("cleanup") : Effect.void))
      )
    })
  }

  private effectOf({ kind, n, tasks }: Act): Effect.Effect<unknown, unknown> {
    const { stage } = this
    const pool = stage.pool!
    const jobs = tasks.map((task) => this.jobOf(task))
    const handle = () => stage.handles[n]
    switch (kind) {
      case "run":
        return stage.run(jobs[0]!)
      case "submit":
        return Effect.forEach(jobs, stage.submit)
      case "trySubmit":
        return Effect.forEach(jobs, (job) => Effect.exit(stage.trySubmit(job)))
      case "cancel":
        return Effect.suspend(() => handle()?.cancel ?? Effect.void)
      case "await":
        return Effect.suspend(() => handle()?.await ?? Effect.void)
      case "map":
        stage.isMapped = true
        return Stream.runDrain(Stream.take(WorkerPool.map(pool, jobs, { ordered: n % 2 === 0 }), n + 1))
      case "runAll":
        return stage.runAll([...jobs, ...jobs.slice(0, n).map((job) => ({ ...job }))])
      case "place":
        return stage.inPlace(jobs[0]!, turns(n))
      case "hold":
        return stage.holding
      case "invalidate":
        return stage.invalidate(n)
      case "resize":
        return stage.resize(1 + n)
      case "shutdown":
        return stage.ending(WorkerPool.shutdown(pool, n === 0 ? {} : { deadline: n * 400 }))
      case "shutdownNow":
        return stage.ending(WorkerPool.shutdownNow(pool))
      case "close":
        return stage.closing(this.scope)
    }
  }

  readonly scenario: Scenario = scenario((t) => new Simulation(this.work, this.lateTimers).run(t))

  private readonly run = (t: Kit) =>
    Effect.gen({ self: this }, function*() {
      yield* Scope.provide(this.stage.make, this.scope)
      yield* t.always(this.stage.holds, "")
      for (const [i, act] of this.work.acts.entries()) {
        const effect = Effect.andThen(turns(act.delay), Effect.suspend(() => this.effectOf(act)))
        yield* t.actor(`actor${i}`, effect, { mayDie: true })
      }
      // Jobs that never end, and whoever waits for them, have an end when nothing else is ready.
      const close = Effect.exit(this.stage.closing(this.scope))
      const last = Effect.andThen(Effect.sleep(2_000), Effect.andThen(this.stuck, close))
      yield* t.actor("last", last, { cancel: false })
      yield* t.settled
      yield* close
      yield* this.stage.atEnd(t)
    })
}

const punctual = (work: Workload): Scenario => new Simulation(work, false).scenario
const anyTime = (work: Workload): Scenario => new Simulation(work, true).scenario

describe("over workloads", () => {
  test("without interrupts", () => holds(workload, punctual, { realism: "contract", cancels: 0, workloads: 600 }))
  test("with interrupts at any operation", () =>
    holds(workload, anyTime, { realism: "any", cancels: 2, workloads: 900 }))
  test("in the order of the stock runtime, with interrupts", () =>
    holds(workload, punctual, { realism: "suspension", cancels: 2, workloads: 300 }))
})

// With two preemptions most of them take 20,000 to 100,000 schedules: those are for `SOAK`.
const short = ["run, with a finalizer", "shutdownNow", "cancel, from two", "shutdown, with a deadline"]
// And these take as many with one: then a fiber is left only where it suspends, and the interrupt may be anywhere.
const long = [
  "a check",
  "a check that fails, and cancel",
  "a release that is detached, and the end",
  "checks that fail together",
  "dead letters, read and interrupted",
  "keys, cancel, and a job that dies",
  "keys, without a queue, and shutdown",
  "map, of a pool that shuts down",
  "maxAge",
  "maxJobs",
  "on demand",
  "on demand, and idle",
  "on demand, where one cannot be had",
  "on demand, with slow resources, and shutdown",
  "map, unordered, of a pool that shuts down",
  "poison",
  "priority",
  "resize, and shutdown",
  "resize, there and back",
  "resize, to less, while a job waits for room",
  "retry, without a queue, and resize"
]

lawsOf(exhausted, {
  bounds: (name) => {
    const preemptions = (soak > 1 || short.includes(name) ? 2 : 1) - (soak <= 1 && long.includes(name) ? 1 : 0)
    return { preemptions, cancels: 1 }
  },
  runs: 500
})
