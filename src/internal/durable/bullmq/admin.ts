/** The administration of BullMQ's queues, by its own operations (D9, D10). */
import type { Job, Queue } from "bullmq"
import * as Effect from "effect/Effect"
import { failing } from "../errors.js"
import { Admin, type DeadLetter, type Page } from "../jobs/admin.js"
import { attemptsBefore } from "./Claim.js"
import { isRefusal } from "./Feed.js"
import { decodeId, encodeId } from "./names.js"

/** The part of a queue of BullMQ that the administration uses. */
export type Kept = Pick<Queue, "getJobCounts" | "getJobs" | "getJob">

/** The last letter of a page: its place among the failed jobs, and what they are sorted by. */
interface Cursor {
  readonly place: number
  readonly failedAt: number
  readonly id: string
}

const encodeCursor = ({ failedAt, id, place }: Cursor): string => `${place}:${failedAt}:${id}`

const decodeCursor = (text: string): Cursor => {
  const [place = "", failedAt = "", ...id] = text.split(":")
  return { place: Number(place), failedAt: Number(failedAt), id: id.join(":") }
}

const failedAtOf = ({ finishedOn = 0 }: Job): number => finishedOn

/** Redis sorts jobs of the same millisecond by the bytes of their ids, which is by their code points. */
const sortKey = (id: string): string =>
  Array.from(id, (char) => (char.codePointAt(0) ?? 0).toString(16).padStart(6, "0")).join("")

const isAfter = (job: Job, { failedAt, id }: Cursor): boolean =>
  failedAtOf(job) === failedAt ? sortKey(job.id ?? "") > sortKey(id) : failedAtOf(job) > failedAt

const letterOf = (job: Job): DeadLetter => ({
  id: decodeId(job.id ?? ""),
  payload: job.data as unknown,
  attempts: attemptsBefore(job),
  failure: job.failedReason,
  failedAt: failedAtOf(job)
})

const failed = (queue: Kept, from: number, to: number): Promise<ReadonlyArray<Job>> =>
  queue.getJobs("failed", from, to, true) as Promise<ReadonlyArray<Job>>

/**
 * The place of the first letter after the cursor. Letters that were removed meanwhile have moved those after them
 * forward, so it is at the cursor's place at most, and is searched for by bisection: BullMQ has no read by the time.
 */
const placeAfter = async (queue: Kept, cursor: Cursor): Promise<number> => {
  let [from, to] = [0, cursor.place + 1]
  while (from < to) {
    const middle = from + to >> 1
    const [job] = await failed(queue, middle, middle)
    if (job === undefined || isAfter(job, cursor)) to = middle
    else from = middle + 1
  }
  return from
}

const pageAfter = async (queue: Kept, limit: number, after: string | undefined): Promise<Page> => {
  const from = after === undefined ? 0 : await placeAfter(queue, decodeCursor(after))
  const found = await failed(queue, from, from + limit)
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  const next = found.length > limit && last !== undefined
    ? encodeCursor({ place: from + limit - 1, failedAt: failedAtOf(last), id: last.id ?? "" })
    : undefined
  return { letters: shown.map(letterOf), next }
}

const failedJob = async (queue: Kept, id: string): Promise<Job | undefined> => {
  // A number is the id of a job that a producer of BullMQ's has made.
  const encoded = encodeId(id)
  const own: Job | undefined = await queue.getJob(encoded)
  const job: Job | undefined = own ?? (encoded === id ? undefined : await queue.getJob(id))
  return job !== undefined && await job.isFailed() ? job : undefined
}

/** False, if the job is no dead letter any more. */
const settling = async (asked: Promise<void>): Promise<boolean> => {
  try {
    await asked
    return true
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
}

export const bullmqAdmin = (queueOf: (name: string) => Effect.Effect<Kept>): Admin["Service"] => {
  const ask = <A>(operation: string, name: string, what: (queue: Kept) => Promise<A>) =>
    Effect.flatMap(
      queueOf(name),
      (queue) => Effect.tryPromise({ try: () => what(queue), catch: failing(`Admin.${operation}`, name) })
    )
  return Admin.of({
    // One script of BullMQ's is one snapshot (D9).
    counts: (name) =>
      ask("counts", name, async (queue) => {
        const counts = await queue.getJobCounts(
          "wait",
          "prioritized",
          "delayed",
          "waiting-children",
          "active",
          "completed",
          "failed"
        )
        const of = (...states: ReadonlyArray<string>) => states.reduce((sum, state) => sum + (counts[state] ?? 0), 0)
        return {
          stored: of(...Object.keys(counts)),
          ready: of("wait", "prioritized"),
          delayed: of("delayed", "waiting-children"),
          claimed: of("active"),
          completed: of("completed"),
          failed: of("failed")
        }
      }),
    deadLetters: (name, limit, after) => ask("deadLetters", name, (queue) => pageAfter(queue, limit, after)),
    isDead: (name, id) => ask("isDead", name, async (queue) => await failedJob(queue, id) !== undefined),
    requeue: (name, id) =>
      ask("requeue", name, async (queue) => {
        const job = await failedJob(queue, id)
        if (job === undefined) return false
        return settling(job.retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true }))
      }),
    remove: (name, id) =>
      ask("remove", name, async (queue) => {
        const job = await failedJob(queue, id)
        if (job === undefined) return false
        return settling(job.remove())
      })
  })
}
