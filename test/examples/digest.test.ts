import { Effect } from "effect"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { appendFileSync, mkdirSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { type Digest, hash, withFile } from "../../docs/examples/digest-thread.js"
import { byGroup, ways } from "../../docs/examples/digest.js"
import { filesOf, makeTree, sums, temporaryDirectory } from "./files.js"
import { command, env, run, start } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/digest.ts", import.meta.url))

let base: string
let tree: string

beforeAll(() => {
  base = temporaryDirectory()
  tree = join(base, "tree")
  makeTree(tree)
})

afterAll(() => rmSync(base, { recursive: true }))

const directory = (name: string, files: ReadonlyArray<string>): string => {
  const path = join(base, name)
  mkdirSync(path)
  for (const file of files) writeFileSync(join(path, file), file)
  return path
}

/** A file that takes minutes, and no room on the disk. */
const endless = (name: string): string => {
  const path = directory(name, ["first", "second"])
  truncateSync(join(path, "second"), 200 * 1024 ** 3)
  return path
}

/** Has files named "secret" not open, and those named "moving" not in threads. */
const failing = {
  NODE_OPTIONS: `--import data:text/javascript,${
    encodeURIComponent(`
      import fs from "node:fs/promises"
      import { syncBuiltinESMExports } from "node:module"
      import { isMainThread } from "node:worker_threads"
      const { open } = fs
      const fails = (path) => /secret$/.test(path) || /moving$/.test(path) && !isMainThread
      fs.open = async (path, ...args) => {
        if (fails(String(path))) throw Object.assign(new Error("EACCES"), { errno: -13 })
        return open(path, ...args)
      }
      syncBuiltinESMExports()
    `)
  }`
}

describe.concurrent("the program", () => {
  it.each([["md5", "--list"], ["sha256", "--list=sha256"]] as const)(
    "prints byte for byte what %ssum prints, also for difficult names, with %s",
    async (algorithm, option) => {
      const { code, stderr, stdout } = await run([tree, option], { entry })
      expect(stdout.toString("latin1")).toBe(sums(algorithm, filesOf(tree)).toString("latin1"))
      expect(stderr).toBe("")
      expect(code).toBe(0)
    }
  )

  it("prints a row for each way, and that their lists are the same", async () => {
    const { code, stderr, stdout } = await run(["."], { cwd: tree, entry })
    const rows = stdout.toString().split("\n").filter((line) => /^(Group, Semaphore|WorkerPool|ThreadPool) /.test(line))
    expect(rows.map((row) => row.slice(16).trim().split(/ +/).slice(0, 2))).toEqual(
      Array.from({ length: 3 }, () => [String(filesOf(tree).length), "3"])
    )
    expect(stdout.toString()).toMatch(/\nAll three lists of digests are the same\.\n$/)
    expect(stderr).toBe("")
    expect(code).toBe(0)
  })

  it("reports a file that cannot be read, and goes on", async () => {
    const path = directory("unreadable", ["a", "b secret", "c"])
    const { code, stderr, stdout } = await run([path, "--list"], { entry, env: failing })
    expect(stderr).toBe(`digest: ${path}/b secret: permission denied\n`)
    expect(stdout).toEqual(sums("md5", ["a", "c"].map((name) => Buffer.from(join(path, name)))))
    expect(code).toBe(1)
    const compared = await run([path], { entry, env: failing })
    expect(compared.stderr).toBe(`digest: ${path}/b secret: permission denied\n`)
    expect(compared.code).toBe(0)
  })

  it("ends with code 1, and names the files, when the lists differ", async () => {
    const path = directory("moving", ["a", "b moving"])
    const { code, stderr, stdout } = await run([path], { entry, env: failing })
    expect(stderr).toBe(`digest: the lists differ (do files change?): ${path}/b moving\n`)
    expect(stdout.toString()).not.toContain("the same")
    expect(code).toBe(1)
  })

  it.each([["SIGINT", 130, "--list"], ["SIGTERM", 143, "--list"], ["SIGINT", 130, "--list=sha256"]] as const)(
    "ends by %s with code %i in the midst of a file",
    async (signal, code, option) => {
      const { child, ended } = start([endless(`${signal} ${option}`), option], { entry })
      await new Promise((resolve) => child.stdout!.once("data", resolve))
      child.kill(signal)
      expect(await ended).toMatchObject({ code, stderr: "" })
    }
  )

  it("takes the process of a way with it, when it is interrupted", async () => {
    const { child, ended } = start([endless("compared")], { entry })
    await new Promise((resolve) => child.stdout!.once("data", resolve))
    child.kill("SIGINT")
    // Its end is that of all who have its standard error.
    expect(await ended).toMatchObject({ code: 130, stderr: "" })
  })

  it("ends quietly when the reader of the list does", async () => {
    // More than a pipe holds.
    const path = directory("head", Array.from({ length: 1000 }, (_, i) => `${i} ${"x".repeat(100)}`))
    const quoted = command([path, "--list"], entry).map((word) => `'${word}'`).join(" ")
    const shell = spawn("sh", ["-c", `{ ${quoted}; echo "code $?" >&2; } | head -n 1`], { env })
    let output = ""
    for (const stream of [shell.stdout, shell.stderr]) stream.on("data", (chunk) => output += String(chunk))
    await new Promise((resolve) => shell.on("close", resolve))
    expect(output).toMatch(/^[0-9a-f]{32} {2}.*\/0 x+\ncode 141\n$/)
  })

  it.each([
    [["--lsit"], 2, "Unknown option '--lsit' (see --help)"],
    [["--list=crc"], 2, "--list must be md5 or sha256, got \"crc\" (see --help)"],
    [["a", "b"], 2, "one directory at most, got a, b (see --help)"],
    [["nowhere"], 1, "nowhere is not a directory"]
  ])("refuses %j", async (args, code, message) => {
    expect(await run(args, { entry })).toMatchObject({ code, stderr: `digest: ${message}\n` })
  })
})

/** How many files under this directory the process has open, where the system says it. */
const openUnder = (directory: string): number =>
  process.platform !== "linux" ? 0 : readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)
    } catch {
      // The descriptor of this listing.
      return false
    }
  }).length

describe.each(Object.entries(ways))("by %s", (name, way) => {
  it("a file that is gone is a result, and the others are digested", async () => {
    const path = directory(`gone by ${name}`, ["a", "b"])
    const digests: Array<Digest> = []
    const paths = ["a", "gone", "b"].map((name) => join(path, name))
    await Effect.runPromise(way(paths, (digest) => digests.push(digest)))
    expect(digests.map(({ error, path }) => error ?? path.slice(-1)).sort()).toEqual([
      "a",
      "b",
      "no such file or directory"
    ])
  })

  it("an interrupt leaves no file open", async () => {
    const path = endless(`interrupted by ${name}`)
    const controller = new AbortController()
    const digests: Array<Digest> = []
    const running = Effect.runPromise(
      way(["first", "second"].map((name) => join(path, name)), (digest) => digests.push(digest)),
      { signal: controller.signal }
    )
    // A thread may open the second one after it has told of the first one.
    const isUnderWay = () => digests.length === 1 && (process.platform !== "linux" || openUnder(path) === 1)
    await vi.waitUntil(isUnderWay, { timeout: 10_000, interval: 5 })
    controller.abort()
    await expect(running).rejects.toThrow()
    expect(openUnder(path)).toBe(0)
  })
})

describe("a file", () => {
  const digested = (name: string, change: (path: string) => void): Promise<Digest> => {
    const path = join(directory(name, ["file"]), "file")
    return Effect.runPromise(withFile(path, (file) => {
      change(path)
      return hash(path, file, Buffer.alloc(4))
    }))
  }
  const md5 = (text: string) => createHash("md5").update(text).digest("hex")

  it("is digested to its end when it grows or shrinks after it was opened", async () => {
    expect(await digested("grows", (path) => appendFileSync(path, "x".repeat(9_000)))).toMatchObject({
      bytes: 9_004,
      md5: md5(`file${"x".repeat(9_000)}`)
    })
    expect(await digested("shrinks", (path) => truncateSync(path, 2))).toMatchObject({ bytes: 2, md5: md5("fi") })
  })

  it("is digested in a buffer of the budget when it is larger than that", async () => {
    const allocate = vi.spyOn(Buffer, "allocUnsafeSlow")
    const [large, small] = [join(tree, "large"), join(tree, "a.txt")]
    const digests = new Map<string, string>()
    await Effect.runPromise(byGroup(5000)([large, small], ({ md5, path }) => digests.set(path, md5)))
    expect(allocate.mock.calls.map(([size]) => size).sort()).toEqual([4096, 5000])
    allocate.mockRestore()
    expect([large, small].map((path) => `${digests.get(path)}  ${path}\n`).join("")).toBe(
      sums("md5", [Buffer.from(large), Buffer.from(small)]).toString()
    )
  })

  it("that has become something else since it was listed is neither followed nor waited for", async () => {
    const reason = async (name: string) =>
      (await Effect.runPromise(withFile(join(tree, name), () => Effect.die("opened")))).error
    expect(await reason("fifo")).toBe("not a regular file")
    expect(await reason("link")).toMatch(/symbolic link/)
    expect(await reason("a")).toBe("not a regular file")
  })
})
