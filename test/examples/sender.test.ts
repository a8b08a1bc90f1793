import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"
import { expect, test } from "vitest"
import { naive, pooled } from "../../docs/examples/sender/senders.js"
import { serve } from "../../docs/examples/sender/server.js"

const main = fileURLToPath(new URL("../../docs/examples/sender/main.ts", import.meta.url))
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href
const run = (args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, ["--import", tsx, main, ...args], { encoding: "utf8" })

test.each([["a pool", pooled], ["a fiber a message", naive]] as const)(
  "%s: every message arrives, whoever hangs up",
  (_, send) =>
    Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const server = yield* serve(0.2, 7)
      let sent = 0
      yield* Effect.scoped(send({ users: 500, workers: 4, port: server.port, onSent: () => void (sent += 1) }))
      expect(sent).toBe(500)
      expect(server.times.size).toBe(500)
      // One connection for each worker and for each that was lost; or for each message.
      if (send === pooled) expect(server.connections()).toBeLessThan(250)
      else expect(server.connections()).toBeGreaterThanOrEqual(500)
    })))
)

test("the program prints both, side by side", () => {
  const { status, stdout } = run(["--users", "200", "--workers", "4"])
  expect(stdout).toContain("pool of 4")
  expect(stdout).toContain("a fiber a message")
  expect(stdout.match(/'well'/g)).toHaveLength(2)
  expect(status).toBe(0)
})

test.each([
  [["--users", "0"], "--users must be an integer >= 1, got \"0\""],
  [["--workers", "x"], "--workers must be an integer >= 1, got \"x\""],
  [["--drop", "1"], "--drop must be a number from 0 to less than 0.5, got \"1\""],
  [["--only", "both"], "--only must be pool or naive, got \"both\""]
])("%j is refused with a reason", (args, message) => {
  const { status, stderr } = run(args)
  expect(stderr).toContain(message)
  expect(status).toBe(1)
})
