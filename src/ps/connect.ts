/** Opens the inspector of a process, makes sure that it is that process's, and closes it again. */
import { get } from "node:http"
import { CannotLook } from "./errors.js"
import { connectTo, type Session } from "./Session.js"
import type { Address, Target } from "./Target.js"
import { within } from "./within.js"

export interface ConnectOptions {
  /** Where the inspector listens. Undefined: found out. */
  readonly port: number | undefined
  /** How long the process may take to react, in milliseconds. */
  readonly timeout: number
  /** Closes the inspector in the end, also if it was open before. */
  readonly close: boolean
  /** Is called once if the process does not react soon. */
  readonly slow: () => void
  readonly signal: AbortSignal
}

export interface Inspected {
  readonly session: Session
  /** Closes what was opened: the connection, and the inspector. */
  readonly close: () => Promise<void>
}

export const connectToProcess = async (target: Target, options: ConnectOptions): Promise<Inspected> => {
  const notice = setTimeout(options.slow, 2_000)
  try {
    return await new Opening(target, options).open()
  } finally {
    clearTimeout(notice)
  }
}

const delay = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const step = 20

/** How long an interrupted look waits for the inspector that it has asked for, in milliseconds. */
const lastWait = 1_000

/** Signals a process when its inspector's port is free. */
class Signals {
  private readonly began = performance.now()
  private checked = -Infinity
  private sent = -Infinity
  private count = 0

  constructor(private readonly target: Target, private readonly timeout: number) {}

  /** Whether the inspector may open, now or later. */
  get wereSent(): boolean {
    return this.sent > -Infinity
  }

  /** Is called repeatedly, until the inspector is open. */
  send(): void {
    const now = performance.now()
    if (now < this.checked + 500) return
    this.checked = now
    const { inspectorPort, pid } = this.target
    const owner = this.target.ownerOf(inspectorPort)
    if (owner !== undefined) {
      // Another `sluice ps` is done soon. Node tries the port once for each signal.
      this.count = 0
      if (now < this.began + this.timeout / 2) return
      throw new CannotLook(`port ${inspectorPort}, where process ${pid} opens its inspector, is taken by ${owner}`)
    }
    // The second signal is for a port that was taken for a moment only.
    if (this.count === 2 || (this.count === 1 && now < this.sent + this.timeout / 4)) return
    this.target.wake()
    this.count++
    this.sent = now
  }
}

class Opening {
  private readonly deadline: number

  constructor(private readonly target: Target, private readonly options: ConnectOptions) {
    this.deadline = performance.now() + options.timeout
  }

  private get left(): number {
    return this.deadline - performance.now()
  }

  async open(): Promise<Inspected> {
    const { options: { port }, target: { inspectorPort, pid } } = this
    if (port !== undefined) {
      const found = await this.tryEach([{ host: "127.0.0.1", port }], true)
      if (found !== undefined) return found
      throw new CannotLook(`no inspector of process ${pid} listens on port ${port}`)
    }
    const before = this.target.listening()
    const likely = before === undefined
      ? [{ host: "127.0.0.1", port: inspectorPort }]
      : before.filter((one) => inspectorPort === 0 || one.port === inspectorPort)
    return await this.tryEach(likely, true) ?? await this.wake(before)
  }

  private async wake(before: ReadonlyArray<Address> | undefined): Promise<Inspected> {
    const { options: { signal, timeout }, target } = this
    const { inspectorPort, pid } = target
    const signals = new Signals(target, timeout)
    let end = this.deadline
    for (let round = 0; performance.now() < end; round++) {
      if (!signal.aborted) signals.send()
      else if (!signals.wereSent) throw new CannotLook("interrupted")
      // The inspector that was asked for is about to open, and would stay open.
      else end = Math.min(end, performance.now() + lastWait)
      await delay(step)
      const isNew = (one: Address) => before?.every(({ port }) => port !== one.port) ?? false
      const found = await this.tryEach(
        before === undefined ? [{ host: "127.0.0.1", port: inspectorPort }] : this.listening.filter(isNew),
        false
      )
      if (found !== undefined) return found
      // The program may have opened its inspector itself, at a port of its choice.
      if (round !== 20) continue
      const own = await this.tryEach((before ?? []).filter(({ host }) => /^127\.|^::1$/.test(host)), true)
      if (own !== undefined) return own
    }
    const reason = signal.aborted
      ? "interrupted"
      : `process ${pid} did not open its inspector within ${timeout / 1_000} s: ` +
        `its main thread ${target.occupation()}, or the program handles SIGUSR1 itself`
    throw new CannotLook(`${reason}. The inspector may open later: sluice ps --close looks, and closes it`)
  }

  private get listening(): ReadonlyArray<Address> {
    return this.target.listening() ?? []
  }

  private async tryEach(addresses: ReadonlyArray<Address>, wasOpen: boolean): Promise<Inspected | undefined> {
    for (const address of addresses) {
      const url = await urlAt(address)
      if (url === undefined) continue
      const inspected = await this.verify(url, wasOpen)
      if (inspected !== undefined) return inspected
    }
    return undefined
  }

  /** Undefined if the inspector is another process's. */
  private async verify(url: string, wasOpen: boolean): Promise<Inspected | undefined> {
    const { options, target } = this
    const connection = await connectTo(url).catch(() => undefined)
    if (connection === undefined) return undefined
    const { session } = connection
    const mayClose = !wasOpen || options.close
    // Another look that is done closes the inspector.
    const asked = session.evaluate("process.pid ?? 'none'").catch(() => "lost")
    const pid = await within(asked, Math.max(this.left, 1_000))
    if (pid === target.ownPid) return { session, close: () => close(connection, mayClose) }
    if (pid !== undefined) {
      connection.close()
      // Node has not made its `process` yet.
      if (pid === "none") {
        throw new CannotLook(`process ${target.pid} waits for a debugger before it begins, as with --inspect-brk`)
      }
      return undefined
    }
    // The command stays in the queue of the main thread, so that the inspector closes when the thread goes on.
    void close(connection, mayClose)
    throw new CannotLook(
      `process ${target.pid} did not react within ${options.timeout / 1_000} s: its main thread ${target.occupation()}`
    )
  }
}

/**
 * Closes at once: Node then ends all connections, ours too. It does so while JavaScript runs without end, where a timer
 * or an immediate would not come.
 */
const closing = `void process.getBuiltinModule("node:inspector").close()`

const close = async ({ close, session }: { readonly session: Session; readonly close: () => void }, all: boolean) => {
  if (all) {
    void session.evaluate(closing).catch(() => {})
    await within(session.end, 2_000)
  }
  close()
}

/** The address of the debugger, as Node's inspector gives it. Undefined if something else listens there. */
const urlAt = ({ host, port }: Address): Promise<string | undefined> =>
  new Promise((resolve) => {
    const sent = get({ host, port, path: "/json/list", timeout: 1_000, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (data: string) => {
        text += data
        // An inspector says less.
        if (text.length > 100_000) sent.destroy()
      })
      response.on("end", () => resolve(urlIn(text)))
      response.on("close", () => resolve(undefined))
    })
    sent.on("timeout", () => sent.destroy())
    sent.on("error", () => resolve(undefined))
  })

const urlIn = (text: string): string | undefined => {
  try {
    const [first] = JSON.parse(text) as ReadonlyArray<
      { readonly type?: unknown; readonly webSocketDebuggerUrl?: unknown }
    >
    return first?.type === "node" && typeof first.webSocketDebuggerUrl === "string"
      ? first.webSocketDebuggerUrl
      : undefined
  } catch {
    return undefined
  }
}
