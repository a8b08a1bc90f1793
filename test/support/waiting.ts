/** Random programs that wait for each other, over all primitives; and an oracle for verdicts about them. */
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import * as fc from "fast-check"
import { Group, Semaphore, WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { startWatch } from "../../src/internal/inspect/look.js"
import { isFiber } from "../../src/internal/inspect/runtime.js"
import { Verdict, type VerdictOptions } from "../../src/internal/inspect/verdict.js"
import type { AnyFiber } from "../../src/internal/stack.js"
import type { View } from "../../src/internal/view.js"
import { wasInterrupted } from "../../src/testing/runtime.js"

/** One step of a program. Numbers name resources, modulo their count. */
export type Op =
  | { readonly op: "yield" | "wait" | "idle" | "shutdown" | "look" }
  | { readonly op: "interrupt"; readonly fiber: number }
  | { readonly op: "with" | "hold"; readonly semaphore: number; readonly weight: number; readonly then: Op }
  | { readonly op: "withAll"; readonly weights: ReadonlyArray<number>; readonly then: Op }
  | { readonly op: "then"; readonly first: Op; readonly second: Op }
  | { readonly op: "go" | "run" | "await" | "submit"; readonly then: Op }
  | { readonly op: "runAll" | "map"; readonly jobs: ReadonlyArray<Op> }
  | { readonly op: "group"; readonly limit: number; readonly then: Op }

export interface Workload {
  readonly capacities: ReadonlyArray<number>
  readonly pool: {
    readonly size: number
    readonly capacity: number
    readonly keys: boolean
    readonly deadlines: "none" | "wait" | "run"
  }
  readonly limit: number
  readonly programs: ReadonlyArray<Op>
}

const op: fc.Arbitrary<Op> = fc.letrec<{ op: Op }>((tie) => ({
  op: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 4, arbitrary: fc.constantFrom<Op>({ op: "yield" }, { op: "wait" }, { op: "look" }) },
    { weight: 1, arbitrary: fc.constantFrom<Op>({ op: "idle" }, { op: "shutdown" }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("interrupt" as const), fiber: fc.nat(4) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        op: fc.constantFrom("with", "with", "with", "hold"),
        semaphore: fc.nat(2),
        weight: fc.integer({ min: 1, max: 3 }),
        then: tie("op")
      })
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant("withAll" as const),
        weights: fc.array(fc.nat(2), { minLength: 2, maxLength: 3 }),
        then: tie("op")
      })
    },
    {
      weight: 5,
      arbitrary: fc.record({ op: fc.constant("then" as const), first: tie("op"), second: tie("op") })
    },
    {
      weight: 6,
      arbitrary: fc.record({ op: fc.constantFrom("go", "go", "run", "await", "submit"), then: tie("op") })
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constantFrom("runAll", "map"),
        jobs: fc.array(tie("op"), { minLength: 1, maxLength: 3 })
      })
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant("group" as const),
        limit: fc.integer({ min: 1, max: 3 }),
        then: tie("op")
      })
    }
  )
})).op

export const workload: fc.Arbitrary<Workload> = fc.record({
  capacities: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 3 }),
  pool: fc.record({
    size: fc.integer({ min: 1, max: 2 }),
    capacity: fc.constantFrom(0, 1, 2, Infinity),
    keys: fc.boolean(),
    deadlines: fc.constantFrom("none", "none", "none", "wait", "run")
  }),
  limit: fc.integer({ min: 1, max: 3 }),
  programs: fc.array(op, { minLength: 2, maxLength: 5 })
})

/** How many programs were run, and how many of them did not come to their end. */
export interface Tally {
  programs: number
  deadlocked: number
}

interface Job {
  readonly key: number
  readonly effect: Effect.Effect<void>
}

/** How a test breaks the verdict, to see that the oracle notices. */
export type Break = (views: ReadonlyArray<View>) => ReadonlyArray<View>

const intact: Break = (views) => views

/**
 * Runs the programs, and looks after each turn and in the midst of some. Fails the run when a fiber that was called
 * stuck ends without having been interrupted; and when a fiber that has not ended, though nothing moves, was not called
 * stuck.
 */
export const judging = (
  { capacities, limit, pool: { capacity, deadlines, keys, size }, programs }: Workload,
  tally: Tally,
  breaks: Break = intact
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const { registry, stop } = startWatch(() => 0, false)
      yield* Effect.addFinalizer(() => Effect.sync(stop))
      const semaphores = capacities.map((capacity) => Semaphore.makeUnsafe(capacity))
      const of = (n: number) => semaphores[n % semaphores.length]!
      const scope = Scope.makeUnsafe()
      const group = yield* Scope.provide(Group.make({ limit }), scope)
      const pool = yield* Scope.provide(
        WorkerPool.make({
          size,
          queue: {
            capacity: capacity === Infinity ? "unbounded" : capacity,
            key: ({ key }: Job) => key,
            perKey: { concurrency: keys ? 1 : Infinity }
          },
          ...deadlines === "none" ? {} : { deadlines: { [deadlines]: "10 seconds" } },
          run: ({ effect }: Job) => effect
        }),
        scope
      )
      const roots: Array<AnyFiber> = []
      const stuck = new Set<AnyFiber>()
      let isEnded = false
      const verdict = (options?: VerdictOptions) => new Verdict(breaks(registry.views("waits")), options)
      const look = () => {
        for (const node of verdict().nodes) if (isFiber(node)) stuck.add(node)
      }
      let jobs = 0
      const job = (effect: Effect.Effect<void>): Job => ({ key: jobs++ % 2, effect })
      // Refusals and failures end a program as well as a value does.
      const tried = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
        Effect.catchCause(Effect.asVoid(effect), () => Effect.void)
      const run = (op: Op, inside: Group.Group<never>): Effect.Effect<void> => {
        switch (op.op) {
          case "yield":
            return Effect.yieldNow
          case "look":
            return Effect.sync(look)
          case "wait":
            return tried(Group.wait(inside))
          case "idle":
            return tried(WorkerPool.idle(pool))
          case "shutdown":
            return Effect.suspend(() => {
              isEnded = true
              return tried(WorkerPool.shutdown(pool))
            })
          case "interrupt":
            return Effect.suspend(() => {
              const fiber = roots[op.fiber % roots.length]
              fiber?.interruptUnsafe()
              return Effect.void
            })
          case "with":
            return tried(Semaphore.withPermits(of(op.semaphore), op.weight, run(op.then, inside)))
          case "hold":
            return tried(
              Effect.scoped(Effect.andThen(Semaphore.acquire(of(op.semaphore), op.weight), run(op.then, inside)))
            )
          case "withAll":
            return tried(
              Semaphore.withAll(op.weights.map((weight, i) => [of(i), weight] as const), run(op.then, inside))
            )
          case "then":
            return Effect.andThen(run(op.first, inside), run(op.second, inside))
          case "go":
            return tried(Group.go(inside, run(op.then, inside)))
          case "run":
            return tried(WorkerPool.run(pool, job(run(op.then, inside))))
          case "submit":
            return tried(WorkerPool.submit(pool, job(run(op.then, inside))))
          case "await":
            return tried(
              Effect.flatMap(WorkerPool.submit(pool, job(run(op.then, inside))), (handle) => handle.await)
            )
          case "runAll":
            return tried(WorkerPool.runAll(pool, op.jobs.map((one) => job(run(one, inside)))))
          case "map":
            return tried(
              Stream.runDrain(WorkerPool.map(pool, op.jobs.map((one) => job(run(one, inside)))))
            )
          case "group":
            return tried(
              Group.scoped({ limit: op.limit }, (nested: Group.Group<never>) => run(op.then, nested))
            )
        }
      }
      yield* t.always(() => {
        // The interrupt of one may let all others go on.
        if (isEnded || [...stuck].some(wasInterrupted)) stuck.clear()
        const ended = [...stuck].filter((fiber) => fiber.pollUnsafe() !== undefined)
        look()
        return ended.length === 0
      }, "a fiber that was called stuck has ended")
      for (const program of programs) roots.push(yield* Effect.forkDetach(run(program, group)))
      yield* t.settled
      const last = verdict({ countsScopes: true })
      const alive = roots.filter((fiber) => fiber.pollUnsafe() === undefined)
      tally.programs++
      if (alive.length > 0) tally.deadlocked++
      yield* t.expect(alive.every((fiber) => last.isStuck(fiber)), "a fiber never ends, and was not called stuck")
      isEnded = true
      yield* Fiber.interruptAll(roots)
      yield* Scope.close(scope, Exit.void)
    })
  )
