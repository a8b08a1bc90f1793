import { Effect, Metric, Tracer } from "effect"
import { Watch, WorkerPool } from "sluice"
import { type Work } from "../work.js"

const items = 100_000

interface Seen {
  readonly watch?: ReadonlyArray<Watch.Watcher>
}

// One that makes Effect's own spans and keeps none: what an exporter does with them is the exporter's.
const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

// What a job would have in its span, put there by hand.
const attributes = { pool: "pool", worker: "pool/worker-1", job: 1, attempt: 1, wait: 0 }
const spanned = Effect.withSpan(Effect.yieldNow, "job", { root: true, attributes, captureStackTrace: false })

const submitAll = (seen: Seen, job: Effect.Effect<void> = Effect.yieldNow) => () =>
  Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({ ...seen, size: 8, queue: { capacity: 16 }, run: () => job })
      for (let n = 0; n < items; n++) yield* WorkerPool.submit(pool, n)
      yield* WorkerPool.shutdown(pool)
    })).pipe(
      Effect.withSpan("submitter"),
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

export const poolObserved: Work = {
  id: "pool-observed",
  title: "WorkerPool, watched",
  what: "The same jobs, in a pool with no watcher, with `Watch.metrics()`, with `Watch.spans()`, and with both.",
  items,
  clock: "cpu",
  contenders: [
    { name: "neither", run: submitAll({}) },
    { name: "metrics", run: submitAll({ watch: [Watch.metrics()] }) },
    { name: "tracing", run: submitAll({ watch: [Watch.spans()] }) },
    { name: "Effect.withSpan in the job, by hand", run: submitAll({}, spanned) },
    { name: "metrics and tracing", run: submitAll({ watch: [Watch.metrics(), Watch.spans()] }) }
  ]
}
