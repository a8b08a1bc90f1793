/** Each work is measured in a process of its own: what the compiler has learnt from another one does not carry over. */
import { buildSync } from "esbuild"
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Asked } from "./child.js"
import type { Figure } from "./measure.js"

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const cache = path("node_modules/.cache")
const bundle = `${cache}/child.mjs`

/** Installs the peers, which have a package of their own here, and compiles what the processes run. */
export const prepare = (): void => {
  if (!["p-limit", "p-map", "piscina", "tinypool"].every((name) => existsSync(path(`node_modules/${name}`)))) {
    console.error("installing the peers, once")
    execFileSync("npm", ["ci", "--silent", "--no-audit", "--no-fund"], { cwd: path("."), stdio: "inherit" })
  }
  buildSync({
    // Beside the child, what threads load.
    entryPoints: [
      path("child.ts"),
      ...["jobs", "plain", "piscinaMove"].map((name) => path(`works/threads/${name}.ts`))
    ],
    entryNames: "[name]",
    outdir: cache,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    // What is imported only when it is needed stays so.
    splitting: true,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "warning"
  })
}

/** Builds the package, as it is published. */
export const build = (): void => {
  execFileSync("npm", ["run", "build", "--silent"], { cwd: path("../.."), stdio: "ignore" })
}

/** The result of a process that measures this. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what it has asked for
export const measureApart = <T>(
  what: string,
  { options = [], ...asked }: Partial<Asked> & {
    /** For Node. */
    readonly options?: ReadonlyArray<string>
  } = {}
): T => {
  const json = JSON.stringify({ rounds: 9, warmUp: 3, ...asked })
  const node = ["--expose-gc", "--max-old-space-size=8192", ...options, bundle, what, json]
  const printed = execFileSync(process.execPath, node, { encoding: "utf8", maxBuffer: 2 ** 26 })
  return JSON.parse(printed.trimEnd().split("\n").at(-1)!) as T
}

interface PrintedByGo extends Omit<Figure, "ratio"> {
  readonly work: string
}

/** The time of the first contender is not known to Go, and so no ratio. */
export interface GoFigure {
  readonly work: string
  readonly figure: Omit<Figure, "ratio">
}

/** The same works in Go, where that and x/sync are installed; else why not. */
export const measureGo = (): { readonly version: string; readonly figures: ReadonlyArray<GoFigure> } | string => {
  const version = spawnSync("go", ["version"], { encoding: "utf8" })
  if (version.error) return "Go is not installed"
  const env = {
    // Debian's packages put the sources there.
    GOPATH: "/usr/share/gocode",
    ...process.env,
    GO111MODULE: "off",
    GOCACHE: path("node_modules/.cache/go")
  }
  const run = spawnSync("go", ["run", path("go/main.go")], { encoding: "utf8", env })
  if (run.status !== 0) return `its program does not run: ${run.stderr.split("\n")[0]}`
  const printed = JSON.parse(run.stdout) as ReadonlyArray<PrintedByGo>
  return {
    version: version.stdout.split(" ")[2] ?? "go",
    figures: printed.map(({ work, ...figure }) => ({ work, figure }))
  }
}
