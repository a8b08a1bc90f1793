/**
 * User code that calls the pool back while that is in the middle of something. Jobs, acquisitions, releases and fibers
 * that await a job's end all run inline, inside the pool's own calls, so each may find it between two of its steps.
 */
import { Deferred, Effect, Exit, Fiber, Schedule, type Scope } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { expect, test } from "vitest"
import { run, settle, turns } from "../support/effect.js"
import { times } from "../support/seed.js"
import { balanced } from "../support/workerPool.js"

interface Input {
  readonly name: number
  readonly key: number
  readonly priority: number
}

type Pool = WorkerPool.WorkerPool<Input, void, string>

type Operation =
  | { readonly kind: "submit" | "run"; readonly key: number; readonly priority: number }
  | {
    readonly kind: "cancel" | "interrupt" | "succeed" | "fail" | "die" | "condemn" | "awaitEnd"
    readonly which: number
  }
  | { readonly kind: "resize"; readonly size: number }
  | { readonly kind: "turn" }

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom("submit", "submit", "run"), key: fc.nat(2), priority: fc.nat(1) })
  },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "cancel",
        "cancel",
        "interrupt",
        "succeed",
        "succeed",
        "fail",
        "die",
        "condemn",
        "awaitEnd"
      ),
      which: fc.nat(7)
    })
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("resize" as const), size: fc.integer({ min: 1, max: 4 }) }) }
)

interface Workload {
  readonly size: number
  readonly capacity: number | "unbounded"
  readonly order: "plain" | "priority" | "one of a key" | "two of a key"
  /** How many attempts a job has. */
  readonly attempts: number
  /** One after the other, from outside; a turn lets what is ready run. */
  readonly script: ReadonlyArray<Operation>
  /** For each point at which the pool runs user code, in order: the operations there. */
  readonly reactions: ReadonlyArray<ReadonlyArray<Operation>>
}

const workload: fc.Arbitrary<Workload> = fc.record({
  size: fc.integer({ min: 1, max: 3 }),
  capacity: fc.constantFrom<number | "unbounded">("unbounded", 0, 1, 2),
  order: fc.constantFrom("plain", "priority", "one of a key", "two of a key"),
  attempts: fc.constantFrom(1, 1, 2),
  script: fc.array(
    fc.oneof({ weight: 4, arbitrary: operation }, { weight: 1, arbitrary: fc.constant({ kind: "turn" as const }) }),
    { minLength: 4, maxLength: 30 }
  ),
  reactions: fc.array(fc.array(operation, { maxLength: 3 }), { maxLength: 25 })
})

/** A run of a workload; it throws at the first broken law. */
class World {
  private pool: Pool | undefined
  private names = 0
  private readonly handles: Array<WorkerPool.JobHandle<void, string>> = []
  private readonly callers: Array<Fiber.Fiber<unknown, unknown>> = []
  private readonly gates = new Map<number, Deferred.Deferred<void, string>>()
  private readonly begun = new Map<number, Array<number>>()
  private readonly resources = new Map<number, { users: number; condemned: boolean; invalidate: Effect.Effect<void> }>()
  private readonly running = new Map<number, number>()
  private readonly wrong: Array<string> = []
  private reacted = 0
  private isOver = false
  private readonly limit: number

  constructor(private readonly options: Workload) {
    this.limit = options.order === "one of a key" ? 1 : options.order === "two of a key" ? 2 : Infinity
  }

  private readonly make = Effect.suspend(() => {
    const { attempts, capacity, order, size } = this.options
    return WorkerPool.make({
      size,
      retry: { schedule: Schedule.recurs(attempts - 1) },
      queue: order === "plain"
        ? { capacity }
        : order === "priority"
        ? { capacity, priority: ({ priority }: Input) => priority }
        : { capacity, key: ({ key }: Input) => key, perKey: { concurrency: this.limit } },
      worker: ({ id, invalidate }): Effect.Effect<number, never, Scope.Scope> =>
        Effect.acquireRelease(
          Effect.andThen(
            this.react,
            Effect.sync(() => {
              if (this.resources.has(id)) this.wrong.push(`worker ${id} has two resources`)
              this.resources.set(id, { users: 0, condemned: false, invalidate })
              return id
            })
          ),
          () => {
            if (this.resources.get(id)?.users !== 0) this.wrong.push(`worker ${id}'s resource is released in use`)
            this.resources.delete(id)
            return this.react
          }
        ),
      run: (job: Input, { resource: id }) => this.serve(job, id)
    })
  })

  private serve({ key, name, priority }: Input, id: number): Effect.Effect<void, string> {
    const resource = this.resources.get(id)
    if (resource === undefined) this.wrong.push(`job ${name} begins without a resource`)
    else if (resource.users++ > 0) this.wrong.push(`job ${name} begins on a resource in use (P2)`)
    else if (resource.condemned) this.wrong.push(`job ${name} begins on a condemned resource`)
    const line = this.options.order === "priority" ? priority : key
    const begun = this.begun.get(line) ?? []
    this.begun.set(line, begun)
    begun.push(name)
    if (begun.filter((other) => other === name).length > this.options.attempts) {
      this.wrong.push(`job ${name} begins once more`)
    }
    const running = (this.running.get(key) ?? 0) + 1
    this.running.set(key, running)
    if (running > this.limit) this.wrong.push(`${running} jobs of a key run (P15)`)
    const gate = this.gates.get(name)!
    return Effect.onExit(Effect.andThen(this.react, Deferred.await(gate)), () => {
      this.running.set(key, this.running.get(key)! - 1)
      this.resources.get(id)!.users--
      return Effect.void
    })
  }

  /** The next reaction: one at a point, until there are none left. */
  private readonly react: Effect.Effect<void> = Effect.suspend(() => {
    const reaction = this.isOver ? [] : this.options.reactions[this.reacted++] ?? []
    return Effect.forEach(reaction, this.act, { discard: true })
  })

  private readonly act = (operation: Operation): Effect.Effect<void> => {
    const fork = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<void> =>
      Effect.sync(() => {
        this.callers.push(Effect.runFork(effect))
      })
    const { pool } = this
    // As the first resources are acquired.
    if (pool === undefined) return Effect.void
    switch (operation.kind) {
      case "turn":
        return settle
      case "submit":
      case "run": {
        const name = ++this.names
        this.gates.set(name, Deferred.makeUnsafe())
        const job = { name, key: operation.key, priority: operation.priority }
        if (operation.kind === "run") return fork(WorkerPool.run(pool, job))
        const submit = WorkerPool.submit(pool, job)
        return fork(Effect.tap(submit, (handle) => Effect.sync(() => this.handles.push(handle))))
      }
      case "resize":
        return WorkerPool.resize(pool, operation.size)
      case "interrupt": {
        const caller = this.callers.at(-1 - operation.which)
        return caller === undefined ? Effect.void : Effect.sync(() => caller.interruptUnsafe())
      }
      case "succeed":
      case "fail":
      case "die": {
        const { which } = operation
        const open = [...this.gates.values()].filter((gate) => !Deferred.isDoneUnsafe(gate))
        const exit = operation.kind === "succeed"
          ? Exit.void
          : operation.kind === "fail"
          ? Exit.fail("planned")
          : Exit.die("planned")
        return Effect.sync(() => {
          const gate = open[which % open.length]
          if (gate !== undefined) Deferred.doneUnsafe(gate, exit)
        })
      }
      case "condemn": {
        const resource = this.resources.get(1 + operation.which % 4)
        if (resource === undefined) return Effect.void
        resource.condemned = true
        return resource.invalidate
      }
      case "cancel":
      case "awaitEnd": {
        const handle = this.handles.at(-1 - operation.which)
        if (handle === undefined) return Effect.void
        return fork(operation.kind === "cancel" ? handle.cancel : Effect.andThen(handle.await, this.react))
      }
    }
  }

  readonly run: Effect.Effect<void, never, Scope.Scope> = Effect.gen({ self: this }, function*() {
    const pool = this.pool = yield* this.make
    for (const step of this.options.script) {
      yield* this.act(step)
      balanced(pool)
      this.check()
    }
    // Then all that may run does, and no free worker is left with a job that it could run.
    this.isOver = true
    yield* settle
    this.check()
    const { queued, running, size, waiting } = WorkerPool.stats(pool)
    if (this.limit === Infinity && queued + waiting > 0 && running < size) {
      this.wrong.push("an idle worker leaves a job waiting")
    }
    for (let left = 3 * this.names; left > 0; left--) {
      for (const gate of this.gates.values()) Deferred.doneUnsafe(gate, Exit.void)
      yield* turns(3)
    }
    balanced(pool)
    expect(WorkerPool.stats(pool)).toMatchObject({ queued: 0, running: 0, waiting: 0 })
    yield* Effect.forEach(this.callers, Fiber.await)
    this.check()
  })

  private check(): void {
    expect(this.wrong).toEqual([])
    // Another attempt comes when it comes.
    if (this.options.attempts > 1) return
    for (const [line, begun] of this.begun) {
      expect([line, begun]).toEqual([line, begun.toSorted((one, other) => one - other)])
    }
  }
}

test("P2, P3, P4 and P15 hold whatever jobs, releases and fibers that await an end call the pool with, inline", () =>
  fc.assert(
    fc.asyncProperty(workload, (options) => run(new World(options).run)),
    { numRuns: times(400) }
  ))

test("a job begins before submit returns, when a fiber that goes on at the end of the worker's job brings it", () =>
  run(Effect.gen(function*() {
    const log: Array<string> = []
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({
      size: 1,
      run: (job: string) => job === "blocks" ? Deferred.await(gate) : Effect.sync(() => void log.push(`runs ${job}`))
    })
    yield* WorkerPool.submit(pool, "blocks")
    // It ends at once: within the loop of its worker.
    const first = yield* WorkerPool.submit(pool, "first")
    const fiber = yield* Effect.forkChild(
      Effect.gen(function*() {
        yield* first.await
        yield* WorkerPool.submit(pool, "second")
        log.push("submitted")
      }),
      { startImmediately: true }
    )
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.await(fiber)
    expect(log).toEqual(["runs first", "runs second", "submitted"])
  })))
