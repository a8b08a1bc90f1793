/** Runs in a browser: what becomes of calls there, as JSON for the test that knows what it should be. */
import { Cause, Effect, Exit, Fiber, type Scope, Stream } from "effect"
import { ThreadPool } from "sluice/threads"
import type { Begins, jobs } from "./jobs.js"
import type { jobs as late } from "./late.js"

/** As much of a page as is used here: the tests' types are those of Node. */
interface Page {
  Worker: new(module: URL, options: unknown) => {
    onmessage: ((event: { readonly data: unknown }) => void) | null
    terminate(): void
  }
  readonly MessageChannel: new() => {
    readonly port1: { onmessage: (() => void) | null }
    readonly port2: Begins["port"]
  }
  readonly location: { readonly href: string }
  readonly addEventListener: (type: "error", listener: () => void) => void
}
const page = globalThis as unknown as Page

const threads = { started: 0, left: 0 }
page.Worker = class extends page.Worker {
  constructor(module: URL, options: unknown) {
    super(module, options)
    threads.started++
    threads.left++
  }
  override terminate() {
    threads.left--
    super.terminate()
  }
}

let uncaught = 0
page.addEventListener("error", () => uncaught++)

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const url = (path: string) => new URL(path, page.location.href)

type Some = Omit<Partial<ThreadPool.Options<never>>, "deadlines" | "retry" | "deadLetters">

const make = (options: Some = {}) => ThreadPool.make<typeof jobs>({ module: url("/jobs.js"), size: 1, ...options })

/** An input for what says that it has begun, and the wait for that. */
const begins = () => {
  const { port1, port2 } = new page.MessageChannel()
  const begun = new Promise<void>((resolve) => {
    port1.onmessage = () => resolve()
  })
  const input: Begins = ThreadPool.transfer({ port: port2 }, [port2])
  return { input, begun: Effect.promise(() => begun) }
}

/** Starts a call, and goes on when it has begun in its thread. */
const startBegun = <A, E>(call: (input: Begins) => Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const { begun, input } = begins()
    const fiber = yield* start(call(input))
    yield* begun
    return fiber
  })

/** The tag of its error, or the value. */
const outcome = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.squash(exit.cause)
  if (!(error instanceof Error)) return String(error)
  const { cause, name, message, ...fields } = error
  return { name, message, ...fields, ...(cause instanceof Error ? { cause: cause.message } : {}) }
}

const failureOf = (options: Some) => Effect.map(Effect.exit(Effect.scoped(make(options))), outcome)

const scenarios: Record<string, Effect.Effect<unknown, unknown, Scope.Scope>> = {
  values: Effect.gen(function*() {
    const { map, run } = yield* make({ size: 2 })
    const streamed = yield* Stream.runCollect(map.add([1, 2, 3]))
    return [yield* run.add(1), yield* run.later(2), yield* run.effect(3), yield* run.nothing(), streamed]
  }),

  failure: Effect.gen(function*() {
    const { run } = yield* make()
    const refused = yield* Effect.flip(run.fail("ada"))
    const caught = yield* run.fail("bob").pipe(Effect.catchTag("Refused", ({ who }) => Effect.succeed(who)))
    const { stack } = refused as Error
    return { caught, isError: refused instanceof Error, stack, error: outcome(Exit.fail(refused)) }
  }),

  defects: Effect.gen(function*() {
    const { run } = yield* make({ onDefect: "keep" })
    const thread = yield* run.thread()
    const exits = yield* Effect.forEach([run.die(), run.throws(), run.rejects()], (call) => Effect.exit(call))
    const defects = exits.map((exit) => {
      const error = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
      return error instanceof Error ? { name: error.name, message: error.message, stack: error.stack } : error
    })
    return { defects, isSameThread: thread === (yield* run.thread()) }
  }),

  moved: Effect.gen(function*() {
    const { run } = yield* make()
    const buffer = new ArrayBuffer(1 << 20)
    const filled = yield* run.fill(ThreadPool.transfer(buffer, [buffer]))
    const again = yield* Effect.exit(run.fill(ThreadPool.transfer(buffer, [buffer])))
    return { here: buffer.byteLength, back: [...new Uint8Array(filled, filled.byteLength - 2)], again: outcome(again) }
  }),

  uncloneable: Effect.gen(function*() {
    const { run } = yield* make({ prefetch: 3 })
    const calls = [run.add(1), run.add((() => 1) as never), run.getFunction(), run.add(2)]
    const exits = yield* Effect.forEach(calls, (call) => Effect.exit(call as Effect.Effect<unknown, unknown>), {
      concurrency: "unbounded"
    })
    return exits.map(outcome)
  }),

  interrupted: Effect.gen(function*() {
    const { run } = yield* make({ grace: "1 minute" })
    const thread = yield* run.thread()
    yield* Fiber.interrupt(yield* startBegun(run.hold))
    yield* Fiber.interrupt(yield* startBegun(run.listen))
    return { held: yield* run.held(), isSameThread: thread === (yield* run.thread()) }
  }),

  polled: Effect.gen(function*() {
    const { run } = yield* make()
    const thread = yield* run.thread()
    yield* Fiber.interrupt(yield* startBegun(run.poll))
    return { isSameThread: thread === (yield* run.thread()) }
  }),

  busy: Effect.gen(function*() {
    const { run } = yield* make({ grace: 10 })
    const thread = yield* run.thread()
    yield* Fiber.interrupt(yield* startBegun(run.forever))
    return { isSameThread: thread === (yield* run.thread()) }
  }),

  /** Of a thread that was busy: seven calls had been sent there, and three had not. */
  prefetched: Effect.gen(function*() {
    const { run } = yield* make({ prefetch: 7, grace: 10, queue: { capacity: 100 } })
    const busy = yield* startBegun(run.forever)
    const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () => start(run.count()))
    yield* Fiber.interrupt(busy)
    return (yield* Effect.forEach(fibers, Fiber.await)).map(outcome)
  }),

  /** Behind a call that waits, in a thread that does not compute. */
  takenBack: Effect.gen(function*() {
    const { run } = yield* make({ prefetch: 1, grace: "1 minute" })
    const thread = yield* run.thread()
    const first = yield* startBegun(run.hold)
    const second = yield* start(run.count())
    yield* Effect.sleep(50)
    yield* Fiber.interrupt(second)
    const isFirstRunning = first.pollUnsafe() === undefined
    yield* Fiber.interrupt(first)
    return { isFirstRunning, count: yield* run.count(), isSameThread: thread === (yield* run.thread()) }
  }),

  crashed: Effect.gen(function*() {
    const { run } = yield* make()
    return [outcome(yield* Effect.exit(run.crash())), yield* run.add(1), { uncaught }]
  }),

  late: Effect.gen(function*() {
    const said: Array<unknown> = []
    const channel = yield* Effect.acquireRelease(
      Effect.sync(() => new BroadcastChannel("layer")),
      (channel) => Effect.sync(() => channel.close())
    )
    channel.onmessage = (event) => said.push((event as { readonly data: unknown }).data)
    const module = url("/late.js")
    const called = yield* Effect.scoped(Effect.gen(function*() {
      const { run } = yield* ThreadPool.make<typeof late>({ module, size: 1, startTimeout: "5 seconds" })
      return yield* run.addStep(1)
    }))
    while (said.length < 2) yield* Effect.sleep(1)
    return { called, said }
  }),

  /** A worker that is no pool's loads the same module. */
  outside: Effect.gen(function*() {
    const worker = new page.Worker(url("/jobs.js"), { type: "module", name: "my own" })
    const said: Array<unknown> = []
    worker.onmessage = ({ data }) => said.push(data)
    yield* Effect.sleep(300)
    worker.terminate()
    return said
  }),

  modules: Effect.gen(function*() {
    return {
      throws: yield* failureOf({ module: url("/throws.js") }),
      missing: yield* failureOf({ module: url("/missing.js"), size: 2 }),
      silent: yield* failureOf({ module: url("/silent.js"), startTimeout: 200 })
    }
  }),

  endless: Effect.gen(function*() {
    yield* Effect.scoped(Effect.gen(function*() {
      const pool = yield* make({ size: 2, grace: 10 })
      yield* startBegun(pool.submit.forever)
      yield* startBegun(pool.submit.hold)
    }))
    return { ...threads }
  })
}

const report: Record<string, unknown> = {}
for (const [name, scenario] of Object.entries(scenarios)) {
  const exit = await Effect.runPromiseExit(Effect.scoped(Effect.timeout(scenario, "10 seconds")))
  report[name] = Exit.isSuccess(exit) ? exit.value : Cause.pretty(exit.cause)
}
const isShared = typeof SharedArrayBuffer !== "undefined"
await fetch("/report", { method: "POST", body: JSON.stringify({ ...report, isShared, threads, uncaught }) })
