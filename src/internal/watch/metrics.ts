import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import type { Event, Observing, Subject, Work } from "../Observers.js"
import { boundaries, checkLabels, type Labels } from "../series.js"
import { show } from "./Gauges.js"
import { kinds } from "./kinds.js"

/** Labels that are ours, or Prometheus's own. */
const reserved = ["semaphore", "group", "limit", "job", "outcome", "direction", "le", "quantile"]

type Histogram = Metric.Metric<number, Metric.HistogramState>

/** Counts and times one subject. */
class MetricsObserving implements Observing {
  private readonly context: Context.Context<never>
  private readonly counters = new Map<Event, Metric.Counter<number>>()
  private readonly waits: Histogram | undefined
  private readonly calls: Histogram | undefined

  constructor(attributes: Labels | undefined, subject: Subject) {
    const { calls, counters, gauges, label, waits } = kinds[subject.kind]
    const labels = {
      ...Context.get(subject.context, Metric.CurrentMetricAttributes),
      ...checkLabels(attributes, reserved),
      [label]: subject.name ?? subject.kind
    }
    const registry = Context.get(subject.context, Metric.MetricRegistry)
    this.context = Context.make(Metric.MetricRegistry, registry)
    show(registry, labels, subject, gauges)
    for (const { events, help, id } of counters) {
      for (const [event, own] of Object.entries(events)) {
        const options = { description: help, attributes: { ...labels, ...own }, incremental: true }
        // The keys of a record of events are events.
        this.counters.set(event as Event, this.appears(Metric.counter(id, options)))
      }
    }
    const histogram = ({ help, id }: { readonly help: string; readonly id: string }): Histogram =>
      this.appears(Metric.histogram(id, { description: help, attributes: labels, boundaries }))
    this.waits = waits && histogram(waits)
    this.calls = calls && histogram(calls)
  }

  /** A series that is there from the start has a first step. */
  private appears<M extends Metric.Metric<never, unknown>>(metric: M): M {
    metric.valueUnsafe(this.context)
    return metric
  }

  counted(event: Event): void {
    this.counters.get(event)?.updateUnsafe(1, this.context)
  }

  took(millis: number): void {
    this.calls?.updateUnsafe(millis / 1_000, this.context)
  }

  around<A, E, R>(work: Work, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const { context, waits } = this
    if (work.kind !== "wait" || waits === undefined) return effect
    return Effect.clockWith((clock) => {
      const since = clock.monotonicTimeNanosUnsafe()
      return Effect.onExitPrimitive(effect, (exit) => {
        if (Exit.isSuccess(exit)) waits.updateUnsafe(Number(clock.monotonicTimeNanosUnsafe() - since) / 1e9, context)
        return undefined
      })
    })
  }
}

export const metrics = (attributes: Labels | undefined, subject: Subject): Observing =>
  new MetricsObserving(attributes, subject)
