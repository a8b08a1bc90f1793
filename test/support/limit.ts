/** A limit's store as a sequential model, and an oracle that compares a store's replies with the laws F1, F2 and F6. */
import { Clock, Effect, Exit } from "effect"
import { type LimitStore } from "sluice/durable"
import { makeMemory } from "../../src/internal/durable/limit/memory.js"

type Request = LimitStore.Request

/** What a store is asked. `advance` is the clock's. */
export type Ask =
  | { readonly act: "acquire" | "renew" | "release"; readonly request: Request }
  | { readonly act: "advance"; readonly millis: number }

export interface Entry {
  readonly id: string
  readonly permits: number
  readonly ends: number
  readonly isHeld: boolean
}

/** One limit. The entries are in the order of arrival. */
export interface State {
  readonly now: number
  readonly total: number
  readonly entries: ReadonlyArray<Entry>
}

export const empty: State = { now: 0, total: 0, entries: [] }

const sum = (entries: ReadonlyArray<Entry>): number => entries.reduce((all, { permits }) => all + permits, 0)

const expire = (state: State): State => ({ ...state, entries: state.entries.filter(({ ends }) => ends > state.now) })

/** Held, or waiting for something that is possible. */
const isLive = ({ total }: State) => ({ isHeld, permits }: Entry) => isHeld || permits <= total

/** Whether an entry may be granted: nothing that is held, or that an earlier one waits for, is taken from others. */
const mayGrant = (state: State, entry: Entry): boolean => {
  const at = state.entries.indexOf(entry)
  const others = state.entries.filter((one, i) => one.isHeld || i < at).filter(isLive(state))
  const isFirst = others.every(({ isHeld, permits }) => isHeld || permits === 0)
  return sum(others) + entry.permits <= state.total || (entry.permits === 0 && isFirst)
}

/** The state after a call, and the reply: the tag of one, or what is returned. */
export const step = (before: State, ask: Ask): readonly [State, unknown] => {
  if (ask.act === "advance") return [{ ...before, now: before.now + ask.millis }, undefined]
  const state = expire(before)
  const { id, lease, permits, total } = ask.request
  const entry = state.entries.find((one) => one.id === id)
  const without = state.entries.filter((one) => one !== entry)
  const becoming = (changed: Entry): State => ({
    ...state,
    entries: state.entries.map((one) => one === entry ? changed : one)
  })
  const ends = state.now + lease
  switch (ask.act) {
    case "release":
      return [{ ...state, entries: without }, entry?.isHeld ?? false]
    case "renew":
      return entry?.isHeld === true ? [becoming({ ...entry, ends }), true] : [state, false]
    case "acquire": {
      if (entry?.isHeld === true) return [becoming({ ...entry, ends }), "Granted"]
      const now: State = { ...state, total: entry === undefined ? total : state.total }
      if (permits > now.total) return [{ ...now, entries: without }, "Exceeded"]
      const waiting: Entry = { id, permits, ends, isHeld: false }
      const entries = entry === undefined
        ? [...now.entries, waiting]
        : now.entries.map((one) => one === entry ? waiting : one)
      const asked: State = { ...now, entries }
      if (!mayGrant(asked, waiting)) return [asked, "Waiting"]
      return [{ ...asked, entries: entries.map((one) => one === waiting ? { ...one, isHeld: true } : one) }, "Granted"]
    }
  }
}

/** What the model's reply is compared with. */
export const tagOf = (reply: unknown): unknown =>
  typeof reply === "object" && reply !== null && "_tag" in reply ? reply._tag : reply

/**
 * A store that compares each reply of another one with the model, which has the same clock. The violations of F1, F2
 * and F6 that it notes are what a scenario checks.
 */
export class Oracle {
  private readonly states = new Map<string, State>()
  /** The greatest token of each limit, and the token of each request. */
  private readonly tokens = new Map<string, number>()
  private readonly grants = new Map<string, number>()
  /** While a step is under way: a store wakes others before it returns, and they are to be noted after it. */
  private woken: Array<() => void> | undefined
  readonly violations: Array<string> = []
  readonly store: LimitStore.Store

  constructor(inner: LimitStore.Store = makeMemory(), change: Partial<LimitStore.Store> = {}) {
    this.store = {
      ...inner,
      acquire: (request) => this.watch({ act: "acquire", request }, inner.acquire(request)),
      renew: (request) => this.watch({ act: "renew", request }, inner.renew(request)),
      release: (request) => this.watch({ act: "release", request }, inner.release(request)),
      onWake: (id, wake) => inner.onWake(id, () => this.woken === undefined ? wake() : void this.woken.push(wake)),
      ...change
    }
  }

  /** The requests whose leases are not over. */
  stateOf(limit: string, now: number): State {
    return expire({ ...this.states.get(limit) ?? empty, now })
  }

  /** The permits of leases that are not over. */
  heldOf(limit: string, now: number): number {
    return sum(this.stateOf(limit, now).entries.filter(({ isHeld }) => isHeld))
  }

  // One step, as the call of a store in memory is: no other fiber comes between the call and its note.
  private watch<A, E>(ask: Exclude<Ask, { act: "advance" }>, call: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.clockWith((clock) =>
      Effect.suspend(() => {
        const { limit } = ask.request
        const [state, expected] = step(
          { ...this.states.get(limit) ?? empty, now: clock.currentTimeMillisUnsafe() },
          ask
        )
        this.states.set(limit, state)
        const woken: Array<() => void> = []
        this.woken = woken
        const exit = Effect.runSyncExit(Effect.provideService(call, Clock.Clock, clock))
        this.woken = undefined
        if (Exit.isSuccess(exit)) this.compare(ask, expected, exit.value)
        for (const wake of woken) wake()
        return exit
      })
    )
  }

  private compare(
    { act, request: { id, limit } }: Exclude<Ask, { act: "advance" }>,
    expected: unknown,
    reply: unknown
  ) {
    if (tagOf(reply) !== expected) {
      this.violations.push(`${act} of ${id} returned ${String(tagOf(reply))}, not ${String(expected)} (F1, F2, F4)`)
    }
    if (typeof reply !== "object" || reply === null || !("token" in reply)) return
    const { token } = reply as { readonly token: number }
    const last = this.tokens.get(limit)
    const known = this.grants.get(id)
    this.tokens.set(limit, Math.max(token, last ?? 0))
    this.grants.set(id, token)
    // A request that is granted once more after it was asked again has its token.
    if (known === undefined ? token <= (last ?? 0) : token !== known) {
      this.violations.push(`${id} got the token ${token} after ${String(known ?? last)} (F6)`)
    }
  }
}
