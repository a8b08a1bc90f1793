/** A span for each job, where it belongs, that says how the job ended; and its number in what it logs. */
import { Effect, Exit, Fiber, Logger, Option, References, type Scope, Stream, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { Watch, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { isInterrupted, run as runScoped, settle, start } from "../support/effect.js"
import { keepingTracer } from "../support/spans.js"

type Job = Effect.Effect<unknown, string>

/** Runs it all on TestClock, and keeps the spans. */
const run = <A, E>(test: (spans: ReadonlyArray<Tracer.NativeSpan>) => Effect.Effect<A, E, Scope.Scope>) => {
  const { spans, tracer } = keepingTracer()
  return runScoped(
    Effect.scoped(test(spans)).pipe(Effect.provideService(Tracer.Tracer, tracer), Effect.provide(TestClock.layer()))
  )
}

const after = (millis: number) => Effect.andThen(TestClock.adjust(millis), settle)

type Some = Partial<WorkerPool.Options<Job, unknown, string, never, unknown, string, Scope.Scope>>

const make = (options: Some = {}) =>
  WorkerPool.make({ size: 1, name: "mail", watch: [Watch.spans()], run: (job: Job) => job, ...options })

const jobs = (spans: ReadonlyArray<Tracer.NativeSpan>) => spans.filter(({ name }) => name === "mail/job")
const parentOf = (span: Tracer.Span) => Option.getOrUndefined(span.parent)
const exitOf = ({ status }: Tracer.Span) => status._tag === "Ended" ? status.exit : undefined
const outcomesOf = (spans: ReadonlyArray<Tracer.NativeSpan>) =>
  jobs(spans).map(({ attributes }) => attributes.get("sluice.outcome"))

describe("a job's span", () => {
  test("that was submitted is a root, linked to the submitter's", () =>
    run((spans) =>
      Effect.gen(function*() {
        const pool = yield* make()
        yield* Effect.withSpan(
          Effect.andThen(WorkerPool.submit(pool, Effect.sleep(100)), WorkerPool.trySubmit(pool, Effect.void)),
          "request"
        )
        yield* Stream.runDrain(WorkerPool.map(pool, [Effect.void])).pipe(Effect.withSpan("batch"), start)
        yield* after(100)
        const named = (name: string) => spans.find((span) => span.name === name)
        expect(jobs(spans).map(parentOf)).toEqual([undefined, undefined, undefined])
        expect(jobs(spans).map(({ links }) => links.map(({ span }) => span.spanId))).toEqual([
          [named("request")!.spanId],
          [named("request")!.spanId],
          [named("batch")!.spanId]
        ])
        expect(jobs(spans).map(({ kind }) => kind)).toEqual(["consumer", "consumer", "consumer"])
        expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(spans.length)
      })
    ))

  test("that is run is a child of the caller's", () =>
    run((spans) =>
      Effect.gen(function*() {
        const pool = yield* make()
        yield* Effect.withSpan(WorkerPool.run(pool, Effect.withSpan(Effect.void, "inner")), "request")
        const [job] = jobs(spans)
        expect(parentOf(job!)?.spanId).toBe(spans.find(({ name }) => name === "request")?.spanId)
        expect([job!.links.length, job!.kind]).toEqual([0, "internal"])
        expect(parentOf(spans.find(({ name }) => name === "inner")!)?.spanId).toBe(job!.spanId)
      })
    ))

  test("is a root without a link where the caller has no span, or one that is not propagated", () =>
    run((spans) =>
      Effect.gen(function*() {
        const pool = yield* make()
        yield* WorkerPool.run(pool, Effect.void)
        const untraced = Effect.andThen(WorkerPool.submit(pool, Effect.void), WorkerPool.run(pool, Effect.void))
        yield* Effect.withTracerEnabled(Effect.withSpan(untraced, "hidden"), false)
        expect(jobs(spans).map((span) => [parentOf(span), span.links])).toEqual(
          Array.from({ length: 3 }, () => [undefined, []])
        )
      })
    ))

  test("is kept if the caller's is", () =>
    run((spans) =>
      Effect.gen(function*() {
        const pool = yield* make()
        const both = Effect.andThen(WorkerPool.submit(pool, Effect.void), WorkerPool.run(pool, Effect.void))
        yield* Effect.withSpan(both, "kept", { sampled: true })
        yield* Effect.withSpan(both, "not kept", { sampled: false })
        expect(jobs(spans).map(({ sampled }) => sampled)).toEqual([true, true, false, false])
      })
    ))

  test("says where and which it is, and how long it has waited; and lasts as long as it runs", () =>
    run((spans) =>
      Effect.gen(function*() {
        const pool = yield* make()
        yield* WorkerPool.submit(pool, Effect.sleep(250))
        yield* WorkerPool.submit(pool, Effect.sleep(500))
        yield* after(250)
        yield* after(500)
        const [, second] = jobs(spans)
        expect(Object.fromEntries(second!.attributes)).toEqual({
          "sluice.pool": "mail",
          "sluice.worker": "mail/worker-1",
          "sluice.job": 2,
          "sluice.attempt": 1,
          "sluice.wait_seconds": 0.25,
          "sluice.outcome": "succeeded"
        })
        expect(second!.status).toMatchObject({ startTime: 250_000_000n, endTime: 750_000_000n })
      })
    ))

  test("ends as the ledger says, and has ended however the job does", () =>
    run((spans) =>
      Effect.gen(function*() {
        const pool = yield* WorkerPool.make({
          size: 1,
          name: "mail",
          watch: [Watch.spans()],
          deadlines: { run: 1_000 },
          run: (job: Job | "throw") => {
            if (job === "throw") throw new Error("no effect at all")
            return job
          }
        })
        const ends = ["throw", Effect.void, Effect.fail("refused"), Effect.die("poison"), Effect.interrupt] as const
        for (const end of ends) {
          yield* WorkerPool.submit(pool, end)
          yield* settle
        }
        yield* WorkerPool.submit(pool, Effect.never)
        yield* after(1_000)
        const cancelled = yield* WorkerPool.submit(pool, Effect.never)
        yield* cancelled.cancel
        yield* WorkerPool.submit(pool, Effect.never)
        const never = yield* WorkerPool.submit(pool, Effect.void)
        yield* WorkerPool.shutdownNow(pool)
        expect(never.state).toBe("returned")
        expect(outcomesOf(spans)).toEqual([
          "died",
          "succeeded",
          "failed",
          "died",
          "interrupted",
          "timedOut",
          "interrupted",
          "interrupted"
        ])
        const [thrown, succeeded, failed, , , late, stopped] = jobs(spans).map(exitOf)
        expect(Exit.hasDies(thrown!)).toBe(true)
        expect(succeeded).toEqual(Exit.void)
        expect(failed).toEqual(Exit.fail("refused"))
        // Nothing that interrupted it would make the span an error, and the caller has had one.
        expect(late).toMatchObject({ cause: { reasons: [{ error: { _tag: "JobTimeout", phase: "run" } }] } })
        expect(isInterrupted(stopped!)).toBe(true)
      })
    ))

  test("is none unless asked for", () =>
    run((spans) =>
      Effect.gen(function*() {
        const pool = yield* make({ watch: [Watch.metrics()] })
        yield* Effect.withSpan(WorkerPool.run(pool, Effect.withSpan(Effect.void, "inner")), "request")
        expect(jobs(spans)).toEqual([])
        // What a job does is in the span of its worker's resource then.
        expect(parentOf(spans.find(({ name }) => name === "inner")!)).toMatchObject({ name: "mail/worker-1" })
      })
    ))
})

test("log lines of a traced job have its number and its worker", () =>
  run(() =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const logger = Logger.make(({ fiber, message }) => {
        seen.push([message, fiber.getRef(References.CurrentLogAnnotations)])
      })
      const loggers = Effect.provideService(Logger.CurrentLoggers, new Set([logger]))
      const job = Effect.annotateLogs(Effect.log("sent"), { to: "ada" })
      const ofMaker = Effect.annotateLogs({ service: "mailer" })
      const pool = yield* make().pipe(ofMaker, loggers)
      const plain = yield* make({ watch: [] }).pipe(ofMaker, loggers)
      yield* WorkerPool.run(pool, Effect.void)
      yield* WorkerPool.run(pool, job)
      yield* WorkerPool.run(plain, job)
      expect(seen).toEqual([
        [["sent"], { service: "mailer", worker: "mail/worker-1", job: 2, to: "ada" }],
        [["sent"], { service: "mailer", worker: "mail/worker-1", to: "ada" }]
      ])
    })
  ))

test("a job still has its own fiber: what it forks ends with it, and P9 sees it", () =>
  run(() =>
    Effect.gen(function*() {
      const pool = yield* make()
      const child = yield* WorkerPool.run(pool, Effect.forkChild(Effect.never))
      expect(Exit.isFailure(yield* Fiber.await(child as Fiber.Fiber<unknown>))).toBe(true)
      const exit = yield* Effect.exit(WorkerPool.run(pool, Effect.orDie(WorkerPool.run(pool, Effect.void))))
      expect(String(exit)).toContain("PoolDeadlock")
    })
  ))
