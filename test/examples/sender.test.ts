import { Effect, Exit, Option } from "effect"
import { fileURLToPath } from "node:url"
import { describe, expect, it, vi } from "vitest"
import { Mailbox, sendAll, Sender } from "../../docs/examples/sender.js"
import { run, start } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/sender.ts", import.meta.url))

const message = (id: number) => ({ id, text: "hello" })

/** Runs an effect with the pool and its server, and returns its result with the lines of the report. */
const withSender = async <A, E>(
  options: Parameters<typeof Mailbox.layer>[0],
  effect: Effect.Effect<A, E, Sender | Mailbox>
) => {
  const lines: Array<unknown> = []
  const log = vi.spyOn(console, "log").mockImplementation((line) => lines.push(line))
  const error = vi.spyOn(console, "error").mockImplementation((line) => lines.push(line))
  const result = await Effect.runPromise(
    effect.pipe(Effect.exit, Effect.provide(Sender.layer), Effect.provide(Mailbox.layer(options)))
  )
  log.mockRestore()
  error.mockRestore()
  return { result, lines }
}

describe("the sender", () => {
  it("brings the server every message, over connections that break", async () => {
    const { lines, result } = await withSender(
      { hangUp: 20 },
      Effect.gen(function*() {
        yield* sendAll(2_000)
        const { size } = yield* Sender.stats
        const { received } = yield* Mailbox
        const copies = [...received.values()].map((times) => times - 1)
        return {
          ids: [...received.keys()].sort((a, b) => a - b),
          copies: copies.reduce((sum, count) => sum + count),
          twice: copies.filter((count) => count > 0).length,
          size
        }
      })
    )
    // The server hangs up on 105 of 2,105 messages, and has stored every second one of these. A message may be among
    // them again as it is sent again, so how many have copies depends on the order of the connections.
    const ids = Array.from({ length: 2_000 }, (_, i) => i + 1)
    expect(result).toMatchObject({ value: { ids, copies: 52, size: 16 } })
    expect(lines[1]).toBe("sent 2000, given up 0")
    const { twice } = Exit.getSuccess(result).pipe(Option.getOrThrow)
    expect(lines[3]).toBe(`the server has 2000 messages, ${twice} of them more than once`)
  })

  it("gives a message up after ten attempts, each over another connection", async () => {
    const { lines, result } = await withSender(
      { hangUp: 1 },
      Effect.gen(function*() {
        yield* Effect.exit(sendAll(1))
        return (yield* Sender.stats).replaced
      })
    )
    expect(lines.slice(1, 3)).toEqual(["message 1: exhausted after 10 attempts", "sent 0, given up 1"])
    expect(result).toMatchObject({ value: 10 })
  })

  it("reads no late answer for that of the next message", async () => {
    const { result } = await withSender(
      { delay: 50, hangUp: Infinity },
      Effect.gen(function*() {
        for (let id = 1; id <= 16; id++) {
          const handle = yield* Sender.submit(message(id))
          yield* handle.cancel
          yield* Sender.run(message(100 + id))
        }
        return (yield* Mailbox).received.get(116)
      })
    )
    expect(result).toMatchObject({ value: 1 })
  })

  it("sends what it has accepted as it ends, and reports what was cut short after two seconds", async () => {
    const submitAll = Effect.forEach(Array.from({ length: 20 }, (_, i) => message(i)), Sender.submit)
    const drained = await withSender({ delay: 20, hangUp: Infinity }, submitAll)
    expect(drained.lines[0]).toBe("sent 20, given up 0")
    const cut = await withSender({ delay: 60_000, hangUp: Infinity }, submitAll)
    expect(cut.lines).toEqual([
      "sent 0, given up 0",
      "cut short, so perhaps sent: 16; not begun: 4",
      "the server has 16 messages, 0 of them more than once"
    ])
  })
})

describe.concurrent("the program", () => {
  it("prints the report", async () => {
    const { code, stderr, stdout } = await run(["--messages", "200"], { entry })
    expect(stdout.toString()).toMatch(/^sent 200, given up 0\n/)
    expect(stderr).toBe("sending 200 messages\n")
    expect(code).toBe(0)
  })

  it("ends with code 1 when messages were given up", async () => {
    const { code, stderr } = await run(["--messages", "2", "--hang-up", "1"], { entry })
    expect(stderr).toMatch(/\nsender: 2 messages were given up\n$/)
    expect(code).toBe(1)
  })

  it("prints the report on Ctrl-C too", async () => {
    const { child, ended, says } = start(["--messages", "99999999", "--hang-up", "10"], { entry })
    await says("sending")
    child.kill("SIGINT")
    const { code, stdout } = await ended
    expect(stdout.toString()).toMatch(/^sent \d+, given up \d+\ncut short, so perhaps sent: 0; not begun: 0\n/)
    expect(code).toBe(130)
  })

  it("refuses what is no number of messages", async () => {
    const { code, stderr } = await run(["--messages", "none"], { entry })
    expect(stderr).toBe("sender: --messages must be an integer from 1, got \"none\" (see --help)\n")
    expect(code).toBe(2)
  })
})
