import { Deferred, Effect } from "effect"
import { scenario } from "sluice/testing"

const makeCache = (load: (key: string) => Effect.Effect<string>) => {
  const entries = new Map<string, Deferred.Deferred<string>>()
  return (key: string): Effect.Effect<string> =>
    Effect.gen(function*() {
      const known = entries.get(key)
      if (known !== undefined) return yield* Deferred.await(known)
      const entry = yield* Deferred.make<string>()
      entries.set(key, entry)
      const value = yield* load(key)
      yield* Deferred.succeed(entry, value)
      return value
    })
}

export const twoReaders = scenario((t) =>
  Effect.gen(function*() {
    const get = makeCache((key) => Effect.as(Effect.yieldNow, `the value of ${key}`))
    yield* t.actor("a", get("x")) // may be interrupted, anywhere
    yield* t.actor("b", get("x"), { cancel: false }) // not this one
    yield* t.settled
  })
)
