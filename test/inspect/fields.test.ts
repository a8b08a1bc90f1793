/** The tables of a dump's fields, in `docs/inspect.md`, against the types: `sluice/inspect/1` is a promise. */
import { readFileSync } from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { expect, test } from "vitest"

const root = path.resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(path.join(root, file), "utf8")

/** A field and its type, as the table has them: `millis?`, `number`. */
type Row = readonly [field: string, type: string]

const textOf = (type: ts.TypeNode): string =>
  type.getText()
    .replaceAll(/ReadonlyArray<(\w+)>/g, "$1[]")
    .replace(/^Readonly<(.*)>$/, "$1")
    .replaceAll("\"", "'")

/** The type of the items, where it is an object without a name. */
const itemOf = (type: ts.TypeNode): ts.TypeLiteralNode | undefined => {
  const item = ts.isTypeReferenceNode(type) ? type.typeArguments?.[0] : undefined
  return item !== undefined && ts.isTypeLiteralNode(item) ? item : undefined
}

const rowsOf = (members: ts.NodeArray<ts.TypeElement>, prefix = ""): ReadonlyArray<Row> =>
  members.flatMap((member): ReadonlyArray<Row> => {
    if (!ts.isPropertySignature(member) || member.type === undefined) throw new Error(member.getText())
    const parts = ts.isUnionTypeNode(member.type) ? [...member.type.types] : [member.type]
    const types = parts.filter(({ kind }) => kind !== ts.SyntaxKind.UndefinedKeyword)
    const name = prefix + member.name.getText()
    const row: Row = [types.length < parts.length ? `${name}?` : name, types.map(textOf).join(" | ")]
    const item = types.map(itemOf).find((one) => one !== undefined)
    return item === undefined ? [row] : [[row[0], "object[]"], ...rowsOf(item.members, `${name}[].`)]
  })

const typesOf = (file: string): ReadonlyArray<readonly [name: string, rows: ReadonlyArray<Row>]> =>
  ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true).statements
    .filter(ts.isInterfaceDeclaration)
    .map(({ members, name }) => [name.text, rowsOf(members)])

const documented = new Map(
  [...read("docs/inspect.md").matchAll(/^### `(\w+)`\n\n((?:\|.*\n)+)/gm)].map(([, name, table]) => [
    name!,
    [...table!.matchAll(/^\| `([^`]+)` \| `([^`]+)` \| \S.* \|$/gm)].map(([, field, type]): Row => [
      field!,
      type!.replaceAll("\\|", "|")
    ])
  ])
)

const types = new Map([...typesOf("src/internal/inspect/model.ts"), ...typesOf("src/source/Source.ts")])

test("docs/inspect.md has a table for each type of a dump, and no other", () => {
  expect([...documented.keys()].sort()).toEqual([...types.keys()].sort())
  expect(types.size).toBeGreaterThan(10)
})

test.each([...types])("docs/inspect.md has each field of %s with its type, in order", (name, rows) => {
  expect(documented.get(name)).toEqual(rows)
})

test("the version of the schema is the one that docs/inspect.md describes", () => {
  const [, version] = /"(sluice\/inspect\/\d+)"/.exec(read("src/internal/inspect/model.ts")) ?? []
  expect(read("docs/inspect.md")).toContain(`The schema is \`${version ?? ""}\`.`)
})
