/** Small scenarios for `ThreadPool`, to be explored to the last schedule. */
import { Effect, Exit, Schedule, Scope } from "effect"
import { WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { type Behaviour, FakeThreads, largeHeap, type Plan } from "../support/fakeThreads.js"
import { accountsOf } from "../support/workerPool.js"

type Jobs = ThreadWorker.Jobs<{
  readonly call: (input: readonly [string, Behaviour], context: ThreadWorker.JobContext<string>) => string
}>

interface Setup extends Plan {
  readonly size?: number
  readonly concurrency?: number
  readonly prefetch?: number
  readonly restart?: Schedule.Schedule<unknown>
  readonly maxCalls?: number
  /** Threads with a large heap are replaced. */
  readonly limitsHeap?: boolean
  /** The first actor closes the scope when it ends. */
  readonly closing?: boolean
}

/** After which a thread has to be replaced. */
const breaks: ReadonlySet<Behaviour> = new Set(["stuck", "crashes", "dies", "blocks", "grows"])

interface Stage {
  /** Runs a call, and sees to it that what comes back is its own, and that it has ended by then. */
  readonly run: (name: string, behaviour?: Behaviour) => Effect.Effect<void, unknown>
  readonly workers: WorkerPool.WorkerPool<ThreadPool.Call, unknown, unknown>
}

/** Actors around a pool of threads that are fibers, whose scope closes when they have ended. */
const around = (setup: Setup, effects: (stage: Stage) => ReadonlyArray<Effect.Effect<unknown, unknown>>): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const { closing = false, concurrency = 1, limitsHeap = false, maxCalls, prefetch = 0, size = 1 } = setup
      const threads = new FakeThreads(yield* Effect.context(), setup)
      const scope = yield* Scope.make()
      const pool = yield* ThreadPool.make<Jobs>({
        module: new URL("fake:threads"),
        platform: threads,
        size,
        concurrency,
        prefetch,
        grace: 1,
        restart: setup.restart ?? Schedule.recurs(1),
        recycle: { maxCalls, jitter: 0, maxHeap: limitsHeap ? largeHeap - 1 : undefined },
        queue: { capacity: 4 }
      }).pipe(Scope.provide(scope))
      const { workers } = pool
      let wrong: string | undefined = undefined
      const lost = new Set<string>()
      /** How many had begun when a call was over. */
      const over = new Map<string, number>()
      const reporting = (name: string) => {
        const seen: Array<string> = []
        let isOver = false
        return pool.runWithProgress.call([name, "reports"], (progress) =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => {
              seen.push(progress)
              if (isOver) wrong = `${progress} came after the end (T7)`
              if (progress !== `${name} ${seen.length}` && progress !== `${name} 2`) wrong = `${name}: ${progress} (T7)`
            })
          )).pipe(
            Effect.onExit((exit) =>
              Effect.sync(() => {
                isOver = true
                if (Exit.isSuccess(exit) && seen.at(-1) !== `${name} 2`) {
                  wrong = `${name} ended with ${seen.join()} (T7)`
                }
              })
            )
          )
      }
      const run = (name: string, behaviour: Behaviour = "returns") =>
        (behaviour === "reports" ? reporting(name) : pool.run.call([name, behaviour])).pipe(
          Effect.onExit((exit) =>
            Effect.sync(() => {
              over.set(name, threads.begun.length)
              if (Exit.isSuccess(exit) && exit.value !== name) wrong = `${name} got the result of ${exit.value} (T2)`
              if (Exit.isFailure(exit) && exit.toString().includes("ThreadLost")) lost.add(name)
            })
          ),
          Effect.asVoid
        )
      yield* t.always(() => {
        const { queued, running, submitted, ...stats } = WorkerPool.stats(workers)
        if (wrong !== undefined) throw new Error(wrong)
        if (accountsOf({ ...stats, queued, running }) !== submitted) throw new Error("the ledger does not balance (P4)")
        if (threads.isNeglecting) throw new Error("the process may end in the middle of a call (T6)")
        return threads.mostAlive <= size
      }, "more threads than there may be (T1)")
      const close = Scope.close(scope, Exit.void)
      for (const [i, effect] of effects({ run, workers }).entries()) {
        const body = i === 0 && closing ? Effect.onExit(effect, () => close) : effect
        yield* t.actor(String.fromCharCode(97 + i), body, { mayDie: true })
      }
      yield* t.settled
      const worn = () => threads.uses.filter(({ calls }) => calls >= (maxCalls ?? Infinity))
      yield* t.expect(
        worn().every(({ hasEnded }) => hasEnded),
        "a thread that has had its maxCalls is still there (T8)"
      )
      yield* t.expect(threads.holding === 0, `${threads.holding} threads without a call keep the process alive (T6)`)
      yield* close
      yield* t.expect(threads.alive === 0, `${threads.alive} threads are left (T5)`)
      const names = threads.begun.map(({ name }) => name)
      yield* t.expect(names.every((name, i) => names.indexOf(name) === i), `a call began twice: ${names.join()} (T3)`)
      const late = names.find((name, i) => i >= (over.get(name) ?? 0))
      yield* t.expect(late === undefined, `${late ?? ""} has begun after it was over (T4)`)
      const broken = new Set(threads.begun.filter(({ behaviour }) => breaks.has(behaviour)).map(({ thread }) => thread))
      // A call counts that is cancelled before it is sent.
      const replaced = broken.size + Math.floor(over.size / (maxCalls ?? Infinity))
      const isSpared = setup.start !== undefined || threads.started <= size + replaced
      yield* t.expect(isSpared, `${threads.started} threads, and only ${replaced} had to be replaced`)
      const overused = threads.uses.some(({ calls }) => calls > (maxCalls ?? Infinity))
      yield* t.expect(!overused, "a thread was given more than maxCalls (T8)")
      const grown = threads.begun.find(({ behaviour, thread }, i) =>
        behaviour === "grows" && threads.begun.some((other, j) => j > i && other.thread === thread)
      )
      yield* t.expect(grown === undefined, "a thread began a call after its heap was too large (T8)")
      const stats = WorkerPool.stats(workers)
      yield* t.expect(stats.queued + stats.running + stats.idle === 0, `something is left: ${JSON.stringify(stats)}`)
      const ended = [...lost].find((name) => !names.includes(name))
      yield* t.expect(ended === undefined, `${ended ?? ""} was lost, and had not begun (T3)`)
    })
  )

/** An actor makes the pool, uses it and leaves; and may be interrupted meanwhile. */
const making = (plan: Plan, size: number): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const threads = new FakeThreads(yield* Effect.context(), plan)
      const made = ThreadPool.make<Jobs>({ module: new URL("fake:threads"), platform: threads, size, prefetch: 1 })
      yield* t.always(() => threads.mostAlive <= size, "more threads than there may be (T1)")
      yield* t.actor("a", Effect.scoped(Effect.flatMap(made, (pool) => pool.run.call(["one", "returns"]))))
      yield* t.settled
      yield* t.expect(threads.alive === 0, `${threads.alive} threads are left (T5)`)
    })
  )

export const exhausted: Record<string, Scenario> = {
  make: making({}, 2),
  "make, where one fails to start": making({ start: (n) => n === 2 ? "fails" : "serves" }, 2),
  "make, where one ends as it starts": making({ start: (n) => n === 1 ? "ends" : "serves", closes: true }, 2),
  run: around({}, ({ run }) => [run("one"), run("two")]),
  runWithProgress: around({}, ({ run }) => [run("one", "reports")]),
  "run, two threads": around({ size: 2 }, ({ run }) => [run("one"), run("two")]),
  "run, with one at hand": around({ prefetch: 1 }, ({ run }) => [run("one"), run("two")]),
  "run, two at a time": around({ concurrency: 2 }, ({ run }) => [run("one", "waits"), run("two")].map(timed)),
  "cancel, of one that waits": around({}, ({ run }) => [timed(run("one", "waits")), run("two")]),
  "cancel, of one that is stuck": around({}, ({ run }) => [timed(run("one", "stuck")), run("two")]),
  "cancel, of one that is stuck, with one at hand": around({ prefetch: 1 }, ({ run }) => [
    timed(run("one", "stuck")),
    run("two")
  ]),
  "cancel, of one that has not begun": around({ prefetch: 1 }, ({ run }) => [
    timed(run("one", "waits")),
    timed(run("two"))
  ]),
  "a defect": around({}, ({ run }) => [run("one", "dies"), run("two")]),
  "a defect, with one at hand": around({ prefetch: 1 }, ({ run }) => [run("one", "dies"), run("two")]),
  "a defect, beside one that waits": around({ concurrency: 2 }, ({ run }) => [
    timed(run("one", "waits")),
    run("two", "dies")
  ]),
  "a defect, and shutdown": around({ prefetch: 1 }, ({ run, workers }) => [
    run("one", "dies"),
    Effect.andThen(run("two"), WorkerPool.shutdown(workers))
  ]),
  "a defect, and a crash": around({ concurrency: 2 }, ({ run }) => [run("one", "dies"), run("two", "crashes")]),
  "a crash": around({}, ({ run }) => [run("one", "crashes"), run("two")]),
  "a crash, with one at hand": around({ prefetch: 1 }, ({ run }) => [run("one", "crashes"), run("two")]),
  "a crash, and shutdown": around({ prefetch: 1 }, ({ run, workers }) => [
    run("one", "crashes"),
    Effect.andThen(run("two"), WorkerPool.shutdown(workers))
  ]),
  "a crash, and no other thread": around({
    prefetch: 1,
    start: (n) => n === 1 ? "serves" : "ends",
    restart: Schedule.recurs(0)
  }, ({ run }) => [run("one", "crashes"), run("two")]),
  "a crash, and the next one fails to start": around({ start: (n) => n === 2 ? "fails" : "serves" }, ({ run }) => [
    run("one", "crashes"),
    run("two")
  ]),
  "maxCalls": around({ maxCalls: 1 }, ({ run }) => [run("one"), run("two")]),
  "maxCalls, with one at hand": around({ maxCalls: 2, prefetch: 1 }, ({ run }) => [
    Effect.andThen(run("one"), timed(run("two", "waits"))),
    run("three")
  ]),
  "maxCalls, two at a time": around({ maxCalls: 1, concurrency: 2 }, ({ run }) => [
    timed(run("one", "waits")),
    run("two")
  ]),
  "maxCalls, and a crash": around({ maxCalls: 2, prefetch: 1 }, ({ run }) => [run("one", "crashes"), run("two")]),
  "maxCalls, and shutdown": around({ maxCalls: 1, prefetch: 1, endsItself: true }, ({ run, workers }) => [
    run("one"),
    Effect.andThen(run("two"), WorkerPool.shutdown(workers))
  ]),
  "maxHeap, with one at hand": around({ limitsHeap: true, prefetch: 1 }, ({ run }) => [
    run("one", "grows"),
    run("two")
  ]),
  "shutdown": around({ prefetch: 1 }, ({ run, workers }) => [
    Effect.andThen(run("one"), run("two")),
    WorkerPool.shutdown(workers)
  ]),
  "shutdownNow, of one that is stuck": around({ prefetch: 1 }, ({ run, workers }) => [
    timed(run("one", "stuck")),
    Effect.andThen(Effect.yieldNow, WorkerPool.shutdownNow(workers))
  ]),
  "a thread that is blocked outside of a call": around({ prefetch: 1 }, ({ run }) => [
    Effect.andThen(run("one", "blocks"), timed(run("two"))),
    Effect.andThen(Effect.sleep(3), timed(run("three")))
  ]),
  "a cancel that finds its thread awake": around({ prefetch: 1, closes: true, endsItself: true }, ({ run }) => [
    timed(run("one")),
    run("two")
  ]),
  "the scope closes, and the thread ends by itself": around({ closing: true, endsItself: true }, ({ run }) => [
    run("one"),
    run("two")
  ]),
  "the scope closes, and a finalizer dies": around({
    closing: true,
    closes: true,
    defect: "planned",
    endsItself: true
  }, ({ run }) => [run("one"), run("two")]),
  "the scope closes, and there is something to finalize": around({ closing: true, closes: true }, ({ run }) => [
    run("one"),
    run("two")
  ])
}

/** What ends by an interrupt only is given one. */
function timed(effect: Effect.Effect<void, unknown>): Effect.Effect<unknown, unknown> {
  return Effect.timeoutOption(effect, 2)
}
