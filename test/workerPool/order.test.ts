/** P14 and P15: which job is next, where some are more urgent, or where several keys share the workers. */
import { Deferred, Effect, Exit } from "effect"
import * as fc from "fast-check"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { Ranked } from "../../src/internal/Ranked.js"
import { defectOf, expectPending, run, start, turns } from "../support/effect.js"
import { times } from "../support/seed.js"
import { balanced } from "../support/workerPool.js"

interface Job {
  readonly key: string
  readonly level: number
  readonly n: number
}

type Queue = WorkerPool.QueueOptions<Job, string>

/** A pool of one worker, which a first job holds until `open`; then jobs begin in an order, which `begun` tells. */
const held = (queue: Queue, size = 1) =>
  Effect.gen(function*() {
    const begun: Array<Job> = []
    const gate = yield* Deferred.make<void>()
    const pool = yield* WorkerPool.make({
      size,
      queue: { capacity: "unbounded", ...queue },
      run: (job: Job) =>
        job.n < 0 ? Deferred.await(gate) : Effect.andThen(Effect.sync(() => begun.push(job)), Effect.yieldNow)
    })
    for (let n = 0; n < size; n++) yield* WorkerPool.submit(pool, { key: `gate ${n}`, level: 0, n: -1 })
    return { pool, begun, open: Effect.andThen(Deferred.succeed(gate, undefined), turns(3)) }
  })

const doNothing = (job: Job): Effect.Effect<Job> => Effect.succeed(job)
const byLevel = ({ level }: Job) => level
const byKey = ({ key }: Job) => key

describe("priority (P14)", () => {
  test("the most urgent goes first, and within a level who came first", () =>
    run(Effect.gen(function*() {
      const { begun, open, pool } = yield* held({ priority: byLevel })
      for (const [n, level] of [2, 0, 1, 0, 2, 1].entries()) yield* WorkerPool.submit(pool, { key: "", level, n })
      yield* open
      yield* WorkerPool.shutdown(pool)
      expect(begun.map(({ level, n }) => `${level}:${n}`)).toEqual(["0:1", "0:3", "1:2", "1:5", "2:0", "2:4"])
    })))

  test("also among those who wait for room", () =>
    run(Effect.gen(function*() {
      const { begun, open, pool } = yield* held({ capacity: 1, priority: byLevel })
      for (const [n, level] of [1, 2, 1, 0].entries()) yield* start(WorkerPool.submit(pool, { key: "", level, n }))
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 1, waiting: 3 })
      yield* open
      yield* WorkerPool.shutdown(pool, { deadline: "1 second" })
      // Nobody waits for a less urgent one to leave the queue first.
      expect(begun.map(({ n }) => n)).toEqual([3, 0, 2, 1])
    })))

  test("a job of level n is passed over by at most n times aging jobs that come later", () => {
    const workload = fc.record({
      levels: fc.array(fc.nat(4), { minLength: 1, maxLength: 60 }),
      aging: fc.nat(5)
    })
    const property = fc.asyncProperty(workload, ({ aging, levels }) =>
      run(Effect.gen(function*() {
        const { begun, open, pool } = yield* held({ priority: byLevel, aging })
        for (const [n, level] of levels.entries()) yield* WorkerPool.submit(pool, { key: "", level, n })
        yield* open
        yield* WorkerPool.shutdown(pool)
        expect(begun).toHaveLength(levels.length)
        for (const [place, { level, n }] of begun.entries()) {
          const overtaking = begun.slice(0, place).filter((other) => other.n > n)
          expect(overtaking.length).toBeLessThanOrEqual(level * aging)
          expect(overtaking.every((other) => other.level < level)).toBe(true)
        }
      })))
    return fc.assert(property, { numRuns: times(200) })
  })

  test("the lowest level is served under a load of the highest that never ends", () =>
    run(Effect.gen(function*() {
      const { begun, open, pool } = yield* held({ priority: byLevel, aging: 10 })
      yield* WorkerPool.submit(pool, { key: "", level: 3, n: 0 })
      for (let n = 1; n <= 1_000; n++) yield* WorkerPool.submit(pool, { key: "", level: 0, n })
      yield* open
      yield* WorkerPool.shutdown(pool)
      expect(begun.findIndex(({ level }) => level === 3)).toBeLessThanOrEqual(30)
    })))

  test("a job is cancelled from the middle of a hundred thousand", () =>
    run(Effect.gen(function*() {
      const { begun, open, pool } = yield* held({ priority: byLevel })
      const handles: Array<WorkerPool.JobHandle<void>> = []
      for (let n = 0; n < 100_000; n++) {
        handles.push(yield* WorkerPool.submit(pool, { key: "", level: (n * 7919) % 10, n }))
      }
      for (let n = 0; n < 100_000; n++) if (n % 1_000 !== 0) expect(yield* handles[n]!.cancel).toBe(true)
      yield* open
      yield* WorkerPool.shutdown(pool)
      expect(begun).toHaveLength(100)
      expect(begun.map(({ level }) => level)).toEqual(begun.map(({ level }) => level).sort())
    })))

  test("the heap keeps its order over any sequence of operations", () => {
    const step = fc.tuple(fc.nat(1_000), fc.nat(5))
    const property = fc.property(fc.array(step, { maxLength: 100, size: "max" }), fc.boolean(), (steps, atOnce) => {
      const heap = new Ranked<{ rank: number; slot: number }>()
      const model: Array<{ rank: number; slot: number }> = []
      for (const [rank, kind] of steps) {
        if (kind < 4 || model.length === 0) {
          const node = { rank, slot: -1 }
          heap.push(node)
          model.push(node)
        } else if (kind === 4) {
          const node = heap.shift()!
          expect(node.rank).toBe(Math.min(...model.map(({ rank }) => rank)))
          model.splice(model.indexOf(node), 1)
        } else {
          const [node] = model.splice(rank % model.length, 1)
          heap.remove(node!)
        }
        expect(heap.size).toBe(model.length)
      }
      // One after the other, they come as the heap has them; all at once they are sorted.
      const left = atOnce ? heap.takeAll() : model.map(() => heap.shift()!)
      expect(left.map(({ rank }) => rank)).toEqual(model.map(({ rank }) => rank).sort((a, b) => a - b))
    })
    fc.assert(property)
  })
})

describe("keys (P15)", () => {
  test("take turns: one tenant's burst does not delay the others", () =>
    run(Effect.gen(function*() {
      const { begun, open, pool } = yield* held({ key: byKey })
      for (let n = 0; n < 1_000; n++) yield* WorkerPool.submit(pool, { key: "noisy", level: 0, n })
      for (let n = 0; n < 3; n++) yield* WorkerPool.submit(pool, { key: "quiet", level: 0, n })
      yield* open
      yield* WorkerPool.shutdown(pool)
      expect(begun.slice(0, 6).map(({ key }) => key)).toEqual(["noisy", "quiet", "noisy", "quiet", "noisy", "quiet"])
    })))

  test.each([1, 4])(
    "start as many jobs in a turn as their weights, also where the limit of a key is reached: %i",
    (size) =>
      run(Effect.gen(function*() {
        const weights: Record<string, number> = { a: 1, b: 2, c: 5 }
        const perKey = { concurrency: size, weight: (key: string) => weights[key] ?? 1 }
        const { begun, open, pool } = yield* held({ key: byKey, perKey }, size)
        for (const key of ["a", "b", "c"]) {
          for (let n = 0; n < 40; n++) yield* WorkerPool.submit(pool, { key, level: 0, n })
        }
        yield* open
        yield* WorkerPool.shutdown(pool)
        const share = (key: string) => begun.slice(0, 64).filter((job) => job.key === key).length
        expect(["a", "b", "c"].map(share)).toEqual([8, 16, 40])
      }))
  )

  test.each([Infinity, 1])(
    "a job that is its key's next waits for at most the sum of the other keys' weights: %d at a time",
    (concurrency) => {
      const weights: Record<string, number> = { a: 1, b: 2, c: 5 }
      const workload = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 60 })
      const property = fc.asyncProperty(workload, (keys) =>
        run(Effect.gen(function*() {
          const { begun, open, pool } = yield* held({
            key: byKey,
            perKey: { concurrency, weight: (key: string) => weights[key] ?? 1 }
          })
          for (const [n, key] of keys.entries()) yield* WorkerPool.submit(pool, { key, level: 0, n })
          yield* open
          yield* WorkerPool.shutdown(pool)
          expect(begun).toHaveLength(keys.length)
          for (const key of ["a", "b", "c"]) {
            const places = begun.flatMap((job, place) => job.key === key ? [place] : [])
            const others = Object.entries(weights).reduce(
              (sum, [other, weight]) => other === key ? sum : sum + weight,
              0
            )
            for (const [i, place] of places.entries()) {
              expect(place - (places[i - 1] ?? -1) - 1).toBeLessThanOrEqual(others)
            }
            // First come, first served within a key.
            const numbers = begun.filter((job) => job.key === key).map(({ n }) => n)
            expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
          }
        })))
      return fc.assert(property, { numRuns: times(200) })
    }
  )

  test("start as many jobs in a turn as the function of the key has last said, as a job came or began", () => {
    const workload = fc.record({
      answers: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 30 }),
      jobs: fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 40 })
    })
    const property = fc.asyncProperty(workload, ({ answers, jobs }) =>
      run(Effect.gen(function*() {
        const answering = () => {
          let asked = 0
          return () => answers[asked++ % answers.length] ?? 1
        }
        const answer = answering()
        const weight = (key: string) => key === "a" || key === "b" ? answer() : 1
        const { begun, open, pool } = yield* held({ key: byKey, perKey: { weight } })
        for (const [n, key] of jobs.entries()) yield* WorkerPool.submit(pool, { key, level: 0, n })
        yield* open
        yield* WorkerPool.shutdown(pool)

        const answerAgain = answering()
        const last: Record<string, number> = {}
        for (const key of jobs) last[key] = answerAgain()
        const left = jobs.slice()
        const expected: Array<string> = []
        // The first that came has the first turn.
        for (let key = jobs[0] ?? "a"; left.length > 0; key = key === "a" ? "b" : "a") {
          for (let credit = last[key] ?? 0; credit > 0 && left.includes(key); credit--) {
            left.splice(left.indexOf(key), 1)
            expected.push(key)
            last[key] = answerAgain()
          }
        }
        expect(begun.map(({ key }) => key)).toEqual(expected)
      })))
    return fc.assert(property, { numRuns: 200 })
  })

  test.each(["has begun", "is cancelled"])(
    "lose the rest of their turn when their last job %s",
    (how) =>
      run(Effect.gen(function*() {
        const begun: Array<string> = []
        const handles = new Map<string, WorkerPool.JobHandle<unknown>>()
        const pool: WorkerPool.WorkerPool<string, unknown> = yield* WorkerPool.make({
          size: 1,
          queue: { capacity: "unbounded", key: (name: string) => name[0], perKey: { weight: 3 } },
          run: (name: string): Effect.Effect<unknown> =>
            Effect.gen(function*() {
              begun.push(name)
              yield* Effect.yieldNow
              // The key is still known, for this very job.
              if (name === "a1" && how === "is cancelled") yield* handles.get("a2")!.cancel
              if (name === "a1") yield* Effect.orDie(WorkerPool.submit(pool, "a3"))
            })
        })
        const names = how === "is cancelled" ? ["gate", "a1", "a2", "b1", "b2"] : ["gate", "a1", "b1", "b2"]
        for (const name of names) handles.set(name, yield* WorkerPool.submit(pool, name))
        yield* turns(12)
        expect(begun).toEqual(["gate", "a1", "b1", "b2", "a3"])
      }))
  )

  test("may have a function of weight that ends the pool", () =>
    run(Effect.gen(function*() {
      let asked = 0
      const pool: WorkerPool.WorkerPool<Job, void> = yield* WorkerPool.make({
        size: 1,
        queue: {
          key: byKey,
          perKey: {
            weight: () => {
              if (++asked === 5) Effect.runFork(WorkerPool.shutdownNow(pool))
              return 1
            }
          }
        },
        run: () => Effect.yieldNow
      })
      const handles = yield* Effect.forEach([0, 1, 2], (n) => WorkerPool.submit(pool, { key: "a", level: 0, n }))
      const { counts } = yield* WorkerPool.shutdown(pool)
      expect(handles.map(({ state }) => state)).toContain("returned")
      expect(counts).toMatchObject({ submitted: 3, running: 0, queued: 0 })
      balanced(pool)
    })))

  test("keep the weight that they had where the function makes a mistake as a job begins, and the next caller hears of it", () =>
    run(Effect.gen(function*() {
      const answers: Array<() => number> = [() => NaN, () => 0, () => {
        throw new Error("no weight")
      }]
      for (const wrong of answers) {
        let weight = (): number => 2
        const perKey = { weight: (key: string) => key === "a" ? weight() : 1 }
        const { begun, open, pool } = yield* held({ key: byKey, perKey })
        for (const key of ["a", "b"]) {
          for (let n = 0; n < 4; n++) yield* WorkerPool.submit(pool, { key, level: 0, n })
        }
        weight = wrong
        const exit = yield* Effect.exit(WorkerPool.submit(pool, { key: "a", level: 0, n: 9 }))
        expect(String(exit)).toMatch(/queue.perKey.weight must be|no weight/)
        yield* open
        yield* WorkerPool.shutdown(pool)
        expect(begun.map(({ key }) => key).join("")).toBe("aabaabbb")
      }
    })))

  test("begin waiting jobs, the oldest first, when their limit is raised as another job comes", () =>
    run(Effect.gen(function*() {
      let limit = 1
      const perKey = { concurrency: (key: string) => key === "a" ? limit : 9 }
      const begun: Array<Job> = []
      const gate = yield* Deferred.make<void>()
      const pool: WorkerPool.WorkerPool<Job, void> = yield* WorkerPool.make({
        size: 4,
        queue: { capacity: "unbounded", key: byKey, perKey },
        run: (job: Job) => Effect.andThen(Effect.sync(() => void begun.push(job)), Deferred.await(gate))
      })
      for (let n = 0; n < 4; n++) yield* WorkerPool.submit(pool, { key: "a", level: 0, n })
      expect(begun.map(({ n }) => n)).toEqual([0])
      limit = 3
      yield* WorkerPool.submit(pool, { key: "a", level: 0, n: 4 })
      yield* turns(2)
      expect(begun.map(({ n }) => n)).toEqual([0, 1, 2])
      // Lowered, it revokes nothing.
      limit = 1
      yield* WorkerPool.submit(pool, { key: "a", level: 0, n: 5 })
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 3, queued: 3, idle: 1 })
      yield* Deferred.succeed(gate, undefined)
      yield* WorkerPool.shutdown(pool)
      expect(begun.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5])
    })))

  test("begin waiting jobs when their limit is raised as one of them begins", () =>
    run(Effect.gen(function*() {
      let limit = 1
      const begun: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const pool = yield* WorkerPool.make({
        size: 4,
        queue: { capacity: "unbounded", key: (name: string) => name[0], perKey: { concurrency: () => limit } },
        run: (name: string) =>
          Effect.andThen(
            Effect.sync(() => void begun.push(name)),
            name === "a0" ? Effect.yieldNow : Deferred.await(gate)
          )
      })
      for (const name of ["a0", "a1", "a2", "a3"]) yield* WorkerPool.submit(pool, name)
      limit = 2
      yield* turns(4)
      expect(begun).toEqual(["a0", "a1", "a2"])
      yield* Deferred.succeed(gate, undefined)
    })))

  test("have their limits count at once after refreshKeys, unless a function makes a mistake", () =>
    run(Effect.gen(function*() {
      const limits: Record<string, number> = { a: 1, b: 1 }
      const pool = yield* WorkerPool.make({
        size: 5,
        queue: { capacity: "unbounded", key: (key) => key, perKey: { concurrency: (key) => limits[key] ?? 1 } },
        run: (key: string) => Effect.as(Effect.never, key)
      })
      for (const key of ["a", "a", "a", "b", "b"]) yield* WorkerPool.submit(pool, key)
      Object.assign(limits, { a: 2, b: NaN })
      expect(String(yield* defectOf(WorkerPool.refreshKeys(pool)))).toMatch(/perKey.concurrency must be/)
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 2, queued: 3 })
      limits["b"] = 3
      yield* WorkerPool.refreshKeys(pool)
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 4, queued: 1 })
      yield* WorkerPool.shutdownNow(pool)
      yield* WorkerPool.refreshKeys(pool)
    })))

  test("never run more jobs than a changing limit allows, nor leave a worker idle that could run one", () => {
    const step = fc.oneof(
      fc.record({ tag: fc.constant("job" as const), key: fc.constantFrom("a", "b") }),
      fc.record({
        tag: fc.constant("limit" as const),
        key: fc.constantFrom("a", "b"),
        limit: fc.integer({ min: 1, max: 4 })
      }),
      fc.record({ tag: fc.constant("end" as const), place: fc.nat(20) }),
      fc.record({ tag: fc.constant("refresh" as const) })
    )
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      (steps, size) =>
        run(Effect.gen(function*() {
          const limits = new Map([["a", 1], ["b", 2]])
          /** The limits as the pool last asked for them. */
          const asked = new Map<string, number>()
          const running = new Map<number, { readonly key: string; readonly gate: Deferred.Deferred<void> }>()
          const runningOf = (of: string) => [...running.values()].filter(({ key }) => key === of).length
          const waiting: Array<Job> = []
          const pool: WorkerPool.WorkerPool<Job, void> = yield* WorkerPool.make({
            size,
            queue: {
              capacity: "unbounded",
              key: byKey,
              perKey: {
                concurrency: (key: string) => {
                  const limit = limits.get(key) ?? 1
                  asked.set(key, limit)
                  return limit
                }
              }
            },
            run: ({ key, n }: Job) =>
              Effect.gen(function*() {
                const first = waiting.find((job) => job.key === key)
                expect(first?.n).toBe(n)
                waiting.splice(waiting.findIndex((job) => job.n === n), 1)
                const gate = yield* Deferred.make<void>()
                running.set(n, { key, gate })
                yield* Deferred.await(gate)
                running.delete(n)
              })
          })
          for (const [n, step] of steps.entries()) {
            const before = new Map(["a", "b"].map((key) => [key, runningOf(key)]))
            if (step.tag === "limit") limits.set(step.key, step.limit)
            else if (step.tag === "refresh") yield* WorkerPool.refreshKeys(pool)
            else if (step.tag === "job") {
              const job = { key: step.key, level: 0, n }
              waiting.push(job)
              yield* WorkerPool.submit(pool, job)
            } else {
              const open = [...running.values()]
              if (open.length > 0) yield* Deferred.succeed(open[step.place % open.length]!.gate, undefined)
            }
            yield* turns(4)
            const { idle } = WorkerPool.stats(pool)
            for (const key of ["a", "b"]) {
              const limit = asked.get(key) ?? Infinity
              // What ran before a limit was lowered runs on.
              expect(runningOf(key)).toBeLessThanOrEqual(Math.max(limit, before.get(key) ?? 0))
              const couldRun = waiting.some((job) => job.key === key) && runningOf(key) < limit
              if (couldRun) expect(idle).toBe(0)
            }
          }
          for (; running.size > 0;) {
            for (const { gate } of running.values()) yield* Deferred.succeed(gate, undefined)
            yield* turns(4)
          }
          expect(waiting).toEqual([])
          balanced(pool)
        }))
    )
    return fc.assert(property, { numRuns: times(200) })
  })

  test("have a queue each: one that is full refuses only its own", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* held({ capacity: 1, key: byKey })
      const offer = (key: string) => Effect.exit(WorkerPool.trySubmit(pool, { key, level: 0, n: 0 }))
      const answers = yield* Effect.forEach(["a", "a", "b", "b"], offer)
      expect(answers.map(Exit.isSuccess)).toEqual([true, false, true, false])
      expect(WorkerPool.stats(pool)).toMatchObject({ queued: 2, keys: 3 })
      const blocked = yield* start(WorkerPool.submit(pool, { key: "a", level: 0, n: 1 }))
      expectPending(blocked)
      expect(WorkerPool.stats(pool).waiting).toBe(1)
    })))

  test("may have a limit each, which leaves a worker for the others", () =>
    run(Effect.gen(function*() {
      const { begun, open, pool } = yield* held({ key: byKey, perKey: { concurrency: 1 } }, 2)
      for (const key of ["gate 0", "gate 0", "free"]) yield* WorkerPool.submit(pool, { key, level: 0, n: 0 })
      yield* turns(3)
      expect(begun).toHaveLength(0)
      yield* open
      yield* WorkerPool.shutdown(pool)
      expect(begun.map(({ key }) => key)).toContain("free")

      const two = yield* held({ key: byKey, perKey: { concurrency: 1 } }, 1)
      yield* WorkerPool.resize(two.pool, 3)
      for (const key of ["gate 0", "gate 0", "free"]) yield* WorkerPool.submit(two.pool, { key, level: 0, n: 0 })
      yield* turns(3)
      expect(two.begun.map(({ key }) => key)).toEqual(["free"])
      expect(WorkerPool.stats(two.pool)).toMatchObject({ queued: 2, idle: 2, running: 1 })
    })))

  test("a limit that is no longer reached lets the next go, also when its worker is replaced", () =>
    run(Effect.gen(function*() {
      let acquired = 0
      const begun: Array<string> = []
      const pool = yield* WorkerPool.make({
        size: 2,
        queue: { key: () => "one", perKey: { concurrency: 1 } },
        // The resource that is lost does not come back soon.
        worker: () => ++acquired > 2 ? Effect.never : Effect.void,
        run: (name: string) => {
          begun.push(name)
          return name === "dies" ? Effect.andThen(Effect.yieldNow, Effect.die("poison")) : Effect.void
        }
      })
      yield* WorkerPool.submit(pool, "dies")
      yield* WorkerPool.submit(pool, "next")
      expect(WorkerPool.stats(pool)).toMatchObject({ running: 1, queued: 1, idle: 1 })
      yield* turns(4)
      expect(begun).toEqual(["dies", "next"])
    })))

  test("a hundred thousand of them come and go, and none is left", () =>
    run(Effect.gen(function*() {
      const { begun, open, pool } = yield* held({ capacity: 2, key: byKey, perKey: { concurrency: 1 } })
      for (let n = 0; n < 100_000; n++) yield* WorkerPool.submit(pool, { key: `${n}`, level: 0, n })
      expect(WorkerPool.stats(pool).keys).toBe(100_001)
      yield* open
      yield* WorkerPool.shutdown(pool)
      expect(begun).toHaveLength(100_000)
      expect(WorkerPool.stats(pool).keys).toBe(0)
      balanced(pool)
    })))

  test("vanish also when their jobs are cancelled, refused, or withdrawn", () =>
    run(Effect.gen(function*() {
      const { pool } = yield* held({ capacity: 0, key: byKey })
      const job = { key: "gone", level: 0, n: 0 }
      expect(Exit.isFailure(yield* Effect.exit(WorkerPool.trySubmit(pool, job)))).toBe(true)
      const blocked = yield* start(WorkerPool.submit(pool, job))
      expect(WorkerPool.stats(pool).keys).toBe(2)
      blocked.interruptUnsafe()
      yield* turns(2)
      expect(WorkerPool.stats(pool).keys).toBe(1)
    })))
})

describe("results of the user's functions are checked before anything changes", () => {
  const cases: ReadonlyArray<readonly [string, Queue]> = [
    ["queue.priority must be an integer from 0 to 1000000, got -1", { priority: () => -1 }],
    ["queue.priority must be an integer from 0 to 1000000, got NaN", { priority: () => NaN }],
    ["queue.perKey.weight must be an integer from 1 to 1000, got 0", { key: byKey, perKey: { weight: () => 0 } }]
  ]
  test.each(cases)("%s", (message, queue) =>
    run(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ size: 1, queue, run: doNothing })
      const job = { key: "a", level: 0, n: 0 }
      expect(String(yield* Effect.exit(WorkerPool.submit(pool, job)))).toContain(message)
      expect(String(yield* Effect.exit(WorkerPool.trySubmit(pool, job)))).toContain(message)
      expect(String(yield* Effect.exit(WorkerPool.run(pool, job)))).toContain(message)
      expect(WorkerPool.stats(pool)).toMatchObject({ submitted: 0, idle: 1, keys: 0 })
    })))

  const refused: ReadonlyArray<readonly [string, unknown]> = [
    ["queue.priority must be a function, got 1", { priority: 1 }],
    ["queue.key must be a function, got \"id\"", { key: "id" }],
    ["queue.aging must be an integer from 0 to 1000000000, got 0.5", { aging: 0.5 }],
    ["queue.perKey.concurrency must be an integer >= 1, got 0", { key: byKey, perKey: { concurrency: 0 } }],
    ["queue.perKey.weight must be an integer from 1 to 1000, got NaN", { key: byKey, perKey: { weight: NaN } }],
    ["queue.strategy must be \"suspend\" or \"dropping\" with a priority", { priority: byLevel, strategy: "sliding" }]
  ]
  test.each(refused)("%s", (message, queue) =>
    run(Effect.gen(function*() {
      const exit = yield* Effect.exit(
        WorkerPool.make({ size: 1, queue: queue as Queue, run: doNothing })
      )
      expect(String(exit)).toContain(message)
    })))
})
