/** A pool as a service, in a process of its own that gets a real signal. */
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { start } from "./program.js"

const entry = fileURLToPath(new URL("./entry-mailer.ts", import.meta.url))

const stopped = async (...args: ReadonlyArray<string>) => {
  const { child, ended } = start(args, { entry })
  await new Promise((resolve) => child.stdout!.once("data", resolve))
  child.kill("SIGTERM")
  const { code, stderr, stdout } = await ended
  return { code, stderr, stdout: String(stdout).split("\n").filter((line) => line !== "") }
}

test("a SIGTERM has the pool send what it has accepted, and the process ends by itself", async () => {
  expect(await stopped("5", "bob")).toEqual({ code: 0, stderr: "", stdout: ["ready", "sent 2, aborted , returned "] })
})

test("the drain ends: what runs is aborted, what waits is returned", async () => {
  expect(await stopped("0.2", "slow", "bob")).toEqual({
    code: 0,
    stderr: "",
    stdout: ["ready", "sent 1, aborted slow, returned bob"]
  })
})
