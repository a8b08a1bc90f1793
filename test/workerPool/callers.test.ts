/** What a job has of its caller: the stack frame, the context where asked; and `use`, whose effect is the caller's. */
import { Cause, Context, Deferred, Effect, Exit, Fiber, References, Scheduler, Scope } from "effect"
import { Watch, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, defectOf, run, runTimed, settle, squash, start } from "../support/effect.js"
import { balanced } from "../support/workerPool.js"

const Request = Context.Reference<string>("test/Request", { defaultValue: () => "none" })

/** The names of the frames of a failure, the innermost first. */
const framesOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> => {
  if (Exit.isSuccess(exit)) return []
  const names: Array<string> = []
  let frame = Context.getOrUndefined(Cause.reasonAnnotations(exit.cause.reasons[0]!), Cause.StackTrace)
  for (; frame !== undefined; frame = frame.parent) names.push(frame.name)
  return names.filter((name) => !name.endsWith("(definition)"))
}

const fails = Effect.fn("job")(function*(how: string) {
  return yield* how === "dies" ? Effect.die("planned") : Effect.fail("planned")
})

describe("the stack frame of a failure", () => {
  const callers: Record<
    string,
    (pool: WorkerPool.WorkerPool<string, never, string>) => Effect.Effect<unknown, unknown>
  > = {
    run: (pool) => WorkerPool.run(pool, "fails"),
    "run, of a job that dies": (pool) => WorkerPool.run(pool, "dies"),
    tryRun: (pool) => WorkerPool.tryRun(pool, "fails"),
    submit: (pool) => Effect.flatMap(WorkerPool.submit(pool, "fails"), ({ join }) => join),
    trySubmit: (pool) => Effect.flatMap(WorkerPool.trySubmit(pool, "fails"), ({ join }) => join),
    use: (pool) => WorkerPool.use(pool, () => fails("fails"))
  }

  test.each(Object.entries(callers))(
    "leads from the job to its caller, and not to who made the pool: %s",
    (_, call) =>
      run(Effect.gen(function*() {
        const pool = yield* Effect.fn("maker")(() => WorkerPool.make({ size: 1, run: fails }))()
        const handler = Effect.fn("handler")(() => call(pool))
        expect(framesOf(yield* Effect.exit(handler()))).toEqual(["job", "handler"])
      }))
  )

  test("is each job's own caller's, of jobs that one worker runs one after the other", () =>
    run(Effect.gen(function*() {
      const pool = yield* Effect.fn("maker")(() => WorkerPool.make({ size: 1, run: fails }))()
      const call = (name: string) => Effect.fn(name)(() => WorkerPool.run(pool, "fails"))()
      for (const name of ["ada", "bob", "bob"]) {
        expect(framesOf(yield* Effect.exit(call(name)))).toEqual(["job", name])
      }
      expect(framesOf(yield* Effect.exit(WorkerPool.run(pool, "fails")))).toEqual(["job", "maker"])
      const [ada, bob] = yield* Effect.all([start(Effect.exit(call("ada"))), start(Effect.exit(call("bob")))])
      expect(framesOf(yield* Fiber.join(ada))).toEqual(["job", "ada"])
      expect(framesOf(yield* Fiber.join(bob))).toEqual(["job", "bob"])
    })))

  test("is the maker's where the caller has none", () =>
    run(Effect.gen(function*() {
      const pool = yield* Effect.fn("maker")(() => WorkerPool.make({ size: 1, run: fails }))()
      expect(framesOf(yield* Effect.exit(WorkerPool.run(pool, "fails")))).toEqual(["job", "maker"])
    })))
})

describe("context: \"caller\"", () => {
  const asked = Effect.gen(function*() {
    const scope = yield* Effect.serviceOption(Scope.Scope)
    const annotations = yield* References.CurrentLogAnnotations
    const scheduler = yield* Scheduler.Scheduler
    return { scheduler, request: yield* Request, scope: scope._tag === "Some" ? scope.value : undefined, annotations }
  })

  const made = (context?: "make" | "caller") =>
    Effect.gen(function*() {
      let scope: Scope.Scope | undefined
      const pool = yield* WorkerPool.make({
        size: 1,
        name: "p",
        context,
        worker: () => Effect.map(Effect.scope, (own) => void (scope = own)),
        run: () => asked
      })
      return { pool, scope: () => scope }
    }).pipe(Effect.provideService(Request, "maker"))

  test("a job has its caller's services and references, the worker's scope, and both log annotations", () =>
    run(Effect.gen(function*() {
      const { pool, scope } = yield* made("caller")
      const scheduler = new Scheduler.MixedScheduler()
      const call = WorkerPool.run(pool, "").pipe(
        Effect.provideService(Request, "ada"),
        Effect.provideService(Scheduler.Scheduler, scheduler),
        Effect.annotateLogs("request", 7)
      )
      const { scheduler: own, ...seen } = yield* call
      // The pool's turns are not its callers'.
      expect(own).not.toBe(scheduler)
      expect(seen).toEqual({ request: "ada", scope: scope(), annotations: { request: 7, worker: "p/worker-1" } })
      // The next job has nothing of it.
      expect(yield* WorkerPool.run(pool, "")).toMatchObject({ request: "maker", annotations: { worker: "p/worker-1" } })
    })))

  test("a submitted job has what its caller had, in each attempt", () =>
    runTimed(Effect.gen(function*() {
      const seen: Array<string> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        context: "caller",
        retry: { times: 1 },
        run: () => Effect.flatMap(Request, (request) => Effect.fail(void seen.push(request)))
      })
      yield* WorkerPool.submit(pool, "").pipe(Effect.provideService(Request, "ada"))
      yield* after(1_000)
      expect(seen).toEqual(["ada", "ada"])
    })))

  test("a job has the maker's unless asked", () =>
    run(Effect.gen(function*() {
      for (const context of [undefined, "make"] as const) {
        const { pool } = yield* made(context)
        const { request } = yield* WorkerPool.run(pool, "").pipe(Effect.provideService(Request, "ada"))
        expect(request).toBe("maker")
      }
      const wrong = { size: 1, run: () => Effect.void, context: "mine" as never }
      expect(String(yield* defectOf(WorkerPool.make(wrong)))).toMatch(/context must be "make" or "caller"/)
    })))

  test("a job that waits for its own pool is seen all the same (P9)", () =>
    run(Effect.gen(function*() {
      const pool: WorkerPool.WorkerPool<number, number> = yield* WorkerPool.make({
        size: 1,
        context: "caller",
        run: (n: number): Effect.Effect<number> =>
          n === 0 ? Effect.succeed(0) : Effect.orDie(WorkerPool.run(pool, n - 1))
      })
      expect(String(yield* defectOf(WorkerPool.run(pool, 1)))).toMatch(/PoolDeadlock/)
      // Also where its caller is a job of another pool.
      const other = yield* WorkerPool.make({ size: 1, run: () => WorkerPool.run(pool, 1) })
      expect(String(yield* defectOf(WorkerPool.run(other, undefined)))).toMatch(/PoolDeadlock/)
    })))

  test("a job's span lies within its caller's, and the job within its span", () =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        name: "p",
        context: "caller",
        watch: [Watch.spans()],
        run: () => Effect.orDie(Effect.currentSpan)
      })
      const span = yield* WorkerPool.run(pool, "").pipe(Effect.withSpan("request"))
      expect(span.name).toBe("p/job")
      expect(span.parent).toMatchObject({ value: { name: "request" } })
    })))
})

describe("use", () => {
  const connections = (options: { readonly deadline?: number; readonly capacity?: number } = {}) =>
    Effect.gen(function*() {
      let opened = 0
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: options.capacity ?? 4 },
        deadlines: { run: options.deadline ?? Infinity },
        retry: { times: 3, deadLetters: {} },
        worker: () => Effect.sync(() => ++opened),
        run: (job: string) => Effect.succeed(job)
      })
      return pool
    })

  test("runs the effect on the worker's resource, in the caller's context, scope included", () =>
    run(Effect.gen(function*() {
      const pool = yield* connections()
      const scope = yield* Scope.make()
      const asked = WorkerPool.use(pool, (resource, { id, job }) =>
        Effect.gen(function*() {
          return { resource, id, job, request: yield* Request, scope: yield* Effect.scope }
        }))
      expect(yield* asked.pipe(Effect.provideService(Request, "ada"), Scope.provide(scope))).toEqual(
        { resource: 1, id: 1, job: 1, request: "ada", scope }
      )
      expect(yield* pool.pipe(WorkerPool.use((n: number) => Effect.succeed(n)))).toBe(1)
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 2, succeeded: 2 })
    })))

  test("waits in line with jobs, is interrupted with its caller, and is refused by a pool that has ended", () =>
    run(Effect.gen(function*() {
      const pool = yield* connections()
      const gate = yield* Deferred.make<void>()
      const order: Array<string> = []
      const noted = (name: string, effect: Effect.Effect<void>) =>
        WorkerPool.use(pool, () => Effect.andThen(Effect.sync(() => order.push(name)), effect))
      const first = yield* start(noted("first", Deferred.await(gate)))
      const job = yield* WorkerPool.submit(pool, "job")
      const second = yield* start(noted("second", Effect.void))
      const given = yield* start(noted("given up", Effect.void))
      yield* Fiber.interrupt(given)
      yield* Deferred.succeed(gate, undefined)
      for (const fiber of [first, second]) yield* Fiber.join(fiber)
      expect([order, job.state]).toEqual([["first", "second"], "succeeded"])
      const running = yield* start(noted("endless", Effect.never))
      yield* Fiber.interrupt(running)
      expect(WorkerPool.stats(pool)).toMatchObject({ interrupted: 2, succeeded: 3, running: 0 })
      yield* WorkerPool.shutdown(pool)
      expect(squash(yield* Effect.exit(noted("late", Effect.void)))).toMatchObject({ _tag: "PoolClosed" })
      balanced(pool)
    })))

  test("is not retried and no dead letter; a defect costs the resource", () =>
    run(Effect.gen(function*() {
      const pool = yield* connections()
      expect(yield* Effect.flip(WorkerPool.use(pool, () => Effect.fail("planned")))).toBe("planned")
      expect(yield* defectOf(WorkerPool.use(pool, () => Effect.die("defect")))).toBe("defect")
      yield* settle
      expect(yield* WorkerPool.use(pool, (resource) => Effect.succeed(resource))).toBe(2)
      expect(WorkerPool.stats(pool)).toMatchObject({ failed: 1, died: 1, deadLettered: 0, replaced: 1 })
    })))

  test("has the pool's deadline, and is in no list of jobs", () =>
    runTimed(Effect.gen(function*() {
      const pool = yield* connections({ deadline: 100 })
      const late = yield* start(WorkerPool.use(pool, () => Effect.never))
      yield* after(100)
      expect(squash(yield* Fiber.await(late))).toMatchObject({ _tag: "JobTimeout", phase: "run" })
      const cut = yield* start(WorkerPool.use(pool, () => Effect.never))
      const queued = yield* start(WorkerPool.use(pool, () => Effect.void))
      yield* WorkerPool.submit(pool, "own")
      expect(yield* WorkerPool.clear(pool)).toEqual(["own"])
      const returned = yield* start(WorkerPool.use(pool, () => Effect.void))
      const report = yield* WorkerPool.shutdownNow(pool)
      expect(report).toMatchObject({ returned: [], aborted: [], counts: { returned: 3 } })
      for (const [fiber, reason] of [[cut, "aborted"], [queued, "returned"], [returned, "returned"]] as const) {
        expect(squash(yield* Fiber.await(fiber))).toMatchObject({ _tag: "JobLost", reason })
      }
    })))

  test("stands in the queue as the job of `as`; without one it is a defect where the pool asks about jobs", () =>
    run(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const order: Array<string> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        queue: { capacity: 9, priority: (job: string) => job === "urgent" ? 0 : 5 },
        run: (job: string) => Effect.andThen(Effect.sync(() => void order.push(job)), Deferred.await(gate))
      })
      yield* WorkerPool.submit(pool, "gate")
      yield* WorkerPool.submit(pool, "job")
      const task = yield* start(
        WorkerPool.use(pool, () => Effect.sync(() => void order.push("task")), { as: "urgent" })
      )
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(task)
      yield* WorkerPool.idle(pool)
      expect(order).toEqual(["gate", "task", "job"])
      expect(String(yield* defectOf(WorkerPool.use(pool, () => Effect.void)))).toMatch(/queue\.priority.*`as`/)
      expect(WorkerPool.stats(pool).submitted).toBe(3)
    })))

  test("in a job of the same pool it is seen by P9", () =>
    run(Effect.gen(function*() {
      const pool = yield* connections()
      const nested = WorkerPool.use(pool, () => WorkerPool.use(pool, () => Effect.void))
      expect(String(yield* defectOf(nested))).toMatch(/PoolDeadlock/)
    })))
})
