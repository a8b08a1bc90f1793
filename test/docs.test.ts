/** Every TypeScript block in README, AGENTS.md, docs/ and doc comments compiles, strictly, and prints what it says. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import { format } from "node:util"
import ts from "typescript"
import { describe, expect, test, vi } from "vitest"
import { compile } from "./support/threads.js"

const root = path.resolve(import.meta.dirname, "..")
const output = path.join(root, "node_modules/.cache/sluice-docs")

interface Block {
  readonly name: string
  readonly language: string
  readonly code: string
  readonly file: string
}

/** The name of a block that others import, which it begins with. */
const titleOf = (line: string | undefined): string | undefined => /^\/\/ (\w+\.ts)$/.exec(line ?? "")?.[1]

const blocksOf = (source: string): ReadonlyArray<Block> => {
  const text = readFileSync(path.join(root, source), "utf8")
  // In a doc comment each line begins with " * ".
  const lines = text.split("\n").map((line) => source.endsWith(".ts") ? line.replace(/^\s*\* ?/, "") : line)
  const blocks: Array<Block> = []
  for (let i = 0; i < lines.length; i++) {
    const language = /^```(\w+)$/.exec(lines[i]!)?.[1]
    if (language === undefined) continue
    const end = lines.indexOf("```", i + 1)
    const name = `${source}:${i + 1}`
    blocks.push({
      name,
      language,
      code: lines.slice(i + 1, end).join("\n") + "\n",
      file: path.join(output, titleOf(lines[i + 1]) ?? `${name.replaceAll(/[/:]/g, "_")}.ts`)
    })
    i = end
  }
  return blocks
}

const files = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(path.join(root, folder)).filter((name) => name.endsWith(ending)).map((name) => path.join(folder, name))

const all = [
  "README.md",
  "AGENTS.md",
  ...files("docs", ".md"),
  ...files("src", ".ts"),
  ...files("src/durable", ".ts"),
  ...files("src/inspect", ".ts"),
  ...files("src/testing", ".ts"),
  ...files("src/threads", ".ts")
].flatMap(
  blocksOf
)
const blocks = all.filter(({ language }) => language === "ts")

rmSync(output, { recursive: true, force: true })
mkdirSync(output, { recursive: true })
for (const { code, file } of blocks) writeFileSync(file, code)

// A thread loads no TypeScript.
const modules = blocks.filter(({ code }) => titleOf(code.split("\n")[0]) !== undefined)
const isLoadedByThread = ({ file }: Block) =>
  blocks.some(({ code }) => code.includes(`new URL("./${path.basename(file, ".ts")}.js"`))
for (const { file } of modules.filter(isLoadedByThread)) compile(file, file.replace(/ts$/, "js"))

/** The lines after "// =>", in order. A line that begins with "//" and four spaces continues the one before it. */
const promised = (code: string): ReadonlyArray<string> =>
  [...code.matchAll(/\/\/ => (.*(?:\n *\/\/ {4}.*)*)$/gm)].map((match) => match[1]!.replaceAll(/\n *\/\/ {4}/g, " "))

const folder = `${path.relative(root, output)}/`

/** As in any other run, where durations, dates and the numbers of fibers differ; and as in a reader's folder. */
const steady = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const fibers: Array<string> = []
  const numbered = (fiber: string): string => {
    if (!fibers.includes(fiber)) fibers.push(fiber)
    return `${fibers.indexOf(fiber) + 1}`
  }
  return lines.map((line) =>
    line.replaceAll(folder, "")
      .replaceAll(/\b[\w.]+_\d+\.ts\b/g, "main.ts")
      .replaceAll(/\bfor \d+(?:\.\d+)? (?:ms|s)\b/g, "for 1 s")
      .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "2026-01-01T00:00:00.000Z")
      .replaceAll(/\b(fiber )(\d+)\b/gi, (_, word: string, fiber: string) => word + numbered(fiber))
  )
}

test("there are blocks to check, and no language among them that nobody checks", () => {
  expect(blocks.length).toBeGreaterThan(30)
  expect([...new Set(all.map(({ language }) => language))].sort()).toEqual(["go", "sh", "ts"])
})

test("no two blocks that others import have the same name", () => {
  const names = modules.map(({ file }) => file)
  expect(names.toSorted()).toEqual([...new Set(names)].sort())
})

test("every block compiles as a user's strict TypeScript would", () => {
  const config = ts.readConfigFile(path.join(root, "tsconfig.json"), (name) => ts.sys.readFile(name))
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  // Declared and then not used is what the reader of an example is for.
  const program = ts.createProgram(blocks.map(({ file }) => file), { ...options, noUnusedLocals: false })
  const messages = ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const where = blocks.find(({ file }) => file === diagnostic.file?.fileName)?.name ?? diagnostic.file?.fileName
    return `${where}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")}`
  })
  expect(messages).toEqual([])
  // One program of some hundred files: a minute and more on a busy machine.
}, 300_000)

// A block that is a test file makes its tests here, and prints nothing.
const tests = blocks.filter(({ code }) => code.includes("from \"vitest\""))
describe.each(tests.map(({ file, name }) => [name, file]))("%s", async (_, file) => {
  await import(/* @vite-ignore */ pathToFileURL(file).href)
})

describe("every block prints what it says", () => {
  const printing = blocks.filter((block) => !modules.includes(block) && !tests.includes(block))
  test.each(printing.map((block) => [block.name, block] as const))("%s", async (_, { code, file }) => {
    const printed: Array<string> = []
    const log = vi.spyOn(console, "log").mockImplementation((...args) =>
      void printed.push(...format(...args).split("\n"))
    )
    try {
      await import(/* @vite-ignore */ pathToFileURL(file).href)
    } finally {
      log.mockRestore()
    }
    expect(steady(printed)).toEqual(steady(promised(code)))
    expect(printed.length).toBeGreaterThan(0)
  })
})
