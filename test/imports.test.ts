/** Which of Effect's modules an entry loads: what it imports, what that imports, Effect's own files included. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import ts from "typescript"
import { expect, test } from "vitest"

const root = path.resolve(import.meta.dirname, "..")
const require = createRequire(import.meta.url)
const effect = path.join(path.dirname(require.resolve("effect/package.json")), "dist")

const isType = (statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean =>
  ts.isExportDeclaration(statement)
    ? statement.isTypeOnly
    : statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword

/** The specifiers that a file loads before it runs: neither `import type` nor `import()`. */
const specifiersOf = (file: string): ReadonlyArray<string> =>
  ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest).statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return []
    const { moduleSpecifier: from } = statement
    return from === undefined || !ts.isStringLiteral(from) || isType(statement) ? [] : [from.text]
  })

const resolve = (from: string, specifier: string): string | undefined => {
  if (specifier.startsWith(".")) {
    const file = path.join(path.dirname(from), specifier)
    return from.startsWith(effect) ? file : file.replace(/\.js$/, ".ts")
  }
  return /^effect(?:$|\/)/.test(specifier) ? require.resolve(specifier) : undefined
}

const known = new Map<string, ReadonlyArray<string>>()
/** The files of sluice and of Effect that a file names. Entries share most files: each is read once. */
const importsOf = (file: string): ReadonlyArray<string> => {
  const files = known.get(file) ??
    specifiersOf(file).map((one) => resolve(file, one)).filter((one) => one !== undefined)
  known.set(file, files)
  return files
}

const closureOf = (entry: string): ReadonlySet<string> => {
  const files = new Set([entry])
  // A set's iteration reaches the files that are added while it lasts.
  for (const file of files) importsOf(file).forEach((one) => files.add(one))
  return files
}

/** Effect's modules, by the names that follow `effect/`. */
const effectModulesOf = (file: string): ReadonlyArray<string> =>
  [...closureOf(path.resolve(root, file))]
    .filter((file) => file.startsWith(effect))
    .map((file) => path.relative(effect, file).replace(/\.js$/, ""))

const { exports } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, { readonly default: string } | string | null>>
}
const entries = [
  ...Object.values(exports).flatMap((target) =>
    typeof target === "object" && target !== null && !target.default.includes("*")
      ? [target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts")]
      : []
  ),
  // For `./threads/*`.
  "src/threads/ThreadPool.ts",
  "src/threads/ThreadWorker.ts"
]

const loading = (module: string) => entries.filter((entry) => effectModulesOf(entry).includes(module))

const pools = ["src/PoolConfig.ts", "src/WorkerPool.ts", "src/threads/ThreadPool.ts", "src/threads/index.ts"]

test.each(["Config", "ConfigProvider"])("only PoolConfig loads effect/%s", (module) => {
  expect(loading(module)).toEqual(["src/PoolConfig.ts"])
})

// Effect's services for Redis and SQL have errors that are schemas.
test.each(["Schema", "SchemaAST"])("only PoolConfig and durable load effect/%s", (module) => {
  expect(loading(module)).toEqual(["src/PoolConfig.ts", "src/durable/index.ts", "src/durable/bullmq.ts"])
})

test.each(["Stream", "Channel"])("only pools, the index, durable and inspect load effect/%s", (module) => {
  expect(loading(module).toSorted()).toEqual(
    [...pools, "src/index.ts", "src/durable/index.ts", "src/durable/bullmq.ts", "src/inspect/index.ts"].toSorted()
  )
})

test("no entry loads the index of Effect", () => {
  expect(loading("index")).toEqual([])
})

test("ThreadWorker loads nothing of Effect", () => {
  expect(effectModulesOf("src/threads/ThreadWorker.ts")).toEqual([])
})

test.each([
  ["AdaptiveLimit", ["Fiber"]],
  ["Group", ["Fiber"]],
  ["Semaphore", ["Fiber"]],
  ["Watch", []]
])("%s loads of Effect no more than effect/Effect does, but for %j", (name, more) => {
  const base = new Set(effectModulesOf(require.resolve("effect/Effect")))
  expect(base.size).toBeGreaterThan(50)
  expect(effectModulesOf(`src/${name}.ts`).filter((module) => !base.has(module))).toEqual(more)
})
