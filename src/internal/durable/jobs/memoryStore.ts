/**
 * The engine's store, in memory. Effect's own (4.1) loses a job whose taker is interrupted between the claim and the
 * finalizer. Here the claim is made in the books of the wait, and an interrupt gives it back.
 *
 *     delayed   ──▶ ready, when it is due
 *     ready     ──▶ claimed, by the taker that has waited longest
 *     claimed   ──▶ completed on success; ready again if its taker is interrupted, and the attempt does not count;
 *                   delayed again on failure; failed after the last attempt
 *     failed    ──▶ ready again, or forgotten, by hand (D10). Each job is in one state (D9)
 *     completed, failed ──▶ forgotten, by a cleanup
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import { List } from "../../List.js"
import * as stack from "../../stack.js"
import type { AnyFiber } from "../../stack.js"
import { Admin, pageOf } from "./admin.js"
import { isDeadLetter } from "./deadLetter.js"

interface Entry {
  prev: Entry | undefined
  next: Entry | undefined
  readonly id: string
  readonly element: unknown
  attempts: number
  state: "delayed" | "ready" | "claimed" | "completed" | "failed"
  changedAt: number
  /** How its last attempt failed, as text. */
  failure: string
  /** In the order in which jobs have failed. */
  place: number
}

interface Taker {
  prev: Taker | undefined
  next: Taker | undefined
  readonly fiber: AnyFiber
  readonly maxAttempts: number
  resume: (entry: Entry) => void
  entry: Entry | undefined
  state: "new" | "waiting" | "over"
}

class MemoryQueue {
  /** All jobs whose ids are known. */
  readonly entries = new Map<string, Entry>()
  private readonly ready = new List<Entry>()
  /** The failed ones, in the order in which they have failed. */
  readonly dead = new List<Entry>()
  private readonly takers = new List<Taker>()

  add(id: string, element: unknown, changedAt: number): Entry | undefined {
    if (this.entries.has(id)) return undefined
    const entry: Entry = {
      prev: undefined,
      next: undefined,
      id,
      element,
      attempts: 0,
      state: "delayed",
      changedAt,
      failure: "",
      place: 0
    }
    this.entries.set(id, entry)
    return entry
  }

  /** The job is due. One that was given back is first in line, as before. Runs the fiber of a taker. */
  enter(entry: Entry, where: "first" | "last"): void {
    entry.state = "ready"
    if (where === "first") this.ready.unshift(entry)
    else this.ready.push(entry)
    this.serve()
  }

  /** Runs the fiber of the taker. */
  wait(taker: Taker): void {
    taker.state = "waiting"
    this.takers.push(taker)
    this.serve()
  }

  private serve(): void {
    const served: Array<readonly [Taker, Entry]> = []
    let next = this.takers.head
    while (next !== undefined && this.ready.size > 0) {
      const taker = next
      next = taker.next
      const entry = this.firstFor(taker)
      if (entry === undefined) continue
      this.ready.remove(entry)
      entry.state = "claimed"
      entry.attempts++
      this.takers.remove(taker)
      taker.state = "over"
      taker.entry = entry
      served.push([taker, entry])
    }
    for (const [{ fiber, resume }, entry] of served) stack.resume(fiber, resume, entry)
  }

  private firstFor({ maxAttempts }: Taker): Entry | undefined {
    for (const entry of this.ready) if (entry.attempts < maxAttempts) return entry
    return undefined
  }

  /** The taker is interrupted, with a job or without. Runs the fiber of another one. */
  leave(taker: Taker): void {
    if (taker.state === "waiting") this.takers.remove(taker)
    taker.state = "over"
    const { entry } = taker
    taker.entry = undefined
    if (entry !== undefined) this.giveBack(entry)
  }

  /** The attempt does not count. Runs the fiber of a taker. */
  giveBack(entry: Entry): void {
    entry.attempts--
    this.enter(entry, "first")
  }
}

/** The store, and its administration. */
export const memoryStore = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const queues = new Map<string, MemoryQueue>()
  const queueOf = (name: string): MemoryQueue => {
    let queue = queues.get(name)
    if (queue === undefined) queues.set(name, queue = new MemoryQueue())
    return queue
  }
  const now = () => clock.currentTimeMillisUnsafe()
  const enterAfter = (queue: MemoryQueue, entry: Entry, delay: Duration.Duration): Effect.Effect<void> => {
    const enters = Effect.sync(() => queue.enter(entry, "last"))
    return Duration.isPositive(delay) ? Effect.asVoid(Effect.forkIn(Effect.delay(enters, delay), scope)) : enters
  }
  let places = 0
  const settle = (entry: Entry, state: "completed" | "failed"): void => {
    entry.state = state
    entry.changedAt = now()
  }
  const fail = (queue: MemoryQueue, entry: Entry, cause: Cause.Cause<unknown>): void => {
    settle(entry, "failed")
    entry.place = ++places
    entry.failure = Cause.pretty(cause)
    queue.dead.push(entry)
  }
  /** Takes a dead letter out of their list, and goes on with `f`. Returns false if there is none. */
  const revive = (name: string, id: string, f: (queue: MemoryQueue, entry: Entry) => void): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const queue = queueOf(name)
      const entry = queue.entries.get(id)
      if (entry?.state !== "failed") return false
      queue.dead.remove(entry)
      f(queue, entry)
      return true
    })
  const admin = Admin.of({
    counts: (name) =>
      Effect.sync(() => {
        const counts = { ready: 0, delayed: 0, claimed: 0, completed: 0, failed: 0 }
        const entries = queues.get(name)?.entries
        for (const { state } of entries?.values() ?? []) counts[state]++
        return { stored: entries?.size ?? 0, ...counts }
      }),
    deadLetters: (name, limit, after) =>
      Effect.sync(() => {
        const from = Number(after ?? 0)
        const found = [...queueOf(name).dead].filter(({ place }) => place > from)
        return pageOf(found, limit, ({ attempts, changedAt, element, failure, id }) => ({
          id,
          payload: element,
          attempts,
          failure,
          failedAt: changedAt
        }), ({ place }) => String(place))
      }),
    isDead: (name, id) => Effect.sync(() => queueOf(name).entries.get(id)?.state === "failed"),
    requeue: (name, id) =>
      revive(name, id, (queue, entry) => {
        entry.attempts = 0
        queue.enter(entry, "last")
      }),
    remove: (name, id) => revive(name, id, ({ entries }) => void entries.delete(id))
  })
  const store = PersistedQueue.PersistedQueueStore.of({
    offer: ({ delay = Duration.zero, element, id, name }) =>
      Effect.suspend(() => {
        const queue = queueOf(name)
        const entry = queue.add(id, element, now())
        return entry === undefined ? Effect.void : enterAfter(queue, entry, delay)
      }),
    take: ({ maxAttempts, name, retryDelay }) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.withFiber((fiber) => {
          const queue = queueOf(name)
          const taker: Taker = {
            prev: undefined,
            next: undefined,
            fiber,
            maxAttempts,
            resume: () => {},
            entry: undefined,
            state: "new"
          }
          const leave = Effect.sync(() => queue.leave(taker))
          const wait = Effect.callback<Entry>((resume) => {
            taker.resume = (entry) => resume(Effect.succeed(entry))
            queue.wait(taker)
          })
          const end = (entry: Entry, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
            if (Exit.isSuccess(exit)) return Effect.sync(() => settle(entry, "completed"))
            if (Cause.hasInterruptsOnly(exit.cause)) return Effect.sync(() => queue.giveBack(entry))
            if (entry.attempts >= maxAttempts || isDeadLetter(exit.cause)) {
              return Effect.sync(() => fail(queue, entry, exit.cause))
            }
            entry.state = "delayed"
            return Effect.flatMap(retryDelay(entry.attempts), (delay) => enterAfter(queue, entry, delay))
          }
          return Effect.flatMap(
            Effect.onExit(restore(wait), (exit) => Exit.isFailure(exit) ? leave : Effect.void),
            (entry) =>
              Effect.as(Effect.addFinalizer((exit) => end(entry, exit)), {
                id: entry.id,
                attempts: entry.attempts,
                element: entry.element
              })
          )
        })
      ),
    cleanup: ({ failedTimeToLive, timeToLive }) =>
      Effect.sync(() => {
        const isOld = ({ changedAt, state }: Entry): boolean => {
          const after = state === "completed" ? timeToLive : state === "failed" ? failedTimeToLive : undefined
          return after !== undefined && changedAt + Duration.toMillis(after) <= now()
        }
        for (const { dead, entries } of queues.values()) {
          for (const [id, entry] of entries) {
            if (!isOld(entry)) continue
            entries.delete(id)
            if (entry.state === "failed") dead.remove(entry)
          }
        }
      })
  })
  return Context.make(PersistedQueue.PersistedQueueStore, store).pipe(Context.add(Admin, admin))
})
