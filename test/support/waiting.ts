/** Random programs that wait for each other, over all primitives; and an oracle for verdicts about them. */
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import * as fc from "fast-check"
import { Group, Semaphore, WorkerPool } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { judge } from "../../src/internal/inspect/judge.js"
import { isFiber, isInterrupted } from "../../src/internal/inspect/runtime.js"
import { Verdict } from "../../src/internal/inspect/verdict.js"
import type { AnyFiber } from "../../src/internal/stack.js"
import type { Node, View, Wait } from "../../src/internal/view.js"
import { makeLocator } from "../../src/source/Locator.js"
import { once } from "../../src/source/node.js"
import { wasInterrupted } from "../../src/testing/runtime.js"
import { watchRun } from "./watchRun.js"

/** One step of a program. Numbers name resources, modulo their count. */
export type Op =
  | { readonly op: "yield" | "wait" | "idle" | "shutdown" | "look" }
  | { readonly op: "interrupt"; readonly fiber: number }
  | { readonly op: "with" | "hold"; readonly semaphore: number; readonly weight: number; readonly then: Op }
  | { readonly op: "withAll"; readonly weights: ReadonlyArray<number>; readonly then: Op }
  | { readonly op: "then"; readonly first: Op; readonly second: Op }
  | { readonly op: "go"; readonly then: Op }
  | { readonly op: "run" | "await" | "submit"; readonly pool?: number; readonly then: Op }
  | { readonly op: "runAll" | "map"; readonly pool?: number; readonly jobs: ReadonlyArray<Op> }
  | { readonly op: "group"; readonly limit: number; readonly then: Op }
  // More than the basic workload has.
  | { readonly op: "join"; readonly fiber: number }
  | { readonly op: "all"; readonly ops: ReadonlyArray<Op> }
  | { readonly op: "timeout"; readonly then: Op }
  | { readonly op: "resize"; readonly of: "semaphore" | "group" | "pool"; readonly index: number; readonly to: number }

interface PoolShape {
  readonly size: number
  readonly capacity: number
  readonly keys: boolean
  readonly deadlines: "none" | "wait" | "run"
}

export interface Workload {
  readonly capacities: ReadonlyArray<number>
  readonly pool: PoolShape
  /** Jobs of one pool may use the other. */
  readonly second?: PoolShape
  readonly limit: number
  readonly programs: ReadonlyArray<Op>
}

type Weighted = fc.WeightedArbitrary<Op>

/** Random steps; `more` are steps in addition to the basic ones. */
const opWith = (more: (op: fc.Arbitrary<Op>) => ReadonlyArray<Weighted>): fc.Arbitrary<Op> =>
  fc.letrec<{ op: Op }>((tie) => ({
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
      },
      ...more(tie("op"))
    )
  })).op

const pool: fc.Arbitrary<PoolShape> = fc.record({
  size: fc.integer({ min: 1, max: 2 }),
  capacity: fc.constantFrom(0, 1, 2, Infinity),
  keys: fc.boolean(),
  deadlines: fc.constantFrom("none", "none", "none", "wait", "run")
})

const shape = {
  capacities: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 3 }),
  pool,
  limit: fc.integer({ min: 1, max: 3 })
}

export const workload: fc.Arbitrary<Workload> = fc.record({
  ...shape,
  programs: fc.array(opWith(() => []), { minLength: 2, maxLength: 5 })
})

/** Fibers that wait for fibers, capacities that change, and jobs of one pool that use another. */
const changing = (op: fc.Arbitrary<Op>): ReadonlyArray<Weighted> => [
  { weight: 2, arbitrary: fc.record({ op: fc.constant("join" as const), fiber: fc.nat(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant("all" as const), ops: fc.array(op, { minLength: 2, maxLength: 3 }) })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("resize" as const),
      of: fc.constantFrom("semaphore", "group", "pool"),
      index: fc.nat(2),
      to: fc.integer({ min: 1, max: 3 })
    })
  },
  {
    weight: 5,
    arbitrary: fc.record({ op: fc.constantFrom("run", "await", "submit"), pool: fc.constant(1), then: op })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constantFrom("runAll", "map"),
      pool: fc.constant(1),
      jobs: fc.array(op, { minLength: 1, maxLength: 3 })
    })
  }
]

export const changingWorkload: fc.Arbitrary<Workload> = fc.record({
  ...shape,
  second: pool,
  programs: fc.array(opWith(changing), { minLength: 2, maxLength: 5 })
})

/** No job expires: its failure would interrupt the other jobs of its `runAll`, which ends their deadlocks (I3). */
const poolThatKeepsJobs: fc.Arbitrary<PoolShape> = pool.map((shape) => ({
  ...shape,
  deadlines: shape.deadlines === "wait" ? "run" : shape.deadlines
}))

/** The same, with timeouts. */
export const timedWorkload: fc.Arbitrary<Workload> = fc.record({
  ...shape,
  pool: poolThatKeepsJobs,
  second: poolThatKeepsJobs,
  programs: fc.array(
    opWith((op) => [
      ...changing(op),
      { weight: 3, arbitrary: fc.record({ op: fc.constant("timeout" as const), then: op }) }
    ]),
    { minLength: 2, maxLength: 5 }
  )
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

/** What a look calls stuck. */
interface Stuck {
  readonly nodes: Iterable<Node>
  readonly isStuck: (node: Node) => boolean
}

/** `joins`: the waits for fibers that the programs know of themselves. */
type Look = (views: ReadonlyArray<View>, joins: ReadonlyArray<Wait>, suspects: boolean) => Stuck

/** By waits alone. Knows no timeout. */
const byVerdict: Look = (views, more, countsScopes) => new Verdict(views, { more, countsScopes })

const locator = once(makeLocator)

/** As a dump does, with the waits for fibers, and the timeouts, that closures tell. */
const byClosures: Look = (views, _, countsScopes) => {
  const { captured } = locator()
  const { found, joins } = judge(views, { captured, most: 100, isLong: () => true })
  return {
    nodes: found.flatMap(({ evidence, nodes }) => {
      // A scope may close, and a member that was interrupted may be on its way out.
      const mayGoOn = evidence === "suspected" || nodes.some((node) => isFiber(node) && isInterrupted(node))
      return mayGoOn ? [] : nodes
    }),
    // A fiber may wait for another one behind a deadlock.
    isStuck: (node) => found.length > 0 && new Verdict(views, { more: joins, countsScopes }).isStuck(node)
  }
}

export interface JudgingOptions {
  readonly breaks?: Break | undefined
  /** Looks at closures, and the programs neither interrupt nor shut down: timeouts alone end a wait. */
  readonly closures?: boolean | undefined
}

/**
 * Runs the programs, and looks after each turn and in the midst of some. Fails the run when a fiber that was called
 * stuck ends without having been interrupted; and when a fiber that has not ended, though nothing moves, was not called
 * stuck.
 */
export const judging = (
  { capacities, limit, pool: first, programs, second }: Workload,
  tally: Tally,
  { breaks = intact, closures = false }: JudgingOptions = {}
): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const registry = yield* watchRun
      const semaphores = capacities.map((capacity) => Semaphore.makeUnsafe(capacity))
      const of = (n: number) => semaphores[n % semaphores.length]!
      const scope = Scope.makeUnsafe()
      const group = yield* Scope.provide(Group.make({ limit }), scope)
      const makePool = ({ capacity, deadlines, keys, size }: PoolShape) =>
        WorkerPool.make({
          size,
          queue: {
            capacity: capacity === Infinity ? "unbounded" : capacity,
            key: ({ key }: Job) => key,
            perKey: { concurrency: keys ? 1 : Infinity }
          },
          ...deadlines === "none" ? {} : { deadlines: { [deadlines]: "10 seconds" } },
          run: ({ effect }: Job) => effect
        })
      const pool = yield* Scope.provide(makePool(first), scope)
      const other = second === undefined ? pool : yield* Scope.provide(makePool(second), scope)
      const poolOf = (n = 0) => n === 0 ? pool : other
      const roots: Array<AnyFiber> = []
      const stuck = new Set<AnyFiber>()
      let isEnded = false
      // Refusals and failures end a program as well as a value does.
      const tried = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
        Effect.catchCause(Effect.asVoid(effect), () => Effect.void)
      /** How many capacities are about to change. */
      let changes = 0
      const joins = new Set<Wait>()
      const verdict = (suspects: boolean) =>
        (closures ? byClosures : byVerdict)(breaks(registry.views("waits")), [...joins], suspects)
      const look = () => {
        if (changes > 0) return
        for (const node of verdict(false).nodes) if (isFiber(node)) stuck.add(node)
      }
      const joining = (wait: Wait, effect: Effect.Effect<unknown, unknown>) =>
        Effect.suspend(() => {
          joins.add(wait)
          return Effect.ensuring(tried(effect), Effect.sync(() => joins.delete(wait)))
        })
      const change = (effect: Effect.Effect<void>) => {
        const step = (n: number) =>
          Effect.sync(() => {
            changes += n
            stuck.clear()
          })
        return Effect.uninterruptible(Effect.andThen(step(1), Effect.ensuring(effect, step(-1))))
      }
      let jobs = 0
      const job = (effect: Effect.Effect<void>): Job => ({ key: jobs++ % 2, effect })
      /** Of the root of this number, and of all that it starts. */
      const runOf = (root: number) => {
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
              if (closures) return Effect.yieldNow
              return Effect.suspend(() => {
                isEnded = true
                return tried(WorkerPool.shutdown(pool))
              })
            case "interrupt":
              if (closures) return Effect.yieldNow
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
              return tried(WorkerPool.run(poolOf(op.pool), job(run(op.then, inside))))
            case "submit":
              return tried(WorkerPool.submit(poolOf(op.pool), job(run(op.then, inside))))
            case "await":
              return tried(
                Effect.flatMap(WorkerPool.submit(poolOf(op.pool), job(run(op.then, inside))), (handle) => handle.await)
              )
            case "runAll":
              return tried(WorkerPool.runAll(poolOf(op.pool), op.jobs.map((one) => job(run(one, inside)))))
            case "map":
              return tried(
                Stream.runDrain(WorkerPool.map(poolOf(op.pool), op.jobs.map((one) => job(run(one, inside)))))
              )
            case "group":
              return tried(
                Group.scoped({ limit: op.limit }, (nested: Group.Group<never>) => run(op.then, nested))
              )
            case "join":
              return Effect.withFiber((self) => {
                const target = roots[op.fiber % roots.length]
                if (target === undefined || target === self) return Effect.void
                // A circle of joins has no wait of sluice's, so no look sees it.
                if (closures && roots.indexOf(target) >= root) return Effect.void
                const wait = { node: self, who: "fiber", for: "a fiber", any: [target], key: {} } as const
                return joining(wait, Fiber.join(target))
              })
            case "all":
              return Effect.withFiber((self) => {
                const children = new Set<AnyFiber>()
                let missing = op.ops.length
                const child = (effect: Effect.Effect<void>) =>
                  Effect.withFiber((fiber) => {
                    children.add(fiber)
                    missing--
                    return Effect.ensuring(effect, Effect.sync(() => children.delete(fiber)))
                  })
                const wait: Wait = {
                  node: self,
                  who: "fiber",
                  for: "fibers",
                  get any() {
                    return missing === 0 ? [...children] : []
                  },
                  key: children
                }
                return joining(
                  wait,
                  Effect.all(op.ops.map((one) => child(run(one, inside))), { concurrency: "unbounded" })
                )
              })
            case "timeout":
              return tried(Effect.timeout(run(op.then, inside), "1 second"))
            case "resize":
              return change(
                op.of === "semaphore"
                  ? Semaphore.resize(of(op.index), op.to)
                  : op.of === "group"
                  ? Group.setLimit(inside, op.to)
                  : WorkerPool.resize(poolOf(op.index % 2), op.to)
              )
          }
        }
        return run
      }
      let turns = 0
      yield* t.always(() => {
        // The interrupt of one may let all others go on.
        if (isEnded || (!closures && [...stuck].some(wasInterrupted))) stuck.clear()
        const ended = [...stuck].filter((fiber) => fiber.pollUnsafe() !== undefined)
        // Closures take a millisecond each.
        if (!closures || ++turns % 5 === 0) look()
        return ended.length === 0
      }, "a fiber that was called stuck has ended")
      for (const [i, program] of programs.entries()) {
        roots.push(yield* Effect.forkDetach(runOf(i)(program, group)))
      }
      yield* t.settled
      // A look reads a limited number of closures, each of them once.
      if (closures) { for (let n = 0; n < 5; n++) verdict(true) }
      const last = verdict(true)
      const alive = roots.filter((fiber) => fiber.pollUnsafe() === undefined)
      tally.programs++
      if (alive.length > 0) tally.deadlocked++
      yield* t.expect(alive.every((fiber) => last.isStuck(fiber)), "a fiber never ends, and was not called stuck")
      isEnded = true
      yield* Fiber.interruptAll(roots)
      yield* Scope.close(scope, Exit.void)
    })
  )
