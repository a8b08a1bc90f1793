/** The worker's script: all that programs may import, in one file, which is loaded when the first of them runs. */
import { build, type Plugin } from "esbuild"
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { gzipSync } from "node:zlib"
import { root, site } from "./paths.ts"

export interface Runtime {
  readonly address: string
  readonly text: string
}

const src = (path: string) => join(root, "src", path)

/** The namespaces that an index exports, by their names. */
const namespacesOf = (index: string): ReadonlyArray<string> =>
  [...readFileSync(index, "utf8").matchAll(/^export \* as (\w+) from/gm)].map((match) => match[1] ?? "")

const effect = dirname(createRequire(join(root, "package.json")).resolve("effect"))

/** Of an object of getters: the bundler evaluates a module when `require` is called, and no module before that. */
const getter = (name: string, value: string): string => `get ${JSON.stringify(name)}() { return ${value} }`
const required = (specifier: string): string => `require(${JSON.stringify(specifier)})`

/** The namespaces of an index, each a module of its own. */
const namespaces = (index: string, from: string, more: ReadonlyArray<string> = []): string =>
  `{ ${[...namespacesOf(index).map((name) => getter(name, required(`${from}/${name}`))), ...more].join(", ")} }`

/** Functions that Effect's index exports besides. */
const functions = ["absurd", "cast", "flow", "hole", "identity", "pipe"].map((name) =>
  getter(name, `${required("effect/Function")}.${name}`)
)

/** The text of the module `lazy.ts`: all that programs may import, by name. */
const lazyText = (): string => {
  const members = {
    effect: namespaces(join(effect, "index.js"), "effect", functions),
    "effect/persistence": namespaces(join(effect, "persistence/index.js"), "effect/persistence"),
    // The third one needs Node.
    "effect/testing": `{ ${
      ["TestClock", "TestConsole"].map((name) => getter(name, required(`effect/testing/${name}`))).join(", ")
    } }`,
    sluice: namespaces(src("index.ts"), "sluice"),
    "sluice/durable": namespaces(src("durable/index.ts"), "sluice/durable"),
    "sluice/inspect": namespaces(src("inspect/index.ts"), "sluice/inspect")
  }
  const whole = ["sluice/testing", "sluice/PoolConfig", "fast-check", "p-limit", "p-queue"]
  return `export const lazy = { ${
    [
      ...Object.entries(members).map(([name, object]) => `${JSON.stringify(name)}: ${object}`),
      ...whole.map((name) => getter(name, required(name)))
    ].join(", ")
  } }`
}

export const lazy: Plugin = {
  name: "lazy",
  setup: (bundle) => {
    bundle.onLoad({ filter: /runtime[\\/]lazy\.ts$/ }, () => ({ resolveDir: site, contents: lazyText(), loader: "ts" }))
    bundle.onResolve({ filter: /^sluice(?:\/|$)/ }, ({ path }) => {
      const name = path === "sluice" ? "index" : path.slice("sluice/".length)
      const file = [src(`${name}.ts`), src(`${name}/index.ts`)].find((file) => existsSync(file))
      return file === undefined ? undefined : { path: file }
    })
  }
}

export const makeRuntime = async (): Promise<Runtime> => {
  const { outputFiles: [file] } = await build({
    entryPoints: [join(site, "runtime/main.ts")],
    write: false,
    bundle: true,
    minify: true,
    // Programs print the names of classes.
    keepNames: true,
    plugins: [lazy],
    platform: "browser",
    target: "es2022",
    format: "iife",
    logLevel: "warning"
  })
  if (file === undefined) throw new Error("the runtime was not built")
  const text = file.text
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8)
  console.log(`runtime: ${Math.round(gzipSync(text).length / 1024)} kB gzipped`)
  return { address: `/runtime.${hash}.js`, text }
}
