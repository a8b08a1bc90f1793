/** Places that source maps give: how they name files, and where in a line an arrow function is. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import * as inspector from "node:inspector"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { pathToFileURL } from "node:url"
import * as vm from "node:vm"
import { makeLocator } from "sluice/source/Locator"
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest"

const locator = makeLocator()
afterAll(() => locator.close())

let folder: string
beforeAll(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "sluice-maps-")))
})
afterAll(() => rmSync(folder, { recursive: true }))

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

const encode = (n: number): string => {
  let rest = n < 0 ? -2 * n + 1 : 2 * n
  let text = ""
  do {
    text += digits.charAt(rest % 32 + (rest >= 32 ? 32 : 0))
    rest = Math.floor(rest / 32)
  } while (rest > 0)
  return text
}

/** Where a column of the script comes from: which source, and the line and the column there. */
type Segment = readonly [generated: number, source: number, line: number, column: number]

/** A map's mappings, given the segments of each line. */
const mappingsOf = (lines: ReadonlyArray<ReadonlyArray<Segment>>): string => {
  let before: Segment = [0, 0, 0, 0]
  return lines.map((segments) => {
    before = [0, before[1], before[2], before[3]]
    return segments.map((segment) => {
      const text = segment.map((n, i) => encode(n - before[i]!)).join("")
      before = segment
      return text
    }).join(",")
  }).join(";")
}

interface Raw {
  readonly sources?: ReadonlyArray<string | null>
  readonly sourcesContent?: ReadonlyArray<string | null>
  readonly sourceRoot?: string
  readonly sections?: ReadonlyArray<object>
}

/** What the script's code evaluates to, with this map in its last line. */
const load = (code: string, filename: string, map: object): unknown => {
  const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString("base64")}`
  // Not in one piece, which a tool that reads this file would take for this file's map.
  return vm.runInThisContext(`${code}\n//# sourceMappingURL=${url}`, {
    filename
  })
}

/** The place of an arrow function that is mapped to the first source's line 2, column 2, both from 0. */
const placeOf = (raw: Raw, filename: string) => {
  const map = { version: 3, names: [], mappings: mappingsOf([[[0, 0, 2, 2]]]), ...raw }
  return locator.locate(load("() => {}", filename, map) as object)
}

const third = "1\n2\n  3\n"

describe("a source is called", () => {
  const fileOf = (source: string, sourceRoot?: string, filename = path.join(folder, "dist", "a.js")) =>
    placeOf({ sources: [source], sourcesContent: [third], ...(sourceRoot !== undefined && { sourceRoot }) }, filename)
      ?.file

  test("by its path from the map's folder, or from the root that the map has", () => {
    expect(fileOf("b.ts")).toBe(path.join(folder, "dist", "b.ts"))
    expect(fileOf("../src/b.ts")).toBe(path.join(folder, "src", "b.ts"))
    for (const root of ["../lib", "../lib/"]) expect(fileOf("b.ts", root)).toBe(path.join(folder, "lib", "b.ts"))
    expect(fileOf("b.ts", "")).toBe(path.join(folder, "dist", "b.ts"))
  })

  test("by its own path or URL, whatever the root", () => {
    for (const root of [undefined, "../lib"]) {
      expect(fileOf(`${folder}/c/../b.ts`, root)).toBe(path.join(folder, "b.ts"))
      expect(fileOf(path.join(folder, "50%.ts"), root)).toBe(path.join(folder, "50%.ts"))
      expect(fileOf(path.join(folder, "b#c.ts"), root)).toBe(path.join(folder, "b#c.ts"))
      expect(fileOf(pathToFileURL(path.join(folder, "b c.ts")).href, root)).toBe(path.join(folder, "b c.ts"))
      expect(fileOf("webpack://app/b.ts", root)).toBe("webpack://app/b.ts")
    }
  })

  test("as the map says, where the script is no file", () => {
    expect(fileOf("b.ts", undefined, "eval")).toBe("b.ts")
    expect(fileOf("webpack://app/b.ts", undefined, "eval")).toBe("webpack://app/b.ts")
    expect(fileOf("b.ts", undefined, "https://host/dir/a.js")).toBe("https://host/dir/b.ts")
  })

  test("by a path from the working folder, if it is beneath that", () => {
    const cwd = vi.spyOn(process, "cwd")
    try {
      cwd.mockReturnValue(path.join(folder, "dist"))
      expect(fileOf("b.ts")).toBe("b.ts")
      expect(fileOf("..b/c.ts")).toBe(path.join("..b", "c.ts"))
      expect(fileOf("../b.ts")).toBe(path.join(folder, "b.ts"))
      cwd.mockImplementation(() => {
        throw new Error("ENOENT")
      })
      expect(fileOf("b.ts")).toBe(path.join(folder, "dist", "b.ts"))
    } finally {
      cwd.mockRestore()
    }
  })
})

describe("a source's text", () => {
  test("is the map's, before that of the file", () => {
    writeFileSync(path.join(folder, "text.ts"), "1\n2\n  file\n")
    const filename = path.join(folder, "text.js")
    expect(placeOf({ sources: ["text.ts"], sourcesContent: [third] }, filename)?.text).toBe("3")
    expect(placeOf({ sources: ["text.ts"], sourcesContent: [null] }, filename)?.text).toBe("file")
    expect(placeOf({ sources: ["text.ts"] }, filename)?.text).toBe("file")
    expect(placeOf({ sources: ["none.ts"] }, filename)).toMatchObject({ line: 3, column: 3, text: undefined })
  })

  test("has lines that end in any way that V8 knows", () => {
    for (const end of ["\n", "\r\n", "\r", "\u2028", "\u2029"]) {
      const raw = { sources: ["ends.ts"], sourcesContent: [["1", "2", "  3", "4"].join(end)] }
      expect(placeOf(raw, path.join(folder, "ends.js"))?.text).toBe("3")
    }
  })

  test("is of the first source of a name, and of the second section too", () => {
    const twice = { sources: ["b.ts", "b.ts"], sourcesContent: [third, "x\nx\nx"] }
    expect(placeOf(twice, path.join(folder, "twice.js"))?.text).toBe("3")
    const section = (name: string, column: number) => ({
      offset: { line: 0, column },
      map: { version: 3, names: [], sources: [name], sourcesContent: [third], mappings: mappingsOf([[[0, 0, 2, 2]]]) }
    })
    const functions = load("[() => {}, () => {}]", path.join(folder, "sections.js"), {
      version: 3,
      sections: [section("first.ts", 0), section("second.ts", 11)]
    }) as ReadonlyArray<object>
    expect(locator.locate(functions[1]!)?.file).toBe(path.join(folder, "second.ts"))
  })
})

describe("an arrow function", () => {
  /** Where the arrow function that begins at `column` of the code is, given what is mapped on its line. */
  const find = (code: string, column: number, original: string, segments: ReadonlyArray<Segment>, above = 0) => {
    const map = {
      version: 3,
      names: [],
      sources: ["arrow.ts", "other.ts"],
      sourcesContent: [original, original],
      mappings: ";".repeat(above) + mappingsOf([segments])
    }
    const f = load("\n".repeat(above) + code, path.join(folder, "arrow.js"), map) as object
    expect(code.slice(column)).toMatch(/^(?:async\s*)?[(\w]/)
    const source = locator.locate(f)
    return source === undefined ? undefined : [source.line, source.column]
  }
  const call = "(f => f)("

  test("is where its first parameter's list begins, also some lines above", () => {
    const code = `${call}(a) => a)`
    const at = (original: string, line: number, column: number) =>
      find(code, 9, original, [[0, 0, 0, 0], [10, 0, line, column]])
    expect(at("f((a) => a)", 0, 3)).toEqual([1, 3])
    expect(at("f(\n  ( // first\n    /* a */\n    a) => a)", 3, 4)).toEqual([2, 3])
    expect(at("f(\n  ({ a }) => a)", 1, 5)).toEqual([2, 3])
    expect(at("f(async a => a)", 0, 8)).toEqual([1, 9])
    expect(at("f(x, a)", 0, 5)).toEqual([1, 6])
  })

  test("that takes nothing is where its own head is, before its body", () => {
    const code = `${call}() => g(1))`
    const at = (original: string, from: Segment | undefined, line: number, column: number) =>
      find(code, 9, original, [...(from === undefined ? [] : [from]), [15, 0, line, column]])
    const twice = "(() => 0)(() => g(1))"
    expect(at(twice, [0, 0, 0, 0], 0, 16)).toEqual([1, 11])
    const below = "f(\n  () =>\n    g(1))"
    expect(at(below, [0, 0, 0, 0], 2, 4)).toEqual([2, 3])
    expect(at(`x\n${below}`, [0, 0, 1, 0], 3, 4)).toEqual([3, 3])
    expect(at("f(x, () => g(1))", [0, 0, 0, 2], 0, 11)).toEqual([1, 6])
    // Only what comes before on the way there, and of the same source.
    expect(at(below, [0, 1, 0, 0], 2, 4)).toEqual([3, 5])
    expect(at("() =>\n\n g(1)\n\n x", [0, 0, 4, 0], 2, 1)).toEqual([3, 2])
  })

  test("that is mapped itself is there", () => {
    expect(find(`${call}() => g(1))`, 9, "x\n(() => 0)(() => g(1))", [[0, 0, 1, 0], [9, 0, 1, 10], [15, 0, 1, 16]]))
      .toEqual([2, 11])
    expect(find(`${call}async () => g(1))`, 9, "async () => g(1)", [[9, 0, 0, 0], [21, 0, 0, 12]])).toEqual([1, 1])
  })

  test("that is mapped at its beginning is there, though it takes something", () => {
    expect(find(`${call}async (a) => a)`, 9, "f(async (a) => a)", [[9, 0, 0, 2]])).toEqual([1, 3])
  })

  test("is not looked for far away, nor on another line of the script", () => {
    const far = `${call}(a, ${"b".repeat(250)}) => 1)`
    expect(find(far, 9, "f(\n  (a) => 1)", [[0, 0, 0, 0], [250, 0, 1, 3]])).toEqual([1, 1])
    expect(find(`${call}() => 1)`, 9, "x", [])).toBeUndefined()
    const above = {
      version: 3,
      names: [],
      sources: ["a.ts"],
      sourcesContent: ["x"],
      mappings: mappingsOf([[[0, 0, 0, 0]]])
    }
    expect(locator.locate(load("1;\n() => {}", path.join(folder, "above.js"), above) as object)).toBeUndefined()
  })

  test("is not asked for its text, which may be the program's", () => {
    const code = `Object.assign((a) => a, { toString: () => "x" })`
    expect(find(code, 14, "f((a) => a)", [[0, 0, 0, 0], [15, 0, 0, 3]])).toEqual([1, 3])
  })
})

describe("a script without a map", () => {
  test("has its file's text, or else what was compiled of it", () => {
    const filename = path.join(folder, "plain.js")
    writeFileSync(filename, "// in the file\n  () => 1\n")
    const embedded = (lineOffset: number, name: string) =>
      locator.locate(vm.runInThisContext("\n() => 1", { filename: name, lineOffset }) as object)
    expect(embedded(0, filename)).toMatchObject({ file: filename, line: 2, text: "() => 1" })
    expect(embedded(5, path.join(folder, "none.js"))).toMatchObject({ line: 7, text: "() => 1" })
  })

  test("may have no name, and begin left of its file's first column", () => {
    const anonymous = (0, eval)("() => 1") as () => number
    expect(locator.locate(anonymous)).toMatchObject({ file: "<anonymous>", line: 1, column: 1, text: "() => 1" })
    const wrapped = vm.runInThisContext("() => 1", { filename: "wrapped", columnOffset: -7 }) as () => number
    expect(locator.locate(wrapped)).toMatchObject({ file: "wrapped", line: 1, column: 1 })
  })

  test("has a place for each of the functions on one line", () => {
    const functions = vm.runInThisContext("[() => 1, () => 2]", { filename: "two" }) as ReadonlyArray<object>
    expect(functions.map((f) => locator.locate(f)?.column)).toEqual([2, 11])
  })
})

test("a map in a file is where its sources are relative to, however it is named", () => {
  mkdirSync(path.join(folder, "maps"))
  const map = {
    version: 3,
    names: [],
    sources: ["b.ts"],
    sourcesContent: [third],
    mappings: mappingsOf([[[0, 0, 2, 2]]])
  }
  const file = path.join(folder, "maps", "a.js.map")
  writeFileSync(file, JSON.stringify(map))
  for (const [i, url] of ["maps/a.js.map", file, pathToFileURL(file).href].entries()) {
    const code = `() => {}\n//# sourceMappingURL=${url}`
    const f = vm.runInThisContext(code, { filename: path.join(folder, `a${i}.js`) }) as object
    expect(locator.locate(f)?.file).toBe(path.join(folder, "maps", "b.ts"))
  }
})

describe("the inspector", () => {
  afterEach(() => void vi.restoreAllMocks())

  test("is disconnected from when the locator closes, once", () => {
    const disconnect = vi.spyOn(inspector.Session.prototype, "disconnect")
    const another = makeLocator()
    expect(another.locate(() => 1)?.text).toContain("another.locate")
    another.close()
    another.close()
    expect(disconnect).toHaveBeenCalledTimes(1)
    const post = vi.spyOn(inspector.Session.prototype, "post")
    expect(another.locate(() => 1)).toBeUndefined()
    expect(post).not.toHaveBeenCalled()
  })

  test("is asked for all scripts once, and for no more where a script is unknown", () => {
    const another = makeLocator()
    const post = vi.spyOn(inspector.Session.prototype, "post")
    const methods = (): ReadonlyArray<string> => post.mock.calls.map(([method]) => method)
    const asked = () => methods().filter((method) => method === "Debugger.enable").length
    const [first, second] = [() => 1, () => 2]
    expect(another.locate(first)).toBeDefined()
    const once = asked()
    expect(another.locate(second)).toBeDefined()
    expect(asked()).toBe(once)
    expect(methods().filter((method) => method.startsWith("Debugger.")).slice(0, 2)).toEqual([
      "Debugger.enable",
      "Debugger.disable"
    ])
    another.close()
  })

  test("forgets each object that it has named", () => {
    const another = makeLocator()
    const spy = vi.spyOn(inspector.Session.prototype, "post")
    const own = Object.defineProperty(() => 1, Symbol("s"), { get: () => 1, set: () => {}, enumerable: true })
    expect(another.locate(own)).toBeDefined()
    const released = (spy.mock.calls as unknown as ReadonlyArray<[string, { readonly objectId: string }]>)
      .filter(([method]) => method === "Runtime.releaseObject").map(([, { objectId }]) => objectId)
    expect(new Set(released).size).toBe(released.length)
    expect(released.length).toBeGreaterThan(3)
    another.close()
  })
})

test("the text of this file's functions is a line of it", () => {
  const lines = readFileSync(import.meta.filename, "utf8").split("\n")
  const source = locator.locate(() => lines)!
  expect(lines[source.line - 1]!.trim()).toBe(source.text)
})
