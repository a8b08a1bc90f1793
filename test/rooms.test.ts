/** Who may import whom: the rules of the house, which `CONTRIBUTING.md` draws. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { describe, expect, test } from "vitest"

const src = path.resolve(import.meta.dirname, "../src")
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts")).sort()

/** The files of `src` that a file names in its imports and exports, types included. */
const importsOf = (file: string): ReadonlyArray<string> =>
  ts.preProcessFile(readFileSync(path.join(src, file), "utf8"), true, true).importedFiles
    .filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => path.join(path.dirname(file), fileName).replace(/\.js$/, ".ts"))

const imports = new Map(files.map((file) => [file, importsOf(file)]))
const arrows = [...imports].flatMap(([from, tos]) => tos.map((to) => [from, to] as const))
const offending = (is: (from: string, to: string) => boolean) =>
  arrows.filter(([from, to]) => is(from, to)).map((arrow) => arrow.join(" -> "))
const isIn = (folder: string) => (file: string) => file.startsWith(folder)
const pool = "internal/workerPool/"

// Rooms and parts: the conductor alone knows them all.
const parts = ["Deadlines", "Retries", "RetryBudget", "Poison", "DeadLetters", "Lanes", "OwnLane", "Autoscaler", "map"]
const isPart = (file: string) => parts.some((part) => file === `${pool}${part}.ts`) || isIn(`${pool}watch/`)(file)

test("every import is a file of the sources", () => {
  expect(arrows.map(([, to]) => to).filter((to) => !existsSync(path.join(src, to)))).toEqual([])
  expect(arrows.length).toBeGreaterThan(100)
})

test("no circle of imports, types included", () => {
  const circles: Array<string> = []
  const done = new Set<string>()
  const visit = (file: string, above: ReadonlyArray<string>): void => {
    if (above.includes(file)) return void circles.push([...above.slice(above.indexOf(file)), file].join(" -> "))
    if (done.has(file)) return
    for (const to of imports.get(file) ?? []) visit(to, [...above, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  expect(circles).toEqual([])
})

describe("the floors", () => {
  test("nothing internal imports a public module", () => {
    expect(offending((from, to) => isIn("internal/")(from) && !isIn("internal/")(to) && !isIn("source/")(to))).toEqual(
      []
    )
  })

  test("the testing kit stands apart: it imports source lines alone, and nothing imports it", () => {
    const isKit = isIn("testing/")
    expect(offending((from, to) => isKit(from) !== isKit(to) && !(isKit(from) && isIn("source/")(to)))).toEqual([])
  })

  test("source lines stand apart: they import nothing of sluice", () => {
    expect(offending((from, to) => isIn("source/")(from) && !isIn("source/")(to))).toEqual([])
  })

  test("the command stands apart: it imports the dump, its text and source lines, and nothing imports it", () => {
    const isPs = isIn("ps/")
    const allowed = (file: string) =>
      isPs(file) || isIn("source/")(file) || isIn("internal/inspect/")(file) || file === "internal/view.ts"
    const types = (file: string) => file === "internal/stack.ts"
    expect(offending((from, to) => isPs(from) ? !allowed(to) && !types(to) : isPs(to))).toEqual([])
  })

  test("sluice/inspect stands on all: nothing but its public module and the command imports it", () => {
    const isInspect = isIn("internal/inspect/")
    const mayLook = (file: string) => isInspect(file) || isIn("inspect/")(file) || isIn("ps/")(file)
    expect(offending((from, to) => isInspect(to) && !mayLook(from))).toEqual([])
    expect(offending((from, to) => isIn("inspect/")(to) && !isIn("inspect/")(from))).toEqual([])
  })

  test("sluice/inspect knows each primitive by its view, and the types of its public form", () => {
    const isRoom = (file: string) =>
      ["group", "semaphore", "workerPool", "adaptiveLimit", "threads", "watch"].some((name) =>
        isIn(`internal/${name}/`)(file)
      )
    const isModel = (file: string) => file.endsWith("/model.ts")
    const isInspect = (file: string) => isIn("internal/inspect/")(file) || isIn("inspect/")(file)
    expect(offending((from, to) => isInspect(from) && isRoom(to) && !isModel(to))).toEqual([])
  })

  test("a view and the notes of holds are of the ground floor", () => {
    const ground = ["view", "Holds", "interruption", "stack", "List"].map((name) => `internal/${name}.ts`)
    const from = ["internal/view.ts", "internal/Holds.ts", "internal/interruption.ts"]
    expect(offending((one, to) => from.includes(one) && !ground.includes(to))).toEqual([])
  })

  test("dumps, verdicts and texts import nothing of Effect: the command runs them in other processes", () => {
    const parts = ["collect", "judge", "lines", "model", "runtime", "shown", "text", "verdict", "views"].map((name) =>
      `internal/inspect/${name}.ts`
    )
    const named = parts.filter((file) =>
      /^import (?!type\b).*"effect/m.test(readFileSync(path.join(src, file), "utf8"))
    )
    expect(named).toEqual([])
  })

  test("groups, semaphores and limits know nothing of pools", () => {
    const isBelow = (file: string) =>
      ["workerPool", "threads", "inspect", "durable"].every((name) => !isIn(`internal/${name}/`)(file))
    expect(offending((from, to) => isIn("internal/")(from) && isBelow(from) && !isBelow(to))).toEqual([])
  })

  test("sluice/durable stands over the pool: nothing but its public modules imports it", () => {
    const isDurable = (file: string) => isIn("internal/durable/")(file) || isIn("durable/")(file)
    expect(offending((from, to) => isDurable(to) && !isDurable(from))).toEqual([])
    const ground = (file: string) => /^internal\/\w+\.ts$/.test(file)
    const isLimit = isIn("internal/durable/limit/")
    // The errors and the wake-ups of jobs and limits.
    const shared = (file: string) => /^internal\/durable\/\w+\.ts$/.test(file)
    expect(offending((from, to) => isLimit(from) && !isLimit(to) && !ground(to) && !shared(to))).toEqual([])
  })

  test("only Watch imports metrics and spans", () => {
    const isWatch = (file: string) => isIn("internal/watch/")(file) || file === "Watch.ts"
    expect(offending((from, to) => isIn("internal/watch/")(to) && !isWatch(from))).toEqual([])
  })

  test("the pool knows nothing of threads", () => {
    expect(offending((from, to) => isIn(pool)(from) && isIn("internal/threads/")(to))).toEqual([])
  })

  test("threads take from the pool its maker, its end, the types of its parts, suspension and the errors", () => {
    const allowed = ["make", "ending", "parts", "Suspended", "errors", "source"].map((name) => `${pool}${name}.ts`)
    const isThreads = (file: string) => isIn("internal/threads/")(file) || isIn("threads/")(file)
    expect(offending((from, to) => isThreads(from) && isIn(pool)(to) && !allowed.includes(to))).toEqual([])
  })
})

test("durable jobs stand on the pool: nothing but their public modules imports them", () => {
  const isDurable = (file: string) => isIn("internal/durable/")(file) || isIn("durable/")(file)
  expect(offending((from, to) => isDurable(to) && !isDurable(from))).toEqual([])
  const isBullMQ = (file: string) => isIn("internal/durable/bullmq/")(file) || file === "durable/bullmq.ts"
  expect(offending((from, to) => isBullMQ(to) && !isBullMQ(from))).toEqual([])
  const taken = ["errors", "model", "Pool", "reserve"].map((name) => `${pool}${name}.ts`)
  expect(offending((from, to) => isDurable(from) && isIn(pool)(to) && !taken.includes(to))).toEqual([])
})

describe("the pool", () => {
  test("imports no part", () => {
    expect(offending((from, to) => from === `${pool}Pool.ts` && isPart(to))).toEqual([])
  })

  test("is imported by no room and no part, but by callers that stand over it", () => {
    const knows = ["make", "check", "Intake", "map", "runAll", "promise", "reserve"].map((name) => `${pool}${name}.ts`)
    expect(offending((from, to) => isIn(pool)(from) && to === `${pool}Pool.ts` && !knows.includes(from))).toEqual([])
  })

  test("has parts that know no other room than the job", () => {
    const rooms = ["Queue", "Ledger", "Worker", "Roster", "Waits", "Lifecycle", "Unbegun", "Findings"]
    const isRoom = (file: string) => rooms.some((room) => file === `${pool}${room}.ts`)
    expect(offending((from, to) => isPart(from) && isRoom(to))).toEqual([])
  })

  test("writes no phase of a job and no state of a worker: they become what their tables allow", () => {
    const writes = files.filter(isIn(pool)).flatMap((file) =>
      readFileSync(path.join(src, file), "utf8").split("\n").filter((line) =>
        /\b(job|worker|other|oldest)\.(phase|state) = /.test(line)
      )
    )
    expect(writes).toEqual([])
  })
})
