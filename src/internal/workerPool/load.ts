/** Where a resource that several workers have a part of says how much it has to do. */
export const load = Symbol("~sluice/WorkerPool/load")

/** What one says that is so; undefined of all others. */
export const loadOf = (resource: unknown): number | undefined =>
  typeof resource === "object" && resource !== null && load in resource ? resource[load] as number : undefined
