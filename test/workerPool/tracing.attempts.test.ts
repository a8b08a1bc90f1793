/** The span of each attempt at a job: which one it was, how it ended, and whose it is. */
import { Effect, Exit, Option, Schedule, Tracer } from "effect"
import { Watch, WorkerPool } from "sluice"
import { expect, test } from "vitest"
import { after, runTimed } from "../support/effect.js"
import { keepingTracer } from "../support/spans.js"

type Job = Effect.Effect<unknown, string>

/** A tracer that keeps the spans. */
const keeping = () => {
  const { spans, tracer } = keepingTracer()
  const jobs = () => spans.filter(({ name }) => name === "pool/job")
  return { jobs, spans, traced: Effect.provideService(Tracer.Tracer, tracer) }
}

test("a job's span names the attempt, and how long that has waited", () => {
  const { jobs, traced } = keeping()
  return runTimed(traced(Effect.gen(function*() {
    const retry = Schedule.recurs(1).pipe(Schedule.addDelay(() => Effect.succeed(100)))
    const pool = yield* WorkerPool.make({
      size: 1,
      watch: [Watch.spans()],
      retry: { schedule: retry },
      run: (job: Job) => job
    })
    yield* WorkerPool.submit(pool, Effect.fail("planned"))
    yield* after(100)
    const attribute = (name: string) => jobs().map(({ attributes }) => attributes.get(name))
    expect(attribute("sluice.attempt")).toEqual([1, 2])
    expect(attribute("sluice.outcome")).toEqual(["failed", "failed"])
    expect(attribute("sluice.wait_seconds")).toEqual([0, 0])
  })))
})

test("a job that dies after its deadline has a span that says so, and not that it timed out", () => {
  const { jobs, traced } = keeping()
  return runTimed(traced(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({
      size: 1,
      watch: [Watch.spans()],
      deadlines: { run: 100 },
      run: (job: Job) => job
    })
    yield* WorkerPool.submit(pool, Effect.onInterrupt(Effect.never, () => Effect.die("planned")))
    yield* after(100)
    const { died, timedOut } = WorkerPool.stats(pool)
    expect([died, timedOut]).toEqual([1, 0])
    expect(jobs().map(({ attributes }) => attributes.get("sluice.outcome"))).toEqual(["died"])
    const [exit] = jobs().map(({ status }) => status._tag === "Ended" ? status.exit : undefined)
    expect(Exit.hasDies(exit!)).toBe(true)
  })))
})

test("a job's span is below the nearest span of its caller that is traced", () => {
  const { jobs, spans, traced } = keeping()
  return runTimed(traced(Effect.gen(function*() {
    const pool = yield* WorkerPool.make({ size: 1, watch: [Watch.spans()], run: (job: Job) => job })
    const hidden = Effect.withTracerEnabled(Effect.withSpan(WorkerPool.run(pool, Effect.void), "hidden"), false)
    yield* Effect.withSpan(hidden, "request")
    const request = spans.find(({ name }) => name === "request")
    expect(jobs().map(({ parent }) => Option.getOrUndefined(parent)?.spanId)).toEqual([request!.spanId])
  })))
})
