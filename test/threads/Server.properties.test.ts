/** The thread's side, without a thread: calls and cancels in any order, and functions that end when they like. */
import { Effect } from "effect"
import * as fc from "fast-check"
import { setImmediate } from "node:timers/promises"
import type { JobContext } from "sluice/threads/ThreadWorker"
import { expect, test } from "vitest"
// Beforehand, or the first one would take longer to load than all else does.
import "../../src/internal/threads/effects.js"
import { Board, kinds, stride, version } from "../../src/internal/threads/protocol.js"
import { Server } from "../../src/internal/threads/Server.js"
import { Port } from "../support/port.js"
import { times } from "../support/property.js"

const seats = 4

/** A function's behaviours. The first four end at once, the others when let go; the last two when cancelled, too. */
const behaviours = ["returns", "throws", "uncloneable", "fails", "promise", "effect", "listens"] as const
type Behaviour = (typeof behaviours)[number]

type Step =
  | { readonly _tag: "call"; readonly behaviours: ReadonlyArray<Behaviour> }
  /** The call of that seat, if there is one; or the one before, which has ended meanwhile. */
  | { readonly _tag: "cancel" | "cancelLate" | "letGo"; readonly seat: number }
  | { readonly _tag: "turn" }

const seat = fc.nat({ max: seats - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant("call" as const),
      behaviours: fc.array(fc.constantFrom(...behaviours), { minLength: 1, maxLength: 3 })
    })
  },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constantFrom("cancel" as const, "cancelLate" as const), seat }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("letGo" as const), seat }) },
  { weight: 2, arbitrary: fc.constant({ _tag: "turn" as const }) }
)

interface Call {
  readonly id: number
  readonly seat: number
  readonly turn: number
  readonly behaviour: Behaviour
  isCancelled: boolean
  /** The pool has taken it back: nothing is to come of it. */
  isWithdrawn: boolean
  result: { readonly kind: unknown; readonly value: unknown } | undefined
}

/** The pool's side of a thread, and what its functions do. */
class World {
  readonly port = new Port()
  readonly calls: Array<Call> = []
  readonly begun: Array<number> = []
  mostActive = 0
  wrong: string | undefined = undefined
  private readonly bySeat: Array<Call | undefined> = []
  private readonly gates = new Map<number, () => void>()
  readonly server: Server
  private readonly jobs = { job: (id: number, context: JobContext) => this.job(id, context) }
  private readonly board: Board
  private readonly words = new Int32Array(new SharedArrayBuffer(4 * seats))

  constructor(concurrency: number, private readonly isShared: boolean) {
    this.board = new Board(this.words)
    const words = isShared ? this.words : new Int32Array(seats)
    const { port } = this
    port.heard = (message) => this.receive(message)
    this.server = new Server({ version, module: "", port, words, isShared, concurrency })
  }

  private job(id: number, { signal }: JobContext): unknown {
    this.begun.push(id)
    const { behaviour } = this.calls[id]!
    if (behaviour === "throws") throw new Error("thrown")
    if (behaviour === "uncloneable") return () => id
    if (behaviour === "fails") return Effect.fail(id)
    if (behaviour === "returns") return id
    if (behaviour === "effect") {
      return Effect.callback<number>((resume) => this.open(id, () => resume(Effect.succeed(id)))).pipe(
        Effect.ensuring(Effect.sync(() => this.shut(id)))
      )
    }
    return new Promise((resolve) => {
      this.open(id, () => resolve(id))
      if (behaviour === "listens") signal.addEventListener("abort", () => resolve(id))
    }).finally(() => this.shut(id))
  }

  private open(id: number, letGo: () => void): void {
    this.gates.set(id, letGo)
    this.mostActive = Math.max(this.mostActive, this.gates.size)
  }

  private shut(id: number): void {
    this.gates.delete(id)
  }

  start(): Promise<void> {
    return this.server.start(Promise.resolve({ handlers: this.jobs, layer: undefined }))
  }

  /** As a `Thread` does. */
  run(step: Step): void | Promise<unknown> {
    if (step._tag === "turn") return setImmediate()
    if (step._tag === "call") return this.call(step.behaviours)
    if (step._tag === "cancelLate") return this.cancelLate(step.seat)
    const call = this.bySeat[step.seat]
    if (call === undefined) return
    if (step._tag === "letGo") this.gates.get(call.id)?.()
    else this.cancel(call)
  }

  private call(behaviours: ReadonlyArray<Behaviour>): void {
    const batch: Array<unknown> = []
    for (const behaviour of behaviours) {
      const seat = Array.from({ length: seats }, (_, seat) => seat).find((seat) => this.bySeat[seat] === undefined)
      if (seat === undefined) break
      const id = this.calls.length
      const call = { id, seat, turn: id + 1, behaviour, isCancelled: false, isWithdrawn: false, result: undefined }
      this.calls.push(call)
      this.bySeat[seat] = call
      this.board.offer(seat, call.turn)
      batch.push(seat, call.turn, "job", id)
    }
    if (batch.length > 0) this.port.hear(batch)
  }

  private cancel(call: Call): void {
    call.isCancelled = true
    if (this.isShared && this.board.withdraw(call.seat, call.turn)) {
      call.isWithdrawn = true
      this.bySeat[call.seat] = undefined
      return
    }
    this.board.ask(call.seat, call.turn)
    this.port.hear({ _tag: "cancel", seat: call.seat, turn: call.turn })
    if (!this.begun.includes(call.id) && call.result === undefined) {
      this.wrong ??= `${call.id} had not begun, and was not over at once (T4)`
    }
  }

  private cancelLate(seat: number): void {
    const last = this.calls.findLast((call) => call.seat === seat && call.result !== undefined)
    if (last !== undefined) this.port.hear({ _tag: "cancel", seat, turn: last.turn })
  }

  private receive(message: unknown): void {
    if (!Array.isArray(message)) return
    for (let at = 0; at < message.length; at += stride) {
      const [seat, turn, kind, value] = message.slice(at, at + stride) as [number, number, unknown, unknown]
      const call = this.calls[turn - 1]
      if (call?.seat !== seat) this.wrong ??= `a result of no call: seat ${seat}, turn ${turn}`
      else if (call.result !== undefined) this.wrong ??= `two results of ${call.id}`
      else {
        call.result = { kind, value }
        if (this.bySeat[seat] === call) this.bySeat[seat] = undefined
      }
    }
  }

  /** Until all calls have ended, those that are cancelled by themselves if they can. */
  async end(): Promise<void> {
    const isOver = () => this.calls.every(({ isWithdrawn, result }) => isWithdrawn || result !== undefined)
    for (let turns = 0; turns < 1_000 && !isOver(); turns++) {
      for (const [id, letGo] of [...this.gates]) {
        const { behaviour, isCancelled } = this.calls[id]!
        if (!isCancelled || behaviour === "promise") letGo()
      }
      await setImmediate()
    }
  }
}

const fails = (call: Call, tag: string): boolean =>
  call.result?.kind === kinds.failure &&
  (call.result.value as ReadonlyArray<{ readonly _tag: string }>)[0]?._tag === tag

/** Whether that is how the call may have ended. */
const isRight = (call: Call, hasBegun: boolean): boolean => {
  const { behaviour, isCancelled, isWithdrawn, result } = call
  if (isWithdrawn) return !hasBegun && (result === undefined || result.kind === kinds.skipped)
  if (result?.kind === kinds.skipped) return isCancelled && !hasBegun
  if (!hasBegun) return false
  if (behaviour === "throws") return fails(call, "Die")
  if (behaviour === "uncloneable") return result?.kind === kinds.uncloneable
  if (isCancelled && (behaviour === "fails" || behaviour === "effect") && fails(call, "Interrupt")) return true
  if (behaviour === "fails") return fails(call, "Fail")
  return result?.kind === kinds.success && result.value === call.id
}

test("each call has one end, its own (T2); they begin in order, as many at a time as may; what was taken back never does (T4)", async () => {
  const workload = fc.record({
    steps: fc.array(step, { maxLength: 30 }),
    concurrency: fc.integer({ min: 1, max: 3 }),
    isShared: fc.boolean()
  })
  await fc.assert(
    fc.asyncProperty(workload, async ({ concurrency, isShared, steps }) => {
      const world = new World(concurrency, isShared)
      await world.start()
      for (const step of steps) await world.run(step)
      await world.end()
      expect(world.wrong).toBe(undefined)
      expect(world.mostActive).toBeLessThanOrEqual(concurrency)
      expect(world.begun).toEqual(world.begun.toSorted((one, other) => one - other))
      expect(new Set(world.begun).size).toBe(world.begun.length)
      for (const call of world.calls) {
        if (!isRight(call, world.begun.includes(call.id))) expect(call).toBe("another end")
      }
    }),
    { numRuns: times(1_000) }
  )
})
