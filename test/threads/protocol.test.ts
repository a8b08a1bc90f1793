/** The pool's side of a thread, message by message. */
import { Effect, Exit, Fiber } from "effect"
import * as fc from "fast-check"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { kinds, version } from "../../src/internal/threads/protocol.js"
import { Server } from "../../src/internal/threads/Server.js"
import { run, settle, squash, start } from "../support/effect.js"
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
  const server = new Server(init, { job: () => ThreadPool.transfer({}, list) }, undefined)
  await server.start(Promise.resolve())
  port.hear([0, 1, "job", undefined])
  expect(moved).toEqual([[], list])
})
