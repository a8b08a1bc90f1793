/** Lines that threads write, and the callback that gets them. */
import { Deferred, Effect, Fiber, Logger } from "effect"
import { WorkerPool } from "sluice"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { defectOf, run, settle, start } from "../support/effect.js"
import { Puppets } from "../support/puppets.js"

type Output = NonNullable<ThreadPool.Options<never>["output"]>
type Jobs = ThreadWorker.Jobs<{ readonly call: (input: unknown) => unknown }>

const make = (output: Output, size = 1) =>
  Effect.gen(function*() {
    const threads = Object.assign(new Puppets(), { capturesOutput: true })
    const options = { module: new URL("fake:threads"), platform: threads, size, output, name: "digests" }
    const making = yield* start(ThreadPool.make<Jobs>(options))
    for (const thread of threads.all) thread.serve()
    return { all: threads.all, pool: yield* Fiber.join(making) }
  })

test("output gets each line once it is complete, with its thread and stream, and the rest as its thread ends", () =>
  run(Effect.gen(function*() {
    const heard: Array<unknown> = []
    const { all } = yield* make(
      (line, { stream, thread }) => Effect.sync(() => heard.push([thread, stream, line])),
      2
    )
    const [one, two] = [all[0]!, all[1]!]
    const expectLines = (...lines: ReadonlyArray<unknown>) =>
      Effect.map(settle, () => expect(heard.splice(0)).toEqual(lines))
    one.write("first\n\nsec")
    one.write("ond")
    yield* expectLines([1, "stdout", "first"], [1, "stdout", ""])
    two.write("other\r")
    one.write("problem\n", "stderr")
    one.write(" half\nlast")
    yield* expectLines([1, "stderr", "problem"], [1, "stdout", "second half"])
    two.write("\n")
    one.end()
    two.end()
    yield* expectLines([2, "stdout", "other"], [1, "stdout", "last"])
    for (const thread of all.slice(2)) thread.serve()
  })))

test("the pool's scope closes once output has ended for the last line", () =>
  run(Effect.gen(function*() {
    const heard: Array<string> = []
    const isDone = yield* Deferred.make<void>()
    const output = (line: string) => Effect.andThen(Deferred.await(isDone), Effect.sync(() => heard.push(line)))
    const scoped = yield* start(Effect.scoped(Effect.gen(function*() {
      const { all } = yield* make(output)
      all[0]!.write("one\ntwo\nthree")
    })))
    yield* settle
    expect([scoped.pollUnsafe(), heard]).toEqual([undefined, []])
    yield* Deferred.succeed(isDone, undefined)
    yield* Fiber.join(scoped)
    expect(heard).toEqual(["one", "two", "three"])
  })))

test("an output that fails, dies, throws or is interrupted is logged once, and gets later lines", () =>
  run(Effect.gen(function*() {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ message }) => void logged.push(message))
    const heard: Array<string> = []
    const ends = [Effect.fail("refused"), Effect.die("a bug"), Effect.interrupt]
    const output = (line: string) => {
      heard.push(line)
      const end = ends.pop()
      if (end === undefined && heard.length === 4) throw new Error("a bug")
      return end ?? Effect.void
    }
    yield* Effect.provide(
      Effect.gen(function*() {
        const { all, pool } = yield* make(output)
        all[0]!.write("1\n2\n3\n4\n5\n")
        yield* settle
        expect(WorkerPool.stats(pool.workers)).toMatchObject({ size: 1, replaced: 0 })
      }),
      Logger.layer([logger])
    )
    expect(heard).toEqual(["1", "2", "3", "4", "5"])
    expect(logged).toEqual([["ThreadPool digests: output failed; further failures are not logged"]])
  })))

test("output is a defect of make where threads have no output, or if it is no function", () =>
  run(Effect.gen(function*() {
    const threads = new Puppets()
    const options = { module: new URL("fake:threads"), platform: threads, output: () => Effect.void }
    const message = "ThreadPool.make: output is given, but the threads of this platform have no output to capture"
    expect(yield* defectOf(ThreadPool.make<Jobs>(options))).toMatchObject({ message })
    // A caller in JavaScript.
    const wrong = { ...options, output: true as unknown as Output }
    expect(yield* defectOf(ThreadPool.make<Jobs>(wrong))).toMatchObject({
      message: "ThreadPool.make: output must be a function, got true"
    })
    expect(threads.all).toEqual([])
  })))
