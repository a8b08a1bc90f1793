/** A program's syntax, for those who change its text. */
import type { SyntaxNode, Tree } from "@lezer/common"
import { parser } from "@lezer/javascript"

const typeScript = parser.configure({ dialect: "ts" })

export const parse = (code: string): Tree => typeScript.parse(code)

export const childrenOf = (node: SyntaxNode): ReadonlyArray<SyntaxNode> => {
  const children: Array<SyntaxNode> = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) children.push(child)
  return children
}

/** A text to insert. */
export interface Insertion {
  readonly at: number
  readonly text: string
}

/** Of insertions at one place, the earlier ones come first. */
export const insert = (code: string, insertions: ReadonlyArray<Insertion>): string => {
  let text = ""
  let from = 0
  for (const one of insertions.toSorted((a, b) => a.at - b.at)) {
    text += code.slice(from, one.at) + one.text
    from = one.at
  }
  return text + code.slice(from)
}
