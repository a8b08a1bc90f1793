/** The orderly end of real threads: their output, and their layers. */
import { Cause, Effect, Fiber } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { WorkerPool } from "sluice"
import { ThreadPool } from "sluice/threads"
import { expect, test } from "vitest"
import { run, start } from "../support/effect.js"
import { compile, compiled, shared } from "../support/threads.js"
import type { jobs } from "./layered.js"

const module = compiled("layered")

test("a layer is released however long that takes, and its defects are reported", () =>
  run(Effect.gen(function*() {
    const counts = shared(1)
    const pool = yield* ThreadPool.make<typeof jobs>({ module, size: 1, grace: 0 })
    yield* pool.run.tell([counts, 60, true])
    const { releaseFailures } = yield* WorkerPool.shutdown(pool.workers)
    expect(counts[0]).toBe(1)
    expect(releaseFailures.map((cause) => Cause.squash(cause))).toMatchObject([
      { name: "RangeError", message: "a bug in a finalizer" }
    ])
  })))

test("a thread that is blocked outside of a call is replaced once a call of it is cancelled", () =>
  run(Effect.gen(function*() {
    const pool = yield* ThreadPool.make<typeof jobs>({ module, size: 1, prefetch: 1, grace: 50 })
    yield* pool.run.block()
    yield* Effect.sleep(10)
    const one = yield* start(pool.run.add(1))
    const two = yield* start(pool.run.add(2))
    yield* Fiber.interrupt(one)
    expect(yield* Fiber.join(two)).toBe(3)
    expect(WorkerPool.stats(pool.workers)).toMatchObject({ replaced: 2, interrupted: 1, succeeded: 2 })
  })))

test("a thread has the environment and the arguments that node gives it", () =>
  run(Effect.gen(function*() {
    const pool = yield* ThreadPool.make<typeof jobs>({
      module,
      size: 1,
      node: { env: { SET: "yes", UNSET: undefined }, argv: ["--x"] }
    })
    expect(yield* pool.run.env("SET")).toBe("yes")
    expect(yield* pool.run.env("UNSET")).toBe(undefined)
    expect(yield* pool.run.argv()).toEqual(["--x"])
  })))

test("output gets every line that a real thread has written, those of its finalizers included", async () => {
  const heard: Array<string> = []
  await run(Effect.gen(function*() {
    const pool = yield* ThreadPool.make<typeof jobs>({
      module,
      size: 1,
      output: (line, { stream, thread }) => Effect.sync(() => heard.push(`${thread} ${stream} ${line}`))
    })
    yield* pool.run.log(200)
    yield* pool.run.warn("careful")
  }))
  expect(heard.filter((line) => line.startsWith("1 stderr"))).toEqual(["1 stderr careful"])
  expect(heard.filter((line) => line.startsWith("1 stdout"))).toEqual([
    ...Array.from({ length: 200 }, (_, n) => `1 stdout line ${n}`),
    "1 stdout the last line"
  ])
})

/** What the program `test/threads/NAME.ts` writes. */
const outputOf = async (name: string): Promise<ReadonlyArray<string>> => {
  const program = fileURLToPath(new URL(`./${name}.mjs`, module))
  compile(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), program)
  const { stdout } = await promisify(execFile)(process.execPath, [program, module.href], { timeout: 30_000 })
  return stdout.split("\n")
}

test("an open pool keeps the process alive while it has a call, and no longer (T6)", async () => {
  expect((await outputOf("unclosed")).toSorted()).toEqual([
    "",
    "a thread: line 0",
    "exit 0",
    "the call has ended",
    "the program has ended"
  ])
})

test("every line that a thread has logged is written before the process ends", async () => {
  expect(await outputOf("logging")).toEqual([
    ...Array.from({ length: 200 }, (_, n) => `line ${n}`),
    "the last line",
    ""
  ])
})
