import * as Result from "effect/Result"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { bad, integer, probability, reading } from "../commandLine.js"

export const help = `Usage: npx tsx docs/examples/etl/main.ts [OPTION]... [DIR]

Loads the CSV files of DIR (sluice-etl in the folder for temporary files, by default) into the SQLite database
DIR/orders.db: every row is either in the table orders or, with its line and what is wrong with it, in the table
rejects. The files are made first, unless they are there. Run again, it goes on where it was, however it ended.

  --size BYTES   how much CSV to make in all, such as 500k, 20M or 1G; 0 makes none (200M)
  --files N      in how many files (8)
  --bad P        with which probability a row is made a bad one (0.001)
  --seed N       which rows are made (1)
  --help         print this

Ctrl-C ends it when what has been read is written, a second one at once. The exit code is 0 when everything is loaded,
1 when it could not be or when the options are wrong, 130 when Ctrl-C ended it.
`

export interface Options {
  readonly directory: string
  readonly size: number
  readonly files: number
  readonly bad: number
  readonly seed: number
}

/** Reads the command line, or answers what is wrong with it. */
export const parseOptions = (args: ReadonlyArray<string>): Result.Result<Options | "help", string> =>
  reading<Options | "help">(() => {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        size: { type: "string", default: "200M" },
        files: { type: "string", default: "8" },
        bad: { type: "string", default: "0.001" },
        seed: { type: "string", default: "1" },
        help: { type: "boolean", default: false }
      }
    })
    if (values.help) return Result.succeed("help")
    if (positionals.length > 1) return Result.fail(`one directory at most, got ${positionals.join(", ")}`)
    return Result.succeed({
      directory: positionals[0] ?? join(tmpdir(), "sluice-etl"),
      size: bytes("size", values.size),
      files: integer("files", values.files, 1, 99),
      bad: probability("bad", values.bad),
      seed: integer("seed", values.seed, 0, 2 ** 32 - 1)
    })
  })

const factors: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 }

const bytes = (name: string, text: string): number => {
  const [, digits = "", suffix = ""] = /^(\d+)([kmg]?)$/i.exec(text) ?? []
  const value = digits === "" ? NaN : Number(digits) * factors[suffix.toLowerCase()]!
  if (value <= 100e9) return value
  throw bad(name, "a number of bytes up to 100G, such as 200M", text)
}
