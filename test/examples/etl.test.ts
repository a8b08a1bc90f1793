import { Effect } from "effect"
import Libsql from "libsql"
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { generate, load } from "../../docs/examples/etl.js"
import { run } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/etl.ts", import.meta.url))
const withSignal = fileURLToPath(new URL("./entry-etl-signal.ts", import.meta.url))

/** Four files of six transactions each. */
const rows = 12_000

let base: string
let source: string
/** The tables after a run that nothing disturbs. */
let expected: Tables

interface Tables {
  readonly orders: ReadonlyArray<ReadonlyArray<unknown>>
  readonly rejects: ReadonlyArray<unknown>
  readonly positions: ReadonlyArray<unknown>
}

const tables = (directory: string): Tables => {
  const db = new Libsql(join(directory, "orders.db"))
  const all = (table: string, key: string) =>
    db.prepare(`SELECT * FROM ${table} ORDER BY ${key}`).raw().all() as ReadonlyArray<ReadonlyArray<unknown>>
  const result = {
    orders: all("orders", "id"),
    rejects: all("rejects", "file, line"),
    positions: all("positions", "file")
  }
  db.close()
  return result
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

const loadAll = (directory: string) => Effect.runPromise(load(directory))

/** Runs the program, to which this happens at one of its commits. */
const runWith = (directory: string, signal: "SIGKILL" | "SIGINT", when: "before" | "after", at: number) =>
  run([directory], { entry: withSignal, env: { SIGNAL: signal, SIGNAL_AT: String(at), SIGNAL_WHEN: when } })

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "sluice-etl-test-"))
  source = join(base, "source")
  await Effect.runPromise(generate(source, rows))
  const once = directory()
  expect(await loadAll(once)).toBe(rows)
  expected = tables(once)
  expect(expected.orders.length + expected.rejects.length).toBe(rows)
  expect(expected.rejects.length).toBe(rows / 1000)
})

afterAll(() => rmSync(base, { recursive: true }))

describe.concurrent("the program", () => {
  it("makes its files, loads them, and changes nothing when it is run again", async () => {
    const path = join(base, "made")
    const { code, stderr, stdout } = await run([path, "--rows", String(rows)], { entry })
    expect(stdout.toString()).toMatch(new RegExp(`^loaded ${rows} rows into ${path}/orders.db in [\\d.]+ s\n$`))
    expect(stderr).toBe("")
    expect(code).toBe(0)
    // Neither a half-made file nor a journal of SQLite's is left.
    expect(readdirSync(path)).toEqual([1, 2, 3, 4].map((n) => `orders-${n}.csv`).concat("orders.db"))
    expect(tables(path)).toEqual(expected)
    const before = readFileSync(join(path, "orders.db"))
    const again = await run([path], { entry })
    expect(again.stdout.toString()).toMatch(/^loaded 0 rows /)
    expect(readFileSync(join(path, "orders.db")).equals(before)).toBe(true)
  })

  it.each([["before", 1], ["after", 1], ["before", 8]] as const)(
    "goes on where it was after a kill %s commit %i",
    async (when, at) => {
      const path = directory()
      expect((await runWith(path, "SIGKILL", when, at)).signal).toBe("SIGKILL")
      const left = tables(path)
      const written = left.orders.length + left.rejects.length
      expect(written).toBe(500 * (when === "after" ? at : at - 1))
      // Not from the beginning.
      expect(await loadAll(path)).toBe(rows - written)
      expect(tables(path)).toEqual(expected)
    }
  )

  it("loses nothing on Ctrl-C", async () => {
    const path = directory()
    expect((await runWith(path, "SIGINT", "after", 3)).code).toBe(130)
    const left = tables(path)
    const written = left.orders.length + left.rejects.length
    expect(written).toBeGreaterThanOrEqual(1500)
    expect(await loadAll(path)).toBe(rows - written)
    expect(tables(path)).toEqual(expected)
  })

  it.each([
    [["--rows", "x"], 2, /^etl: --rows must be an integer from 1, got "x" \(see --help\)\n$/],
    [["a", "b"], 2, /^etl: one directory at most \(see --help\)\n$/],
    [[entry], 1, /^etl: .*etl\.ts.*EEXIST/]
  ])("refuses %j", async (args, code, message) => {
    const ended = await run(args, { entry })
    expect(ended.stderr).toMatch(message)
    expect(ended.code).toBe(code)
  })
})

describe("loading", () => {
  const header = "id,date,customer,price\n"

  it("puts every row in orders, or with its file, line and reason in rejects", async () => {
    const path = directory({
      "a.csv": [
        header,
        "1,2024-02-29,\"Ada\nLovelace, \"\"countess\"\"\",12.50\n",
        "2,2023-02-29,Ada,12.50\n",
        "\n",
        "3,too few\n",
        "4,2024-02-29,5\" nails,1.00\n",
        "0,2024-02-29,Ada,1.00\n",
        "5,2024-02-29,Ada,1\n"
      ].join(""),
      // The line ends of another system, and no last newline.
      "b.csv": `${header}6,2024-02-29,Bob,0.05\n1,2024-02-29,Bob,0.05\n7,2024-02-29,Bob,0.05`.replaceAll("\n", "\r\n"),
      "c.txt": `${header}8,2024-02-29,Cid,0.05\n`
    })
    expect(await loadAll(path)).toBe(10)
    const { orders, rejects } = tables(path)
    expect(orders).toEqual([
      [1, "2024-02-29", "Ada\nLovelace, \"countess\"", 1250],
      [4, "2024-02-29", "5\" nails", 100],
      [6, "2024-02-29", "Bob", 5],
      [7, "2024-02-29", "Bob", 5]
    ])
    expect(rejects).toEqual([
      ["a.csv", 4, "bad date: \"2023-02-29\""],
      ["a.csv", 5, "not four fields"],
      ["a.csv", 6, "not four fields"],
      ["a.csv", 8, "bad id: \"0\""],
      ["a.csv", 9, "bad price: \"1\""],
      ["b.csv", 3, "order 1 is there"]
    ])
  })

  it("loads only the rows that have been added to a file", async () => {
    const path = directory({ "a.csv": `${header}1,2024-02-29,Ada,1.00\n` })
    expect(await loadAll(path)).toBe(1)
    appendFileSync(join(path, "a.csv"), "2,2024-02-29,Ada,1.00\n3,2024-02-29,Ada\n")
    expect(await loadAll(path)).toBe(2)
    expect(tables(path).rejects).toEqual([["a.csv", 4, "not four fields"]])
  })

  it("fails when another process writes for longer than a second", async () => {
    const path = directory({ "a.csv": `${header}1,2024-02-29,Ada,1.00\n` })
    expect(await loadAll(path)).toBe(1)
    appendFileSync(join(path, "a.csv"), "2,2024-02-29,Ada,1.00\n")
    const other = new Libsql(join(path, "orders.db"))
    other.exec("BEGIN IMMEDIATE")
    expect((await Effect.runPromise(Effect.flip(load(path)))).message).toMatch(/orders\.db: database is locked/)
    other.exec("ROLLBACK")
    other.close()
    expect(await loadAll(path)).toBe(1)
  })
})
