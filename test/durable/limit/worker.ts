/** One process of a fleet, with an order of what it does. */
import { Effect, Ref, Schedule } from "effect"
import { Limit } from "sluice/durable"
import { type Place, storeOf } from "../../support/fleet.js"
import { ownOrder, say as print } from "../../support/processes.js"

/** What a process does. */
export interface Order {
  readonly place: Place
  readonly limit: { readonly name: string; readonly permits: number; readonly lease: number }
  readonly does:
    /** So many fibers, each with one permit so many times, and at least until so many were inside together. */
    | {
      readonly what: "work"
      readonly fibers: number
      readonly times: number
      readonly holds: number
      readonly together: number
    }
    /** One effect, which never ends by itself, and blocks the event loop at first. */
    | { readonly what: "hold"; readonly permits: number; readonly blocks: number }
}

export type Said =
  | { readonly says: "ready" }
  | { readonly says: "granted"; readonly token: number }
  | { readonly says: "lost"; readonly token: number; readonly afterMillis: number; readonly wrote: boolean }
  | { readonly says: "done"; readonly times: number; readonly errors: ReadonlyArray<string> }

const say = (said: Said) => Effect.sync(() => print(said))

const { does, limit: { lease, name, permits }, place } = ownOrder as Order
const limit = Limit.make(name, { permits, lease })

const block = (millis: number): void => {
  const until = performance.now() + millis
  while (performance.now() < until);
}

const program = storeOf(place, (notes) =>
  Effect.gen(function*() {
    yield* say({ says: "ready" })
    if (does.what === "work") {
      const done = yield* Ref.make(0)
      const errors: Array<string> = []
      const together = Effect.repeat(notes.seen, {
        until: ({ most }) => most >= does.together,
        schedule: Schedule.spaced(50)
      })
      const inside = Effect.acquireUseRelease(
        notes.enter(process.pid),
        () => Effect.andThen(together, Effect.sleep(does.holds)),
        () => notes.leave(process.pid)
      )
      const one = Limit.withPermit(limit, () => inside).pipe(
        Effect.matchEffect({
          onSuccess: () => Ref.update(done, (n) => n + 1),
          onFailure: (error) => Effect.sync(() => errors.push(error.message))
        })
      )
      const fiber = Effect.forEach(Array.from({ length: does.times }), () => one, { discard: true })
      yield* Effect.all(Array.from({ length: does.fibers }, () => fiber), { concurrency: "unbounded", discard: true })
      return yield* say({ says: "done", times: yield* Ref.get(done), errors })
    }
    const from = performance.now()
    let token = 0
    const held = Limit.withPermits(limit, does.permits)((granted) =>
      Effect.gen(function*() {
        token = granted.token
        yield* notes.write(token)
        yield* say({ says: "granted", token })
        block(does.blocks)
        return yield* Effect.never
      })
    )
    yield* Effect.catchTag(held, "LeaseLost", () => Effect.void)
    const afterMillis = performance.now() - from
    yield* say({ says: "lost", token, afterMillis, wrote: yield* notes.write(token) })
  }))

await Effect.runPromise(program)
