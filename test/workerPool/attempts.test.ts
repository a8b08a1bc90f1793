/** P12, P13 and poison, against a model: how often each job is tried, how it ends, and which dead letters there are. */
import { Effect, Exit, Schedule } from "effect"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { Poison } from "../../src/internal/workerPool/Poison.js"
import { after, runTimed, squash, start } from "../support/effect.js"
import { times } from "../support/property.js"
import { balanced } from "../support/workerPool.js"

type Attempt = "succeeds" | "fails" | "dies" | "hangs"

interface Job {
  readonly key: string
  /** What each attempt comes to; any further one succeeds. */
  readonly attempts: ReadonlyArray<Attempt>
  /** How many retries its schedule has. */
  readonly times: number
}

type Spelling = "while" | "until" | "while, as an effect" | "until, as an effect"

/** The two options for errors that are the last, whose functions return a boolean or an effect of one. */
const spelled = (mayFollow: (error: unknown) => boolean, spelling: Spelling) => ({
  "while": { while: mayFollow },
  "until": { until: (error: unknown) => !mayFollow(error) },
  "while, as an effect": { while: (error: unknown) => Effect.as(Effect.yieldNow, mayFollow(error)) },
  "until, as an effect": { until: (error: unknown) => Effect.as(Effect.yieldNow, !mayFollow(error)) }
}[spelling])

type Letter = WorkerPool.DeadLetter<Job, string | WorkerPool.JobTimeout>

const attempt = fc.constantFrom<Attempt>("succeeds", "fails", "fails", "dies", "dies", "hangs")

const workload = fc.record({
  jobs: fc.array(
    fc.record({ key: fc.constantFrom("a", "b"), attempts: fc.array(attempt, { maxLength: 6 }), times: fc.nat(3) }),
    { minLength: 1, maxLength: 8 }
  ),
  retries: fc.boolean(),
  /** The pool's own bound on retries, and an error after which none follows. */
  most: fc.constantFrom(undefined, 1, 2),
  spelling: fc.constantFrom<Spelling>("while", "until", "while, as an effect", "until, as an effect"),
  permanent: fc.constantFrom(undefined, undefined, "attempt 1", "attempt 2", "JobTimeout"),
  poison: fc.constantFrom<"none" | "own" | "keyed">("none", "own", "keyed"),
  kills: fc.constantFrom(undefined, 1, 2, 3),
  letters: fc.boolean()
})

type Workload = typeof workload extends fc.Arbitrary<infer T> ? T : never

interface Ending {
  readonly state: string
  readonly attempts: number
  /** Why it is a dead letter. */
  readonly reason: string | undefined
  /** What the schedule was given. */
  readonly errors: ReadonlyArray<string>
}

/** What becomes of jobs that come one after the other. */
const model = (
  { jobs, kills = 3, letters, most, permanent, poison, retries }: Workload
): ReadonlyArray<Ending> => {
  const killed = new Map<string, number>()
  return jobs.map(({ attempts, key, times }) => {
    let steps = 0
    let deaths = 0
    const errors: Array<string> = []
    for (let n = 1;; n++) {
      const came = attempts[n - 1] ?? "succeeds"
      const ends = (state: string, reason: string): Ending =>
        letters
          ? { state: "deadLettered", attempts: n, reason, errors }
          : { state, attempts: n, reason: undefined, errors }
      if (came === "succeeds") {
        killed.delete(key)
        return { state: "succeeded", attempts: n, reason: undefined, errors }
      }
      if (came === "dies") {
        deaths++
        killed.set(key, (killed.get(key) ?? 0) + 1)
        const limit = poison === "none" ? 1 : kills
        const isAtFault = deaths >= limit || (poison === "keyed" && (killed.get(key) ?? 0) >= limit)
        if (isAtFault) return ends("died", "poison")
        continue
      }
      const error = came === "fails" ? `attempt ${n}` : "JobTimeout"
      const outcome = came === "fails" ? "failed" : "timedOut"
      if (retries && error === permanent) return ends(outcome, "permanent")
      if (!retries || steps === (most ?? Infinity)) return ends(outcome, "exhausted")
      errors.push(error)
      if (steps === times) return ends(outcome, "exhausted")
      steps++
    }
  })
}

const nameOf = (error: unknown): string => typeof error === "string" ? error : (error as WorkerPool.JobTimeout)._tag

const lastOf = (attempts: ReadonlyArray<Attempt>, n: number): Attempt => attempts[n - 1] ?? "succeeds"

test("each job is tried as often as its schedule and its deaths let it, and ends as its last attempt (P12, P13)", () => {
  const property = fc.asyncProperty(workload, (work) =>
    runTimed(Effect.gen(function*() {
      const { jobs, kills, letters, most, permanent, poison, retries, spelling } = work
      let tried: Array<number> = []
      let errors: Array<string> = []
      const sent: Array<Letter> = []
      const resources: Array<number> = []
      const pool = yield* WorkerPool.make({
        size: 1,
        worker: () => Effect.sync(() => resources.push(resources.length)),
        deadlines: { run: 50 },
        retry: {
          ...(retries
            ? {
              schedule: ({ times }: Job) =>
                Schedule.spaced(10).pipe(
                  Schedule.while(({ attempt, input }: { readonly attempt: number; readonly input: unknown }) => {
                    errors.push(nameOf(input))
                    return Effect.succeed(attempt <= times)
                  })
                ),
              times: most,
              ...spelled((error) => nameOf(error) !== permanent, spelling)
            }
            : { times: 0 }),
          poison: poison === "none" ? undefined : {
            kills,
            key: poison === "keyed"
              ? ({ key }: Job) => key
              : undefined
          },
          deadLetters: letters ? { sink: (letter: Letter) => Effect.sync(() => sent.push(letter)) } : undefined
        },
        run: ({ attempts }: Job, { attempt }): Effect.Effect<string, string> => {
          tried.push(attempt)
          const came = lastOf(attempts, attempt)
          return came === "succeeds"
            ? Effect.succeed(`attempt ${attempt}`)
            : came === "fails"
            ? Effect.fail(`attempt ${attempt}`)
            : came === "dies"
            ? Effect.die(`attempt ${attempt}`)
            : Effect.never
        }
      })
      const endings: Array<Ending> = []
      let deaths = 0
      for (const job of jobs) {
        tried = []
        errors = []
        const handle = yield* WorkerPool.submit(pool, job)
        for (let n = 0; n < 20 && (handle.state === "running" || handle.state === "retrying"); n++) yield* after(50)
        const letter = sent.find(({ id }) => id === handle.id)
        endings.push({ state: handle.state, attempts: tried.length, reason: letter?.reason, errors })
        assert.deepEqual(tried, tried.map((_, index) => index + 1))
        const exit = yield* handle.await
        const text = `attempt ${tried.length}`
        const came = lastOf(job.attempts, tried.length)
        if (came === "succeeds") assert.deepEqual(exit, Exit.succeed(text))
        if (came === "fails") assert.deepEqual(exit, Exit.fail(text))
        if (came === "dies") assert.deepEqual(exit, Exit.die(text))
        if (came === "hangs") {
          assert.ok(String(squash(exit)).includes("after running for 50ms"))
        }
        if (letter !== undefined) {
          assert.equal(letter.job, job)
          assert.equal(letter.attempts, tried.length)
          assert.ok(Exit.isFailure(exit) && letter.cause === exit.cause)
        }
        deaths += tried.filter((n) => lastOf(job.attempts, n) === "dies").length
      }
      assert.deepEqual(endings, model(work))
      assert.equal(new Set(sent.map(({ id }) => id)).size, sent.length)
      // Each death has cost a resource, and nothing else has.
      yield* after(50)
      assert.equal(WorkerPool.stats(pool).replaced, deaths)
      assert.equal(resources.length, deaths + 1)
      balanced(pool)
    })))
  return fc.assert(property, { numRuns: times(200) })
})

describe("a job that cannot be interrupted, and fails in the end", () => {
  const stubborn = Effect.uninterruptible(Effect.andThen(Effect.sleep(200), Effect.fail("in spite of it")))

  /** One attempt that fails late, and a second one that succeeds. */
  const pool = (sent: Array<number>) => {
    let attempts = 0
    return WorkerPool.make({
      size: 1,
      deadlines: { run: 100 },
      retry: {
        schedule: Schedule.recurs(3),
        deadLetters: { sink: ({ id }: { readonly id: number }) => Effect.sync(() => sent.push(id)) }
      },
      run: (name: string) => Effect.suspend(() => ++attempts === 1 ? stubborn : Effect.succeed(name))
    })
  }

  test("is not tried again, and no dead letter, where it was cancelled", () =>
    runTimed(Effect.gen(function*() {
      const sent: Array<number> = []
      const handle = yield* WorkerPool.submit(yield* pool(sent), "job")
      const cancelled = yield* start(handle.cancel)
      yield* after(200)
      expect([handle.state, cancelled.pollUnsafe(), sent]).toEqual(["failed", Exit.succeed(false), []])
    })))

  test("is tried again where its deadline has passed", () =>
    runTimed(Effect.gen(function*() {
      const sent: Array<number> = []
      const handle = yield* WorkerPool.submit(yield* pool(sent), "job")
      yield* after(200)
      expect([handle.state, sent]).toEqual(["succeeded", []])
    })))

  test("is not tried again, and no dead letter, where the pool has interrupted it", () =>
    runTimed(Effect.gen(function*() {
      const sent: Array<number> = []
      const own = yield* pool(sent)
      const handle = yield* WorkerPool.submit(own, "job")
      yield* start(WorkerPool.shutdownNow(own))
      yield* after(200)
      expect([handle.state, sent, WorkerPool.stats(own).state]).toEqual(["failed", [], "stopped"])
    })))
})

describe("keys that have killed", () => {
  const step = fc.record({
    kind: fc.constantFrom("kills", "kills", "forgive"),
    key: fc.constantFrom("a", "b", "c"),
    job: fc.nat(2)
  })

  test("are at fault from the limit on, and so is a job by its own deaths, whoever forgives its key", () => {
    const property = fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      (steps, limit, isKeyed) => {
        const poison = new Poison<string>(limit, isKeyed ? (key) => key : undefined)
        const byKey = new Map<string, number>()
        const byJob = new Map<string, number>()
        for (const { job, key, kind } of steps) {
          const one = { input: key }
          poison.arrives(one)
          if (kind === "forgive") {
            poison.forgive(one)
            byKey.delete(key)
            continue
          }
          const own = (byJob.get(`${key} ${job}`) ?? 0) + 1
          byJob.set(`${key} ${job}`, own)
          byKey.set(key, (byKey.get(key) ?? 0) + 1)
          const expected = own >= limit || (isKeyed && (byKey.get(key) ?? 0) >= limit)
          assert.equal(poison.kills(one, own), expected)
        }
      }
    )
    fc.assert(property, { numRuns: times(1_000) })
  })

  test("are remembered, the latest ten thousand of them", () => {
    const poison = new Poison<number>(2, (key) => key)
    const kills = (key: number) => {
      const one = { input: key }
      poison.arrives(one)
      return poison.kills(one, 1)
    }
    for (let key = 0; key < 10_000; key++) expect(kills(key)).toBe(false)
    // The first becomes the latest, and has killed twice.
    expect(kills(0)).toBe(true)
    // One more than are remembered: the oldest is forgotten, and so is the next one.
    expect(kills(10_000)).toBe(false)
    expect(kills(0)).toBe(true)
    expect(kills(3)).toBe(true)
    expect(kills(1)).toBe(false)
  })
})
