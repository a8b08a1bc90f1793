/**
 * Where a function stands in the program's source, and where a suspended generator waits in it.
 *
 * Neither says so itself, but V8 knows, and its inspector tells the thread it runs on, synchronously. Rejected: the stack
 * of an error made when an effect is built, which costs every effect of every run and sees no library's continuation;
 * and natives syntax, which is a flag for the whole process.
 */
import type { Source } from "./Trace.js"

/** Finds the source lines of one thread's functions, until it is closed. */
export interface Locator {
  /**
   * The line of a function's parameter list or `function` keyword, or of the `yield` at which a generator is suspended.
   * A generator that has not started, is running or has ended is where its function is.
   *
   * It never throws. Undefined: the subject is native, bound or a proxy, its script is code that a tool generated and
   * its source map says so, the locator is closed, or there is no inspector here.
   */
  readonly locate: (subject: object) => Source | undefined
  /** Disconnects from the inspector. May be called twice. */
  readonly close: () => void
}

// The shapes of what is used of Node.js. The package is for every platform, and is compiled without Node's types.

interface Builtins {
  readonly "node:inspector": { readonly Session: new() => Session }
  readonly "node:module": { readonly SourceMap: new(map: RawMap) => SourceMap }
  readonly "node:fs": { readonly readFileSync: (path: string, encoding: "utf8") => string }
  readonly "node:path": {
    readonly isAbsolute: (path: string) => boolean
    readonly normalize: (path: string) => string
    readonly relative: (from: string, to: string) => string
  }
  readonly "node:url": {
    readonly URL: new(url: string, base?: string) => { readonly href: string }
    readonly fileURLToPath: (url: string) => string
    readonly pathToFileURL: (path: string) => { readonly href: string }
  }
  readonly "node:buffer": {
    readonly Buffer: {
      readonly from: (text: string, encoding: "base64") => { readonly toString: (encoding: "utf8") => string }
    }
  }
}

interface Process {
  readonly cwd: () => string
  readonly getBuiltinModule?: <Name extends keyof Builtins>(name: Name) => Builtins[Name] | undefined
}

interface Session {
  readonly connect: () => void
  readonly disconnect: () => void
  readonly on: (event: "Debugger.scriptParsed", listener: (message: { readonly params: ParsedScript }) => void) => void
  readonly post: <Method extends keyof Commands>(
    method: Method,
    params: Commands[Method]["params"],
    callback: (error: object | null, result?: Commands[Method]["result"]) => void
  ) => void
}

interface Commands {
  readonly "Runtime.evaluate": {
    readonly params: { readonly expression: string; readonly silent: boolean }
    readonly result: { readonly result: RemoteObject; readonly exceptionDetails?: object }
  }
  readonly "Runtime.getProperties": {
    readonly params: { readonly objectId: string; readonly ownProperties: boolean }
    readonly result: RemoteProperties
  }
  readonly "Runtime.releaseObject": { readonly params: { readonly objectId: string }; readonly result: object }
  readonly "Debugger.enable": { readonly params: object; readonly result: object }
  readonly "Debugger.disable": { readonly params: object; readonly result: object }
  readonly "Debugger.getScriptSource": {
    readonly params: { readonly scriptId: string }
    readonly result: { readonly scriptSource: string }
  }
}

interface RemoteObject {
  readonly objectId?: string
  readonly value?: unknown
}

interface RemoteProperty {
  readonly name: string
  readonly value?: RemoteObject
  readonly get?: RemoteObject
  readonly set?: RemoteObject
  readonly symbol?: RemoteObject
}

interface RemoteProperties {
  readonly result: Array<RemoteProperty>
  readonly internalProperties?: Array<RemoteProperty>
  readonly privateProperties?: Array<RemoteProperty>
}

/** Lines and columns from 0, as everywhere in V8 and in source maps. */
interface Location {
  readonly scriptId: string
  readonly lineNumber: number
  readonly columnNumber?: number
}

interface ParsedScript {
  readonly scriptId: string
  readonly url: string
  readonly startLine: number
  readonly sourceMapURL?: string
}

interface RawMap {
  readonly sources?: Array<string | null>
  readonly sourcesContent?: Array<string | null>
  readonly sourceRoot?: string | null
  readonly sections?: Array<{ readonly map: RawMap }>
}

interface SourceMap {
  readonly findEntry: (line: number, column: number) => {
    readonly generatedLine?: number
    readonly generatedColumn?: number
    readonly originalSource?: string | null
    readonly originalLine?: number
    readonly originalColumn?: number
  }
}

type Node = ReturnType<typeof findNode> & object

/** Undefined in a browser, and in a Node.js that is too old or was built without an inspector. */
const findNode = () => {
  // The global's type depends on who compiles this, with Node's types or without.
  const { process } = globalThis as unknown as { readonly process?: Process }
  const inspector = process?.getBuiltinModule?.("node:inspector")
  const module = process?.getBuiltinModule?.("node:module")
  const fs = process?.getBuiltinModule?.("node:fs")
  const path = process?.getBuiltinModule?.("node:path")
  const url = process?.getBuiltinModule?.("node:url")
  const buffer = process?.getBuiltinModule?.("node:buffer")
  return process && inspector && module && fs && path && url && buffer
    ? { process, inspector, module, fs, path, url, buffer }
    : undefined
}

const attempt = <A>(f: () => A): A | undefined => {
  try {
    return f()
  } catch {
    return undefined
  }
}

const once = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

/** What ends a line for V8 and for source maps. */
const toLines = (text: string): Array<string> => text.split(/\r\n|[\n\r\u2028\u2029]/)

/** Paths, URLs and the text behind them. A "place" is either: scripts and maps name files both ways. */
class Files {
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
class Mapping {
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

  /** What is mapped at a position of the script, or last before it. */
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
    // What is mapped last on a line before is another statement.
    const mapped = before?.sameLine ? before : undefined
    if (arrow === undefined) return mapped
    if (mapped?.generatedColumn === column) return parameterList(mapped)
    const inside = this.nextIn(line, column, arrow)
    if (inside === undefined) return mapped
    return /^(?:async\s*)?\(\s*\)/.test(arrow) ? emptyParameterList(before, inside) : parameterList(inside)
  }

  /**
   * Oxc, which vitest transforms with, maps no arrow function itself: what is mapped before it is the call to which it is
   * an argument, maybe lines above. But it maps the first parameter, or else the body, and thence the head is in sight.
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

const arrowText = (subject: object): string | undefined => {
  if (typeof subject !== "function") return undefined
  // Not the function's own toString, which may be the program's.
  const text = Function.prototype.toString.call(subject)
  return /^(?:async\b\s*)?(?:\(|[\w$]+\s*=>)/.test(text) ? text : undefined
}

class Script {
  private readonly sources = new Map<string, Source | undefined>()
  private readonly url: string

  constructor(
    private readonly node: Node,
    private readonly files: Files,
    private readonly parsed: ParsedScript,
    /** What V8 compiled, read only when nothing better is there. */
    private readonly compiled: () => Array<string> | undefined
  ) {
    this.url = parsed.url === "" ? "<anonymous>" : parsed.url
  }

  at(line: number, column: number, subject: object): Source | undefined {
    const key = `${line}:${column}`
    if (!this.sources.has(key)) this.sources.set(key, this.find(line, column, subject))
    return this.sources.get(key)
  }

  private find(line: number, column: number, subject: object): Source | undefined {
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
    // What is not a map fails in the constructor or finds nothing.
    return new Mapping(this.node, this.files, JSON.parse(json) as RawMap, place)
  }

  private decode(data: string, base64: string | undefined): string {
    if (base64 !== undefined) return this.node.buffer.Buffer.from(data, "base64").toString("utf8")
    // It should be percent-encoded, and is not always.
    return attempt(() => decodeURIComponent(data)) ?? data
  }
}

/** How the inspector gets to know an object: it holds this holder, and reads what is in it. */
interface Holder {
  subject: object | undefined
}

class InspectorLocator implements Locator {
  private readonly files: Files
  private readonly functions = new WeakMap<object, Source | undefined>()
  private readonly scripts = new Map<string, Script | undefined>()
  private readonly session: Session
  private readonly holder: Holder = { subject: undefined }
  /** The inspector's name of the holder; undefined once closed. */
  private holderId: string | undefined

  /** Fails where a session does not connect, or does not answer synchronously. */
  constructor(private readonly node: Node) {
    this.files = new Files(node)
    this.session = new node.inspector.Session()
    this.session.connect()
    try {
      this.session.on("Debugger.scriptParsed", ({ params }) => this.add(params))
      this.holderId = this.handOver()
    } catch (error) {
      this.session.disconnect()
      throw error
    }
  }

  readonly close = (): void => {
    if (this.holderId === undefined) return
    this.holderId = undefined
    this.scripts.clear()
    attempt(() => this.session.disconnect())
  }

  readonly locate = (subject: object): Source | undefined => {
    if (this.holderId === undefined) return undefined
    // A function stays where it is, and a generator does not.
    if (typeof subject !== "function") return attempt(() => this.find(subject))
    if (!this.functions.has(subject)) this.functions.set(subject, attempt(() => this.find(subject)))
    return this.functions.get(subject)
  }

  private find(subject: object): Source | undefined {
    const location = this.location(subject)
    return location && this.script(location.scriptId)?.at(location.lineNumber, location.columnNumber ?? 0, subject)
  }

  /**
   * Evaluates code once for all subjects, since an evaluation is a script, which every other debugger is told of.
   *
   * The meeting place is a module of Node's and not `globalThis`, which is another one in a vm context, where vitest's
   * `vmThreads` runs its tests: the inspector evaluates in the thread's main context.
   */
  private handOver(): string {
    const name = `~sluice/source/${Math.random()}`
    const meeting: object = this.node.inspector
    try {
      Object.defineProperty(meeting, name, { value: this.holder, configurable: true })
      const { objectId } = this.post("Runtime.evaluate", {
        expression: `process.getBuiltinModule("node:inspector")[${JSON.stringify(name)}]`,
        silent: true
      }).result
      if (objectId === undefined) throw new Error("source: the inspector does not see the holder")
      return objectId
    } finally {
      Reflect.deleteProperty(meeting, name)
    }
  }

  private location(subject: object): Location | undefined {
    this.holder.subject = subject
    try {
      return this.properties(
        this.holderId,
        ({ result }) =>
          this.properties(result.find(({ name }) => name === "subject")?.value?.objectId, ({ internalProperties }) => {
            const property = internalProperties?.find(({ name }) =>
              name === "[[FunctionLocation]]" || name === "[[GeneratorLocation]]"
            )
            // By the protocol, this is the value of both.
            return property?.value?.value as Location | undefined
          })
      )
    } finally {
      this.holder.subject = undefined
    }
  }

  /** The inspector keeps all that it has named from being collected. So whatever it names here, it is told to forget. */
  private properties<A>(objectId: string | undefined, use: (properties: RemoteProperties) => A): A | undefined {
    if (objectId === undefined) return undefined
    const properties = this.post("Runtime.getProperties", { objectId, ownProperties: true })
    try {
      return use(properties)
    } finally {
      const { internalProperties = [], privateProperties = [], result } = properties
      for (const { get, set, symbol, value } of [...result, ...internalProperties, ...privateProperties]) {
        for (const remote of [get, set, symbol, value]) {
          if (remote?.objectId !== undefined) this.post("Runtime.releaseObject", { objectId: remote.objectId })
        }
      }
    }
  }

  private script(id: string): Script | undefined {
    if (!this.scripts.has(id)) {
      // It tells of every script there is.
      this.debugging(() => undefined)
      // It may not have told of this one, and would not the next time.
      if (!this.scripts.has(id)) this.scripts.set(id, undefined)
    }
    return this.scripts.get(id)
  }

  private add(parsed: ParsedScript): void {
    const { scriptId } = parsed
    if (this.scripts.has(scriptId)) return
    const compiled = once(() =>
      attempt(() => toLines(this.debugging(() => this.post("Debugger.getScriptSource", { scriptId }).scriptSource)))
    )
    this.scripts.set(scriptId, new Script(this.node, this.files, parsed, compiled))
  }

  /**
   * Never while the program runs: an enabled debugger would pause at a `debugger` statement, with nobody to resume it,
   * and it takes V8's compilation cache away.
   */
  private debugging<A>(use: () => A): A {
    this.post("Debugger.enable", {})
    try {
      return use()
    } finally {
      this.post("Debugger.disable", {})
    }
  }

  private post<Method extends keyof Commands>(
    method: Method,
    params: Commands[Method]["params"]
  ): Commands[Method]["result"] {
    let answer: { readonly error: object | null; readonly result: Commands[Method]["result"] | undefined } | undefined
    this.session.post(method, params, (error, result) => {
      answer = { error, result }
    })
    if (answer?.result === undefined) throw new Error(`source: ${method} failed`, { cause: answer?.error })
    return answer.result
  }
}

const knowsNothing: Locator = { locate: () => undefined, close: () => {} }

/**
 * Connects to this thread's inspector. It prints nothing, pauses nothing, and gets along with other debuggers.
 *
 * Where there is no inspector to connect to (a browser, Bun, Node.js under a permission model), it gives a locator that
 * knows nothing.
 */
export const makeLocator = (): Locator =>
  attempt(() => {
    const node = findNode()
    return node && new InspectorLocator(node)
  }) ?? knowsNothing
