/** Workers that share threads: who gets a part of which, and when a thread begins and ends. */
import { Effect, Exit, type Fiber, Scope } from "effect"
import { type ThreadPool } from "sluice/threads"
import { expect, test } from "vitest"
import { Crew } from "../../src/internal/threads/Crew.js"
import type { Lease } from "../../src/internal/threads/Home.js"
import { Board, kinds } from "../../src/internal/threads/protocol.js"
import { Thread } from "../../src/internal/threads/Thread.js"
import { run, settle, squash } from "../support/effect.js"
import { type Puppet, Puppets } from "../support/puppets.js"

/** A worker's part of a thread, as the worker sees it. */
interface Part {
  readonly name: string
  readonly fiber: Fiber.Fiber<Lease, ThreadPool.ThreadFailed>
  /** Suspends as long as the release does. */
  readonly release: (exit?: Exit.Exit<unknown, unknown>) => Effect.Effect<Fiber.Fiber<void>>
}

/** What waits for a thread is not waited for at the end of a test that has failed. */
const start = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkDetach(effect, { startImmediately: true })

type Timer = "grace" | "startTimeout" | "closeTimeout" | "patience"

const make = (seats: number, onSpawn: (puppet: Puppet) => void = () => {}) => {
  const threads = new Puppets((puppet) => {
    puppet.isHeld = true
    onSpawn(puppet)
  })
  /** The timers that run, each with what ends it. */
  const timers: Array<readonly [name: Timer, fire: () => void]> = []
  const timer = (name: Timer): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const stop = () => void timers.splice(timers.indexOf(running), 1)
      const running = [name, () => (stop(), resume(Effect.void))] as const
      timers.push(running)
      return Effect.sync(stop)
    })
  /** The workers that were asked to stop using their thread, in order. */
  const invalidated: Array<string> = []
  const crew = new Crew("pool", seats, (place) => ({
    thread: (owner) => {
      const options = { module: new URL("fake:threads"), name: `pool/thread-${place}`, node: {} }
      return new Thread(threads.spawn, options, seats, 1, owner)
    },
    seats,
    grace: timer("grace"),
    startTimeout: timer("startTimeout"),
    closeTimeout: timer("closeTimeout"),
    patience: timer("patience"),
    fork: Effect.runFork
  }))
  const acquire = (name: string) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const invalidate = Effect.sync(() => void invalidated.push(name))
      const fiber = yield* start(Scope.provide(crew.acquire(invalidate), scope))
      const release: Part["release"] = (exit = Exit.void) => start(Scope.close(scope, exit))
      return { name, fiber, release }
    })
  const leaseOf = ({ fiber }: Part): Lease => {
    const exit = fiber.pollUnsafe()
    if (exit === undefined || Exit.isFailure(exit)) throw new Error(`no lease: ${String(exit)}`)
    return exit.value
  }
  const running = () => timers.map(([name]) => name)
  const fire = (name: Timer) => timers.find((timer) => timer[0] === name)![1]()
  return { all: threads.all, acquire, crew, fire, invalidated, leaseOf, running }
}

const isOver = (fiber: Fiber.Fiber<unknown, unknown>): boolean => fiber.pollUnsafe() !== undefined

const died = Exit.die("a bug")

test("workers share a thread as long as it has seats, and wait together until it serves", () =>
  run(Effect.gen(function*() {
    const { acquire, all, crew, leaseOf, running } = make(2)
    expect(crew.jobs).toEqual([])
    const parts = [yield* acquire("a"), yield* acquire("b"), yield* acquire("c")]
    expect([all.length, parts.map(({ fiber }) => isOver(fiber)), running()]).toEqual([
      2,
      [false, false, false],
      ["startTimeout", "startTimeout"]
    ])
    for (const puppet of all) puppet.serve()
    const [a, b, c] = parts.map(leaseOf)
    expect([a!.home === b!.home, a!.home === c!.home, running(), crew.jobs]).toEqual([
      true,
      false,
      [],
      ["call"]
    ])
    expect(all.map(({ options }) => options.name)).toEqual(["pool/thread-1", "pool/thread-2"])
    // Each has a seat of its own, and the load is that of the thread.
    for (const lease of [a!, b!, c!]) yield* start(lease.call({ name: "call", input: 1 }))
    yield* settle
    expect([a!.load, b!.load, c!.load]).toEqual([2, 2, 1])
    expect(all[0]!.posted.flat().filter((_, i) => i % 4 === 0).sort()).toEqual([0, 1])
  })))

test("a worker that leaves while its thread starts takes no seat, and the last one ends the thread", () =>
  run(Effect.gen(function*() {
    const { acquire, all, leaseOf, running } = make(2)
    const [a, b] = [yield* acquire("a"), yield* acquire("b")]
    a.fiber.interruptUnsafe()
    // Nothing is to be waited for.
    expect(isOver(yield* a.release())).toBe(true)
    expect(all[0]!.terminations).toBe(0)
    b.fiber.interruptUnsafe()
    const released = yield* b.release()
    expect([all[0]!.terminations, isOver(released), running()]).toEqual([1, false, []])
    // Another one waits for the next thread, at the same place.
    const c = yield* acquire("c")
    expect([all.length, isOver(c.fiber)]).toEqual([1, false])
    all[0]!.end()
    expect([isOver(released), all.length, running()]).toEqual([true, 2, ["startTimeout"]])
    const d = yield* acquire("d")
    all[1]!.serve()
    expect([leaseOf(c).home === leaseOf(d).home, all.length]).toEqual([true, 2])
  })))

test("a thread closes with the last part of it, and there is a next one once it has ended", () =>
  run(Effect.gen(function*() {
    const { acquire, all, fire, invalidated, running } = make(2)
    const [a, b] = [yield* acquire("a"), yield* acquire("b")]
    const [first] = all
    first!.endsItself = true
    first!.serve(true)
    expect(isOver(yield* a.release(Exit.fail("no defect")))).toBe(true)
    expect([first!.posted, invalidated, running()]).toEqual([[], [], []])
    const released = yield* b.release()
    expect([first!.posted, running()]).toEqual([[{ _tag: "close" }], ["patience"]])
    yield* acquire("c")
    first!.say({ _tag: "closing" })
    expect(running()).toEqual(["closeTimeout"])
    first!.say({ _tag: "closed" })
    expect([running(), first!.terminations]).toEqual([["patience"], 0])
    fire("patience")
    expect([running(), first!.terminations, isOver(released), all.length]).toEqual([[], 1, false, 1])
    first!.end()
    expect([isOver(released), all.length, invalidated]).toEqual([true, 2, []])
    expect(released.pollUnsafe()).toEqual(Exit.void)
  })))

test("finalizers that take too long are reported by one worker, and the others have nothing to tell", () =>
  run(Effect.gen(function*() {
    const { acquire, all, fire } = make(3)
    const parts = [yield* acquire("a"), yield* acquire("b")]
    all[0]!.serve(true)
    yield* parts[0]!.release()
    const last = yield* parts[1]!.release()
    // It had no seat, and waits for the end as well.
    const late = yield* acquire("c")
    late.fiber.interruptUnsafe()
    const other = yield* late.release()
    all[0]!.say({ _tag: "closing" })
    fire("closeTimeout")
    all[0]!.end()
    const [one, two] = [last.pollUnsafe()!, other.pollUnsafe()!]
    expect([squash(one), two]).toMatchObject([{ _tag: "ThreadNotClosed", reason: "timeout" }, Exit.void])
  })))

test("a thread that a job has died in is given to nobody else, and ends with the last part of it", () =>
  run(Effect.gen(function*() {
    const { acquire, all, invalidated, leaseOf } = make(3)
    const [a, b, c] = [yield* acquire("a"), yield* acquire("b"), yield* acquire("c")]
    all[0]!.serve()
    const board = new Board(all[0]!.options.init.words)
    const call = (part: Part) => start(leaseOf(part).call({ name: "call", input: 1 }))
    const begun = yield* call(b)
    board.begin(all[0]!.posted.flat()[0] as number, 1)
    const waits = yield* call(c)
    const toldFirst: Array<string> = []
    waits.addObserver(() => void toldFirst.push(...invalidated))
    expect(isOver(yield* a.release(died))).toBe(true)
    // All hear of it before a call comes back: the pool would give it to the same thread again.
    expect([invalidated, toldFirst, isOver(begun)]).toEqual([["b", "c"], ["b", "c"], false])
    expect(leaseOf(c).unbegun).toBe("lost")
    const d = yield* acquire("d")
    expect([isOver(d.fiber), all.length, all[0]!.terminations]).toEqual([false, 1, 0])
    expect(isOver(yield* c.release(died))).toBe(true)
    expect([invalidated, all[0]!.posted.length]).toEqual([["b", "c"], 1])
    const last = yield* b.release()
    expect([isOver(last), all[0]!.posted.at(-1)]).toEqual([false, { _tag: "close" }])
    all[0]!.say({ _tag: "closed" })
    all[0]!.end()
    expect([isOver(last), all.length]).toEqual([true, 2])
  })))

test("a thread that is terminated is taken from its workers at once, and only the last to leave waits for its end", () =>
  run(Effect.gen(function*() {
    const { acquire, all, fire, invalidated, leaseOf } = make(2)
    const [a, b] = [yield* acquire("a"), yield* acquire("b")]
    all[0]!.serve()
    const board = new Board(all[0]!.options.init.words)
    const stuck = yield* start(leaseOf(a).call({ name: "call", input: 1 }))
    board.begin(all[0]!.posted.flat()[0] as number, 1)
    yield* Effect.sync(() => stuck.interruptUnsafe())
    fire("grace")
    expect([all[0]!.terminations, invalidated]).toEqual([1, ["a", "b"]])
    // What dies now is of no account.
    expect(isOver(yield* b.release(died))).toBe(true)
    const released = yield* a.release(died)
    expect([isOver(released), invalidated]).toEqual([false, ["a", "b"]])
    const c = yield* acquire("c")
    expect(all).toHaveLength(1)
    all[0]!.end()
    expect([isOver(released), all.length, isOver(c.fiber)]).toEqual([true, 2, false])
  })))

test("a thread that ends by itself is taken from its workers before its calls end", () =>
  run(Effect.gen(function*() {
    const { acquire, all, invalidated, leaseOf, running } = make(2)
    const [a, b] = [yield* acquire("a"), yield* acquire("b")]
    all[0]!.serve()
    const call = yield* start(leaseOf(a).call({ name: "call", input: 1 }))
    const toldFirst: Array<string> = []
    call.addObserver(() => void toldFirst.push(...invalidated))
    all[0]!.end()
    expect([toldFirst, invalidated]).toEqual([["a", "b"], ["a", "b"]])
    // It is over: there is nothing to wait for, and another thread takes its place as soon as somebody wants one.
    expect([isOver(yield* a.release()), all.length]).toEqual([true, 1])
    const c = yield* acquire("c")
    expect(all).toHaveLength(2)
    // A defect of a job in the thread before is none of this one.
    all[1]!.serve()
    expect(isOver(yield* b.release(died))).toBe(true)
    expect([invalidated, all[1]!.posted, running()]).toEqual([["a", "b"], [], []])
    expect(leaseOf(c).load).toBe(0)
  })))

test("a thread that cannot be started fails all that wait for it; it closes, and nothing is left of it", () =>
  run(Effect.gen(function*() {
    const { acquire, all, running } = make(3, (puppet) => {
      puppet.endsItself = true
    })
    const parts = [yield* acquire("a"), yield* acquire("b")]
    const released = parts.map(() => false)
    for (const [i, { fiber, release }] of parts.entries()) {
      fiber.addObserver(() => {
        Effect.runFork(Effect.flatMap(release(), (fiber) => Effect.sync(() => (released[i] = isOver(fiber)))))
      })
    }
    all[0]!.say({ _tag: "building" })
    all[0]!.say({ _tag: "failed", reason: "layer", cause: [] })
    yield* settle
    for (const { fiber } of parts) expect(squash(fiber.pollUnsafe()!)).toMatchObject({ _tag: "ThreadFailed" })
    expect([all[0]!.terminations, all[0]!.posted, released, running()]).toEqual([
      0,
      [{ _tag: "close" }],
      [false, false],
      ["patience"]
    ])
    // They come again.
    const again = [yield* acquire("a"), yield* acquire("b")]
    all[0]!.say({ _tag: "closed" })
    all[0]!.end()
    expect(all).toHaveLength(2)
    all[1]!.serve()
    expect(again.map(({ fiber }) => isOver(fiber))).toEqual([true, true])
  })))

test("a thread that the platform does not start fails those that wait, and the next one may start", () =>
  run(Effect.gen(function*() {
    let isBroken = true
    const { acquire, all } = make(1, () => {
      if (isBroken) throw new Error("no more threads")
    })
    const a = yield* acquire("a")
    expect(squash(a.fiber.pollUnsafe()!)).toMatchObject({ _tag: "ThreadFailed", reason: "module" })
    yield* a.release()
    isBroken = false
    const b = yield* acquire("b")
    all.at(-1)!.serve()
    expect(isOver(b.fiber)).toBe(true)
  })))

test("a module that says nothing has startTimeout, and a thread that is doubted its grace", () =>
  run(Effect.gen(function*() {
    const { acquire, all, fire, leaseOf, running } = make(2)
    const a = yield* acquire("a")
    fire("startTimeout")
    expect([squash(a.fiber.pollUnsafe()!), running()]).toMatchObject([{ reason: "silent" }, []])
    yield* a.release()
    all[0]!.end()
    const [b, c] = [yield* acquire("b"), yield* acquire("c")]
    all[1]!.serve()
    const doubt = Effect.gen(function*() {
      const call = yield* start(leaseOf(b).call({ name: "call", input: 1 }))
      call.interruptUnsafe()
      yield* settle
      expect(running()).toEqual(["grace"])
    })
    yield* doubt
    all[1]!.say({ _tag: "pong" })
    expect(running()).toEqual([])
    yield* doubt
    fire("grace")
    expect([all[1]!.terminations, running()]).toEqual([1, []])
    yield* b.release()
    const released = yield* c.release()
    all[1]!.end()
    expect(isOver(released)).toBe(true)
  })))

test("a worker goes where a thread serves, then where one is about to end, and only then to a new place", () =>
  run(Effect.gen(function*() {
    const { acquire, all, leaseOf } = make(2)
    const workers: Array<Part> = []
    for (const name of ["a", "b", "c", "d", "e"]) workers.push(yield* acquire(name))
    for (const puppet of all) puppet.serve()
    const [a, b, c, d, e] = workers as [Part, Part, Part, Part, Part]
    const homeOf = (part: Part) => leaseOf(part).home
    const [first, second, third] = [homeOf(a), homeOf(c), homeOf(e)]
    expect([all.length, new Set([first, second, third]).size]).toEqual([3, 3])
    // The first thread is about to end, and the second one has a seat.
    yield* a.release()
    const ends = yield* b.release()
    yield* d.release()
    const f = yield* acquire("f")
    expect(homeOf(f)).toBe(second)
    // The third one has a seat, too.
    expect(homeOf(yield* acquire("g"))).toBe(third)
    // Nothing else has: they wait for the end of the first.
    const [h, i] = [yield* acquire("h"), yield* acquire("i")]
    expect([all.length, isOver(h.fiber), isOver(i.fiber)]).toEqual([3, false, false])
    const j = yield* acquire("j")
    expect([all.length, isOver(j.fiber)]).toEqual([4, false])
    all[0]!.say({ _tag: "closed" })
    all[0]!.end()
    expect([isOver(ends), all.length]).toEqual([true, 5])
    all[4]!.serve()
    expect([homeOf(h), homeOf(i)]).toEqual([first, first])
    // One that starts is as good as one that serves.
    yield* f.release()
    yield* c.release()
    const k = yield* acquire("k")
    all[3]!.serve()
    expect(homeOf(k)).toBe(homeOf(j))
  })))

test("a worker does not wait for a thread that it cannot have while another one has a seat, and else for any", () =>
  run(Effect.gen(function*() {
    const { acquire, all, leaseOf } = make(2)
    const workers: Array<Part> = []
    for (const name of ["a", "b", "c", "d"]) workers.push(yield* acquire(name))
    for (const puppet of all) puppet.serve()
    const [a, b, c, d] = workers as [Part, Part, Part, Part]
    const second = leaseOf(c).home
    // The first thread is to go, and there is a seat of each.
    yield* a.release(died)
    yield* d.release()
    const e = yield* acquire("e")
    expect(leaseOf(e).home).toBe(second)
    // The first one has ended, and the second one is about to.
    yield* b.release()
    all[0]!.end()
    yield* c.release()
    yield* e.release()
    const f = yield* acquire("f")
    expect([all.length, isOver(f.fiber)]).toEqual([2, false])
    all[1]!.end()
    expect(all).toHaveLength(3)
    all[2]!.serve()
    expect(leaseOf(f).home).toBe(second)
  })))

test("a seat is free again once its worker has left, for another one", () =>
  run(Effect.gen(function*() {
    const { acquire, all, leaseOf } = make(2)
    yield* acquire("a")
    all[0]!.serve()
    for (let turn = 1; turn <= 5; turn++) {
      const part = yield* acquire("b")
      const call = yield* start(leaseOf(part).call({ name: "call", input: turn }))
      const [seat] = all[0]!.posted.at(-1) as ReadonlyArray<number>
      all[0]!.say([seat, turn, kinds.success, turn])
      expect(call.pollUnsafe()).toEqual(Exit.succeed(turn))
      yield* part.release()
    }
    expect([all.length, all[0]!.posted.length]).toEqual([1, 5])
  })))
