/** `CONTRIBUTING.md` against the files, methods and environment variables that it names. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { expect, test } from "vitest"

const root = path.resolve(import.meta.dirname, "..")
const read = (file: string) => readFileSync(path.join(root, file), "utf8")
const text = read("CONTRIBUTING.md")
const code = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!)
const pool = "src/internal/workerPool"
// The guide invents one, as an example.
const invented = [`${pool}/Batches.ts`]

test("every path in CONTRIBUTING.md exists", () => {
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link!)
  const paths = code.filter((name) => /^(src|test|docs|\.ci)\/[\w./]+$/.test(name))
  expect(paths.length).toBeGreaterThan(2)
  expect([...links, ...paths].filter((file) => !existsSync(path.join(root, file)) && !invented.includes(file))).toEqual(
    []
  )
})

test("the picture of the pool has every file of the pool", () => {
  const picture = /^### The pool\n\n((?: {4}.*\n|\n)+)/m.exec(text)?.[1] ?? ""
  const names = new Set(picture.match(/\w+/g))
  const files = readdirSync(path.join(root, pool)).map((name) => name.replace(/\.ts$/, ""))
  expect(files.filter((name) => !names.has(name))).toEqual([])
})

test("every method that CONTRIBUTING.md names is in the file of its class", () => {
  const methods = code.filter((name) => /^[A-Z]\w+\.(?!ts$)[a-z]\w+$/.test(name))
  const missing = methods.filter((name) => {
    const [owner = "", method = ""] = name.split(".")
    const source = existsSync(path.join(root, pool, `${owner}.ts`)) && read(`${pool}/${owner}.ts`)
    return source === false || !new RegExp(`^ {2}(?:private |readonly |get )*${method}[(<:]`, "m").test(source)
  })
  expect(methods.length).toBeGreaterThan(10)
  expect(missing).toEqual([])
})
