import type { Sharing } from "./parts.js"
import type { Worker } from "./Worker.js"

/** How many workers of one resource there are, and how many of them are busy. */
class Part {
  workers = 0
  busy = 0
  last = 0

  add({ id, state }: Worker): void {
    this.workers++
    if (state === "busy") this.busy++
    this.last = Math.max(this.last, id)
  }
}

/**
 * P10: the workers that leave, of those that are too many. First those whose jobs wait for the pool, so that one stays
 * that can serve them (P9); then those without a resource, those that are idle, and those that are busy. Workers that
 * share a resource leave together, so that it can be released: first the parts that have fewest workers left.
 */
export const dismissed = (
  workers: ReadonlyArray<Worker>,
  count: number,
  sharing: Sharing | undefined,
  waits: (worker: Worker) => boolean
): ReadonlyArray<Worker> => {
  const parts = new Map<unknown, Part>()
  const partOf = ({ resource }: Worker): Part | undefined => parts.get(sharing?.whole(resource))
  for (const worker of workers) {
    const of = sharing?.whole(worker.resource)
    if (of === undefined) continue
    const part = parts.get(of) ?? new Part()
    part.add(worker)
    parts.set(of, part)
  }
  const byPart = (one: Part | undefined, other: Part | undefined): number =>
    one === undefined || other === undefined || one === other
      ? 0
      : one.workers - other.workers || one.busy - other.busy || other.last - one.last
  return workers.toSorted((one, other) => {
    const [rank, otherRank] = [rankOf(one, waits(one)), rankOf(other, waits(other))]
    const isServing = rank >= idleRank && otherRank >= idleRank
    return (isServing ? byPart(partOf(one), partOf(other)) : 0) || rank - otherRank || other.id - one.id
  }).slice(0, count)
}

const idleRank = 2

const rankOf = ({ state }: Worker, waits: boolean): number =>
  waits ? 0 : state === "busy" ? 3 : state === "idle" ? idleRank : 1
