/** A module that is TypeScript: loaded where this Node can, else with an error that says what to do. */
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { run } from "../support/effect.js"
import { compile, compiled } from "../support/threads.js"

type Jobs = ThreadWorker.Jobs<{ readonly add: (n: number) => number }>

const advised = (code: string, module = "file:///jobs.ts") =>
  new ThreadPool.ThreadFailed({ module, reason: "module", cause: Object.assign(new Error("no"), { code }) }).message

test.each([
  [
    "ERR_UNKNOWN_FILE_EXTENSION",
    "; this Node's threads load no TypeScript; build the module to JavaScript, or use Node 22.18 or later"
  ],
  [
    "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX",
    "; Node strips types and compiles nothing; build the module to JavaScript, or use a loader, such as " +
    `node: { execArgv: ["--import", "tsx"] }`
  ],
  ["ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING", "; build the module to JavaScript"],
  ["ERR_MODULE_NOT_FOUND", ""]
])("of %s the error advises: %s", (code, advice) => {
  expect(advised(code)).toBe(`ThreadPool: file:///jobs.ts could not be loaded: no${advice}`)
})

test("of another extension that is not known it advises nothing", () => {
  expect(advised("ERR_UNKNOWN_FILE_EXTENSION", "file:///jobs.txt")).toMatch(/: no$/)
})

test("of a JavaScript file that is not there the error advises to build it, and of one that it imports it does not", () =>
  run(Effect.gen(function*() {
    const directory = mkdtempSync(join(tmpdir(), "sluice missing "))
    const failure = (file: string) =>
      Effect.map(
        Effect.flip(Effect.scoped(ThreadPool.make<Jobs>({ module: pathToFileURL(join(directory, file)), size: 1 }))),
        ({ message }) => message
      )
    writeFileSync(join(directory, "importing.mjs"), `import "./other.mjs"`)
    const advice = /; a thread loads a file that is on disk: if its source is TypeScript, build the module .* first$/
    expect(yield* failure("jobs.js")).toMatch(advice)
    expect(yield* failure("importing.mjs")).not.toMatch(advice)
    rmSync(directory, { recursive: true })
  })))

const { typescript = false } = process.features as { readonly typescript?: string | false }

test(`a thread serves a module that is TypeScript, or says what to do; here process.features.typescript is ${typescript}`, () => {
  // Node strips no types under node_modules.
  const directory = mkdtempSync(join(tmpdir(), "sluice-"))
  const worker = fileURLToPath(new URL("./worker.mjs", compiled("jobs")))
  compile(fileURLToPath(new URL("../../src/threads/ThreadWorker.ts", import.meta.url)), worker)
  const module = join(directory, "jobs.ts")
  writeFileSync(
    module,
    `import { serve } from "${
      pathToFileURL(worker).href
    }"\nexport const jobs = serve({ add: (n: number): number => n + 1 })\n`
  )
  const add = ThreadPool.make<Jobs>({ module: pathToFileURL(module), size: 1 }).pipe(
    Effect.flatMap((pool) => pool.run.add(1)),
    Effect.catchTag("ThreadFailed", ({ message }) => Effect.succeed(message)),
    Effect.scoped,
    Effect.ensuring(Effect.sync(() => rmSync(directory, { recursive: true })))
  )
  return run(Effect.map(add, (result) => {
    if (typescript === false) expect(result).toMatch(/load no TypeScript; build the module to JavaScript/)
    else expect(result).toBe(2)
  }))
})
