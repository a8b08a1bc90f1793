/** Paths, URLs and the text behind them. */
import { attempt, type Node } from "./node.js"

/** Splits a text at the line ends of V8 and of source maps. */
export const toLines = (text: string): Array<string> => text.split(/\r\n|[\n\r\u2028\u2029]/)

/** Reads files for source locations. A "place" is a path or a URL: scripts and maps name files both ways. */
export class Files {
  private readonly known = new Map<string, Array<string> | undefined>()

  constructor(private readonly node: Node) {}

  path(place: string): string | undefined {
    if (this.node.path.isAbsolute(place)) return this.node.path.normalize(place)
    return place.startsWith("file:") ? attempt(() => this.node.url.fileURLToPath(place)) : undefined
  }

  /** The place that `reference` means in a file at `base`. As it is, where it is relative and the base is no URL. */
  resolve(reference: string, base: string): string {
    // Maps hold bare paths more often than URLs, and a bare path may well contain a "%" or a "#".
    if (this.node.path.isAbsolute(reference)) return reference
    const { URL, pathToFileURL } = this.node.url
    const from = this.node.path.isAbsolute(base) ? pathToFileURL(base).href : base
    return attempt(() => new URL(reference, from).href) ?? reference
  }

  text(place: string): string | undefined {
    const path = this.path(place)
    return path === undefined ? undefined : attempt(() => this.node.fs.readFileSync(path, "utf8"))
  }

  lines(place: string): Array<string> | undefined {
    if (!this.known.has(place)) {
      const text = this.text(place)
      this.known.set(place, text === undefined ? undefined : toLines(text))
    }
    return this.known.get(place)
  }

  /** As a person wants to read it: short, if it is beneath the working directory. */
  display(place: string): string {
    const path = this.path(place)
    if (path === undefined) return place
    // There is none when it was deleted.
    const cwd = attempt(() => this.node.process.cwd())
    const relative = cwd === undefined ? path : this.node.path.relative(cwd, path)
    return /^\.\.(?:[\\/]|$)/.test(relative) || this.node.path.isAbsolute(relative) ? path : relative
  }
}
