import type * as Metric from "effect/Metric"
import type { Subject } from "../Observers.js"
import { type Labels, type Pulled, register } from "../series.js"

/** One gauge: the number that the statistics of its subject have for it. */
export interface Gauge extends Pulled {
  readonly read: (stats: object) => number
}

/**
 * The gauges of all subjects of one registry that have the same labels: sums, read when somebody asks. Nothing is kept
 * of a subject that is garbage.
 */
class Gauges {
  private readonly members = new Set<WeakRef<Subject["self"]>>()
  /** The number of members at which those that are garbage are looked for. */
  private most = 16

  constructor(registry: Metric.MetricRegistry, labels: Labels, gauges: ReadonlyArray<Gauge>) {
    for (const gauge of gauges) register(registry, gauge, labels, () => this.sum(gauge.read))
  }

  add(self: Subject["self"]): void {
    if (this.members.size >= this.most) {
      this.sum(() => 0)
      this.most = 2 * this.members.size + 16
    }
    this.members.add(new WeakRef(self))
  }

  private sum(read: Gauge["read"]): number {
    let sum = 0
    for (const member of this.members) {
      const self = member.deref()
      if (self === undefined) this.members.delete(member)
      else sum += read(self.stats())
    }
    return sum
  }
}

const known = new WeakMap<Metric.MetricRegistry, Map<string, Gauges>>()

/** Has the gauges of that kind show the subject, too, in addition to all others that have the same labels. */
export const show = (
  registry: Metric.MetricRegistry,
  labels: Labels,
  { kind, self }: Pick<Subject, "kind" | "self">,
  gauges: ReadonlyArray<Gauge>
): void => {
  let all = known.get(registry)
  if (all === undefined) known.set(registry, all = new Map<string, Gauges>())
  const key = JSON.stringify([kind, Object.entries(labels).sort()])
  let one = all.get(key)
  if (one === undefined) all.set(key, one = new Gauges(registry, labels, gauges))
  one.add(self)
}
