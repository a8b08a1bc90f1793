/** G9: a group whose places are all held by children that wait for it never hangs, and no other group is refused. */
import { Cause, Deferred, Effect, Fiber } from "effect"
import * as fc from "fast-check"
import { Group } from "sluice"
import { type Scenario, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"
import { deepInTheStack, isInterrupted, run, settle, squash, start, turns } from "../support/effect.js"
import { holds, holdsWithin } from "../support/property.js"

/** A child that takes `work` turns, starts a child for each link, may wait for the group, and ends. */
interface Page {
  readonly work: number
  readonly links: ReadonlyArray<Page>
  readonly waits: boolean
  readonly end: "succeed" | "fail" | "interrupt"
}

const pages = (depth: number): fc.Arbitrary<ReadonlyArray<Page>> =>
  fc.array(
    fc.record<Page>({
      work: fc.constantFrom(0, 0, 1, 2),
      links: depth === 0 ? fc.constant([]) : pages(depth - 1),
      waits: fc.constantFrom(false, false, true),
      end: fc.constantFrom("succeed", "succeed", "succeed", "fail", "interrupt")
    }),
    { maxLength: depth === 0 ? 2 : 3 }
  )

interface Workload {
  readonly limit: number
  readonly onFailure: "cancel" | "continue"
  readonly roots: ReadonlyArray<Page>
  readonly others: ReadonlyArray<Page>
  readonly limits: ReadonlyArray<number>
}

const workload: fc.Arbitrary<Workload> = fc.record({
  limit: fc.integer({ min: 1, max: 3 }),
  onFailure: fc.constantFrom("continue", "continue", "cancel"),
  roots: pages(2),
  others: pages(1),
  limits: fc.constantFrom([], [3], [3, 4])
})

/** A page that is visited: `since` is when it began to wait in `go`. */
interface Visit {
  state: "works" | "waits" | "starts"
  since: number
}

/** Crawls from the roots while others start pages from outside, and the limit changes. */
const crawl = (work: Workload, isStock: boolean): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const group = yield* Group.make<string>({ limit: work.limit, onFailure: work.onFailure })
      const visits = new Set<Visit>()
      let calls = 0
      let wrong: string | undefined
      /** A group that fails of a verdict hands it on to all that start another child. */
      const verdicts = new Set<unknown>()

      /** All places are held by children that wait, and of those that wait in `go` this one is the last. */
      const judge = (visit: Visit | undefined) => {
        const { active, limit } = Group.stats(group)
        const starting = [...visits].filter(({ state }) => state === "starts")
        const isLast = visit !== undefined && starting.every(({ since }) => since <= visit.since)
        const areStuck = [...visits].every(({ state }) => state !== "works") && active >= Number(limit)
        if (!isLast) wrong ??= "the last child that has come to wait is not the one that is refused"
        if (!areStuck) wrong ??= "a child is refused although another one may go on"
      }

      const go = (page: Page, parent: Visit | undefined): Effect.Effect<void, string> =>
        Effect.suspend(() => {
          if (parent !== undefined) Object.assign(parent, { state: "starts", since: ++calls })
          return Effect.onExitPrimitive(Group.go(group, visit(page, parent)), (exit) => {
            const defect = squash(exit)
            if (isStock && defect instanceof Group.GroupDeadlock && !verdicts.has(defect)) judge(parent)
            verdicts.add(defect)
            if (parent !== undefined) parent.state = "works"
            return undefined
          }, true)
        })

      const visit = (page: Page, parent: Visit | undefined): Effect.Effect<void, string> =>
        Effect.uninterruptibleMask((restore) => {
          if (parent !== undefined) parent.state = "works"
          const self: Visit = { state: "works", since: 0 }
          visits.add(self)
          const wait = Effect.onExitPrimitive(
            Effect.suspend(() => {
              self.state = "waits"
              return Effect.exit(Group.wait(group))
            }),
            () => {
              self.state = "works"
              return undefined
            },
            true
          )
          const ends = { succeed: Effect.void, fail: Effect.fail("planned"), interrupt: Effect.interrupt }
          const all = Effect.gen(function*() {
            yield* turns(page.work)
            for (const link of page.links) yield* go(link, self)
            if (page.waits) yield* wait
            yield* ends[page.end]
          })
          return Effect.onExitPrimitive(restore(all), () => {
            visits.delete(self)
            return undefined
          }, true)
        })

      const crawler = (pages: ReadonlyArray<Page>) => Effect.forEach(pages, (page) => go(page, undefined))
      const limiter = Effect.forEach(work.limits, (limit) => Effect.andThen(turns(2), Group.setLimit(group, limit)))
      yield* t.always(() => {
        if (wrong !== undefined) throw new Error(wrong)
        return true
      }, "")
      yield* t.actor("crawler", Effect.andThen(crawler(work.roots), Group.wait(group)), { mayDie: true })
      yield* t.actor("other", Effect.andThen(turns(1), crawler(work.others)), { mayDie: true })
      yield* t.actor("limiter", limiter, { cancel: false })
      yield* t.settled
      const { active, waiting } = Group.stats(group)
      yield* t.expect(active === 0 && waiting === 0, `the group hangs: ${active} run, ${waiting} wait`)
    })
  )

describe("a group in which children start children never hangs (G9)", () => {
  test("on the stock runtime's terms, and a child is refused only if all wait", () => {
    holds(workload, (work) => crawl(work, true), { realism: "nested", cancels: 2, workloads: 600 })
  })

  test("preempted and interrupted at any operation", () => {
    holds(workload, (work) => crawl(work, false), { realism: "contract", cancels: 2, workloads: 400 })
  })

  test("where a fiber may yield before its first operation", () => {
    holds(workload, (work) => crawl(work, false), { realism: "scheduler", cancels: 2, workloads: 400 })
  })

  const leaf: Page = { work: 1, links: [], waits: false, end: "succeed" }
  const node = (...links: ReadonlyArray<Page>): Page => ({ ...leaf, work: 0, links })
  const small: Record<string, Workload> = {
    "one place": { limit: 1, onFailure: "continue", roots: [node(leaf)], others: [leaf], limits: [] },
    "two places": { limit: 2, onFailure: "continue", roots: [node(leaf), node(leaf)], others: [], limits: [] },
    "one that waits": {
      limit: 2,
      onFailure: "continue",
      roots: [node(leaf), { ...leaf, waits: true }],
      others: [],
      limits: []
    },
    "one place more": { limit: 1, onFailure: "cancel", roots: [node(leaf)], others: [], limits: [2] },
    "a chain": { limit: 2, onFailure: "continue", roots: [node(node(node(leaf)))], others: [], limits: [] }
  }
  test.each(Object.entries(small))("over every schedule with an interrupt: %s", (_, work) => {
    holdsWithin(crawl(work, false), { preemptions: 0, cancels: 1 })
  })
})

const defects = (group: Group.Group<never>): ReadonlyArray<unknown> => Group.failures(group).map(Cause.squash)

describe("a child that no place could ever come to", () => {
  test.each([["at once", Effect.void], ["after it has suspended", Effect.yieldNow]])(
    "dies of a GroupDeadlock that names the group and its limit: it waits %s",
    (_, before) =>
      run(Effect.gen(function*() {
        const group = yield* Group.make({ limit: 1, name: "crawl", onFailure: "continue" })
        yield* Group.go(group, Effect.andThen(before, Group.go(group, Effect.void)))
        yield* settle
        expect(defects(group)).toEqual([new Group.GroupDeadlock({ group: "crawl", limit: 1 })])
        expect(String(defects(group)[0])).toContain("the only place of the group \"crawl\"")
        expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 0, failed: 1, state: "open" })
      }))
  )

  test("gives its place back, and the others go on", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 2, onFailure: "continue" })
      let begun = 0
      const nested = Effect.andThen(Effect.yieldNow, Group.go(group, Effect.sync(() => begun++)))
      yield* Group.go(group, nested)
      yield* Group.go(group, nested)
      yield* settle
      expect(begun).toBe(1)
      expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 0, failed: 1, succeeded: 2 })
      expect(String(defects(group)[0])).toContain("each of the 2 places of the group is held")
    })))

  describe("once the last one that does not wait has ended, though the limit leaves that place to nobody", () => {
    const afterEnd = (end: Effect.Effect<void, string>) =>
      Effect.gen(function*() {
        const group = yield* Group.make<string>({ limit: 2, onFailure: "continue" })
        const gate = yield* Deferred.make<void>()
        yield* Group.go(group, Effect.andThen(Deferred.await(gate), end))
        yield* Group.go(group, Effect.andThen(Effect.yieldNow, Group.go(group, Effect.void)))
        yield* Group.setLimit(group, 1)
        yield* settle
        expect(Group.stats(group)).toMatchObject({ active: 2, waiting: 1 })
        yield* Deferred.succeed(gate, undefined)
        yield* settle
        return group
      })

    test.each([["failed", Effect.fail("planned")], ["been interrupted", Effect.interrupt]])(
      "is refused where that one has %s",
      (_, end) =>
        run(Effect.gen(function*() {
          const group = yield* afterEnd(end)
          expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 0, started: 2, succeeded: 0 })
          expect(Cause.squash(Group.failures(group).at(-1)!)).toBeInstanceOf(Group.GroupDeadlock)
        }))
    )

    test("is refused where that one has succeeded", () =>
      run(Effect.gen(function*() {
        const group = yield* afterEnd(Effect.void)
        expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 0, succeeded: 1, failed: 1 })
        const deadlock = new Group.GroupDeadlock({ group: undefined, limit: 1 })
        expect(Group.failures(group).map(Cause.squash)).toEqual([deadlock])
      })))
  })

  test("is not refused while the fiber that waits is none of the children", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 1 })
      const gate = yield* Deferred.make<void>()
      yield* Group.go(group, Deferred.await(gate))
      const outside = yield* start(Effect.all([1, 2].map(() => Group.go(group, Effect.void)), { concurrency: 2 }))
      expect(Group.stats(group)).toMatchObject({ active: 1, waiting: 2 })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(outside)
      yield* Group.wait(group)
      expect(Group.stats(group)).toMatchObject({ succeeded: 3, failed: 0 })
    })))

  test("is not refused in a group of that name of its own, whose places are free", () =>
    run(Effect.gen(function*() {
      const outer = yield* Group.make({ limit: 1 })
      const inner = Group.scoped({ limit: 1 }, (group) =>
        Effect.andThen(Group.go(group, Effect.yieldNow), Group.go(group, Effect.yieldNow)))
      yield* Group.go(outer, inner)
      yield* Group.wait(outer)
      expect(Group.stats(outer)).toMatchObject({ succeeded: 1, failed: 0 })
    })))

  test("can be interrupted as any other that waits, which leaves its place", () =>
    run(Effect.gen(function*() {
      const group = yield* Group.make({ limit: 2 })
      const gate = yield* Deferred.make<void>()
      yield* Group.go(group, Deferred.await(gate))
      const child = yield* Group.fork(group, Group.go(group, Effect.void))
      yield* settle
      expect(Group.stats(group)).toMatchObject({ active: 2, waiting: 1 })
      yield* Fiber.interrupt(child)
      expect(isInterrupted(yield* Fiber.await(child))).toBe(true)
      yield* Group.go(group, Group.go(group, Effect.void).pipe(Effect.ensuring(Effect.void), Effect.forkDetach))
      expect(Group.stats(group)).toMatchObject({ active: 1, waiting: 0 })
      yield* Deferred.succeed(gate, undefined)
      yield* Group.wait(group)
    })))
})

test("a child that waits for the group as it begins makes the verdict on another one's go", () =>
  run(Effect.gen(function*() {
    const group = yield* Group.make({ limit: 2, onFailure: "continue" })
    const [asks, ends] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    yield* Group.go(group, Effect.andThen(Deferred.await(asks), Group.go(group, Effect.void)))
    yield* Group.go(group, Deferred.await(ends))
    // It begins as a place is handed to it, with the other child's call pending behind it.
    yield* start(Group.go(group, Effect.exit(Group.wait(group))))
    yield* Deferred.succeed(asks, undefined)
    expect(Group.stats(group)).toMatchObject({ active: 2, waiting: 2 })
    yield* Deferred.succeed(ends, undefined)
    yield* settle
    expect(Group.failures(group).map(Cause.squash)).toMatchObject([{ _tag: "GroupDeadlock" }])
    expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 0, failed: 1, succeeded: 2 })
  })))

test("a child that is refused and interrupted before it goes on leaves the books whole", () =>
  run(Effect.gen(function*() {
    const group = yield* Group.make({ limit: 1, onFailure: "continue" })
    const gate = yield* Deferred.make<void>()
    const child = yield* Group.fork(group, Effect.andThen(Deferred.await(gate), Group.go(group, Effect.void)))
    let begun = false
    yield* start(Group.go(group, Effect.sync(() => void (begun = true))))
    // The child is refused in a deep stack, so that it goes on in a later turn; its interrupt comes before.
    deepInTheStack(() => {
      Deferred.doneUnsafe(gate, Effect.void)
    })
    child.interruptUnsafe()
    yield* settle
    expect(begun).toBe(true)
    expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 0 })
  })))

test("a limit that is lowered while a place cools down makes the verdict", () =>
  run(Effect.gen(function*() {
    const group = yield* Group.make<string>({ limit: 3, onFailure: "continue" })
    const [asks, fails] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    yield* Group.go(group, Effect.andThen(Deferred.await(fails), Effect.fail("planned")))
    yield* Group.go(group, Effect.andThen(Deferred.await(asks), Group.go(group, Effect.void)))
    yield* Group.go(group, Effect.exit(Group.wait(group)))
    yield* Effect.suspend(() => {
      Deferred.doneUnsafe(asks, Effect.void)
      Deferred.doneUnsafe(fails, Effect.void)
      return Group.setLimit(group, 2)
    })
    yield* settle
    expect(Group.failures(group).map(Cause.squash)).toMatchObject(["planned", { _tag: "GroupDeadlock", limit: 2 }])
    expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 0, failed: 2, succeeded: 1 })
  })))
