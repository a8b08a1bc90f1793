/**
 * Many messages over a few connections that break: `npx tsx docs/examples/sender.ts`. Learn how a pool as a service
 * keeps its connections and loses no message:
 *
 * - A worker owns a connection. A job that has seen it break condemns it (`invalidate`); the worker then opens another
 *   one, and tries for as long as `restart` says.
 * - The message is sent again (`retry`), so it arrives at least once. A message that was tried too often is reported.
 * - `submit` waits while the queue is full, so only a few of the messages are in memory.
 * - Ctrl-C interrupts the program, which closes the layer. Accepted messages may still be sent for two seconds
 *   (`drain`), and the report says which were (`onShutdown`).
 */
import { Console, Context, Data, Effect, Layer, Schedule } from "effect"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { createInterface } from "node:readline"
import { WorkerPool } from "sluice"
import { commandLine, count, Failed, runMain } from "./main.js"

export interface Message {
  readonly id: number
  readonly text: string
}

class HungUp extends Data.TaggedError("HungUp") {
  override readonly message = "the server hung up"
}

class Unreachable extends Data.TaggedError("Unreachable")<{ readonly code: string }> {
  override get message(): string {
    return `the server could not be reached: ${this.code}`
  }
}

/** A server in this process, which hangs up on each `hangUp`th message, every second time after it has stored it. */
export class Mailbox extends Context.Service<Mailbox, {
  readonly port: number
  /** How often each message has arrived. */
  readonly received: Map<number, number>
}>()("sender/Mailbox") {
  static readonly layer = ({ delay = 0, hangUp }: { readonly hangUp: number; readonly delay?: number }) =>
    Layer.effect(
      Mailbox,
      Effect.gen(function*() {
        const received = new Map<number, number>()
        let messages = 0
        const receive = (socket: Socket, id: number): void => {
          messages++
          const hangsUp = messages % hangUp === 0
          const stores = !hangsUp || messages % (2 * hangUp) === 0
          if (stores) received.set(id, (received.get(id) ?? 0) + 1)
          if (hangsUp) socket.destroy()
          else setTimeout(() => socket.write(`ok ${id}\n`), delay)
        }
        const server = createServer((socket) => {
          sockets.add(socket.on("error", () => {}))
          createInterface(socket).on("line", (line) => receive(socket, parseInt(line)))
        })
        const sockets = new Set<Socket>()
        yield* Effect.acquireRelease(
          Effect.callback<Server>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))),
          () => Effect.sync(() => (server.close(), sockets.forEach((socket) => socket.destroy())))
        )
        return { port: (server.address() as AddressInfo).port, received }
      })
    )
}

const open = Effect.gen(function*() {
  const { port } = yield* Mailbox
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => connect(port, "127.0.0.1").on("error", () => {})),
    (socket) => Effect.sync(() => socket.destroy())
  )
  yield* Effect.callback<void, Unreachable>((resume) => {
    socket.once("connect", () => resume(Effect.void))
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resume(new Unreachable({ code: String(code) })))
  })
  return socket
})

/** Returns once the server has acknowledged the message. */
const send = (socket: Socket, { id, text }: Message): Effect.Effect<void, HungUp> =>
  Effect.callback((resume) => {
    let answer = ""
    const onData = (chunk: Buffer) => {
      answer += String(chunk)
      if (answer === `ok ${id}\n`) end(Effect.void)
    }
    const onClose = () => end(new HungUp())
    const release = () => socket.off("data", onData).off("close", onClose)
    const end = (exit: Effect.Effect<void, HungUp>) => {
      release()
      resume(exit)
    }
    if (socket.destroyed) return onClose()
    socket.on("data", onData).on("close", onClose).write(`${id} ${text}\n`)
    return Effect.sync(release)
  })

export class Sender extends WorkerPool.Service<Sender>()("sender/Sender", {
  size: 16,
  worker: () => open,
  restart: Schedule.jittered(Schedule.upTo(Schedule.exponential("20 millis"), { times: 8 })),
  // A message that fails or is interrupted leaves the connection in the midst of an answer: no other may read that.
  run: (message: Message, { invalidate, resource }) => Effect.onError(send(resource, message), () => invalidate),
  retry: {
    times: 9,
    schedule: Schedule.spaced("10 millis"),
    deadLetters: {
      sink: ({ attempts, job, reason }) => Console.error(`message ${job.id}: ${reason} after ${attempts} attempts`)
    }
  },
  drain: "2 seconds",
  onShutdown: ({ aborted, counts, returned }) =>
    Effect.gen(function*() {
      const { received } = yield* Mailbox
      const twice = [...received.values()].filter((times) => times > 1).length
      yield* Console.log(`sent ${counts.succeeded}, given up ${counts.deadLettered}`)
      yield* Console.log(`cut short, so perhaps sent: ${aborted.length}; not begun: ${returned.length}`)
      yield* Console.log(`the server has ${received.size} messages, ${twice} of them more than once`)
    })
}) {}

export const sendAll = Effect.fn("sendAll")(function*(messages: number) {
  yield* Console.error(`sending ${messages} messages`)
  for (let id = 1; id <= messages; id++) yield* Sender.submit({ id, text: `Dear user ${id}, your statement is ready.` })
  yield* Sender.idle
  const { deadLettered } = yield* Sender.stats
  if (deadLettered > 0) return yield* new Failed({ message: `${deadLettered} messages were given up` })
})

const usage = `Usage: npx tsx docs/examples/sender.ts [--messages N] [--hang-up N]

Sends N messages (20000) over 16 connections to a server that hangs up on every Nth message (50). Ctrl-C ends it.
`

runMain(
  import.meta,
  Effect.suspend(() => {
    const { values } = commandLine(usage, {
      options: { messages: { type: "string", default: "20000" }, "hang-up": { type: "string", default: "50" } }
    })
    return sendAll(count("messages", values.messages)).pipe(
      Effect.provide(Sender.layer),
      Effect.provide(Mailbox.layer({ hangUp: count("hang-up", values["hang-up"]) }))
    )
  })
)
