/** Workers that own what the operating system counts: whatever is cancelled and when, nothing stays open. */
import { Effect, Exit, Fiber, Scope } from "effect"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { WorkerPool } from "sluice"
import { afterAll, beforeAll, test } from "vitest"
import { turns } from "../support/effect.js"
import { drawing } from "../support/seed.js"

let server: Server
const accepted = new Set<Socket>()
let folder: string

beforeAll(async () => {
  server = createServer((socket) => {
    accepted.add(socket)
    socket.on("close", () => accepted.delete(socket))
    socket.on("error", () => {})
    socket.on("data", (data) => {
      // Now and then it hangs up instead of answering.
      if (data[0] === 0) socket.destroy()
      else socket.write(data)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  folder = mkdtempSync(join(tmpdir(), "sluice-"))
  writeFileSync(join(folder, "file"), "some text")
})

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true })
})

/** The sockets and files this process has open, by kind. */
const held = (): number =>
  process.getActiveResourcesInfo().filter((kind) => /TCPSocket|FileHandle|TCPConnect/.test(kind)).length

const socket = (invalidate: Effect.Effect<void>): Effect.Effect<Socket, Error, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Socket, Error>((resume) => {
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1")
      socket.once("error", (error) => resume(Effect.fail(error)))
      socket.once("connect", () => resume(Effect.succeed(socket)))
      socket.once("close", () => Effect.runFork(invalidate))
      return Effect.sync(() => socket.destroy())
    }),
    (socket) =>
      Effect.callback<void>((resume) => {
        if (socket.closed) return resume(Effect.void)
        socket.once("close", () => resume(Effect.void))
        socket.destroy()
      }),
    { interruptible: true }
  )

const echo = (socket: Socket, byte: number): Effect.Effect<number, Error> =>
  Effect.callback((resume) => {
    const done = (effect: Effect.Effect<number, Error>) => () => {
      socket.off("data", data).off("close", closed)
      resume(effect)
    }
    const data = done(Effect.succeed(byte))
    const closed = done(Effect.fail(new Error("hung up")))
    socket.on("data", data).on("close", closed)
    socket.write(Buffer.of(byte))
    return Effect.sync(() => void socket.off("data", data).off("close", closed))
  })

const file = Effect.acquireRelease(
  Effect.promise(() => open(join(folder, "file"))),
  (file) => Effect.promise(() => file.close())
)

/** A round: some jobs, of which some callers are interrupted, and then an end of the pool. `random` is seeded. */
const round = <W>(
  random: () => number,
  worker: (info: WorkerPool.WorkerInfo) => Effect.Effect<W, Error, Scope.Scope>,
  run: (n: number, resource: W) => Effect.Effect<unknown, Error>
) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const pool = yield* Scope.provide(
      WorkerPool.make({ size: 2, worker, run: (n: number, { resource }) => run(n, resource) }),
      scope
    )
    const callers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (let n = 0; n < 6; n++) callers.push(yield* Effect.forkChild(Effect.exit(WorkerPool.run(pool, n))))
    for (const caller of callers) {
      yield* turns(Math.floor(random() * 4))
      if (random() < 0.4) yield* Fiber.interrupt(caller)
    }
    const end = Math.floor(random() * 3)
    if (end === 0) yield* WorkerPool.shutdown(pool)
    if (end === 1) yield* WorkerPool.shutdownNow(pool)
    yield* Scope.close(scope, Exit.void)
    yield* Fiber.awaitAll(callers)
    const { queued, running } = WorkerPool.stats(pool)
    assert.equal(queued + running, 0)
  })

const rounds = 1_000

test("sockets: after a thousand rounds of random cancellation none is left, on either side", async () => {
  const random = drawing()
  const before = held()
  for (let n = 0; n < rounds; n++) {
    await Effect.runPromise(round(random, ({ invalidate }) => socket(invalidate), (n, socket) => echo(socket, n)))
  }
  // The other side hears of the last ones a little later.
  while (accepted.size > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(held(), before)
})

test("files: after a thousand rounds of random cancellation none is left", async () => {
  const random = drawing()
  const before = held()
  const read = (file: FileHandle) => Effect.promise(() => file.read(Buffer.alloc(4), 0, 4, 0))
  for (let n = 0; n < rounds; n++) await Effect.runPromise(round(random, () => file, (_, file) => read(file)))
  assert.equal(held(), before)
})
