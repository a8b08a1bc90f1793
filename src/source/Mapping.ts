/** A position of a script, as its source map gives it in the original file. */
import { type Files, toLines } from "./Files.js"
import { type Node, once, type RawMap, type SourceMap } from "./node.js"

interface Original {
  readonly place: string
  readonly lines: () => Array<string> | undefined
}

interface Position {
  readonly original: Original
  readonly line: number
  readonly column: number
}

interface Entry extends Position {
  /** Whether it is on the line of the script that was asked for. */
  readonly sameLine: boolean
  readonly generatedColumn: number
}

/** An arrow function that takes nothing, up to its arrow or its result's type. */
const emptyHead = /\(\s*\)\s*(?::|=>)/g

/** A script's source map, with its sources' names resolved. */
export class Mapping {
  private readonly map: SourceMap
  private readonly originals = new Map<string, Original>()

  constructor(node: Node, private readonly files: Files, raw: RawMap, base: string) {
    this.map = new node.module.SourceMap(raw)
    this.add(raw, base)
  }

  private add(raw: RawMap, base: string): void {
    const root = raw.sourceRoot ? raw.sourceRoot.replace(/\/?$/, "/") : ""
    for (const [index, source] of (raw.sources ?? []).entries()) {
      if (source === null || this.originals.has(source)) continue
      const whole = /^(?:[\w+.-]+:|[\\/])/.test(source) ? source : root + source
      const place = this.files.resolve(whole, base)
      const content = raw.sourcesContent?.[index] ?? undefined
      const lines = once(() => content === undefined ? this.files.lines(place) : toLines(content))
      this.originals.set(source, { place, lines })
    }
    for (const section of raw.sections ?? []) this.add(section.map, base)
  }

  /** The mapping at a position of the script, or the last one before it. */
  private entry(line: number, column: number): Entry | undefined {
    const { generatedColumn = 0, generatedLine, originalColumn = 0, originalLine, originalSource } = this.map.findEntry(
      line,
      column
    )
    const original = this.originals.get(originalSource ?? "")
    if (original === undefined || originalLine === undefined) return undefined
    return { original, line: originalLine, column: originalColumn, sameLine: generatedLine === line, generatedColumn }
  }

  /** `arrow` is the script's text from there on, if an arrow function is there. */
  find(line: number, column: number, arrow: string | undefined): Position | undefined {
    const before = this.entry(line, column)
    // The last mapping on an earlier line belongs to another statement.
    const mapped = before?.sameLine ? before : undefined
    if (arrow === undefined) return mapped
    if (mapped?.generatedColumn === column) return parameterList(mapped)
    const inside = this.nextIn(line, column, arrow)
    if (inside === undefined) return mapped
    return /^(?:async\s*)?\(\s*\)/.test(arrow) ? emptyParameterList(before, inside) : parameterList(inside)
  }

  /**
   * Oxc, which vitest transforms with, maps no arrow function itself: what is mapped before it is the call to which it
   * is an argument, maybe lines above. But it maps the first parameter, or else the body, and thence the head is in
   * sight.
   */
  private nextIn(line: number, column: number, arrow: string): Entry | undefined {
    // If nothing is mapped as near as that, it was not Oxc that made the map.
    for (let offset = 1; offset < Math.min(arrow.length, 200); offset++) {
      const entry = this.entry(line, column + offset)
      if (entry?.sameLine && entry.generatedColumn > column) return entry
    }
    return undefined
  }
}

/** The text from one position up to another. */
const textBetween = (from: Position, to: Position): string => {
  const lines = from.original.lines()?.slice(from.line, to.line + 1) ?? []
  // Cut at the end first: both may be on one line.
  lines.push(lines.pop()?.slice(0, to.column) ?? "")
  return lines.join("\n").slice(from.column)
}

const advance = (from: Position, text: string): Position => {
  const above = text.split("\n")
  const last = above.at(-1)?.length ?? 0
  return {
    original: from.original,
    line: from.line + above.length - 1,
    column: above.length === 1 ? from.column + last : last
  }
}

/** An arrow function that takes nothing, whose body is at `to`: the last head before that, its types in between. */
const emptyParameterList = (before: Position | undefined, to: Position): Position => {
  const from = before?.original === to.original && before.line <= to.line ? before : { ...to, column: 0 }
  const text = textBetween(from, to)
  const head = [...text.matchAll(emptyHead)].at(-1)
  return head === undefined ? to : advance(from, text.slice(0, head.index))
}

/** An arrow function that is mapped at its first parameter, or at its beginning. */
const parameterList = (to: Position): Position => {
  const line = to.original.lines()?.[to.line]?.slice(to.column)
  if (line === undefined || /^(?:[(<]|async\b|[\w$]+\s*=>)/.test(line)) return to
  // Its parenthesis may be on a line above, with nothing but comments and what begins a pattern in between.
  const from = { ...to, line: Math.max(0, to.line - 10), column: 0 }
  const text = textBetween(from, to)
  const index = text.search(/\((?:[\s[{.]|\/\*[^*]*\*\/|\/\/[^\n]*\n)*$/)
  return index < 0 ? to : advance(from, text.slice(0, index))
}
