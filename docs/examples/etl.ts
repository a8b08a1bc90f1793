/**
 * CSV files into SQLite, which a `kill -9` does not undo: `npx tsx docs/examples/etl.ts`. Learn how stages make a
 * pipeline:
 *
 *     files ──▶ parse ──▶ 500 rows at a time ──▶ validate ──▶ write
 *                                                1 worker     1 worker, with the connection
 *
 * - A stage is a pool, and a pipeline a `WorkerPool.map` of a `WorkerPool.map`. The slowest stage holds up all before
 *   it, so memory does not grow with the files.
 * - Results keep the order of the source. So one number says how far a file has been loaded, and each transaction
 *   writes that number with its rows: the next run goes on there, whether this one ended, failed or was killed.
 */
import { type Info, parse } from "csv-parse"
import { Console, Duration, Effect, Result, Stream } from "effect"
import Libsql from "libsql"
import { createReadStream, existsSync } from "node:fs"
import { mkdir, readdir, rename, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pipeline } from "node:stream"
import { WorkerPool } from "sluice"
import { commandLine, count, Failed, refuse, runMain } from "./main.js"

/** Where a row ends in its file. */
interface Position {
  readonly file: string
  readonly byte: number
  readonly line: number
}

type Row = Position & { readonly fields: ReadonlyArray<string> }
type Rows = ReadonlyArray<Row>

/** The columns of an order, or the reason why the row is none. */
type Order = Result.Result<ReadonlyArray<string | number>, string>

const failed = (what: string) => (error: unknown) =>
  new Failed({ message: `${what}: ${error instanceof Error ? error.message : String(error)}` })

const attempt = <A>(what: string, operation: () => Promise<A>) =>
  Effect.tryPromise({ try: operation, catch: failed(what) })

const schema = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, date TEXT, customer TEXT, cents INTEGER) STRICT;
  CREATE TABLE IF NOT EXISTS rejects (file TEXT, line INTEGER, reason TEXT, PRIMARY KEY (file, line)) STRICT;
  CREATE TABLE IF NOT EXISTS positions (file TEXT PRIMARY KEY, byte INTEGER, line INTEGER) STRICT;
`

/** A connection. If the process is killed, the next one that opens the file undoes its unfinished transaction. */
const connect = (path: string) =>
  Effect.acquireRelease(
    Effect.try({ try: () => new Libsql(path, { timeout: 1000 }), catch: failed(path) }),
    (db) => Effect.sync(() => db.close())
  ).pipe(Effect.tap((db) => Effect.try({ try: () => db.exec(schema), catch: failed(path) })))

const toOrder = ([id = "", date = "", customer = "", price = "", ...more]: ReadonlyArray<string>): Order => {
  if (price === "" || more.length > 0) return Result.fail("not four fields")
  if (!/^[1-9]\d{0,15}$/.test(id)) return Result.fail(`bad id: ${JSON.stringify(id)}`)
  if (JSON.stringify(new Date(date)).slice(1, 11) !== date) return Result.fail(`bad date: ${JSON.stringify(date)}`)
  if (!/^\d{1,9}\.\d\d$/.test(price)) return Result.fail(`bad price: ${JSON.stringify(price)}`)
  return Result.succeed([Number(id), date, customer, Number(price.replace(".", ""))])
}

const validate = (rows: Rows) => rows.map(({ fields, ...at }) => ({ at, order: toOrder(fields) }))

/** One transaction. It is synchronous, so an interrupt comes before it or after it. */
const write = (db: Libsql.Database, rows: ReturnType<typeof validate>) => {
  const insert = db.prepare("INSERT INTO orders VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
  const reject = db.prepare("INSERT INTO rejects VALUES (?, ?, ?)")
  const move = db.prepare("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)")
  db.transaction(() => {
    for (const { at: { file, line }, order } of rows) {
      if (Result.isFailure(order)) reject.run(file, line, order.failure)
      else if (insert.run(...order.success).changes === 0) reject.run(file, line, `order ${order.success[0]} is there`)
    }
    const { byte, file, line } = rows.at(-1)!.at
    move.run(file, byte, line)
  })()
  return rows.length
}

/** The rows of a file after this position. The first one of a file is its header. */
const rowsAfter = (directory: string, { byte, file, line }: Position): Stream.Stream<Row, Failed> =>
  Stream.suspend(() => {
    const options = { info: true, relax_column_count: true, relax_quotes: true, max_record_size: 65_536 }
    const parser = parse({ ...options, from: byte === 0 ? 2 : 1 })
    const source = pipeline(createReadStream(join(directory, file), { start: byte }), parser, () => {})
    return Stream.fromAsyncIterable(source as AsyncIterable<{ info: Info; record: Array<string> }>, failed(file))
  }).pipe(
    Stream.map(({ info, record }) => ({ file, byte: byte + info.bytes, line: line + info.lines, fields: record }))
  )

/** Loads the rows of a directory's CSV files that are not loaded yet, and returns how many that were. */
export const load = Effect.fn("load")(function*(directory: string) {
  const path = join(directory, "orders.db")
  const files = (yield* attempt(directory, () => readdir(directory))).filter((name) => name.endsWith(".csv")).sort()
  const positions = yield* Effect.scoped(Effect.map(connect(path), (db) => {
    const known = db.prepare("SELECT file, byte, line FROM positions").all() as ReadonlyArray<Position>
    return files.map((file) => known.find((position) => position.file === file) ?? { file, byte: 0, line: 0 })
  }))
  const validators = yield* WorkerPool.make({ size: 1, run: (rows: Rows) => Effect.sync(() => validate(rows)) })
  // SQLite has one writer at a time.
  const writers = yield* WorkerPool.make({
    size: 1,
    queue: { capacity: 1 },
    worker: () => connect(path),
    run: (rows: ReturnType<typeof validate>, { resource }) =>
      Effect.try({ try: () => write(resource, rows), catch: failed(path) })
  })
  const batch = (from: Position) => Stream.grouped(rowsAfter(directory, from), 500)
  const batches = Stream.flatMap(Stream.fromIterable(positions), batch)
  const written = WorkerPool.map(writers, WorkerPool.map(validators, batches))
  return yield* Stream.runFold(written, () => 0, (sum, rows) => sum + rows)
}, Effect.scoped)

/** Makes the files that are not there yet, with a bad row now and then. A file has its name once it is whole. */
export const generate = (directory: string, rows: number) =>
  attempt(directory, async () => {
    await mkdir(directory, { recursive: true })
    for (const path of [1, 2, 3, 4].map((number) => join(directory, `orders-${number}.csv`))) {
      if (existsSync(path)) continue
      const lines = Array.from({ length: rows / 4 }, (_, n) => {
        const [id, date] = [path.at(-5)! + String(n).padStart(9, "0"), n % 1000 === 999 ? "2024-02-30" : "2024-02-29"]
        return `${id},${date},"Customer ""${n % 977}""\nNew York",${n % 100}.50\n`
      })
      await writeFile(`${path}.part`, `id,date,customer,price\n${lines.join("")}`)
      await rename(`${path}.part`, path)
    }
  })

const usage = `Usage: npx tsx docs/examples/etl.ts [DIR] [--rows N]

Makes CSV files of N rows (400000) in DIR (by default a temporary folder), and loads them into DIR/orders.db.
`

runMain(
  import.meta,
  Effect.gen(function*() {
    const options = { rows: { type: "string", default: "400000" } } as const
    const { positionals: [directory, ...more], values } = commandLine(usage, { allowPositionals: true, options })
    if (more.length > 0) refuse("one directory at most")
    const path = directory ?? join(tmpdir(), "sluice-etl")
    yield* generate(path, count("rows", values.rows))
    const [duration, loaded] = yield* Effect.timed(load(path))
    yield* Console.log(
      `loaded ${loaded} rows into ${join(path, "orders.db")} in ${Duration.toSeconds(duration).toFixed(1)} s`
    )
  })
)
