import { Effect, Result } from "effect"
import { fileURLToPath } from "node:url"
import { WorkerPool } from "sluice"
import { describe, expect, it } from "vitest"
import { acknowledgement, encode, messages, userOf } from "../../docs/examples/sender/message.js"
import { parseOptions } from "../../docs/examples/sender/options.js"
import { makePool, pooled, tries } from "../../docs/examples/sender/pooled.js"
import { serve } from "../../docs/examples/sender/server.js"
import { Tally } from "../../docs/examples/sender/tally.js"
import { type Running, start } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/sender/main.ts", import.meta.url))

const startSender = (...args: ReadonlyArray<string>): Running => start(args, { entry })

/** The cells of a row of the table. */
const row = (table: string, title: string): ReadonlyArray<string> => {
  const line = table.split("\n").find((line) => line.startsWith(title))
  return line!.slice(title.length).trim().split(/ {2,}/)
}

const numbers = (table: string, title: string) => row(table, title).map(Number)

describe.concurrent("the program", () => {
  it("brings every user a message both ways, and shows them side by side", async () => {
    const { code, stderr, stdout } = await startSender("--users", "400", "--workers", "4", "--drop", "0.2").ended
    const table = stdout.toString()
    expect(row(table, "")).toEqual(["a pool of 4", "a fiber each"])
    expect(numbers(table, "users with a message")).toEqual([400, 400])
    const [pool, naive] = numbers(table, "connections opened")
    const [replaced, reconnects] = numbers(table, "reconnects")
    expect(replaced).toBeGreaterThan(0)
    expect(pool).toBe(4 + replaced!)
    expect(naive).toBe(400 + reconnects!)
    // The server's dice are the same, and fall until 400 messages are acknowledged, by any sender and in any order.
    const [once, again] = numbers(table, "duplicates")
    expect(once).toBeGreaterThan(0)
    expect(again).toBe(once)
    expect(stderr).toContain("sender: pooled: 400 of 400 sent; the server has 400")
    expect(code).toBe(0)
  })

  it("says on Ctrl-C what was sent, aborted, returned and left, when the deadline cuts it short", async () => {
    const options = ["--users", "100", "--workers", "2", "--drop", "0", "--delay", "10000000", "--deadline", "0"]
    const { child, ended, says } = startSender(...options)
    await says("2 being sent, 4 waiting")
    child.kill("SIGINT")
    const { code, stderr, stdout } = await ended
    // Whoever was interrupted had written his message, and does not know that it arrived.
    expect(stderr).toContain(
      "pooled: stopped: 0 of 100 sent, 2 aborted, 4 returned, 94 left; the server has 2, and 0 came once more"
    )
    // Nor does the second version begin.
    expect(stderr).not.toContain("naive")
    expect(stdout.length).toBe(0)
    expect(code).toBe(130)
  })

  it("lets what is under way come to its end after Ctrl-C, within the deadline", async () => {
    const options = ["--pooled", "--users", "100000", "--workers", "2", "--delay", "20", "--deadline", "60000"]
    const { child, ended, says } = startSender(...options)
    await says("2 being sent, 4 waiting")
    child.kill("SIGINT")
    const { code, stderr } = await ended
    const [, sent, left] = /stopped: ([\d,]+) of 100,000 sent, 0 aborted, 0 returned, ([\d,]+) left/.exec(stderr)!
    const [sentCount, leftCount] = [sent!, left!].map((text) => Number(text.replaceAll(",", "")))
    expect(sentCount).toBeGreaterThan(0)
    expect(sentCount! + leftCount!).toBe(100_000)
    expect(code).toBe(130)
  })

  it("interrupts every fiber of the naive version on Ctrl-C", async () => {
    const { child, ended, says } = startSender("--naive", "--users", "50", "--drop", "0", "--delay", "10000000")
    await says("naive: 0 of 50 sent")
    child.kill("SIGINT")
    const { code, stderr } = await ended
    expect(stderr).toContain("0 of 50 sent, 50 aborted, 0 returned, 0 left")
    expect(code).toBe(130)
  })

  it("leaves no process behind that sends, when a second Ctrl-C kills it", async () => {
    const options = ["--pooled", "--users", "100", "--delay", "10000000", "--drop", "0", "--deadline", "10000000"]
    const { child, ended, says } = startSender(...options)
    await says("waiting")
    child.kill("SIGINT")
    await says("stopping")
    child.kill("SIGINT")
    // That both have closed standard error is part of having ended.
    expect((await ended).signal).toBe("SIGINT")
  })

  it("gives a message up when it has been tried often enough, and says so with its exit code", async () => {
    const { code, stderr } = await startSender("--pooled", "--users", "5", "--workers", "2", "--drop", "1").ended
    expect(stderr).toContain("pooled: 0 of 5 sent, 5 given up")
    expect(code).toBe(1)
  })

  it("refuses bad options with exit code 1, and begins nothing", async () => {
    const { code, stderr, stdout } = await startSender("--drop", "1.5").ended
    expect(stderr).toBe("sender: --drop must be a number from 0 to 1, got \"1.5\" (see --help)\n")
    expect(stdout.length).toBe(0)
    expect(code).toBe(1)
  })
})

describe("options", () => {
  it.each([
    [["--users", "0"], "--users must be an integer from 1 to 10000000, got \"0\""],
    [["--users", "ten"], "--users must be an integer from 1 to 10000000, got \"ten\""],
    [["--users="], "--users must be an integer from 1 to 10000000, got \"\""],
    [["--workers", "1.5"], "--workers must be an integer from 1 to 10000, got \"1.5\""],
    [["--drop=-1"], "--drop must be a number from 0 to 1, got \"-1\""],
    [["--drop", "often"], "--drop must be a number from 0 to 1, got \"often\""],
    [["--delay", "9999999999"], "--delay must be an integer from 0 to 2147483647, got \"9999999999\""],
    [["--users"], "Option '--users <value>' argument missing"],
    [["--fast"], "Unknown option '--fast'"],
    [["20000"], "Unexpected argument '20000'"]
  ])("%j: %s", (args, message) => {
    expect(Result.getOrThrow(Result.flip(parseOptions(args)))).toBe(message)
  })

  it("are for 20,000 users and both versions by default", () => {
    expect(Result.getOrThrow(parseOptions([]))).toMatchObject({ users: 20_000, versions: ["pooled", "naive"] })
    expect(Result.getOrThrow(parseOptions(["--naive"]))).toMatchObject({ versions: ["naive"] })
  })
})

describe("the pooled sender", () => {
  const server = { drop: 0, delay: 0, seed: 1 }
  const run = <A>(effect: Effect.Effect<A, unknown, Effect.Services<ReturnType<typeof serve>>>) =>
    Effect.runPromise(Effect.scoped(effect))

  it("brings 5,000 users a message each, over connections that break", () =>
    run(Effect.gen(function*() {
      const { port, received } = yield* serve({ ...server, drop: 0.02 })
      const tally = new Tally()
      const task = { version: "pooled", port, users: 5000, workers: 16, deadline: 1000 } as const
      yield* pooled(task, tally, Effect.never)
      expect(tally.sent).toBe(5000)
      expect(received.size).toBe(5000)
      expect(tally.connections).toBe(16 + tally.reconnects)
    })))

  it("takes no late answer for that of the next message", () =>
    run(Effect.gen(function*() {
      const { port, received } = yield* serve({ ...server, delay: 20 })
      const tally = new Tally()
      const pool = yield* makePool({ port, workers: 1 }, tally)
      const [first, second] = [...messages(2)]
      const handle = yield* WorkerPool.submit(pool, first!)
      expect(yield* handle.cancel).toBe(true)
      yield* WorkerPool.run(pool, second!)
      expect(received.get(2)).toBe(1)
      expect(WorkerPool.stats(pool).replaced).toBe(1)
    })))

  it("tries a message as often as it may be, each time over a new connection", () =>
    run(Effect.gen(function*() {
      const { port } = yield* serve({ ...server, drop: 1 })
      const tally = new Tally()
      yield* pooled({ version: "pooled", port, users: 1, workers: 1, deadline: 0 }, tally, Effect.never)
      expect(tally).toMatchObject({ sent: 0, gaveUp: 1 })
      expect(tally.connections).toBeGreaterThanOrEqual(tries)
    })))

  it("cannot begin without a server", () =>
    run(Effect.gen(function*() {
      const { port } = yield* Effect.scoped(serve(server))
      const tally = new Tally()
      const task = { version: "pooled", port, users: 1, workers: 2, deadline: 0 } as const
      const error = yield* Effect.flip(pooled(task, tally, Effect.never))
      expect(error.message).toBe("the server could not be reached: ECONNREFUSED")
    })))

  it("says whose message a line is", () => {
    const [message] = messages(1)
    expect(userOf(encode(message!))).toBe(1)
    expect(acknowledgement(1)).toBe("ok 1\n")
  })
})
