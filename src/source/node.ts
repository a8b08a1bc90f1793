/**
 * The parts of Node.js that source locations need. The package is for every platform, and compiled without Node's
 * types.
 */

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

export interface Session {
  readonly connect: () => void
  readonly disconnect: () => void
  readonly on: (event: "Debugger.scriptParsed", listener: (message: { readonly params: ParsedScript }) => void) => void
  readonly post: <Method extends keyof Commands>(
    method: Method,
    params: Commands[Method]["params"],
    callback: (error: object | null, result?: Commands[Method]["result"]) => void
  ) => void
}

export interface Commands {
  readonly "Runtime.evaluate": {
    readonly params: { readonly expression: string; readonly silent: boolean }
    readonly result: { readonly result: RemoteObject; readonly exceptionDetails?: object }
  }
  readonly "Runtime.getProperties": {
    readonly params: { readonly objectId: string; readonly ownProperties: boolean }
    readonly result: RemoteProperties
  }
  readonly "Runtime.callFunctionOn": {
    readonly params: {
      readonly objectId: string
      readonly functionDeclaration: string
      readonly arguments: ReadonlyArray<{ readonly objectId: string }>
      readonly silent: boolean
    }
    readonly result: { readonly result: RemoteObject }
  }
  readonly "Runtime.queryObjects": {
    readonly params: { readonly prototypeObjectId: string }
    readonly result: { readonly objects: RemoteObject }
  }
  readonly "Runtime.releaseObject": { readonly params: { readonly objectId: string }; readonly result: object }
  readonly "Debugger.enable": { readonly params: object; readonly result: object }
  readonly "Debugger.disable": { readonly params: object; readonly result: object }
  readonly "Debugger.getScriptSource": {
    readonly params: { readonly scriptId: string }
    readonly result: { readonly scriptSource: string }
  }
}

export interface RemoteObject {
  readonly subtype?: string
  readonly objectId?: string
  readonly description?: string
  readonly value?: unknown
}

interface RemoteProperty {
  readonly name: string
  readonly value?: RemoteObject
  readonly get?: RemoteObject
  readonly set?: RemoteObject
  readonly symbol?: RemoteObject
}

export interface RemoteProperties {
  readonly result: Array<RemoteProperty>
  readonly internalProperties?: Array<RemoteProperty>
  readonly privateProperties?: Array<RemoteProperty>
}

/** Lines and columns from 0, as everywhere in V8 and in source maps. */
export interface Location {
  readonly scriptId: string
  readonly lineNumber: number
  readonly columnNumber?: number
}

export interface ParsedScript {
  readonly scriptId: string
  readonly url: string
  readonly startLine: number
  readonly sourceMapURL?: string
}

export interface RawMap {
  readonly sources?: Array<string | null>
  readonly sourcesContent?: Array<string | null>
  readonly sourceRoot?: string | null
  readonly sections?: Array<{ readonly map: RawMap }>
}

export interface SourceMap {
  readonly findEntry: (line: number, column: number) => {
    readonly generatedLine?: number
    readonly generatedColumn?: number
    readonly originalSource?: string | null
    readonly originalLine?: number
    readonly originalColumn?: number
  }
}

export type Node = ReturnType<typeof findNode> & object

/** Undefined in a browser, and in a Node.js that is too old or was built without an inspector. */
export const findNode = () => {
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

export const attempt = <A>(f: () => A): A | undefined => {
  try {
    return f()
  } catch {
    return undefined
  }
}

export const once = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}
