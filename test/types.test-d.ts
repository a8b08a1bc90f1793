/** What the compiler says. `npm test` has it checked by TypeScript. */
import {
  Config,
  Context,
  Effect,
  type Exit,
  type Fiber,
  type Layer,
  type Option,
  Schedule,
  type Scope,
  Stream
} from "effect"
import { AdaptiveLimit, Group, Semaphore, Watch, WorkerPool } from "sluice"
import * as PoolConfig from "sluice/PoolConfig"
import { ThreadPool, ThreadWorker } from "sluice/threads"
import { expectTypeOf, test } from "vitest"

class Boom {
  readonly _tag = "Boom"
}
class Bang {
  readonly _tag = "Bang"
}
class Db extends Context.Service<Db, { readonly url: string }>()("Db") {}

declare const semaphore: Semaphore.Semaphore
declare const boom: Effect.Effect<number, Boom, Db>
declare const booms: Group.Group<Boom>
declare const both: Group.Group<Boom | Bang>
declare const safe: Group.Group<never>

test("Semaphore: A, E and R are inferred and passed on, data-first and data-last", () => {
  expectTypeOf(Semaphore.make(1)).toEqualTypeOf<Effect.Effect<Semaphore.Semaphore>>()
  expectTypeOf(Semaphore.makeUnsafe(1)).toEqualTypeOf<Semaphore.Semaphore>()

  type Plain = Effect.Effect<number, Boom, Db>
  expectTypeOf(Semaphore.withPermit(semaphore, boom)).toEqualTypeOf<Plain>()
  expectTypeOf(boom.pipe(Semaphore.withPermit(semaphore))).toEqualTypeOf<Plain>()

  type Weighted = Effect.Effect<number, Boom | Semaphore.CapacityExceeded, Db>
  expectTypeOf(Semaphore.withPermits(semaphore, 2, boom)).toEqualTypeOf<Weighted>()
  expectTypeOf(boom.pipe(Semaphore.withPermits(semaphore, 2))).toEqualTypeOf<Weighted>()

  type Tried = Effect.Effect<Option.Option<number>, Boom, Db>
  expectTypeOf(Semaphore.tryWithPermits(semaphore, 2, boom)).toEqualTypeOf<Tried>()
  expectTypeOf(boom.pipe(Semaphore.tryWithPermits(semaphore, 2))).toEqualTypeOf<Tried>()

  expectTypeOf(Semaphore.withAll([[semaphore, 1]], boom)).toEqualTypeOf<Weighted>()
  expectTypeOf(boom.pipe(Semaphore.withAll([[semaphore, 1]]))).toEqualTypeOf<Weighted>()

  type Acquired = Effect.Effect<void, Semaphore.CapacityExceeded, Scope.Scope>
  expectTypeOf(Semaphore.acquire(semaphore, 2)).toEqualTypeOf<Acquired>()
  expectTypeOf(semaphore.pipe(Semaphore.acquire(2))).toEqualTypeOf<Acquired>()
  expectTypeOf(Semaphore.tryAcquire(semaphore, 2)).toEqualTypeOf<Effect.Effect<boolean, never, Scope.Scope>>()
  expectTypeOf(Semaphore.resize(semaphore, 2)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(Semaphore.stats(semaphore)).toEqualTypeOf<Semaphore.Stats>()
})

test("Group: E is the group's, A is forgotten or in the fiber, R is the caller's", () => {
  expectTypeOf(Group.make()).toEqualTypeOf<Effect.Effect<Group.Group<never>, never, Scope.Scope>>()
  expectTypeOf(Group.make<Boom>({ limit: 2 })).toEqualTypeOf<Effect.Effect<Group.Group<Boom>, never, Scope.Scope>>()

  expectTypeOf(Group.go(booms, boom)).toEqualTypeOf<Effect.Effect<void, Boom, Db>>()
  expectTypeOf(boom.pipe(Group.go(booms))).toEqualTypeOf<Effect.Effect<void, Boom, Db>>()
  expectTypeOf(Group.tryGo(booms, boom)).toEqualTypeOf<Effect.Effect<boolean, Boom, Db>>()
  expectTypeOf(boom.pipe(Group.tryGo(booms))).toEqualTypeOf<Effect.Effect<boolean, Boom, Db>>()
  type Forked = Effect.Effect<Fiber.Fiber<number, Boom>, Boom, Db>
  expectTypeOf(Group.fork(booms, boom)).toEqualTypeOf<Forked>()
  expectTypeOf(boom.pipe(Group.fork(booms))).toEqualTypeOf<Forked>()

  expectTypeOf(Group.wait(booms)).toEqualTypeOf<Effect.Effect<void, Boom>>()
  expectTypeOf(Group.cancel(booms)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(Group.setLimit(booms, "unbounded")).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(Group.stats(booms)).toEqualTypeOf<Group.Stats>()
})

test("Group: a child's error may be narrower than the group's; the group's error is what go fails with", () => {
  expectTypeOf(Group.go(both, boom)).toEqualTypeOf<Effect.Effect<void, Boom | Bang, Db>>()
  expectTypeOf(Group.fork(both, boom)).toEqualTypeOf<Effect.Effect<Fiber.Fiber<number, Boom>, Boom | Bang, Db>>()
  expectTypeOf(Group.go(booms, Effect.void)).toEqualTypeOf<Effect.Effect<void, Boom>>()
})

test("Group: a child whose error is not in E does not compile", () => {
  // @ts-expect-error Boom is not in never
  Group.go(safe, boom)
  // @ts-expect-error the same, data-last
  boom.pipe(Group.go(safe))
  // @ts-expect-error Boom is not in never
  Group.tryGo(safe, boom)
  // @ts-expect-error Boom is not in never
  Group.fork(safe, boom)
  // @ts-expect-error Bang is not in Boom
  Group.go(booms, Effect.fail(new Bang()))
  // @ts-expect-error a group is invariant: its wait would not tell of Bang
  const wider: Group.Group<Boom | Bang> = booms
  // @ts-expect-error and its go would take Bang
  const narrower: Group.Group<Boom> = both
  return [wider, narrower]
})

test("Group: isGroup keeps what is known of a group", () => {
  if (Group.isGroup(booms)) expectTypeOf(booms).toEqualTypeOf<Group.Group<Boom>>()
  const unknown: unknown = booms
  if (Group.isGroup(unknown)) expectTypeOf(unknown).toEqualTypeOf<Group.Group<unknown>>()
})

test("Group.scoped: the body's value; the errors of the body and of the children; the services of both", () => {
  const nursery = Group.scoped({ limit: 2 }, (group: Group.Group<Boom>) =>
    Effect.gen(function*() {
      yield* Group.go(group, boom)
      yield* Effect.fail(new Bang())
      return "value"
    }))
  expectTypeOf(nursery).toEqualTypeOf<Effect.Effect<string, Boom | Bang, Db>>()
  expectTypeOf(Group.scoped({}, () => Effect.succeed(1))).toEqualTypeOf<Effect.Effect<number>>()
  // @ts-expect-error without an annotation children may not fail
  Group.scoped({}, (group) => Group.go(group, boom))
})

class Mailer extends WorkerPool.Service<Mailer>()("Mailer", {
  size: 1,
  worker: () => Effect.map(Effect.andThen(Db, Effect.fail(new Bang())), () => 1),
  run: (to: string, { resource }) => to === "" ? Effect.fail(new Boom()) : Effect.succeed(resource),
  onShutdown: ({ returned }) => Effect.map(Db, () => returned.length)
}) {}
class Late extends WorkerPool.Service<Late>()("Late", {
  deadlines: { run: "1 second" },
  size: 1,
  run: (to: string) => Effect.succeed(to)
}) {}

test("WorkerPool.Service: the job, A, E, EW and R are inferred, and the operations require the class", () => {
  expectTypeOf(Mailer.run("ada")).toEqualTypeOf<Effect.Effect<number, Boom | WorkerPool.RunError, Mailer>>()
  expectTypeOf(Mailer.layer).toEqualTypeOf<Layer.Layer<Mailer, Bang, Db>>()
  expectTypeOf(Mailer.submit("ada")).toEqualTypeOf<
    Effect.Effect<WorkerPool.JobHandle<number, Boom>, WorkerPool.PoolClosed, Mailer>
  >()
  expectTypeOf(Mailer.idle).toEqualTypeOf<Effect.Effect<void, never, Mailer>>()
  expectTypeOf(Late.run("ada")).toEqualTypeOf<
    Effect.Effect<string, WorkerPool.JobTimeout | WorkerPool.RunError, Late>
  >()
  expectTypeOf(Effect.map(Mailer, (pool) => pool)).toEqualTypeOf<
    Effect.Effect<WorkerPool.WorkerPool<string, number, Boom, number>, never, Mailer>
  >()
  // @ts-expect-error it takes strings
  Mailer.run(1)
})

declare const pool: WorkerPool.WorkerPool<string, number, Boom>

test("WorkerPool: the job, A, E, EW and R are inferred, data-first and data-last", () => {
  type Ends = WorkerPool.PoolClosed | WorkerPool.JobLost | WorkerPool.PoolFailed
  expectTypeOf(WorkerPool.run(pool, "a")).toEqualTypeOf<Effect.Effect<number, Boom | Ends>>()
  expectTypeOf(pool.pipe(WorkerPool.run("a"))).toEqualTypeOf<Effect.Effect<number, Boom | Ends>>()
  type Handle = WorkerPool.JobHandle<number, Boom>
  expectTypeOf(WorkerPool.submit(pool, "a")).toEqualTypeOf<Effect.Effect<Handle, WorkerPool.PoolClosed>>()
  expectTypeOf(pool.pipe(WorkerPool.trySubmit("a"))).toEqualTypeOf<
    Effect.Effect<Handle, WorkerPool.QueueFull | WorkerPool.PoolClosed>
  >()
  expectTypeOf(WorkerPool.tryRun(pool, "a")).toEqualTypeOf<Effect.Effect<number, Boom | Ends | WorkerPool.QueueFull>>()
  expectTypeOf(pool.pipe(WorkerPool.tryRun("a"))).toEqualTypeOf<
    Effect.Effect<number, Boom | Ends | WorkerPool.QueueFull>
  >()
  expectTypeOf(WorkerPool.tryRun(pool, "a").pipe(WorkerPool.catchRunError(() => Effect.succeed("503")))).toEqualTypeOf<
    Effect.Effect<number | string, Boom>
  >()
  const joined = Effect.flatMap(WorkerPool.submit(pool, "a"), (handle) => handle.join)
  expectTypeOf(joined).toEqualTypeOf<Effect.Effect<number, Boom | Ends>>()
  expectTypeOf(WorkerPool.idle(pool)).toEqualTypeOf<Effect.Effect<void>>()
  const lines = null as unknown as Stream.Stream<string, Bang, Db>
  expectTypeOf(lines.pipe(WorkerPool.mapStream(pool))).toEqualTypeOf<Stream.Stream<number, Boom | Bang | Ends, Db>>()
  expectTypeOf(WorkerPool.map(pool, ["a"])).toEqualTypeOf<Stream.Stream<number, Boom | Ends>>()
  expectTypeOf(WorkerPool.shutdown(pool)).toEqualTypeOf<Effect.Effect<WorkerPool.ShutdownReport<string>>>()

  const made = WorkerPool.make({
    size: 1,
    worker: ({ id }) =>
      Effect.acquireRelease(id > 1 ? Effect.fail("refused" as const) : Effect.succeed(id), () => Effect.void),
    run: (text: string, { resource }) => Effect.map(boom, (n) => n + resource + text.length)
  })
  expectTypeOf(made).toEqualTypeOf<
    Effect.Effect<WorkerPool.WorkerPool<string, number, Boom, number>, "refused", Db | Scope.Scope>
  >()
  // @ts-expect-error a pool of texts takes no numbers
  WorkerPool.run(pool, 1)
})

test("WorkerPool: JobTimeout is among a pool's errors if it has deadlines, and not else", () => {
  const run = (text: string) => Effect.as(boom, text.length)
  const deadlines: WorkerPool.Deadlines = { run: "1 second" }
  type Pool<E> = Effect.Effect<WorkerPool.WorkerPool<string, number, E, void>, never, Db | Scope.Scope>
  expectTypeOf(WorkerPool.make({ size: 1, run })).toEqualTypeOf<Pool<Boom>>()
  expectTypeOf(WorkerPool.make({ size: 1, run, deadlines: undefined })).toEqualTypeOf<Pool<Boom>>()
  expectTypeOf(WorkerPool.make({ size: 1, run, deadlines })).toEqualTypeOf<Pool<Boom | WorkerPool.JobTimeout>>()
  const settings = PoolConfig.settings("SENDER")
  expectTypeOf(settings).toEqualTypeOf<Config.Config<PoolConfig.Settings>>()
  // What the environment says may have some.
  const configured = (settings: PoolConfig.Settings) => WorkerPool.make({ ...settings, run })
  expectTypeOf(configured).returns.toEqualTypeOf<Pool<Boom | WorkerPool.JobTimeout>>()
})

test("WorkerPool: the job is inferred from run, whatever the order of the options", () => {
  const run = (job: { readonly name: string }) => Effect.fail(new Boom()).pipe(Effect.as(job.name))
  type Made = Effect.Effect<WorkerPool.WorkerPool<{ readonly name: string }, string, Boom, void>, never, Scope.Scope>
  const before = WorkerPool.make({
    queue: {
      capacity: 1,
      key: ({ name }) => name.length,
      perKey: { concurrency: 1 },
      priority: ({ name }) => name.length
    },
    retry: {
      schedule: ({ name }) => name === "" ? undefined : Schedule.recurs(1),
      while: (error) => error instanceof Boom,
      poison: { key: ({ name }) => name },
      deadLetters: { sink: ({ job: { name } }) => Effect.log(name) }
    },
    watch: [Watch.spans()],
    size: 1,
    run
  })
  const after = WorkerPool.make({
    run,
    size: 1,
    watch: [Watch.spans()],
    retry: {
      deadLetters: { sink: ({ job: { name } }) => Effect.log(name) },
      poison: { key: ({ name }) => name },
      while: (error) => error instanceof Boom,
      schedule: ({ name }) => name === "" ? undefined : Schedule.recurs(1)
    },
    queue: {
      priority: ({ name }) => name.length,
      perKey: { concurrency: 1 },
      key: ({ name }) => name.length,
      capacity: 1
    }
  })
  expectTypeOf(before).toEqualTypeOf<Made>()
  expectTypeOf(after).toEqualTypeOf<Made>()
  const order = WorkerPool.order<{ readonly name: string }>(() => ({ add: () => {}, remove: () => {}, next: () => 0 }))
  expectTypeOf(WorkerPool.make({ size: 1, run, queue: { order } })).toEqualTypeOf<Made>()
  expectTypeOf(WorkerPool.make({ queue: { order, capacity: 1 }, run, size: 1 })).toEqualTypeOf<Made>()
})

test("WorkerPool.layerConfig: E has what deadlines of the settings add, and the layer fails as the config may", () => {
  class Squares extends Context.Service<Squares, WorkerPool.WorkerPool<number, number, WorkerPool.JobTimeout>>()("S") {}
  const layer = WorkerPool.layerConfig(Squares, PoolConfig.settings("SQUARES"), (settings) => ({
    ...settings,
    worker: () => Effect.andThen(Db, Effect.fail(new Bang())),
    run: (n: number) => Effect.succeed(n)
  }))
  expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Squares, Bang | Config.ConfigError, Db>>()
})

test("WorkerPool.layer: the key says all errors that the jobs may fail with", () => {
  class Sleeper extends Context.Service<Sleeper, WorkerPool.WorkerPool<number, number>>()("Sleeper") {}
  const run = (n: number) => Effect.succeed(n)
  const failing = (n: number) => n > 1 ? Effect.fail("boom" as const) : Effect.succeed(n)
  expectTypeOf(WorkerPool.layer(Sleeper, { size: 1, run })).toEqualTypeOf<Layer.Layer<Sleeper>>()
  // @ts-expect-error jobs that fail
  WorkerPool.layer(Sleeper, { size: 1, run: failing })
  // @ts-expect-error jobs that may come too late
  WorkerPool.layer(Sleeper, { size: 1, run, deadlines: { run: "1 second" } })
  // @ts-expect-error the settings may have deadlines
  WorkerPool.layerConfig(Sleeper, PoolConfig.settings("S"), (settings) => ({ ...settings, run }))
  WorkerPool.layerConfig(Sleeper, PoolConfig.settings("S"), ({ size }) => ({ size, run }))
  class Failing extends Context.Service<Failing, WorkerPool.WorkerPool<number, number, "boom" | Boom>>()("Failing") {}
  expectTypeOf(WorkerPool.layer(Failing, { size: 1, run: failing })).toEqualTypeOf<Layer.Layer<Failing>>()
  // The class of a service is such a key.
  const again = WorkerPool.layerConfig(Late, PoolConfig.settings("LATE"), (settings) => ({
    ...settings,
    run: (to: string) => Effect.succeed(to)
  }))
  expectTypeOf(again).toEqualTypeOf<Layer.Layer<Late, Config.ConfigError>>()
})

test("WorkerPool: retry is asked about the job's own errors, and about JobTimeout where there are deadlines", () => {
  const own = (error: Boom) => error instanceof Boom
  const schedule = Schedule.recurs(3).pipe(Schedule.setInputType<Boom>())
  const run = (text: string) => Effect.as(boom, text.length)
  WorkerPool.make({ size: 1, run, retry: { schedule, while: own } })
  WorkerPool.make({
    size: 1,
    run,
    retry: { times: 1, until: (error) => (expectTypeOf(error).toEqualTypeOf<Boom>(), true) }
  })
  WorkerPool.make({
    size: 1,
    run,
    deadlines: { wait: "1 second" },
    retry: { times: 1, while: (error) => (expectTypeOf(error).toEqualTypeOf<Boom | WorkerPool.JobTimeout>(), true) }
  })
  // @ts-expect-error a JobTimeout may come
  WorkerPool.make({ size: 1, run, deadlines: { run: "1 second" }, retry: { times: 1, while: own } })
  // What is undefined is not there.
  const { deadlines, size } = {} as PoolConfig.Settings
  WorkerPool.make({ size, deadlines, run })
})

test("WorkerPool.use: the resource is the worker's, and each call has its own A, E and R", () => {
  const connections = {} as WorkerPool.WorkerPool<string, void, Bang | WorkerPool.JobTimeout, { readonly n: number }>
  type Ends = WorkerPool.RunError | WorkerPool.JobTimeout
  const query = WorkerPool.use(connections, ({ n }) => n > 0 ? Effect.succeed(`${n}`) : Effect.fail(new Boom()))
  expectTypeOf(query).toEqualTypeOf<Effect.Effect<string, Boom | Ends>>()
  expectTypeOf(WorkerPool.use(connections, () => Db)).toEqualTypeOf<
    Effect.Effect<Context.Service.Shape<typeof Db>, Ends, Db>
  >()
  expectTypeOf(connections.pipe(WorkerPool.use(({ n }: { readonly n: number }) => Effect.succeed(n)))).toEqualTypeOf<
    Effect.Effect<number, Ends>
  >()
  // Nobody who knows a pool by its jobs can see what its workers hold.
  const known: WorkerPool.WorkerPool<string, void, Bang | WorkerPool.JobTimeout> = connections
  expectTypeOf(known).toEqualTypeOf<WorkerPool.WorkerPool<string, void, Bang | WorkerPool.JobTimeout>>()
  WorkerPool.use(known, (resource) => (expectTypeOf(resource).toEqualTypeOf<unknown>(), Effect.void))
  // @ts-expect-error a resource of another kind
  connections.pipe(WorkerPool.use((resource: string) => Effect.succeed(resource)))
})

test("WorkerPool: map has values, or results that tell each job's exit", () => {
  const pool = {} as WorkerPool.WorkerPool<number, string, Boom>
  type Values = Stream.Stream<string, Boom | WorkerPool.RunError>
  type Results = Stream.Stream<WorkerPool.Result<number, string, Boom>, WorkerPool.PoolClosed>
  expectTypeOf(WorkerPool.map(pool, [1], { ordered: false })).toEqualTypeOf<Values>()
  expectTypeOf(WorkerPool.map(pool, [1], { exits: false })).toEqualTypeOf<Values>()
  expectTypeOf(WorkerPool.map(pool, [1], { exits: true })).toEqualTypeOf<Results>()
  expectTypeOf(pool.pipe(WorkerPool.map([1], { exits: true }))).toEqualTypeOf<Results>()
  expectTypeOf(Stream.make(1).pipe(WorkerPool.mapStream(pool))).toEqualTypeOf<Values>()
  expectTypeOf(Stream.make(1).pipe(WorkerPool.mapStream(pool, { exits: true }))).toEqualTypeOf<Results>()
})

test("WorkerPool: runAll has values, or exits", () => {
  const pool = {} as WorkerPool.WorkerPool<number, string, Boom>
  type Values = Effect.Effect<Array<string>, Boom | WorkerPool.RunError>
  type Exits = Effect.Effect<Array<Exit.Exit<string, Boom | WorkerPool.RunError>>>
  expectTypeOf(WorkerPool.runAll(pool, [1])).toEqualTypeOf<Values>()
  expectTypeOf(WorkerPool.runAll(pool, new Set([1]), { exits: false })).toEqualTypeOf<Values>()
  expectTypeOf(WorkerPool.runAll(pool, [1], { exits: true })).toEqualTypeOf<Exits>()
  expectTypeOf(pool.pipe(WorkerPool.runAll([1]))).toEqualTypeOf<Values>()
  expectTypeOf(pool.pipe(WorkerPool.runAll([1], { exits: true }))).toEqualTypeOf<Exits>()
  // @ts-expect-error a pool of numbers takes no texts
  WorkerPool.runAll(pool, ["a"])
  expectTypeOf(WorkerPool.runPromise(pool, 1)).toEqualTypeOf<Promise<string>>()
})

test("WorkerPool: the check of a resource knows its type, and its services are those of make", () => {
  class Log extends Context.Service<Log, { readonly ping: Effect.Effect<void, Boom> }>()("Log") {}
  const pool = WorkerPool.make({
    size: 1,
    worker: ({ id }) => Effect.succeed({ id }),
    resource: {
      check: (resource) => {
        expectTypeOf(resource).toEqualTypeOf<{ id: number }>()
        return Effect.flatMap(Log, ({ ping }) => ping)
      },
      checkAfter: "1 minute",
      maxJobs: 5,
      jitter: 0.2
    },
    run: (text: string, { resource }) => Effect.succeed(text.length + resource.id)
  })
  expectTypeOf(pool).toEqualTypeOf<
    Effect.Effect<WorkerPool.WorkerPool<string, number, never, { id: number }>, never, Log | Scope.Scope>
  >()
})

test("WorkerPool: an option that means nothing without another one does not compile", () => {
  const run = (job: string) => Effect.log(job)
  const order = WorkerPool.order<string>(() => ({ add: () => {}, remove: () => {}, next: () => 0 }))
  // @ts-expect-error: aging without priority
  WorkerPool.make({ size: 1, run, queue: { aging: 5 } })
  // @ts-expect-error: perKey without key
  WorkerPool.make({ size: 1, run, queue: { perKey: { concurrency: 1 } } })
  // @ts-expect-error: a sliding queue with priorities
  WorkerPool.make({ size: 1, run, queue: { strategy: "sliding", priority: () => 0 } })
  // @ts-expect-error: an order of one's own and keys
  WorkerPool.make({ size: 1, run, queue: { order, key: (job: string) => job } })
  // @ts-expect-error: a capacity for letters that a sink takes
  WorkerPool.make({ size: 1, run, retry: { times: 0, deadLetters: { capacity: 5, sink: () => Effect.void } } })
  const worker = () => Effect.succeed(1)
  // @ts-expect-error: checkAfter without check
  WorkerPool.make({ size: 1, worker, run, resource: { checkAfter: 5 } })
  // @ts-expect-error: idleTimeout without min
  WorkerPool.make({ size: 1, worker, run, resource: { idleTimeout: 5 } })
  // @ts-expect-error: jitter without maxJobs or maxAge
  WorkerPool.make({ size: 1, worker, run, resource: { jitter: 0.5 } })
  // @ts-expect-error: a schedule where retry takes an object
  WorkerPool.make({ size: 1, run, retry: Schedule.recurs(1) })
  // @ts-expect-error: an order for other jobs
  WorkerPool.make({ size: 1, run: (job: number) => Effect.log(job), queue: { order } })
  // What is decided at run time needs no branch of its own.
  const isUrgent = Date.now() > 0
  WorkerPool.make({
    size: 1,
    run,
    queue: { priority: isUrgent ? () => 0 : undefined, key: isUrgent ? (job: string) => job : undefined }
  })
})

test("WorkerPool: what orders and retries jobs is given the pool's own, and dead letters have its jobs", () => {
  WorkerPool.make({
    size: 1,
    queue: {
      priority: (job) => (expectTypeOf(job).toEqualTypeOf<string>(), 0),
      key: (job: string) => job.length,
      perKey: {
        weight: (key) => (expectTypeOf(key).toEqualTypeOf<number>(), 1),
        concurrency: (key) => (expectTypeOf(key).toEqualTypeOf<number>(), 1)
      }
    },
    retry: { schedule: (job) => (expectTypeOf(job).toEqualTypeOf<string>(), Schedule.recurs(1)) },
    run: (text: string) => Effect.as(boom, text.length)
  })
  expectTypeOf(WorkerPool.deadLetters(pool)).toEqualTypeOf<Stream.Stream<WorkerPool.DeadLetter<string, Boom>>>()
  expectTypeOf(WorkerPool.resize(pool, 2)).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(pool.pipe(WorkerPool.resize(2))).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(WorkerPool.autoscale(pool, { min: 1, max: 2 })).toEqualTypeOf<Effect.Effect<void, never, Scope.Scope>>()
  expectTypeOf(pool.pipe(WorkerPool.autoscale({ min: 1, max: 2 }))).toEqualTypeOf<
    Effect.Effect<void, never, Scope.Scope>
  >()
})

test("Semaphore: the key of a keyed one is inferred, and the semaphore of a key is like any other", () => {
  const keyed = Semaphore.makeKeyedUnsafe({ permits: (tenant: string) => tenant.length })
  expectTypeOf(keyed).toEqualTypeOf<Semaphore.Keyed<string>>()
  expectTypeOf(Semaphore.makeKeyed<number>({ permits: 1 })).toEqualTypeOf<Effect.Effect<Semaphore.Keyed<number>>>()
  expectTypeOf(Semaphore.forKey(keyed, "a")).toEqualTypeOf<Semaphore.Semaphore>()
  expectTypeOf(keyed.pipe(Semaphore.forKey("a"))).toEqualTypeOf<Semaphore.Semaphore>()
  expectTypeOf(Semaphore.stats(keyed)).toEqualTypeOf<Semaphore.KeyedStats>()
  expectTypeOf(Semaphore.stats(semaphore)).toEqualTypeOf<Semaphore.Stats>()
  // @ts-expect-error the keys are texts
  Semaphore.forKey(keyed, 1)
  // @ts-expect-error a keyed one has no permits of its own
  Semaphore.withPermit(keyed, boom)
})

test("Services: the class and its requirements are inferred", () => {
  class Memory extends Semaphore.Service<Memory>()("app/Memory", { permits: 1 }) {}
  expectTypeOf(Memory.layer).toEqualTypeOf<Layer.Layer<Memory>>()
  expectTypeOf(Memory.withPermit(boom)).toEqualTypeOf<Effect.Effect<number, Boom, Db | Memory>>()
  expectTypeOf(boom.pipe(Memory.withPermits(2))).toEqualTypeOf<
    Effect.Effect<number, Boom | Semaphore.CapacityExceeded, Db | Memory>
  >()
  expectTypeOf(boom.pipe(Memory.tryWithPermits(1))).toEqualTypeOf<
    Effect.Effect<Option.Option<number>, Boom, Db | Memory>
  >()
  class Api extends AdaptiveLimit.Service<Api>()("app/Api", { algorithm: AdaptiveLimit.aimd() }) {}
  expectTypeOf(Api.layer).toEqualTypeOf<Layer.Layer<Api>>()
  expectTypeOf(boom.pipe(Api.tryWithPermit)).toEqualTypeOf<Effect.Effect<Option.Option<number>, Boom, Db | Api>>()
  class Plain extends Context.Service<Plain, Semaphore.Semaphore>()("app/Plain") {}
  expectTypeOf(Semaphore.layer(Plain, { permits: 1 })).toEqualTypeOf<Layer.Layer<Plain>>()
  expectTypeOf(Semaphore.layerConfig(Plain, Config.succeed({ permits: 1 }))).toEqualTypeOf<
    Layer.Layer<Plain, Config.ConfigError>
  >()
  // @ts-expect-error the key is that of a semaphore
  AdaptiveLimit.layer(Plain, { algorithm: AdaptiveLimit.aimd() })
})

test("Watch: one value is for all that can be watched, and a watcher of one's own is for pools", () => {
  const watch = [Watch.metrics(), Watch.spans()]
  expectTypeOf(watch).toEqualTypeOf<Array<Watch.Universal>>()
  Semaphore.makeUnsafe(1, { watch })
  Group.make({ watch })
  AdaptiveLimit.makeUnsafe({ algorithm: AdaptiveLimit.aimd(), watch })
  // @ts-expect-error it knows jobs only
  Semaphore.makeUnsafe(1, { watch: [Watch.make(() => ({ offered: () => 0 }))] })
})

test("AdaptiveLimit: A, E and R are inferred and passed on, data-first and data-last", () => {
  const made = AdaptiveLimit.make({ algorithm: AdaptiveLimit.aimd() })
  expectTypeOf(made).toEqualTypeOf<Effect.Effect<AdaptiveLimit.AdaptiveLimit>>()
  const limit = AdaptiveLimit.makeUnsafe({ algorithm: AdaptiveLimit.gradient() })
  type Plain = Effect.Effect<number, Boom, Db>
  expectTypeOf(AdaptiveLimit.withPermit(limit, boom)).toEqualTypeOf<Plain>()
  expectTypeOf(boom.pipe(AdaptiveLimit.withPermit(limit))).toEqualTypeOf<Plain>()
  expectTypeOf(AdaptiveLimit.tryWithPermit(limit, boom)).toEqualTypeOf<
    Effect.Effect<Option.Option<number>, Boom, Db>
  >()
  expectTypeOf(AdaptiveLimit.measure(limit, boom)).toEqualTypeOf<Plain>()
  expectTypeOf(boom.pipe(AdaptiveLimit.measure(limit))).toEqualTypeOf<Plain>()
  // @ts-expect-error there are three outcomes
  AdaptiveLimit.makeUnsafe({ algorithm: AdaptiveLimit.aimd(), classify: () => "failure" })
})

test("Group.forEach: errors are the group's, and values are those of the children where asked", () => {
  const page = (n: number) => Effect.as(boom, `page ${n}`)
  expectTypeOf(Group.forEach([1], page)).toEqualTypeOf<Effect.Effect<void, never, Db | Group.Current<Boom>>>()
  expectTypeOf(Group.forEach(new Set([1]), page, { results: true })).toEqualTypeOf<
    Effect.Effect<Array<string>, Boom, Db | Group.Current<Boom>>
  >()
  expectTypeOf(Group.forEach(both, [1], page)).toEqualTypeOf<Effect.Effect<void, Boom | Bang, Db>>()
  expectTypeOf(Group.forEach(both, "ab", (letter, i) => page(letter.length + i), { results: true })).toEqualTypeOf<
    Effect.Effect<Array<string>, Boom | Bang, Db>
  >()
  expectTypeOf(Group.forEach([1], page, { results: true }).pipe(Group.scoped())).toEqualTypeOf<
    Effect.Effect<Array<string>, Boom, Db>
  >()
  // @ts-expect-error the group's children may not fail
  Group.forEach(safe, [1], page)
  // @ts-expect-error a number has no items
  Group.forEach(1, page)
})

test("WorkerPool.options: options written once have the types that they have inside of make, for a class and a layer", () => {
  const options = WorkerPool.options({
    size: 2,
    worker: () => Effect.as(boom, { query: (sql: string) => Effect.as(boom, sql) }),
    resource: { check: (connection) => connection.query("select 1") },
    run: (sql: string, { attempt, resource }) => resource.query(sql.slice(attempt)),
    retry: { times: 3, while: (error) => error._tag === "Boom" },
    deadlines: { run: "1 second" },
    onShutdown: ({ returned }) => Effect.log(returned.map((sql) => sql.length))
  })
  class Pool extends WorkerPool.Service<Pool>()("Pool", options) {}
  type Ends = Boom | WorkerPool.JobTimeout | WorkerPool.RunError
  expectTypeOf(Pool.run("select 1")).toEqualTypeOf<Effect.Effect<string, Ends, Pool>>()
  expectTypeOf(Pool.layer).toEqualTypeOf<Layer.Layer<Pool, Boom, Db>>()
  const live = WorkerPool.layerConfig(Pool, Config.Int("SIZE"), (size) => ({ ...options, size }))
  expectTypeOf(live).toEqualTypeOf<Layer.Layer<Pool, Boom | Config.ConfigError, Db>>()
  // @ts-expect-error an idleTimeout needs a min
  WorkerPool.options({ size: 2, worker: () => boom, resource: { idleTimeout: "1 second" }, run: () => Effect.void })
})

test("ThreadPool: a module that takes data is given data of that type, as it is or by a thread's number", () => {
  interface Start {
    readonly url: string
  }
  const db = {} as Layer.Layer<Db>
  const jobs = ThreadWorker.serveWith(({ url }: Start) => ({
    length: (text: string) => url.length + text.length,
    db: () => Effect.service(Db)
  }), { layer: ({ url }: Start) => url === "" ? db : db })
  expectTypeOf(jobs).toEqualTypeOf<
    ThreadWorker.Jobs<
      { readonly length: (text: string) => number; readonly db: () => Effect.Effect<Db["Service"], never, Db> },
      Start
    >
  >()
  const module = new URL("file:///jobs.js")
  expectTypeOf(ThreadPool.make<typeof jobs>({ module, data: { url: "" } })).toExtend<
    Effect.Effect<ThreadPool.ThreadPool<typeof jobs>, ThreadPool.ThreadFailed, Scope.Scope>
  >()
  ThreadPool.make<typeof jobs>({ module, data: (thread) => ({ url: thread.toFixed() }), deadlines: { run: 1 } })
  const pool = {} as ThreadPool.ThreadPool<typeof jobs>
  expectTypeOf(pool.run.length).parameters.toEqualTypeOf<[input: string]>()
  // @ts-expect-error the data is missing
  ThreadPool.make<typeof jobs>({ module })
  // @ts-expect-error the data has another type
  ThreadPool.make<typeof jobs>({ module, data: { url: 1 } })
  // @ts-expect-error the module takes none
  ThreadPool.make<ThreadWorker.Jobs<{ readonly one: () => number }>>({ module, data: 1 })
  // @ts-expect-error a layer is missing
  ThreadWorker.serveWith(({ url }: Start) => ({ url: () => url, db: () => Effect.service(Db) }))
})

test("ThreadPool.Service, layer: jobs, errors and requirements are those of the module and the options", () => {
  type Jobs = ThreadWorker.Jobs<{ readonly half: (n: number) => Effect.Effect<number, Boom> }, { readonly url: string }>
  type Ends = Boom | ThreadPool.CallError | WorkerPool.RunError
  const module = new URL("file:///jobs.js")
  const data = { url: "" }
  const onShutdown = () => Effect.service(Db)
  class Plain extends ThreadPool.Service<Plain, Jobs>()("Plain", { module, data, drain: "1 second" }) {}
  expectTypeOf(Plain.layer).toEqualTypeOf<Layer.Layer<Plain, ThreadPool.ThreadFailed>>()
  expectTypeOf(Plain.run.half).toEqualTypeOf<(input: number) => Effect.Effect<number, Ends, Plain>>()
  expectTypeOf(Plain.submit.half(1)).toEqualTypeOf<
    Effect.Effect<
      WorkerPool.JobHandle<number, Boom | ThreadPool.CallError>,
      WorkerPool.PoolClosed,
      Plain
    >
  >()
  class Timed extends ThreadPool.Service<Timed, Jobs>()("Timed", { module, data, onShutdown, deadlines: { run: 1 } }) {}
  expectTypeOf(Timed.layer).toEqualTypeOf<Layer.Layer<Timed, ThreadPool.ThreadFailed, Db>>()
  expectTypeOf(Timed.run.half(1)).toEqualTypeOf<Effect.Effect<number, Ends | WorkerPool.JobTimeout, Timed>>()
  // @ts-expect-error the module serves no such job
  // eslint-disable-next-line @typescript-eslint/no-unsafe-call -- that there is none is what is tested
  Plain.run.double(1)
  // @ts-expect-error the data is missing
  ThreadPool.Service<Plain, Jobs>()("Plain", { module })

  class Key extends Context.Service<Key, ThreadPool.ThreadPool<Jobs>>()("Key") {}
  class TimedKey extends Context.Service<TimedKey, ThreadPool.ThreadPool<Jobs, WorkerPool.JobTimeout>>()("TimedKey") {}
  expectTypeOf(ThreadPool.layer(Key, { module, data, onShutdown })).toEqualTypeOf<
    Layer.Layer<Key, ThreadPool.ThreadFailed, Db>
  >()
  expectTypeOf(ThreadPool.layer(TimedKey, { module, data, deadlines: { run: 1 } })).toEqualTypeOf<
    Layer.Layer<TimedKey, ThreadPool.ThreadFailed>
  >()
  expectTypeOf(ThreadPool.layerConfig(Key, Config.Int("SIZE"), (size) => ({ module, data, size }))).toEqualTypeOf<
    Layer.Layer<Key, ThreadPool.ThreadFailed | Config.ConfigError>
  >()
  // @ts-expect-error the key's errors have no JobTimeout
  ThreadPool.layer(Key, { module, data, deadlines: { run: 1 } })
  // @ts-expect-error the data has another type
  ThreadPool.layer(Key, { module, data: { url: 1 } })
})

test("ThreadPool.runWithProgress: the progress is that of the job's context", () => {
  const jobs = ThreadWorker.serve({
    render: (text: string, { report }: ThreadWorker.JobContext<number>) => (report(1), text.length),
    // @ts-expect-error a context without a type takes no reports
    quiet: (text: string, { report }: ThreadWorker.JobContext) => (report(1), text)
  })
  expectTypeOf(jobs).toExtend<ThreadWorker.Jobs<unknown>>()
  const pool = {} as ThreadPool.ThreadPool<typeof jobs>
  type Ends = ThreadPool.CallError | WorkerPool.RunError
  expectTypeOf(
    pool.runWithProgress.render("text", (progress) => {
      expectTypeOf(progress).toEqualTypeOf<number>()
      return boom
    })
  ).toEqualTypeOf<Effect.Effect<number, Boom | Ends, Db>>()
})

test("ThreadWorker: a job returns no stream", () => {
  const many = {} as Stream.Stream<number>
  // @ts-expect-error one of the jobs does
  ThreadWorker.serve({ one: () => 1, many: () => many })
  // @ts-expect-error a result that may be a stream is none
  ThreadWorker.serve({ some: (n: number) => n > 0 ? many : n })
  ThreadWorker.serve({ none: () => {} })
})

test("ThreadPool: what a job takes, returns and fails with is that of its function", () => {
  const jobs = ThreadWorker.serve({
    plain: (text: string) => text.length,
    promised: () => Promise.resolve(1n),
    effect: (n: number, context: ThreadWorker.JobContext) =>
      context.isCancelled() ? Effect.fail(new Boom()) : Effect.succeed(n),
    optional: (n?: number) => n ?? 0,
    // eslint-disable-next-line @typescript-eslint/no-unsafe-return -- as it comes
    parse: (text: string) => JSON.parse(text),
    never: (): never => {
      throw new Error()
    }
  })
  expectTypeOf(jobs).toExtend<ThreadWorker.Jobs<unknown>>()
  type Jobs = typeof jobs
  type Ends = ThreadPool.CallError | WorkerPool.RunError
  const module = new URL("file:///jobs.js")
  const made = ThreadPool.make<Jobs>({ module })
  expectTypeOf(made).toEqualTypeOf<Effect.Effect<ThreadPool.ThreadPool<Jobs>, ThreadPool.ThreadFailed, Scope.Scope>>()
  const pool = {} as ThreadPool.ThreadPool<Jobs>
  expectTypeOf(pool.run.plain).toEqualTypeOf<(input: string) => Effect.Effect<number, Ends>>()
  expectTypeOf(pool.tryRun.plain).toEqualTypeOf<(input: string) => Effect.Effect<number, Ends | WorkerPool.QueueFull>>()
  expectTypeOf(pool.run.promised).toEqualTypeOf<() => Effect.Effect<bigint, Ends>>()
  expectTypeOf(pool.run.effect).toEqualTypeOf<(input: number) => Effect.Effect<number, Boom | Ends>>()
  expectTypeOf(pool.run.optional).toEqualTypeOf<(input?: number) => Effect.Effect<number, Ends>>()
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- that of JSON.parse
  expectTypeOf(pool.run.parse).toEqualTypeOf<(input: string) => Effect.Effect<any, Ends>>()
  expectTypeOf(pool.run.never).toEqualTypeOf<() => Effect.Effect<never, Ends>>()
  expectTypeOf(pool.map.effect(["a".length])).toEqualTypeOf<Stream.Stream<number, Boom | Ends>>()
  const timed = ThreadPool.make<Jobs>({ module, deadlines: { run: "1 second" } })
  expectTypeOf(timed).toEqualTypeOf<
    Effect.Effect<ThreadPool.ThreadPool<Jobs, WorkerPool.JobTimeout>, ThreadPool.ThreadFailed, Scope.Scope>
  >()
  // @ts-expect-error a schedule is given what jobs fail with
  ThreadPool.make<Jobs>({ module, retry: { schedule: Schedule.recurs(1).pipe(Schedule.setInputType<Bang>()) } })
})
