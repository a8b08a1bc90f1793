/** Programs in processes of their own, in a minified bundle, whose event loops are blocked. */
import { Effect, Fiber, Option, Stream } from "effect"
import { build } from "esbuild"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { Inspect } from "sluice/inspect"
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest"
import { Watchdog } from "../../src/internal/inspect/Watchdog.js"
import { run } from "../support/inspect.js"

const root = path.resolve(import.meta.dirname, "../..")

let folder: string
let program: string

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "sluice-watchdog-"))
  program = path.join(folder, "program.mjs")
  await build({
    entryPoints: [path.join(import.meta.dirname, "programs/watchdog.ts")],
    outfile: program,
    bundle: true,
    minify: true,
    keepNames: true,
    sourcemap: true,
    target: "es2022",
    platform: "node",
    format: "esm",
    logLevel: "warning",
    alias: { sluice: path.join(root, "src/index.ts"), "sluice/inspect": path.join(root, "src/inspect/index.ts") }
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const children: Array<ChildProcess> = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

const start = (args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
  children.push(child)
  const streams = { out: "", err: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => streams.out += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => streams.err += text)
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  /** Waits for a text of the standard error, while the program goes on. */
  const says = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => pattern.test(streams.err) && resolve(streams.err)
      child.stderr.on("data", look)
      child.on("close", () => reject(new Error(`it ended, and said ${streams.err}`)))
      look()
    })
  return { child, ended, says, streams }
}

const runProgram = async (...args: ReadonlyArray<string>) => {
  const { ended, streams } = start(args)
  const code = await ended
  const lines = streams.out.split("\n")
  const reports = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Inspect.Report)
  return { code, out: lines, err: streams.err.split("\n").filter((line) => line.startsWith("sluice:")), reports }
}

const none = () => Effect.void

const onlyOf = ([report, ...more]: ReadonlyArray<Inspect.Report>) => {
  if (report?._tag !== "Starved" || more.length > 0) throw new Error("no Starved, or something else")
  return report
}

const line =
  /^sluice: the event loop has been blocked for \d+ ms, by fiber \d+ \(GET \/spin\) in spin at .*programs\/watchdog\.ts:\d+ `while .* \/\/ spins`$/m

describe("the watchdog", () => {
  test("names the function, the line and the fiber while the event loop is blocked", async () => {
    const { child, says } = start([program, "forEver"])
    expect(await says(/\n/)).toMatch(line)
    expect(child.exitCode).toBe(null)
  })

  test("writes one line for each block, and reports its functions once the event loop runs", async () => {
    const { code, err, out, reports } = await runProgram(program, "spin")
    expect(code).toBe(0)
    expect(out).toContain("ended")
    expect(err).toEqual([expect.stringMatching(line)])
    const report = onlyOf(reports)
    expect(report.fiber).toMatch(/^fiber \d+$/)
    expect(report.text).toMatch(/^The event loop was blocked for \d+ ms, by fiber .* in spin at .*\n {2}called by /)
    expect(report.millis).toBeGreaterThan(550)
    expect(report.stack?.[0]?.function).toBe("spin")
    expect(report.stack?.[0]?.text).toContain("// spins")
    // Sluice's own functions, and Effect's, are left out: the function that is called by `Effect.sync` remains.
    expect(report.stack?.every(({ file }) => file.endsWith("programs/watchdog.ts"))).toBe(true)
  })

  test("writes a line while native code blocks the event loop, and reports the function that called it", async () => {
    const { err, reports } = await runProgram(program, "native")
    expect(err).toEqual([expect.stringMatching(/blocked for \d+ ms, in native code or a synchronous call$/)])
    expect(onlyOf(reports).stack?.[0]?.text).toContain("execFileSync")
  })

  test.each(["off", "short", "after", "unclosed"])("writes nothing where it does not watch: %s", async (mode) => {
    expect(await runProgram(program, mode)).toEqual({ code: 0, out: ["ended", ""], err: [], reports: [] })
  })

  test("waits for one second where the option is true", async () => {
    const { reports } = await runProgram(program, "long")
    expect(onlyOf(reports).stack?.[0]?.function).toBe("spin")
  })

  test("lets the process exit in the midst of a block", async () => {
    const { code, err } = await runProgram(program, "exit")
    expect({ code, lines: err.length }).toEqual({ code: 3, lines: 1 })
  })

  test("gets along with another debugger", async () => {
    const { code, err } = await runProgram("--inspect=127.0.0.1:0", program, "spin")
    expect(code).toBe(0)
    expect(err).toEqual([expect.stringMatching(line)])
  })
})

describe("within this process", () => {
  const inspector = process.getBuiltinModule("node:inspector")
  const names = () => Object.getOwnPropertyNames(inspector).filter((name) => name.startsWith("~sluice/"))
  const asked = () => (inspector as unknown as Readonly<Record<string, (beat: number) => unknown>>)[names()[0] ?? ""]

  test("reports the functions of a program that vitest has compiled", () =>
    run(
      Effect.gen(function*() {
        // On a busy machine other code blocks the event loop for as long, too.
        const isHere = (report: Inspect.Report) =>
          report._tag === "Starved" && report.stack?.[0]?.text?.includes("// spins here") === true
        const here = Inspect.reports.pipe(Stream.filter(isHere), Stream.runHead)
        const reports = yield* Effect.forkScoped(here, { startImmediately: true })
        while (reports.pollUnsafe() === undefined) {
          yield* Effect.sleep("100 millis") // The thread starts, or the report comes.
          const end = performance.now() + 200
          while (performance.now() < end) Math.imul(2, 3) // spins here
        }
        expect(Option.isSome(yield* Fiber.join(reports))).toBe(true)
      }).pipe(Effect.provide(Inspect.layer({ adopt: false, tick: "10 millis", watchdog: "20 millis", onReport: none })))
    ))

  test("a call that comes after the block is ignored, and the thread ends with the watchdog", async () => {
    const terminate = vi.spyOn(process.getBuiltinModule("node:worker_threads").Worker.prototype, "terminate")
    onTestFinished(() => terminate.mockRestore())
    const looks: Array<string> = []
    const look = (evaluated: string) => {
      looks.push(evaluated)
      return { fiber: undefined, stack: [], text: "in a test" }
    }
    const dog = new Watchdog({ millis: 60_000, look, failed: () => {} })
    expect(asked()?.(0)).toBe("in a test")
    expect(dog.take()).toMatchObject([{ text: "in a test" }])
    expect(asked()?.(0)).toBe(undefined)
    expect(dog.take()).toEqual([])
    expect(looks.length).toBe(1)
    await dog.close()
    expect(terminate).toHaveBeenCalledOnce()
    expect(names()).toEqual([])
  })

  test.each([0, -1, "soon" as "1 second"])(
    "the option must be a boolean or a duration > 0, and not %s",
    async (watchdog) => {
      const exit = await Effect.runPromiseExit(Effect.provide(Effect.void, Inspect.layer({ watchdog })))
      expect(String(exit)).toContain("Inspect.layer: watchdog must be a boolean, or a duration > 0")
    }
  )
})

describe("where there can be no watchdog, a warning is logged and the layer watches all the same", () => {
  const warning = "Inspect.layer: nothing watches the event loop"

  test("a worker thread", async () => {
    const { code, out } = await runProgram(program, "thread", program)
    expect(code).toBe(0)
    expect(out.join("\n")).toContain(warning)
  })

  test("Node with a permission model", async () => {
    const [major = 0] = process.versions.node.split(".").map(Number)
    const flag = major >= 23 ? "--permission" : "--experimental-permission"
    const { out } = await runProgram(flag, "--allow-fs-read=*", program, "short")
    expect(out.join("\n")).toContain(warning)
    expect(out).toContain("ended")
  })
})
