/** Threads that are fibers, so that every schedule of them can be explored, on any clock. */
import { type Context, Effect, type Fiber } from "effect"
import { type ThreadPool } from "sluice/threads"
import { Board, isTagged, kinds, stride, type ToThread, version } from "../../src/internal/threads/protocol.js"

/**
 * The behaviour of a call in its thread, which is its input: it returns; waits until it is cancelled; computes without
 * end, so that its thread hears nothing more; brings its thread down; dies alone; returns and leaves its thread
 * blocked; reports twice, as "NAME 1" and "NAME 2", before it returns, and once more afterwards; or returns, and
 * leaves a heap of `largeHeap` bytes.
 */
export type Behaviour = "returns" | "waits" | "stuck" | "crashes" | "dies" | "blocks" | "reports" | "grows"

export const largeHeap = 1_000

export interface Plan {
  /** Of the nth thread, from 1: whether it serves, says that it cannot, ends as it starts, says nothing, or is old. */
  readonly start?: (n: number) => "serves" | "fails" | "ends" | "silent" | "old"
  /** Which of the messages to a thread, from 1, it cannot read. */
  readonly garbles?: ReadonlyArray<number>
  /** How many milliseconds it takes until the nth has ended once it is terminated; no time, if undefined. */
  readonly ending?: (n: number) => number | undefined
  /** Whether it has something to finalize, and whether that ever ends. */
  readonly closes?: boolean | "forever"
  /** What its finalizers die of. */
  readonly defect?: string
  /** Whether it ends by itself once it has closed; or the pool may only believe that it will. */
  readonly endsItself?: boolean | "never"
}

interface Begun {
  readonly name: string
  readonly behaviour: Behaviour
  readonly thread: number
}

export class FakeThreads implements ThreadPool.Platform {
  readonly parallelism = 1
  readonly measuresHeap = true
  alive = 0
  mostAlive = 0
  started = 0
  closed = 0
  terminated = 0
  /** Each call that a thread has begun, in order. */
  readonly begun: Array<Begun> = []
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private readonly all: Array<FakeThread> = []

  constructor(context: Context.Context<never>, readonly plan: Plan = {}) {
    this.fork = Effect.runForkWith(context)
  }

  readonly spawn = (options: ThreadPool.ThreadOptions, events: ThreadPool.ThreadEvents): ThreadPool.PlatformThread => {
    this.alive++
    this.mostAlive = Math.max(this.mostAlive, this.alive)
    const thread = new FakeThread(this, ++this.started, options, events)
    this.all.push(thread)
    return thread
  }

  /** Of each thread: how many calls it has been given, and whether it has ended. */
  get uses(): ReadonlyArray<{ readonly calls: number; readonly hasEnded: boolean }> {
    return this.all.map(({ calls, hasEnded }) => ({ calls, hasEnded }))
  }

  /** How many keep the process alive. */
  get holding(): number {
    return this.all.filter(({ isHolding }) => isHolding).length
  }

  /** A thread has a call to do, or is about to end, and would let the process end first. */
  get isNeglecting(): boolean {
    return this.all.some(({ isHolding, isBusy }) => isBusy && !isHolding)
  }
}

class FakeThread implements ThreadPool.PlatformThread {
  private readonly inbox: Array<ToThread> = []
  private notify: () => void = () => {}
  private readonly board: Board
  private readonly waiting = new Map<number, number>()
  private readonly self: Fiber.Fiber<void>
  private isOver = false
  hasEnded = false
  private isReferenced = true
  private isToEnd = false
  private readonly given: Array<readonly [seat: number, turn: number]> = []
  private readonly running = new Set<number>()
  private readonly measuresHeap: boolean
  private heap = 0
  readonly endsItself: boolean

  constructor(
    private readonly all: FakeThreads,
    private readonly number: number,
    { init }: ThreadPool.ThreadOptions,
    private readonly events: ThreadPool.ThreadEvents
  ) {
    this.board = new Board(init.words)
    this.measuresHeap = init.measuresHeap === true
    this.endsItself = all.plan.endsItself !== undefined && all.plan.endsItself !== false
    this.self = all.fork(Effect.andThen(Effect.yieldNow, this.life(init.concurrency)))
  }

  readonly ref = (): void => {
    this.isReferenced = true
  }

  readonly unref = (): void => {
    this.isReferenced = false
  }

  get calls(): number {
    return this.given.length
  }

  get isHolding(): boolean {
    return this.isReferenced && !this.hasEnded
  }

  /** It has been given a call that is neither over nor withdrawn; or the pool has ended it, and it has yet to end. */
  get isBusy(): boolean {
    if (this.hasEnded) return false
    return this.isToEnd || this.running.size > 0 ||
      this.given.some(([seat, turn]) => this.board.isWaiting(seat, turn))
  }

  /** The pool has read its answer when this returns. */
  private answer(seat: number, turn: number, kind: number, value: unknown): void {
    if (this.measuresHeap) this.events.message({ _tag: "heap", used: this.heap })
    this.running.delete(seat)
    this.events.message([seat, turn, kind, value])
  }

  readonly post = (message: unknown): void => {
    if (Array.isArray(message)) {
      for (let at = 0; at < message.length; at += stride) {
        this.given.push([message[at] as number, message[at + 1] as number])
      }
    }
    if (isTagged(message) && message._tag === "close") this.isToEnd = true
    this.inbox.push(message as ToThread)
    this.notify()
  }

  readonly terminate = (): void => {
    if (this.isOver) return
    this.isOver = true
    this.isToEnd = true
    this.all.terminated++
    this.self.interruptUnsafe()
    const ending = this.all.plan.ending?.(this.number)
    const wait = ending === undefined ? Effect.yieldNow : Effect.sleep(ending)
    this.all.fork(Effect.andThen(wait, Effect.sync(() => this.ended("exited"))))
  }

  private ended(reason: "exited" | "crashed"): void {
    this.hasEnded = true
    this.all.alive--
    this.events.ended({ reason, exitCode: 1 })
  }

  private crash(): Effect.Effect<never> {
    return Effect.suspend(() => {
      if (!this.isOver) {
        this.isOver = true
        this.ended("crashed")
      }
      return Effect.interrupt
    })
  }

  private life(concurrency: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const { all, number } = this
      const start = all.plan.start?.(number) ?? "serves"
      if (start === "ends") return yield* this.crash()
      if (start === "silent") return yield* Effect.never
      if (start === "fails") {
        // As a module takes its time to load.
        yield* Effect.sleep(5)
        this.events.message({ _tag: "failed", reason: "layer", cause: [{ _tag: "Fail", part: { value: "planned" } }] })
        yield* this.next
        return yield* this.close
      }
      this.events.message({
        _tag: "ready",
        version: start === "old" ? version - 1 : version,
        jobs: ["call"],
        closes: all.plan.closes !== undefined && all.plan.closes !== false
      })
      const calls: Array<unknown> = []
      for (let received = 1;; received++) {
        const message = yield* this.next
        if (all.plan.garbles?.includes(received) === true) {
          this.events.message({ _tag: "garbled", message: received })
        } else if (!isTagged(message)) {
          calls.push(...message)
        } else if (message._tag === "ping") {
          this.events.message({ _tag: "pong" })
        } else if (message._tag === "close") {
          return yield* this.close
        } else if (this.waiting.get(message.seat) === message.turn) {
          this.waiting.delete(message.seat)
          this.answer(message.seat, message.turn, kinds.failure, [{ _tag: "Interrupt" }])
        }
        while (calls.length > 0 && this.waiting.size < concurrency) {
          const [seat, turn, , input] = calls.splice(0, stride) as [number, number, string, [string, Behaviour]]
          if (!this.board.begin(seat, turn)) continue
          const [name, behaviour] = input
          all.begun.push({ name, behaviour, thread: number })
          this.running.add(seat)
          yield* Effect.yieldNow
          if (behaviour === "stuck") return yield* Effect.never
          if (behaviour === "crashes") return yield* this.crash()
          if (behaviour === "reports") {
            const report = (n: number) => this.events.message({ _tag: "progress", seat, turn, value: `${name} ${n}` })
            for (const n of [1, 2]) {
              report(n)
              yield* Effect.yieldNow
            }
            this.answer(seat, turn, kinds.success, name)
            report(3)
          } else if (behaviour === "waits") this.waiting.set(seat, turn)
          else if (behaviour === "blocks") {
            this.answer(seat, turn, kinds.success, name)
            return yield* Effect.never
          } else if (behaviour === "grows") {
            this.heap = largeHeap
            this.answer(seat, turn, kinds.success, name)
          } else if (behaviour === "dies") {
            this.answer(seat, turn, kinds.failure, [{ _tag: "Die", part: { value: "planned" } }])
          } else this.answer(seat, turn, kinds.success, name)
        }
      }
    })
  }

  private readonly close: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    const { all } = this
    const { closes = false, defect, endsItself } = all.plan
    all.closed++
    if (closes !== false) this.events.message({ _tag: "closing" })
    if (closes === "forever") return yield* Effect.never
    yield* Effect.yieldNow
    const failure = defect && [{ _tag: "Die", part: { value: defect } }]
    this.events.message(failure === undefined ? { _tag: "closed" } : { _tag: "closed", failure })
    if (endsItself !== true) return yield* Effect.never
    yield* Effect.yieldNow
    if (this.isOver) return
    this.isOver = true
    this.ended("exited")
  })

  private readonly next: Effect.Effect<ToThread> = Effect.callback((resume) => {
    const take = (): boolean => {
      const message = this.inbox.shift()
      if (message === undefined) return false
      this.notify = () => {}
      resume(Effect.succeed(message))
      return true
    }
    if (!take()) this.notify = () => void take()
  })
}
