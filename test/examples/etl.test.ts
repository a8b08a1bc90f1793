import { Effect, Result, Stream } from "effect"
import Libsql from "libsql"
import { spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { type Chunk, chunks, cut, longest } from "../../docs/examples/etl/chunk.js"
import { generate } from "../../docs/examples/etl/generate.js"
import { Changed, load } from "../../docs/examples/etl/load.js"
import { parseOptions } from "../../docs/examples/etl/options.js"
import { header, toOrder } from "../../docs/examples/etl/order.js"
import { parse } from "../../docs/examples/etl/parse.js"
import { Tally } from "../../docs/examples/etl/tally.js"
import { command, env, run } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/etl/main.ts", import.meta.url))
const withSignal = fileURLToPath(new URL("./entry-etl-signal.ts", import.meta.url))

let base: string
/** Files of some 8 transactions, with many bad rows. */
let source: string
/** What is loaded of them by one run that nobody disturbs. */
let expected: Tables

interface Tables {
  readonly orders: ReadonlyArray<unknown>
  readonly rejects: ReadonlyArray<unknown>
  readonly positions: ReadonlyArray<unknown>
}

const tables = (directory: string): Tables => {
  const db = new Libsql(join(directory, "orders.db"))
  const all = (query: string): ReadonlyArray<unknown> => db.prepare(query).raw().all()
  try {
    return {
      orders: all("SELECT * FROM orders ORDER BY id"),
      rejects: all("SELECT * FROM rejects ORDER BY file, line"),
      positions: all("SELECT * FROM positions ORDER BY file")
    }
  } finally {
    db.close()
  }
}

let directories = 0
/** A directory of a test's own, with these files or those of the others. */
const directory = (files?: Readonly<Record<string, string>>): string => {
  const path = join(base, String(++directories))
  if (files === undefined) cpSync(source, path, { recursive: true })
  else mkdirSync(path)
  for (const [name, text] of Object.entries(files ?? {})) writeFileSync(join(path, name), text)
  return path
}

const loadAll = (directory: string, stop: Effect.Effect<void> = Effect.never): Promise<Tally> => {
  const tally = new Tally()
  return Effect.runPromise(Effect.as(load(directory, tally, stop), tally))
}

/** Runs the program, to which this happens at one of its commits. */
const runWith = (directory: string, signal: "SIGKILL" | "SIGINT", when: "before" | "after", at: number) =>
  new Promise<{ code: number | null; signal: string | null; stdout: string }>((resolve) => {
    const [file, ...args] = command(["--size", "0", directory], withSignal)
    const child = spawn(file!, args, {
      env: { ...env, SIGNAL: signal, SIGNAL_AT: String(at), SIGNAL_WHEN: when },
      stdio: ["ignore", "pipe", "ignore"]
    })
    let stdout = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
    child.once("close", (code, signal) => resolve({ code, signal, stdout }))
  })

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "sluice-etl-test-"))
  source = join(base, "source")
  const options = { directory: source, size: 900_000, files: 3, bad: 0.02, seed: 7 }
  await Effect.runPromise(generate(options, () => {}))
  const once = directory()
  const tally = await loadAll(once)
  expect(tally.batches).toBeGreaterThan(3)
  expected = tables(once)
  // Each number but that of a row that repeats one.
  expect(expected.orders.length).toBe(tally.orders)
  expect(expected.rejects.length).toBeGreaterThan(100)
})

afterAll(() => rmSync(base, { recursive: true }))

describe.concurrent("the program", () => {
  it("makes its files, loads them, and running it again changes nothing", async () => {
    const path = join(base, "made")
    const options = ["--size", "900k", "--files", "3", "--bad", "0.02", "--seed", "7", path]
    const { code, stdout } = await run(options, { entry })
    expect(stdout.toString()).toContain(`${expected.orders.length.toLocaleString("en")} orders and `)
    expect(code).toBe(0)
    const before = readFileSync(join(path, "orders.db"))
    const again = await run(options, { entry })
    expect(again.stdout.toString()).toContain("0 orders and 0 rejects")
    expect(again.code).toBe(0)
    // No half-made file, and nothing of SQLite's but the database.
    expect(readdirSync(path)).toEqual(["orders-01.csv", "orders-02.csv", "orders-03.csv", "orders.db"])
    expect(readFileSync(join(path, "orders.db")).equals(before)).toBe(true)
    expect(tables(path)).toEqual(expected)
  })

  it.each(
    [["before", 1], ["after", 1], ["before", 3]] as const
  )("killed %s commit %i, it goes on where it was", async (when, at) => {
    const path = directory()
    expect((await runWith(path, "SIGKILL", when, at)).signal).toBe("SIGKILL")
    const left = tables(path)
    if (when === "after" || at > 1) expect(left.orders.length).toBeGreaterThan(0)
    else expect(left).toEqual({ orders: [], rejects: [], positions: [] })
    expect(left.orders.length).toBeLessThan(expected.orders.length)
    const { orders, resumed } = await loadAll(path)
    expect(tables(path)).toEqual(expected)
    // Not from the beginning.
    expect(orders).toBe(expected.orders.length - left.orders.length)
    expect(resumed > 0).toBe(left.orders.length > 0)
  })

  it("killed after every second commit, it gets to the end all the same", async () => {
    const path = directory()
    let kills = 0
    while ((await runWith(path, "SIGKILL", "after", 2)).signal === "SIGKILL") kills++
    expect(kills).toBeGreaterThanOrEqual(2)
    expect(tables(path)).toEqual(expected)
  })

  it("on Ctrl-C writes what has been read, and goes on from there", async () => {
    const path = directory()
    const { code, stdout } = await runWith(path, "SIGINT", "after", 1)
    expect(code).toBe(130)
    expect(readdirSync(path).filter((name) => name.startsWith("orders.db"))).toEqual(["orders.db"])
    const left = tables(path)
    expect(stdout).toContain(`${left.orders.length.toLocaleString("en")} orders and `)
    expect(left.orders.length).toBeLessThan(expected.orders.length)
    const { orders } = await loadAll(path)
    expect(orders).toBe(expected.orders.length - left.orders.length)
    expect(tables(path)).toEqual(expected)
  })

  it("says with exit code 1 what it could not open", async () => {
    const { code, stderr } = await run(["--size", "0", join(base, "nowhere")], { entry })
    expect(stderr).toMatch(/^etl: .*nowhere/)
    expect(code).toBe(1)
  })
})

describe("loading", () => {
  const good = (id: number, rest = "") => `${id},2024-02-29,Ada,ada@example.com,anvil,3,12.50,${rest}\n`

  it("puts every row in orders, or with its file, line and reason in rejects", async () => {
    const path = directory({
      "a.csv": [
        `${header.join()}\n`,
        good(1, "\"two\nlines, and \"\"quotes\"\"\""),
        "2,2023-02-29,Ada,ada@example.com,anvil,3,12.50,\n",
        "\n",
        "3,too few\n",
        "4,2024-02-29,Ada,ada@example.com,anvil,3,12.50,5\" nails\n",
        good(5)
      ].join(""),
      // Neither a header nor a last newline, and the line ends of another system.
      "b.csv": (good(6) + good(5) + good(7)).replaceAll("\n", "\r\n").slice(0, -2),
      "c.txt": good(8)
    })
    await loadAll(path)
    const { orders, rejects } = tables(path)
    expect(orders.map((order) => (order as [number])[0])).toEqual([1, 5, 6, 7])
    expect(orders[0]).toEqual(
      [1, "2024-02-29", "Ada", "ada@example.com", "anvil", 3, 1250, "two\nlines, and \"quotes\""]
    )
    expect(rejects).toEqual([
      ["a.csv", 4, "bad date: \"2023-02-29\""],
      ["a.csv", 5, "1 fields instead of 8"],
      ["a.csv", 6, "2 fields instead of 8"],
      ["a.csv", 7, "no CSV: INVALID_OPENING_QUOTE"],
      ["b.csv", 2, "order 5 is there already"]
    ])
  })

  it("loads what has been added to a file, and refuses one that is shorter than it was", async () => {
    const path = directory({ "a.csv": good(1) + good(2) })
    await loadAll(path)
    writeFileSync(join(path, "a.csv"), good(1) + good(2) + good(3))
    expect(await loadAll(path)).toMatchObject({ orders: 1, rejects: 0 })
    writeFileSync(join(path, "a.csv"), good(1))
    const error = await Effect.runPromise(Effect.flip(load(path, new Tally(), Effect.never)))
    expect(error).toBeInstanceOf(Changed)
  })

  it("has one writer: another process's transaction is waited for, and then an error", async () => {
    const path = directory({ "a.csv": good(1) })
    await loadAll(path)
    writeFileSync(join(path, "b.csv"), good(2))
    const other = new Libsql(join(path, "orders.db"))
    other.exec("BEGIN IMMEDIATE")
    const error = await Effect.runPromise(Effect.flip(load(path, new Tally(), Effect.never)))
    expect(error.message).toContain("database is locked")
    other.exec("ROLLBACK")
    other.close()
    expect(await loadAll(path)).toMatchObject({ orders: 1 })
  })

  it("told to stop before it begins, loads nothing, and closes its connections", async () => {
    const path = directory()
    const close = vi.spyOn(Libsql.prototype, "close")
    expect(await loadAll(path, Effect.void)).toMatchObject({ orders: 0, rejects: 0, batches: 0 })
    // That which asked how far it was, and the writer's.
    expect(close).toHaveBeenCalledTimes(2)
    close.mockRestore()
    await loadAll(path)
    expect(tables(path)).toEqual(expected)
  })
})

describe("records", () => {
  const from = { file: "a.csv", byte: 0, line: 1 }
  const recordsOf = (text: string, complete = true): ReadonlyArray<string> => {
    const { bytes, ends } = cut(Buffer.from(text), from, complete)
    return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end).toString())
  }
  const unclosed = "1,\"never closed\n"

  it.each<[string, ReadonlyArray<string>]>([
    ["a,b\nc\n", ["a,b\n", "c\n"]],
    ["a\n\nb", ["a\n", "\n", "b"]],
    ["a,\"b\nc\"\nd\n", ["a,\"b\nc\"\n", "d\n"]],
    ["\"a\"\"\nb\"\r\nc", ["\"a\"\"\nb\"\r\n", "c"]],
    // Only at the beginning of a field does a quote mean something.
    ["a\"b\nc\"d\n", ["a\"b\n", "c\"d\n"]],
    [`${unclosed}2,b\n3,c`, [unclosed, "2,b\n", "3,c"]]
  ])("%j", (text, records) => expect(recordsOf(text)).toEqual(records))

  it("that are not there as a whole wait for the rest", () => {
    expect(recordsOf("a,b\nc", false)).toEqual(["a,b\n"])
    expect(recordsOf("a\n\"b\n", false)).toEqual(["a\n"])
    // Half of two quotes, perhaps.
    expect(recordsOf("a\n\"b\"", false)).toEqual(["a\n"])
  })

  it("of any length: a quote that is not closed within 64 KiB spoils its own line only", () => {
    const many = "2,b\n".repeat(longest / 2)
    expect(recordsOf(unclosed + many).length).toBe(1 + longest / 2)
    expect(recordsOf("x".repeat(2.5 * longest)).map(({ length }) => length)).toEqual([longest, longest, longest / 2])
  })

  it("are the same wherever the file is read from", async () => {
    const read = (directory: string, position = from) =>
      Effect.runPromise(Stream.runCollect(chunks(directory, [position])))
    const path = directory({ "a.csv": unclosed + "1,\"a\nb\",\"\"\"\"\nc\n".repeat(8_000) + unclosed })
    const rows = (chunks: ReadonlyArray<Chunk>) =>
      chunks.flatMap((chunk) => {
        const { rejects, rows } = parse(chunk)
        return [...rows, ...rejects].toSorted((a, b) => a.line - b.line)
      })
    const whole = await read(path)
    expect(whole.length).toBeGreaterThan(1)
    expect(rows(whole).at(-1)).toMatchObject({ line: 24_002 })
    for (const [i, { to }] of whole.entries()) {
      expect(rows(await read(path, to))).toEqual(rows(whole.slice(i + 1)))
    }
  })
})

describe("orders", () => {
  const fields = ["1", "2024-02-29", "Ada", "ada@example.com", "anvil", "3", "12.50", ""]
  it.each([
    [0, "0", "bad id: \"0\""],
    [0, "99999999999999999", "bad id: \"99999999999999999\""],
    [1, "2024-13-01", "bad date: \"2024-13-01\""],
    [2, "", "bad customer: \"\""],
    [3, "ada", "bad email: \"ada\""],
    [4, "", "bad product: \"\""],
    [5, "1.5", "bad quantity: \"1.5\""],
    [6, "12.5", "bad price: \"12.5\""]
  ])("field %i %j: %s", (i, value, message) => {
    expect(Result.getOrThrow(Result.flip(toOrder(fields.with(i, value))))).toBe(message)
  })
})

describe("options", () => {
  it.each([
    [["--size", "much"], "--size must be a number of bytes up to 100G, such as 200M, got \"much\""],
    [["--size", "101G"], "--size must be a number of bytes up to 100G, such as 200M, got \"101G\""],
    [["--files", "0"], "--files must be an integer from 1 to 99, got \"0\""],
    [["--seed=-1"], "--seed must be an integer from 0 to 4294967295, got \"-1\""],
    [["a", "b"], "one directory at most, got a, b"],
    [["--fast"], "Unknown option '--fast'"]
  ])("%j: %s", (args, message) => expect(Result.getOrThrow(Result.flip(parseOptions(args)))).toBe(message))

  it("are for 200 MB by default", () => {
    expect(Result.getOrThrow(parseOptions([]))).toMatchObject({ size: 200e6, files: 8 })
  })
})
