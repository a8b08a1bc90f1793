/**
 * Keep your code, change one line: `npx tsx docs/examples/forEach.ts`. Twenty uploads, first with `Effect.forEach` and
 * `Effect.retry`, then on a `WorkerPool`. Learn what the pool adds, and when `forEach` is enough:
 *
 * - `forEach` takes a list. `map` also takes a stream or a generator, and makes no more of it than there is room for.
 * - With `forEach` an upload that waits to be tried again holds its place. On the pool it waits outside, and other
 *   uploads run meanwhile. A budget bounds the retries of all uploads together.
 * - With `forEach` each upload opens a connection, or you pool them. A worker owns one, and replaces it if it breaks.
 * - The pool can be shared: all callers together have its four connections.
 *
 * Without a resource, and for a short list, `forEach` does.
 */
import { Clock, Console, Effect, Schedule } from "effect"
import { WorkerPool } from "sluice"
import { runMain } from "./main.js"

export const files = Array.from({ length: 20 }, (_, i) => `file ${i + 1}`)

/** The connections that have been opened. */
export class Server {
  opened = 0

  readonly connect = Effect.acquireRelease(Effect.sync(() => ++this.opened), () => Effect.void)

  private readonly tried = new Set<string>()

  /** The server is busy when the first three files come. */
  readonly upload = (file: string) =>
    Effect.suspend(() => {
      const isBusy = files.indexOf(file) < 3 && !this.tried.has(file)
      this.tried.add(file)
      return Effect.delay(isBusy ? Effect.fail("503 busy") : Effect.succeed(`${file} is stored`), "50 millis")
    })
}

const later = Schedule.upTo(Schedule.spaced("200 millis"), { times: 5 })

/** Before. */
export const byForEach = (server: Server) =>
  Effect.forEach(
    files,
    (file) => Effect.scoped(Effect.andThen(server.connect, Effect.retry(server.upload(file), later))),
    { concurrency: 4 }
  )

/** After. The pool can live as long as the program, in a layer: see `sender.ts`. */
export const byPool = Effect.fn("byPool")(function*(server: Server) {
  const pool = yield* WorkerPool.make({
    size: 4,
    worker: () => server.connect,
    run: server.upload,
    retry: { schedule: later }
  })
  return yield* WorkerPool.runAll(pool, files)
}, Effect.scoped)

/** How long it takes, with how many connections. The results are the same, in the order of the files. */
export const timed = Effect.fn("timed")(function*<E>(upload: (server: Server) => Effect.Effect<Array<string>, E>) {
  const server = new Server()
  const began = yield* Clock.currentTimeMillis
  const results = yield* upload(server)
  const millis = (yield* Clock.currentTimeMillis) - began
  return { results, connections: server.opened, millis }
})

runMain(
  import.meta,
  Effect.gen(function*() {
    for (const [name, upload] of Object.entries({ "Effect.forEach": byForEach, "WorkerPool.runAll": byPool })) {
      const { connections, millis, results } = yield* timed(upload)
      yield* Console.log(`${name}: ${results.length} uploads over ${connections} connections in ${millis} ms`)
    }
  })
)
