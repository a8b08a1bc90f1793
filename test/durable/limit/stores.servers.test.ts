/** The stores of limits on servers, seen from one process that has several connections. */
import { Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import * as fc from "fast-check"
import { Limit, LimitStore } from "sluice/durable"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Kind, type Place, storeOf } from "../../support/fleet.js"
import { type Ask, empty, step, tagOf } from "../../support/limit.js"
import { type Server, startPostgres, startRedis } from "../../support/servers.js"

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(effect))

let names = 0
const fresh = (options: Limit.Options) => Limit.make(`{limit} ${++names}'s`, options)

/**
 * An effect that holds permits until it is let go. Returns once the store has replied to it, so that it holds them, or
 * has its place in the line.
 */
const holder = (limit: Limit.Limit, permits = 1) =>
  Effect.gen(function*() {
    const store = yield* LimitStore.LimitStore
    const replied = yield* Deferred.make<void>()
    const begun = yield* Deferred.make<Limit.Lease>()
    const end = yield* Deferred.make<void>()
    const holding = Limit.withPermits(limit, permits)((lease) =>
      Effect.andThen(Deferred.succeed(begun, lease), Deferred.await(end))
    ).pipe(
      Effect.provideService(LimitStore.LimitStore, {
        ...store,
        acquire: (request) => Effect.onExit(store.acquire(request), () => Deferred.succeed(replied, undefined))
      })
    )
    const fiber = yield* Effect.forkChild(holding, { startImmediately: true })
    yield* Deferred.await(replied)
    return {
      fiber,
      begun: Deferred.await(begun),
      release: Effect.andThen(Deferred.succeed(end, undefined), Fiber.await(fiber))
    }
  })

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const from = performance.now()
    return Effect.map(effect, () => performance.now() - from)
  })

/** Options with which no wait ends by a poll, and none by the end of a lease: it takes a wake-up. */
const wakes = { poll: "1 hour" } as const
const long = "10 hours"
/** Far below both, in milliseconds, and far above what a busy machine takes. */
const soon = 60_000

const starts: Record<Kind, () => Promise<Server>> = { redis: startRedis, postgres: startPostgres }

describe.each(["redis", "postgres"] as const)("%s", (kind) => {
  let server: Server
  let place: Place
  beforeAll(async () => {
    server = await starts[kind]()
    place = { kind, port: server.port }
  })
  afterAll(() => server.close())

  test("permits are granted up to the limit, in order, with growing tokens (F1, F2, F6)", () =>
    run(storeOf(place, () =>
      Effect.gen(function*() {
        const limit = fresh({ permits: 3 })
        const first = yield* holder(limit, 2)
        const { token } = yield* first.begun
        const large = yield* holder(limit, 3)
        const small = yield* holder(limit, 1)
        expect(large.fiber.pollUnsafe()).toBeUndefined()
        expect(small.fiber.pollUnsafe()).toBeUndefined()
        yield* first.release
        const after = yield* large.begun
        yield* large.release
        const last = yield* small.begun
        yield* small.release
        expect(after.token).toBeGreaterThan(token)
        expect(last.token).toBeGreaterThan(after.token)
      }))))

  test("a waiter in another process is woken at once", () =>
    run(Effect.gen(function*() {
      const limit = fresh({ permits: 1, lease: long })
      const held = yield* Deferred.make<void>()
      const waits = yield* Deferred.make<void>()
      const ended = yield* Effect.forkChild(storeOf(place, () =>
        Limit.withPermit(limit, () =>
          Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(waits))), wakes))
      yield* Deferred.await(held)
      const waited = yield* timed(storeOf(place, () =>
        Effect.gen(function*() {
          const waiter = yield* holder(limit)
          expect(ended.pollUnsafe()).toBeUndefined()
          yield* Deferred.succeed(waits, undefined)
          yield* waiter.begun
          yield* waiter.release
        }), wakes))
      expect(waited).toBeLessThan(soon)
    })))

  test("an interrupt of a holder and of a waiter gives back at once (F3)", () =>
    run(storeOf(place, () =>
      Effect.gen(function*() {
        const limit = fresh({ permits: 2, lease: long })
        const first = yield* holder(limit, 1)
        yield* first.begun
        const large = yield* holder(limit, 2)
        const small = yield* holder(limit, 1)
        expect(yield* timed(Effect.andThen(Fiber.interrupt(large.fiber), small.begun))).toBeLessThan(soon)
        const next = yield* holder(limit, 1)
        expect(yield* timed(Effect.andThen(Fiber.interrupt(first.fiber), next.begun))).toBeLessThan(soon)
        yield* small.release
        yield* next.release
        yield* Limit.withPermits(limit, 2)(() => Effect.void)
      }), wakes)))

  test("a request for more fails, also after the limit has become smaller, and delays nobody (F4)", () =>
    run(storeOf(place, () =>
      Effect.gen(function*() {
        const limit = fresh({ permits: 2 })
        const error = yield* Effect.flip(Limit.withPermits(limit, 3)(() => Effect.void))
        expect(error).toMatchObject({ _tag: "LimitExceeded", requested: 3, permits: 2 })
        const first = yield* holder(limit, 2)
        yield* first.begun
        const impossible = yield* holder(limit, 2)
        const small = yield* holder(Limit.make(limit.name, { permits: 1 }), 1)
        expect(yield* Effect.flip(Fiber.join(impossible.fiber))).toMatchObject({ _tag: "LimitExceeded", permits: 1 })
        yield* first.release
        yield* small.begun
        yield* small.release
      }))))

  test("a lease that another process has ended is lost at the next renewal (F7)", () =>
    run(storeOf(place, () =>
      Effect.gen(function*() {
        const limit = fresh({ permits: 1, lease: "6 seconds" })
        const store = yield* LimitStore.LimitStore
        const exit = yield* Effect.exit(
          Limit.withPermit(limit, () => Effect.never).pipe(
            Effect.provideService(LimitStore.LimitStore, {
              ...store,
              acquire: (request) => Effect.tap(store.acquire(request), () => store.release(request))
            })
          )
        )
        expect(Exit.isFailure(exit) && String(exit.cause)).toContain("LeaseLost")
      }))))

  test("a lease is renewed for as long as the effect runs, and the wait behind it (F7)", () =>
    run(storeOf(place, () =>
      Effect.gen(function*() {
        const limit = fresh({ permits: 1, lease: "6 seconds" })
        const first = yield* holder(limit)
        yield* first.begun
        const second = yield* holder(limit)
        yield* Effect.sleep(8_000)
        expect(first.fiber.pollUnsafe()).toBeUndefined()
        expect(second.fiber.pollUnsafe()).toBeUndefined()
        expect(Exit.isSuccess(yield* first.release)).toBe(true)
        yield* second.begun
        expect(Exit.isSuccess(yield* second.release)).toBe(true)
      }))))

  test("a dead holder and a dead waiter hold up the line for a lease, not longer (F2, F3)", () =>
    run(storeOf(place, () =>
      Effect.gen(function*() {
        const limit = fresh({ permits: 1, lease: "5 seconds" })
        const store = yield* LimitStore.LimitStore
        const dead = { limit: limit.name, permits: 1, total: 1, lease: 5_000 }
        const waited = yield* timed(Effect.gen(function*() {
          yield* store.acquire({ ...dead, id: store.nextId() })
          yield* store.acquire({ ...dead, id: store.nextId() })
          yield* Limit.withPermit(limit, () => Effect.void)
        }))
        // A millisecond for the rounding of clocks. Two leases, one after the other, would be ten seconds.
        expect(waited).toBeGreaterThan(4_999)
        expect(waited).toBeLessThan(9_000)
      }))))

  test("the replies are those of the model, whatever the calls (F1, F2, F4)", () =>
    run(storeOf(place, () =>
      Effect.gen(function*() {
        const store = yield* LimitStore.LimitStore
        const call = fc.record({
          act: fc.constantFrom(
            "acquire" as const,
            "acquire" as const,
            "acquire" as const,
            "renew" as const,
            "release" as const
          ),
          id: fc.nat(4),
          total: fc.constantFrom(2, 2, 2, 3, 1)
        })
        for (const calls of fc.sample(fc.array(call, { minLength: 5, maxLength: 30 }), kind === "redis" ? 60 : 30)) {
          const { name } = fresh({ permits: 1 })
          let state = empty
          let last = 0
          for (const { act, id, total } of calls) {
            // A request asks for as many permits each time.
            const request = { limit: name, id: `nobody:${id}`, permits: id, total, lease: 60_000 }
            const ask: Ask = { act, request }
            const [after, expected] = step(state, ask)
            const held = state.entries.find((one) => one.id === request.id)?.isHeld === true
            state = after
            const reply: unknown = yield* store[act](request) as Effect.Effect<unknown, Limit.StoreError>
            expect([calls, tagOf(reply)]).toEqual([calls, expected])
            if (tagOf(reply) !== "Granted" || held) continue
            const { token } = reply as { readonly token: number }
            expect(token).toBeGreaterThan(last)
            last = token
          }
        }
      }))))

  test("of many that ask at the same time, as many are granted as there are permits (F1)", () =>
    run(storeOf(place, () =>
      Effect.gen(function*() {
        const { name } = fresh({ permits: 2 })
        const store = yield* LimitStore.LimitStore
        for (let round = 0; round < 20; round++) {
          const requests = Array.from({ length: 6 }, () => (
            { limit: name, id: store.nextId(), permits: 1, total: 2, lease: 60_000 }
          ))
          const replies = yield* Effect.forEach(requests, store.acquire, { concurrency: "unbounded" })
          expect(replies.filter(({ _tag }) => _tag === "Granted")).toHaveLength(2)
          const released = yield* Effect.forEach(requests, store.release, { concurrency: "unbounded" })
          expect(released.filter(Boolean)).toHaveLength(2)
        }
      }))))

  test("processes that start together make what is missing, once", () =>
    run(Effect.gen(function*() {
      const limit = fresh({ permits: 100 })
      const starting = Array.from({ length: 6 }, () => storeOf(place, () => Limit.withPermit(limit, () => Effect.void)))
      yield* Effect.all(starting, { concurrency: "unbounded" })
    })))

  test(
    "after a restart within the lease, holder and waiter go on (F7)",
    () =>
      run(storeOf(place, () =>
        Effect.gen(function*() {
          const limit = fresh({ permits: 1, lease: "15 seconds" })
          const first = yield* holder(limit)
          yield* first.begun
          const second = yield* holder(limit)
          yield* Effect.sleep(300)
          yield* Effect.promise(() => server.stop())
          yield* Effect.sleep(2_800)
          expect((yield* Effect.flip(Limit.withPermit(limit, () => Effect.void)))._tag).toBe("StoreError")
          yield* Effect.promise(() => server.start())
          yield* Effect.sleep(12_000)
          expect(first.fiber.pollUnsafe()).toBeUndefined()
          expect(second.fiber.pollUnsafe()).toBeUndefined()
          expect(Exit.isSuccess(yield* first.release)).toBe(true)
          yield* second.begun
          expect(Exit.isSuccess(yield* second.release)).toBe(true)
          // Wake-ups arrive again.
          const later = fresh({ permits: 1, lease: long })
          const third = yield* holder(later)
          yield* third.begun
          const fourth = yield* holder(later)
          expect(yield* timed(Effect.andThen(third.release, fourth.begun))).toBeLessThan(soon)
          yield* fourth.release
        }), wakes))
  )

  test(
    "a server that does not reply fails a call within a sixth of the lease (F3, F7)",
    () =>
      run(storeOf(place, () =>
        Effect.gen(function*() {
          const limit = fresh({ permits: 1, lease: "12 seconds" })
          const first = yield* holder(limit)
          yield* first.begun
          const second = yield* holder(limit)
          server.freeze()
          yield* Effect.addFinalizer(() => Effect.sync(() => server.thaw()))
          const other = fresh({ permits: 1, lease: "12 seconds" })
          // The call, and the release of whatever it may have done: a third of the lease. The client of PostgreSQL
          // waits five seconds more for each statement that it cancels.
          const bound = kind === "redis" ? 8_000 : 18_000
          expect(yield* timed(Effect.exit(Limit.withPermit(other, () => Effect.void)))).toBeLessThan(bound)
          expect(yield* timed(Fiber.interrupt(second.fiber))).toBeLessThan(bound)
          expect(String(yield* Effect.exit(Fiber.join(first.fiber)))).toContain("LeaseLost")
        }).pipe(Effect.scoped)))
  )

  test(
    "while the server is away for longer, the holder is interrupted before its lease is over (F7)",
    () =>
      run(storeOf(place, () =>
        Effect.gen(function*() {
          const limit = fresh({ permits: 1, lease: "6 seconds" })
          const from = performance.now()
          let interrupted = 0
          const fiber = yield* Effect.forkChild(
            Limit.withPermit(limit, () =>
              Effect.onInterrupt(Effect.never, () =>
                Effect.sync(() => {
                  interrupted = performance.now() - from
                })))
          )
          yield* Effect.sleep(300)
          yield* Effect.promise(() => server.stop("SIGKILL"))
          const error = yield* Effect.flip(Fiber.join(fiber))
          expect(error._tag).toBe("LeaseLost")
          expect(interrupted).toBeLessThan(6_000)
          yield* Effect.promise(() => server.start())
          yield* Effect.eventually(Limit.withPermit(limit, () => Effect.void)).pipe(Effect.timeout("10 seconds"))
        })))
  )
})
