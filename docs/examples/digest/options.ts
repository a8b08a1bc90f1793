import * as Result from "effect/Result"
import { availableParallelism } from "node:os"
import { parseArgs, type ParseArgsConfig } from "node:util"
import type { Algorithm } from "./digest.js"

export const help = `Usage: npm start -- [OPTION]... [DIR]
       npm start -- --verify FILE [OPTION]...

Prints the MD5 and SHA-256 of every regular file under DIR (the current directory by default), in the order of
LC_ALL=C sort. Symbolic links are not followed.

  --hash md5|sha256|both  which digests (both); one alone comes as md5sum or sha256sum would print it,
                          both as md5sum --tag and sha256sum --tag would
  --output FILE           write to FILE, once the list is complete, instead of standard output
  --limit N               digest at most N files at a time (16)
  --budget BYTES          hold at most BYTES of files in memory, such as 512k, 64M or 1G (64M)
  --pool                  digest with a fixed set of N workers, each of which has a buffer for all of its files,
                          instead of a buffer for each file; they share the budget equally
  --threads               digest in N threads, by default as many as can run at a time, each of which reads and
                          digests whole files with a buffer of its own; they share the budget equally
  --fail-fast             stop everything at the first file that cannot be read (the default)
  --keep-going            digest what can be read, and report the rest at the end
  --verify FILE           check the files of a list that this program, md5sum or sha256sum wrote; - reads it from
                          standard input
  --quiet                 with --verify: print only what is wrong
  --help                  print this

In a pipe, "npm --silent start" keeps npm's own lines out.

The exit code is 0 when all went well, 1 when a file could not be read or verified, 2 when the options are wrong,
130 when Ctrl-C ended it.
`

export interface DigestOptions {
  readonly command: "digest"
  readonly directory: string
  readonly algorithms: ReadonlyArray<Algorithm>
  readonly output: string | undefined
  readonly onFailure: "cancel" | "continue"
  readonly way: "fibers" | "pool" | "threads"
  readonly limit: number
  readonly budget: number
}

export interface VerifyOptions {
  readonly command: "verify"
  readonly list: string
  readonly quiet: boolean
  readonly limit: number
  readonly budget: number
}

export type Options = DigestOptions | VerifyOptions | { readonly command: "help" }

const known = {
  hash: { type: "string" },
  output: { type: "string" },
  limit: { type: "string" },
  budget: { type: "string" },
  pool: { type: "boolean" },
  threads: { type: "boolean" },
  "fail-fast": { type: "boolean" },
  "keep-going": { type: "boolean" },
  verify: { type: "string" },
  quiet: { type: "boolean" },
  help: { type: "boolean" }
} as const satisfies ParseArgsConfig["options"]

type Name = keyof typeof known

const hashes: Readonly<Record<string, ReadonlyArray<Algorithm>>> = {
  md5: ["md5"],
  sha256: ["sha256"],
  both: ["md5", "sha256"]
}

/** Reads the command line, or answers what is wrong with it. */
export const parseOptions = (args: ReadonlyArray<string>): Result.Result<Options, string> => {
  // Not strict: the messages of the strict mode are several sentences, and do not always name the value.
  const { positionals, tokens, values } = parseArgs({
    args: [...args],
    options: known,
    strict: false,
    allowPositionals: true,
    tokens: true
  })
  for (const token of tokens) {
    if (token.kind !== "option") continue
    if (!isKnown(token.name)) return Result.fail(`unknown option ${token.rawName}`)
    const takesValue = known[token.name].type === "string"
    if (takesValue && token.value === undefined) return Result.fail(`${token.rawName} needs a value`)
    if (!takesValue && token.value !== undefined) {
      return Result.fail(`${token.rawName} takes no value, got ${quote(token.value)}`)
    }
  }
  const text = (name: Name): string | undefined => {
    const value = values[name]
    return typeof value === "string" ? value : undefined
  }
  const given = (name: Name): boolean => values[name] !== undefined

  if (given("help")) return Result.succeed({ command: "help" })

  const conflict = findConflict(given, positionals)
  if (conflict !== undefined) return Result.fail(conflict)
  const way = given("threads") ? "threads" : given("pool") ? "pool" : "fibers"
  const limit = parseLimit(text("limit") ?? String(way === "threads" ? availableParallelism() : 16))
  if (limit === undefined) return bad("--limit", "an integer >= 1", text("limit"))
  const budget = parseBytes(text("budget") ?? "64M")
  if (budget === undefined) return bad("--budget", "a number of bytes >= 1, such as 64M", text("budget"))

  const list = text("verify")
  if (list !== undefined) {
    return Result.succeed({ command: "verify", list, quiet: given("quiet"), limit, budget })
  }
  const hash = text("hash") ?? "both"
  const algorithms = Object.hasOwn(hashes, hash) ? hashes[hash] : undefined
  if (algorithms === undefined) return bad("--hash", "md5, sha256 or both", hash)
  return Result.succeed({
    command: "digest",
    directory: positionals[0] ?? ".",
    algorithms,
    output: text("output"),
    onFailure: given("keep-going") ? "continue" : "cancel",
    way,
    limit,
    budget
  })
}

const isKnown = (name: string): name is Name => Object.hasOwn(known, name)

const findConflict = (given: (name: Name) => boolean, positionals: ReadonlyArray<string>): string | undefined => {
  if (positionals[1] !== undefined) return `one directory at most, got ${positionals.map(quote).join(", ")}`
  if (given("fail-fast") && given("keep-going")) return "--fail-fast and --keep-going exclude each other"
  if (given("pool") && given("threads")) return "--pool and --threads exclude each other"
  if (!given("verify")) return given("quiet") ? "--quiet goes with --verify only" : undefined
  if (positionals[0] !== undefined) return `--verify takes no directory, got ${quote(positionals[0])}`
  const digestOnly = (["hash", "output", "pool", "threads", "fail-fast", "keep-going"] as const).find(given)
  return digestOnly === undefined ? undefined : `--${digestOnly} does not go with --verify`
}

const quote = (value: string): string => JSON.stringify(value)

const bad = (option: string, requirement: string, value: string | undefined): Result.Result<never, string> =>
  Result.fail(`${option} must be ${requirement}, got ${quote(value ?? "")}`)

const parseLimit = (text: string): number | undefined => /^\d+$/.test(text) ? positive(Number(text)) : undefined

const factors: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

const parseBytes = (text: string): number | undefined => {
  const [, digits, suffix] = /^(\d+)([kmg]?)$/i.exec(text) ?? []
  if (digits === undefined || suffix === undefined) return undefined
  return positive(Number(digits) * (factors[suffix.toLowerCase()] ?? NaN))
}

const positive = (value: number): number | undefined => Number.isSafeInteger(value) && value >= 1 ? value : undefined
