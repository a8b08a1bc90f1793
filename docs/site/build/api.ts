/**
 * The reference, from the declarations that the package ships: of each export its category, its doc comment as written,
 * and its declaration.
 *
 * Rejected: typedoc prints each overload with its comment, three times; @effect/docgen fails on re-exports.
 */
import { execFileSync } from "node:child_process"
import { createRequire } from "node:module"
import { join } from "node:path"
import ts from "typescript"
import { type Module, modules } from "./modules.ts"
import { cache, root } from "./paths.ts"

const types = join(cache, "types")

/** The declarations, as `npm run build` makes them. */
const emit = (): void => {
  const tsc = createRequire(join(root, "package.json")).resolve("typescript/bin/tsc")
  execFileSync(process.execPath, [
    tsc,
    "--project",
    "tsconfig.build.json",
    "--outDir",
    types,
    "--declarationMap",
    "false"
  ], {
    cwd: root,
    stdio: "inherit"
  })
}

/** One export: everything that is declared under its name. */
interface Entry {
  readonly name: string
  readonly category: string
  /** The version that it came with, if its comments say so. */
  readonly since: string | undefined
  /** Each comment once, in Markdown. */
  readonly comments: ReadonlyArray<string>
  readonly declarations: ReadonlyArray<string>
}

/** The text of a doc comment, without its frame. */
const unframed = (comment: string): string =>
  comment.replace(/^\/\*\*\s?|\s*\*\/$/g, "").split("\n").map((line) => line.replace(/^\s*\* ?/, "")).join("\n").trim()

const docOf = (node: ts.Node): string => {
  const [last] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).slice(-1)
  return last === undefined ? "" : unframed(last.getText())
}

/** The node that a comment belongs to: of a variable that is its whole statement. */
const statementOf = (declaration: ts.Declaration): ts.Node =>
  ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration

/** The comments of a function's overloads: the page has the function's own below, and they repeat it. */
const repeatedIn = (node: ts.Node): ReadonlyArray<ts.TextRange> => {
  if (!ts.isVariableStatement(node) || docOf(node) === "") return []
  const { type } = node.declarationList.declarations[0] ?? {}
  if (type === undefined || !ts.isTypeLiteralNode(type)) return []
  return type.members.filter(ts.isCallSignatureDeclaration).flatMap((member) =>
    ts.getJSDocCommentsAndTags(member).map(({ end, pos }) => ({ pos, end }))
  )
}

const textOf = (node: ts.Node): string => {
  const { text } = node.getSourceFile()
  let from = node.getStart()
  let result = ""
  for (const { end, pos } of repeatedIn(node)) {
    result += text.slice(from, pos)
    from = end + /^\s*/.exec(text.slice(end))![0].length
  }
  result += text.slice(from, node.end)
  // The compiler indents by four.
  return result.replace(/^export (?:declare )?/, "").replace(/^declare /, "").replace(
    /^(?: {4})+/gm,
    (spaces) => spaces.slice(spaces.length / 2)
  )
}

const tag = (doc: string, name: string): string | undefined => new RegExp(`^@${name} (.*)$`, "m").exec(doc)?.[1]

/** Where an export is found by its name: on this page, or on another one. */
type Find = (name: string) => string | undefined

/** The tags that a comment shows. The category is a heading of the page, and each export has its version once. */
const shownTags: Readonly<Record<string, (value: string) => string>> = {
  deprecated: (value) => `**Deprecated.** ${value}`,
  see: (value) => `See ${value}.`
}

/** The comment as Markdown: links lead to their export, and each tag is a line. */
const markdownOf = (doc: string, find: Find): string => {
  const [body = "", ...rest] = doc.split(/^(?=@(?:category|since|see|deprecated|internal)\b)/m)
  const linked = (text: string) =>
    text.replace(/\{@link (\S+?)\}/g, (_, name: string) => {
      const target = find(name)
      return target === undefined ? `\`${name}\`` : `[\`${name}\`](${target})`
    })
  const lines = rest.flatMap((text) => {
    const [, name = "", value = ""] = /^@(\w+)\s*([^]*?)\s*$/.exec(text) ?? []
    const line = shownTags[name]?.(linked(value))
    return line === undefined ? [] : [line]
  })
  return [linked(body.trim()), ...lines].join("\n\n")
}

const entriesOf = (checker: ts.TypeChecker, file: ts.SourceFile, find: Find): ReadonlyArray<Entry> => {
  const module = checker.getSymbolAtLocation(file)
  if (module === undefined) throw new Error(`${file.fileName} exports nothing`)
  return checker.getExportsOfModule(module).map((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    const declarations = target.declarations ?? []
    const nodes = [...new Set(declarations.map(statementOf))]
    const docs = nodes.map(docOf)
    const [first = ""] = docs.filter((doc) => doc !== "")
    const isModel = declarations.some((node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
    return {
      name: symbol.name,
      category: tag(first, "category") ?? (isModel ? "models" : "functions"),
      since: docs.flatMap((doc) => tag(doc, "since") ?? []).at(0),
      comments: [...new Set(docs.map((doc) => markdownOf(doc, find)))].filter((text) => text !== ""),
      declarations: nodes.map(textOf)
    }
  })
}

/** A fence that the text does not close. */
const fenced = (text: string): string => {
  const fence = text.includes("```") ? "~~~~" : "```"
  return `${fence}ts no-run\n${text}\n${fence}`
}

const headOf = (file: ts.SourceFile): string => {
  const comment = ts.getLeadingCommentRanges(file.text, 0)?.[0]
  const text = comment === undefined ? "" : file.text.slice(comment.pos, comment.end)
  return text.startsWith("/**") ? text : ""
}

const pageOf = (module: Module, file: ts.SourceFile, entries: ReadonlyArray<Entry>, find: Find): string => {
  const categories = [...new Set(entries.map(({ category }) => category))]
  const sections = categories.flatMap((category) => [
    `## ${category}`,
    ...entries.filter((entry) => entry.category === category).flatMap(({ comments, declarations, name, since }) => [
      `### ${name} {#${name}}`,
      fenced(declarations.join("\n")),
      ...comments,
      ...(since === undefined ? [] : [`Since ${since}.`])
    ])
  ])
  return [
    `---\noutline: [2, 3]\n---`,
    `# ${module.name}`,
    "```ts no-run\n" + module.imported + "\n```",
    markdownOf(unframed(headOf(file)), find),
    ...sections
  ].join("\n\n") + "\n"
}

/** The pages of the reference, by their names. */
export const apiPages = (): ReadonlyMap<string, string> => {
  emit()
  const fileOf = (module: Module) => join(types, `${module.file}.d.ts`)
  const program = ts.createProgram(modules.map(fileOf), {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    // Only the names of the exports are asked for.
    noLib: true,
    types: []
  })
  const checker = program.getTypeChecker()
  const namesOf = (module: Module): ReadonlyArray<string> => {
    const symbol = checker.getSymbolAtLocation(program.getSourceFile(fileOf(module))!)
    return symbol === undefined ? [] : checker.getExportsOfModule(symbol).map(({ name }) => name)
  }
  const names = new Map(modules.map((module) => [module.name, new Set(namesOf(module))]))
  const findFrom = (page: string): Find => (name) => {
    const [first = "", second] = name.split(".")
    if (second !== undefined && names.get(first)?.has(second)) return `/api/${first}#${second}`
    if (names.get(page)?.has(first)) return `#${first}`
    return names.has(first) ? `/api/${first}` : undefined
  }
  return new Map(modules.map((module) => {
    const file = program.getSourceFile(fileOf(module))!
    const find = findFrom(module.name)
    return [module.name, pageOf(module, file, entriesOf(checker, file, find), find)]
  }))
}
