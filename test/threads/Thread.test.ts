/** The states of a thread, as its owner and its calls see them. */
import { Cause, Effect, Exit, type Fiber } from "effect"
import { ThreadPool } from "sluice/threads"
import { afterEach, expect, test, vi } from "vitest"
import * as stack from "../../src/internal/stack.js"
import { Board, kinds, version } from "../../src/internal/threads/protocol.js"
import { type Owner, Thread } from "../../src/internal/threads/Thread.js"
import { run, settle, squash, start, turns } from "../support/effect.js"
import { Puppets } from "../support/puppets.js"

/** A thread of two seats. Its owner keeps a log, and lets calls end as soon as their thread has. */
const make = () => {
  const threads = new Puppets()
  const log: Array<unknown> = []
  const owner: Owner = {
    ready: (jobs) => log.push(["ready", jobs]),
    failed: ({ cause, exitCode, reason }) => log.push(["failed", reason, cause ?? exitCode]),
    doubted: () => log.push("doubted"),
    leaving: () => log.push("leaving"),
    answered: () => log.push("answered"),
    closing: () => log.push("closing"),
    closed: () => log.push("closed"),
    ending: () => log.push("ending"),
    ended: (settle, failure) => {
      const defect = failure && Cause.squash(failure)
      log.push(["ended", defect instanceof ThreadPool.ThreadNotClosed ? defect.reason : defect])
      settle()
    }
  }
  const options = { module: new URL("fake:threads"), name: "pool/thread-1", node: {} }
  const thread = new Thread(threads.spawn, options, 3, 1, owner)
  const puppet = threads.all[0]!
  puppet.isHeld = true
  const board = new Board(puppet.options.init.words)
  const call = (seat: number, input: unknown, grace: Effect.Effect<void> = Effect.never) =>
    Effect.gen(function*() {
      const ends: { unbegun?: string } = {}
      const fiber = yield* start(thread.call(seat, { name: "call", input }, grace, (how) => {
        ends.unbegun = how
      }))
      unbegun.set(fiber, ends)
      return fiber
    })
  return { board, call, log, puppet, thread }
}

const serving = (closes = false) => {
  const made = make()
  made.puppet.serve(closes)
  made.log.length = 0
  return made
}

/** How calls have ended that their thread had not begun. */
const unbegun = new WeakMap<Fiber.Fiber<unknown, unknown>, { readonly unbegun?: string }>()

/** What of its end says the most. */
const endOf = (fiber: Fiber.Fiber<unknown, unknown>): unknown => {
  const exit = fiber.pollUnsafe()
  if (exit === undefined) return "running"
  if (Exit.isSuccess(exit)) return exit.value
  if (unbegun.get(fiber)?.unbegun === "lost") return "not begun"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const error = squash(exit)
  if (error instanceof ThreadPool.ThreadLost) return `lost: ${error.reason}`
  return error instanceof ThreadPool.NotCloneable ? `not cloneable: ${error.reason}` : error
}

/** Cancels it, and does not wait for its end. */
const cancel = (fiber: Fiber.Fiber<unknown, unknown>) => Effect.sync(() => fiber.interruptUnsafe())

const moved = (input: object = {}) => {
  const bytes = new ArrayBuffer(8)
  return ThreadPool.transfer(Object.assign(input, { bytes }), [bytes])
}

afterEach(() => {
  vi.unstubAllGlobals()
})

test("a thread begins no call that it is given before it serves or after it is asked to close", () =>
  run(Effect.gen(function*() {
    const { call, log, puppet, thread } = make()
    const isRefused = (state: string) =>
      Effect.gen(function*() {
        const { length } = puppet.posted
        expect([state, endOf(yield* call(0, 1)), puppet.posted.length]).toEqual([state, "not begun", length])
      })
    yield* isRefused("starting")
    puppet.serve(true)
    expect(thread.close()).toBe(true)
    yield* isRefused("asked")
    puppet.say({ _tag: "closing" })
    yield* isRefused("closing")
    puppet.endsItself = true
    puppet.say({ _tag: "closed" })
    yield* isRefused("closed")
    thread.giveUp()
    yield* isRefused("ending")
    puppet.end()
    yield* isRefused("ended")
    expect(log).toEqual([["ready", ["call"]], "closing", "closed", "ending", ["ended", undefined]])
  })))

test("a call whose transfers are no list dies, and the thread has no trace of it", () =>
  run(Effect.gen(function*() {
    const { call, puppet, thread } = serving()
    const input = ThreadPool.transfer({}, new ArrayBuffer(1) as never)
    expect(endOf(yield* call(0, input))).toBeInstanceOf(TypeError)
    expect([thread.load, thread.isInCall]).toEqual([0, false])
    yield* call(0, "next")
    expect(puppet.posted).toEqual([[0, 1, "call", "next"]])
  })))

test("calls that wait for others go together, each as it was, and what is moved goes once", () =>
  run(Effect.gen(function*() {
    const { call, puppet } = serving()
    const first = moved()
    const later = { n: 1 }
    yield* call(0, first)
    yield* call(1, later)
    later.n = 2
    yield* call(2, later)
    expect(puppet.posted).toHaveLength(1)
    yield* settle
    expect(puppet.posted[1]).toEqual([1, 1, "call", { n: 1 }, 2, 1, "call", { n: 2 }])
    expect(puppet.moved).toEqual([[(first as unknown as { readonly bytes: unknown }).bytes], []])
  })))

test("a thread that has ended is sent nothing, neither calls that wait nor the cancel of one", () =>
  run(Effect.gen(function*() {
    const { board, call, puppet } = serving()
    const one = yield* call(0, 1)
    const two = yield* call(1, 2)
    const three = yield* call(2, 3)
    for (const seat of [0, 1]) board.begin(seat, 1)
    // The calls end one after the other, the latest one first.
    three.addObserver(() => two.interruptUnsafe())
    puppet.end({ reason: "crashed" })
    yield* settle
    expect([one, two, three].map(endOf)).toEqual(["lost: crashed", "interrupted", "not begun"])
    expect(puppet.posted).toEqual([[0, 1, "call", 1]])
  })))

test("a message that was not sent has no number", () =>
  run(Effect.gen(function*() {
    const { call, puppet } = serving()
    const [one, two] = [yield* call(0, () => 1), yield* call(1, 2)]
    expect([endOf(one), endOf(two)]).toEqual(["not cloneable: () => 1 could not be cloned.", "running"])
    puppet.say({ _tag: "garbled", message: 1 })
    expect(endOf(two)).toBe("not cloneable: it cannot be read there")
  })))

test("calls of a message that the thread cannot read go each for itself, and fail by themselves", () =>
  run(Effect.gen(function*() {
    const { call, puppet } = serving()
    const [one, two, three] = [yield* call(0, 1), yield* call(1, 2), yield* call(2, 3)]
    yield* settle
    expect(puppet.posted).toHaveLength(2)
    puppet.say({ _tag: "garbled", message: 2 })
    expect(puppet.posted.slice(2)).toEqual([[1, 1, "call", 2], [2, 1, "call", 3]])
    puppet.say({ _tag: "garbled", message: 3 })
    puppet.say([2, 1, kinds.success, "three", 0, 1, kinds.success, "one"])
    expect([one, two, three].map(endOf)).toEqual(["one", "not cloneable: it cannot be read there", "three"])
  })))

test("a call that is sent again has the input that was sent first", () =>
  run(Effect.gen(function*() {
    const { call, puppet } = serving()
    const input = { n: 1 }
    yield* call(0, 1)
    yield* call(1, input)
    yield* call(2, 3)
    yield* settle
    input.n = 2
    puppet.say({ _tag: "garbled", message: 2 })
    expect(puppet.posted[2]).toEqual([1, 1, "call", { n: 1 }])
  })))

test("a call that moves what is gone fails, alone among those sent with it", () =>
  run(Effect.gen(function*() {
    const { call, puppet } = serving()
    const input = moved()
    const { bytes } = input as unknown as { readonly bytes: ArrayBuffer }
    structuredClone(bytes, { transfer: [bytes] })
    yield* call(0, 1)
    const two = yield* call(1, 2)
    const gone = yield* call(2, input)
    expect(endOf(gone)).toBe("not cloneable: what it transfers has been transferred before")
    expect([endOf(two), puppet.posted]).toEqual(["running", [[0, 1, "call", 1], [1, 1, "call", 2]]])
  })))

test("a call that is over is not cancelled any more, though its fiber is yet to hear of its end", () =>
  run(Effect.gen(function*() {
    const { board, call, puppet } = serving()
    const one = yield* call(0, 1)
    board.begin(0, 1)
    const deep = (): void => {
      if (stack.isDeep()) puppet.say([0, 1, kinds.success, "one"])
      else stack.run(one, deep)
    }
    deep()
    expect(endOf(one)).toBe("running")
    yield* cancel(one)
    yield* settle
    expect(puppet.posted).toEqual([[0, 1, "call", 1]])
    expect(endOf(one)).not.toBe("running")
  })))

test("results of calls that are over are passed over", () =>
  run(Effect.gen(function*() {
    const { call, puppet, thread } = serving()
    const [one, two] = [yield* call(0, 1), yield* call(1, 2)]
    yield* cancel(one)
    expect([endOf(one), thread.load]).toEqual(["interrupted", 1])
    puppet.say([0, 1, kinds.skipped, undefined, 2, 5, kinds.success, "of none", 1, 1, kinds.success, "two"])
    expect([endOf(two), thread.load]).toEqual(["two", 0])
  })))

test("a thread is asked whether it listens once at a time, only while it serves, and any message is an answer", () =>
  run(Effect.gen(function*() {
    const { call, log, puppet, thread } = serving()
    const withdrawn = (seat: number) =>
      Effect.gen(function*() {
        const fiber = yield* call(seat, seat)
        yield* settle
        yield* cancel(fiber)
        expect(unbegun.get(fiber)?.unbegun).toBe("withdrawn")
      })
    const stays = yield* call(2, 3)
    yield* withdrawn(0)
    yield* withdrawn(1)
    expect(log.splice(0)).toEqual(["doubted"])
    puppet.say([1, 7, kinds.success, "of none"])
    expect(log.splice(0)).toEqual(["answered"])
    puppet.say("anything")
    yield* withdrawn(0)
    puppet.say("anything")
    expect(log.splice(0)).toEqual(["doubted", "answered"])
    thread.kill("stuck")
    yield* cancel(stays)
    expect(log).toEqual(["ending"])
    expect(puppet.posted.filter((message) => !Array.isArray(message))).toEqual([{ _tag: "ping" }, { _tag: "ping" }])
  })))

test("a cancelled call that was not sent says nothing of whether the thread listens", () =>
  run(Effect.gen(function*() {
    const { call, log, puppet } = serving()
    yield* call(0, 1)
    const two = yield* call(1, 2)
    yield* cancel(two)
    yield* settle
    expect([endOf(two), log, puppet.posted]).toEqual(["interrupted", [], [[0, 1, "call", 1], [1, 1, "call", 2]]])
  })))

test("a thread that says a second time that it serves, or that it cannot, changes nothing", () =>
  run(Effect.gen(function*() {
    const { call, log, puppet, thread } = serving(true)
    puppet.say({ _tag: "ready", version, jobs: ["other"], closes: false })
    puppet.say({ _tag: "ready", version: version + 1, jobs: [], closes: false })
    puppet.say({ _tag: "failed", reason: "layer", cause: [] })
    yield* call(0, 1)
    puppet.say([0, 1, kinds.success, 1])
    expect([log, thread.close()]).toEqual([[], true])
    thread.giveUp()
    puppet.end()
    expect(log).toEqual(["ending", ["ended", "silent"]])
  })))

test("a thread of another version, or whose first word is no list of jobs, does not serve", () => {
  for (const ready of [{ version: version + 1, jobs: [] }, { version, jobs: "call" }]) {
    const { log, puppet, thread } = make()
    puppet.say({ _tag: "ready", closes: false, ...ready })
    expect([log, thread.close()]).toEqual([[["failed", "version", undefined], "ending"], false])
  }
})

test("a thread that builds its layer when it is given up is asked to close, and did not if it says nothing", () => {
  for (const isBuilding of [true, false]) {
    const { log, puppet, thread } = make()
    if (isBuilding) puppet.say({ _tag: "building" })
    thread.fail("silent")
    expect(log.splice(0)).toEqual([["failed", "silent", undefined]])
    expect([thread.close(), puppet.posted]).toEqual([isBuilding, isBuilding ? [{ _tag: "close" }] : []])
    thread.giveUp()
    puppet.end()
    expect(log).toEqual(["ending", ["ended", isBuilding ? "silent" : undefined]])
    expect(puppet.terminations).toBe(1)
  }
})

test("a thread that cannot serve says why, and closes if it ends by itself; its layer is released by then", () => {
  for (const endsItself of [true, false, undefined]) {
    for (
      const [cause, error] of [
        [[{ _tag: "Fail", part: { value: "failed" } }], "failed"],
        [[{ _tag: "Die", part: { value: "died" } }, { _tag: "Interrupt" }], "died"],
        [[{ _tag: "Interrupt" }], undefined]
      ] as const
    ) {
      const { log, puppet, thread } = make()
      puppet.endsItself = endsItself
      puppet.say({ _tag: "building" })
      puppet.say({ _tag: "failed", reason: "layer", cause })
      expect(log.splice(0)).toEqual([["failed", "layer", error]])
      expect([thread.close(), puppet.terminations]).toEqual(endsItself === true ? [true, 0] : [false, 1])
      thread.giveUp()
      puppet.end()
      expect(log.at(-1)).toEqual(["ended", undefined])
    }
  }
})

test("a thread that ends before it has served has failed, with its cause or its exit code", () => {
  for (
    const [end, why] of [[{ reason: "crashed", cause: "a bug" }, "a bug"], [
      { reason: "exited", exitCode: 7 },
      7
    ]] as const
  ) {
    const { log, puppet, thread } = make()
    puppet.end(end)
    thread.kill("stuck")
    expect([log, puppet.terminations]).toEqual([[["failed", "module", why], ["ended", undefined]], 0])
  }
})

test("a layer was not released if its thread ends while it closes, and by no fault of its own if it ends before", () => {
  for (
    const [closes, isAsked, failure] of [
      [true, true, "crashed"],
      [false, true, undefined],
      [true, false, undefined]
    ] as const
  ) {
    const { log, puppet, thread } = serving(closes)
    if (isAsked) thread.close()
    puppet.end({ reason: "crashed" })
    expect(log).toEqual([["ended", failure]])
  }
})

test("a thread that has closed is terminated unless it ends by itself, and its defects are those of its layer", () => {
  for (const endsItself of [true, undefined]) {
    const { log, puppet, thread } = serving(true)
    puppet.endsItself = endsItself
    // Nobody has asked it.
    for (const _tag of ["closing", "closed"]) puppet.say({ _tag })
    expect(log).toEqual([])
    thread.close()
    for (const message of [{ _tag: "closing" }, { _tag: "closing" }]) puppet.say(message)
    puppet.say({ _tag: "closed", failure: [{ _tag: "Die", part: { value: "a bug" } }] })
    expect(log.splice(0)).toEqual(["closing", endsItself === true ? "closed" : "ending"])
    thread.giveUp()
    thread.kill("stuck")
    puppet.end({ reason: "exited", exitCode: 0 })
    expect(log).toEqual([...endsItself === true ? ["ending"] : [], ["ended", "a bug"]])
    expect(puppet.terminations).toBe(1)
  }
})

test("a call that does not stop costs its thread: those that had begun are lost, and the others are not", () =>
  run(Effect.gen(function*() {
    const { board, call, log, puppet } = serving()
    const [one, two] = [yield* call(0, 1), yield* call(1, 2, Effect.sync(() => void log.push("grace")))]
    const three = yield* call(2, 3)
    for (const seat of [0, 1]) board.begin(seat, 1)
    yield* cancel(two)
    yield* settle
    expect([board.isAsked(0, 1), board.isAsked(1, 1), log]).toEqual([false, true, ["grace", "ending"]])
    expect([one, two, three].map(endOf)).toEqual(["running", "running", "running"])
    puppet.end({ reason: "exited", exitCode: 1 })
    expect([one, two, three].map(endOf)).toEqual(["lost: terminated", "interrupted", "not begun"])
  })))

test("a thread that retires gives back what it has not begun, the latest first, but what was moved to it", () =>
  run(Effect.gen(function*() {
    const { board, call, puppet, thread } = serving()
    const ends: Array<number> = []
    const one = yield* call(0, 1)
    board.begin(0, 1)
    puppet.say([0, 1, kinds.success, 1])
    // The order is that of the calls, not of the seats.
    const [two, three, four] = [yield* call(2, 2), yield* call(0, 3), yield* call(1, moved())]
    for (const [i, fiber] of [two, three].entries()) fiber.addObserver(() => void ends.push(i + 2))
    thread.retire()
    expect([one, two, three, four].map(endOf)).toEqual([1, "not begun", "not begun", "running"])
    expect([ends, thread.load]).toEqual([[3, 2], 1])
  })))

test("without memory that is shared a call is the thread's once it was sent: it is asked, and lost with it", () =>
  run(Effect.gen(function*() {
    vi.stubGlobal("SharedArrayBuffer", undefined)
    const { call, log, puppet, thread } = serving()
    expect([puppet.options.init.isShared, puppet.options.init.words.length]).toEqual([false, 3])
    const [one, two, three] = [yield* call(0, 1), yield* call(1, 2), yield* call(2, 3)]
    yield* cancel(two)
    // The call before its cancel.
    expect(puppet.posted).toEqual([
      [0, 1, "call", 1],
      [1, 1, "call", 2, 2, 1, "call", 3],
      { _tag: "cancel", seat: 1, turn: 1 }
    ])
    thread.retire()
    yield* turns(3)
    expect([[one, two, three].map(endOf), thread.load, log]).toEqual([["running", "running", "running"], 3, [
      "leaving"
    ]])
    puppet.say([1, 1, kinds.skipped, undefined])
    yield* turns(3)
    expect([two, three].map(endOf)).toEqual(["interrupted", "running"])
    puppet.say([2, 1, kinds.skipped, undefined])
    expect(endOf(three)).toBe("interrupted")
    puppet.end({ reason: "crashed" })
    expect([endOf(one), thread.load]).toEqual(["lost: crashed", 0])
  })))
