/**
 * Where a function stands in the program's source, and where a suspended generator waits in it.
 *
 * Neither says so itself, but V8 knows, and its inspector tells the thread it runs on, synchronously. Rejected: the
 * stack of an error made when an effect is built, which costs every effect of every run and sees no library's
 * continuation; and natives syntax, which is a flag for the whole process.
 */
import { Files, toLines } from "./Files.js"
import {
  attempt,
  type Commands,
  findNode,
  type Location,
  type Node,
  once,
  type ParsedScript,
  type RemoteObject,
  type RemoteProperties,
  type Session
} from "./node.js"
import { Script } from "./Script.js"
import type { Source } from "./Source.js"

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
  /**
   * The source of a position in a compiled script, with a stack frame's name of the script, and line and column from 1.
   * Undefined where `locate` is, and where no script is called so.
   */
  readonly position: (script: string, line: number, column: number) => Source | undefined
  /**
   * The objects and functions that a closure refers to through variables of the functions around it, but not those of
   * its module. It never throws, and is empty where `locate` knows nothing.
   */
  readonly captured: (closure: object) => ReadonlyArray<object>
  /** All objects whose prototype chains have this one, found through the heap, after a garbage collection. */
  readonly instances: (prototype: object) => ReadonlyArray<object>
  /** Disconnects from the inspector. May be called twice. */
  readonly close: () => void
}

/** How the inspector gets to know an object: it holds this holder, and reads what is in it. */
interface Holder {
  subject: object | undefined
  /** Objects that the inspector has found. */
  found: Array<unknown>
}

class InspectorLocator implements Locator {
  private readonly files: Files
  private readonly functions = new WeakMap<object, Source | undefined>()
  private readonly scripts = new Map<string, Script | undefined>()
  /** The ids of scripts, by their names. */
  private readonly names = new Map<string, string>()
  private readonly session: Session
  /** How many calls of `debugging` are under way. */
  private debuggers = 0
  private readonly holder: Holder = { subject: undefined, found: [] }
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
    this.names.clear()
    attempt(() => this.session.disconnect())
  }

  readonly locate = (subject: object): Source | undefined => {
    if (this.holderId === undefined) return undefined
    // A function stays where it is, and a generator does not.
    if (typeof subject !== "function") return attempt(() => this.find(subject))
    if (!this.functions.has(subject)) this.functions.set(subject, attempt(() => this.find(subject)))
    return this.functions.get(subject)
  }

  readonly position = (script: string, line: number, column: number): Source | undefined => {
    if (this.holderId === undefined) return undefined
    return attempt(() => {
      // The inspector notifies us of every script there is.
      if (!this.names.has(this.nameOf(script))) this.debugging(() => undefined)
      return this.scripts.get(this.names.get(this.nameOf(script)) ?? "")?.at(line - 1, column - 1, undefined)
    })
  }

  /** Stack frames have the path of a file where the inspector has its URL. */
  private nameOf(script: string): string {
    return this.files.path(script) ?? script
  }

  readonly captured = (closure: object): ReadonlyArray<object> => {
    if (this.holderId === undefined) return []
    try {
      this.inspect(closure, ({ internalProperties }) => {
        const scopes = internalProperties?.find(({ name }) => name === "[[Scopes]]")?.value?.objectId
        this.properties(scopes, ({ result }) => {
          for (const { value } of result) this.findIn(value)
        })
      })
      return this.holder.found.filter((one): one is object =>
        typeof one === "function" || (typeof one === "object" && one !== null)
      )
    } catch {
      return []
    } finally {
      this.holder.found = []
    }
  }

  readonly instances = (prototype: object): ReadonlyArray<object> => {
    if (this.holderId === undefined) return []
    this.holder.subject = prototype
    try {
      this.properties(this.holderId, ({ result }) => {
        const prototypeObjectId = result.find(({ name }) => name === "subject")?.value?.objectId
        if (prototypeObjectId === undefined) return
        const { objects: { objectId } } = this.post("Runtime.queryObjects", { prototypeObjectId })
        if (objectId === undefined) return
        this.bring(objectId)
        this.post("Runtime.releaseObject", { objectId })
      })
      // The heap has the prototypes of subclasses, too.
      return (this.holder.found.flat() as ReadonlyArray<object>).filter((found) => !Object.hasOwn(found, "constructor"))
    } catch {
      return []
    } finally {
      this.holder.subject = undefined
      this.holder.found = []
    }
  }

  private bring(objectId: string): void {
    this.post("Runtime.callFunctionOn", {
      objectId: this.holderId ?? "",
      functionDeclaration: "function(value) { this.found.push(value) }",
      arguments: [{ objectId }],
      silent: true
    })
  }

  /** Brings the values of a scope's variables here, but for those of a module or a script. */
  private findIn(scope: RemoteObject | undefined): void {
    if (scope?.objectId === undefined || !/^(?:Closure|Block|Catch|With)/.test(scope.description ?? "")) return
    this.properties(scope.objectId, ({ result }) => {
      for (const { value } of result) {
        // Whatever is asked of a proxy may run code.
        if (value?.objectId !== undefined && value.subtype !== "proxy") this.bring(value.objectId)
      }
    })
  }

  private find(subject: object): Source | undefined {
    const location = this.location(subject)
    return location && this.script(location.scriptId)?.at(location.lineNumber, location.columnNumber ?? 0, subject)
  }

  /**
   * Evaluates code once for all subjects, since an evaluation is a script, which every other debugger is notified of.
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
    return this.inspect(subject, ({ internalProperties }) => {
      const property = internalProperties?.find(({ name }) =>
        name === "[[FunctionLocation]]" || name === "[[GeneratorLocation]]"
      )
      // By the protocol, this is the value of both.
      return property?.value?.value as Location | undefined
    })
  }

  /** The inspector's own view of an object. */
  private inspect<A>(subject: object, use: (properties: RemoteProperties) => A): A | undefined {
    this.holder.subject = subject
    try {
      return this.properties(
        this.holderId,
        ({ result }) => this.properties(result.find(({ name }) => name === "subject")?.value?.objectId, use)
      )
    } finally {
      this.holder.subject = undefined
    }
  }

  /**
   * The inspector keeps every object that it has named from being collected. So the objects named here are released.
   */
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
      // The inspector notifies us of every script there is.
      this.debugging(() => undefined)
      // A script that is still missing now would be missing the next time, too.
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
    this.names.set(this.nameOf(parsed.url), scriptId)
  }

  /**
   * Never while the program runs: an enabled debugger would pause at a `debugger` statement, with nobody to resume it,
   * and it takes V8's compilation cache away. Calls may be nested: the watchdog's call may come in the midst of one.
   */
  private debugging<A>(use: () => A): A {
    this.debuggers++
    try {
      if (this.debuggers === 1) this.post("Debugger.enable", {})
      return use()
    } finally {
      if (--this.debuggers === 0) this.post("Debugger.disable", {})
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

const knowsNothing: Locator = {
  locate: () => undefined,
  position: () => undefined,
  captured: () => [],
  instances: () => [],
  close: () => {}
}

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
