/** Interrupts say who cancelled, and why, while somebody watches. */
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { Group, WorkerPool } from "sluice"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { annotationsOf, interruptionsOf, whyInterrupted } from "../../src/internal/inspect/interruptions.js"
import type { Interruption } from "../../src/internal/interruption.js"
import { setWatch, type Watch, watch } from "../../src/internal/view.js"
import { after, deepInTheStack, interrupted, run, runTimed, settle, start } from "../support/effect.js"
import { make } from "../support/workerPool.js"

const watching: Watch = { sweptAt: 0, appeared: () => undefined, cancelled: annotationsOf }
let before: Watch | undefined

beforeEach(() => {
  before = watch
  setWatch(watching)
})
afterEach(() => setWatch(before))

/** Keeps the cause of its interrupt in `causes`, and never ends by itself. */
const keeping = (causes: Array<Cause.Cause<never>>) =>
  Effect.onExitPrimitive(Effect.never, (exit) => {
    if (Exit.isFailure(exit)) causes.push(exit.cause)
    return undefined
  })

const causeOf = (exit: Exit.Exit<unknown, unknown> | undefined): Cause.Cause<unknown> => {
  if (exit === undefined || Exit.isSuccess(exit)) throw new Error(`expected a failure, got ${String(exit)}`)
  return exit.cause
}

/** From the first cancellation to the last. */
const chainOf = (cause: Cause.Cause<unknown> | undefined): ReadonlyArray<string> => {
  const chain: Array<string> = []
  for (let one: Interruption | undefined = cause && interruptionsOf(cause)[0]; one !== undefined; one = one.parent) {
    chain.unshift(`${one.by.kind} ${one.by.name}: ${one.why}`)
  }
  return chain
}

const failing = Effect.andThen(Effect.yieldNow, Effect.fail(new Error("disk full")))

describe("a group", () => {
  test("names itself and the failure in the trace of a child that a failing sibling cancels", async () => {
    const causes: Array<Cause.Cause<never>> = []
    let failed = 0
    const fails = Effect.withFiber((fiber) => {
      failed = fiber.id
      return failing
    })
    await run(Effect.exit(Group.scoped({ name: "uploads" }, (group: Group.Group<Error>) =>
      Effect.gen(function*() {
        yield* Group.go(group, keeping(causes))
        yield* Group.go(group, fails)
        yield* Effect.never
      }))))
    const [cause] = causes
    const text = `group uploads: child fiber ${failed} failed with Error: disk full`
    expect(Cause.pretty(cause!)).toContain(`at fiber (#${failed})`)
    expect(Cause.pretty(cause!)).toContain(`at ${text}`)
    // The line that made the error.
    expect(Cause.pretty(cause!)).toMatch(/disk full \(.*cancellation\.test\.ts:\d+:\d+\)/)
    expect(whyInterrupted(cause!)).toBe(`G${text.slice(1)}.`)
  })

  test("has the first cancellations of many and the last one", async () => {
    const causes: Array<Cause.Cause<never>> = []
    let nested: Effect.Effect<unknown> = keeping(causes)
    for (let i = 50; i > 0; i--) {
      const inner = nested
      nested = Group.scoped({ name: `level ${i}` }, (group) => Effect.andThen(Group.go(group, inner), Effect.never))
    }
    await run(Effect.gen(function*() {
      const outermost = yield* Group.make({ name: "outermost" })
      yield* Group.go(outermost, nested)
      yield* settle
      yield* Group.cancel(outermost)
    }))
    const sentences = whyInterrupted(causes[0]!)!.split(/(?<=\.) /)
    expect(sentences).toHaveLength(21)
    expect(sentences[0]).toMatch(/^Group outermost: fiber \d+ cancelled the group\.$/)
    expect(sentences[19]).toMatch(/^And \d+ more\.$/)
    expect(sentences[20]).toMatch(/^Group level 50: /)
  })

  test("has one annotation for all children of one cancellation", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(Group.scoped({ name: "all" }, (group) =>
      Effect.gen(function*() {
        for (let i = 0; i < 3; i++) yield* Group.go(group, keeping(causes))
        yield* Group.cancel(group)
      })))
    const interruptions = causes.flatMap(interruptionsOf)
    expect(interruptions).toHaveLength(3)
    expect(new Set(interruptions).size).toBe(1)
    expect(interruptions[0]).toMatchObject({ by: { kind: "group", name: "all" }, why: "cancel" })
  })

  test("continues the chain of the group around it", async () => {
    const causes: Array<Cause.Cause<never>> = []
    const inner = Group.scoped({ name: "inner" }, (group) => Group.go(group, keeping(causes)))
    await run(Effect.exit(Group.scoped({ name: "outer" }, (group: Group.Group<Error>) =>
      Effect.gen(function*() {
        yield* Group.go(group, inner)
        yield* Group.go(group, failing)
        yield* Effect.never
      }))))
    expect(chainOf(causes[0])).toEqual(["group outer: a child failed", "group inner: its owner was interrupted"])
    expect(whyInterrupted(causes[0]!)).toMatch(
      /^Group outer: child fiber \d+ failed with Error: disk full\. Group inner: its owner was interrupted\.$/
    )
    expect(Cause.pretty(causes[0]!)).toMatch(/at group inner: .*\n.*at group outer: .*disk full/)
  })

  test("continues the chain when its scope closes on an interrupt", async () => {
    const causes: Array<Cause.Cause<never>> = []
    const inner = Effect.scoped(Effect.gen(function*() {
      const group = yield* Group.make({ name: "inner" })
      yield* Group.go(group, keeping(causes))
      yield* Effect.never
    }))
    await run(
      Effect.exit(
        Group.scoped({ name: "outer" }, (group) => Effect.andThen(Group.go(group, inner), Group.cancel(group)))
      )
    )
    expect(chainOf(causes[0])).toEqual(["group outer: cancel", "group inner: its scope closed"])
  })

  test("names the failure of its body", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(
      Effect.exit(
        Group.scoped(
          { name: "g" },
          (group) => Effect.andThen(Group.go(group, keeping(causes)), Effect.fail("no such host"))
        )
      )
    )
    expect(whyInterrupted(causes[0]!)).toBe("Group g: its body failed with Error: no such host.")
  })

  test("names the interrupt of its body", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(
      Effect.exit(
        Group.scoped({ name: "g" }, (group) => Effect.andThen(Group.go(group, keeping(causes)), Effect.interrupt))
      )
    )
    expect(chainOf(causes[0])).toEqual(["group g: the body was interrupted"])
  })

  test("names finish", async () => {
    const causes: Array<Cause.Cause<never>> = []
    const body = Effect.andThen(Group.go(keeping(causes)), Group.finish(1))
    const value = await run(Group.scoped(body, { name: "g" }))
    expect(value).toBe(1)
    expect(chainOf(causes[0])).toEqual(["group g: finish"])
  })

  test("names its cancellation where it interrupts the caller of go", async () => {
    let exit: Exit.Exit<unknown, unknown> | undefined
    const body = Effect.uninterruptible(Effect.gen(function*() {
      yield* Group.go(failing)
      yield* settle
      exit = yield* Effect.exit(Group.go(Effect.void))
    }))
    await run(Effect.exit(Group.scoped(body, { name: "g" })))
    expect(chainOf(causeOf(exit))).toEqual(["group g: a child failed"])
  })

  test("names the caller of go who takes the child along", async () => {
    const causes: Array<Cause.Cause<never>> = []
    const calling = (group: Group.Group<never>) => Group.start(group, keeping(causes))
    await run(Effect.gen(function*() {
      const inner = yield* Group.make({ name: "inner" })
      yield* Group.scoped({ name: "outer" }, (outer) =>
        Effect.gen(function*() {
          yield* Group.go(outer, Effect.asVoid(calling(inner)))
          yield* Group.cancel(outer)
        }))
    }))
    expect(chainOf(causes[0])).toEqual(["group outer: cancel", "group inner: its caller was interrupted"])
  })

  test("keeps the stack frame of the fiber that cancels", async () => {
    const causes: Array<Cause.Cause<never>> = []
    const stopAll = Effect.fn("stopAll")(function*(group: Group.Group<never>) {
      yield* Group.cancel(group)
    })
    await run(Group.scoped({ name: "g" }, (group) => Effect.andThen(Group.go(group, keeping(causes)), stopAll(group))))
    expect(Cause.pretty(causes[0]!)).toMatch(/at group g: fiber \d+ cancelled the group\n\s+at stopAll \(/)
  })

  test("annotates interrupts that a deep stack delays", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(Group.scoped({ name: "g" }, (group) =>
      Effect.gen(function*() {
        yield* Group.go(group, keeping(causes))
        const cancelling = deepInTheStack(() => Effect.runFork(Group.cancel(group)))
        yield* Fiber.await(cancelling)
      })))
    expect(chainOf(causes[0])).toEqual(["group g: cancel"])
  })
})

describe("a pool", () => {
  const options = { name: "sender", size: 1 }
  const jobs = (causes: Array<Cause.Cause<never>>) => Effect.as(keeping(causes), 0)

  test("names the fiber that cancels a running job by its handle, in the job and in its exit", async () => {
    const causes: Array<Cause.Cause<never>> = []
    const [exit, by] = await run(Effect.gen(function*() {
      const pool = yield* make(options)
      const handle = yield* WorkerPool.submit(pool, jobs(causes))
      yield* handle.cancel
      return [yield* handle.await, yield* Effect.withFiber((fiber) => Effect.succeed(fiber.id))] as const
    }))
    expect(whyInterrupted(causes[0]!)).toBe(`Pool sender: fiber ${by} cancelled the job.`)
    expect(chainOf(causeOf(exit))).toEqual(["pool sender: cancel"])
    expect(Cause.pretty(causes[0]!)).toContain("at pool sender: fiber")
  })

  test("names the fiber that cancels a queued job", async () => {
    const exit = await run(Effect.gen(function*() {
      const pool = yield* make(options)
      yield* WorkerPool.submit(pool, Effect.never)
      const handle = yield* WorkerPool.submit(pool, Effect.void)
      yield* handle.cancel
      return yield* handle.await
    }))
    expect(chainOf(causeOf(exit))).toEqual(["pool sender: cancel"])
  })

  test("names the deadline of a job's run", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await runTimed(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ ...options, deadlines: { run: 10 }, run: () => keeping(causes) })
      const handle = yield* WorkerPool.submit(pool, 1)
      yield* after(10)
      yield* handle.await
    }))
    expect(whyInterrupted(causes[0]!)).toBe("Pool sender: the deadline of the job's run passed.")
  })

  test("names shutdownNow", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(Effect.gen(function*() {
      const pool = yield* make({ ...options, size: 2 })
      yield* WorkerPool.submit(pool, jobs(causes))
      yield* WorkerPool.submit(pool, jobs(causes))
      yield* WorkerPool.shutdownNow(pool)
    }))
    expect(causes.map(chainOf)).toEqual([["pool sender: shutdownNow"], ["pool sender: shutdownNow"]])
    expect(new Set(causes.flatMap(interruptionsOf)).size).toBe(1)
  })

  test("names the deadline of a shutdown", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await runTimed(Effect.gen(function*() {
      const pool = yield* make(options)
      yield* WorkerPool.submit(pool, jobs(causes))
      const ending = yield* start(WorkerPool.shutdown(pool, { deadline: 10 }))
      yield* after(10)
      yield* Fiber.await(ending)
    }))
    expect(chainOf(causes[0])).toEqual(["pool sender: the deadline of the shutdown"])
  })

  test("names the close of its scope, and the failure on which that closes", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(Effect.exit(Effect.scoped(Effect.gen(function*() {
      const pool = yield* make(options)
      yield* WorkerPool.submit(pool, jobs(causes))
      yield* Effect.fail(new Error("no such host"))
    }))))
    expect(whyInterrupted(causes[0]!)).toBe("Pool sender: its scope closed with Error: no such host.")
  })

  test("names the close of the scope where a service ends its pool", async () => {
    const causes: Array<Cause.Cause<never>> = []
    class Sender extends WorkerPool.Service<Sender>()("test/Sender", {
      name: "sender",
      size: 1,
      onShutdown: () => Effect.void,
      run: (n: number) => Effect.as(keeping(causes), n)
    }) {}
    await run(Effect.andThen(Sender.submit(1), settle).pipe(Effect.provide(Sender.layer)))
    expect(chainOf(causes[0])).toEqual(["pool sender: its scope closed"])
  })

  test("continues the chain of a caller whose job is under way", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(Effect.gen(function*() {
      const pool = yield* make(options)
      yield* Group.scoped({ name: "requests" }, (group) =>
        Effect.gen(function*() {
          yield* Group.go(group, Effect.orDie(Effect.asVoid(WorkerPool.run(pool, jobs(causes)))))
          yield* settle
          yield* Group.cancel(group)
        }))
    }))
    expect(chainOf(causes[0])).toEqual(["group requests: cancel", "pool sender: its caller was interrupted"])
  })

  test("names the job whose failure ends a call of runAll", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(Effect.gen(function*() {
      const pool = yield* make({ ...options, size: 2 })
      const fails = Effect.andThen(Effect.yieldNow, Effect.fail("disk full"))
      yield* Effect.exit(WorkerPool.runAll(pool, [jobs(causes), fails]))
    }))
    expect(whyInterrupted(causes[0]!)).toBe(
      "Pool sender: another job of the same call failed with Error: disk full."
    )
  })

  test("names the stream of a call of map that closes", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(Effect.gen(function*() {
      const pool = yield* make({ ...options, size: 2 })
      const results = WorkerPool.map(pool, [Effect.succeed(1), jobs(causes)], { ordered: false })
      yield* Stream.runCollect(Stream.take(results, 1))
    }))
    expect(chainOf(causes[0])).toEqual(["pool sender: its stream closed"])
  })

  test("names the signal of a promise's caller", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(Effect.gen(function*() {
      const pool = yield* make(options)
      const controller = new AbortController()
      const promise = WorkerPool.runPromise(pool, jobs(causes), { signal: controller.signal })
      yield* settle
      controller.abort("enough")
      yield* Effect.exit(Effect.tryPromise(() => promise))
    }))
    expect(chainOf(causes[0])).toEqual(["pool sender: its signal was aborted"])
  })
})

describe("without a watch", () => {
  beforeEach(() => setWatch(undefined))

  test("a child's interrupt is that of Effect alone", async () => {
    const causes: Array<Cause.Cause<never>> = []
    const id = await run(Group.scoped({ name: "g" }, (group) =>
      Effect.gen(function*() {
        yield* Group.go(group, keeping(causes))
        yield* Group.cancel(group)
        return yield* Effect.withFiber((fiber) => Effect.succeed(fiber.id))
      })))
    expect(causes).toEqual([Cause.interrupt(id)])
    expect(causes[0]!.reasons[0]!.annotations.size).toBe(0)
    expect(whyInterrupted(causes[0]!)).toBe(undefined)
  })

  test("a job's interrupt is that of Effect alone", async () => {
    const causes: Array<Cause.Cause<never>> = []
    await run(Effect.gen(function*() {
      const pool = yield* make({ size: 1 })
      const caller = yield* start(WorkerPool.run(pool, keeping(causes)))
      const exit = yield* interrupted(caller)
      expect(causes).toEqual([Cause.interrupt(caller.id)])
      expect(causes[0]!.reasons[0]!.annotations.size).toBe(0)
      expect(interruptionsOf(causeOf(exit))).toEqual([])
    }))
  })
})

test("an error that cannot be printed does not keep a trace from being printed", async () => {
  const causes: Array<Cause.Cause<never>> = []
  const mute = new Proxy({}, {
    get: () => {
      throw new Error("nothing is said")
    }
  })
  await run(
    Effect.exit(
      Group.scoped({ name: "g" }, (group) => Effect.andThen(Group.go(group, keeping(causes)), Effect.fail(mute)))
    )
  )
  expect(whyInterrupted(causes[0]!)).toBe("Group g: its body failed with an error.")
  expect(Cause.pretty(causes[0]!)).toContain("at group g: its body failed with an error")
})
