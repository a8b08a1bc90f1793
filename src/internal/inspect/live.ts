import type { Dump } from "./model.js"

/** A dump as an event. `key` is equal for dumps that differ in the time alone. */
interface Frame {
  readonly key: string
  readonly event: string
}

interface Client {
  readonly controller: ReadableStreamDefaultController<Uint8Array>
  /** Forgets the client. Twice is once. */
  readonly leave: () => void
  /** The last frame that was sent to it. */
  seen: Frame | undefined
}

const encoder = new TextEncoder()

const eventOf = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

// The page continues durations by itself, with an error of at most this much. Reads of a clock differ by less.
const sameMillis = 1000

/**
 * A key has the moment at which each wait and hold began, instead of its duration: unchanged while the wait lasts, and
 * different when the same fiber waits again.
 */
const keyOf = (dump: Dump): string =>
  JSON.stringify(dump, (name, value: unknown) => {
    if (typeof value !== "number") return value
    if (name === "millis") return Math.round((dump.at - value) / sameMillis)
    return name === "at" ? undefined : value
  })

/** Looks take at most a tenth of the time: after one, there is none for nine times its own duration. */
const rest = 9

/**
 * Dumps as server-sent events: `time` at each interval, and after it `dump` if the dump is another one, or `failed`
 * with a message if the look throws. A client without `time` knows that the process is blocked. All clients share one
 * look. Without a client there is no look and no timer.
 */
export class Live {
  private readonly clients = new Set<Client>()
  private timer: ReturnType<typeof setInterval> | undefined
  private frame: Frame = { key: "", event: "" }
  /** By the monotonic clock. */
  private nextLook = 0

  constructor(private readonly look: () => Dump, private readonly interval: number) {}

  /** The stream of one client. It ends when the client cancels it, and when `signal` aborts. */
  stream(signal: AbortSignal): ReadableStream<Uint8Array> {
    let leave = (): void => {}
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        if (signal.aborted) return controller.close()
        const abort = (): void => {
          leave()
          controller.close()
        }
        const client: Client = {
          controller,
          leave: () => {
            signal.removeEventListener("abort", abort)
            this.remove(client)
          },
          seen: undefined
        }
        leave = client.leave
        signal.addEventListener("abort", abort)
        this.add(client)
      },
      cancel: () => leave()
    })
  }

  private add(client: Client): void {
    if (this.clients.size === 0) {
      this.timer = setInterval(() => this.tick(), this.interval)
      // A timer of Node, Bun and Deno can let the process end. A browser's timer is a number.
      const timer: unknown = this.timer
      if (typeof timer === "object") (timer as { unref?(): void }).unref?.()
    }
    this.clients.add(client)
    this.lookAgain()
    this.send(client)
  }

  private remove(client: Client): void {
    if (this.clients.delete(client) && this.clients.size === 0) clearInterval(this.timer)
  }

  private tick(): void {
    // A client that has not read its last event receives none now. Its next one will be the newest dump.
    const ready = [...this.clients].filter(({ controller }) => (controller.desiredSize ?? 0) > 0)
    if (ready.length === 0) return
    this.lookAgain()
    for (const client of ready) this.send(client)
  }

  private lookAgain(): void {
    const began = performance.now()
    if (began < this.nextLook) return
    const { event, key } = this.frameNow()
    // `send` compares frames by identity.
    if (key !== this.frame.key) this.frame = { event, key }
    const ended = performance.now()
    this.nextLook = ended + rest * (ended - began)
  }

  private frameNow(): Frame {
    try {
      const dump = this.look()
      return { key: keyOf(dump), event: eventOf("dump", dump) }
    } catch (error) {
      const message = messageOf(error)
      return { key: `failed: ${message}`, event: eventOf("failed", message) }
    }
  }

  private send(client: Client): void {
    const { controller, seen } = client
    // A browser that loses the connection connects again after this time.
    const retry = seen === undefined ? "retry: 1000\n" : ""
    const event = seen === this.frame ? "" : this.frame.event
    try {
      controller.enqueue(encoder.encode(retry + eventOf("time", Date.now()) + event))
      client.seen = this.frame
    } catch {
      // The stream has ended without its signal. An exception here would end the streams of the clients after it.
      client.leave()
    }
  }
}
