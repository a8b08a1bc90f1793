/** The pool's side of a thread, message by message. */
import { Effect, Exit, Fiber } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { Board, isTagged, kinds, nextTurn, version } from "../../src/internal/threads/protocol.js"
import { Server } from "../../src/internal/threads/Server.js"
import { after, run, runTimed, settle, squash, start } from "../support/effect.js"
import { Port } from "../support/port.js"
import { Puppets } from "../support/puppets.js"

type Jobs = ThreadWorker.Jobs<{ readonly call: (input: unknown) => unknown }>
type Some = Omit<Partial<ThreadPool.Options<never>>, "deadlines" | "retry" | "deadLetters">

const make = (options: Some = {}) =>
  Effect.gen(function*() {
    const threads = new Puppets()
    const making = yield* start(
      ThreadPool.make<Jobs>({ module: new URL("fake:threads"), platform: threads, size: 1, ...options })
    )
    const first = threads.all[0]!
    first.serve()
    return { threads, first, pool: yield* Fiber.join(making) }
  })

const garbage = fc.oneof(
  fc.anything({ withNullPrototype: true }),
  fc.record({
    _tag: fc.constantFrom("ready", "failed", "garbled", "closed", "closing", "building", "pong", "ping", "close"),
    version: fc.oneof(fc.constant(version), fc.anything()),
    jobs: fc.anything(),
    cause: fc.anything(),
    message: fc.anything()
  }, { requiredKeys: ["_tag"] }),
  fc.array(fc.anything()),
  fc.tuple(fc.integer(), fc.nat({ max: 1 }), fc.anything(), fc.anything())
)

test("a message that the pool does not know changes nothing", () =>
  run(Effect.gen(function*() {
    const { first, pool } = yield* make({ prefetch: 1 })
    const call = yield* start(Effect.exit(pool.run.call("one")))
    expect(first.posted).toEqual([[0, 1, "call", "one"]])
    for (const message of fc.sample(garbage, { numRuns: 2_000, seed: 1 })) {
      // An answer to the call is its end, whoever has sent it.
      if (!Array.isArray(message) || !(message[0] === 0 && message[1] === 1)) first.say(message)
    }
    expect(call.pollUnsafe()).toBe(undefined)
    first.say([0, 1, kinds.success, "two"])
    yield* settle
    expect(call.pollUnsafe()).toEqual(Exit.succeed(Exit.succeed("two")))
  })))

test("a failure that cannot be read is a defect of its call", () =>
  run(Effect.gen(function*() {
    const { first, pool } = yield* make({ onDefect: "keep" })
    let turn = 0
    for (const value of [null, undefined, 5, [null], [{}], [{ _tag: "Fail" }], [{ _tag: "Die", part: null }], {}]) {
      const call = yield* start(Effect.exit(pool.run.call("one")))
      first.say([0, ++turn, kinds.failure, value])
      yield* settle
      const exit = call.pollUnsafe()
      const message = exit !== undefined && Exit.isSuccess(exit) && squash(exit.value)
      expect([turn, message]).toEqual([turn, new Error("ThreadPool: a thread has sent a failure that cannot be read")])
    }
    const call = yield* start(Effect.exit(pool.run.call("one")))
    first.say([0, turn + 1, kinds.uncloneable, Object.create(null)])
    yield* settle
    expect(String(call.pollUnsafe())).toContain("a value that cannot be read")
  })))

test("a module whose first message makes no sense is of another version", () =>
  run(Effect.gen(function*() {
    const threads = new Puppets()
    const making = yield* start(
      Effect.flip(ThreadPool.make<Jobs>({ module: new URL("fake:threads"), platform: threads, size: 1 }))
    )
    for (const message of [null, 5, "ready", [], {}]) threads.all[0]!.say(message)
    yield* settle
    expect(making.pollUnsafe()).toBe(undefined)
    threads.all[0]!.say({ _tag: "ready", version, jobs: 5 })
    yield* settle
    expect(String(making.pollUnsafe())).toContain("another version")
  })))

// More than a call may have arguments.
const many = () => Array.from({ length: 200_000 }, () => ({}))

test("an input may have any number of transfers, and goes with all of them", () =>
  run(Effect.gen(function*() {
    const { first, pool } = yield* make()
    const list = many()
    const call = yield* start(pool.run.call(ThreadPool.transfer({}, list)))
    expect(first.moved).toEqual([list])
    first.say([0, 1, kinds.success, "moved"])
    yield* settle
    expect(call.pollUnsafe()).toEqual(Exit.succeed("moved"))
  })))

test("a result may have any number of transfers, and goes with all of them", async () => {
  const port = new Port()
  const moved: Array<ReadonlyArray<unknown>> = []
  port.heard = (_, transfer) => void moved.push(transfer)
  const list = many()
  const init = { version, module: "", port, words: new Int32Array(1), isShared: false, concurrency: 1 }
  const handlers = { job: () => ThreadPool.transfer({}, list) }
  await new Server(init).start(Promise.resolve({ handlers, layer: undefined }))
  port.hear([0, 1, "job", undefined])
  expect(moved).toEqual([[], list])
})

test("a call has one turn of its seat: it is begun or withdrawn, once, and asked to stop only once it has begun", () => {
  type Step = readonly ["offer" | "begin" | "withdraw" | "ask", turn: number]
  const step = fc.tuple(fc.constantFrom("offer", "begin", "withdraw", "ask"), fc.nat({ max: 2 })) as fc.Arbitrary<Step>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const board = new Board(new Int32Array(1))
      // As all words are at first, of which no call has the turn.
      let model = { turn: 0, phase: "waiting" }
      for (const [what, turn] of steps) {
        const isOffered = model.turn === turn && model.phase === "waiting"
        if (what === "offer") {
          board.offer(0, turn)
          model = { turn, phase: "waiting" }
        } else if (what === "ask") {
          board.ask(0, turn)
          if (model.turn === turn && model.phase === "begun") model = { turn, phase: "asked" }
        } else {
          expect(what === "begin" ? board.begin(0, turn) : board.withdraw(0, turn)).toBe(isOffered)
          if (isOffered) model = { turn, phase: what === "begin" ? "begun" : "withdrawn" }
        }
        for (const each of [0, 1, 2]) {
          expect(board.isWaiting(0, each)).toBe(model.turn === each && model.phase === "waiting")
          expect(board.isAsked(0, each)).toBe(model.turn === each && model.phase === "asked")
        }
      }
    })
  )
  const last = 0x3fffffff
  const board = new Board(new Int32Array(1))
  for (const turn of [last - 1, last, 0]) {
    board.offer(0, turn)
    expect([board.begin(0, turn), nextTurn(turn)]).toEqual([true, turn === last ? 0 : turn + 1])
  }
})

const pings = (posted: ReadonlyArray<unknown>) =>
  posted.filter((message) => isTagged(message) && message._tag === "ping")

test("a thread is asked whether it listens when it should have begun the call that is cancelled", () =>
  runTimed(Effect.gen(function*() {
    const { first, pool, threads } = yield* make({ prefetch: 2, grace: 50 })
    const board = new Board(first.options.init.words)
    const call = (n: number) => start(Effect.exit(pool.run.call(n)))
    // It runs another call.
    yield* call(1)
    yield* settle
    const [running] = first.posted as ReadonlyArray<readonly [number, number]>
    board.begin(running![0], running![1])
    // The call has been sent, or not.
    for (const sends of [settle, Effect.void]) {
      const two = yield* call(2)
      yield* sends
      yield* Fiber.interrupt(two)
    }
    expect(pings(first.posted)).toHaveLength(0)
    first.say([running![0], running![1], kinds.success, 1])
    yield* settle
    const cancel = (fiber: Fiber.Fiber<unknown>) => Effect.andThen(settle, Fiber.interrupt(fiber))
    // It answers once, and then not.
    for (const times of [1, 2]) {
      yield* cancel(yield* call(3))
      expect(pings(first.posted)).toHaveLength(times)
      first.say({ _tag: "pong" })
      yield* after(1_000)
      expect(first.isTerminated).toBe(false)
    }
    yield* cancel(yield* call(4))
    // The next call begins instead: it may compute.
    const next = yield* call(5)
    yield* settle
    const [seat, turn] = first.posted.at(-1) as [number, number]
    expect(board.begin(seat, turn)).toBe(true)
    yield* after(1_000)
    expect([first.isTerminated, next.pollUnsafe()]).toEqual([false, undefined])
    first.say([seat, turn, kinds.success, 5])
    yield* cancel(yield* call(6))
    yield* after(49)
    expect(first.isTerminated).toBe(false)
    yield* after(1)
    expect([first.isTerminated, threads.all.length]).toEqual([true, 2])
    threads.all[1]!.serve()
    yield* settle
  })))

test("an answer that is late does not keep a thread from having to close", () =>
  runTimed(Effect.gen(function*() {
    const { first, pool } = yield* make({ grace: "1 minute" })
    const call = yield* start(Effect.exit(pool.run.call(1)))
    yield* settle
    yield* Fiber.interrupt(call)
    first.isHeld = true
    const shutdown = yield* start(WorkerPool.shutdown(pool.workers))
    first.say({ _tag: "pong" })
    first.say({ _tag: "pong" })
    yield* after(999)
    expect(first.isTerminated).toBe(false)
    yield* after(1)
    expect(first.isTerminated).toBe(true)
    first.end()
    yield* Fiber.join(shutdown)
  })))
