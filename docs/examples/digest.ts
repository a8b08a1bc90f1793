/**
 * The MD5 and SHA-256 digests of all files of a tree, three ways: `npm start`, or `npm start -- DIR`. Learn which way
 * is for what:
 *
 * - `Group` and `Semaphore`: a fiber for each file. The group bounds how many run, the semaphore how many bytes they
 *   hold.
 * - `WorkerPool`: 16 workers. Each makes its buffer once, for all of its files.
 * - `ThreadPool`: one worker for each processor. Hashing computes, and all fibers of a thread share one processor.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { stat } from "node:fs/promises"
import { Group, Semaphore, WorkerPool } from "sluice"
import { ThreadPool } from "sluice/threads"
import { type Digest, filesUnder, hash, type jobs, largest, line, show, withFile } from "./digest-thread.js"
import { commandLine, Failed, inProcess, progressBar, refuse, runMain, say, sendParent } from "./main.js"
import { threadModule } from "./threadModule.js"

/** Digests the files, and calls `ended` for each as it ends. */
type Way = (paths: ReadonlyArray<string>, ended: (digest: Digest) => void) => Effect.Effect<void, unknown>

export const byGroup = (budget: number): Way =>
  Effect.fn("byGroup")(function*(paths, ended) {
    const memory = yield* Semaphore.make(budget)
    for (const path of paths) {
      const digest = withFile(path, (file, size) => {
        const bytes = Math.min(Math.max(size, 4096), largest, budget)
        return Effect.suspend(() => hash(path, file, Buffer.allocUnsafeSlow(bytes))).pipe(
          Semaphore.withPermits(memory, bytes)
        )
      })
      yield* Group.go(Effect.map(digest, ended))
    }
  }, Group.scoped({ limit: 64 }))

const byPool: Way = Effect.fn("byPool")(function*(paths, ended) {
  const pool = yield* WorkerPool.make({
    size: 16,
    worker: () => Effect.sync(() => Buffer.allocUnsafeSlow(largest)),
    run: (path: string, { resource }) => withFile(path, (file) => hash(path, file, resource))
  })
  yield* Stream.runForEach(WorkerPool.map(pool, paths), (digest) => Effect.sync(() => ended(digest)))
}, Effect.scoped)

const makeThreads = Effect.gen(function*() {
  // A thread that has its next files at hand does not wait for them: most files take less than a millisecond.
  return yield* ThreadPool.make<typeof jobs>({ ...yield* threadModule("digest-thread", import.meta.url), prefetch: 3 })
})

const byThreads: Way = Effect.fn("byThreads")(function*(paths, ended) {
  const pool = yield* makeThreads
  yield* Stream.runForEach(pool.map.digest(paths), (digest) => Effect.sync(() => ended(digest)))
}, Effect.scoped)

export const ways = { "Group, Semaphore": byGroup(16 * largest), "WorkerPool": byPool, "ThreadPool": byThreads }

const report = ({ error, path }: Digest) => say(`${show(path)}: ${error}`)

/** Prints the list in order, while the threads digest. A reader that is slow holds them up: `map` has backpressure. */
const list = Effect.fn("list")(function*(directory: string, algorithm: "md5" | "sha256") {
  const pool = yield* makeThreads
  yield* Stream.runForEach(
    pool.map.digest(yield* filesUnder(directory)),
    (digest) =>
      Effect.callback<void>((resume) => {
        const next = () => resume(Effect.void)
        if (digest.error === undefined) {
          return void process.stdout.write(line(digest, digest[algorithm]), "latin1", next)
        }
        report(digest)
        process.exitCode = 1
        next()
      })
  )
}, Effect.scoped)

interface Measured extends Record<"seconds" | "start" | "peak", number> {
  readonly digests: ReadonlyArray<Digest>
}

/** One way, in a process that does nothing else: so its peak memory is that of this way. */
const measure = Effect.fn("measure")(function*(directory: string, way: keyof typeof ways) {
  const digests: Array<Digest> = []
  const files = yield* filesUnder(directory)
  const advance = yield* progressBar(way.padEnd(16), files.length)
  yield* threadModule("digest-thread", import.meta.url)
  const [start, began] = [process.memoryUsage.rss(), performance.now()]
  yield* ways[way](files, (digest) => (digests.push(digest), advance()))
  const seconds = (performance.now() - began) / 1000
  digests.sort((a, b) => a.path < b.path ? -1 : 1)
  yield* sendParent({ seconds, start, peak: process.resourceUsage().maxRSS * 1024, digests } satisfies Measured)
}, Effect.scoped)

const row = (cells: ReadonlyArray<string>) =>
  console.log(cells.map((cell, i) => i > 0 ? cell.padStart(9) : cell.padEnd(16)).join(""))

const compare = Effect.fn("compare")(function*(directory: string) {
  console.log(
    "Each way has a process of its own. RSS: the memory of all of it, before the first file and at its peak.\n"
  )
  row(["", "files", "MB", "seconds", "files/s", "MB/s", "RSS, MB", "peak RSS"])
  const lists: Array<ReadonlySet<string>> = []
  for (const way of Object.keys(ways)) {
    const { digests, peak, seconds, start } = yield* inProcess<Measured>(import.meta, [directory, "--way", way])
    const [files, megabytes] = [digests.length, digests.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6]
    const numbers = [files, megabytes, seconds, files / seconds, megabytes / seconds, start / 1e6, peak / 1e6]
    row([way, ...numbers.map((n, i) => n.toLocaleString("en", { maximumFractionDigits: i === 2 ? 2 : 0 }))])
    if (lists.length === 0) digests.filter(({ error }) => error !== undefined).forEach(report)
    lists.push(new Set(digests.map((digest) => JSON.stringify(digest))))
  }
  const differing = new Set(lists.flatMap((list) => [...list].filter((one) => lists.some((other) => !other.has(one)))))
  if (differing.size > 0) {
    const paths = new Set([...differing].map((digest) => show((JSON.parse(digest) as Digest).path)))
    return yield* new Failed({ message: `the lists differ (do files change?): ${[...paths].slice(0, 9).join(", ")}` })
  }
  console.log("\nAll three lists of digests are the same.")
})

const usage = `Usage: npm start -- [DIR] [--list | --list=sha256]

Digests all files under DIR (.) three ways, and compares them. With --list, prints the digests as md5sum or sha256sum
prints them.
`

const program = Effect.gen(function*() {
  const args = process.argv.slice(2).map((arg) => arg === "--list" ? "--list=md5" : arg)
  const options = { list: { type: "string" }, way: { type: "string" } } as const
  const { positionals, values } = commandLine(usage, { allowPositionals: true, options }, args)
  const [directory = ".", ...more] = positionals
  if (more.length > 0) refuse(`one directory at most, got ${positionals.join(", ")}`)
  const isDirectory = yield* Effect.promise(() => stat(directory).then((stat) => stat.isDirectory(), () => false))
  if (!isDirectory) return yield* new Failed({ message: `${directory} is not a directory` })
  if (values.way !== undefined) return yield* measure(directory, values.way as keyof typeof ways)
  if (values.list === undefined) return yield* compare(directory)
  if (values.list !== "md5" && values.list !== "sha256") {
    return refuse(`--list must be md5 or sha256, got ${JSON.stringify(values.list)}`)
  }
  yield* list(directory, values.list)
})

runMain(import.meta, program)
