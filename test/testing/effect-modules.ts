/**
 * effect's own concurrent modules, under the kit. Each scenario claims what the module's documentation promises and no
 * more; `expected` is what was found on effect 4.1.0. docs/effect-modules.md is made of this list by
 * effect-modules/table.ts.
 */
import {
  Cache,
  type Cause,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberHandle,
  FiberMap,
  FiberSet,
  Latch,
  Option,
  PartitionedSemaphore,
  Pool,
  PubSub,
  Queue,
  RcMap,
  RcRef,
  Scope,
  ScopedCache,
  ScopedRef,
  Semaphore,
  Stream,
  SubscriptionRef,
  SynchronizedRef,
  TxPubSub,
  TxQueue,
  TxReentrantLock,
  TxSemaphore
} from "effect"
import {
  type ExploreOptions,
  type Kind,
  type Kit,
  type Model,
  type Realism,
  type Scenario,
  scenario
} from "sluice/testing"

/** The version that `expected` is about. */
export const effectVersion = "4.1.0"

export interface Found {
  readonly kind: Kind
  readonly message: string
  /** The weakest power that it was found with. With less, the test runs the scenario again, and it holds. */
  readonly realism: Realism
  /** What the documentation promises, in short; without it, it says nothing about the case. */
  readonly promise?: string
  /** The stand-alone program that shows it, beneath effect-modules/, and its output; none: only the kit shows it. */
  readonly program?: Program
}

export interface Program {
  readonly file: string
  readonly prints: string
}

export interface ModuleScenario {
  readonly module: string
  readonly name: string
  readonly scenario: Scenario
  readonly options: ExploreOptions
  readonly expected: "holds" | Found
}

/** Every schedule with at most so many preemptions and interrupts; `runs` stops what is too large for a test. */
const all = (preemptions: number, cancels: number, runs = 30_000): ExploreOptions => ({
  strategy: { exhaustive: { preemptions, cancels } },
  runs
})

const sample = (runs = 1_500): ExploreOptions => ({ strategy: "portfolio", seed: 1, runs })

const list: Array<ModuleScenario> = []

const add = (
  module: string,
  name: string,
  body: (t: Kit) => Effect.Effect<unknown, unknown, Kit | Scope.Scope>,
  options: ExploreOptions,
  expected: "holds" | Found = "holds"
) => void list.push({ module, name, scenario: scenario(body), options, expected })

export const scenarios: ReadonlyArray<ModuleScenario> = list

/** What is held, counted: taken at the start of its use, given back at the end. */
const counter = () => {
  let held = 0
  let most = 0
  return {
    held: () => held,
    most: () => most,
    /** Holds `n` over one suspension. */
    use: (n: number) =>
      Effect.uninterruptibleMask((restore) => {
        held += n
        most = Math.max(most, held)
        return Effect.ensuring(restore(Effect.yieldNow), Effect.sync(() => (held -= n)))
      })
  }
}

/** A resource that counts how many there are. `steps` suspensions long is its acquisition. */
const resource = (steps = 0) => {
  let alive = 0
  let made = 0
  const live = new Set<number>()
  const acquire = Effect.acquireRelease(
    Effect.sync(() => {
      alive++
      live.add(++made)
      return made
    }),
    (id) =>
      Effect.sync(() => {
        alive--
        live.delete(id)
      })
  )
  return {
    alive: () => alive,
    made: () => made,
    isLive: (id: number) => live.has(id),
    acquire: steps === 0 ? acquire : Effect.andThen(Effect.yieldNow, acquire)
  }
}

// -- Semaphore --------------------------------------------------------------------------------------------------------

/** Requests for so many permits of two, each in an actor of its own. */
const contend = (sizes: ReadonlyArray<number>) => (t: Kit) =>
  Effect.gen(function*() {
    const semaphore = yield* Semaphore.make(2)
    const { most, use } = counter()
    for (const n of sizes) yield* t.actor(`withPermits(${n})`, semaphore.withPermits(n)(use(n)))
    yield* t.settled
    yield* t.expect(() => most() <= 2, "more is held than there is")
    yield* t.expect(yield* semaphore.takeIfAvailable(2), "a permit is lost")
  })

add("Semaphore", "withPermits, two fibers: no permit is lost, nobody waits forever", contend([1, 2]), all(1, 1))

add("Semaphore", "withPermits, three fibers: no permit is lost, nobody waits forever", contend([1, 2, 1]), all(0, 1))

add("Semaphore", "takeScoped: the scope's close gives the permit back", (t) =>
  Effect.gen(function*() {
    const semaphore = yield* Semaphore.make(1)
    for (const name of ["a", "b"]) {
      yield* t.actor(name, Effect.scoped(Effect.andThen(semaphore.takeScoped(1), Effect.yieldNow)))
    }
    yield* t.settled
    yield* t.expect(yield* semaphore.takeIfAvailable(1), "a permit is lost")
  }), all(1, 1))

add("Semaphore", "withPermitsIfAvailable: no permit is lost", (t) =>
  Effect.gen(function*() {
    const semaphore = yield* Semaphore.make(2)
    for (const n of [1, 2]) yield* t.actor(`${n}`, semaphore.withPermitsIfAvailable(n)(Effect.yieldNow))
    yield* t.settled
    yield* t.expect(yield* semaphore.takeIfAvailable(2), "a permit is lost")
  }), all(2, 2))

add("Semaphore", "resize: more capacity wakes those who wait", (t) =>
  Effect.gen(function*() {
    const semaphore = yield* Semaphore.make(1)
    yield* t.actor("two", semaphore.withPermits(2)(Effect.void))
    yield* t.actor("one", semaphore.withPermit(Effect.yieldNow))
    yield* t.actor("resize", semaphore.resize(2), { cancel: false })
    yield* t.settled
    yield* t.expect(yield* semaphore.takeIfAvailable(2), "a permit is lost")
  }), all(1, 1))

// -- PartitionedSemaphore ---------------------------------------------------------------------------------------------

add(
  "PartitionedSemaphore",
  "withPermits: no permit is lost",
  (t) =>
    Effect.gen(function*() {
      const semaphore = yield* PartitionedSemaphore.make<string>({ permits: 1 })
      yield* t.actor("a", semaphore.withPermits("key", 1)(Effect.void))
      yield* t.settled
      yield* t.expect((yield* semaphore.available) === 1, "a permit is lost")
    }),
  all(1, 1),
  {
    kind: "expectation",
    message: "a permit is lost",
    realism: "contract",
    promise: "withPermits: Once acquired, the permits are released even if the wrapped effect fails or is interrupted.",
    program: { file: "partitioned-semaphore-lost-permit", prints: "available: 0 of 1" }
  }
)

add(
  "PartitionedSemaphore",
  "withPermits, three that contend: no permit is lost, nobody waits forever",
  (t) =>
    Effect.gen(function*() {
      const semaphore = yield* PartitionedSemaphore.make<string>({ permits: 2 })
      const { most, use } = counter()
      yield* t.actor("x:2", semaphore.withPermits("x", 2)(use(2)))
      yield* t.actor("y:2", semaphore.withPermits("y", 2)(use(2)))
      yield* t.actor("x:1", semaphore.withPermits("x", 1)(use(1)))
      yield* t.settled
      yield* t.expect(() => most() <= 2, "more is held than there is")
      yield* t.expect((yield* semaphore.available) === 2, "a permit is lost")
    }),
  all(1, 1),
  {
    // Found before a schedule at whose end a permit is missing: here two wait for the permits that are lost.
    kind: "deadlock",
    message: "y:2 and x:1 wait forever",
    realism: "contract",
    promise: "withPermits: Once acquired, the permits are released even if the wrapped effect fails or is interrupted.",
    program: { file: "partitioned-semaphore-lost-permit", prints: "available: 0 of 1" }
  }
)

add("PartitionedSemaphore", "take in an acquireUseRelease: no permit is lost", (t) =>
  Effect.gen(function*() {
    const semaphore = yield* PartitionedSemaphore.make<string>({ permits: 1 })
    for (const key of ["x", "y"]) {
      yield* t.actor(
        key,
        Effect.acquireUseRelease(
          semaphore.take(key, 1),
          () => Effect.yieldNow,
          () => semaphore.release(1)
        )
      )
    }
    yield* t.settled
    yield* t.expect((yield* semaphore.available) === 1, "a permit is lost")
  }), all(1, 1))

add("PartitionedSemaphore", "withPermitsIfAvailable: no permit is lost", (t) =>
  Effect.gen(function*() {
    const semaphore = yield* PartitionedSemaphore.make<string>({ permits: 2 })
    for (const n of [1, 2]) yield* t.actor(`${n}`, semaphore.withPermitsIfAvailable(n)(Effect.yieldNow))
    yield* t.settled
    yield* t.expect((yield* semaphore.available) === 2, "a permit is lost")
  }), all(1, 1))

// -- TxSemaphore ------------------------------------------------------------------------------------------------------

add(
  "TxSemaphore",
  "withPermit: no permit is lost",
  (t) =>
    Effect.gen(function*() {
      const semaphore = yield* TxSemaphore.make(1)
      yield* t.actor("a", TxSemaphore.withPermit(semaphore, Effect.void))
      yield* t.settled
      yield* t.expect((yield* TxSemaphore.available(semaphore)) === 1, "a permit is lost")
    }),
  all(1, 1),
  {
    kind: "expectation",
    message: "a permit is lost",
    realism: "contract",
    promise: "withPermit: automatically acquired before execution and released afterwards, even if it is interrupted",
    program: { file: "tx-semaphore-lost-permit", prints: "available: 0 of 1" }
  }
)

add(
  "TxSemaphore",
  "withPermitScoped: the scope's close gives the permit back",
  (t) =>
    Effect.gen(function*() {
      const semaphore = yield* TxSemaphore.make(1)
      yield* t.actor("a", Effect.scoped(TxSemaphore.withPermitScoped(semaphore)))
      yield* t.settled
      yield* t.expect((yield* TxSemaphore.available(semaphore)) === 1, "a permit is lost")
    }),
  all(1, 1),
  {
    kind: "expectation",
    message: "a permit is lost",
    realism: "contract",
    promise: "withPermitScoped: automatically released when the scope is closed, even if effects are interrupted",
    program: { file: "tx-semaphore-scoped-lost-permit", prints: "available: 0 of 1" }
  }
)

add("TxSemaphore", "withPermits, nobody cancelled: everybody gets a turn", (t) =>
  Effect.gen(function*() {
    const semaphore = yield* TxSemaphore.make(2)
    const { most, use } = counter()
    for (const n of [1, 2]) {
      yield* t.actor(`${n}`, TxSemaphore.withPermits(semaphore, n, use(n)), { cancel: false })
    }
    yield* t.settled
    yield* t.expect(() => most() <= 2, "more is held than there is")
    yield* t.expect((yield* TxSemaphore.available(semaphore)) === 2, "a permit is lost")
  }), all(1, 0))

// -- TxReentrantLock --------------------------------------------------------------------------------------------------

add(
  "TxReentrantLock",
  "withWriteLock: the lock is given back",
  (t) =>
    Effect.gen(function*() {
      const lock = yield* TxReentrantLock.make()
      yield* t.actor("a", TxReentrantLock.withWriteLock(lock, Effect.void))
      yield* t.settled
      yield* t.expect(!(yield* Effect.tx(TxReentrantLock.locked(lock))), "nobody holds the lock, and it is locked")
    }),
  all(1, 1),
  {
    kind: "expectation",
    message: "nobody holds the lock, and it is locked",
    realism: "contract",
    promise: "withWriteLock: released after the effect completes, fails, or is interrupted",
    program: { file: "tx-reentrant-lock-stays-locked", prints: "locked: true" }
  }
)

add("TxReentrantLock", "a writer is alone, nobody cancelled", (t) =>
  Effect.gen(function*() {
    const lock = yield* TxReentrantLock.make()
    let writers = 0
    let readers = 0
    let together = false
    const look = Effect.sync(() => (together ||= writers > 0 && readers > 0))
    const write = Effect.sync(() => writers++).pipe(
      Effect.andThen(look),
      Effect.andThen(Effect.yieldNow),
      Effect.andThen(look),
      Effect.andThen(Effect.sync(() => writers--))
    )
    const read = Effect.sync(() => readers++).pipe(
      Effect.andThen(look),
      Effect.andThen(Effect.yieldNow),
      Effect.andThen(Effect.sync(() => readers--))
    )
    yield* t.actor("writer", TxReentrantLock.withWriteLock(lock, write), { cancel: false })
    yield* t.actor("reader", TxReentrantLock.withReadLock(lock, read), { cancel: false })
    yield* t.settled
    yield* t.expect(!together, "a writer was not alone")
    yield* t.expect(!(yield* Effect.tx(TxReentrantLock.locked(lock))), "nobody holds the lock, and it is locked")
  }), all(1, 0))

// -- Queue ------------------------------------------------------------------------------------------------------------

add(
  "Queue",
  "take from a full bounded queue: a message is taken, or still in the queue",
  (t) =>
    Effect.gen(function*() {
      const queue = yield* Queue.bounded<number>(1)
      const taken: Array<number> = []
      yield* t.actor("producer", Queue.offerAll(queue, [1, 2]), { cancel: false })
      yield* t.actor("consumer", Effect.map(Queue.take(queue), (n) => taken.push(n)))
      // Makes room when the other is interrupted, so that the producer ends in any case.
      yield* t.actor("other", Effect.map(Queue.take(queue), (n) => taken.push(n)), {
        cancel: false
      })
      yield* t.settled
      const left = yield* Queue.clear(queue)
      yield* t.expect(taken.length + left.length === 2, "a message was neither taken nor left")
    }),
  all(1, 1),
  {
    kind: "expectation",
    message: "a message was neither taken nor left",
    realism: "nested",
    program: { file: "queue-lost-message", prints: "taken: [], left: [second]" }
  }
)

add("Queue", "take from an unbounded queue: a message is taken, or still in the queue", (t) =>
  Effect.gen(function*() {
    const queue = yield* Queue.unbounded<number>()
    const taken: Array<number> = []
    for (const name of ["a", "b"]) {
      yield* t.actor(name, Effect.map(Queue.take(queue), (n) => taken.push(n)))
    }
    yield* t.actor("producer", Queue.offerAll(queue, [1, 2]), { cancel: false })
    yield* t.settled
    const left = yield* Queue.clear(queue)
    yield* t.expect([...taken, ...left].sort().join() === "1,2", "a message was lost, or came twice")
  }), all(1, 1))

/** A queue of messages, first in, first out. A cancelled call may have had its effect. */
const fifo: Model<ReadonlyArray<number>> = {
  init: [],
  step: (messages, { argument, exit, name }) => {
    if (name === "offer") return [[...messages, argument as number]]
    const [first, ...rest] = messages
    return first !== undefined && (exit === undefined || Exit.isFailure(exit) || exit.value === first) ? [rest] : []
  },
  cancelled: "maybe"
}

add("Queue", "bounded: first in, first out", (t) =>
  Effect.gen(function*() {
    const queue = yield* Queue.bounded<number>(1)
    for (const n of [1, 2]) yield* t.actor(`offer ${n}`, t.op("offer", n, Queue.offer(queue, n)), { cancel: false })
    for (const name of ["a", "b"]) yield* t.actor(name, t.op("take", undefined, Queue.take(queue)), { cancel: false })
    yield* t.settled
    yield* t.linearizable(fifo)
  }), all(1, 0))

add("Queue", "end: those who take get all there is, and then the end", (t) =>
  Effect.gen(function*() {
    const queue = yield* Queue.bounded<number, Cause.Done>(1)
    const taken: Array<number> = []
    yield* t.actor(
      "producer",
      Effect.andThen(Queue.offerAll(queue, [1, 2]), Queue.end(queue)),
      { cancel: false }
    )
    for (const name of ["a", "b"]) {
      yield* t.actor(name, Effect.forever(Effect.map(Queue.take(queue), (n) => taken.push(n))), { cancel: false })
    }
    yield* t.settled
    yield* t.expect(() => taken.sort().join() === "1,2", "a message was lost, or came twice")
  }), all(1, 0))

add("Queue", "a cancelled offer leaves its message once, or not at all", (t) =>
  Effect.gen(function*() {
    const queue = yield* Queue.bounded<number>(1)
    const offered: Array<number> = []
    for (const n of [1, 2, 3]) {
      yield* t.actor(`offer ${n}`, Effect.map(Queue.offer(queue, n), () => offered.push(n)))
    }
    const taken: Array<number> = []
    yield* t.actor("consumer", Effect.map(Queue.take(queue), (n) => taken.push(n)), { cancel: false })
    yield* t.actor("consumer", Effect.map(Queue.take(queue), (n) => taken.push(n)), { cancel: false })
    yield* t.settled
    const there = [...taken, ...yield* Queue.clear(queue)]
    yield* t.expect(new Set(there).size === there.length, "a message came twice")
    yield* t.expect(offered.every((n) => there.includes(n)), "a message that was accepted is lost")
  }), all(0, 1))

// -- PubSub -----------------------------------------------------------------------------------------------------------

add(
  "PubSub",
  "bounded: a subscriber that leaves does not hold up the publisher, nor the other subscriber",
  (t) =>
    Effect.gen(function*() {
      const pubsub = yield* PubSub.bounded<number>(1)
      const seen: Array<number> = []
      const stays = yield* PubSub.subscribe(pubsub)
      yield* t.actor("leaves", Effect.scoped(Effect.andThen(PubSub.subscribe(pubsub), Effect.yieldNow)))
      yield* t.actor("stays", Effect.forEach([1, 2], () => Effect.map(PubSub.take(stays), (n) => seen.push(n))), {
        cancel: false
      })
      yield* t.actor("publisher", Effect.forEach([1, 2], (n) => PubSub.publish(pubsub, n)), { cancel: false })
      yield* t.settled
      yield* t.expect(() => seen.join() === "1,2", "the subscriber that stays missed a message")
    }),
  all(1, 1)
)

add(
  "PubSub",
  "take: what is published while subscribed is taken, or remains",
  (t) =>
    Effect.gen(function*() {
      const pubsub = yield* PubSub.unbounded<number>()
      const subscription = yield* PubSub.subscribe(pubsub)
      const taken: Array<number> = []
      yield* t.actor("subscriber", Effect.map(PubSub.take(subscription), (n) => taken.push(n)))
      yield* t.actor("publisher", PubSub.publish(pubsub, 1), { cancel: false })
      yield* t.settled
      const left = yield* PubSub.remaining(subscription)
      yield* t.expect(taken.length + left === 1, "a message was neither taken nor left")
    }),
  all(1, 1),
  {
    kind: "expectation",
    message: "a message was neither taken nor left",
    realism: "contract",
    program: { file: "pub-sub-lost-message", prints: "taken and left: 999 of 1000" }
  }
)

add(
  "PubSub",
  "take from a full bounded one: what is published is taken, or remains",
  (t) =>
    Effect.gen(function*() {
      const pubsub = yield* PubSub.bounded<number>(1)
      const subscription = yield* PubSub.subscribe(pubsub)
      const taken: Array<number> = []
      yield* PubSub.publish(pubsub, 1)
      yield* t.actor("publisher", PubSub.publish(pubsub, 2), { cancel: false })
      yield* t.actor("subscriber", Effect.map(PubSub.take(subscription), (n) => taken.push(n)))
      yield* t.actor("other", Effect.map(PubSub.take(subscription), (n) => taken.push(n)), { cancel: false })
      yield* t.settled
      const left = yield* PubSub.remaining(subscription)
      yield* t.expect(taken.length + left === 2, "a message was neither taken nor left")
    }),
  all(1, 1),
  {
    kind: "expectation",
    message: "a message was neither taken nor left",
    realism: "nested",
    program: { file: "pub-sub-lost-message-nested", prints: "taken: [], left: [second]" }
  }
)

// -- Pool -------------------------------------------------------------------------------------------------------------

add(
  "Pool",
  "use: every item comes back, nobody waits forever, the scope's close releases all",
  (t) =>
    Effect.gen(function*() {
      const items = resource()
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(Pool.make({ acquire: items.acquire, size: 1 }), scope)
      for (const name of ["a", "b"]) yield* t.actor(name, Pool.use(pool, () => Effect.yieldNow))
      yield* t.settled
      const { idle, pending, used } = yield* Pool.stats(pool)
      yield* t.expect(used === 0 && pending === 0 && idle === 1, `${used} used, ${pending} pending, ${idle} idle`)
      yield* Scope.close(scope, Exit.void)
      yield* t.expect(() => items.alive() === 0, "an item is not released")
    }),
  all(1, 1)
)

add(
  "Pool",
  "makeWithTTL, get: every item comes back, never more than the maximum, the close releases all",
  (t) =>
    Effect.gen(function*() {
      const items = resource(1)
      const scope = yield* Scope.make()
      const { most, use } = counter()
      const pool = yield* Scope.provide(
        Pool.makeWithTTL({ acquire: items.acquire, min: 0, max: 1, timeToLive: "1 second" }),
        scope
      )
      const users: Array<Fiber.Fiber<unknown>> = []
      for (const name of ["a", "b"]) {
        users.push(yield* t.actor(name, Effect.scoped(Effect.andThen(Pool.get(pool), use(1)))))
      }
      // Not `t.settled`: while it is open, the pool looks every second for what has not been used.
      yield* Fiber.awaitAll(users)
      const { pending, used } = yield* Pool.stats(pool)
      yield* t.expect(used === 0 && pending === 0, `${used} used, ${pending} pending`)
      yield* t.expect(() => most() <= 1, "an item was used twice at once")
      yield* Scope.close(scope, Exit.void)
      yield* t.expect(() => items.alive() === 0, "an item is not released")
    }),
  sample(),
  {
    kind: "livelock",
    message:
      "main and b did not end within 40000 steps, the last 20000 of them with a turn for everybody: main/3 went on",
    realism: "contract"
  }
)

add("Pool", "invalidate: those who wait get another item, and all are released", (t) =>
  Effect.gen(function*() {
    const items = resource()
    const scope = yield* Scope.make()
    const pool = yield* Scope.provide(Pool.make({ acquire: items.acquire, size: 1 }), scope)
    yield* t.actor("breaks it", Pool.use(pool, (item) => Pool.invalidate(pool, item)))
    yield* t.actor("waits", Pool.use(pool, () => Effect.yieldNow), { cancel: false })
    yield* t.settled
    yield* Scope.close(scope, Exit.void)
    yield* t.expect(() => items.alive() === 0, "an item is not released")
  }), all(0, 1))

// -- RcRef, RcMap -----------------------------------------------------------------------------------------------------

add("RcRef", "get: alive while it is held, released by the last one", (t) =>
  Effect.gen(function*() {
    const { acquire, alive, isLive } = resource(1)
    const ref = yield* RcRef.make({ acquire })
    let dead = false
    for (const name of ["a", "b"]) {
      yield* t.actor(
        name,
        Effect.scoped(Effect.flatMap(RcRef.get(ref), (id) =>
          Effect.andThen(Effect.yieldNow, Effect.sync(() => (dead ||= !isLive(id))))))
      )
    }
    yield* t.settled
    yield* t.expect(() =>
      !dead, "it was released while it was held")
    yield* t.expect(() =>
      alive() === 0, "nobody holds it, and it is not released")
  }), all(1, 1))

add("RcRef", "get, with time to live, and invalidate: released in the end", (t) =>
  Effect.gen(function*() {
    const { acquire, alive, isLive } = resource()
    const ref = yield* RcRef.make({ acquire, idleTimeToLive: "1 second" })
    let dead = false
    const get = Effect.scoped(
      Effect.flatMap(RcRef.get(ref), (id) => Effect.andThen(Effect.yieldNow, Effect.sync(() => (dead ||= !isLive(id)))))
    )
    for (const name of ["a", "b"]) yield* t.actor(name, get)
    yield* t.actor("invalidate", RcRef.invalidate(ref))
    yield* t.settled
    yield* t.expect(() => !dead, "it was released while it was held")
    yield* t.expect(() => alive() === 0, "nobody holds it, and it is not released")
  }), all(0, 2))

add("RcMap", "get: alive while it is held, released by the last one", (t) =>
  Effect.gen(function*() {
    const { acquire, alive, isLive } = resource(1)
    const map = yield* RcMap.make({ lookup: () => acquire })
    let dead = false
    for (const name of ["a", "b"]) {
      yield* t.actor(
        name,
        Effect.scoped(Effect.flatMap(RcMap.get(map, "key"), (id) =>
          Effect.andThen(Effect.yieldNow, Effect.sync(() => (dead ||= !isLive(id))))))
      )
    }
    yield* t.settled
    yield* t.expect(() =>
      !dead, "it was released while it was held")
    yield* t.expect(() => alive() === 0, "nobody holds it, and it is not released")
  }), all(1, 1))

add("RcMap", "get, with time to live, and invalidate: released by the scope's close", (t) =>
  Effect.gen(function*() {
    const { acquire, alive, isLive } = resource()
    const scope = yield* Scope.make()
    const map = yield* Scope.provide(
      RcMap.make({ lookup: () => acquire, idleTimeToLive: "1 second" }),
      scope
    )
    let dead = false
    const get = (key: string) =>
      Effect.scoped(Effect.flatMap(RcMap.get(map, key), (id) =>
        Effect.andThen(Effect.yieldNow, Effect.sync(() => (dead ||= !isLive(id))))))
    yield* t.actor("a", get("x"))
    yield* t.actor("b", get("x"))
    yield* t.actor("invalidate", RcMap.invalidate(map, "x"))
    yield* t.settled
    yield* t.expect(() =>
      !dead, "it was released while it was held")
    yield* Scope.close(scope, Exit.void)
    yield* t.expect(() => alive() === 0, "it is not released")
  }), all(0, 2))

// -- FiberSet, FiberMap, FiberHandle ----------------------------------------------------------------------------------

/** Counts how many run: a fiber that was started and has not ended, finalizers included. */
const running = () => {
  let count = 0
  const work = <A>(effect: Effect.Effect<A>) =>
    Effect.uninterruptibleMask((restore) => {
      count++
      return Effect.ensuring(restore(effect), Effect.sync(() => count--))
    })
  return { count: () => count, work }
}

add("FiberSet", "run: the scope's close interrupts every fiber and waits for it", (t) =>
  Effect.gen(function*() {
    const { count, work } = running()
    const scope = yield* Scope.make()
    const set = yield* Scope.provide(FiberSet.make(), scope)
    for (const name of ["a", "b"]) {
      yield* t.actor(name, Effect.andThen(FiberSet.run(set, work(Effect.never)), FiberSet.run(set, work(Effect.void))))
    }
    yield* t.actor("close", Scope.close(scope, Exit.void), { cancel: false })
    yield* t.settled
    yield* t.expect(() => count() === 0, "a fiber survived the close")
    yield* t.expect((yield* FiberSet.size(set)) === 0, "the set is not empty")
  }), all(1, 1))

add("FiberSet", "awaitEmpty and join: woken by the last fiber and by the first failure", (t) =>
  Effect.gen(function*() {
    const set = yield* FiberSet.make<void, string>()
    yield* FiberSet.run(set, Effect.yieldNow)
    yield* FiberSet.run(set, Effect.andThen(Effect.yieldNow, Effect.fail("first")))
    yield* t.actor("awaitEmpty", FiberSet.awaitEmpty(set))
    const exits: Array<Exit.Exit<void, string>> = []
    yield* t.actor("join", Effect.map(Effect.exit(FiberSet.join(set)), (exit) => exits.push(exit)), { cancel: false })
    yield* t.settled
    yield* t.expect(() => exits[0] !== undefined && Exit.isFailure(exits[0]), "join did not see the failure")
  }), all(1, 1))

add(
  "FiberMap",
  "run: one fiber for each key, the one before is interrupted, the close ends all",
  (t) =>
    Effect.gen(function*() {
      const { count, work } = running()
      const scope = yield* Scope.make()
      const map = yield* Scope.provide(FiberMap.make<string>(), scope)
      for (const name of ["a", "b"]) yield* t.actor(name, FiberMap.run(map, "key", work(Effect.never)))
      yield* t.settled
      yield* t.expect(() => count() <= 1, "two fibers for one key")
      yield* t.expect((yield* FiberMap.size(map)) === count(), "the map has lost a fiber")
      yield* Scope.close(scope, Exit.void)
      yield* t.expect(() => count() === 0, "a fiber survived the close")
    }),
  all(2, 1)
)

add(
  "FiberHandle",
  "run: one fiber at most, the one before is interrupted, the close ends it",
  (t) =>
    Effect.gen(function*() {
      const { count, work } = running()
      const scope = yield* Scope.make()
      const handle = yield* Scope.provide(FiberHandle.make(), scope)
      for (const name of ["a", "b"]) yield* t.actor(name, FiberHandle.run(handle, work(Effect.never)))
      yield* t.actor("close", Scope.close(scope, Exit.void), { cancel: false })
      yield* t.settled
      yield* t.expect(() => count() === 0, "a fiber survived the close")
    }),
  all(1, 1)
)

// -- Cache, ScopedCache -----------------------------------------------------------------------------------------------

add("Cache", "get: one lookup for all, and who is cancelled does not fail the others", (t) =>
  Effect.gen(function*() {
    const { count, work } = running()
    const cache = yield* Cache.make({
      capacity: 10,
      lookup: (key: string) => work(Effect.as(Effect.yieldNow, key.length))
    })
    const got: Array<number> = []
    yield* t.actor("cancelled", Cache.get(cache, "key"))
    yield* t.actor("stays", Effect.map(Cache.get(cache, "key"), (n) => got.push(n)), { cancel: false })
    yield* t.settled
    yield* t.expect(() => got.join() === "3", "who was not cancelled got nothing")
    yield* t.expect(() => count() === 0, "a lookup goes on")
  }), all(1, 1))

add("Cache", "invalidate while a lookup runs: everybody gets a value", (t) =>
  Effect.gen(function*() {
    let lookups = 0
    const cache = yield* Cache.make({
      capacity: 1,
      lookup: () => Effect.andThen(Effect.yieldNow, Effect.sync(() => ++lookups))
    })
    const got: Array<number> = []
    for (const key of ["x", "y", "x"]) {
      yield* t.actor(`get ${key}`, Effect.map(Cache.get(cache, key), (n) => got.push(n)), { cancel: false })
    }
    yield* t.actor("invalidate", Cache.invalidate(cache, "x"))
    yield* t.settled
    yield* t.expect(() => got.length === 3, "who was not cancelled got nothing")
    yield* t.expect((yield* Cache.size(cache)) <= 1, "more than its capacity")
  }), all(0, 1))

add(
  "ScopedCache",
  "get: who is cancelled does not fail the others, and the close releases all",
  (t) =>
    Effect.gen(function*() {
      const { acquire, alive } = resource(1)
      const scope = yield* Scope.make()
      const cache = yield* Scope.provide(ScopedCache.make({ capacity: 1, lookup: () => acquire }), scope)
      const got: Array<number> = []
      yield* t.actor("cancelled", ScopedCache.get(cache, "x"))
      yield* t.actor("stays", Effect.map(ScopedCache.get(cache, "x"), (n) => got.push(n)), { cancel: false })
      yield* t.settled
      yield* t.expect(() => got.length === 1, "who was not cancelled got nothing")
      yield* Scope.close(scope, Exit.void)
      yield* t.expect(() => alive() === 0, "a value is not released")
    }),
  all(1, 1),
  {
    kind: "expectation",
    message: "a value is not released",
    realism: "contract",
    promise: "the outer scope closes all remaining entries when the cache is closed",
    program: { file: "scoped-cache-not-released", prints: "alive after the close: 1" }
  }
)

// -- SubscriptionRef, SynchronizedRef, ScopedRef ----------------------------------------------------------------------

add("SubscriptionRef", "changes: every value in order, up to the last", (t) =>
  Effect.gen(function*() {
    const ref = yield* SubscriptionRef.make(0)
    const seen: Array<number> = []
    const watcher = yield* Effect.forkChild(
      Stream.runForEach(SubscriptionRef.changes(ref), (n) => Effect.sync(() => seen.push(n)))
    )
    for (const name of ["a", "b"]) yield* t.actor(name, SubscriptionRef.update(ref, (n) => n + 1))
    yield* t.settled
    yield* Fiber.interrupt(watcher)
    yield* t.expect(seen.at(-1) === (yield* SubscriptionRef.get(ref)), "the last value was not seen")
    yield* t.expect(() => seen.every((n, i) => i === 0 || n === seen[i - 1]! + 1), "a value was missed")
  }), all(1, 1))

/** A counter: `add` returns what was there before. */
const counting: Model<number> = {
  init: 0,
  step: (n, { exit }) => exit === undefined || Exit.isFailure(exit) || exit.value === n ? [n + 1] : [],
  cancelled: "maybe"
}

add("SubscriptionRef", "modifyEffect: one after the other", (t) =>
  Effect.gen(function*() {
    const ref = yield* SubscriptionRef.make(0)
    const next = SubscriptionRef.modifyEffect(ref, (n) => Effect.as(Effect.yieldNow, [n, n + 1] as const))
    for (const name of ["a", "b"]) yield* t.actor(name, t.op("add", 1, next))
    yield* t.settled
    yield* t.linearizable(counting)
  }), all(1, 1))

add("SynchronizedRef", "modifyEffect: one after the other", (t) =>
  Effect.gen(function*() {
    const ref = yield* SynchronizedRef.make(0)
    const next = SynchronizedRef.modifyEffect(ref, (n) => Effect.as(Effect.yieldNow, [n, n + 1] as const))
    for (const name of ["a", "b"]) yield* t.actor(name, t.op("add", 1, next))
    yield* t.settled
    yield* t.linearizable(counting)
  }), all(1, 1))

add("ScopedRef", "set: one value is alive, and none after the close", (t) =>
  Effect.gen(function*() {
    const { acquire, alive, isLive } = resource(1)
    const scope = yield* Scope.make()
    const ref = yield* Scope.provide(ScopedRef.fromAcquire(acquire), scope)
    for (const name of ["a", "b"]) yield* t.actor(name, ScopedRef.set(ref, acquire))
    yield* t.settled
    yield* t.expect(alive() === 1 && isLive(yield* ScopedRef.get(ref)), "the value is not the one that is alive")
    yield* Scope.close(scope, Exit.void)
    yield* t.expect(() => alive() === 0, "a value is not released")
  }), all(1, 1))

// -- Latch, Deferred --------------------------------------------------------------------------------------------------

add("Latch", "open and release wake everybody who waits", (t) =>
  Effect.gen(function*() {
    const latch = yield* Latch.make()
    yield* t.actor("await", latch.await)
    yield* t.actor("whenOpen", latch.whenOpen(Effect.void))
    yield* t.actor("release", latch.release)
    yield* t.actor("open", latch.open, { cancel: false })
    yield* t.settled
    yield* t.expect(() => latch.isOpen(), "the latch is not open")
  }), all(1, 1))

/** The first value stays: `succeed` says whether it was the first, `await` returns it once it is there. */
const once: Model<Option.Option<number>> = {
  init: Option.none(),
  step: (value, { argument, exit, name }) => {
    const returned = exit !== undefined && Exit.isSuccess(exit) ? exit.value : undefined
    const fits = (result: unknown) => returned === undefined || returned === result
    if (name === "await") return Option.isSome(value) && fits(value.value) ? [value] : []
    if (!fits(Option.isNone(value))) return []
    return [Option.isNone(value) ? Option.some(argument as number) : value]
  },
  cancelled: "maybe"
}

add("Deferred", "the first value is everybody's", (t) =>
  Effect.gen(function*() {
    const deferred = yield* Deferred.make<number>()
    for (const name of ["a", "b"]) yield* t.actor(name, t.op("await", undefined, Deferred.await(deferred)))
    yield* t.actor("1", t.op("succeed", 1, Deferred.succeed(deferred, 1)))
    yield* t.actor("2", t.op("succeed", 2, Deferred.succeed(deferred, 2)), { cancel: false })
    yield* t.settled
    yield* t.linearizable(once)
  }), all(1, 1))

// -- Stream -----------------------------------------------------------------------------------------------------------

type Work = <A>(effect: Effect.Effect<A>) => Effect.Effect<A>

/** Two scenarios about one stream: nobody is cancelled, and all of it comes; one is, and leaves nothing running. */
const stream = (
  name: string,
  make: (work: Work) => Stream.Stream<unknown>,
  expected: string,
  found: "holds" | Found = "holds"
) => {
  add(
    "Stream",
    `${name}: all elements, and then the end`,
    (t) =>
      Effect.gen(function*() {
        const got: Array<unknown> = []
        yield* t.actor("consumer", Stream.runForEach(make((effect) => effect), (n) => Effect.sync(() => got.push(n))), {
          cancel: false
        })
        yield* t.settled
        yield* t.expect(() => got.map(String).sort().join(" ") === expected, "an element is missing, or came twice")
      }),
    all(1, 0),
    found
  )
  add("Stream", `${name}: who is cancelled leaves nothing running`, (t) =>
    Effect.gen(function*() {
      const { count, work } = running()
      yield* t.actor("consumer", Stream.runDrain(make(work)))
      yield* t.settled
      yield* t.expect(() => count() === 0, "something still runs")
      // Without preemptions: the kit can make a fiber yield that is interrupted before it has begun, and then it begins
      // after all. The stock scheduler cannot, and the streams, which start many fibers, are not to blame for it.
    }), all(0, 1))
}

const three = Stream.make(1, 2, 3)
const slowly = (work: Work) => (n: number) => work(Effect.as(Effect.yieldNow, n))

stream("mapEffect, concurrency 2", (work) => Stream.mapEffect(three, slowly(work), { concurrency: 2 }), "1 2 3")

stream(
  "mapEffect, concurrency 2, unordered",
  (work) => Stream.mapEffect(three, slowly(work), { concurrency: 2, unordered: true }),
  "1 2 3"
)

const lostChild = (file: string): Found => ({
  kind: "deadlock",
  message: "consumer waits forever",
  realism: "contract",
  promise: "a stream of finite streams ends",
  program: { file, prints: "not ended after a second" }
})

stream(
  "flatMap, concurrency 2",
  () => Stream.flatMap(Stream.make(1), () => Stream.empty, { concurrency: 2 }),
  "",
  lostChild("stream-flat-map-hangs")
)

stream(
  "mergeAll, concurrency 2",
  () => Stream.mergeAll([Stream.empty], { concurrency: 2 }),
  "",
  lostChild("stream-merge-all-hangs")
)

stream("merge", (work) => Stream.merge(Stream.mapEffect(three, slowly(work)), Stream.make(4)), "1 2 3 4")

stream("buffer, capacity 1", (work) => Stream.buffer(Stream.mapEffect(three, slowly(work)), { capacity: 1 }), "1 2 3")

stream(
  "groupByKey",
  (work) =>
    Stream.flatMap(
      Stream.groupByKey(Stream.mapEffect(three, slowly(work)), (n) => n % 2),
      ([, group]) => group
    ),
  "1 2 3"
)

/** Two streams of two elements each, which suspend before each. */
const zipped = (work: Work) =>
  Stream.zipLatest(
    Stream.mapEffect(Stream.make(1, 2), slowly(work)),
    Stream.mapEffect(Stream.make(11, 12), slowly(work))
  )

add(
  "Stream",
  "zipLatest: the last elements of both come as a pair",
  (t) =>
    Effect.gen(function*() {
      const got: Array<string> = []
      yield* t.actor(
        "consumer",
        Stream.runForEach(zipped((effect) => effect), (pair) => Effect.sync(() => got.push(pair.join()))),
        {
          cancel: false
        }
      )
      yield* t.settled
      yield* t.expect(() => got.includes("2,12"), "the last elements of both did not come as a pair")
    }),
  { ...sample(), cancels: 0 },
  { kind: "deadlock", message: "consumer waits forever", realism: "contract" }
)

add(
  "Stream",
  "zipLatest: that pair is the last one",
  (t) =>
    Effect.gen(function*() {
      const got: Array<string> = []
      yield* t.actor(
        "consumer",
        Stream.runForEach(zipped((effect) => effect), (pair) => Effect.sync(() => got.push(pair.join()))),
        {
          cancel: false
        }
      )
      yield* t.settled
      yield* t.expect(() => got.at(-1) === "2,12", "an older pair came last")
    }),
  all(0, 0),
  {
    kind: "expectation",
    message: "an older pair came last",
    realism: "contract",
    program: { file: "stream-zip-latest-order", prints: "1-11 2-12 2-11" }
  }
)

add("Stream", "broadcast with replay: everybody gets everything, late or early", (t) =>
  Effect.gen(function*() {
    const shared = yield* Stream.broadcast(three, { capacity: "unbounded", replay: 3 })
    const got: Array<number> = []
    yield* t.actor("cancelled", Stream.runDrain(shared))
    yield* t.actor("stays", Stream.runForEach(shared, (n) => Effect.sync(() => got.push(n))), { cancel: false })
    yield* t.settled
    yield* t.expect(() => got.join() === "1,2,3", "an element is missing, or came twice")
  }), all(0, 1))

// -- TxQueue, TxPubSub ------------------------------------------------------------------------------------------------

add(
  "TxQueue",
  "take: a message is taken, or still in the queue",
  (t) =>
    Effect.gen(function*() {
      const queue = yield* TxQueue.unbounded<number>()
      const taken: Array<number> = []
      yield* t.actor("consumer", Effect.map(Effect.tx(TxQueue.take(queue)), (n) => taken.push(n)))
      yield* t.actor("producer", Effect.tx(TxQueue.offer(queue, 1)), { cancel: false })
      yield* t.settled
      const left = yield* Effect.tx(TxQueue.size(queue))
      yield* t.expect(taken.length + left === 1, "a message was neither taken nor left")
    }),
  all(1, 1),
  {
    kind: "expectation",
    message: "a message was neither taken nor left",
    realism: "contract",
    program: { file: "tx-queue-lost-message", prints: "taken and left: 999 of 1000" }
  }
)

add("TxQueue", "bounded, nobody cancelled: first in, first out", (t) =>
  Effect.gen(function*() {
    const queue = yield* TxQueue.bounded<number>(1)
    const offer = (n: number) => t.op("offer", n, Effect.tx(TxQueue.offer(queue, n)))
    const take = t.op("take", undefined, Effect.tx(TxQueue.take(queue)))
    yield* t.actor("producer", Effect.andThen(offer(1), offer(2)), { cancel: false })
    yield* t.actor("consumer", Effect.andThen(take, take), { cancel: false })
    yield* t.settled
    yield* t.linearizable(fifo)
  }), all(1, 0))

add("TxPubSub", "subscribe: the scope's close takes the subscriber away", (t) =>
  Effect.gen(function*() {
    const pubsub = yield* TxPubSub.bounded<number>(1)
    yield* t.actor("subscriber", Effect.scoped(TxPubSub.subscribe(pubsub)))
    // If it stayed, its queue would be full after the first message, and the second would wait forever.
    const publish = (n: number) => TxPubSub.publish(pubsub, n)
    yield* t.actor("publisher", Effect.andThen(publish(1), publish(2)), { cancel: false })
    yield* t.settled
  }), all(1, 1))

// -- Effect -----------------------------------------------------------------------------------------------------------

add("Effect", "forEach, concurrency 2: a cancelled loop leaves nothing running", (t) =>
  Effect.gen(function*() {
    const { count, work } = running()
    yield* t.actor("a", Effect.forEach([1, 2, 3], () => work(Effect.yieldNow), { concurrency: 2, discard: true }))
    yield* t.settled
    yield* t.expect(() => count() === 0, "something still runs")
  }), all(1, 1))

add("Effect", "race: the loser is interrupted, and has ended", (t) =>
  Effect.gen(function*() {
    const { count, work } = running()
    yield* t.actor("a", Effect.race(work(Effect.yieldNow), work(Effect.never)))
    yield* t.settled
    yield* t.expect(() => count() === 0, "something still runs")
  }), all(2, 1))

add("Effect", "cached: computed once, and who is cancelled does not fail the others", (t) =>
  Effect.gen(function*() {
    let computed = 0
    const value = yield* Effect.cached(Effect.andThen(Effect.yieldNow, Effect.sync(() => ++computed)))
    const got: Array<number> = []
    yield* t.actor("cancelled", value)
    yield* t.actor("stays", Effect.map(value, (n) => got.push(n)), { cancel: false })
    yield* t.settled
    yield* t.expect(() => got.length === 1, "who was not cancelled got nothing")
  }), all(1, 1))

// ---------------------------------------------------------------------------------------------------------------------

/** What shows the failures without the kit, on the stock runtime. */
export const programs: ReadonlyArray<Program> = [
  ...new Map(
    list.flatMap(({ expected }) =>
      expected === "holds" || expected.program === undefined ? [] : [[expected.program.file, expected.program]]
    )
  ).values()
]
