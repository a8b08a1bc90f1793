import { Effect, Exit, Result } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { fromText } from "../../docs/examples/digest/bytes.js"
import { hash } from "../../docs/examples/digest/digest.js"
import { Unreadable, withFile } from "../../docs/examples/digest/file.js"
import { parseList } from "../../docs/examples/digest/list.js"
import { parseOptions } from "../../docs/examples/digest/options.js"
import { InOrder } from "../../docs/examples/digest/order.js"
import { Report } from "../../docs/examples/digest/report.js"
import { Tally } from "../../docs/examples/digest/tally.js"
import { filesOf, hasTools, makeTree, sums, temporaryDirectory } from "./files.js"
import { command, entries, env, run, start } from "./program.js"

let base: string
let tree: string

/** A directory of a test's own. */
const directory = (name: string): string => {
  const path = join(base, name)
  mkdirSync(path)
  return path
}

/** All ways of digesting a tree answer and end alike. */
const ways = [["a fiber for each file", []], ["--pool", ["--pool"]], ["--threads", ["--threads"]]] as const

const text = (bytes: Buffer): string => bytes.toString("latin1")

/** But for how it gets on, of which it tells every second: a busy machine makes it long. */
const saidBy = (stderr: string): string => stderr.replace(/^digest: [\d,]+ of .*\n/gm, "")

beforeAll(() => {
  base = temporaryDirectory()
  tree = join(base, "tree")
  makeTree(tree)
})

afterAll(() => {
  // Those that tests made unreadable are root's or ours to remove.
  spawnSync("chmod", ["-R", "u+rwx", base])
  rmSync(base, { recursive: true })
})

describe.concurrent.each(ways)("a tree of difficult names and kinds of files, by %s", (_, pool) => {
  it("with --hash md5 prints byte for byte what md5sum prints", async () => {
    const { code, stdout } = await run([...pool, "--hash", "md5", tree])
    expect(text(stdout)).toBe(text(Buffer.concat(sums("md5", filesOf(tree), false))))
    expect(code).toBe(0)
  })

  it("with --hash sha256 prints byte for byte what sha256sum prints, also in memory for less than one file", async () => {
    const { code, stderr, stdout } = await run([...pool, "--hash", "sha256", "--budget", "1k", "--limit", "3", tree])
    expect(text(stdout)).toBe(text(Buffer.concat(sums("sha256", filesOf(tree), false))))
    expect(stderr).toContain("at most 1.0 KiB of 1.0 KiB in use, limit 3")
    expect(code).toBe(0)
  })

  it("prints for each file the lines of md5sum --tag and sha256sum --tag, and only the summary besides", async () => {
    const { code, stderr, stdout } = await run([...pool, `${tree}/`])
    const files = filesOf(tree)
    const md5 = sums("md5", files, true)
    const sha256 = sums("sha256", files, true)
    expect(text(stdout)).toBe(text(Buffer.concat(files.flatMap((_, i) => [md5[i]!, sha256[i]!]))))
    expect(saidBy(stderr)).toMatch(new RegExp(`^digest: ${files.length} files, 3\\.0 MB in .*\n$`))
    expect(code).toBe(0)
  })
})

describe.concurrent("a tree of difficult names and kinds of files", () => {
  it("is the current directory, with paths that begin with ./, when none is given", async () => {
    const { stdout } = await run(["--hash", "md5"], { cwd: tree })
    const expected = text(Buffer.concat(sums("md5", filesOf(tree), false))).replaceAll(`  ${tree}/`, "  ./")
    expect(text(stdout)).toBe(expected)
  })

  it("yields a list that md5sum -c accepts", async () => {
    const { stdout } = await run(["--hash", "md5", tree])
    const check = hasTools
      ? spawnSync("md5sum", ["--check", "--strict", "--quiet"], { input: stdout })
      : await run(["--verify", "-", "--quiet"], { input: stdout })
    expect(String(check.stderr) + String(check.stdout)).toBe("")
  })
})

describe.concurrent("--pool", () => {
  it("has a buffer for each worker, however small the files are", async () => {
    const { stderr } = await run(["--pool", "--limit", "2", join(tree, "a")])
    expect(stderr).toContain("digest: 1 file, ")
    expect(stderr).toContain("at most 2.0 MiB of 64.0 MiB in use, limit 2")
  })

  it("has no more workers than there is memory for", async () => {
    const { code, stderr } = await run(["--pool", "--limit", "100", "--budget", "12k", join(tree, "a")])
    expect(stderr).toContain("at most 12.0 KiB of 12.0 KiB in use, limit 100")
    expect(code).toBe(0)
  })
})

describe.concurrent("--threads", () => {
  it("has a buffer for each thread, and says how many there are", async () => {
    const { stderr } = await run(["--threads", "--limit", "2", join(tree, "a")])
    expect(stderr).toContain("at most 2.0 MiB of 64.0 MiB in use, limit 2")
    expect((await run(["--threads", join(tree, "a")])).stderr).toContain(`in use, limit ${availableParallelism()}\n`)
  })

  it("has no more threads than there is memory for", async () => {
    const { code, stderr } = await run(["--threads", "--limit", "100", "--budget", "12k", join(tree, "a")])
    expect(stderr).toContain("at most 12.0 KiB of 12.0 KiB in use, limit 100")
    expect(code).toBe(0)
  })
})

describe.concurrent("a directory", () => {
  it("that does not exist ends the program, which names it", async () => {
    const { code, stderr } = await run([join(base, "nowhere")])
    expect(stderr).toBe(`digest: ${base}/nowhere: no such file or directory\n`)
    expect(code).toBe(1)
  })
})

describe.concurrent.each(ways)("--output, by %s", (way, pool) => {
  it("writes a list that contains neither itself, nor its former self, nor its temporary file", async () => {
    const root = directory(`output ${way}`)
    writeFileSync(join(root, "a"), "a")
    writeFileSync(join(root, "z"), "z")
    const expected = text(Buffer.concat(sums("md5", filesOf(root), false)))
    writeFileSync(join(root, "list"), "as it was")
    const { code, stdout } = await run([...pool, "--hash", "md5", "--output", join(root, "list"), root])
    expect(readFileSync(join(root, "list"), "latin1")).toBe(expected)
    expect(readdirSync(root)).toEqual(["a", "list", "z"])
    expect(stdout.length).toBe(0)
    expect(code).toBe(0)
  })

  it("leaves the file as it was, and nothing beside it, when the run fails", async () => {
    const root = directory(`output-failure ${way}`)
    writeFileSync(join(root, "secret"), "")
    chmodSync(join(root, "secret"), 0)
    const lists = directory(`output-failure-lists ${way}`)
    chmodSync(lists, 0o777)
    writeFileSync(join(lists, "list"), "as it was")
    chmodSync(join(lists, "list"), 0o666)
    const { code } = await run([...pool, "--output", join(lists, "list"), root], { entry: entries.asNobody })
    expect(readFileSync(join(lists, "list"), "utf8")).toBe("as it was")
    expect(readdirSync(lists)).toEqual(["list"])
    expect(code).toBe(1)
  })
})

describe.concurrent.each(ways)("unreadable files and folders, by %s", (way, pool) => {
  const makeLocked = (name: string): string => {
    const root = directory(`${name} ${way}`)
    for (const file of ["a", "b", "d", "e"]) writeFileSync(join(root, file), file)
    mkdirSync(join(root, "c"))
    writeFileSync(join(root, "c", "hidden"), "")
    chmodSync(join(root, "b"), 0)
    chmodSync(join(root, "c"), 0)
    chmodSync(join(root, "e"), 0)
    return root
  }

  it("stops the run, which names the file and the reason, and has printed the beginning of the list", async () => {
    const root = makeLocked("fail-fast")
    const { code, stderr, stdout } = await run([...pool, "--limit", "1", root], { entry: entries.asNobody })
    expect(saidBy(stderr)).toBe(`digest: ${root}/b: permission denied\n`)
    expect(text(stdout)).toBe(text(Buffer.concat([
      ...sums("md5", [Buffer.from(join(root, "a"))], true),
      ...sums("sha256", [Buffer.from(join(root, "a"))], true)
    ])))
    expect(code).toBe(1)
  })

  it("is reported in path order at the end with --keep-going, after the digests of all the rest", async () => {
    const root = makeLocked("keep-going")
    const { code, stderr, stdout } = await run([...pool, "--keep-going", "--hash", "md5", root], {
      entry: entries.asNobody
    })
    const readable = [Buffer.from(join(root, "a")), Buffer.from(join(root, "d"))]
    expect(text(stdout)).toBe(text(Buffer.concat(sums("md5", readable, false))))
    expect(saidBy(stderr).split("\n").slice(0, 5)).toEqual([
      `digest: ${root}/b: permission denied`,
      `digest: ${root}/c: permission denied`,
      `digest: ${root}/e: permission denied`,
      "digest: WARNING: 3 files or directories could not be read",
      expect.stringContaining("digest: 2 files, 2 B in ")
    ])
    expect(code).toBe(1)
  })
})

describe.concurrent("--verify", () => {
  it("accepts what md5sum and sha256sum print, tagged or not, in one list, from standard input", async () => {
    const files = filesOf(tree)
    const list = [
      ...sums("md5", files, false),
      ...sums("sha256", files, false),
      ...sums("md5", files, true),
      ...sums("sha256", files, true)
    ]
    const { code, stderr, stdout } = await run(["--verify", "-"], { input: Buffer.concat(list) })
    expect(text(stdout).match(/: OK$/gm)).toHaveLength(4 * files.length)
    expect(stderr).toMatch(/^digest: .* files, .*\n$/)
    expect(code).toBe(0)
  })

  it("finds what changed and what is gone, in the words of md5sum -c and in the order of the list", async () => {
    const root = directory("verify")
    for (const name of ["z", "changed", "gone", "new\nline", "back\\slash"]) writeFileSync(join(root, name), name)
    const list = join(base, "verify.md5")
    writeFileSync(
      list,
      Buffer.concat([
        ...sums("md5", filesOf(root).reverse(), false),
        Buffer.from("# a comment\nneither this\nnor that\n")
      ])
    )
    appendFileSync(join(root, "changed"), "!")
    rmSync(join(root, "gone"))
    const { code, stderr, stdout } = await run(["--verify", list])
    expect(text(stdout)).toBe([
      `${root}/z: OK\n`,
      `\\${root}/new\\nline: OK\n`,
      `${root}/gone: FAILED open or read\n`,
      `${root}/changed: FAILED\n`,
      `${root}/back\\slash: OK\n`
    ].join(""))
    expect(stderr.split("\n").slice(0, 4)).toEqual([
      `digest: ${root}/gone: no such file or directory`,
      "digest: WARNING: 2 lines are improperly formatted",
      "digest: WARNING: 1 listed file could not be read",
      "digest: WARNING: 1 computed checksum did NOT match"
    ])
    expect(code).toBe(1)
    if (!hasTools) return
    const reference = spawnSync("md5sum", ["--check", list], { env: { ...process.env, LC_ALL: "C" } })
    expect(text(stdout)).toBe(text(reference.stdout))
    const warnings = (said: string) => said.split("\n").flatMap((line) => /WARNING.*/.exec(line) ?? [])
    expect(warnings(stderr)).toEqual(warnings(String(reference.stderr)))
  })

  it("with --quiet prints only what is wrong", async () => {
    const root = directory("quiet")
    writeFileSync(join(root, "right"), "")
    writeFileSync(join(root, "wrong"), "")
    const input = Buffer.concat(sums("sha256", filesOf(root), true))
    writeFileSync(join(root, "wrong"), "changed")
    const { code, stderr, stdout } = await run(["--verify", "-", "--quiet"], { input })
    expect(text(stdout)).toBe(`${root}/wrong: FAILED\n`)
    expect(stderr).toBe("digest: WARNING: 1 computed checksum did NOT match\n")
    expect(code).toBe(1)
  })

  it("refuses a list that is none", async () => {
    const { code, stderr } = await run(["--verify", "-"], { input: Buffer.from("nothing\nof the kind\n") })
    expect(stderr).toBe("digest: standard input: no properly formatted checksum lines found\n")
    expect(code).toBe(1)
  })
})

describe("a line of a list", () => {
  const md5 = "d41d8cd98f00b204e9800998ecf8427e"
  const sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

  it.each([
    ["in text mode", `${md5}  a b `, { algorithm: "md5", digest: md5, path: "a b " }],
    ["in binary mode", `${sha256} *a`, { algorithm: "sha256", digest: sha256, path: "a" }],
    ["in capitals", `${md5.toUpperCase()}  a`, { algorithm: "md5", digest: md5, path: "a" }],
    ["of a DOS file", `${md5}  a\r`, { algorithm: "md5", digest: md5, path: "a" }],
    ["escaped", `\\${md5}  a\\n\\r\\\\b`, { algorithm: "md5", digest: md5, path: "a\n\r\\b" }],
    ["not escaped", `${md5}  a\\nb`, { algorithm: "md5", digest: md5, path: "a\\nb" }],
    ["tagged", `SHA256 (a) = b) = ${sha256}`, { algorithm: "sha256", digest: sha256, path: "a) = b" }],
    ["tagged and escaped", `\\MD5 (a\\nb) = ${md5}`, { algorithm: "md5", digest: md5, path: "a\nb" }]
  ])("is understood %s", (_, line, entry) => {
    expect(parseList(`${line}\n`)).toEqual({ entries: [entry], malformed: 0 })
  })

  it.each([
    ["has one space", `${md5} a`],
    ["has no name", `${md5}  `],
    ["is of another length", `${md5}00  a`],
    ["is no hexadecimal", `${"g".repeat(32)}  a`],
    ["has a tag of another length", `MD5 (a) = ${sha256}`],
    ["has an unknown tag", `SHA1 (a) = ${md5}`],
    ["has an unknown escape", `\\${md5}  a\\xb`],
    ["is empty", ""]
  ])("is improperly formatted when it %s", (_, line) => {
    expect(parseList(`${line}\n`)).toEqual({ entries: [], malformed: 1 })
  })
})

describe.concurrent.each(ways)("Ctrl-C, by %s", (way, pool) => {
  /** A file that takes minutes, and no room on the disk. */
  const makeEndless = (name: string): string => {
    const root = directory(`${name} ${way}`)
    writeFileSync(join(root, "first"), "1")
    writeFileSync(join(root, "sparse"), "")
    truncateSync(join(root, "sparse"), 200 * 1024 ** 3)
    return root
  }

  it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)(
    "by %s ends the program with code %i, which says how far it got and leaves no file open",
    async (signal, code) => {
      const program = start([...pool, "--hash", "md5", makeEndless(signal)], { entry: entries.countingHandles })
      await program.says("1 of 2 files")
      program.child.kill(signal)
      const ended = await program.ended
      expect(ended.code).toBe(code)
      const said = ended.stderr.split("\n").slice(-3)
      expect(said[0]).toMatch(/^digest: interrupted after 1 of 2 files, [\d.]+ [kMG]B$/)
      expect(said[1]).toBe("left open 0")
      expect(text(ended.stdout)).toMatch(/^[0-9a-f]{32} {2}.*\/first\n$/)
    }
  )

  it("leaves neither the output nor its temporary file behind", async () => {
    const root = makeEndless("interrupted-output")
    const program = start([...pool, "--output", join(root, "list"), root])
    await program.says("1 of 2 files")
    program.child.kill("SIGINT")
    expect((await program.ended).code).toBe(130)
    expect(readdirSync(root)).toEqual(["first", "sparse"])
  })

  // A thread that does not end is ended.
  if (way === "--threads") return
  it("a second time kills a program that cannot end", async () => {
    const program = start([...pool, makeEndless("hanging")], { entry: entries.hangingRead })
    await program.says("reading")
    program.child.kill("SIGINT")
    await program.says("got SIGINT")
    program.child.kill("SIGINT")
    expect((await program.ended).signal).toBe("SIGINT")
  })
})

describe.concurrent.each(ways)("standard output, by %s", (way, pool) => {
  it("may be closed early, as head does: the program ends quietly", async () => {
    const root = directory(`head ${way}`)
    // More than a pipe holds.
    for (let n = 0; n < 2000; n++) writeFileSync(join(root, `file ${n}`), "")
    const quoted = command([...pool, root]).map((word) => `'${word}'`).join(" ")
    const shell = spawn("sh", ["-c", `{ ${quoted}; echo "code $?" >&2; } | head -n 1`], { env })
    let stdout = ""
    let stderr = ""
    shell.stdout.on("data", (chunk) => stdout += String(chunk))
    shell.stderr.on("data", (chunk) => stderr += String(chunk))
    await new Promise((resolve) => shell.on("close", resolve))
    expect(stdout).toMatch(/^MD5 \(.*\/file 0\) = [0-9a-f]{32}\n$/)
    expect(saidBy(stderr)).toBe("code 141\n")
  })
})

describe("options", () => {
  it.each([
    [["--limit", "0"], "--limit must be an integer >= 1, got \"0\""],
    [["--limit", "-1"], "--limit must be an integer >= 1, got \"-1\""],
    [["--limit", "many"], "--limit must be an integer >= 1, got \"many\""],
    [["--limit="], "--limit must be an integer >= 1, got \"\""],
    [["--budget", "12Q"], "--budget must be a number of bytes >= 1, such as 64M, got \"12Q\""],
    [["--budget", "0k"], "--budget must be a number of bytes >= 1, such as 64M, got \"0k\""],
    [["--hash", "toString"], "--hash must be md5, sha256 or both, got \"toString\""],
    [["--output"], "--output needs a value"],
    [["--keep-going=yes"], "--keep-going takes no value, got \"yes\""],
    [["--keep-going", "--fail-fast"], "--fail-fast and --keep-going exclude each other"],
    [["--quiet"], "--quiet goes with --verify only"],
    [["--verify", "list", "--hash", "md5"], "--hash does not go with --verify"],
    [["--verify", "list", "--pool"], "--pool does not go with --verify"],
    [["--verify", "list", "--threads"], "--threads does not go with --verify"],
    [["--pool", "--threads"], "--pool and --threads exclude each other"],
    [["--pool=4"], "--pool takes no value, got \"4\""],
    [["--verify", "list", "dir"], "--verify takes no directory, got \"dir\""],
    [["one", "two"], "one directory at most, got \"one\", \"two\""],
    [["--lmit", "3"], "unknown option --lmit"],
    [["-k"], "unknown option -k"]
  ])("%j are refused in one line", (args, message) => {
    expect(parseOptions(args)).toEqual(Result.fail(message))
  })

  it.each([["1", 1], ["512k", 512 * 1024], ["64M", 64 * 1024 ** 2], ["2g", 2 * 1024 ** 3]])(
    "--budget %s is %i bytes",
    (text, budget) => {
      expect(Result.getOrThrow(parseOptions(["--budget", text]))).toMatchObject({ budget })
    }
  )

  it("that are wrong end the program with code 2 and a hint", async () => {
    const { code, stderr, stdout } = await run(["--limit", "none"])
    expect(stderr).toBe("digest: --limit must be an integer >= 1, got \"none\" (see --help)\n")
    expect(stdout.length).toBe(0)
    expect(code).toBe(2)
  })

  it("are all in --help", async () => {
    const { code, stdout } = await run(["--help"])
    const options = [
      "hash",
      "output",
      "limit",
      "budget",
      "pool",
      "threads",
      "fail-fast",
      "keep-going",
      "verify",
      "quiet",
      "help"
    ]
    for (const option of options) expect(text(stdout)).toContain(`  --${option} `)
    expect(code).toBe(0)
  })
})

describe("a file", () => {
  const digestWhile = (name: string, content: string, change: (path: string) => void): Promise<string | undefined> => {
    const path = join(base, name)
    writeFileSync(path, content)
    return Effect.runPromise(
      withFile(fromText(path), "listed", (file) => {
        change(path)
        return Effect.map(hash(file, Buffer.alloc(file.size), ["md5"], new Tally()), ({ digests }) => digests[0])
      })
    )
  }
  const md5 = (content: string) => createHash("md5").update(content).digest("hex")

  it("that grows after it was opened is digested to its end", async () => {
    const longer = "x".repeat(10_000)
    expect(await digestWhile("grows", "abc", (path) => appendFileSync(path, longer))).toBe(md5(`abc${longer}`))
  })

  it("that shrinks after it was opened is digested to its end", async () => {
    expect(await digestWhile("shrinks", "abcdef", (path) => truncateSync(path, 2))).toBe(md5("ab"))
  })

  it("that has become something else since it was listed is neither followed nor waited for", async () => {
    const reason = (name: string) =>
      Effect.runPromise(
        withFile(fromText(join(tree, name)), "listed", () => Effect.succeed("opened")).pipe(
          Effect.catchTag("Unreadable", (error) => Effect.succeed(error.reason))
        )
      )
    expect(existsSync(join(tree, "fifo"))).toBe(true)
    expect(await reason("fifo")).toBe("not a regular file")
    expect(await reason("link")).toMatch(/symbolic link/)
    expect(await reason("a")).toBe("is a directory")
  })
})

describe("results", () => {
  const exits = [
    Exit.succeed({ path: fromText("a"), digests: ["1"] }),
    Exit.fail(new Unreadable({ path: fromText("b"), reason: "permission denied" })),
    Exit.succeed({ path: fromText("c"), digests: ["3"] })
  ]

  it("end at the first file that failed, so that what is printed has no gap", () => {
    let printed = ""
    const report = new Report(["md5"], "cancel", (text) => printed += text)
    report.add(exits)
    report.add(exits)
    expect(printed).toBe("1  a\n")
  })

  it("go on after a file that failed with --keep-going, but not after one that was interrupted", () => {
    let printed = ""
    const report = new Report(["md5"], "continue", (text) => printed += text)
    report.add([...exits, Exit.interrupt(), ...exits])
    expect(printed).toBe("1  a\n3  c\n")
    expect(report.unreadable.map(({ message }) => message)).toEqual(["b: permission denied"])
  })

  it("leave in the order of their places, as soon as all before them are known", () =>
    Effect.runPromise(Effect.gen(function*() {
      const batches: Array<ReadonlyArray<string>> = []
      const line = new InOrder<string>((batch) => batches.push(batch), Effect.void)
      const [a, b, c] = [yield* line.next, yield* line.next, yield* line.next]
      yield* c("c")
      yield* b("b")
      expect(batches).toEqual([])
      yield* a("a")
      const d = yield* line.next
      yield* d("d")
      expect(batches).toEqual([["a", "b", "c"], ["d"]])
    })))

  it("hold back the producer when too many wait for an earlier one", () =>
    Effect.runPromise(Effect.gen(function*() {
      const line = new InOrder<number>(() => {}, Effect.void)
      const first = yield* line.next
      for (let n = 1; n <= 10_000; n++) yield* (yield* line.next)(n)
      const producer = yield* Effect.forkChild(line.next, { startImmediately: true })
      expect(producer.pollUnsafe()).toBeUndefined()
      yield* first(0)
      yield* Effect.yieldNow
      expect(Exit.isSuccess(producer.pollUnsafe()!)).toBe(true)
    })))
})
