import type * as Metric from "effect/Metric"
import type { Subject } from "../Observers.js"

export type Labels = Readonly<Record<string, string>>

/** One gauge: the number that the statistics of its subject have for it. */
export interface Gauge {
  readonly id: string
  readonly help: string
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
    // `Metric.registerUnsafe` is this, and is not in all versions of Effect 4.
    for (const { help, id, read } of gauges) {
      const key = JSON.stringify(["sluice", id, labels])
      const hooks = { get: () => ({ value: this.sum(read) }), update: () => {}, modify: () => {} }
      registry.set(key, { id, type: "Gauge", description: help, attributes: labels, hooks })
    }
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
