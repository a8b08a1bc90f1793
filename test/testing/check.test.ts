/** The error that `check` throws, the drawing, and the options that reach the exploration. */
import { Effect } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { check, checkAsync, CheckFailed, type CheckOptions, scenario } from "sluice/testing"
import { afterEach, beforeEach, expect, test } from "vitest"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-check-"))
})
afterEach(() => {
  delete process.env["SLUICE_SVG"]
  rmSync(folder, { recursive: true })
})

const failing = (message: string) => scenario((t) => t.expect(false, message))
const fine = scenario((t) => t.actor("a", Effect.yieldNow))

const thrown = async (f: () => unknown): Promise<CheckFailed> => {
  try {
    await f()
  } catch (error) {
    if (error instanceof CheckFailed) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

test("the thrown error has its name and its report's text, and lists neither report nor message among its own", async () => {
  const error = await thrown(() => check(failing("wrong")))
  expect(error).toBeInstanceOf(Error)
  expect(error.name).toBe("CheckFailed")
  expect(error.report.failure?.message).toBe("wrong")
  expect(error.message).toBe(error.report.toString())
  expect(Object.keys(error)).not.toContain("report")
  expect(Object.keys(error)).not.toContain("message")
})

test("a failing run is drawn to the file that the options name, whatever the environment names", async () => {
  process.env["SLUICE_SVG"] = join(folder, "elsewhere")
  const svg = join(folder, "a.svg")
  for (const f of [() => check(failing("wrong"), { svg }), () => checkAsync(failing("wrong"), { svg })]) {
    const error = await thrown(f)
    expect(error.message).toBe(`${error.report.toString()}\nDrawn in ${svg}`)
    expect(readFileSync(svg, "utf8")).toBe(error.report.toSvg())
    rmSync(svg)
  }
  expect(readdirSync(folder)).toEqual([])
})

test("beneath the folder that SLUICE_SVG names, each failure has a file, the same one each time", async () => {
  process.env["SLUICE_SVG"] = join(folder, "new", "folder")
  const drawn = async (message: string, options: CheckOptions = {}) => {
    const { message: text } = await thrown(() => check(failing(message), options))
    return text.split("\nDrawn in ")[1]
  }
  const first = await drawn("first")
  expect(first).toMatch(/\/new\/folder\/expectation-[a-z0-9]+\.svg$/)
  expect(await drawn("first")).toBe(first)
  const others = await Promise.all(["second", "third", "fourth", "fifth"].map((message) => drawn(message)))
  expect(new Set([first, ...others]).size).toBe(5)
  for (const file of others) expect(file).toMatch(/\/expectation-[a-z0-9]+\.svg$/)
  // The same message, by another schedule.
  const twice = scenario((t) =>
    Effect.flatMap(t.choose([0, 1, 2]), (n) => n > 0 ? t.expect(false, "first") : Effect.void)
  )
  const keys = ["s1:0.0c1", "s1:0.0c2"]
  const files = await Promise.all(keys.map(async (schedule) => {
    const error = await thrown(() => check(twice, { schedule }))
    return error.message.split("\nDrawn in ")[1]
  }))
  expect(new Set([first, ...files]).size).toBe(3)
  expect(readdirSync(join(folder, "new", "folder"))).toHaveLength(7)
})

test("nothing is drawn of a run that does not fail, nor where no place is named", async () => {
  process.env["SLUICE_SVG"] = folder
  check(fine, { runs: 3 })
  await checkAsync(fine, { runs: 3 })
  delete process.env["SLUICE_SVG"]
  await thrown(() => check(failing("wrong")))
  expect(readdirSync(folder)).toEqual([])
})

test("the report is that of as many schedules as the options say, or of the one schedule that they name", async () => {
  expect(check(fine, { runs: 3 })).toMatchObject({ runs: 3, failure: undefined })
  expect(await checkAsync(fine, { runs: 3 })).toMatchObject({ runs: 3, failure: undefined })
  // The empty schedule is one, too.
  for (const schedule of ["s1:", []]) expect(check(fine, { schedule, runs: 3 })).toMatchObject({ runs: 1 })
  expect(() => check(fine, { schedule: "" })).toThrow("sluice/testing: not a schedule's key: \"\"")
})

test("maxSteps bounds the one schedule as well", async () => {
  const long = scenario((t) => t.actor("a", Effect.forever(Effect.yieldNow), { cancel: false }))
  const { report } = await thrown(() => check(long, { schedule: "s1:", maxSteps: 200 }))
  expect(report.failure?.message).toMatch(/^a did not end within 400 steps/)
})
