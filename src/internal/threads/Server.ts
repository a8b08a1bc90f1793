import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { AnyFiber } from "../stack.js"
import { copyOf, uncopied } from "./copy.js"
import type { Effects } from "./effects.js"
import { isThenable, type JobContext, noStream, type Served } from "./handlers.js"
import { heapMeter } from "./heap.js"
import { Board, type FromThread, type Init, isTagged, kinds, stride, type ToThread, version } from "./protocol.js"
import { Reports } from "./Reports.js"
import { addAll, gone, isGone, transfersOf } from "./transfer.js"
import { cloneable, defect, failed, interrupted, messageOf, type Outcome, type Reason, succeeded } from "./wire.js"

// How long the thread may compute until results go, each of which could go alone: a message takes some hundredth of
// that.
const patienceMillis = 0.25

/** A call that runs. */
class Running implements JobContext<unknown> {
  isInterrupted = false
  fiber: AnyFiber | undefined = undefined
  private controller: AbortController | undefined = undefined
  private isOver = false
  private reports: Reports | undefined = undefined

  constructor(
    private readonly board: Board,
    readonly seat: number,
    readonly turn: number,
    private readonly post: (message: FromThread) => void
  ) {}

  readonly isCancelled = (): boolean => this.board.isAsked(this.seat, this.turn)

  get signal(): AbortSignal {
    this.controller ??= new AbortController()
    if (this.isCancelled()) this.controller.abort()
    return this.controller.signal
  }

  get report(): (progress: unknown) => void {
    if (this.reports === undefined) {
      const { post, seat, turn } = this
      this.reports = new Reports((value) => post({ _tag: "progress", seat, turn, value }))
      if (this.isOver) this.reports.end()
    }
    return this.reports.report
  }

  cancel(): void {
    this.isInterrupted = true
    this.controller?.abort()
    this.fiber?.interruptUnsafe()
  }

  end(): void {
    this.isOver = true
    this.reports?.end()
  }
}

/**
 * The thread's side. Calls come in batches and begin in their order, as many at a time as `concurrency` says; their
 * results go in batches as well.
 *
 *     starting ──▶ serving ──▶ closing      with the last call that runs, the layer's finalizers
 *         │──────────────────────▲          the layer was still being built
 *         └──▶ failed ─────────────┘          the module threw, or the layer could not be built
 */
export class Server {
  private state: "starting" | "serving" | "closing" | "failed" = "starting"
  private readonly board: Board
  /** Calls that have not begun: flat, as they came. The first `next` entries are over. */
  private queue: Array<unknown> = []
  private next = 0
  private running = 0
  private received = 0
  private readonly bySeat = new Map<number, Running>()
  private outbox: Array<unknown> = []
  /** When results have gone, or the thread has become busy. */
  private since = 0
  /** Functions that took no time when they ran last. A result does not wait for any other: it might never end. */
  private readonly quick = new Set<string>()
  /**
   * The runtime of effects, loaded for the first effect or for the layer: threads are to start soon, and most have
   * neither.
   */
  private effects: Effects | undefined = undefined
  private loading: Promise<Effects> | undefined = undefined
  private readonly heapUsed: (() => number) | undefined
  private served: Served = { handlers: {}, layer: undefined }

  constructor(private readonly init: Init) {
    this.board = new Board(init.words)
    this.heapUsed = init.measuresHeap === true ? heapMeter() : undefined
    init.port.onmessage = ({ data }) => {
      this.received++
      this.receive(data as ToThread)
    }
    init.port.onmessageerror = () => this.post({ _tag: "garbled", message: ++this.received })
  }

  /** Serves once the module has been evaluated. Until then it may throw, or wait for what its functions need. */
  async start(loaded: Promise<Served>): Promise<void> {
    try {
      this.served = await loaded
    } catch (error) {
      return this.fail("module", defect(error))
    }
    const { layer } = this.served
    if (layer === undefined) this.ready()
    else await this.build(layer)
  }

  private load(): Promise<Effects> {
    return this.loading ??= import("./effects.js").then(({ Effects }) => this.effects = new Effects())
  }

  private async build(layer: Layer.Layer<unknown, unknown>): Promise<void> {
    this.post({ _tag: "building" })
    const effects = await this.load()
    if (this.isClosing) return
    effects.build(layer, (failure) => {
      if (this.isClosing) return
      if (failure === undefined) this.ready()
      else this.fail("layer", failure)
    })
  }

  private get isClosing(): boolean {
    return this.state === "closing"
  }

  private ready(): void {
    this.state = "serving"
    const { handlers, layer } = this.served
    this.post({ _tag: "ready", version, jobs: Object.keys(handlers), closes: layer !== undefined })
  }

  private fail(reason: "module" | "layer", cause: ReadonlyArray<Reason>): void {
    this.state = "failed"
    this.tell(cause, (cause) => ({ _tag: "failed", reason, cause }))
  }

  private tell(cause: ReadonlyArray<Reason>, message: (cause: ReadonlyArray<Reason>) => FromThread): void {
    try {
      this.post(message(cause))
    } catch {
      this.post(message(cloneable(cause)))
    }
  }

  private readonly post = (message: FromThread, transfer: ReadonlyArray<unknown> = []): void =>
    this.init.port.postMessage(message, transfer)

  private receive(message: ToThread): void {
    if (!isTagged(message)) {
      if (!this.init.isShared) this.offer(message)
      this.forget()
      for (const part of message) this.queue.push(part)
      this.pump()
    } else if (message._tag === "cancel") {
      // It has not begun, or it runs, or it is over. Where the words are shared the pool has withdrawn it itself.
      if (this.board.withdraw(message.seat, message.turn)) {
        this.reply(message.seat, message.turn, kinds.skipped, undefined)
      }
      this.board.ask(message.seat, message.turn)
      const running = this.bySeat.get(message.seat)
      if (running?.turn === message.turn) running.cancel()
      this.flush()
    } else if (message._tag === "ping") {
      this.post({ _tag: "pong" })
    } else {
      this.close()
    }
  }

  /**
   * Calls that are over leave the queue once they are half of it: so the queue neither grows without end nor is moved
   * with each message.
   */
  private forget(): void {
    if (this.next * 2 < this.queue.length) return
    this.queue.splice(0, this.next)
    this.next = 0
  }

  /** Where the words are not shared, the pool's are not ours. */
  private offer(calls: ReadonlyArray<unknown>): void {
    for (let at = 0; at < calls.length; at += stride) this.board.offer(calls[at] as number, calls[at + 1] as number)
  }

  private pump(): void {
    let now = performance.now()
    this.since = now
    while (this.running < this.init.concurrency && this.next < this.queue.length && this.state === "serving") {
      const { next, queue } = this
      this.next += stride
      const [seat, turn, name] = [queue[next] as number, queue[next + 1] as number, queue[next + 2] as string]
      const input = queue[next + 3]
      // The queue keeps an input no longer than its call takes.
      queue[next + 3] = undefined
      // The call was withdrawn, and its end has been reported.
      if (!this.board.begin(seat, turn)) continue
      if (!this.quick.has(name)) this.flush()
      this.begin(new Running(this.board, seat, turn, this.post), name, input)
      const began = now
      now = performance.now()
      if (now - began < patienceMillis) this.quick.add(name)
      else this.quick.delete(name)
      if (now - this.since < patienceMillis) continue
      this.since = now
      this.flush()
    }
    this.flush()
  }

  private begin(running: Running, name: string, input: unknown): void {
    const { handlers } = this.served
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined
    let result: unknown
    let effect: AnyEffect | undefined
    let promise: Promise<unknown> | undefined
    try {
      if (handler === undefined) throw new TypeError(`ThreadWorker.serve: there is no job ${JSON.stringify(name)}`)
      result = handler(input as never, running)
      // A proxy may throw when it is asked what it is. And what is merely like a promise may throw, or end twice, or at
      // once.
      if (isEffect(result)) effect = result
      else if (isThenable(result)) promise = Promise.resolve(result)
      else noStream(name, result)
    } catch (error) {
      return this.end(running, failed(defect(error)))
    }
    if (effect !== undefined) {
      if (this.effects === undefined) this.runFirst(running, effect)
      else this.run(this.effects, running, effect)
    } else if (promise !== undefined) {
      this.hold(running)
      promise.then(
        (value) => this.endLater(running, succeeded(value)),
        (error: unknown) => this.endLater(running, failed(defect(error)))
      )
    } else {
      this.end(running, succeeded(result))
    }
  }

  private run(effects: Effects, running: Running, effect: AnyEffect): void {
    const fiber = effects.fork(effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.end(running, effects.outcomeOf(exit))
    this.hold(running)
    this.watch(effects, running, fiber)
  }

  private watch(effects: Effects, running: Running, fiber: AnyFiber): void {
    running.fiber = fiber
    fiber.addObserver((exit) => this.endLater(running, effects.outcomeOf(exit)))
  }

  /** There may be several before what runs them has been loaded. */
  private runFirst(running: Running, effect: AnyEffect): void {
    this.hold(running)
    this.load().then((effects) => {
      if (running.isInterrupted) return this.endLater(running, failed(interrupted))
      this.watch(effects, running, effects.fork(effect))
    }, (error: unknown) => this.endLater(running, failed(defect(error))))
  }

  private hold(running: Running): void {
    this.running++
    this.bySeat.set(running.seat, running)
  }

  private endLater(running: Running, outcome: Outcome): void {
    this.running--
    this.bySeat.delete(running.seat)
    this.end(running, outcome)
    this.pump()
    if (this.isClosing) this.closeIdle()
  }

  private end(running: Running, [kind, value]: Outcome): void {
    running.end()
    this.reply(running.seat, running.turn, kind, value)
  }

  private reply(seat: number, turn: number, kind: number, value: unknown): void {
    const copy = copyOf(value)
    this.outbox.push(seat, turn, kind, copy === uncopied ? value : copy)
    // As it is now: it may be changed by the next call.
    if (copy === uncopied) this.flush()
  }

  private flush(): void {
    const { heapUsed, outbox } = this
    if (outbox.length === 0) return
    this.outbox = []
    // T8: before the results, whose seats have their next calls at once.
    if (heapUsed !== undefined) this.post({ _tag: "heap", used: heapUsed() })
    const transfers: Array<unknown> = []
    for (let at = 3; at < outbox.length; at += stride) addAll(transfers, transfersOf(outbox[at]))
    try {
      if (isGone(transfers)) throw new Error(gone)
      this.post(outbox, transfers)
    } catch {
      for (let at = 0; at < outbox.length; at += stride) this.postAlone(outbox.slice(at, at + stride))
    }
  }

  /** One of a batch cannot be sent: each for itself, then. */
  private postAlone(result: ReadonlyArray<unknown>): void {
    const [seat, turn, kind, value] = result
    const transfers = transfersOf(value)
    try {
      if (isGone(transfers)) throw new Error(gone)
      this.post(result, transfers)
    } catch (error) {
      const instead = kind === kinds.failure
        ? [kind, cloneable(value as Parameters<typeof cloneable>[0])]
        : [kinds.uncloneable, messageOf(error)]
      this.post([seat, turn, ...instead])
    }
  }

  /** The pool has no more calls for it. */
  private close(): void {
    if (this.isClosing) return
    this.state = "closing"
    if (this.served.layer !== undefined) this.post({ _tag: "closing" })
    this.closeIdle()
    // The last one may end at once, and closes it then.
    for (const running of this.bySeat.values()) running.cancel()
  }

  private closeIdle(): void {
    if (this.running > 0) return
    if (this.effects === undefined) this.closed(undefined)
    else this.effects.close((failure) => this.closed(failure))
  }

  /** With its port closed the thread ends by itself, once the lines that it has logged have been read. */
  private closed(failure: ReadonlyArray<Reason> | undefined): void {
    if (failure === undefined) this.post({ _tag: "closed" })
    else this.tell(failure, (failure) => ({ _tag: "closed", failure }))
    this.init.port.close()
  }
}

type AnyEffect = Effect.Effect<unknown, unknown>

// `Effect.isEffect` would load Effect, of which most threads have no need.
const effectKey: Effect.TypeId = "~effect/Effect"

const isEffect = (u: unknown): u is AnyEffect =>
  (typeof u === "object" && u !== null || typeof u === "function") && effectKey in u
