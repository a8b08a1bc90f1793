/**
 * One small scenario for each operation of `WorkerPool`, to be explored to the last schedule. `workerPool/laws.ts` has
 * the laws that hold in all of them.
 */
import { Deferred, Effect, Schedule, Scope, Stream } from "effect"
import { WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import type { Handle, Job, StageOptions } from "./workerPool/seen.js"
import { Stage } from "./workerPool/Stage.js"

export const job = (name: string, body: Job["body"] = Effect.yieldNow): Job => ({ name, body })

/** Awaits the end of a job once it is submitted. */
const awaited = (submitted: Effect.Effect<Handle, unknown>) => Effect.flatMap(submitted, (handle) => handle.await)

/** Cancels a job once it is submitted. */
const cancelled = (submitted: Effect.Effect<Handle, unknown>) => Effect.flatMap(submitted, (handle) => handle.cancel)

/** Actors around one pool, whose scope closes when all of them have ended; with `closing`, when the first has ended. */
const around = (
  options: StageOptions & { readonly closing?: boolean },
  effects: (stage: Stage) => ReadonlyArray<Effect.Effect<unknown, unknown>>
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const stage = new Stage(options)
      const scope = yield* Scope.make()
      yield* Scope.provide(stage.make, scope)
      yield* t.always(stage.holds, "")
      // A release may die, and the scope's close with it.
      const close = Effect.exit(stage.closing(scope))
      for (const [i, effect] of effects(stage).entries()) {
        const closing = i === 0 && options.closing === true ? Effect.onExit(effect, () => close) : effect
        yield* t.actor(String.fromCharCode(97 + i), closing, { mayDie: true })
      }
      yield* t.settled
      yield* stage.atQuiet(t)
      yield* close
      yield* stage.atEnd(t)
    })
  )

/** `make` itself: an actor makes the pool, uses it, and leaves. */
const making = (options: StageOptions): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const stage = new Stage(options)
      yield* t.always(stage.holds, "")
      yield* t.actor("a", Effect.scoped(Effect.flatMap(stage.make, () => stage.run(job("one")))), { mayDie: true })
      yield* t.settled
      yield* stage.atEnd(t)
    })
  )

const one = { size: 1, queue: { capacity: 1 } }

/** A job's key is the first letter of its name. */
const keyed = (size: number, concurrency: number, capacity = 1): StageOptions => ({
  size,
  queue: { capacity, key: ({ name }) => name[0], perKey: { concurrency } }
})

type Check = NonNullable<StageOptions["check"]>

/** A pool whose resources are checked before each job, but for a job that follows another one at once. */
const checking = (size: number, check: Check, checkTimeout = Infinity): StageOptions => ({
  size,
  queue: { capacity: 1 },
  resource: { checkAfter: 0, checkTimeout },
  check
})

const firstFails: Check = (n) => n === 0 ? Effect.andThen(Effect.yieldNow, Effect.fail("dead")) : Effect.void

/** Grouped by the laws that each scenario is most likely to break. Every law is checked in every one. */
export const exhausted: Record<string, Scenario> = {
  // `make` (P1).
  make: making({ size: 2 }),
  "make, with slow resources": making({ size: 2, acquire: () => Effect.yieldNow }),
  "make, where one cannot be acquired": making({
    size: 2,
    acquire: (n) => n === 2 ? Effect.fail("refused") : Effect.yieldNow,
    release: () => Effect.yieldNow
  }),

  // The queue (P3).
  submit: around(one, ({ submit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    submit(job("three"))
  ]),
  "submit, to a queue of capacity 0": around({ size: 1, queue: { capacity: 0 } }, ({ submit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    submit(job("three"))
  ]),
  "submit, dropping": around({ size: 1, queue: { capacity: 1, strategy: "dropping" } }, ({ submit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    submit(job("three"))
  ]),
  "submit, sliding": around({ size: 1, queue: { capacity: 1, strategy: "sliding" } }, ({ submit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    submit(job("three"))
  ]),
  trySubmit: around(one, ({ submit, trySubmit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    trySubmit(job("three"))
  ]),

  // A job's caller: its end, and cancelling it (P7).
  run: around(one, ({ run }) => [run(job("one")), run(job("two"))]),
  "run, with a finalizer": around(one, ({ run }) => [
    run(job("one", Effect.onExit(Effect.yieldNow, () => Effect.yieldNow)))
  ]),
  await: around(one, ({ submit }) => [
    awaited(submit(job("one"))),
    awaited(submit(job("two")))
  ]),
  cancel: around(one, ({ submit }) => [
    cancelled(submit(job("one", Effect.never))),
    cancelled(submit(job("two")))
  ]),
  "cancel, from two": around(one, (stage) => [
    cancelled(stage.submit(job("one", Effect.onExit(Effect.never, () => Effect.yieldNow)))),
    Effect.suspend(() => stage.handles[0]?.cancel ?? Effect.void)
  ]),
  "cancel, from within the job": around(one, (stage) => [
    Effect.andThen(
      stage.submit(job("one")),
      stage.submit(job("two", Effect.suspend(() => stage.handles[1]?.cancel ?? Effect.void)))
    )
  ]),

  // Resources that are replaced (P2, P5).
  invalidate: around(one, ({ run }) => [
    run(job("one", ({ invalidate }) => Effect.andThen(invalidate, Effect.yieldNow))),
    run(job("two"))
  ]),
  "invalidate, by the resource itself": around(one, ({ invalidate, run }) => [
    Effect.andThen(run(job("one")), run(job("two"))),
    invalidate(0)
  ]),
  "invalidate, by who hears of a job's end": around(
    { size: 1, queue: { capacity: 2 } },
    ({ invalidate, run, submit }) => [
      Effect.flatMap(submit(job("one")), (handle) => Effect.andThen(handle.await, invalidate(0))),
      Effect.andThen(submit(job("two")), run(job("three")))
    ]
  ),
  "invalidate, by who hears of a job's end, and ends another": around({ size: 2, queue: { capacity: 1 } }, (stage) => [
    Effect.suspend(() => {
      const gate = Deferred.makeUnsafe<void>()
      return Effect.gen(function*() {
        yield* stage.submit(job("two", Deferred.await(gate)))
        const handle = yield* stage.submit(job("one"))
        yield* handle.await
        yield* Deferred.succeed(gate, undefined)
        yield* stage.invalidate(1)
      })
    }),
    stage.run(job("three"))
  ]),
  "a job that dies": around(one, ({ run }) => [run(job("one", Effect.die("poison"))), run(job("two"))]),
  "a job that dies, with a slow replacement": around({ ...one, acquire: () => Effect.yieldNow }, ({ run }) => [
    run(job("one", Effect.die("poison"))),
    run(job("two"))
  ]),
  "a release that dies": around({ ...one, release: (n) => n === 1 ? Effect.die("stuck") : Effect.void }, ({ run }) => [
    run(job("one", Effect.die("poison"))),
    run(job("two"))
  ]),
  "a replacement that fails": around({ ...one, acquire: (n) => n > 1 ? Effect.fail("refused") : Effect.void }, (
    { run, submit }
  ) => [
    Effect.andThen(submit(job("one", Effect.die("poison"))), run(job("two"))),
    run(job("three"))
  ]),
  "a replacement that fails once": around(
    { ...one, acquire: (n) => n === 2 ? Effect.fail("refused") : Effect.void, restart: Schedule.recurs(1) },
    ({ run }) => [run(job("one", Effect.die("poison"))), run(job("two"))]
  ),

  // The end of the pool (P8).
  shutdown: around(one, (stage) => [
    Effect.andThen(stage.submit(job("one")), stage.submit(job("two"))),
    stage.ending(WorkerPool.shutdown(stage.pool!))
  ]),
  "shutdown, with a deadline": around(one, (stage) => [
    Effect.andThen(stage.submit(job("one", Effect.never)), stage.submit(job("two"))),
    stage.ending(WorkerPool.shutdown(stage.pool!, { deadline: 1 }))
  ]),
  "shutdown, before its deadline": around(one, (stage) => [
    stage.submit(job("one")),
    stage.ending(WorkerPool.shutdown(stage.pool!, { deadline: 1_000_000 }))
  ]),
  "shutdownNow, while a resource cannot be replaced": around(
    { ...one, acquire: (n) => n > 1 ? Effect.never : Effect.void },
    (stage) => [
      stage.submit(job("one", Effect.die("poison"))),
      stage.ending(WorkerPool.shutdownNow(stage.pool!))
    ]
  ),
  "shutdown, while a resource is replaced": around({ ...one, acquire: (n) => n > 1 ? Effect.yieldNow : Effect.void }, (
    stage
  ) => [
    stage.run(job("one", Effect.die("poison"))),
    WorkerPool.shutdown(stage.pool!)
  ]),
  shutdownNow: around(one, (stage) => [
    Effect.andThen(stage.submit(job("one", Effect.never)), stage.run(job("two"))),
    WorkerPool.shutdownNow(stage.pool!)
  ]),
  "shutdown from within a job": around(one, (stage) => [
    stage.run(job("one", Effect.asVoid(WorkerPool.shutdown(stage.pool!)))),
    stage.run(job("two"))
  ]),
  "the scope closes": around({ ...one, closing: true }, ({ run, submit }) => [
    submit(job("one", Effect.never)),
    run(job("two"))
  ]),
  "the scope closes from within a job": around({ ...one, closing: false }, (stage) => [
    stage.run(job("one", Effect.asVoid(WorkerPool.shutdownNow(stage.pool!)))),
    stage.run(job("two"))
  ]),

  // Jobs that wait for their own pool (P9).
  "run, in a job": around({ size: 2, queue: { capacity: 1 } }, ({ run }) => [
    run(job("one", Effect.exit(run(job("two"))))),
    run(job("three", Effect.exit(run(job("four")))))
  ]),
  "run, in a job, with a worker to spare": around({ size: 2, queue: { capacity: 1 } }, ({ run, withoutVerdict }) => [
    run(job("one", withoutVerdict(Effect.andThen(run(job("two")), run(job("three"))))))
  ]),
  "await, in a job, of one that goes on": around(
    { size: 2, queue: { capacity: 1 } },
    ({ run, submit, withoutVerdict }) => [
      run(job("one", withoutVerdict(awaited(submit(job("two")))))),
      run(job("three"))
    ]
  ),
  "await, in a job, twice": around({ size: 2, queue: { capacity: 1 } }, ({ run, submit, withoutVerdict }) => [
    run(
      job(
        "one",
        withoutVerdict(
          Effect.forEach(["two", "three"], (name) => awaited(submit(job(name))))
        )
      )
    )
  ]),
  "await, in a job, of one that shuts down": around({ size: 2 }, (stage) => [
    awaited(stage.submit(job("one", Effect.exit(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))))),
    stage.run(job("two", Effect.exit(Effect.suspend(() => stage.handles[0]?.await ?? Effect.void))))
  ]),
  "run, in a job, that drops the one which another awaits": around(
    { size: 2, queue: { capacity: 1, strategy: "sliding" } },
    ({ run, submit, withoutVerdict }) => [
      run(job("one", withoutVerdict(awaited(submit(job("two")))))),
      run(job("three", withoutVerdict(run(job("four")))))
    ]
  ),
  "shutdown, in a job, while another waits for room": around({ size: 2, queue: { capacity: 0 } }, (stage) => [
    stage.run(job("one", stage.withoutVerdict(Effect.suspend(() => WorkerPool.shutdown(stage.pool!))))),
    stage.run(job("two", stage.withoutVerdict(stage.run(job("three")))))
  ]),

  // `resize` (P10).
  "resize, to more": around(one, (stage) => [
    Effect.andThen(stage.submit(job("one")), stage.submit(job("two"))),
    stage.resize(2)
  ]),
  "resize, to less": around({ size: 2, queue: { capacity: 1 } }, (stage) => [
    Effect.andThen(stage.submit(job("one")), stage.submit(job("two"))),
    stage.resize(1)
  ]),
  "resize, there and back": around({ ...one, acquire: () => Effect.yieldNow }, (stage) => [
    stage.run(job("one")),
    Effect.andThen(Effect.andThen(stage.resize(2), stage.resize(1)), stage.resize(2))
  ]),
  "resize, by two": around(one, (stage) => [stage.resize(2), stage.resize(1)]),
  "resize, and shutdown": around({ size: 2, queue: { capacity: 1 } }, (stage) => [
    stage.submit(job("one")),
    Effect.andThen(stage.resize(1), stage.resize(3)),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),
  "resize, where one more cannot be had": around({
    ...one,
    acquire: (n) => n === 2 ? Effect.fail("refused") : Effect.yieldNow
  }, (stage) => [stage.run(job("one")), stage.resize(2)]),
  "resize, to less, while a job waits for room": around({ size: 2, queue: { capacity: 0 } }, (stage) => [
    stage.run(job("one", Effect.exit(stage.run(job("two"))))),
    stage.run(job("three")),
    stage.resize(1)
  ]),

  // Deadlines (P11).
  "a deadline of a wait": around({ ...one, deadlines: { wait: 1 } }, (stage) => [
    stage.run(job("one", Effect.sleep(2))),
    Effect.andThen(stage.submit(job("two")), stage.run(job("three")))
  ]),
  "a deadline of a wait, and shutdown": around({ ...one, deadlines: { wait: 1 } }, (stage) => [
    Effect.andThen(stage.submit(job("one", Effect.sleep(2))), stage.submit(job("two"))),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),
  "a deadline of a run": around({ ...one, deadlines: { run: 1 } }, (stage) => [
    stage.run(job("one", Effect.onExit(Effect.never, () => Effect.yieldNow))),
    stage.run(job("two"))
  ]),
  "a deadline of a run, cancel and shutdown": around({ ...one, deadlines: { run: 1 } }, (stage) => [
    Effect.flatMap(stage.submit(job("one", Effect.never)), (handle) => Effect.andThen(Effect.sleep(1), handle.cancel)),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),

  // Retries, dead letters (P12, P13).
  "retry": around({ ...one, retry: { schedule: Schedule.recurs(1) } }, (stage) => [
    stage.run(job("one", Effect.fail("planned"))),
    stage.run(job("two"))
  ]),
  "retry, cancel and shutdown": around({ ...one, retry: { schedule: Schedule.spaced(1) } }, (stage) => [
    Effect.flatMap(
      stage.submit(job("one", Effect.fail("planned"))),
      (handle) => Effect.andThen(Effect.yieldNow, handle.cancel)
    ),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!, { deadline: 2 })))
  ]),
  "retry, and shutdownNow": around({ ...one, retry: { schedule: Schedule.recurs(1) } }, (stage) => [
    stage.run(job("one", Effect.fail("planned"))),
    stage.ending(Effect.suspend(() => WorkerPool.shutdownNow(stage.pool!)))
  ]),
  "retry, and resize": around({ size: 2, queue: { capacity: 1 }, retry: { schedule: Schedule.recurs(1) } }, (stage) => [
    stage.run(job("one", Effect.fail("planned"))),
    stage.resize(1)
  ]),
  "retry, without a queue, and resize": around(
    { size: 1, queue: { capacity: 0 }, retry: { schedule: Schedule.recurs(1) } },
    (stage) => [
      stage.run(job("one", Effect.fail("planned"))),
      Effect.andThen(stage.resize(2), stage.run(job("two")))
    ]
  ),
  "retry, of a job that timed out": around(
    { ...one, retry: { schedule: Schedule.recurs(1) }, deadlines: { run: 1 } },
    (stage) => [
      stage.run(job("one", Effect.never)),
      stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
    ]
  ),
  "poison": around({ ...one, retry: { times: 0, poison: { kills: 2 }, deadLetters: {} } }, (stage) => [
    stage.run(job("one", Effect.die("poison"))),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),
  "a dead letter, cancel and shutdownNow": around({
    ...one,
    retry: { times: 0, deadLetters: { sink: () => Effect.yieldNow } }
  }, (stage) => [
    cancelled(stage.submit(job("one", Effect.fail("planned")))),
    stage.ending(Effect.suspend(() => WorkerPool.shutdownNow(stage.pool!)))
  ]),
  "dead letters, read and interrupted": around(
    { ...one, retry: { times: 0, deadLetters: {} }, closing: true },
    (stage) => [
      Effect.andThen(
        stage.submit(job("one", Effect.fail("planned"))),
        Effect.suspend(() => WorkerPool.shutdown(stage.pool!))
      ),
      Effect.suspend(() => Stream.runDrain(WorkerPool.deadLetters(stage.pool!))),
      Effect.suspend(() => Stream.runDrain(Stream.take(WorkerPool.deadLetters(stage.pool!), 1)))
    ]
  ),

  // Levels and keys (P14, P15).
  "keys, of which one may run at a time": around(keyed(2, 1), (stage) => [
    Effect.andThen(stage.submit(job("a1")), stage.submit(job("a2"))),
    stage.run(job("b1"))
  ]),
  "keys, cancel, and a job that dies": around(keyed(2, 1), (stage) => [
    Effect.andThen(stage.submit(job("a1", Effect.die("poison"))), stage.run(job("a2"))),
    cancelled(stage.submit(job("a3")))
  ]),
  "keys, without a queue, and shutdown": around(keyed(1, 1, 0), (stage) => [
    Effect.andThen(stage.submit(job("a1")), stage.submit(job("a2"))),
    stage.submit(job("b1")),
    stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
  ]),
  "keys, and retry": around({ ...keyed(2, 1), retry: { schedule: Schedule.recurs(1) } }, (stage) => [
    stage.run(job("a1", Effect.fail("planned"))),
    stage.run(job("a2"))
  ]),
  "keys, and resize": around(keyed(1, 2), (stage) => [
    Effect.andThen(stage.submit(job("a1")), stage.submit(job("a2"))),
    stage.resize(2)
  ]),
  "keys, resize and shutdown": around(keyed(1, 1), (stage) => [
    Effect.andThen(stage.submit(job("a1")), stage.submit(job("a2"))),
    Effect.andThen(stage.resize(2), stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!))))
  ]),
  "keys that vanish, and come again": around(keyed(1, 1, 0), (stage) => [
    Effect.andThen(stage.run(job("a1")), stage.run(job("a2"))),
    cancelled(stage.submit(job("a3")))
  ]),
  "priority": around({ size: 1, queue: { capacity: 2, priority: ({ name }) => Number(name), aging: 1 } }, (stage) => [
    Effect.andThen(stage.submit(job("1")), stage.submit(job("2"))),
    cancelled(stage.submit(job("0"))),
    stage.run(job("0"))
  ]),

  // Resources that are checked (P17), have limits (P18), or take long to be released (P2).
  "a check": around(checking(1, () => Effect.yieldNow), ({ run }) => [run(job("one")), run(job("two"))]),
  "a check that fails, and cancel": around(checking(1, firstFails), ({ run, submit }) => [
    cancelled(submit(job("one"))),
    run(job("two"))
  ]),
  "checks that fail together": around(checking(2, (n) => n < 2 ? Effect.fail("dead") : Effect.void), ({ submit }) => [
    Effect.andThen(submit(job("one")), submit(job("two"))),
    submit(job("three"))
  ]),
  "a check that never ends, and shutdownNow": around(checking(1, () => Effect.never), (stage) => [
    Effect.andThen(stage.submit(job("one")), stage.submit(job("two"))),
    stage.ending(WorkerPool.shutdownNow(stage.pool!))
  ]),
  "a check, and invalidate": around(checking(1, () => Effect.yieldNow), ({ invalidate, run }) => [
    run(job("one")),
    invalidate(0)
  ]),
  "a check that cancels its own job": around(
    checking(1, (_, { handles }) => Effect.suspend(() => handles[0]?.cancel ?? Effect.void)),
    ({ run, submit }) => [submit(job("one")), run(job("two"))]
  ),
  "maxJobs": around({ ...one, resource: { maxJobs: 1 } }, ({ run, submit }) => [
    Effect.andThen(submit(job("one")), run(job("two"))),
    cancelled(submit(job("three")))
  ]),
  "maxAge": around({ ...one, resource: { maxAge: 2 } }, ({ run, submit }) => [
    Effect.andThen(submit(job("one", Effect.sleep(3))), run(job("two"))),
    Effect.andThen(Effect.sleep(2), run(job("three")))
  ]),
  "a release that is detached": around(
    { ...one, resource: { releaseTimeout: 1 }, release: (n) => n === 1 ? Effect.sleep(2) : Effect.void },
    ({ run }) => [run(job("one", Effect.die("poison"))), run(job("two"))]
  ),
  "a release that is detached, and the end": around(
    { ...one, resource: { releaseTimeout: 1 }, release: () => Effect.sleep(3) },
    (stage) => [
      stage.run(job("one", Effect.die("poison"))),
      stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!))),
      Effect.sleep(20)
    ]
  ),

  "a release within its time": around(
    { ...one, resource: { releaseTimeout: 1_000 }, release: () => Effect.yieldNow },
    ({ run }) => [run(job("one", Effect.die("poison")))]
  ),

  // Workers on demand (P19).
  "on demand": around({ size: 2, queue: { capacity: 0 }, resource: { min: 0 } }, ({ run, trySubmit }) => [
    run(job("one")),
    trySubmit(job("two")),
    cancelled(trySubmit(job("three", Effect.never)))
  ]),
  "on demand, with slow resources, and shutdown": around(
    { size: 2, queue: { capacity: 1 }, resource: { min: 0 }, acquire: () => Effect.yieldNow },
    (stage) => [
      cancelled(stage.submit(job("one"))),
      stage.submit(job("two")),
      stage.ending(Effect.suspend(() => WorkerPool.shutdown(stage.pool!)))
    ]
  ),
  "on demand, where one cannot be had": around({
    size: 2,
    queue: { capacity: 1 },
    resource: { min: 0 },
    acquire: (n) => n === 2 ? Effect.fail("refused") : Effect.yieldNow
  }, (stage) => [stage.run(job("one")), Effect.andThen(stage.run(job("two")), stage.run(job("three")))]),
  "on demand, and idle": around(
    { size: 2, queue: { capacity: 0 }, resource: { min: 1, idleTimeout: 1 } },
    (stage) => [
      stage.run(job("one")),
      Effect.andThen(stage.run(job("two")), Effect.andThen(Effect.sleep(1), stage.run(job("three"))))
    ]
  ),

  // `map` (P3, P7).
  "map, of a pool that shuts down": around({ size: 1, queue: { capacity: 1 } }, (stage) => [
    stage.map([job("one"), job("two"), job("three")], { ordered: true }),
    Effect.suspend(() => WorkerPool.shutdown(stage.pool!))
  ]),
  "map, unordered, of a pool that shuts down": around({ size: 1, queue: { capacity: 1 } }, (stage) => [
    stage.map([job("one"), job("two"), job("three")], { ordered: false }),
    Effect.suspend(() => WorkerPool.shutdown(stage.pool!))
  ]),
  "map, of which one is enough": around({ size: 1, queue: { capacity: 1 } }, (stage) => [
    stage.map([job("one"), job("two"), job("three")], { ordered: true, enough: 1 })
  ]),
  map: around({ size: 1, queue: { capacity: 0 } }, (stage) => [
    Effect.suspend(() => Stream.runCollect(WorkerPool.map(stage.pool!, [job("one"), job("two")])))
  ]),
  "map, unordered, of which one fails": around({ size: 2, queue: { capacity: 0 } }, (stage) => [
    Effect.suspend(() =>
      Stream.runCollect(
        WorkerPool.map(stage.pool!, [job("one"), job("two", Effect.fail("planned"))], { ordered: false })
      )
    )
  ])
}

export const verbs: Record<string, Scenario> = {
  tryRun: around({ size: 1, queue: { capacity: 0 } }, ({ run, tryRun }) => [tryRun(job("one")), run(job("two"))]),
  "tryRun, with a queue": around(one, ({ tryRun }) => ["one", "two", "three"].map((name) => tryRun(job(name)))),
  idle: around(one, ({ idle, run }) => [run(job("one")), idle, run(job("two"))]),
  "idle, with a failing job": around(one, ({ idle, run }) => [run(job("one", Effect.fail("planned"))), idle]),
  "idle, and the end": around({ ...one, closing: true }, ({ idle, run }) => [run(job("one")), idle])
}

/** Most have three actors, and too many schedules to try them all. */
export const pauses: Record<string, Scenario> = {
  use: around(one, ({ run, use }) => [use(job("one")), run(job("two")), use(job("three", Effect.fail("planned")))]),
  "use, and the end": around({ ...one, closing: true }, ({ use }) => [use(job("one")), use(job("two"))]),
  "pause and resume": around(one, ({ paused, run, submit }) => [
    Effect.all([submit(job("one")), submit(job("two"))]),
    paused,
    run(job("three"))
  ]),
  "pause and resume, with two workers": around({ size: 2, queue: { capacity: 2 } }, ({ paused, run }) => [
    run(job("one", Effect.fail("planned"))),
    run(job("two")),
    run(job("three")),
    paused
  ]),
  "pause, and a resource that breaks": around(one, ({ invalidate, paused, submit }) => [
    Effect.all([submit(job("one")), submit(job("two"))]),
    invalidate(0),
    paused
  ]),
  "pause, and workers on demand": around(
    { size: 2, queue: { capacity: 1 }, resource: { min: 0 } },
    ({ paused, submit, trySubmit }) => [
      Effect.all([submit(job("one")), submit(job("two"))]),
      paused,
      trySubmit(job("three"))
    ]
  ),
  "pause, and the end": around({ ...one, closing: true }, ({ pause, submit }) => [
    Effect.all([submit(job("one")), pause, submit(job("two"))])
  ]),
  "pause, and shutdown": around({ size: 1, queue: { capacity: 2 } }, (stage) => [
    Effect.all([stage.pause, stage.submit(job("one")), stage.shutdown]),
    stage.trySubmit(job("two"))
  ]),
  clear: around(one, ({ clear, run }) => [
    run(job("one")),
    run(job("two")),
    Effect.andThen(Effect.yieldNow, clear),
    run(job("three"))
  ])
}

/** The third actor of most of them makes the schedules too many to try them all. */
export const reservations: Record<string, Scenario> = {
  "a job in a place": around(one, ({ inPlace, run }) => [inPlace(job("one")), run(job("two"))]),
  "a place that is recalled": around(one, ({ holding, submit }) => [holding, submit(job("one"))]),
  "two wait for a place": around(one, ({ inPlace }) => [inPlace(job("one")), inPlace(job("two"))]),
  "a place, and shutdown": around(one, ({ holding, inPlace, shutdown }) => [holding, inPlace(job("one")), shutdown]),
  "a place, and the scope closes": around({ ...one, closing: true }, ({ holding, inPlace }) => [
    inPlace(job("one")),
    holding
  ]),
  "places, and resize to less": around({ size: 2 }, ({ holding, inPlace, resize }) => [
    holding,
    inPlace(job("one"), Effect.yieldNow),
    resize(1)
  ]),
  "a place whose worker is lost": around(one, ({ inPlace, invalidate, run }) => [
    inPlace(job("one"), Effect.yieldNow),
    invalidate(0),
    run(job("two"))
  ]),
  "a place, and a pause": around(one, ({ inPlace, paused, run }) => [
    inPlace(job("one"), Effect.yieldNow),
    paused,
    run(job("two"))
  ]),
  "places on demand": around({ size: 2, resource: { min: 0, idleTimeout: 10 } }, ({ holding, inPlace }) => [
    holding,
    inPlace(job("one"))
  ]),
  "places and a job on demand": around({ size: 1, resource: { min: 0 } }, ({ inPlace, run }) => [
    inPlace(job("one", Effect.void)),
    inPlace(job("two", Effect.void)),
    run(job("three", Effect.void))
  ]),
  "a place in a pool that drops": around(
    { size: 1, queue: { capacity: 0, strategy: "dropping" } },
    ({ inPlace, run }) => [inPlace(job("one"), Effect.yieldNow), run(job("two"))]
  ),
  "a place for a key with a limit": around(keyed(2, 1), ({ inPlace, run }) => [
    inPlace(job("a1"), Effect.yieldNow),
    run(job("a2")),
    run(job("b1"))
  ]),
  "a place, reserved by a job": around(one, ({ inPlace, run }) => [
    run(job("one", Effect.scoped(inPlace(job("two"))) as Effect.Effect<unknown, string>)),
    run(job("three"))
  ])
}
