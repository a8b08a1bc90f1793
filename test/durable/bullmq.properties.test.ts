/** How jobs come from BullMQ to the fibers that wait for one, over a queue in memory that replies by promises. */
import type { Job } from "bullmq"
import { Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import { checkAsync, type Kit, type Scenario, scenario } from "sluice/testing"
import { expect, onTestFinished, test, vi } from "vitest"
import { Feed, type Source } from "../../src/internal/durable/bullmq/Feed.js"
import { Locks } from "../../src/internal/durable/bullmq/Locks.js"
import { seed, times } from "../support/seed.js"

/** As BullMQ: a question has its reply in the order of its arrival, and the reply comes later. */
class MemoryQueue implements Source {
  readonly id = "worker"
  readonly name = "queue"
  readonly waiting: Array<string> = []
  /** The token of each job that is claimed. */
  readonly active = new Map<string, string>()
  /** The jobs that are claimed, and have not ended in this process. */
  readonly running = new Set<string>()
  readonly done: Array<string> = []
  questions = 0
  wrong: string | undefined
  private blocked: (() => void) | undefined
  private there: number

  constructor(private readonly workers: number) {
    this.there = workers
  }

  /** A worker has gone, and the last one leaves no claim. */
  leaves(): void {
    this.there--
    if (this.there === 0 && this.active.size > 0) this.wrong = "a claim is left (D4)"
  }

  add(id: string): void {
    this.waiting.push(id)
    this.blocked?.()
  }

  getNextJob(token: string): Promise<Job> {
    this.questions++
    // BullMQ's type is silent about what it says of a queue that is empty.
    return Promise.resolve(this.claim(token)!)
  }

  completeAndTake(job: Job, token: string): Promise<Job | undefined> {
    this.questions++
    this.end(job.id!, token)
    this.done.push(job.id!)
    return Promise.resolve(this.claim(token))
  }

  private claim(token: string): Job | undefined {
    const id = this.waiting.shift()
    if (id === undefined) return undefined
    this.active.set(id, token)
    this.running.add(id)
    if (this.running.size > this.workers) this.wrong = "more jobs are claimed than there are workers (D3)"
    const job: Partial<Job> = {
      id,
      attemptsMade: 0,
      attemptsStarted: 1,
      stalledCounter: 0,
      moveToWait: (token = "") => {
        this.questions++
        this.end(id, token)
        this.waiting.unshift(id)
        this.blocked?.()
        return Promise.resolve(1)
      },
      moveToCompleted: (_, token, fetchNext) => {
        this.questions++
        if (fetchNext !== false) this.wrong = "a job that nobody waits for is taken"
        this.end(id, token)
        this.done.push(id)
        return Promise.resolve()
      }
    }
    return job as Job
  }

  private end(id: string, token: string): void {
    if (this.active.get(id) !== token) this.wrong = `job ${id} is ended by who has not claimed it`
    this.active.delete(id)
    this.running.delete(id)
  }

  readonly backend: Source["backend"] = {
    minimumBlockTimeout: 0.001,
    waitForJob: () =>
      new Promise((resolve) => {
        this.blocked = () => {
          this.blocked = undefined
          resolve({ score: 0, member: "0" })
        }
        if (this.waiting.length > 0) this.blocked()
      }),
    disconnectBlocking: () => {
      this.blocked?.()
      return Promise.resolve()
    },
    reconnectBlocking: () => Promise.resolve()
  }
}

const options = { lockMillis: 1e9, pollMillis: 1_000, patienceMillis: Infinity }
const renewals = { extendJobLocks: () => Promise.resolve([]) }
const locks = new Locks(renewals, options.lockMillis)

/** Takes a job and runs it. It is completed, or given back if that is interrupted. `ended`: before that is stored. */
const once = (queue: MemoryQueue, feed: Feed, ended: Effect.Effect<unknown>): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      feed.take(restore),
      (claim) =>
        Effect.onExit(restore(Effect.yieldNow), ({ _tag }) => {
          queue.running.delete(claim.id)
          return Effect.andThen(ended, _tag === "Success" ? feed.complete(claim) : feed.giveBack(claim))
        })
    )
  )

/** A worker is idle as soon as its job has ended, and waits for the next one while the end is being stored. */
const worker = (queue: MemoryQueue, feed: Feed, jobs: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const claims: Array<Fiber.Fiber<unknown, unknown>> = []
    const claim = (ended: Effect.Effect<unknown>) =>
      Effect.withFiber((fiber) => {
        claims.push(fiber)
        return once(queue, feed, ended)
      })
    const claiming = Effect.gen(function*() {
      for (let i = 0; i < jobs; i++) {
        const ended = yield* Latch.make()
        yield* Effect.forkChild(claim(ended.open), { startImmediately: true })
        yield* ended.await
      }
      yield* Fiber.awaitAll(claims)
    })
    return Effect.onExit(claiming, () => Effect.map(Fiber.interruptAll(claims), () => queue.leaves()))
  })

/** So many workers run so many jobs each, of which some are there and others come. */
const feeding = (workers: number, each: number, there: number, later: number): Scenario =>
  scenario((t: Kit) =>
    Effect.gen(function*() {
      const queue = new MemoryQueue(workers)
      const feed = new Feed(queue, locks, options, yield* Effect.context())
      for (let id = 0; id < there; id++) queue.add(`there ${id}`)
      for (let i = 0; i < workers; i++) yield* t.actor(`worker ${i}`, worker(queue, feed, each))
      yield* t.actor(
        "producer",
        Effect.forEach(
          Array.from({ length: later }, (_, id) => id),
          (id) => Effect.andThen(Effect.yieldNow, Effect.sync(() => queue.add(`later ${id}`))),
          { discard: true }
        ),
        { cancel: false }
      )
      yield* t.settled
      yield* t.expect(queue.wrong === undefined, String(queue.wrong))
      yield* t.expect(queue.active.size === 0, "a job is claimed after the last worker has gone (D4)")
      yield* t.expect(new Set(queue.done).size === queue.done.length, "a job is completed twice")
      yield* t.expect(queue.done.length + queue.waiting.length === there + later, "a job is lost (D2)")
    })
  )

const holds = (scenario: Scenario) => checkAsync(scenario, { runs: times(1_000), cancels: 2, seed: seed() })

test("two workers, and jobs that are there", () => holds(feeding(2, 2, 4, 0)))
test("three workers, and jobs that come", () => holds(feeding(3, 2, 2, 4)))
test("one worker that jobs are late for", () => holds(feeding(1, 3, 0, 3)))

test("the end of a job and the next one are one question", async () => {
  const queue = new MemoryQueue(2)
  for (let id = 0; id < 100; id++) queue.add(String(id))
  await Effect.runPromise(Effect.gen(function*() {
    const feed = new Feed(queue, locks, options, yield* Effect.context())
    const one = worker(queue, feed, 50)
    yield* Effect.all([one, one], { concurrency: "unbounded" })
  }))
  expect(queue.done).toHaveLength(100)
  // The first two jobs were asked for alone.
  expect(queue.questions).toBe(102)
})

/** Replies to a question when its function is called. */
class SlowQueue extends MemoryQueue {
  readonly replies: Array<() => void> = []
  override getNextJob(token: string): Promise<Job> {
    return new Promise((resolve) => this.replies.push(() => resolve(super.getNextJob(token))))
  }
}

const turns = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

test("the last fiber to leave waits for every question that is on its way", async () => {
  const queue = new SlowQueue(2)
  const { replies } = queue
  queue.add("one")
  queue.add("other")
  await Effect.runPromise(Effect.gen(function*() {
    const feed = new Feed(queue, locks, options, yield* Effect.context())
    const takers = [
      yield* Effect.forkChild(once(queue, feed, Effect.void)),
      yield* Effect.forkChild(once(queue, feed, Effect.void))
    ]
    yield* turns
    expect(replies).toHaveLength(2)
    const left = yield* Effect.forkChild(Fiber.interruptAll(takers))
    replies[0]!()
    yield* turns
    expect(left.pollUnsafe()).toBe(undefined)
    replies[1]!()
    yield* Fiber.join(left)
    expect([queue.active.size, queue.waiting.length]).toEqual([0, 2])
  }))
})

test("the last fiber to leave waits for a limited time, and a job that comes later goes back", async () => {
  const queue = new SlowQueue(1)
  queue.add("one")
  const silence = { ...options, patienceMillis: 30_000 }
  await Effect.runPromise(
    Effect.gen(function*() {
      const feed = new Feed(queue, locks, silence, yield* Effect.context())
      const leaving = Effect.gen(function*() {
        const taker = yield* Effect.forkChild(once(queue, feed, Effect.void))
        yield* turns
        const left = yield* Effect.forkChild(Fiber.interrupt(taker))
        yield* turns
        return left
      })
      const left = yield* leaving
      yield* TestClock.adjust(silence.patienceMillis - 1)
      expect(left.pollUnsafe()).toBe(undefined)
      yield* TestClock.adjust(1)
      yield* Fiber.join(left)
      // The store is known to be silent.
      yield* Fiber.join(yield* leaving)
      yield* feed.close
      queue.replies.shift()!()
      yield* turns
      expect([queue.active.size, queue.waiting]).toEqual([0, ["one"]])
      expect(queue.replies).toHaveLength(0)
    }).pipe(Effect.provide(TestClock.layer()))
  )
})

test("a job that took as long as its lock to come is asked for again", async () => {
  const clock = vi.spyOn(performance, "now")
  onTestFinished(() => clock.mockRestore())
  class LateQueue extends MemoryQueue {
    override async getNextJob(token: string): Promise<Job> {
      const job = await super.getNextJob(token)
      const then = performance.now() + 800
      if (this.questions === 1) clock.mockReturnValue(then)
      return job
    }
  }
  const queue = new LateQueue(1)
  queue.add("one")
  const short = { ...options, lockMillis: 1_000 }
  await Effect.runPromise(Effect.gen(function*() {
    const feed = new Feed(queue, new Locks(renewals, short.lockMillis), short, yield* Effect.context())
    const claim = yield* feed.take((wait) => wait)
    expect(claim.heldUntil - performance.now()).toBeGreaterThan(short.lockMillis / 3)
    yield* feed.complete(claim)
  }))
  expect([queue.active.size, queue.done]).toEqual([0, ["one"]])
})
