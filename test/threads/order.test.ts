/** The order of jobs that a thread had at hand and had not begun, once they have come back from it. */
import { Effect, Fiber, Schedule } from "effect"
import { WorkerPool } from "sluice"
import { ThreadPool, type ThreadWorker } from "sluice/threads"
import { expect, test } from "vitest"
import { Board, isTagged, kinds, stride } from "../../src/internal/threads/protocol.js"
import { after, runTimed, settle, start } from "../support/effect.js"
import { type Puppet, Puppets } from "../support/puppets.js"

type Jobs = ThreadWorker.Jobs<{ readonly call: (n: number) => Effect.Effect<number, string> }>
type Some = Omit<ThreadPool.Options<never>, "module" | "deadlines" | "deadLetters" | "retry">

const queues: ReadonlyArray<[string, Some["queue"]]> = [
  ["a queue", {}],
  ["priorities", { priority: () => 0 }],
  ["keys", { key: ({ input }) => (input as number) % 2 }],
  ["keys and priorities", { priority: () => 0, key: ({ input }) => (input as number) % 2 }]
]

const make = (options: Some & { readonly retry?: ThreadPool.Options<unknown>["retry"] }) =>
  Effect.gen(function*() {
    const threads = new Puppets()
    const module = new URL("fake:threads")
    const making = yield* start(ThreadPool.make<Jobs>({ ...options, module, platform: threads, size: 1 }))
    threads.all[0]!.serve()
    return { threads, first: threads.all[0]!, pool: yield* Fiber.join(making) }
  })

/** The calls that a thread has been given: `[seat, turn, name, input]`. */
const callsOf = ({ posted }: Puppet): ReadonlyArray<readonly [number, number, string, number]> => {
  const all = posted.flatMap((message) => isTagged(message) ? [] : message as Array<unknown>)
  return Array.from(
    { length: all.length / stride },
    (_, i) => all.slice(i * stride, (i + 1) * stride) as unknown as readonly [number, number, string, number]
  )
}

const begin = (thread: Puppet, n: number): void => {
  const call = callsOf(thread).find(([, , , input]) => input === n)
  if (call === undefined || !new Board(thread.options.init.words).begin(call[0], call[1])) throw new Error(`no ${n}`)
}

test.each(queues)(
  "jobs that a lost thread had at hand begin on the next one in the order of %s",
  (_, queue) =>
    runTimed(Effect.gen(function*() {
      const { first, pool, threads } = yield* make({ prefetch: 6, queue: { ...queue, capacity: 100 } })
      for (const n of [1, 2, 3, 4, 5, 6, 7, 8, 9]) yield* pool.submit.call(n)
      yield* settle
      begin(first, 1)
      first.end()
      yield* settle
      threads.all[1]!.serve()
      yield* settle
      expect(callsOf(threads.all[1]!).map(([, , , n]) => n)).toEqual([2, 3, 4, 5, 6, 7, 8])
      for (const thread of threads.all) thread.isHeld = false
      yield* start(WorkerPool.shutdownNow(pool.workers))
      yield* after(1_000)
    }))
)

test("an urgent job that a lost thread had at hand goes first again", () =>
  runTimed(Effect.gen(function*() {
    const { first, pool, threads } = yield* make({
      prefetch: 3,
      queue: { capacity: 100, priority: ({ input }) => (input as number) < 3 ? 1 : 0 }
    })
    for (const n of [1, 2, 3, 4, 5, 6]) yield* pool.submit.call(n)
    yield* settle
    begin(first, 1)
    first.end()
    yield* settle
    threads.all[1]!.serve()
    yield* settle
    expect(callsOf(threads.all[1]!).map(([, , , n]) => n)).toEqual([3, 4, 5, 6])
    yield* start(WorkerPool.shutdownNow(pool.workers))
    yield* after(1_000)
  })))

test.each(queues)(
  "a pool that stops as a thread is lost returns its jobs in the order of their ids, with %s",
  (_, queue) =>
    runTimed(Effect.gen(function*() {
      const { first, pool } = yield* make({ prefetch: 6, queue: { ...queue, capacity: 100 } })
      for (const n of [1, 2, 3, 4, 5, 6, 7, 8, 9]) yield* pool.submit.call(n)
      yield* settle
      begin(first, 1)
      first.end()
      yield* settle
      const { returned } = yield* WorkerPool.shutdownNow(pool.workers)
      expect(returned.map(({ input }) => input)).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
    }))
)

test.each([0, 1])(
  "a job that waits for its second attempt as the pool stops is aborted, with prefetch %s",
  (prefetch) =>
    runTimed(Effect.gen(function*() {
      const { first, pool } = yield* make({
        prefetch,
        queue: { capacity: 100 },
        grace: 10,
        retry: { schedule: Schedule.spaced("20 millis").pipe(Schedule.upTo({ times: 1 })) }
      })
      const retried = yield* pool.submit.call(1)
      yield* settle
      const [seat, turn] = callsOf(first)[0]!
      first.say([seat, turn, kinds.failure, [{ _tag: "Fail", part: { value: "not now" } }]])
      yield* settle
      expect(retried.state).toBe("retrying")
      yield* pool.submit.call(2)
      yield* settle
      begin(first, 2)
      yield* after(20)
      expect(retried.state).toBe(prefetch === 0 ? "queued" : "running")
      const shutdown = yield* start(WorkerPool.shutdownNow(pool.workers))
      yield* after(10)
      const { aborted, counts, returned } = yield* Fiber.join(shutdown)
      expect(retried.state).toBe("failed")
      expect([aborted.map(({ input }) => input), returned]).toEqual([[1, 2], []])
      expect(counts).toMatchObject({ failed: 1 })
    }))
)
