import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import * as inspector from "node:inspector"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as vm from "node:vm"
import ts from "typescript"
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest"
import { type Locator, makeLocator } from "../../src/source/Locator.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const here = path.join("test", "testing", "source.test.ts")

const lineOf = (text: string, marker: string): { readonly line: number; readonly text: string } => {
  const lines = text.split("\n")
  const index = lines.findIndex((line) => line.endsWith(`// ${marker}`) || line.includes(`/* ${marker} */`))
  return { line: index + 1, text: lines[index]!.trim() }
}

const own = readFileSync(path.join(root, here), "utf8")

/** Where this file has the marker, as a comment. */
const at = (marker: string): unknown => ({
  file: here,
  ...lineOf(own, marker),
  column: expect.any(Number) as number
})

let locator: Locator
beforeAll(() => {
  locator = makeLocator()
})
afterAll(() => locator.close())

let folder: string
beforeAll(() => {
  // With a space, which a URL writes otherwise. The real path, since temporary folders are symbolic links at times.
  folder = path.join(realpathSync(mkdtempSync(path.join(tmpdir(), "sluice-source-"))), "a folder")
  mkdirSync(folder)
})
afterAll(() => rmSync(path.dirname(folder), { recursive: true }))

interface Shape {
  readonly width: number
}

class Square {
  constructor(readonly shape: Shape) {}

  area(this: void, scale: number): number { // method
    return scale
  }

  static async *sides(this: void): AsyncGenerator<number> { // async generator method
    yield await Promise.resolve(1)
  }
}

/** A body as `Effect.gen` runs it, suspended at its `steps`-th `yield*`. */
const suspended = (
  body: () => Generator<Effect.Effect<unknown>, unknown, never>,
  steps: number
): object => {
  const generator = body()
  for (let i = 0; i < steps; i++) generator.next()
  return generator
}

describe("functions of this file", () => {
  test("an arrow function", () => {
    expect(locator.locate(() => 1)).toEqual(at("arrow")) // arrow
  })

  // Oxc, with which vitest transforms this, maps calls, parameters and bodies, but no arrow function itself.
  test("arrow functions that begin on another line than the call around them, or end there", () => {
    const functions: Array<object> = []
    const sync = <F extends object>(f: F): F => {
      functions.push(f)
      return f
    }
    const wrapped = { sync }
    void Effect.void.pipe(
      Effect.andThen(() => Effect.void),
      Effect.andThen(Effect.sync(
        sync(
          (): Shape => ({ // typed result
            width: 1
          })
        )
      ))
    )
    sync(
      () => { // block
        functions.splice(0)
      }
    )
    // Long enough for the formatter to leave the body on its own line.
    wrapped.sync(/* body below */ () =>
      functions.filter((f) => typeof f === "function" && f.length > 1000).map((f) => [f, f]).slice(1, 2).length
    )
    wrapped.sync(/* body below a type */ (): Array<() => void> =>
      functions.filter((f) => typeof f === "function" && f.length > 1000).map((f) => [f, f]).map(() => () => {})
    )
    wrapped.sync(/* parameters */ (a: number, b: number): number =>
      functions.filter((f) => typeof f === "function" && f.length > a + b).map((f) => [f, f]).slice(1, 2).length
    )
    wrapped.sync(
      async () => { // async arrow
        await Promise.resolve()
      }
    )
    vi.fn(sync(
      /* curried */ (): () => number => () =>
        functions.filter((f) => typeof f === "function" && f.length > 1000).map((f) => [f, f]).slice(1, 2).length
    ))
    functions.push((functions.at(-1) as () => object)())
    wrapped.sync(
      ({ width }: Shape): number => { // pattern
        return width
      }
    )
    wrapped.sync(
      async ( // parameters below
        /** The first. */
        { width }: Shape, // and
        scale: number
      ): Promise<number> => await Promise.resolve(width * scale)
    )
    wrapped.sync(
      async <A>(a: A): Promise<A> => { // type parameter
        return await Promise.resolve(a)
      }
    )
    wrapped.sync(
      async function*() { // async generator function
        yield await Promise.resolve(1)
      }
    )
    expect(functions.map((f) => locator.locate(f))).toEqual([
      "typed result",
      "block",
      "body below",
      "body below a type",
      "parameters",
      "async arrow",
      "curried",
      "curried",
      "pattern",
      "parameters below",
      "type parameter",
      "async generator function"
    ].map(at))
  })

  test("a function expression, an async one and a declaration", () => {
    const expression = function(a: number): number { // function expression
      return a
    }
    const asynchronous = async function named<A>(a: A): Promise<A> { // async function
      return await Promise.resolve(a)
    }
    function declaration(a: number): number { // declaration
      return a
    }
    expect(locator.locate(expression)).toEqual(at("function expression"))
    expect(locator.locate(asynchronous)).toEqual(at("async function"))
    expect(locator.locate(declaration)).toEqual(at("declaration"))
  })

  test("methods, and functions with properties that must not be read", () => {
    expect(locator.locate(new Square({ width: 1 }).area)).toEqual(at("method"))
    expect(locator.locate(Square.sides)).toEqual(at("async generator method"))
    let reads = 0
    const watched = Object.defineProperty(() => 1, "name", { get: () => ++reads }) // watched
    expect(locator.locate(watched)).toEqual(at("watched"))
    expect(reads).toBe(0)
  })

  test("the same function again, and another function of the same line", () => {
    const twins = [1, 2].map((n) => () => n) // twins
    expect(locator.locate(twins[0]!)).toEqual(at("twins"))
    expect(locator.locate(twins[0]!)).toBe(locator.locate(twins[1]!))
  })

  test("the line agrees with a stack trace's", () => {
    const [thunk, stack] = [() => 1, new Error().stack!]
    const [, line] = /source\.test\.ts:(\d+):\d+/.exec(stack)!
    expect(locator.locate(thunk)?.line).toBe(Number(line))
  })
})

describe("generators of this file", () => {
  const body = function*() { // body
    const first: number = yield* Effect.succeed(1) // first yield
    const second: number = // not the yield's line
      yield* Effect.succeed(first).pipe( // second yield
        Effect.map((n) => n + 1)
      )
    return first + second
  }

  test("one that is suspended is at its yield", () => {
    expect(locator.locate(suspended(body, 1))).toEqual(at("first yield"))
    const generator = body()
    generator.next()
    generator.next(1)
    expect(locator.locate(generator)).toEqual(at("second yield"))
  })

  test("one that moves on is found where it has got to", () => {
    const generator = body()
    expect(locator.locate(generator)).toEqual(at("body"))
    generator.next()
    expect(locator.locate(generator)).toEqual(at("first yield"))
    generator.next(1)
    expect(locator.locate(generator)).toEqual(at("second yield"))
    generator.next(1)
    expect(locator.locate(generator)).toEqual(at("body"))
  })

  test("one that loops and catches", () => {
    const looping = function*() {
      for (const n of [1, 2]) {
        try {
          yield* Effect.succeed(n)
        } finally {
          yield* Effect.sync(() => n) // within finally
        }
      }
    }
    expect(locator.locate(suspended(looping, 2))).toEqual(at("within finally"))
    expect(locator.locate(suspended(looping, 4))).toEqual(at("within finally"))
  })
})

test("a value without a source is undefined", () => {
  expect(locator.locate(Math.max)).toBeUndefined()
  expect(locator.locate((() => 1).bind(undefined))).toBeUndefined()
  expect(locator.locate({})).toBeUndefined()
  const forbidden = () => {
    throw new Error("a trap ran")
  }
  const traps = { get: forbidden, getPrototypeOf: forbidden, ownKeys: forbidden, getOwnPropertyDescriptor: forbidden }
  expect(locator.locate(new Proxy(() => 1, traps))).toBeUndefined()
})

test("a library's function is found through the map next to its script", () => {
  const source = locator.locate(Effect.acquireRelease)
  expect(source?.file).toBe(path.join("node_modules", "effect", "src", "internal", "effect.ts"))
  expect(source?.text).toContain("acquireRelease")
})

describe("source maps", () => {
  // Line 3 of the original is line 2 of the script, and the script's line 3 is mapped to nothing.
  const map = { version: 3, names: [], mappings: ";AAEA" }
  const original = "first\nsecond\n  third\n"
  const code = "[\n() => 1,\n() => 2]"

  const load = (name: string, sourceMappingURL: string): Array<() => number> =>
    vm.runInThisContext(
      // Not in one piece, which a tool that reads this file would take for this file's map.
      `${code}\n//# sourceMappingURL=${sourceMappingURL}`,
      { filename: name }
    ) as Array<() => number>

  const base64 = (raw: object) =>
    `data:application/json;charset=utf-8;base64,${Buffer.from(JSON.stringify(raw)).toString("base64")}`

  test("an inline map in base64, with the source's text; what it does not map is undefined", () => {
    const raw = { ...map, sources: ["original.ts"], sourcesContent: [original] }
    const functions = load(path.join(folder, "base64.js"), base64(raw))
    const file = path.join(folder, "original.ts")
    expect(locator.locate(functions[0]!)).toEqual({ file, line: 3, column: 1, text: "third" })
    expect(locator.locate(functions[1]!)).toBeUndefined()
  })

  test("an inline map in JSON, encoded, with a source root and a source that is only in its file", () => {
    mkdirSync(path.join(folder, "src"))
    writeFileSync(path.join(folder, "src", "original.ts"), original)
    const raw = { ...map, sources: ["./original.ts"], sourceRoot: "../src", sourcesContent: [null] }
    const url = pathToFileURL(path.join(folder, "dist", "json.js")).href
    const file = path.join(folder, "src", "original.ts")
    expect(locator.locate(load(url, `data:application/json,${encodeURIComponent(JSON.stringify(raw))}`)[0]!))
      .toEqual({ file, line: 3, column: 1, text: "third" })
  })

  test("an inline map in JSON as it is", () => {
    const raw = JSON.stringify({ ...map, sources: ["original.ts"], sourcesContent: ["\n\n100%\n"] })
    const file = path.join(folder, "original.ts")
    expect(locator.locate(load(path.join(folder, "raw.js"), `data:application/json,${raw}`)[0]!))
      .toEqual({ file, line: 3, column: 1, text: "100%" })
  })

  test("a map of sections, in a file next to the script", () => {
    const section = { ...map, sources: ["webpack://app/original.ts"], sourcesContent: [original] }
    writeFileSync(
      path.join(folder, "sections.js.map"),
      JSON.stringify({ version: 3, sections: [{ offset: { line: 0, column: 0 }, map: section }] })
    )
    const functions = load(pathToFileURL(path.join(folder, "sections.js")).href, "sections.js.map")
    expect(locator.locate(functions[0]!))
      .toEqual({ file: "webpack://app/original.ts", line: 3, column: 1, text: "third" })
  })

  test("a map that cannot be read: the script itself, its text from V8", () => {
    for (const [index, url] of ["missing.js.map", "data:application/json;base64,e30=x", "data:,nonsense"].entries()) {
      const file = path.join(folder, `unmapped${index}.js`)
      expect(locator.locate(load(file, url)[0]!)).toEqual({ file, line: 2, column: 1, text: "() => 1," })
    }
  })

  test("a script that starts further down in its file", () => {
    const options = { filename: "embedded", lineOffset: 10, columnOffset: 3 }
    const functions = vm.runInThisContext(code, options) as Array<() => number>
    expect(locator.locate(functions[0]!)).toEqual({ file: "embedded", line: 12, column: 1, text: "() => 1," })
  })
})

describe("the program does not notice", () => {
  test("no callback of the program runs meanwhile", async () => {
    const ran: Array<string> = []
    // From each kind of turn, since each ends in its own way.
    const turns: Array<(turn: () => void) => void> = [
      (turn) => turn(),
      (turn) => void Promise.resolve().then(turn),
      (turn) => process.nextTick(turn),
      setImmediate,
      (turn) => void setTimeout(turn, 0)
    ]
    for (const take of turns) {
      await new Promise<void>((resolve) =>
        take(() => {
          queueMicrotask(() => ran.push("microtask"))
          process.nextTick(() => ran.push("tick"))
          const another = makeLocator()
          expect(another.locate(() => 1)).toBeDefined()
          another.close()
          expect(ran).toEqual([])
          setImmediate(() => {
            expect(ran.splice(0)).toHaveLength(2)
            resolve()
          })
        })
      )
    }
  })

  test("another debugger is notified of no script and no pause, and goes on", () => {
    const told: Array<string> = []
    const other = new inspector.Session()
    other.connect()
    try {
      other.post("Debugger.enable")
      const another = makeLocator()
      expect(another.locate(() => 0)).toBeDefined()
      other.on("inspectorNotification", ({ method }) => told.push(method))
      for (let i = 0; i < 10; i++) expect(another.locate(() => i)).toEqual(at("beside a debugger")) // beside a debugger
      another.close()
      expect(told).toEqual([])
      vm.runInThisContext("1", { filename: "heard" })
      expect(told).toEqual(["Debugger.scriptParsed"])
    } finally {
      other.disconnect()
    }
  })

  test("a debugger statement does not pause while a locator is open", () => {
    expect(locator.locate(() => 1)).toBeDefined()
    // It would never return: nobody resumes it.
    // eslint-disable-next-line no-debugger
    debugger
  })

  test("nothing is left on the meeting place", () => {
    const before = Reflect.ownKeys(process.getBuiltinModule("node:inspector"))
    makeLocator().close()
    expect(Reflect.ownKeys(process.getBuiltinModule("node:inspector"))).toEqual(before)
  })
})

test("once closed it locates nothing; closing twice is nothing", () => {
  const another = makeLocator()
  const known = () => 1
  expect(another.locate(known)).toBeDefined()
  another.close()
  another.close()
  expect(another.locate(known)).toBeUndefined()
  expect(another.locate(() => 2)).toBeUndefined()
  expect(locator.locate(known)).toBeDefined()
})

describe("where there is no inspector, it knows nothing and does not throw", () => {
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })

  const knowsNothing = () => {
    const none = makeLocator()
    expect(none.locate(() => 1)).toBeUndefined()
    none.close()
  }

  test("no process", () => {
    vi.stubGlobal("process", undefined)
    knowsNothing()
  })

  test("no builtin modules, or no inspector among them", () => {
    const spy = vi.spyOn(process, "getBuiltinModule")
    spy.mockReturnValue(undefined)
    knowsNothing()
    spy.mockImplementation(() => {
      throw new Error("ERR_INSPECTOR_NOT_AVAILABLE")
    })
    knowsNothing()
  })

  test("a session that does not connect", () => {
    vi.spyOn(inspector.Session.prototype, "connect").mockImplementation(() => {
      throw new Error("ERR_ACCESS_DENIED")
    })
    knowsNothing()
  })

  test("a session that responds later, or with errors", () => {
    const disconnect = vi.spyOn(inspector.Session.prototype, "disconnect")
    const post = vi.spyOn(inspector.Session.prototype, "post")
    post.mockImplementation(() => {})
    knowsNothing()
    post.mockImplementation((...args: Array<unknown>) => (args.at(-1) as (error: object) => void)({ code: -1 }))
    knowsNothing()
    expect(disconnect).toHaveBeenCalledTimes(2)
  })
})

describe("other processes", () => {
  const program = (locatorModule: string): string => `
import { isMainThread, parentPort, Worker } from "node:worker_threads"
import { makeLocator } from ${JSON.stringify(locatorModule)}

interface Removed {
  readonly byTheCompiler: true
}

const body = function*(): Generator<number, void, Removed> {
  yield 1
  const removed: Removed =
    yield 2 // generator
  void removed
}
const generator = body()
generator.next()
generator.next()
const locator = makeLocator()
const found = [
  locator.locate(<A>(a: A): A => a), // arrow
  locator.locate({
    method(): void {} // method
  }.method),
  locator.locate(generator)
]
// Neither the session nor the locator may keep what they have seen.
let weak: WeakRef<() => void>
const forget = (f: () => void): void => {
  weak = new WeakRef(f)
  locator.locate(f)
}
forget(() => {})
setTimeout(() => {
  globalThis.gc?.()
  const result = { found, kept: globalThis.gc !== undefined && weak.deref() !== undefined }
  if (isMainThread) console.log(JSON.stringify(result))
  else parentPort?.postMessage(result)
})
if (isMainThread) new Worker(new URL(import.meta.url)).on("message", (result) => console.log(JSON.stringify(result)))
`

  const run = (command: string, args: Array<string>): Array<unknown> =>
    execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown)

  const expected = (file: string, text: string): unknown => ({
    found: ["arrow", "method", "generator"].map((marker) => ({
      file,
      ...lineOf(text, marker),
      column: expect.any(Number) as number
    })),
    kept: false
  })

  const transpile = (text: string, fileName: string, inline: boolean): ts.TranspileOutput =>
    ts.transpileModule(text, {
      fileName,
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        ...(inline ? { inlineSourceMap: true } : { sourceMap: true })
      }
    })

  const sources = path.join(root, "src", "source")

  beforeAll(() => {
    mkdirSync(path.join(folder, "source"))
    writeFileSync(path.join(folder, "source", "package.json"), JSON.stringify({ type: "module" }))
    for (const name of readdirSync(sources)) {
      const file = path.join(sources, name)
      const { outputText } = transpile(readFileSync(file, "utf8"), file, true)
      writeFileSync(path.join(folder, "source", name.replace(/ts$/, "js")), outputText)
    }
  })

  test("TypeScript under tsx", () => {
    const text = program(pathToFileURL(path.join(sources, "Locator.ts")).href)
    const tsx = path.join(root, "node_modules", "tsx", "dist", "cli.mjs")
    // A worker does not inherit tsx's loader in every version of Node.js, and is tested below.
    const single = text.replace(/^if \(isMainThread\) new Worker.*$/m, "")
    writeFileSync(path.join(folder, "program.mts"), single)
    expect(run(process.execPath, [tsx, "program.mts"])).toEqual([expected("program.mts", single)])
  })

  test.each([["with", ["--enable-source-maps"]], ["without", []]])(
    "TypeScript that was compiled, its map next to it, %s --enable-source-maps, and in a worker",
    (_, flags) => {
      const text = program("./source/Locator.js")
      const { outputText, sourceMapText } = transpile(text, "compiled.mts", false)
      writeFileSync(path.join(folder, "compiled.mts"), text)
      writeFileSync(path.join(folder, "compiled.mjs"), outputText)
      writeFileSync(path.join(folder, "compiled.mjs.map"), sourceMapText!)
      const result = expected("compiled.mts", text)
      expect(run(process.execPath, ["--expose-gc", ...flags, "compiled.mjs"])).toEqual([result, result])
    }
  )

  test("plain JavaScript", () => {
    const text = `
import { makeLocator } from "./source/Locator.js"
const locator = makeLocator()
const generator = (function*() {
  yield 1
  yield 2 // generator
})()
generator.next()
generator.next()
const found = [
  locator.locate(() => 1), // arrow
  locator.locate({
    method() {} // method
  }.method),
  locator.locate(generator)
]
console.log(JSON.stringify({ found, kept: false }))
`
    writeFileSync(path.join(folder, "plain.mjs"), text)
    expect(run(process.execPath, ["plain.mjs"])).toEqual([expected("plain.mjs", text)])
  })
})
