import * as Metric from "effect/Metric"
import { invalid, isRecord } from "./args.js"

export type Labels = Readonly<Record<string, string>>

/** The labels of `Watch.metrics`, checked: JavaScript may bring anything. */
export const checkLabels = (attributes: Labels | undefined, reserved: ReadonlyArray<string>): Labels => {
  if (attributes === undefined) return {}
  const fail = (argument: string, requirement: string, value: unknown): never => {
    throw invalid("Watch.metrics", argument, requirement, value)
  }
  if (!isRecord(attributes)) fail("attributes", "an object", attributes)
  for (const [label, value] of Object.entries(attributes)) {
    if (reserved.includes(label)) fail("attributes", `without ${reserved.join(", ")}`, label)
    if (typeof value !== "string") fail(`attributes.${label}`, "a string", value)
  }
  return attributes
}

// From a thousandth of a second to five minutes. Larger values count in the sum and the count only.
export const boundaries = /* @__PURE__ */ Metric.boundariesFromIterable(
  [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
)

/** A series whose value is read when somebody asks. */
export interface Pulled {
  readonly id: string
  readonly type: "Counter" | "Gauge"
  readonly help: string
}

/**
 * Registers a series that is read by `value`, unless the registry knows its name and labels. `Metric.registerUnsafe` is
 * this, and is neither stable nor in all versions of Effect 4; the registry is both.
 */
export const register = (
  registry: Metric.MetricRegistry,
  { help, id, type }: Pulled,
  attributes: Labels,
  value: () => number
): void => {
  const key = JSON.stringify(["sluice", id, attributes])
  if (registry.has(key)) return
  const get = type === "Counter" ? () => ({ count: value(), incremental: true }) : () => ({ value: value() })
  registry.set(key, { id, type, description: help, attributes, hooks: { get, update: () => {}, modify: () => {} } })
}
