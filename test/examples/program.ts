/** Runs the example programs as a user does: as processes. */
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { compile } from "../support/threads.js"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const root = here("../../")
const made = new Map<string, string>()

/**
 * Compiles a program, with its threads or children: to start them from their sources takes each process a second
 * longer, on a processor that others want.
 */
const compiled = (entry: string): string => {
  const known = made.get(entry)
  if (known !== undefined) return known
  const sources = dirname(entry)
  const folder = join(root, "node_modules/.cache/sluice-examples", relative(root, sources))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
  const outfile = (source: string) => join(folder, `${basename(source, ".ts")}.js`)
  const others = ["thread.ts", "child.ts", `${basename(entry, ".ts")}-thread.ts`]
    .map((name) => join(sources, name))
    .filter((source) => existsSync(source))
  for (const source of [entry, ...others]) compile(source, outfile(source))
  made.set(entry, outfile(entry))
  return outfile(entry)
}

export const command = (args: ReadonlyArray<string>, entry: string): Array<string> => [
  process.execPath,
  compiled(entry),
  ...args
]

// The program runs in any directory, but "sluice" is what the tsconfig of this project says.
export const env = { ...process.env, TSX_TSCONFIG_PATH: here("../../tsconfig.json") }

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves once standard error contains the text, with all of it; rejects if the program ends without. */
  readonly says: (text: string) => Promise<string>
}

interface Options {
  readonly cwd?: string
  readonly entry: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: Buffer
}

export const start = (args: ReadonlyArray<string>, { cwd, entry, env: more, input }: Options): Running => {
  const [file, ...rest] = command(args, entry)
  const child = spawn(file!, rest, { cwd, env: { ...env, ...more }, stdio: "pipe" })
  child.stdin.end(input)
  const stdout: Array<Buffer> = []
  let stderr = ""
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk))
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => stderr += chunk)
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal, stdout: Buffer.concat(stdout), stderr }))
  )
  const says = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        if (stderr.includes(text)) resolve(stderr)
      }
      look()
      child.stderr.on("data", look)
      void ended.then(() => reject(new Error(`it ended without saying ${JSON.stringify(text)}, but: ${stderr}`)))
    })
  return { child, ended, says }
}

export const run = (args: ReadonlyArray<string>, options: Options): Promise<Ended> => start(args, options).ended
