/** The comparisons that help to choose. They are the first table of the page, and a quick run measures only these. */
export interface Compared {
  readonly work: string
  readonly against: string
}

export const compared: ReadonlyArray<Compared> = [
  { work: "semaphore-waiting", against: "Effect Semaphore" },
  { work: "semaphore-waiting", against: "Effect PartitionedSemaphore" },
  { work: "semaphore-waiting", against: "async-sema" },
  { work: "semaphore-uncontended", against: "Effect Semaphore" },
  { work: "adaptive-uncontended", against: "Effect Semaphore" },
  { work: "adaptive-contended", against: "Effect Semaphore" },
  { work: "group-limit", against: "Effect.forEach, concurrency 8" },
  { work: "group-sync", against: "Effect.forEach, concurrency 8" },
  { work: "group-for-each", against: "Effect.forEach, concurrency 8" },
  { work: "group-for-each-sync", against: "Effect.forEach, concurrency 8" },
  { work: "group-unbounded", against: "FiberSet.run and awaitEmpty" },
  { work: "group-small", against: "Effect.all, unbounded" },
  { work: "group-small", against: "FiberSet.run and awaitEmpty" },
  { work: "group-small", against: "Promise.all" },
  { work: "cancel", against: "Fiber.interruptAll" },
  { work: "pool-submit", against: "Queue.bounded(16) and 8 fibers" },
  { work: "pool-submit", against: "8 fibers that loop over yieldNow" },
  { work: "pool-submit", against: "Go channel and 8 goroutines" },
  { work: "pool-run", against: "p-limit" },
  { work: "pool-run", against: "p-queue" },
  { work: "pool-run-promises", against: "p-limit" },
  { work: "pool-run-promises", against: "p-queue" },
  { work: "bulk", against: "Effect.forEach, concurrency 8" },
  { work: "bulk", against: "p-map" },
  { work: "bulk-sync", against: "Effect.forEach, concurrency 8" },
  { work: "bulk-sync", against: "p-map" },
  { work: "stream", against: "Stream.mapEffect, concurrency 8" },
  { work: "stream", against: "pMapIterable of p-map" },
  { work: "stream-sync", against: "Stream.mapEffect, concurrency 8" },
  { work: "stream-sync", against: "pMapIterable of p-map" },
  { work: "pool-large", against: "submit, 8 workers" },
  { work: "pool-made", against: "Effect Pool of 1,000" },
  { work: "threads-tiny", against: "piscina, 32 jobs a thread" },
  { work: "threads-compute", against: "piscina, 4 jobs a thread" },
  { work: "threads-transfer", against: "piscina, moved" }
]

/** The contenders of a work that the comparisons name. */
export const comparedIn = (work: string): ReadonlyArray<string> =>
  compared.filter((one) => one.work === work).map(({ against }) => against)
