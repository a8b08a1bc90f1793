/**
 * The seeds of all random tests. Each follows from `SLUICE_SEED`, which is 1 by default, and from the name of the test,
 * so that no two tests draw the same numbers. A test that fails prints the line that repeats it.
 *
 * A setup file of vitest: fast-check and `Math.random`, which Effect's `Random` draws from, take their seeds from here
 * without being asked to.
 */
import * as fc from "fast-check"
import { beforeEach } from "vitest"

/**
 * Whether all of the laws' schedules and workloads are tried, as `npm run test:all` does; else a fixed share of them.
 */
export const isWhole = process.env["LAWS"] !== "share"

const share = 0.1

/** How many times its usual runs a random test gets: `SOAK=10 npm run test:all` runs ten times as many. */
export const soak = Number(process.env["SOAK"] ?? 1) * (isWhole ? 1 : share)

/** As many runs as a random test gets that usually has `runs`: a whole number, at least one. */
export const times = (runs: number): number => Math.ceil(runs * soak)

const runSeed = process.env["SLUICE_SEED"] ?? "1"

/** The running test. `drawn` counts the seeds it has asked for. */
interface Running {
  readonly name: string
  drawn: number
  isRandom: boolean
}

// Files that share a process have a copy of this module each, and share the modules that have imported the first one.
const shared = globalThis as { sluiceRunningTest?: Running }
shared.sluiceRunningTest ??= { name: "", drawn: 0, isRandom: false }

const running = (): Running => shared.sluiceRunningTest!

const seedOf = (what: string | number): number => {
  running().isRandom = true
  return hash(`${runSeed}\n${running().name}\n${what}`)
}

/** A seed for the running test, from 0 to 2 ** 31 - 1. Each call returns another. */
export const seed = (): number => seedOf(running().drawn++)

const hash = (text: string): number => {
  let state = 0x811c9dc5
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193)
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
  return (state ^ (state >>> 16)) >>> 1
}

/** Numbers from 0 to less than 1, for a test that draws by itself. */
export const drawing = (from: number = seed()): () => number => {
  let state = from
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

interface Named {
  readonly name: string
  readonly suite?: Named | undefined
}

/** As vitest's `-t` matches it. */
const fullName = ({ name, suite }: Named): string => suite === undefined ? name : `${fullName(suite)} ${name}`

/**
 * The command that runs one test with the same seeds. `-t` is a pattern: a point stands for what has a meaning there.
 */
const repeat = (file: string, name: string): string => {
  const pattern = name.replaceAll(/[^\w ,:;'/-]/g, ".")
  return `${
    isWhole ? soak === 1 ? "" : `SOAK=${soak} ` : "LAWS=share "
  }SLUICE_SEED=${runSeed} npx vitest run ${file} -t "^${pattern}$"`
}

fc.configureGlobal({
  numRuns: times(100),
  // A getter: fast-check reads it for each property, and that is how a test that draws is known from others.
  get seed() {
    return seed()
  }
})

beforeEach(({ onTestFailed, task }) => {
  const self: Running = { name: fullName(task), drawn: 0, isRandom: false }
  shared.sluiceRunningTest = self
  // Not counted: whether Effect draws depends on the tests before, and those do not run when one is repeated.
  let draw: (() => number) | undefined
  Math.random = () => (draw ??= drawing(seedOf("Math.random")))()
  onTestFailed(() => {
    if (self.isRandom) console.error(`seed ${runSeed}, again with: ${repeat(task.file.name, self.name)}`)
  })
})
