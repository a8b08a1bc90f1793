/** The program that shows a failure without the kit, completed by the code that its scenario stands on. */
import type { SyntaxNode } from "@lezer/common"
import { withoutTypes } from "./evaluate.ts"
import { childrenOf, parse } from "./syntax.ts"

const isOfKit = (text: string) => /from "(?:sluice\/testing|vitest|fast-check)"/.test(text)

/** The names that a statement declares, and those that it uses. Names in its inner scopes count too. */
const namesOf = (code: string, node: SyntaxNode) => {
  const declared = new Set<string>()
  const used = new Set<string>()
  node.cursor().iterate(({ from, name, to }) => {
    if (name === "VariableDefinition" || name === "TypeDefinition") declared.add(code.slice(from, to))
    if (name === "VariableName") used.add(code.slice(from, to))
  })
  return { declared, used }
}

/** The statements of a program that stand without the kit. */
const statementsOf = (code: string): ReadonlyArray<string> => {
  const gone = new Set<string>()
  const kept: Array<string> = []
  for (const node of childrenOf(parse(code).topNode)) {
    const text = code.slice(node.from, node.to)
    const { declared, used } = namesOf(code, node)
    if (isOfKit(text) || [...used].some((name) => gone.has(name))) declared.forEach((name) => gone.add(name))
    else kept.push(text)
  }
  return kept
}

/** `program`: the text of `report.failure.program`, whose scenario's body is already as the user wrote it. */
export const complete = (code: string, program: string): string => {
  const statements = statementsOf(code)
  const [, needed = ""] = /^import \{ ([^}]*) \} from "effect"$/m.exec(program) ?? []
  const rest = program.replace(/^import \{ [^}]*? \} from "effect"\n/m, "").split("\n")
  const comments = rest.filter((line, i) => line.startsWith("//") && i < 2).slice(0, 1)
  const body = rest.slice(2).join("\n").trim()
  const imports = statements.filter((text) => text.startsWith("import"))
  const known = new Set(imports.flatMap((text) => text.match(/\w+/g) ?? []))
  const missing = needed.split(", ").filter((name) => name !== "" && !known.has(name))
  const others = withoutTypes(
    statements.filter((text) => !text.startsWith("import") && !text.startsWith("//")).join("\n\n")
  )
  return [
    [...comments, "// On the stock runtime, without the kit."].join("\n"),
    [
      ...imports.map((text) => text.replace(/\btype \w+,? ?/g, "")),
      ...(missing.length === 0 ? [] : [`import { ${missing.join(", ")} } from "effect"`])
    ].join("\n"),
    others,
    body
  ].filter((part) => part !== "").join("\n\n")
}
