import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as stack from "../stack.js"
import type { AnyFiber } from "../stack.js"
import type { ThreadView } from "../view.js"
import { currentFiber } from "../workerPool/Suspended.js"
import { decodeCause, decodeFailure } from "./causes.js"
import { copyOf, uncopied } from "./copy.js"
import { NotCloneable, ThreadFailed, ThreadLost, ThreadNotClosed } from "./errors.js"
import type { Platform, PlatformThread, ThreadEnd, ThreadOptions } from "./platform.js"
import { Board, type FromThread, isTagged, kinds, nextTurn, stride, type ToThread, version } from "./protocol.js"
import { type Limits, unlimited } from "./recycle.js"
import { addAll, gone, isGone, transfersOf } from "./transfer.js"
import { canClone, messageOf, textOf } from "./wire.js"

/**
 * A job of a thread pool: the name of a function of its module, and the function's input.
 *
 * @since 0.1.0
 */
export interface Call {
  /** The name of a function of the module. */
  readonly name: string
  /** The input of the function, `undefined` for a function without one. */
  readonly input: unknown
}

/** A call whose reports somebody wants to have. `onProgress` does not throw, and runs no fibers. */
export interface ReportingCall extends Call {
  readonly onProgress?: ((progress: unknown) => void) | undefined
}

/** How a call ends that its thread has not begun: the thread was lost, or the pool has withdrawn the call. */
export type Unbegun = "lost" | "withdrawn"

// The pool takes such a call back, and nobody sees the error.
const lost: Exit.Exit<never> = Exit.die(new Error("ThreadPool: a thread was lost before it had begun a call"))

/** A call on its way. */
class Flight {
  isOver = false
  /** The number of the message that it went with. */
  message = 0
  /** Its canceller waits for its end. */
  onOver: () => void = () => {}

  constructor(
    readonly name: string,
    /** As it is sent: it may have to be so again. */
    readonly input: unknown,
    readonly seat: number,
    readonly turn: number,
    /** The order in which calls were sent. */
    readonly order: number,
    /** Some of its input is there and no longer here. */
    readonly isMoved: boolean,
    readonly fiber: AnyFiber,
    private readonly resume: (exit: Exit.Exit<unknown, unknown>) => void,
    private readonly onUnbegun: (how: Unbegun) => void,
    readonly onProgress: ReportingCall["onProgress"]
  ) {}

  /** Its thread will not begin it. Runs fibers. */
  endUnbegun(): void {
    this.onUnbegun("lost")
    this.end(lost)
  }

  /** The pool has withdrawn it before its thread had begun it. */
  withdrawn(): void {
    this.onUnbegun("withdrawn")
    this.isOver = true
  }

  /** Runs fibers. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    this.isOver = true
    stack.resume(this.fiber, this.resume, exit)
    this.onOver()
  }
}

/** The listeners of a thread, for the object that has started it. Each may run fibers. */
export interface Owner {
  /** The thread serves these jobs. */
  readonly ready: (jobs: ReadonlyArray<string>) => void
  /** The thread will not serve, and is to be closed. */
  readonly failed: (error: ThreadFailed) => void
  /** The thread had not begun a call that was cancelled, and runs no other one. A ping asks whether it listens. */
  readonly doubted: () => void
  /** The thread takes no more calls, and is to be replaced when those that it has are over. */
  readonly leaving: () => void
  /** The thread listens. */
  readonly answered: () => void
  /** The finalizers of the thread's layer run. */
  readonly closing: () => void
  /** The thread has closed, and ends by itself once it has nothing left to do. */
  readonly closed: () => void
  /** The thread is about to end, so no more calls are to be given to it. */
  readonly ending: () => void
  /**
   * The thread has ended; `settle` ends its calls. `failure`: why its layer was not released, or not without defects.
   */
  readonly ended: (settle: () => void, failure: Cause.Cause<never> | undefined) => void
}

/**
 * A thread, and the calls that it has been given: one for each seat.
 *
 *     starting ──▶ serving ──▶ leaving ──▶ asked ──▶ closing ──▶ closed ──▶ ended
 *         │           ├─────────────────────▲│          │          │
 *         └───────────┴───────────┴──────────┴──────────┴──────────┴──▶ ending ──▶ ended
 *
 * In "leaving" it ends the calls that it has. From "asked" on it has been asked to close; in "closing" it runs the
 * finalizers of its layer; after "closed" it ends by itself. In "ending" it has been terminated; and it may end by
 * itself at any time. It takes calls only while it is serving; any other call is lost.
 */
export class Thread {
  private state: "starting" | "serving" | "leaving" | "asked" | "closing" | "closed" | "ending" | "ended" = "starting"
  private readonly thread: PlatformThread
  private readonly board: Board
  private readonly isShared: boolean
  private readonly data: unknown
  private readonly flights: Array<Flight | undefined>
  private readonly turns: Array<number>
  private inFlight = 0
  private sent = 0
  private posted = 0
  private outbox: Array<unknown> = []
  private transfers: Array<unknown> = []
  /** Why the thread has been terminated, as far as its calls are concerned. */
  private reason: "terminated" | "stuck" | undefined = undefined
  /** It has called `serve`, so it can be asked to close. */
  private listens = false
  /** It has a layer, which it may have built in part. */
  private finalizes = false
  private isDoubted = false
  private unreleased: Cause.Cause<never> | undefined = undefined

  /** Throws `ThreadFailed`. */
  constructor(
    spawn: Platform["spawn"],
    private readonly options: Omit<ThreadOptions, "init">,
    seats: number,
    concurrency: number,
    private readonly owner: Owner,
    /** Makes the data that it starts with, and may throw. */
    dataOf?: () => unknown,
    private readonly limits: Limits = unlimited
  ) {
    this.isShared = typeof SharedArrayBuffer !== "undefined"
    const bytes = 4 * seats
    const words = new Int32Array(this.isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes))
    this.board = new Board(words)
    this.flights = Array.from({ length: seats }, () => undefined)
    this.turns = this.flights.map(() => 0)
    try {
      this.data = dataOf?.()
    } catch (cause) {
      throw this.failure("data", cause)
    }
    const { data, isShared } = this
    const measuresHeap = limits.heap !== Infinity
    const init = { version, module: options.module.href, words, isShared, concurrency, measuresHeap, data }
    try {
      this.thread = spawn({ ...options, init }, {
        message: (message) => this.receive(message as FromThread),
        ended: (end) => this.ended(end)
      })
    } catch (cause) {
      throw this.failure("module", cause)
    }
  }

  private failure(why: ThreadFailed["reason"], cause?: unknown, exitCode?: number): ThreadFailed {
    // To the platform both are the same.
    const reason = why === "module" && !canClone(this.data) ? "data" : why
    return new ThreadFailed({ module: this.options.module.href, reason, cause, exitCode })
  }

  // Calls

  /** How many it has been given that are not over. */
  get load(): number {
    return this.inFlight
  }

  /** Ends as the call does. */
  call(
    seat: number,
    call: ReportingCall,
    grace: Effect.Effect<void>,
    onUnbegun: (how: Unbegun) => void
  ): Effect.Effect<unknown, unknown> {
    return Effect.callback((resume) => {
      if (this.state !== "serving") {
        onUnbegun("lost")
        return resume(lost)
      }
      const moved = transfersOf(call.input)
      const copy = copyOf(call.input)
      const input = copy === uncopied ? call.input : copy
      // First: it throws if that is no list.
      addAll(this.transfers, moved)
      const turn = nextTurn(this.turns[seat] ?? 0)
      this.turns[seat] = turn
      const fiber = currentFiber()
      const isMoved = moved.length > 0
      const { name, onProgress } = call
      const flight = new Flight(name, input, seat, turn, this.sent++, isMoved, fiber, resume, onUnbegun, onProgress)
      this.flights[seat] = flight
      this.board.offer(seat, turn)
      this.outbox.push(seat, turn, name, input)
      if (this.inFlight === 0) this.thread.ref?.()
      // The first one at once, and what is no copy as it is now; those that come while it is under way go together.
      if (this.inFlight++ === 0 || copy === uncopied) this.flush()
      else if (this.outbox.length === stride) stack.later(fiber, this.flush)
      const cancel = this.cancel(flight, grace)
      // T8: what it has been given it does.
      if (this.sent === this.limits.calls) this.leave()
      return cancel
    })
  }

  private readonly flush = (): void => {
    const { outbox, transfers } = this
    if (outbox.length === 0 || this.state === "ended") return
    this.outbox = []
    this.transfers = []
    try {
      if (isGone(transfers)) throw new Error(gone)
      this.post(outbox, transfers)
      for (let at = 0; at < outbox.length; at += stride) this.sentWith(outbox[at])
    } catch {
      // One of them cannot be sent: each for itself, then.
      for (let at = 0; at < outbox.length; at += stride) this.postAlone(outbox.slice(at, at + stride))
    }
  }

  private post(message: ToThread, transfers: ReadonlyArray<unknown>): void {
    this.thread.post(message, transfers)
    this.posted++
  }

  /** The call of that seat went with the last message. */
  private sentWith(seat: unknown): void {
    const flight = this.flights[seat as number]
    if (flight !== undefined) flight.message = this.posted
  }

  /** The thread could not read a message: what was in it goes again, each call for itself, or has failed alone. */
  private resend(message: number): void {
    const flights = this.flights.filter((flight) => flight?.message === message)
    for (const flight of flights) {
      if (flight === undefined) continue
      const { input, name, seat, turn } = flight
      if (flights.length > 1) this.postAlone([seat, turn, name, input])
      else this.take(seat, turn)?.end(Exit.fail(this.notCloneable(flight, "input", "it cannot be read there")))
    }
  }

  /** Runs fibers. */
  private postAlone(message: ReadonlyArray<unknown>): void {
    const transfers = transfersOf(message[3])
    try {
      if (isGone(transfers)) throw new Error(gone)
      this.post(message, transfers)
      this.sentWith(message[0])
    } catch (error) {
      const flight = this.take(message[0] as number, message[1] as number)
      if (flight !== undefined) flight.end(Exit.fail(this.notCloneable(flight, "input", messageOf(error))))
    }
  }

  /** Undefined once its call is over. */
  private flightOf(seat: unknown, turn: unknown): Flight | undefined {
    const flight = typeof seat === "number" && typeof turn === "number" ? this.flights[seat] : undefined
    return flight?.turn === turn ? flight : undefined
  }

  private notCloneable({ name }: Flight, what: "input" | "result", reason: string): NotCloneable {
    return new NotCloneable({ job: name, what, reason })
  }

  /** T2: its call is over. T6: an idle thread does not keep the process alive. Undefined if it has been so before. */
  private take(seat: number, turn: number): Flight | undefined {
    const flight = this.flightOf(seat, turn)
    if (flight === undefined) return undefined
    this.flights[seat] = undefined
    if (--this.inFlight === 0 && this.state === "serving") this.thread.unref?.()
    return flight
  }

  /**
   * T4: takes it back if it has not begun. Else it is asked to stop; and if it has not after the grace, the thread
   * ends.
   */
  private cancel(flight: Flight, grace: Effect.Effect<void>): Effect.Effect<void> {
    const over = Effect.callback<void>((resume) => {
      if (flight.isOver) return resume(Effect.void)
      flight.onOver = () => resume(Effect.void)
    })
    return Effect.suspend(() => {
      if (flight.isOver) return Effect.void
      const { seat, turn } = flight
      if (this.isShared && this.board.withdraw(seat, turn)) {
        this.take(seat, turn)
        flight.withdrawn()
        this.doubt(flight)
        return Effect.void
      }
      this.board.ask(seat, turn)
      this.flush()
      if (this.state !== "ended") this.post({ _tag: "cancel", seat, turn }, [])
      const patience = Effect.raceFirst(Effect.interruptible(over), Effect.interruptible(grace))
      return Effect.andThen(
        patience,
        Effect.suspend(() => {
          if (!flight.isOver) this.kill("terminated")
          return over
        })
      )
    })
  }

  /** It has begun a call that is not over: it may compute, and hear nothing meanwhile. */
  get isInCall(): boolean {
    return this.flights.some((flight) => flight !== undefined && !this.board.isWaiting(flight.seat, flight.turn))
  }

  /** It should have begun that call, or be about to. Some code outside of all calls may block it. */
  private doubt({ message }: Flight): void {
    if (message === 0 || this.isDoubted || !this.isOpen || this.isInCall) return
    this.isDoubted = true
    this.owner.doubted()
    this.post({ _tag: "ping" }, [])
  }

  // Its messages

  /** Ignores any other message: some code of the thread may have found the port and written to it. */
  private receive(message: FromThread): void {
    if (this.isDoubted) {
      this.isDoubted = false
      this.owner.answered()
    }
    if (Array.isArray(message)) {
      for (let at = 0; at < message.length; at += stride) {
        const flight = this.flightOf(message[at], message[at + 1])
        if (flight === undefined) continue
        const exit = this.exitOf(flight, message[at + 2], message[at + 3])
        this.take(flight.seat, flight.turn)?.end(exit)
      }
    } else if (!isTagged(message)) {
      return
    } else if (message._tag === "ready" && this.state === "starting") {
      if (message.version !== version || !Array.isArray(message.jobs)) return this.fail("version")
      this.state = "serving"
      this.listens = true
      this.finalizes = message.closes
      // T6: it has no calls yet.
      this.thread.unref?.()
      this.owner.ready(message.jobs)
    } else if (message._tag === "building") {
      this.listens = true
      this.finalizes = true
    } else if (message._tag === "failed" && this.state === "starting") {
      // Its layer has been released, and a thread that ends by itself has yet to write what it has logged.
      this.listens = this.thread.endsItself === true
      this.finalizes = false
      const [reason] = decodeCause(message.cause).reasons
      this.fail(
        message.reason,
        reason?._tag === "Fail" ? reason.error : reason?._tag === "Die" ? reason.defect : undefined
      )
    } else if (message._tag === "progress") {
      // T7: that of a call that is over is nobody's.
      this.flightOf(message.seat, message.turn)?.onProgress?.(message.value)
    } else if (message._tag === "heap") {
      if (message.used > this.limits.heap) this.retire()
    } else if (message._tag === "garbled") {
      this.resend(message.message)
    } else if (message._tag === "closing" && this.state === "asked") {
      this.state = "closing"
      this.owner.closing()
    } else if (message._tag === "closed" && this.isClosing) {
      if (message.failure !== undefined) this.unreleased = decodeCause(message.failure) as Cause.Cause<never>
      this.state = "closed"
      if (this.thread.endsItself === true) this.owner.closed()
      else this.kill(undefined)
    }
  }

  private get isOpen(): boolean {
    return this.state === "serving" || this.state === "leaving"
  }

  private get isClosing(): boolean {
    return this.state === "asked" || this.state === "closing"
  }

  private exitOf(flight: Flight, kind: unknown, value: unknown): Exit.Exit<unknown, unknown> {
    if (kind === kinds.success) return Exit.succeed(value)
    if (kind === kinds.failure) return decodeFailure(value)
    // It had been cancelled.
    if (kind === kinds.skipped) return Exit.interrupt()
    return Exit.fail(this.notCloneable(flight, "result", textOf(value)))
  }

  // Its end

  /** It does not serve, for some reason. Runs fibers. */
  fail(reason: ThreadFailed["reason"], cause?: unknown): void {
    if (this.state === "starting") this.owner.failed(this.failure(reason, cause))
  }

  /** Runs fibers. */
  private leave(): void {
    if (this.state !== "serving") return
    this.state = "leaving"
    this.owner.leaving()
  }

  /** The thread leaves, and the calls that it has not begun are taken back. Runs fibers. */
  retire(): void {
    this.leave()
    if (this.state !== "leaving") return
    for (const { isMoved, seat, turn } of this.latestFirst()) {
      if (!isMoved && this.isShared && this.board.withdraw(seat, turn)) this.take(seat, turn)?.endUnbegun()
    }
  }

  /** As `sluice/inspect` sees it, in the place `id`. Where memory is not shared, no call is known to have begun. */
  view(id: number): ThreadView {
    const calls = this.latestFirst().toReversed().map((flight) => {
      const { fiber, name, seat, turn } = flight
      return { name, seat, begun: this.isShared && !this.board.isWaiting(seat, turn), node: fiber, key: flight }
    })
    return { id, state: this.state, calls }
  }

  /** Each that comes back goes to the head of the pool's queue. */
  private latestFirst(): ReadonlyArray<Flight> {
    return this.flights.filter((flight) => flight !== undefined).sort((one, other) => other.order - one.order)
  }

  /** It has no calls, and is to end: by itself if it listens, which this returns; else at once. Runs fibers. */
  close(): boolean {
    const closes = this.listens && (this.state === "starting" || this.isOpen)
    if (closes) {
      this.state = "asked"
      this.thread.ref?.()
      this.post({ _tag: "close" }, [])
    } else {
      this.kill(undefined)
    }
    return closes
  }

  /** It takes too long to close. Runs fibers. */
  giveUp(): void {
    if (this.isClosing) this.notClosed({ reason: this.state === "asked" ? "silent" : "timeout" })
    this.kill(undefined)
  }

  private notClosed(why: Pick<ThreadNotClosed, "reason" | "exitCode" | "cause">): void {
    if (!this.finalizes) return
    this.unreleased = Cause.die(new ThreadNotClosed({ ...why, thread: this.options.name }))
  }

  /** Ends it, whatever it is doing. Runs fibers. */
  kill(reason: "terminated" | "stuck" | undefined): void {
    if (this.state === "ending" || this.state === "ended") return
    this.state = "ending"
    this.reason = reason
    this.thread.ref?.()
    this.thread.terminate()
    this.owner.ending()
  }

  private ended(end: ThreadEnd): void {
    const hasServed = this.state !== "starting"
    if (this.isClosing) this.notClosed(end)
    this.state = "ended"
    if (!hasServed) this.owner.failed(this.failure("module", end.cause, end.exitCode))
    const flights = this.latestFirst()
    const settle = () => {
      for (const { seat, turn } of flights) this.settle(this.take(seat, turn), end)
    }
    this.owner.ended(settle, this.unreleased)
  }

  /** T3. Runs fibers. */
  private settle(flight: Flight | undefined, end: ThreadEnd): void {
    if (flight === undefined) return
    const { isMoved, name, seat, turn } = flight
    if (this.isShared && !isMoved && this.board.isWaiting(seat, turn)) return flight.endUnbegun()
    const { cause, exitCode, reason } = end
    const thread = this.options.name
    const error = this.reason === undefined
      ? new ThreadLost({ thread, job: name, reason, exitCode, cause })
      : new ThreadLost({ thread, job: name, reason: this.reason })
    flight.end(Exit.fail(error))
  }
}
