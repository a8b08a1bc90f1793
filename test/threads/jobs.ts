/** What the threads of the tests serve. */
import { Data, Effect } from "effect"
import { parentPort, threadId } from "node:worker_threads"
import { ThreadWorker } from "sluice/threads"

export class Refused extends Data.TaggedError("Refused")<{ readonly who: string; readonly times: number }> {}

class Mute extends Error {
  override get message(): string {
    throw new Error("nothing is said")
  }
}

const raise = (error: unknown): never => {
  throw error
}

const bare = (): unknown => Object.assign(Object.create(null) as object, { f: () => 1 })

const odd = {
  throws: () => raise(new Mute()),
  rejects: () => Promise.resolve().then(() => raise(new Mute())),
  fails: () => Effect.fail(new Mute()),
  failsLater: () => Effect.andThen(Effect.yieldNow, Effect.fail(new Mute())),
  getter: () => raise(Object.defineProperty(new Error("odd"), "got", { enumerable: true, get: () => raise("no") })),
  proxy: () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return raise(proxy)
  },
  bare: () => raise(bare()),
  name: () => raise(Object.assign(new Error("odd"), { name: Symbol("odd") })),
  message: () => {
    const error = new Error()
    String(error.stack)
    return raise(Object.assign(error, { message: { toString: 1, valueOf: 1 } }))
  },
  stack: () => raise(Object.assign(new Error("odd"), { stack: [() => 1] })),
  asks: () => new Proxy({}, { has: () => raise(new Error("nobody asks")) }),
  resultGetter: () => ({
    get it() {
      return raise(bare())
    }
  }),
  then: () => ({
    get then() {
      return raise(new Error("no"))
    }
  }),
  thenThrows: () => ({ then: () => raise(new Error("no")) })
}

const counter = { calls: 0 }
const byteCounter = new Uint8Array(1)

export const jobs = ThreadWorker.serve({
  add: (n: number) => n + 1,
  nothing: () => undefined,
  later: (n: number) => Promise.resolve(n + 1),
  effect: (n: number) => Effect.as(Effect.yieldNow, n + 1),
  /** Which thread it is. */
  thread: () => threadId,
  /** Computes for so long. */
  spin: (millis: number) => {
    const until = performance.now() + millis
    while (performance.now() < until);
    return millis
  },
  /** Computes forever, and tells that it has begun. */
  forever: (begun?: Int32Array) => {
    if (begun !== undefined) Atomics.store(begun, 0, 1)
    for (;;);
  },
  /** Computes until it is cancelled, and tells through shared memory that it has begun, and that it has seen that. */
  poll: (told: Int32Array, context: ThreadWorker.JobContext) => {
    Atomics.add(told, 0, 1)
    while (!context.isCancelled());
    Atomics.add(told, 1, 1)
    return "stopped"
  },
  /** The same for a promise. */
  listen: (told: Int32Array, { signal }: ThreadWorker.JobContext) =>
    new Promise<string>((resolve) => {
      signal.addEventListener("abort", () => {
        Atomics.add(told, 1, 1)
        resolve("stopped")
      })
      Atomics.add(told, 0, 1)
    }),
  never: () => Effect.never,
  /** Tells that it has been called, and never ends. */
  firstEffect: (told: Int32Array) => {
    Atomics.add(told, 0, 1)
    return Effect.never
  },
  /** Counts in shared memory how many begin and end. */
  holding: ([counts, millis]: readonly [Int32Array, number]) =>
    Effect.acquireUseRelease(
      Effect.sync(() => Atomics.add(counts, 0, 1)),
      () => Effect.sleep(millis),
      () => Effect.sync(() => Atomics.add(counts, 1, 1))
    ),
  /** The same, and ends the second time only. */
  holdingOnce: (counts: Int32Array) =>
    Effect.acquireUseRelease(
      Effect.sync(() => Atomics.add(counts, 0, 1)),
      (before) => before === 0 ? Effect.never : Effect.void,
      () => Effect.sync(() => Atomics.add(counts, 1, 1))
    ),
  fail: (who: string) => Effect.fail(new Refused({ who, times: 3 })),
  failWithCause: () => Effect.fail(new TypeError("outer", { cause: new Refused({ who: "inner", times: 1 }) })),
  failPlain: () => Effect.fail({ code: 42 }),
  failWithFunction: () => Effect.fail(Object.assign(new Error("has a function"), { _tag: "Odd", f: () => 1, kept: 1 })),
  interruptItself: () => Effect.interrupt,
  die: () => Effect.die(new RangeError("a bug")),
  throws: () => {
    throw new RangeError("thrown")
  },
  rejects: () => Promise.reject(new RangeError("rejected")),
  failPlainWithFunction: () => Effect.fail({ _tag: "Odd" as const, f: () => 1, kept: 1 }),
  failMany: () => Effect.promise(() => Promise.any([Promise.reject(new TypeError("one of many"))])),
  /** Ends with what is hard to tell of. */
  odd: (what: keyof typeof odd) => odd[what](),
  getFunction: () => () => 1,
  globalIsReady: () => "isReady" in globalThis,
  /** How long it is then. */
  push: (list: Array<number>) => list.push(0),
  firstOf: ({ list }: { readonly list: ReadonlyArray<number> }) => list[0],
  fillAll: (bytes: Uint8Array) => bytes.fill(bytes[0]! + 1)[0],
  /** The same bytes each time, which count the calls. */
  byteCounter: () => {
    byteCounter[0]!++
    return byteCounter
  },
  /** Likewise an object. */
  counter: () => {
    counter.calls++
    return counter
  },
  /** Speaks where nobody listens. */
  chatter: () => parentPort?.postMessage([0, 1, 0, "junk"]),
  exit: (code: number) => process.exit(code),
  crash: () =>
    Effect.andThen(
      Effect.sync(() =>
        setTimeout(() => {
          throw new Error("outside of a job")
        })
      ),
      Effect.never
    ),
  crashLater: () =>
    void setTimeout(() => {
      throw new Error("when nothing runs")
    }, 1),
  hog: () => {
    const all: Array<Array<number>> = []
    for (;;) all.push(new Array<number>(100_000).fill(all.length))
  },
  length: (bytes: Uint8Array) => bytes.length,
  /** Gives it back without a copy. */
  fill: (bytes: Uint8Array) => ThreadWorker.transfer(bytes.fill(7), [bytes.buffer]),
  /** Reports each step; is slow enough for a report to be read, and never lets the thread read a message. */
  steps: (count: number, { isCancelled, report }: ThreadWorker.JobContext<{ readonly step: number }>) => {
    for (let step = 1; step <= count && !isCancelled(); step++) {
      report({ step })
      const until = performance.now() + 2
      while (performance.now() < until);
    }
    return "done"
  },
  increment: (shared: Int32Array) => Atomics.add(shared, 0, 1)
})
