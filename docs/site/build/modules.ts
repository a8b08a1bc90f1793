/** The public modules that the reference shows, in the order of the sidebar. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./paths.ts"

export interface Module {
  /** The name of its page. */
  readonly name: string
  /** From `src`, without its ending. */
  readonly file: string
  /** As a program imports it. */
  readonly imported: string
}

/** The modules of an entry whose index exports namespaces: "" is `sluice` itself. */
const namespaces = (entry: string): ReadonlyArray<Module> => {
  const folder = entry === "" ? "" : `${entry}/`
  const index = readFileSync(join(root, "src", `${folder}index.ts`), "utf8")
  return [...index.matchAll(/^export \* as (\w+) from/gm)].map(([, name = ""]) => ({
    name,
    file: `${folder}${name}`,
    imported: `import { ${name} } from "sluice${entry === "" ? "" : `/${entry}`}"`
  }))
}

const whole = (name: string, file: string, imported: string): Module => ({ name, file, imported })

/** The modules of `sluice` that are read most come first. */
const first = ["Group", "Semaphore", "WorkerPool"]
const core = namespaces("")

export const modules: ReadonlyArray<Module> = [
  ...first.flatMap((name) => core.filter((module) => module.name === name)),
  ...core.filter(({ name }) => !first.includes(name)),
  whole("PoolConfig", "PoolConfig", "import * as PoolConfig from \"sluice/PoolConfig\""),
  whole("testing", "testing/index", "import { check, scenario } from \"sluice/testing\""),
  ...namespaces("inspect"),
  ...namespaces("threads"),
  ...namespaces("durable"),
  whole("bullmq", "durable/bullmq", "import * as bullmq from \"sluice/durable/bullmq\"")
]

// A new entry of the package has a page, or the build fails.
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, { readonly default?: string } | string | null>>
}
for (const [entry, target] of Object.entries(exports)) {
  const file = typeof target === "object" ? target?.default?.replace(/^\.\/dist\/|\.js$/g, "") : undefined
  if (file === undefined || file.includes("*") || modules.some((module) => module.file === file)) continue
  const folder = file.replace(/\/?index$/, "")
  if (!file.endsWith("index") || !modules.some((module) => module.file.startsWith(folder))) {
    throw new Error(`the reference has no page for ${entry}: add it to docs/site/build/modules.ts`)
  }
}

export const moduleNames = modules.map(({ name }) => name)
