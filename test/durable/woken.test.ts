/** Wake-ups of a poller, as the engine's is, over a `Wake` in memory. */
import { Clock, Duration, Effect, Exit, Scope } from "effect"
import { PersistedQueueStore } from "effect/persistence/PersistedQueue"
import { Wake } from "sluice/durable"
import { expect, test } from "vitest"
import { pauses } from "../../src/internal/durable/jobs/pausing.js"
import { queueTopic, woken } from "../../src/internal/durable/jobs/woken.js"
import { Wakes } from "../../src/internal/durable/Wakes.js"
import { after, runTimed, settle, start } from "../support/effect.js"

const interval = Duration.hours(1)
const options = { name: "letters", maxAttempts: 1, retryDelay: () => Effect.succeed(Duration.zero) }
const job = { id: "a", element: "a", isCustomId: true }

/** What a store and its wake-ups have done, in order. */
const watched = Effect.fnUntraced(function*() {
  const events: Array<string> = []
  const wakes = new Wakes()
  let listeners = 0
  const wake: Wake.Wake = {
    notify: (topic, from) =>
      Effect.sync(() => {
        events.push(`notified ${topic}`)
        wakes.wake(topic, from)
      }),
    listen: (topic, wake) => {
      listeners++
      const stop = wakes.on(topic, wake)
      return () => {
        listeners--
        stop()
      }
    }
  }
  const jobs: Array<string> = []
  /** A question takes as long as this effect. */
  let asking: Effect.Effect<void> = Effect.void
  const store = PersistedQueueStore.of({
    offer: ({ id, name }) => Effect.sync(() => void events.push(`offered ${name} ${id}`)),
    take: () =>
      Effect.gen(function*() {
        const clock = yield* Clock.Clock
        for (;;) {
          events.push("asked")
          yield* asking
          const id = jobs.shift()
          if (id !== undefined) {
            yield* Effect.addFinalizer(() => Effect.sync(() => void events.push(`settled ${id}`)))
            return { id, attempts: 1, element: id }
          }
          yield* clock.sleep(interval)
        }
      }),
    cleanup: () => Effect.void
  })
  const made = yield* Effect.provideService(woken(store, interval), Wake.Wake, wake)
  return {
    events,
    jobs,
    wake,
    store: made,
    listeners: () => listeners,
    ask: (effect: Effect.Effect<void>) => void (asking = effect)
  }
})

const elsewhere = queueTopic("letters")

test("the poller asks at once after a wake-up by another process, and not after one of another queue", () =>
  runTimed(Effect.scoped(Effect.gen(function*() {
    const { events, store, wake } = yield* watched()
    yield* start(Effect.scoped(store.take(options)))
    yield* settle
    yield* wake.notify(queueTopic("bills"))
    yield* settle
    expect(events.filter((event) => event === "asked")).toHaveLength(1)
    for (let times = 2; times <= 4; times++) {
      yield* wake.notify(elsewhere)
      yield* settle
      expect(events.filter((event) => event === "asked")).toHaveLength(times)
    }
  }))))

test("the poller asks once more after a wake-up that came while it asked", () =>
  runTimed(Effect.scoped(Effect.gen(function*() {
    const { ask, events, store, wake } = yield* watched()
    ask(Effect.sleep(100))
    yield* start(Effect.scoped(store.take(options)))
    yield* settle
    yield* wake.notify(elsewhere)
    yield* wake.notify(elsewhere)
    ask(Effect.void)
    yield* after(100)
    yield* settle
    expect(events.filter((event) => event === "asked")).toHaveLength(2)
  }))))

test("a job wakes others once it is stored, and neither its own process nor anybody before it is due", () =>
  runTimed(Effect.scoped(Effect.gen(function*() {
    const { events, store } = yield* watched()
    yield* start(Effect.scoped(store.take(options)))
    yield* settle
    yield* store.offer({ name: "letters", ...job })
    yield* store.offer({ name: "letters", ...job, id: "b", delay: Duration.seconds(1) })
    yield* settle
    expect(events).toEqual(["asked", "offered letters a", `notified ${elsewhere}`, "offered letters b"])
  }))))

test("a claim wakes others after it was given back, and not after it was settled", () =>
  runTimed(Effect.scoped(Effect.gen(function*() {
    const { events, jobs, store } = yield* watched()
    const claim = (id: string, end: Effect.Effect<void, string>) => {
      jobs.push(id)
      return Effect.exit(Effect.scoped(Effect.andThen(store.take(options), end)))
    }
    yield* claim("done", Effect.void)
    yield* claim("failed", Effect.fail("no"))
    yield* claim("given back", Effect.interrupt)
    const ends = events.filter((event) => event !== "asked")
    expect(ends).toEqual(["settled done", "settled failed", "settled given back", `notified ${elsewhere}`])
  }))))

test("a store listens until its scope closes, and an awaiter until it has its exit", () =>
  runTimed(Effect.scoped(Effect.gen(function*() {
    const scope = yield* Scope.make()
    const { listeners, store, wake } = yield* Scope.provide(watched(), scope)
    yield* start(Effect.scoped(store.take(options)))
    yield* settle
    yield* Effect.scoped(Effect.gen(function*() {
      yield* pauses(wake)("letters", "a")
      expect(listeners()).toBe(2)
    }))
    expect(listeners()).toBe(1)
    yield* Scope.close(scope, Exit.void)
    expect(listeners()).toBe(0)
  }))))

test("an awaiter asks again as its own job ends, and after 5 seconds in case a wake-up was lost", () =>
  runTimed(Effect.scoped(Effect.gen(function*() {
    const { wake } = yield* watched()
    const pause = yield* pauses(wake)("letters", "a")
    let asked = 0
    yield* start(Effect.forever(Effect.andThen(pause, Effect.sync(() => asked++))))
    yield* wake.notify("result [\"letters\",\"b\"]")
    yield* settle
    expect(asked).toBe(0)
    yield* wake.notify("result [\"letters\",\"a\"]")
    yield* settle
    expect(asked).toBe(1)
    yield* after(4_999)
    yield* settle
    expect(asked).toBe(1)
    yield* after(1)
    yield* settle
    expect(asked).toBe(2)
  }))))
