/** Where a resource that several workers have a part of says how much it has to do. */
export const load = Symbol("~sluice/WorkerPool/load")

/** Where such a resource says of which thing it is a part. */
export const shared = Symbol("~sluice/WorkerPool/shared")

/** Undefined of a resource that is no part of another thing. */
export const sharedOf = (resource: unknown): unknown =>
  typeof resource === "object" && resource !== null && shared in resource ? resource[shared] : undefined

/** What one says that is so; undefined of all others. */
export const loadOf = (resource: unknown): number | undefined =>
  typeof resource === "object" && resource !== null && load in resource ? resource[load] as number : undefined
