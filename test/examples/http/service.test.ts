import { start } from "./program.js"

import { describe, expect, it } from "vitest"

const post = async (url: string) => {
  const response = await fetch(url, { method: "POST" })
  return `${response.status} ${await response.text()}`
}

/** Repeats it until it returns true. */
const until = async (isTrue: () => Promise<boolean>): Promise<void> => {
  while (!(await isTrue()));
}

/** A service with a request in flight: the job of the request is the next one after those of `users`. */
const serving = async (users: ReadonlyArray<string>, caller: string) => {
  const { child, ended, listening } = start("service", "--port", "0")
  const url = await listening
  for (const user of users) await post(`${url}/mail/${user}`)
  const request = post(`${url}/now/${caller}`).catch(() => "hung up")
  // A job that is submitted later has the number that shows it.
  let others = 0
  await until(async () => await post(`${url}/mail/late`) === `202 accepted as job ${users.length + ++others + 1}`)
  return { child, ended, request, url, others }
}

describe.concurrent("service", () => {
  it("finishes requests and submitted jobs after a SIGTERM, and ends", async () => {
    const { child, ended, others, request } = await serving(["ada", "bob"], "cy")
    child.kill("SIGTERM")
    expect(await request).toBe("200 sent to cy")
    const { code, stderr, stdout } = await ended
    expect([code, stderr]).toEqual([130, ""])
    expect(stdout.split("\n").slice(1)).toEqual([`sent ${3 + others}, aborted [], returned []`, ""])
  })

  it("refuses connections after a SIGINT, interrupts requests that take too long, and reports jobs that do", async () => {
    const { child, ended, request, url } = await serving(["slow", "slow", "bob"], "dora")
    child.kill("SIGINT")
    await until(() => fetch(url).then(() => false, () => true))
    expect(await request).toMatch(/^503|^hung up/)
    const { code, stdout } = await ended
    expect(code).toBe(130)
    // The job of the request went with its caller.
    expect(stdout).toMatch(/^sent 0, aborted \[slow,slow\], returned \[bob(,late)+\]$/m)
  })

  it("demonstrates itself", async () => {
    const { stderr, stdout } = await start("service").ended
    expect(stderr).toBe("")
    expect(stdout).toMatch(/^POST \/now\/dora: 200 sent to dora\nsent 4, aborted \[\], returned \[\]$/m)
  })

  it("refuses wrong arguments, with its options", async () => {
    const { code, stderr, stdout } = await start("service", "--port", "here").ended
    expect(code).toBe(1)
    expect(stderr).toContain("Invalid value for flag --port: \"here\"")
    expect(stdout).toContain("--serve")
  })
})
