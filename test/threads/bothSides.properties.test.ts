/** Both sides of threads, with each message between them as late as the test likes. */
import { Cause, Effect, Exit, Fiber, type Scope } from "effect"
import * as fc from "fast-check"
import { setImmediate } from "node:timers/promises"
import { WorkerPool } from "sluice"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { afterEach, expect, test, vi } from "vitest"
// Beforehand, or the first effect would take longer to load than all else does.
import "../../src/internal/threads/effects.js"
import { after, runTimed, settle, start } from "../support/effect.js"
import { times } from "../support/property.js"
import { type WiredThread, WiredThreads } from "../support/wired.js"
import { balanced } from "../support/workerPool.js"

/** The first four end at once, the others when they are let go; "effect" and "listens" when they are cancelled, too. */
const behaviours = ["returns", "throws", "uncloneable", "fails", "promise", "effect", "listens"] as const
type Behaviour = (typeof behaviours)[number]

/** Small and plain; with bytes, which the platform clones; with bytes that are moved; or with what cannot be sent. */
const kinds = ["plain", "bytes", "moved", "function"] as const

interface Input {
  id: number
  readonly behaviour: Behaviour
  readonly more?: unknown
}

type Step =
  | { readonly _tag: "call"; readonly behaviour: Behaviour; readonly kind: (typeof kinds)[number] }
  /** Of the calls or threads that there are, or have been lately. */
  | { readonly _tag: "cancel" | "letGo" | "hear" | "say" | "garble" | "crash"; readonly which: number }
  | { readonly _tag: "turn" }
  | { readonly _tag: "deliver" }
  | { readonly _tag: "grace" }

const of = <const Tag extends string>(weight: number, _tag: Tag) => ({
  weight,
  arbitrary: fc.record({ _tag: fc.constant(_tag), which: fc.nat({ max: 5 }) })
})

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      _tag: fc.constant("call" as const),
      behaviour: fc.constantFrom(...behaviours),
      kind: fc.constantFrom("plain" as const, ...kinds)
    })
  },
  of(4, "cancel"),
  of(3, "letGo"),
  of(3, "hear"),
  of(3, "say"),
  of(1, "garble"),
  of(1, "crash"),
  { weight: 4, arbitrary: fc.constant({ _tag: "turn" as const }) },
  { weight: 2, arbitrary: fc.constant({ _tag: "deliver" as const }) },
  { weight: 1, arbitrary: fc.constant({ _tag: "grace" as const }) }
)

const workload = fc.record({
  steps: fc.array(step, { maxLength: 40, size: "max" }),
  size: fc.integer({ min: 1, max: 2 }),
  concurrency: fc.integer({ min: 1, max: 2 }),
  prefetch: fc.integer({ min: 0, max: 3 }),
  onDefect: fc.constantFrom("keep" as const, "replace" as const)
})

interface Made {
  readonly handle: WorkerPool.JobHandle<unknown, unknown>
  readonly behaviour: Behaviour
  readonly kind: (typeof kinds)[number]
  isCancelled: boolean
  /** Threads in which it has begun. */
  readonly begun: Array<WiredThread>
  exit: Exit.Exit<unknown, unknown> | undefined
}

type Jobs = ThreadWorker.Jobs<{ readonly job: (input: Input) => unknown }>

const grace = 10

class World {
  readonly threads = new WiredThreads((thread) => ({
    job: (input: Input, context: ThreadWorker.JobContext) => this.job(thread, input, context)
  }))
  readonly calls: Array<Made> = []
  /** In the order in which they have. */
  readonly begun: Array<number> = []
  readonly wrong: Array<string> = []
  /** A message could not be read, so that what it holds was sent again. */
  isGarbled = false
  private readonly gates = new Map<number, { readonly thread: WiredThread; readonly letGo: () => void }>()

  constructor(readonly concurrency: number) {}

  private job(thread: WiredThread, { behaviour, id, more }: Input, { signal }: ThreadWorker.JobContext): unknown {
    const call = this.calls[id]
    if (call === undefined) return void this.wrong.push(`a call of none: ${id}`)
    this.begun.push(id)
    call.begun.push(thread)
    if (call.exit !== undefined) this.wrong.push(`${id} has begun after its end (T4)`)
    if (thread.isOver) this.wrong.push(`${id} has begun in a thread that was over`)
    if (more instanceof Uint8Array && more[0] !== 7) this.wrong.push(`${id} has other bytes`)
    if (behaviour === "throws") throw new Error(`${id}`)
    if (behaviour === "uncloneable") return () => id
    if (behaviour === "fails") return Effect.fail(id)
    if (behaviour === "returns") return id
    if (behaviour === "effect") {
      return Effect.callback<number>((resume) => {
        this.hold(thread, id, () => resume(Effect.succeed(id)))
      }).pipe(Effect.ensuring(Effect.sync(() => this.gates.delete(id))))
    }
    return new Promise((resolve) => {
      this.hold(thread, id, () => resolve(id))
      if (behaviour === "listens") signal.addEventListener("abort", () => resolve(id))
    }).finally(() => this.gates.delete(id))
  }

  private hold(thread: WiredThread, id: number, letGo: () => void): void {
    this.gates.set(id, { thread, letGo })
    const active = [...this.gates.values()].filter((gate) => gate.thread === thread).length
    if (!thread.isOver && active > this.concurrency) this.wrong.push(`${active} run at a time`)
  }

  letGo(which?: number): void {
    for (const [i, { letGo }] of [...this.gates.values()].entries()) if (which === undefined || i === which) letGo()
  }

  call(pool: ThreadPool.ThreadPool<Jobs>, { behaviour, kind }: Step & { readonly _tag: "call" }) {
    return Effect.gen({ self: this }, function*() {
      const bytes = new Uint8Array([7])
      const more = kind === "function" ? () => 1 : kind === "plain" ? undefined : bytes
      const input: Input = { id: this.calls.length, behaviour, more }
      const submit = kind === "moved" ? ThreadPool.transfer(input, [bytes.buffer]) : input
      const handle = yield* pool.submit.job(submit)
      const call: Made = { handle, behaviour, kind, isCancelled: false, begun: [], exit: undefined }
      this.calls.push(call)
      const { id } = input
      yield* start(Effect.map(handle.await, (exit) => {
        call.exit = exit
        const gate = this.gates.get(id)
        if (gate?.thread.isOver === false) this.wrong.push(`${id} still runs after its end (T4)`)
      }))
    })
  }

  run(pool: ThreadPool.ThreadPool<Jobs>, step: Step): Effect.Effect<unknown, unknown, Scope.Scope> {
    if (step._tag === "call") return this.call(pool, step)
    if (step._tag === "turn") return turn
    if (step._tag === "grace") return after(grace)
    if (step._tag === "deliver") return Effect.andThen(Effect.sync(() => this.threads.deliver()), settle)
    return Effect.suspend((): Effect.Effect<unknown> => {
      if (step._tag === "letGo") this.letGo(step.which)
      else if (step._tag === "cancel") {
        const call = this.calls.at(-1 - step.which)
        if (call === undefined) return Effect.void
        call.isCancelled ||= call.exit === undefined
        return start(call.handle.cancel)
      } else {
        const thread = this.threads.all.at(-1 - step.which % 2)
        if (step._tag === "hear") thread?.hear()
        else if (step._tag === "say") thread?.say()
        else {
          this.isGarbled ||= step._tag === "garble"
          if (step._tag === "garble") thread?.hear(true)
          else thread?.endSoon({ reason: "crashed", cause: new Error("planned") })
        }
      }
      return settle
    })
  }

  /** Lets everything come to its end. */
  end(isDone: () => boolean): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (let turns = 0; turns < 200 && !isDone(); turns++) {
        this.letGo()
        yield* turn
        this.threads.deliver()
        // Threads that do not stop have their grace, and those that close a second.
        yield* turns % 10 === 9 ? after(1_000) : settle
      }
    })
  }
}

const turn = Effect.promise(() => setImmediate())

/** Whether that is how the call may have ended. */
const isRight = ({ behaviour, begun, exit, isCancelled, kind }: Made, id: number, isShared: boolean): boolean => {
  if (exit === undefined || begun.length > 1) return false
  const hasBegun = begun.length > 0
  const error = Exit.isFailure(exit)
    ? Cause.squash(exit.cause) as { readonly _tag?: string; readonly what?: string }
    : {}
  if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
    return isCancelled
  }
  if (error instanceof ThreadPool.ThreadLost) {
    return hasBegun ? begun[0]!.isOver : kind === "moved" || !isShared
  }
  if (!hasBegun) return error instanceof ThreadPool.NotCloneable && error.what === "input"
  if (behaviour === "throws") return Exit.hasDies(exit) && (error as Error).message === `${id}`
  if (behaviour === "uncloneable") return error instanceof ThreadPool.NotCloneable && error.what === "result"
  if (behaviour === "fails") return Exit.isFailure(exit) && Cause.squash(exit.cause) === id
  return Exit.isSuccess(exit) && exit.value === id
}

afterEach(() => {
  vi.unstubAllGlobals()
})

test.each([true, false])(
  "each call has its own end, and begins once at most, with memory that is shared: %s (T1, T2, T3, T4, T5)",
  async (isShared) => {
    await fc.assert(
      fc.asyncProperty(workload, async ({ steps, ...options }) => {
        const world = new World(options.concurrency)
        const { threads } = world
        if (!isShared) vi.stubGlobal("SharedArrayBuffer", undefined)
        await runTimed(Effect.scoped(Effect.gen(function*() {
          const making = yield* start(ThreadPool.make<Jobs>({
            ...options,
            module: new URL("fake:threads"),
            platform: threads,
            grace,
            queue: { capacity: "unbounded" }
          }))
          yield* world.end(() => making.pollUnsafe() !== undefined)
          const pool = yield* Fiber.join(making)
          yield* Effect.addFinalizer(() => Effect.sync(() => threads.abandon()))
          for (const step of steps) {
            yield* world.run(pool, step)
            expect(threads.alive).toBeLessThanOrEqual(options.size)
            balanced(pool.workers)
          }
          yield* world.end(() => world.calls.every(({ exit }) => exit !== undefined))
          for (const [id, call] of world.calls.entries()) {
            const { behaviour, exit, kind } = call
            if (!isRight(call, id, isShared)) {
              throw new Error(`${id} (${behaviour}, ${kind}) ended with ${String(exit)}`)
            }
          }
          const shutdown = yield* start(WorkerPool.shutdown(pool.workers))
          yield* world.end(() => shutdown.pollUnsafe() !== undefined)
          yield* Fiber.join(shutdown)
        })))
        expect([world.wrong, threads.alive]).toEqual([[], 0])
        // An input that was moved to a thread that is given up stays there. Any other goes to the next thread.
        const isGivenUp = options.onDefect === "replace" ||
          steps.some(({ _tag }) => _tag === "cancel" || _tag === "crash")
        const isSplit = isGivenUp && world.calls.some(({ kind }) => kind === "moved")
        if (options.size === 1 && !world.isGarbled && !isSplit) {
          expect(world.begun).toEqual(world.begun.toSorted((one, other) => one - other))
        }
      }),
      { numRuns: times(120) }
    )
  }
)
