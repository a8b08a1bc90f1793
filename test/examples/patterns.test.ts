import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { patterns } from "../../docs/examples/patterns/all.js"
import { command, env } from "./program.js"

const folder = fileURLToPath(new URL("../../docs/examples/patterns/", import.meta.url))

interface Expected {
  readonly answer: unknown
  /** How long it takes, in milliseconds of the test's clock. */
  readonly millis: number
}

const expected: Readonly<Record<string, Expected>> = {
  "workers.ts": {
    answer: [
      "job 1 by worker 1",
      "job 2 by worker 2",
      "job 3 by worker 3",
      "job 4 by worker 1",
      "job 5 by worker 2"
    ],
    millis: 200
  },
  "order.ts": { answer: { asGiven: [150, 50, 100], asTheyEnd: [50, 100, 150] }, millis: 300 },
  "closing.ts": {
    answer: ["open 1", "open 2", "job a", "job b", "job c", "all done", "close 1", "close 2", "after"],
    millis: 0
  },
  "fail-fast.ts": {
    answer: {
      error: "broken cannot be read",
      submitted: 4,
      failed: 1,
      interrupted: 3,
      running: 0,
      state: "running"
    },
    millis: 50
  },
  "errors-as-results.ts": {
    answer: ["2: 1", "3: 3 is odd", "4: 2"],
    millis: 0
  },
  "all-errors.ts": { answer: ["bad name: a b", "bad name: d e"], millis: 0 },
  "reject.ts": { answer: ["202 accepted", "202 accepted", "429 1 waiting"], millis: 0 },
  "drop.ts": {
    answer: { dropping: { ran: [1, 2, 3], dropped: [4, 5] }, sliding: { ran: [1, 4, 5], dropped: [2, 3] } },
    millis: 0
  },
  "cancel.ts": {
    answer: {
      states: ["interrupted", "interrupted"],
      cancelled: [true, true],
      log: ["running is undone", "late is undone", "None"],
      idle: 1
    },
    millis: 50
  },
  "invalidate.ts": {
    answer: ["open 1", "a on 1", "b on 1", "close 1", "open 2", "connection reset", "c on 2", "close 2"],
    millis: 0
  },
  "poison.ts": {
    answer: {
      results: ["parser 1: 1", "SyntaxError", "parser 2: [2]"],
      succeeded: 2,
      died: 1,
      replaced: 1,
      size: 1
    },
    millis: 0
  },
  "shutdown.ts": { answer: { sent: 1, aborted: ["bob", "cid"], returned: ["dan"] }, millis: 200 }
}

/** Runs a program on a clock of its own, and answers what it returned and what the clock said then. */
const onTestClock = <A, E>(program: Effect.Effect<A, E>): Promise<{ readonly answer: A; readonly millis: number }> =>
  Effect.runPromise(
    Effect.gen(function*() {
      const ended = Effect.all({ answer: program, millis: Clock.currentTimeMillis })
      const fiber = yield* Effect.forkChild(ended, { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      return yield* Fiber.join(fiber)
    }).pipe(Effect.provide(TestClock.layer()))
  )

test.each(patterns)("$file: $heading", async ({ file, program }) => {
  expect(await onTestClock(program)).toEqual(expected[file])
})

test("every pattern is among those that are run", () => {
  const files = readdirSync(folder).filter((name) => name !== "main.ts" && name !== "all.ts")
  expect(patterns.map(({ file }) => file).sort()).toEqual(files.sort())
})

test("main.ts prints each pattern's heading, and its result", () => {
  const [node, ...args] = command([], `${folder}main.ts`)
  const { status, stderr, stdout } = spawnSync(node!, args, { env, encoding: "utf8" })
  expect(stderr).toBe("")
  // What takes time takes real time here. That its answers are right is for the tests above.
  const blocks = stdout.trim().split("\n\n").map((block) => block.split("\n"))
  expect(blocks.map(([heading]) => heading)).toEqual(patterns.map(({ heading }) => heading))
  for (const block of blocks) expect(block.length).toBeGreaterThan(1)
  expect(status).toBe(0)
})
