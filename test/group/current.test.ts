/**
 * The current group: children without a parameter for the group, early ends, and children that say when they are ready.
 */
import { Cause, Effect, Exit, Fiber } from "effect"
import * as fc from "fast-check"
import { Group } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { current } from "../scenarios/group.js"
import { defectOf, isInterrupted, run, settle, squash, start, turns } from "../support/effect.js"
import { holds, lawsOf } from "../support/property.js"

type Start = <E, R>(
  effect: Effect.Effect<unknown, E, R>
) => Effect.Effect<unknown, never, R | Group.Current<E>>
const starters: Readonly<Record<"go" | "tryGo" | "fork", Start>> = {
  go: (effect) => Group.go(effect),
  tryGo: (effect) => Group.tryGo(effect),
  fork: (effect) => Group.fork(effect)
}

describe("the current group", () => {
  test("is that of the innermost scoped", () =>
    run(Effect.gen(function*() {
      const inner = Effect.exit(Group.go(Effect.fail("inner")).pipe(Group.scoped()))
      const outer = Effect.gen(function*() {
        yield* Group.go(Effect.fail("outer"))
        yield* Effect.never
      }).pipe(Group.scoped())
      const both = Effect.gen(function*() {
        expect(squash(yield* inner)).toBe("inner")
        yield* outer
      }).pipe(Group.scoped())
      expect(yield* Effect.flip(both)).toBe("outer")
    })))

  test("of a child is that of its body, also when the child is started in a group that is a value", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const program = Effect.gen(function*() {
        const other = yield* Group.make()
        yield* Group.go(other, Group.go(Effect.andThen(Effect.yieldNow, Effect.sync(() => log.push("grandchild")))))
        yield* Group.wait(other)
        log.push("waited for the other group")
      }).pipe(Group.scoped())
      yield* Effect.scoped(program)
      expect(log).toEqual(["waited for the other group", "grandchild"])
    })))

  test.each(["go", "fork", "tryGo"] as const)(
    "interrupts a body that calls %s after a failure, uninterruptible or not",
    (name) =>
      run(Effect.gen(function*() {
        const begin = (effect: Effect.Effect<unknown, string>) => Effect.asVoid(starters[name](effect))
        let rounds = 0
        const loop = Effect.gen(function*() {
          for (; rounds < 100; rounds++) yield* begin(rounds === 3 ? Effect.fail("planned") : Effect.void)
        })
        expect(yield* Effect.flip(Group.scoped(loop))).toBe("planned")
        expect(rounds).toBe(3)
        rounds = 0
        expect(yield* Effect.flip(Group.scoped(Effect.uninterruptible(loop)))).toBe("planned")
        expect(rounds).toBe(4)
      }))
  )

  test("takes no child by tryGo at its limit", () =>
    run(Effect.gen(function*() {
      const twice = Effect.all([Group.tryGo(Effect.yieldNow), Group.tryGo(Effect.yieldNow)])
      expect(yield* Group.scoped(twice, { limit: 1 })).toEqual([true, false])
    })))

  test("interrupts a child that calls go while a failure ends the group", () =>
    run(Effect.gen(function*() {
      let exit: Exit.Exit<unknown, unknown> | undefined
      const late = Effect.onExit(Group.go(Effect.void), (end) => Effect.sync(() => void (exit = end)))
      const program = Effect.gen(function*() {
        yield* Group.go(Effect.onInterrupt(Effect.never, () => Effect.exit(late)))
        yield* Group.go(Effect.fail("planned"))
      }).pipe(Group.scoped())
      expect(yield* Effect.exit(program)).toEqual(Exit.fail("planned"))
      expect(exit !== undefined && isInterrupted(exit)).toBe(true)
    })))

  test("starts nothing once it is over: go by a detached fiber dies with GroupClosed", () =>
    run(Effect.gen(function*() {
      const late = Effect.andThen(turns(5), Group.go(Effect.void))
      const detached = yield* Group.scoped(Effect.forkDetach(late))
      expect(squash(yield* Fiber.await(detached))).toMatchObject({ _tag: "GroupClosed" })
    })))

  test("passes an interrupt of scoped on, and a go of its body that waits dies of nothing", () =>
    run(Effect.gen(function*() {
      const body = Effect.andThen(Group.go(Effect.never), Group.go(Effect.never))
      for (const uninterruptible of [false, true]) {
        const fiber = yield* start(Group.scoped(uninterruptible ? Effect.uninterruptible(body) : body, { limit: 1 }))
        yield* Fiber.interrupt(fiber)
        expect(isInterrupted(yield* Fiber.await(fiber))).toBe(true)
      }
    })))

  test("checks its options as it is made", () =>
    run(Effect.gen(function*() {
      for (const limit of [0, -1, 1.5, NaN]) {
        expect(yield* defectOf(Group.scoped(Effect.void, { limit }))).toMatchObject({
          message: `Group.scoped: limit must be an integer >= 1 or "unbounded", got ${limit}`
        })
      }
    })))
})

describe("finish", () => {
  test("ends children and body, waits for their finalizers, and gives scoped its value", () =>
    run(Effect.gen(function*() {
      const log: Array<string> = []
      const slow = (name: string) =>
        Effect.onInterrupt(Effect.never, () => Effect.andThen(turns(3), Effect.sync(() => log.push(name))))
      const program = Effect.gen(function*() {
        yield* Group.go(slow("child"))
        yield* Group.go(Effect.andThen(turns(2), Group.finish("early")))
        return yield* slow("body")
      }).pipe(Group.scoped())
      expect(yield* program).toBe("early")
      expect(log.toSorted()).toEqual(["body", "child"])
    })))

  test("by the body ends the children, and the first one counts", () =>
    run(Effect.gen(function*() {
      const last = Effect.onInterrupt(Effect.never, () => Effect.exit(Group.finish("second")))
      expect(yield* Group.scoped(Effect.andThen(Group.go(last), Group.finish("first")))).toBe("first")
    })))

  test("interrupts a go that waits for a place, and one that comes later", () =>
    run(Effect.gen(function*() {
      let begun = 0
      const program = Effect.gen(function*() {
        yield* Group.go(Effect.andThen(turns(2), Group.finish("early")))
        yield* Effect.onInterrupt(Group.go(Effect.sync(() => begun++)), () =>
          Effect.exit(Group.go(Effect.sync(() => begun++))))
        return "late"
      }).pipe(Group.scoped({ limit: 1 }))
      expect([yield* program, begun]).toEqual(["early", 0])
    })))

  test("changes nothing in a group that has failed, and comes before a failure that comes after it", () =>
    run(Effect.gen(function*() {
      const finishes = Effect.onInterrupt(Effect.never, () => Effect.exit(Group.finish("late")))
      const failed = Effect.andThen(Group.go(finishes), Group.go(Effect.fail("planned"))).pipe(Group.scoped())
      expect(yield* Effect.exit(failed)).toEqual(Exit.fail("planned"))
      const fails = Effect.onInterrupt(Effect.never, () => Effect.fail("late"))
      const finished = Effect.andThen(Group.go(fails), Group.finish("early")).pipe(Group.scoped())
      expect(yield* finished).toBe("early")
    })))

  test.each(["child", "body"] as const)(
    "does not hide what the %s dies of on its way out",
    (who) =>
      run(Effect.gen(function*() {
        const dies = Effect.onInterrupt(Effect.never, () => Effect.die("a bug"))
        const program = who === "child"
          ? Effect.andThen(Group.go(dies), Group.finish("early"))
          : Effect.andThen(Group.go(Effect.andThen(turns(2), Group.finish("early"))), dies)
        expect(yield* defectOf(Group.scoped(program))).toBe("a bug")
      }))
  )

  test("with onFailure continue wins over the failures before it", () =>
    run(Effect.gen(function*() {
      const program = Effect.andThen(Group.go(Effect.fail("planned")), Group.finish("early"))
      expect(yield* Group.scoped(program, { onFailure: "continue" })).toBe("early")
    })))
})

describe("start", () => {
  test("returns what the child says, while the child goes on", () =>
    run(Effect.gen(function*() {
      let ended = false
      const server = Effect.gen(function*() {
        yield* turns(2)
        yield* Group.ready(8080)
        yield* Group.ready(9090)
        yield* turns(5)
        ended = true
      })
      const program = Effect.gen(function*() {
        expect([yield* Group.start(server), ended]).toEqual([8080, false])
      }).pipe(Group.scoped())
      yield* program
      expect(ended).toBe(true)
    })))

  test("fails as a child that fails before it is ready, and the group goes on", () =>
    run(Effect.gen(function*() {
      const broken = Effect.andThen(turns(2), Effect.andThen(Effect.fail("no socket"), Group.ready(1)))
      const program = Effect.gen(function*() {
        const other = yield* Group.fork(Effect.andThen(turns(9), Effect.succeed("unharmed")))
        expect(yield* Effect.flip(Group.start(broken))).toBe("no socket")
        return yield* Fiber.join(other)
      }).pipe(Group.scoped())
      expect(yield* program).toBe("unharmed")
    })))

  test("dies as a child that dies before it is ready", () =>
    run(Effect.gen(function*() {
      const broken = Effect.andThen(Effect.die("a bug"), Group.ready(1))
      expect(yield* defectOf(Group.scoped(Group.start(broken)))).toBe("a bug")
    })))

  test("fails the group as a child that fails after it was ready", () =>
    run(Effect.gen(function*() {
      const program = Effect.andThen(Group.start(Effect.andThen(Group.ready(), Effect.fail("planned"))), Effect.never)
      expect(yield* Effect.exit(Group.scoped(program))).toEqual(Exit.fail("planned"))
    })))

  test("dies with NeverReady when the child ends without a word", () =>
    run(Effect.gen(function*() {
      const program = Group.scoped(Group.start(Effect.yieldNow), { name: "servers" })
      expect(yield* defectOf(program)).toMatchObject({
        _tag: "NeverReady",
        message: "Group.start: the child in the group \"servers\" ended without a call of Group.ready"
      })
    })))

  test("is interrupted with a child that interrupts itself, which counts as interrupted", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make()
      const exit = yield* Effect.exit(Group.start(group, Effect.andThen(Effect.interrupt, Group.ready(1))))
      expect(isInterrupted(exit)).toBe(true)
      expect(Group.stats(group)).toMatchObject({ interrupted: 1, succeeded: 0, state: "open" })
    })))

  test("takes the child along when it is interrupted, before and after the child has a place", () =>
    run(Effect.gen(function*() {
      for (const limit of [1, 2]) {
        const group = yield* Group.make({ limit })
        yield* Group.go(group, Effect.never)
        let exit: Exit.Exit<unknown, unknown> | undefined
        const child = Effect.onExit(
          Effect.andThen(Effect.never, Group.ready(1)),
          (end) => Effect.sync(() => void (exit = end))
        )
        const starting = yield* start(Group.start(group, child))
        yield* settle
        yield* Fiber.interrupt(starting)
        expect(Group.stats(group)).toMatchObject({ active: 1, waiting: 0, started: limit })
        expect(exit?._tag).toBe(limit === 1 ? undefined : "Failure")
      }
    })))

  test("ends as the group does when that fails or is cancelled meanwhile", () =>
    run(Effect.gen(function*() {
      const never = Effect.andThen(Effect.never, Group.ready(1))
      const group = yield* Group.make<string>()
      const starting = yield* start(Group.start(group, never))
      yield* Group.go(group, Effect.fail("planned"))
      expect(yield* Fiber.await(starting)).toEqual(Exit.fail("planned"))

      const cancelled = yield* Group.make()
      const other = yield* start(Group.start(cancelled, never))
      yield* Group.cancel(cancelled)
      expect(squash(yield* Fiber.await(other))).toMatchObject({ _tag: "GroupClosed" })
      const program = Effect.gen(function*() {
        yield* Group.go(Effect.andThen(turns(2), Effect.fail("planned")))
        yield* Group.start(never)
      }).pipe(Group.scoped())
      expect(yield* Effect.exit(program)).toEqual(Exit.fail("planned"))
    })))
})

describe("any and quorum", () => {
  const after = <A, E>(n: number, effect: Effect.Effect<A, E>) => Effect.andThen(turns(n), effect)

  test("return the first successes, in the order in which they came, with the others ended", () =>
    run(Effect.gen(function*() {
      const ends: Array<string> = []
      const loser = Effect.onInterrupt(
        Effect.never,
        () => Effect.andThen(turns(2), Effect.sync(() => ends.push("ended")))
      )
      const candidates = [
        loser,
        after(5, Effect.succeed("b")),
        after(1, Effect.fail("planned")),
        after(2, Effect.succeed("a"))
      ]
      expect(yield* Group.any(candidates)).toBe("a")
      expect(yield* Group.quorum(candidates, 2)).toEqual(["a", "b"])
      expect(yield* Group.quorum(candidates, 0)).toEqual([])
      expect(ends).toEqual(["ended", "ended"])
    })))

  test("fail with every cause as soon as too few are left, and interrupt the others", () =>
    run(Effect.gen(function*() {
      let interrupted = 0
      const loser = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const exit = yield* Effect.exit(Group.quorum([loser, after(3, Effect.fail("b")), after(1, Effect.fail("a"))], 2))
      expect(Exit.isFailure(exit) && exit.cause.reasons.map((reason) => "error" in reason && reason.error)).toEqual([
        "a",
        "b"
      ])
      expect(interrupted).toBe(1)
      expect(squash(yield* Effect.exit(Group.any([Effect.fail("only")])))).toBe("only")
    })))

  test("count a candidate that interrupts itself among the failures, and die of a defect at once", () =>
    run(Effect.gen(function*() {
      expect(isInterrupted(yield* Effect.exit(Group.any([Effect.interrupt, Effect.interrupt])))).toBe(true)
      expect(yield* Group.any([Effect.interrupt, Effect.succeed(1)])).toBe(1)
      expect(yield* defectOf(Group.any([Effect.never, Effect.die("a bug")]))).toBe("a bug")
    })))

  test("drop a success that comes after the last one that counts, from a candidate that no interrupt stops", () =>
    run(Effect.gen(function*() {
      const late = Effect.uninterruptible(after(3, Effect.succeed("late")))
      expect(yield* Group.quorum([late, after(1, Effect.succeed("early"))], 1)).toEqual(["early"])
    })))

  test("run no more at a time than the limit", () =>
    run(Effect.gen(function*() {
      let [running, most] = [0, 0]
      const candidate = (n: number) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            most = Math.max(most, ++running)
          }),
          () => after(n, n < 4 ? Effect.fail("planned") : Effect.succeed(n)),
          () => Effect.sync(() => running--)
        )
      expect(yield* Group.quorum([1, 2, 3, 4, 5].map(candidate), 2, { limit: 2 })).toEqual([4, 5])
      expect([running, most]).toEqual([0, 2])
    })))

  test("refuse a count that makes no sense, before anything runs", () =>
    run(Effect.gen(function*() {
      let begun = 0
      const candidates = [Effect.sync(() => begun++)]
      for (const count of [-1, 2, 0.5, NaN, Infinity]) {
        expect(yield* defectOf(Group.quorum(candidates, count))).toMatchObject({
          message: `Group.quorum: count must be an integer from 0 to the number of effects, 1, got ${count}`
        })
      }
      expect(yield* defectOf(Group.any([]))).toMatchObject({
        message: "Group.any: effects must be at least one, got []"
      })
      expect(begun).toBe(0)
    })))
})

describe("runtime", () => {
  test("starts children from callbacks, within the limit, and a failure is the group's", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: 1 })
      const runChild = yield* Group.runtime(group)()
      const first = runChild(Effect.andThen(turns(2), Effect.succeed(1)))
      const second = runChild(Effect.fail("planned"))
      expect(Group.stats(group)).toMatchObject({ active: 1, waiting: 1 })
      expect(yield* Fiber.join(first)).toBe(1)
      expect(yield* Fiber.await(second)).toEqual(Exit.fail("planned"))
      expect(yield* Effect.exit(Group.wait(group))).toEqual(Exit.fail("planned"))
      expect(squash(yield* Fiber.await(runChild(Effect.void)))).toBe("planned")
    })))

  test("has a fiber that takes the child along, also while it waits for a place", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const runChild = yield* Group.runtime(group)()
      const [running, waiting] = [runChild(Effect.never), runChild(Effect.never)]
      yield* Fiber.interrupt(waiting)
      expect(Group.stats(group)).toMatchObject({ active: 1, waiting: 0, started: 1 })
      yield* Fiber.interrupt(running)
      expect(Group.stats(group)).toMatchObject({ active: 0, interrupted: 1 })
    })))

  test("with promises: resolves, rejects, and ends the child when its signal aborts", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make<string>({ onFailure: "continue" })
      const runChild = yield* Group.runtimePromise(group)()
      expect(yield* Effect.promise(() => runChild(Effect.succeed(1)))).toBe(1)
      yield* Effect.promise(() => expect(runChild(Effect.fail("planned"))).rejects.toBe("planned"))
      const controller = new AbortController()
      const aborted = runChild(Effect.never, { signal: controller.signal })
      controller.abort()
      yield* Effect.promise(() => expect(aborted).rejects.toThrow())
      expect(Group.stats(group)).toMatchObject({ active: 0, interrupted: 1 })
    })))
})

lawsOf(current, { bounds: (name) => ({ preemptions: 1, cancels: name.includes("quorum") ? 1 : 2 }), runs: 300 })

/** A child of the current group; or of a scope of its own, with a limit. */
interface Node {
  readonly work: number
  readonly scope: number | undefined
  readonly nested: ReadonlyArray<Node>
  readonly starts: "go" | "fork" | "tryGo" | "start"
  readonly end: "succeed" | "fail" | "die" | "finish"
}

const nodes = (depth: number): fc.Arbitrary<ReadonlyArray<Node>> =>
  fc.array(
    fc.record<Node>({
      work: fc.nat(2),
      scope: fc.constantFrom(undefined, undefined, 1, 2, 9),
      nested: depth === 0 ? fc.constant([]) : nodes(depth - 1),
      starts: fc.constantFrom("go", "go", "fork", "tryGo", "start"),
      end: fc.constantFrom("succeed", "succeed", "succeed", "fail", "die", "finish")
    }),
    { maxLength: 3 }
  )

/** What a scope saw: its children that run, those that failed, and the values it was to be finished with. */
class Book {
  readonly running = new Set<object>()
  readonly failed: Array<unknown> = []
  readonly finished: Array<unknown> = []
}

type Started = Effect.Effect<unknown, string, Group.Current<string, unknown>>

/** Each scope ends as one of its children, or its body, made it end; and nothing of it runs by then. */
const nested = (all: ReadonlyArray<Node>): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      let wrong: string | undefined
      let names = 0
      const inScope = (nodes: ReadonlyArray<Node>, limit: number): Effect.Effect<unknown, string> =>
        Effect.suspend(() => {
          const book = new Book()
          const body = Effect.as(Effect.forEach(nodes, (node) => starting(node, book), { discard: true }), "body")
          return Effect.onExit(Group.scoped(body, { limit }), (exit) =>
            Effect.sync(() => {
              const wasInterrupted = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)
              if (book.running.size > 0) wrong ??= "a child runs after its scope (G2)"
              if (wasInterrupted) return
              const end = Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause)
              const ends = Exit.isFailure(exit) ? book.failed : book.finished
              if (end === "body" ? book.failed.length + book.finished.length > 0 : !ends.includes(end)) {
                wrong ??= `a scope ended as ${String(end)}, of ${book.failed.join()} and ${book.finished.join()} (G1)`
              }
            }))
        })
      const starting = (node: Node, book: Book): Started => {
        const child = running(node, book)
        // One that fails before it is ready would fail its caller; this one has been ready.
        return node.starts === "start"
          ? Group.start(Effect.andThen(Group.ready(), child))
          : starters[node.starts](child)
      }
      const running = (node: Node, book: Book): Started =>
        Effect.uninterruptibleMask((restore) =>
          Effect.suspend(() => {
            const id = {}
            book.running.add(id)
            return Effect.onExit(restore(content(node, book)), (exit) =>
              Effect.sync(() => {
                book.running.delete(id)
                if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
                  book.failed.push(Cause.squash(exit.cause))
                }
              }))
          })
        )
      const content = (node: Node, book: Book): Started =>
        Effect.gen(function*() {
          yield* turns(node.work)
          if (node.scope !== undefined) yield* Effect.exit(inScope(node.nested, node.scope))
          else for (const inner of node.nested) yield* starting({ ...inner, starts: "tryGo" }, book)
          const name = `${node.end} ${++names}`
          if (node.end === "succeed") return
          if (node.end === "finish") {
            book.finished.push(name)
            return yield* Group.finish(name)
          }
          return yield* (node.end === "fail" ? Effect.fail(name) : Effect.die(name))
        })
      yield* t.actor("a", inScope(all, 2), { mayDie: true })
      yield* t.settled
      yield* t.expect(wrong === undefined, wrong ?? "")
    })
  )

describe("over random trees of scopes and children", () => {
  test.each(["contract", "suspension"] as const)("no scope loses an error, a value or a child: %s", (realism) => {
    holds(nodes(2), nested, { realism, cancels: 2, workloads: 150 })
  })
})
