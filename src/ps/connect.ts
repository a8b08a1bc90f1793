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
/** For so long another process may own the port: another `sluice ps` is done by then. */
const patience = 3_000

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
    const { target } = this
    target.wake()
    let next = performance.now() + 500
    let round = 0
    const taken = { since: Infinity, by: "" }
    while (this.left > 0) {
      await delay(step)
      const isNew = (one: Address) => before?.every(({ port }) => port !== one.port) ?? false
      const found = await this.tryEach(
        before === undefined ? [{ host: "127.0.0.1", port: target.inspectorPort }] : this.listening.filter(isNew),
        false
      )
      if (found !== undefined) return found
      if (performance.now() < next) continue
      next = performance.now() + 500
      const owner = target.ownerOf(target.inspectorPort)
      if (owner !== undefined) {
        taken.since = Math.min(taken.since, performance.now())
        taken.by = owner
        // Node has tried once, and tries again when asked again.
        target.wake()
      }
      if (performance.now() - taken.since > patience) {
        throw new CannotLook(
          `port ${target.inspectorPort}, where process ${target.pid} opens its inspector, is taken by ${taken.by}`
        )
      }
      // The program may have opened its inspector itself, at a port of its choice.
      if (++round === 2) {
        const own = await this.tryEach((before ?? []).filter(({ host }) => /^127\.|^::1$/.test(host)), true)
        if (own !== undefined) return own
      }
    }
    throw new CannotLook(
      `process ${target.pid} did not open its inspector within ${this.options.timeout / 1_000} s: its main thread ` +
        `${target.occupation()}, or the program handles SIGUSR1 itself. ` +
        "The inspector may open later: sluice ps --close looks, and closes it"
    )
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
    const pid = await within(session.evaluate("process.pid").catch(() => undefined), Math.max(this.left, 1_000))
    if (pid === target.ownPid) return { session, close: () => close(connection, mayClose) }
    if (pid !== undefined) {
      connection.close()
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
