/**
 * The index of the laws, `docs/laws.md`, against the pages that state them, the sources, the scenarios and the tests.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { describe, expect, test } from "vitest"

const root = path.resolve(import.meta.dirname, "..")
const read = (file: string) => readFileSync(path.join(root, file), "utf8")

/** A file of a cell, and the names that the cell gives in it. */
interface Place {
  readonly file: string
  readonly names: ReadonlyArray<string>
}

interface Row {
  readonly law: string
  readonly page: string
  readonly promise: string
  readonly code: ReadonlyArray<Place>
  readonly explored: ReadonlyArray<Place>
  readonly tests: ReadonlyArray<Place>
}

const placePattern = /^`([^`]+)`: (`[^`]+`(?:, `[^`]+`)*)$/

const placesOf = (cell: string): ReadonlyArray<Place> =>
  cell.split("; ").map((text) => {
    const [, file, names] = placePattern.exec(text) ?? []
    if (file === undefined || names === undefined) throw new Error(`docs/laws.md: cannot read ${text}`)
    return { file, names: [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name!) }
  })

const rows = read("docs/laws.md").split("\n").filter((line) => line.startsWith("| [")).map((line): Row => {
  const [law, promise, code, explored, tests] = line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, ""))
  const [, id, page] = /^\[([A-Z]\d+)\]\(([\w-]+\.md)\)$/.exec(law!) ?? []
  return {
    law: id!,
    page: `docs/${page!}`,
    promise: promise!,
    code: placesOf(code!),
    explored: placesOf(explored!),
    tests: placesOf(tests!)
  }
})

/** The laws that a page states: "- **P1.** ..." and "**... (S1).** ...". */
const statedBy = (page: string): ReadonlyArray<string> =>
  [...read(page).matchAll(/^(?:- \*\*([A-Z]\d+)\.|\*\*[^*]*\(([A-Z]\d+)\)[.,]?\*\*)/gm)].map(([, one, other]) =>
    (one ?? other)!
  )

const pages = readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)
const parsed = new Map<string, ts.SourceFile>()
const parse = (file: string): ts.SourceFile => {
  const known = parsed.get(file) ?? ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true)
  parsed.set(file, known)
  return known
}

const nodesOf = (node: ts.Node): ReadonlyArray<ts.Node> => {
  const found: Array<ts.Node> = []
  const visit = (node: ts.Node): void => {
    found.push(node)
    ts.forEachChild(node, visit)
  }
  visit(node)
  return found
}

const textOf = (name: ts.Node | undefined): string | undefined =>
  name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? name.text : undefined

/** What a file declares: `name` outside of classes, `Class.member` in a class or an interface. */
const symbolsOf = (file: string): ReadonlySet<string> => {
  const symbols = new Set<string>()
  for (const statement of parse(file).statements) {
    const declarations = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement]
    for (const declaration of declarations) {
      const name = textOf((declaration as ts.DeclarationStatement | ts.VariableDeclaration).name)
      if (name === undefined) continue
      symbols.add(name)
      if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) continue
      for (const member of declaration.members) symbols.add(`${name}.${textOf(member.name) ?? ""}`)
    }
  }
  return symbols
}

/** The names of a file's scenarios: its exports, and the properties of its records. */
const scenariosOf = (file: string): ReadonlyArray<string> =>
  nodesOf(parse(file)).flatMap((node) =>
    ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node) ? textOf(node.name) ?? [] : []
  )

/** The titles of a file's tests and of their groups, as written: with `%s` where several have one. */
const titlesOf = (file: string): ReadonlyArray<string> =>
  nodesOf(parse(file)).flatMap((node) => {
    if (!ts.isCallExpression(node) || !/^(describe|test)\b/.test(node.expression.getText())) return []
    const [title] = node.arguments
    return title !== undefined && ts.isStringLiteralLike(title) ? [title.text] : []
  })

const namesOf = (file: string): ReadonlyArray<string> =>
  file.startsWith("test/scenarios/") ? scenariosOf(file) : titlesOf(file)

/** `file: name` for each name that `has` does not find in an existing file. */
const missing = (places: ReadonlyArray<Place>, has: (file: string, name: string) => boolean) =>
  places.flatMap(({ file, names }) =>
    names.filter((name) => !existsSync(path.join(root, file)) || !has(file, name)).map((name) => `${file}: ${name}`)
  )

test("the index has every law that a page states, once, with the page that states it", () => {
  const stated = pages.flatMap((page) => statedBy(page).map((law) => `${law} ${page}`))
  expect(rows.map(({ law, page }) => `${law} ${page}`).sort()).toEqual(stated.sort())
  expect(new Set(rows.map(({ law }) => law)).size).toBe(rows.length)
})

test("the numbers of each letter have no gap", () => {
  const next = new Map<string, number>()
  for (const { law } of rows) {
    const letter = law.slice(0, 1)
    const number = (next.get(letter) ?? 0) + 1
    next.set(letter, number)
    expect(law).toBe(`${letter}${number}`)
  }
})

test("a comment of the sources names only laws that exist", () => {
  const laws = new Set(rows.map(({ law }) => law))
  const letters = [...new Set(rows.map(({ law }) => law.slice(0, 1)))].join("")
  const sources = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
  const unknown = sources.flatMap((file) =>
    [...read(`src/${file}`).matchAll(/^\s*(?:\/\*\*|\*|\/\/).*$/gm)].flatMap(([line]) =>
      [...line.matchAll(new RegExp(`\\b[${letters}]\\d+\\b`, "g"))]
        .filter(([law]) => !laws.has(law))
        .map(([law]) => `src/${file}: ${law}`)
    )
  )
  expect(unknown).toEqual([])
})

describe.each(rows.map((row) => [row.law, row] as const))("%s", (law, { code, explored, promise, tests }) => {
  test("is one sentence of at most 100 characters", () => {
    expect(promise).toMatch(/^[A-Z`].*[^.]\.$/)
    expect(promise.length).toBeLessThanOrEqual(100)
  })

  test("has code that exists, in files that mention the law", () => {
    expect(missing(code, (file, name) => file.startsWith("src/") && symbolsOf(file).has(name))).toEqual([])
    const mentions = new RegExp(`\\b${law}\\b|\\b${law[0]!}\\d+ to ${law[0]!}\\d+\\b`)
    expect(code.map(({ file }) => file).filter((file) => !mentions.test(read(file)))).toEqual([])
  })

  test("has a scenario or a property that exists", () => {
    expect(missing(explored, (file, name) => namesOf(file).includes(name))).toEqual([])
  })

  test("has a test that exists", () => {
    expect(missing(tests, (file, name) => titlesOf(file).includes(name))).toEqual([])
  })
})
