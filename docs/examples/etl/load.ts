import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { WorkerPool } from "sluice"
import { type Chunk, chunks, type Position, Unreadable } from "./chunk.js"
import { Database, type DatabaseFailed } from "./database.js"
import { parse, type Parsed } from "./parse.js"
import type { Tally } from "./tally.js"
import { validate, type Validated } from "./validate.js"

/** A file is shorter than what has been read of it. */
export class Changed extends Data.TaggedError("Changed")<{ readonly file: string }> {
  override get message(): string {
    return `${this.file} is not the file that was being loaded: it is shorter than what was read of it`
  }
}

/** How many chunks, of some 600 rows each, are written in a transaction. */
const batch = 4

/**
 * Reads, parses, validates and writes, each stage as fast as the slowest. Results keep the order of the files, so that
 * what is written is always all up to some byte, which is all that a restart needs to know. After `stop` what has been
 * read is still written.
 */
export const load = (
  directory: string,
  tally: Tally,
  stop: Effect.Effect<void>
): Effect.Effect<void, Unreadable | Changed | DatabaseFailed | WorkerPool.RunError> =>
  Effect.scoped(Effect.gen(function*() {
    const path = join(directory, "orders.db")
    const known = yield* Effect.scoped(Effect.map(Database.open(path), ({ positions }) => positions))
    const positions = yield* survey(directory, known, tally)

    // Both compute, on the one thread there is: a second worker would gain nothing.
    const parsers = yield* WorkerPool.make({
      name: "parse",
      size: 1,
      run: (chunk: Chunk) => Effect.sync(() => parse(chunk))
    })
    const validators = yield* WorkerPool.make({
      name: "validate",
      size: 1,
      run: (parsed: Parsed) => Effect.sync(() => validate(parsed))
    })
    // SQLite has one writer at a time.
    const writers = yield* WorkerPool.make({
      name: "write",
      size: 1,
      queue: { capacity: 1 },
      worker: () => Database.open(path),
      run: (batch: ReadonlyArray<Validated>, { resource }) => resource.write(batch)
    })

    const read = Stream.haltWhen(chunks(directory, positions), stop)
    const validated = WorkerPool.map(validators, WorkerPool.map(parsers, read))
    const written = WorkerPool.map(writers, Stream.grouped(validated, batch))
    yield* Stream.runForEach(written, (written) => Effect.sync(() => tally.wrote(written)))
  }))

/** How far each file has been loaded, in the order of their names. */
const survey = (directory: string, known: ReadonlyArray<Position>, tally: Tally) =>
  Effect.gen(function*() {
    const attempt = <A>(attempt: () => Promise<A>) =>
      Effect.tryPromise({ try: attempt, catch: (error) => new Unreadable({ error }) })
    const names = (yield* attempt(() => readdir(directory))).filter((name) => name.endsWith(".csv")).sort()
    return yield* Effect.forEach(names, (file) =>
      Effect.gen(function*() {
        const { size } = yield* attempt(() => stat(join(directory, file)))
        const position = known.find((position) => position.file === file) ?? { file, byte: 0, line: 1 }
        if (position.byte > size) return yield* new Changed({ file })
        tally.found(position, size)
        return position
      }))
  })
