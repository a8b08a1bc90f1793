import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { stat } from "node:fs/promises"
import { Semaphore } from "sluice"
import { type BytePath, fromText } from "./bytes.js"
import { countFiles, countTree } from "./count.js"
import type { Digested } from "./digest.js"
import { io, Unreadable } from "./file.js"
import { formatBytes, formatCount, formatMemory, say } from "./messages.js"
import type { DigestOptions, VerifyOptions } from "./options.js"
import { InOrder } from "./order.js"
import { type Output, type OutputFailed, ownFiles, resolveTarget, toFile, toStdout } from "./output.js"
import { withDigesters } from "./pool.js"
import { withProgress } from "./progress.js"
import { Report } from "./report.js"
import type { Tally } from "./tally.js"
import { withThreads } from "./threads.js"
import { type Digester, digestFile, digestTree, type Work } from "./tree.js"
import { readList, type Verdict, Verdicts, verify } from "./verify.js"
import { walk } from "./walk.js"

/** Answers the exit code. */
export const program = (
  options: DigestOptions | VerifyOptions,
  tally: Tally
): Effect.Effect<0 | 1, Unreadable | OutputFailed> =>
  Effect.flatMap(Semaphore.make(options.budget, { name: "memory" }), (memory) => {
    const work: Work = { limit: options.limit, memory, tally }
    return options.command === "digest" ? digestProgram(options, work) : verifyProgram(options, work)
  })

/** How a file of the tree is digested. */
const ways = {
  fibers: (algorithms, work, use) => use((path) => digestFile(path, "listed", algorithms, work)),
  pool: withDigesters,
  threads: withThreads
} satisfies Record<DigestOptions["way"], typeof withDigesters>

const digestProgram = (options: DigestOptions, work: Work): Effect.Effect<0 | 1, Unreadable | OutputFailed> =>
  Effect.gen(function*() {
    const { algorithms, directory, onFailure } = options
    yield* checkDirectory(directory)
    const target = options.output === undefined ? undefined : yield* resolveTarget(options.output)
    const root = fromText(directory)
    const skip = target === undefined ? new Set<BytePath>() : yield* ownFiles(target, directory)

    const digesting = (output: Output) => {
      const report = new Report(algorithms, onFailure, (text) => output.write(text))
      const results = new InOrder<Exit.Exit<Digested, Unreadable>>((ended) => report.add(ended), output.ready)
      const digestAll = (digest: Digester) => digestTree(walk(root, skip), digest, onFailure, work.limit, results)
      const all = ways[options.way](algorithms, work, digestAll)
      // That the group has failed is news only to `--fail-fast`: the report has every file that could not be read.
      const reported = onFailure === "cancel" ? all : Effect.catchTag(all, "Unreadable", () => report.complete)
      return Effect.as(withProgress(work.tally, countTree(root, skip, work.tally), reported), report.unreadable)
    }
    const unreadable = yield* target === undefined ? toStdout(digesting) : toFile(target, digesting)

    for (const error of unreadable) say(error.message)
    if (unreadable.length > 0) {
      say(`WARNING: ${formatCount(unreadable.length, "file or directory", "files or directories")} could not be read`)
    }
    summarize(work)
    return unreadable.length > 0 ? 1 : 0
  })

const verifyProgram = (options: VerifyOptions, work: Work): Effect.Effect<0 | 1, Unreadable | OutputFailed> =>
  Effect.gen(function*() {
    const list = yield* readList(options.list)
    const verdicts = yield* toStdout((output) => {
      const verdicts = new Verdicts(options.quiet, (text) => output.write(text))
      const results = new InOrder<Verdict>((ended) => verdicts.add(ended), output.ready)
      const counting = countFiles(list.entries.map(({ path }) => path), work.tally)
      return Effect.as(withProgress(work.tally, counting, verify(list.entries, work, results)), verdicts)
    })
    const warnings = verdicts.warnings(list, options.list)
    for (const warning of warnings) say(warning)
    if (!options.quiet && list.entries.length > 0) summarize(work)
    return warnings.length > 0 ? 1 : 0
  })

/** Without a directory there is nothing to keep going with. */
const checkDirectory = (directory: string): Effect.Effect<void, Unreadable> => {
  const path = fromText(directory)
  return Effect.flatMap(
    io(path, () => stat(directory)),
    (stat) => stat.isDirectory() ? Effect.void : Effect.fail(new Unreadable({ path, reason: "not a directory" }))
  )
}

const summarize = ({ limit, memory, tally }: Work): void => {
  const { bytes, files, peak, seconds } = tally
  const rate = (amount: number) => amount / Math.max(seconds, 0.001)
  say(
    `${formatCount(files, "file")}, ${formatBytes(bytes)} in ${seconds.toFixed(2)} s ` +
      `(${Math.round(rate(files)).toLocaleString("en")} files/s, ${(rate(bytes) / 1e6).toFixed(1)} MB/s); ` +
      `at most ${formatMemory(peak)} of ${formatMemory(Semaphore.stats(memory).capacity)} in use, limit ${limit}`
  )
}
