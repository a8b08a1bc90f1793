/** One script that V8 has compiled: turns its positions into places in the source. */
import type { Files } from "./Files.js"
import { Mapping } from "./Mapping.js"
import { attempt, type Node, once, type ParsedScript, type RawMap } from "./node.js"
import type { Source } from "./Source.js"

const arrowText = (subject: object | undefined): string | undefined => {
  if (typeof subject !== "function") return undefined
  // Not the function's own toString, which may be the program's.
  const text = Function.prototype.toString.call(subject)
  return /^(?:async\b\s*)?(?:\(|[\w$]+\s*=>)/.test(text) ? text : undefined
}

export class Script {
  private readonly sources = new Map<string, Source | undefined>()
  private readonly url: string

  constructor(
    private readonly node: Node,
    private readonly files: Files,
    private readonly parsed: ParsedScript,
    /** The lines that V8 compiled, read only when nothing better is there. */
    private readonly compiled: () => Array<string> | undefined
  ) {
    this.url = parsed.url === "" ? "<anonymous>" : parsed.url
  }

  /** `subject`: the function or the generator that is there, if it is known. */
  at(line: number, column: number, subject: object | undefined): Source | undefined {
    const key = `${line}:${column}`
    if (!this.sources.has(key)) this.sources.set(key, this.find(line, column, subject))
    return this.sources.get(key)
  }

  private find(line: number, column: number, subject: object | undefined): Source | undefined {
    const mapping = this.mapping()
    if (mapping === undefined) {
      return this.source(this.url, line, column, () =>
        // V8 counts from where the script stands in its file; what it compiled begins there.
        this.files.lines(this.url)?.[line] ?? this.compiled()?.[line - this.parsed.startLine])
    }
    const found = mapping.find(line, column, arrowText(subject))
    // The script's own line would be wrong here: tools name their output as the file it came from.
    if (found === undefined) return undefined
    const { lines, place } = found.original
    return this.source(place, found.line, found.column, () => lines()?.[found.line])
  }

  private source(place: string, line: number, column: number, text: () => string | undefined): Source {
    return {
      file: this.files.display(place),
      line: line + 1,
      // Below 0 within a wrapper that was compiled on the first line.
      column: Math.max(column, 0) + 1,
      text: text()?.trim()
    }
  }

  /** Undefined: the script has no map, or none that can be read. */
  private readonly mapping = once(() => attempt(() => this.readMapping()))

  private readMapping(): Mapping | undefined {
    const { sourceMapURL = "" } = this.parsed
    if (sourceMapURL === "") return undefined
    const inline = /^data:[^,]*?(;base64)?,/.exec(sourceMapURL)
    // A map's sources are relative to the map, and one that is inline is where its script is.
    const place = inline ? this.url : this.files.resolve(sourceMapURL, this.url)
    const json = inline ? this.decode(sourceMapURL.slice(inline[0].length), inline[1]) : this.files.text(place)
    if (json === undefined) return undefined
    // JSON that is not a map fails in the constructor or finds nothing.
    return new Mapping(this.node, this.files, JSON.parse(json) as RawMap, place)
  }

  private decode(data: string, base64: string | undefined): string {
    if (base64 !== undefined) return this.node.buffer.Buffer.from(data, "base64").toString("utf8")
    // It should be percent-encoded, and is not always.
    return attempt(() => decodeURIComponent(data)) ?? data
  }
}
