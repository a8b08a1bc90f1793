/** The command, as it is in the package, and processes that it looks at. */
import { build } from "esbuild"
import { type ChildProcess, spawn } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { kill } from "node:process"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { connectToProcess } from "../../src/ps/connect.js"
import type { ProcessDump } from "../../src/ps/model.js"
import { ps as lookAt } from "../../src/ps/ps.js"
import { findTarget, type Target } from "../../src/ps/Target.js"

const root = path.resolve(import.meta.dirname, "../..")
const program = path.join(import.meta.dirname, "programs/deadlock.ts")

let folder: string
let command: string
let mapped: string
let minified: string
let twice: string

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "sluice-ps-"))
  const inFolder = (name: string) => path.join(folder, name)
  const shared = { bundle: true, target: "es2022", logLevel: "warning" } as const
  command = inFolder("main.js")
  await build({
    ...shared,
    entryPoints: [path.join(root, "src/ps/main.ts")],
    outfile: command,
    platform: "node",
    format: "esm"
  })
  await build({
    ...shared,
    entryPoints: [path.join(root, "src/ps/agent.ts")],
    outfile: inFolder("agent.global.js"),
    platform: "neutral",
    format: "iife",
    globalName: "agent",
    minify: true
  })
  const bundle = async (name: string, options: { readonly minify?: boolean; readonly sourcemap?: boolean }) => {
    const outfile = inFolder(name)
    await build({
      ...shared,
      ...options,
      entryPoints: [program],
      outfile,
      platform: "node",
      format: "esm",
      alias: { sluice: path.join(root, "src/index.ts") }
    })
    return outfile
  }
  mapped = await bundle("mapped.mjs", { sourcemap: true })
  minified = await bundle("minified.mjs", { minify: true })
  twice = inFolder("twice.mjs")
  writeFileSync(twice, `import "./mapped.mjs"; import "./minified.mjs"`)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const children: Array<ChildProcess> = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

interface Running {
  readonly pid: number
  readonly out: () => string
  readonly err: () => string
  readonly isAlive: () => boolean
}

const run = (file: string, args: ReadonlyArray<string>) => {
  const child = spawn(file, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
  children.push(child)
  let out = ""
  let err = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => out += text)
  child.stderr.setEncoding("utf8").on("data", (text: string) => err += text)
  return { child, out: () => out, err: () => err }
}

/** Starts a program, and waits for so many lines of its output. */
const start = async (args: ReadonlyArray<string>, lines = 1, file = process.execPath): Promise<Running> => {
  const { child, err, out } = run(file, args)
  const isReady = () => out().split("\n").length > lines
  await new Promise<void>((resolve, reject) => {
    if (lines === 0) child.on("spawn", resolve)
    child.stdout.on("data", () => isReady() && resolve())
    child.on("exit", () => reject(new Error(`the program ended: ${err()}`)))
  })
  return { pid: child.pid!, out, err, isAlive: () => child.exitCode === null && child.signalCode === null }
}

/** Any free port, since others may use Node's own. */
const anyPort = "--inspect-port=0"

const sluice = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>((resolve) => {
    const { child, err, out } = run(process.execPath, [command, ...args])
    child.on("close", (code) => resolve({ code, out: out(), err: err() }))
  })

const ps = ({ pid }: { readonly pid: number }, ...args: ReadonlyArray<string>) => sluice("ps", String(pid), ...args)

const dump = async (running: Running, ...args: ReadonlyArray<string>): Promise<ProcessDump> => {
  const { code, err, out } = await ps(running, "--json", ...args)
  expect({ code, err }).toEqual({ code: 0, err: "" })
  return JSON.parse(out) as ProcessDump
}

/** The ports at which a program has opened its inspector, one after the other. */
const ports = ({ err }: Running): ReadonlyArray<number> =>
  [...err().matchAll(/listening on ws:\/\/127\.0\.0\.1:(\d+)\//g)].map(([, port]) => Number(port))

const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false))
    socket.on("connect", () => socket.destroy())
  })

describe("sluice ps", () => {
  test("shows the deadlock of two fibers with source lines, and closes the inspector again", async () => {
    const running = await start([anyPort, mapped])
    const { deadlocks, process, resources } = await dump(running)
    expect(resources.map(({ id }) => id).toSorted()).toEqual(["semaphore-1", "semaphore-2", "semaphore-3"])
    expect(resources.map(({ name }) => name).toSorted()).toEqual(["a", "b", "first"])
    expect(deadlocks).toMatchObject([{ evidence: "certain" }])
    const at = { file: program, text: "yield* Semaphore.withPermit(to, Effect.void)" }
    const held = { weight: 1, of: "permits", at: { file: program, text: "yield* Semaphore.withPermit(" } }
    expect(deadlocks[0]!.members).toMatchObject([{ at, holds: [held] }, { at, holds: [held] }])
    expect(process).toMatchObject({ pid: running.pid, stack: [] })
    const [port, ...more] = ports(running)
    expect(more).toEqual([])
    expect(await isOpen(port!)).toBe(false)
    expect(running.isAlive()).toBe(true)
    // None of the traps in the program was called.
    expect(running.out()).toBe("ready\n")
  })

  test("prints text for people, and the reasons of one wait", async () => {
    const running = await start([anyPort, mapped])
    const { code, out } = await ps(running)
    expect(code).toBe(0)
    expect(out).toMatch(/^process \d+: /)
    expect(out).toContain("deadlock-1 (certain): 2 wait for each other")
    expect(out).not.toContain("\u001b[")
    const member = /^ {2}(fiber \d+) \(move\) waits for a permit of semaphore a/m.exec(out)![1]!
    const explained = await ps(running, "--explain", member)
    expect(explained).toMatchObject({ code: 0, err: "" })
    expect(explained.out).toContain("waits for itself: a deadlock (certain).")
  })

  test("exits with 1 if it is asked to explain what is not there, or one of several", async () => {
    const running = await start([anyPort, twice], 2)
    const unknown = `No fiber, job or resource is called "db".`
    expect(await ps(running, "--explain", "db")).toEqual({ code: 1, out: "", err: `sluice: ${unknown}\n` })
    expect(await ps(running, "--explain", "first")).toMatchObject({ code: 1, out: "" })
    expect(await ps(running, "--explain", "db", "--fail-on-deadlock")).toMatchObject({ code: 3, out: "" })
  })

  test("calls a resource the same in each look, also when others are gone", async () => {
    const running = await start([anyPort, mapped])
    const idOf = (name: string, { resources }: ProcessDump) => resources.find((one) => one.name === name)?.id
    const first = await dump(running)
    kill(running.pid, "SIGUSR2")
    await expect.poll(running.out).toContain("dropped")
    const second = await dump(running)
    expect(second.resources).toHaveLength(2)
    for (const name of ["a", "b"]) expect(idOf(name, second)).toBe(idOf(name, first))
  })

  test("exits with 3 at a deadlock if asked to", async () => {
    expect(await ps(await start([anyPort, mapped]), "--fail-on-deadlock")).toMatchObject({ code: 3 })
  })

  test("exits with 3 at a deadlock also where the reader of its output is gone", async () => {
    const { pid } = await start([anyPort, mapped])
    const { child, err } = run(process.execPath, [command, "ps", String(pid), "--fail-on-deadlock"])
    child.stdout.destroy()
    const code = await new Promise((resolve) => child.on("exit", resolve))
    expect({ code, err: err() }).toEqual({ code: 3, err: "" })
  })

  test("closes an inspector that opens after the look was interrupted", async () => {
    const running = await start([anyPort, mapped])
    const controller = new AbortController()
    const found = findTarget(running.pid)
    const wake = () => {
      found.wake()
      controller.abort()
      // It opens the inspector some looks later.
      kill(running.pid, "SIGSTOP")
      setTimeout(kill, 200, running.pid, "SIGCONT")
    }
    // The methods of the target are inherited.
    const target = Object.create(found, { wake: { value: wake } }) as Target
    const options = { port: undefined, timeout: 10_000, close: false, slow: () => {}, signal: controller.signal }
    const inspected = await connectToProcess(target, options)
    await inspected.close()
    expect(await isOpen(ports(running)[0]!)).toBe(false)
  })

  test("looks at a process whose event loop is blocked, and names the function that blocks it", async () => {
    const running = await start([anyPort, mapped, "blocked"])
    const { deadlocks, process } = await dump(running)
    expect(deadlocks).toHaveLength(1)
    expect(process.stack[0]).toMatchObject({
      function: "compute",
      file: program,
      text: "for (let i = 0;; i++) Math.imul(i, i)"
    })
    expect(process.stack[1]).toMatchObject({ file: program, text: `if (mode === "blocked") compute()` })
    expect(process.blocked).toMatchObject({ isBlocked: true })
    expect(await isOpen(ports(running)[0]!)).toBe(false)
    const { out } = await ps(running)
    expect(out).toMatch(/^the event loop has been blocked for at least \d+ ms by compute at .*deadlock\.ts:\d+ /m)
    expect(ports(running)).toHaveLength(2)
    expect(running.isAlive()).toBe(true)
  })

  test("shows the functions that worker threads are in", async () => {
    const running = await start([anyPort, mapped, "threads"])
    const { process: { threads } } = await dump(running)
    const [busy, idle] = threads!.toSorted((one, other) => one.thread! - other.thread!)
    expect(busy).toMatchObject({ thread: 1, stack: [{ function: "grind" }] })
    expect(idle).toMatchObject({ thread: 2, stack: [] })
    expect((await dump(running, "--no-threads")).process.threads).toBeUndefined()
  })

  test("finds resources in minified code without a source map", async () => {
    const { deadlocks, resources } = await dump(await start([anyPort, minified]))
    expect(resources.map(({ name }) => name).toSorted()).toEqual(["a", "b", "first"])
    expect(deadlocks).toMatchObject([{ evidence: "certain" }])
    for (const { at, holds } of deadlocks[0]!.members) {
      expect([at!.text, holds[0]!.at!.text]).toEqual([
        expect.stringMatching(/^yield\*\w+\.withPermit\(\w+,\w+\.void\)/),
        expect.stringMatching(/^yield\*\w+\.withPermit\(\w+,\w+\.gen\(/)
      ])
    }
  })

  test("finds resources of two copies of sluice and Effect", async () => {
    const { deadlocks, resources } = await dump(await start([anyPort, twice], 2))
    expect(resources.map(({ name }) => name).toSorted()).toEqual(["a", "a", "b", "b", "first", "first"])
    expect(deadlocks).toHaveLength(2)
  })

  test("leaves an inspector open that was open before, unless it is asked to close it", async () => {
    const running = await start(["--inspect=0", mapped])
    const [port] = ports(running)
    expect((await dump(running)).deadlocks).toHaveLength(1)
    expect(await isOpen(port!)).toBe(true)
    expect((await dump(running, "--port", String(port))).deadlocks).toHaveLength(1)
    expect(await isOpen(port!)).toBe(true)
    await dump(running, "--close")
    expect(await isOpen(port!)).toBe(false)
    expect(ports(running)).toHaveLength(1)
  })
})

describe("sluice ps fails", () => {
  test("without a signal to a process that is not Node.js", async () => {
    const running = await start(["60"], 0, "sleep")
    const { code, err } = await ps(running)
    expect(code).toBe(1)
    expect(err).toContain(`process ${running.pid} is not Node.js but sleep. It was not signalled`)
    expect(running.isAlive()).toBe(true)
  })

  test("in plain characters, whatever the executable is called", async () => {
    const copy = path.join(folder, "loud\u001b[31m")
    copyFileSync("/bin/sleep", copy)
    const { code, err } = await ps(await start(["60"], 0, copy))
    expect(code).toBe(1)
    expect(err).toContain(String.raw`is not Node.js but loud\u001b[31m. It was not signalled`)
  })

  test("without a signal to a process whose inspector is disabled", async () => {
    const isNew = Number(process.versions.node.split(".")[0]) >= 22
    const flags = isNew ? ["--disable-sigusr1"] : ["--experimental-permission", "--allow-fs-read=*"]
    const running = await start([...flags, mapped])
    const { code, err } = await ps(running)
    expect(code).toBe(1)
    expect(err).toContain(`process ${running.pid} has its inspector disabled`)
    expect(running.isAlive()).toBe(true)
  })

  test("if there is no such process", async () => {
    const { child } = run(process.execPath, ["-e", ""])
    await new Promise((resolve) => child.on("close", resolve))
    expect(await ps({ pid: child.pid! })).toEqual({
      code: 1,
      out: "",
      err: `sluice: process ${child.pid!} does not exist\n`
    })
  })

  test("if the process has no sluice", async () => {
    const running = await start([anyPort, "-e", "console.log('ready'); setInterval(() => {}, 60000)"])
    const { code, err, out } = await ps(running)
    expect(code).toBe(1)
    expect(out).toMatch(/^process \d+: /)
    expect(err).toContain(`process ${running.pid} has no sluice in its main thread`)
    expect(await isOpen(ports(running)[0]!)).toBe(false)
  })

  test("if the main thread runs no JavaScript", async () => {
    const { code, err } = await ps(await start([anyPort, mapped, "native"]), "--timeout", "0.5")
    expect(code).toBe(1)
    expect(err).toContain("did not open its inspector within 0.5 s: its main thread waits in a synchronous call")
  })

  test.each(["--inspect-brk=0", "--inspect-wait=0"])("if the process has not begun, by %s", async (flag) => {
    const { child, err } = run(process.execPath, [flag, mapped])
    await expect.poll(err).toContain("listening on")
    expect(await ps({ pid: child.pid! })).toEqual({
      code: 1,
      out: "",
      err: `sluice: process ${child.pid!} waits for a debugger before it begins, as with --inspect-brk\n`
    })
  })

  test("if it cannot look, and not because another look closes the inspector", async () => {
    const { pid } = await start([anyPort, mapped])
    const info = JSON.stringify({ _tag: "NoSluice", process: { pid, title: "", node: "", uptime: 0, stack: [] } })
    const agent = `const agent = {
      run: () => {
        if (globalThis.looks === 2) return ${JSON.stringify(info)}
        globalThis.looks = (globalThis.looks ?? 0) + 1
        process.getBuiltinModule("node:inspector").close()
      }
    }`
    const options = { pid, port: undefined, timeout: 10_000, lookTimeout: 10_000, close: false, threads: false }
    await expect(lookAt({ ...options, agent, notice: () => {}, signal: new AbortController().signal })).rejects.toThrow(
      "has no sluice"
    )
  })

  test("if the process is stopped in the midst of the look, and closes the inspector later", async () => {
    const running = await start([anyPort, mapped])
    const options = {
      pid: running.pid,
      port: undefined,
      timeout: 10_000,
      lookTimeout: 3_000,
      close: false,
      threads: true
    }
    // From outside: before a process stops itself by `process.kill`, Node waits for its debugger to leave.
    const stop = "kill -STOP " + String(running.pid)
    const agent = `const agent = { run: () => process.getBuiltinModule("node:child_process").execSync("${stop}") }`
    await expect(lookAt({ ...options, agent, notice: () => {}, signal: new AbortController().signal })).rejects.toThrow(
      `the look at process ${running.pid} did not end within 3 s (--look-timeout): ` +
        `its heap is large, or its main thread is stopped: kill -CONT ${running.pid}`
    )
    kill(running.pid, "SIGCONT")
    await expect.poll(() => isOpen(ports(running)[0]!)).toBe(false)
    expect(running.isAlive()).toBe(true)
  })

  test("if another process has the port", async () => {
    const owner = await start(["--inspect=0", mapped])
    const [port] = ports(owner)
    const running = await start([`--inspect-port=${port!}`, mapped])
    const { code, err } = await ps(running, "--timeout", "1.5")
    expect(code).toBe(1)
    expect(err).toContain(
      `port ${port!}, where process ${running.pid} opens its inspector, is taken by process ${owner.pid}`
    )
    expect(running.err()).toBe("")
    expect(await ps(running, "--port", String(port))).toMatchObject({
      code: 1,
      err: `sluice: no inspector of process ${running.pid} listens on port ${port!}\n`
    })
  })

  test("with 2 if the command line is wrong", async () => {
    const { code, err, out } = await sluice("ps", "web")
    expect({ code, out }).toEqual({ code: 2, out: "" })
    expect(err).toContain(`PID must be an integer from 1 to 2147483647, got "web"`)
  })
})

test("sluice --help shows examples", async () => {
  const { code, out } = await sluice("--help")
  expect(code).toBe(0)
  expect(out).toContain("sluice ps 4711")
})
