/** What a registry shows, for the tests of those who write to it. */
import { Context, Effect, Metric } from "effect"

export type Registry = Metric.MetricRegistry

export const makeRegistry = (): Registry => new Map()

/** Has everything inside count in a registry of its own. */
export const into = (registry: Registry) => Effect.provideService(Metric.MetricRegistry, registry)

export const snapshotOf = (registry: Registry): ReadonlyArray<Metric.Metric.Snapshot> =>
  Metric.snapshotUnsafe(Context.make(Metric.MetricRegistry, registry))

const labelsOf = ({ attributes = {} }: Metric.Metric.Snapshot): Record<string, string> =>
  Object.fromEntries(Object.entries(attributes))

const stateOf = (registry: Registry, id: string, labels: Readonly<Record<string, string>>) => {
  const found = snapshotOf(registry).filter((one) =>
    one.id === `sluice_pool_${id}` && Object.entries(labels).every(([label, value]) => labelsOf(one)[label] === value)
  )
  if (found.length !== 1) throw new Error(`${found.length} series are ${id} with ${JSON.stringify(labels)}`)
  return found[0]!
}

/** The number that the one counter or gauge of that name and those labels shows. */
export const valueOf = (registry: Registry, id: string, labels: Readonly<Record<string, string>> = {}): number => {
  const { state } = stateOf(registry, id, labels) as {
    readonly state: { readonly count?: number; readonly value?: number }
  }
  return (state.count ?? state.value)!
}

export const histogramOf = (registry: Registry, id: string): Metric.HistogramState =>
  stateOf(registry, id, {}).state as Metric.HistogramState
