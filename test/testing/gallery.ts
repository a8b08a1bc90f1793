/**
 * Planted bugs: small primitives as people write them, each with one mistake, and a twin without the mistake. A check
 * that finds the bug must say nothing of its twin.
 */
import { Deferred, Effect, Exit, Fiber, Ref, Scope, Semaphore } from "effect"
import { type ExploreOptions, type Kind, type Kit, returns, type Scenario, scenario } from "sluice/testing"

export interface Planted {
  readonly name: string
  readonly bug: Scenario
  readonly twin: Scenario
  /** What the failure must be called. */
  readonly kind: Kind
  /**
   * The size it must shrink to. One decision more than the least where it may start with another actor than the first.
   */
  readonly maxDecisions: number
  readonly maxLines: number
  /** In how many schedules the portfolio must find it, in the median. */
  readonly median: number
  /** What all the twin's schedules are enumerated within. */
  readonly bounds: { readonly preemptions: number; readonly cancels: number }
  readonly options: Pick<ExploreOptions, "realism" | "maxSteps">
}

interface Plan<P>
  extends
    Pick<Planted, "name" | "kind" | "maxDecisions" | "maxLines">,
    Partial<Pick<Planted, "median" | "bounds" | "options">>
{
  readonly bug: () => P
  readonly twin: () => P
  readonly body: (t: Kit, primitive: P) => Effect.Effect<unknown, unknown, Kit | Scope.Scope>
}

/** Bug and twin are made anew in each run, and are put through the same. */
const plant = <P>({ body, bug, twin, ...rest }: Plan<P>): Planted => ({
  median: 200,
  bounds: { preemptions: 2, cancels: 1 },
  options: {},
  ...rest,
  bug: scenario((t) => Effect.suspend(() => body(t, bug()))),
  twin: scenario((t) => Effect.suspend(() => body(t, twin())))
})

/** Whether it was there. */
const remove = <A>(from: Array<A>, item: A): boolean => {
  const index = from.indexOf(item)
  if (index >= 0) from.splice(index, 1)
  return index >= 0
}

// -- a permit lost between wake and resume ----------------------------------------------------------------------------

interface Permits {
  readonly withPermit: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  readonly free: () => number
}

/** A mutex that hands its permit over to the first who waits. */
const handOver = (cancelled: (granted: boolean, release: () => void) => void) => (): Permits => {
  let free = 1
  const waiters: Array<Deferred.Deferred<void>> = []
  const release = () => {
    const next = waiters.shift()
    if (next === undefined) free++
    else Deferred.doneUnsafe(next, Exit.void)
  }
  const acquire = (restore: typeof Effect.interruptible): Effect.Effect<void> => {
    if (free > 0) {
      free--
      return Effect.void
    }
    const mine = Deferred.makeUnsafe<void>()
    waiters.push(mine)
    return Effect.onInterrupt(
      restore(Deferred.await(mine)),
      () => Effect.sync(() => cancelled(!remove(waiters, mine), release))
    )
  }
  return {
    withPermit: (effect) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.andThen(acquire(restore), Effect.ensuring(restore(effect), Effect.sync(release)))
      ),
    free: () => free
  }
}

const permitLost = plant({
  name: "a permit lost between wake and resume",
  kind: "expectation",
  maxDecisions: 3,
  maxLines: 10,
  // It leaves the line, but may have been given the permit by then.
  bug: handOver(() => {}),
  twin: handOver((granted, release) => {
    if (granted) release()
  }),
  body: (t, { free, withPermit }) =>
    Effect.gen(function*() {
      yield* t.actor("a", withPermit(Effect.yieldNow))
      yield* t.actor("b", withPermit(Effect.yieldNow))
      yield* t.settled
      yield* t.expect(free() === 1, "the permit was lost")
    })
})

// -- a lost wake-up ---------------------------------------------------------------------------------------------------

interface Gate {
  readonly wait: Effect.Effect<void>
  readonly open: Effect.Effect<void>
}

const gate = (wait: (isOpen: () => boolean, waiters: Array<() => void>) => Effect.Effect<void>) => (): Gate => {
  let isOpen = false
  const waiters: Array<() => void> = []
  return {
    wait: wait(() => isOpen, waiters),
    open: Effect.sync(() => {
      isOpen = true
      for (const waiter of waiters.splice(0)) waiter()
    })
  }
}

const lostWakeUp = plant({
  name: "a lost wake-up",
  kind: "deadlock",
  maxDecisions: 1,
  maxLines: 5,
  bug: gate((isOpen, waiters) =>
    Effect.gen(function*() {
      if (isOpen()) return
      yield* Effect.callback<void>((resume) => void waiters.push(() => resume(Effect.void)))
    })
  ),
  twin: gate((isOpen, waiters) =>
    Effect.callback<void>((resume) => {
      if (isOpen()) resume(Effect.void)
      else waiters.push(() => resume(Effect.void))
    })
  ),
  body: (t, { open, wait }) =>
    Effect.gen(function*() {
      yield* t.actor("waiter", wait)
      yield* t.actor("opener", open, { cancel: false })
      yield* t.settled
    })
})

// -- double release ---------------------------------------------------------------------------------------------------

/** A connection on loan from a pool, to be given back once, whether by its user or by the reaper of those overdue. */
interface Loan {
  readonly giveBack: Effect.Effect<void>
  readonly free: () => number
}

const reset = Effect.sync(() => {})

const doubleRelease = plant<Loan>({
  name: "double release",
  kind: "expectation",
  maxDecisions: 2,
  maxLines: 6,
  bug: () => {
    let free = 0
    let returned = false
    return {
      giveBack: Effect.gen(function*() {
        if (returned) return
        yield* reset
        returned = true
        free++
      }),
      free: () => free
    }
  },
  twin: () => {
    let free = 0
    let returned = false
    return {
      giveBack: Effect.uninterruptible(Effect.suspend(() => {
        if (returned) return Effect.void
        returned = true
        return Effect.map(reset, () => {
          free++
        })
      })),
      free: () => free
    }
  },
  body: (t, { free, giveBack }) =>
    Effect.gen(function*() {
      yield* t.actor("user", giveBack)
      yield* t.actor("reaper", giveBack)
      yield* t.settled
      yield* t.expect(free() <= 1, "one connection was given back twice")
    })
})

// -- released twice on cancel -----------------------------------------------------------------------------------------

interface Slots {
  readonly run: (work: Effect.Effect<void>) => Effect.Effect<void>
  readonly free: () => number
}

/** Runs what there is a slot for, and turns the rest away. */
const slots =
  (guard: (work: Effect.Effect<void>, release: Effect.Effect<void>) => Effect.Effect<void>) => (): Slots => {
    let free = 1
    const release = Effect.sync(() => {
      free++
    })
    return {
      run: (work) =>
        Effect.uninterruptibleMask((restore) => {
          if (free === 0) return Effect.void
          free--
          return guard(restore(work), release)
        }),
      free: () => free
    }
  }

const releasedTwice = plant({
  name: "released twice on cancel",
  kind: "expectation",
  maxDecisions: 1,
  maxLines: 8,
  bug: slots((work, release) => work.pipe(Effect.onInterrupt(() => release), Effect.ensuring(release))),
  twin: slots((work, release) => work.pipe(Effect.ensuring(release))),
  body: (t, { free, run }) =>
    Effect.gen(function*() {
      yield* t.actor("a", run(Effect.yieldNow))
      yield* t.actor("b", run(Effect.yieldNow))
      yield* t.settled
      yield* t.expect(free() === 1, "there are more slots than there were")
    })
})

// -- lock order -------------------------------------------------------------------------------------------------------

interface Account {
  readonly id: number
  readonly lock: Semaphore.Semaphore
  balance: number
}

interface Bank {
  readonly accounts: readonly [Account, Account]
  readonly transfer: (from: Account, to: Account, amount: number) => Effect.Effect<void>
}

const bank = (order: (from: Account, to: Account) => readonly [Account, Account]) => (): Bank => {
  const account = (id: number): Account => ({ id, lock: Semaphore.makeUnsafe(1), balance: 100 })
  return {
    accounts: [account(1), account(2)],
    transfer: (from, to, amount) => {
      const [first, second] = order(from, to)
      const move = Effect.sync(() => {
        from.balance -= amount
        to.balance += amount
      })
      return first.lock.withPermit(second.lock.withPermit(move))
    }
  }
}

const lockOrder = plant({
  name: "lock-order deadlock",
  kind: "deadlock",
  maxDecisions: 2,
  maxLines: 7,
  bug: bank((from, to) => [from, to]),
  twin: bank((from, to) => from.id < to.id ? [from, to] : [to, from]),
  body: (t, { accounts: [ann, bob], transfer }) =>
    Effect.gen(function*() {
      yield* t.actor("to bob", transfer(ann, bob, 10))
      yield* t.actor("to ann", transfer(bob, ann, 20))
      yield* t.settled
      yield* t.expect(ann.balance + bob.balance === 200, "money was lost")
    })
})

// -- one condition for two sides --------------------------------------------------------------------------------------

interface Buffer {
  readonly put: (item: number) => Effect.Effect<void>
  readonly take: Effect.Effect<number>
}

/** A buffer for one item. Those who wait for room and those who wait for an item are in the same line. */
const buffer = (notify: (waiters: Array<() => void>) => void) => (): Buffer => {
  const items: Array<number> = []
  const waiters: Array<() => void> = []
  const until = (condition: () => boolean) =>
    Effect.callback<void>((resume) => {
      if (condition()) resume(Effect.void)
      else waiters.push(() => resume(Effect.void))
    })
  return {
    put: (item) =>
      Effect.gen(function*() {
        while (items.length > 0) yield* until(() => items.length === 0)
        items.push(item)
        notify(waiters)
      }),
    take: Effect.gen(function*() {
      while (items.length === 0) yield* until(() => items.length > 0)
      const [item] = items.splice(0)
      notify(waiters)
      return item ?? NaN
    })
  }
}

const oneCondition = plant({
  name: "a buffer with one condition for two sides",
  kind: "deadlock",
  maxDecisions: 3,
  maxLines: 12,
  bounds: { preemptions: 1, cancels: 0 },
  bug: buffer((waiters) => waiters.shift()?.()),
  twin: buffer((waiters) => {
    for (const waiter of waiters.splice(0)) waiter()
  }),
  body: (t, { put, take }) =>
    Effect.gen(function*() {
      // Whoever is cancelled leaves the others one too few.
      yield* t.actor("c1", take, { cancel: false })
      yield* t.actor("c2", take, { cancel: false })
      yield* t.actor("p1", put(1), { cancel: false })
      yield* t.actor("p2", put(2), { cancel: false })
      yield* t.settled
    })
})

// -- a race hidden in noise -------------------------------------------------------------------------------------------

/** Work that nobody else sees. */
const noise = (steps: number) =>
  Effect.gen(function*() {
    let sum = 0
    for (let i = 0; i < steps; i++) sum += yield* Effect.sync(() => i)
    return sum
  })

const hiddenRace = plant({
  name: "a race hidden in noise",
  kind: "expectation",
  maxDecisions: 2,
  maxLines: 8,
  median: 500,
  bounds: { preemptions: 1, cancels: 0 },
  bug: () => (ref: Ref.Ref<number>) => Effect.flatMap(Ref.get(ref), (n) => Ref.set(ref, n + 1)),
  twin: () => (ref: Ref.Ref<number>) => Ref.update(ref, (n) => n + 1),
  body: (t, increment) =>
    Effect.gen(function*() {
      const ref = yield* Ref.make(0)
      // One counts when it begins, the other when it ends: in step with each other they do not meet.
      yield* t.actor("early", Effect.andThen(increment(ref), noise(26)), { cancel: false })
      yield* t.actor("late", Effect.andThen(noise(26), increment(ref)), { cancel: false })
      yield* t.actor("noise", noise(26), { cancel: false })
      yield* t.actor("more noise", noise(26), { cancel: false })
      yield* t.settled
      yield* t.expect((yield* Ref.get(ref)) === 2, "an increment was lost")
    })
})

// -- check, then act --------------------------------------------------------------------------------------------------

interface Seats {
  readonly book: Effect.Effect<void>
  readonly sold: () => number
}

const charge = Effect.sync(() => {})

const checkThenAct = plant<Seats>({
  name: "check-then-act on a limit",
  kind: "expectation",
  maxDecisions: 2,
  maxLines: 6,
  bug: () => {
    let sold = 0
    return {
      book: Effect.gen(function*() {
        if (sold >= 1) return
        yield* charge
        sold++
      }),
      sold: () => sold
    }
  },
  twin: () => {
    let sold = 0
    const undo = Effect.sync(() => {
      sold--
    })
    return {
      book: Effect.uninterruptibleMask((restore) => {
        if (sold >= 1) return Effect.void
        sold++
        return Effect.onError(restore(charge), () => undo)
      }),
      sold: () => sold
    }
  },
  body: (t, { book, sold }) =>
    Effect.gen(function*() {
      yield* t.actor("a", book)
      yield* t.actor("b", book)
      yield* t.settled
      yield* t.expect(() => sold() <= 1, "more seats were sold than there are")
    })
})

// -- a child forked after close ---------------------------------------------------------------------------------------

interface Children {
  readonly fork: (child: Effect.Effect<void>) => Effect.Effect<void>
  readonly close: Effect.Effect<void>
}

const forkedAfterClose = plant<Children>({
  name: "a child forked after close",
  kind: "leaked-fiber",
  maxDecisions: 1,
  maxLines: 8,
  bug: () => {
    let closed = false
    const children = new Set<Fiber.Fiber<void>>()
    return {
      fork: (child) =>
        Effect.gen(function*() {
          if (closed) return
          children.add(yield* Effect.forkDetach(child))
        }),
      close: Effect.suspend(() => {
        closed = true
        return Fiber.interruptAll(children)
      })
    }
  },
  twin: () => {
    let closed = false
    const children = new Set<Fiber.Fiber<void>>()
    return {
      fork: (child) =>
        Effect.uninterruptible(
          Effect.suspend(() =>
            closed ? Effect.void : Effect.map(Effect.forkDetach(child), (fiber) => {
              children.add(fiber)
              // It may have been closed since.
              if (closed) fiber.interruptUnsafe()
            })
          )
        ),
      close: Effect.suspend(() => {
        closed = true
        return Fiber.interruptAll(children)
      })
    }
  },
  body: (t, { close, fork }) =>
    Effect.gen(function*() {
      yield* t.actor("fork", fork(Effect.never))
      yield* t.actor("close", close, { cancel: false })
      yield* t.settled
    })
})

// -- a missed finalizer -----------------------------------------------------------------------------------------------

/** Work with a file that must be closed. */
const openFile = Effect.acquireRelease(Effect.void, () => Effect.void)

const missedFinalizer = plant({
  name: "a missed finalizer",
  kind: "leaked-finalizer",
  maxDecisions: 1,
  maxLines: 10,
  bug: () => (work: Effect.Effect<void>) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(openFile, scope)
      yield* work
      yield* Scope.close(scope, Exit.void)
    }),
  twin: () => (work: Effect.Effect<void>) => Effect.scoped(Effect.andThen(openFile, work)),
  body: (t, withFile) =>
    Effect.gen(function*() {
      yield* t.actor("a", withFile(Effect.yieldNow))
      yield* t.actor("b", withFile(Effect.yieldNow))
      yield* t.settled
    })
})

// -- an interruption kept in a cache ----------------------------------------------------------------------------------

type Cached = Effect.Effect<number>

const lookup = Effect.as(Effect.yieldNow, 42)

const cachedInterruption = plant<Cached>({
  name: "an interruption kept in a cache",
  kind: "expectation",
  maxDecisions: 2,
  maxLines: 8,
  bug: () => {
    let entry: Deferred.Deferred<number> | undefined
    return Effect.uninterruptibleMask((restore) => {
      if (entry !== undefined) return restore(Deferred.await(entry))
      const mine = entry = Deferred.makeUnsafe<number>()
      // However it ends, also when whoever happened to be the first is cancelled.
      return Effect.onExit(restore(lookup), (exit) => Deferred.done(mine, exit))
    })
  },
  twin: () => {
    let entry: Deferred.Deferred<number | undefined> | undefined
    const attempt = Effect.uninterruptibleMask((restore): Effect.Effect<number | undefined> => {
      if (entry !== undefined) return restore(Deferred.await(entry))
      const mine = entry = Deferred.makeUnsafe<number | undefined>()
      return Effect.onExit(restore(lookup), (exit) => {
        if (Exit.isFailure(exit)) entry = undefined
        return Deferred.succeed(mine, Exit.isFailure(exit) ? undefined : exit.value)
      })
    })
    const get: Cached = Effect.flatMap(attempt, (value) => value === undefined ? get : Effect.succeed(value))
    return get
  },
  body: (t, get) =>
    Effect.gen(function*() {
      yield* t.actor("first", get)
      const second = yield* t.actor("second", get, { cancel: false })
      yield* t.settled
      const exit = yield* Fiber.await(second)
      yield* t.expect(Exit.isSuccess(exit), "second was told of an interruption that was not its own")
    })
})

// -- a budget that loses what is cancelled ----------------------------------------------------------------------------

interface Budget {
  readonly spend: (work: Effect.Effect<void, string>) => Effect.Effect<void, string>
  readonly left: () => number
  readonly spent: () => number
}

const budget = (
  refunding: (work: Effect.Effect<void, string>, refund: Effect.Effect<void>) => Effect.Effect<void, string>
) =>
(): Budget => {
  let [left, spent] = [2, 0]
  const refund = Effect.sync(() => {
    left++
  })
  const keep = Effect.sync(() => {
    spent++
  })
  return {
    spend: (work) =>
      Effect.uninterruptibleMask((restore) => {
        if (left === 0) return Effect.fail("nothing left")
        left--
        return Effect.andThen(refunding(restore(work), refund), keep)
      }),
    left: () => left,
    spent: () => spent
  }
}

const budgetLost = plant({
  name: "a budget that loses what is cancelled",
  kind: "expectation",
  maxDecisions: 1,
  maxLines: 8,
  // A typed failure is paid back, an interruption is not.
  bug: budget((work, refund) => Effect.tapError(work, () => refund)),
  twin: budget((work, refund) => Effect.onError(work, () => refund)),
  body: (t, { left, spend, spent }) =>
    Effect.gen(function*() {
      const work = yield* t.choose([Effect.yieldNow, Effect.fail("no luck")])
      yield* t.actor("a", spend(work))
      yield* t.actor("b", spend(Effect.yieldNow))
      yield* t.settled
      yield* t.expect(left() + spent() === 2, "what was neither spent nor left is gone")
    })
})

// -- a waiter forgotten while others are woken ------------------------------------------------------------------------

interface Version {
  readonly atLeast: (version: number) => Effect.Effect<void>
  readonly next: Effect.Effect<void>
}

const version = (wake: (waiters: Array<() => void>) => void) => (): Version => {
  let current = 0
  const waiters: Array<() => void> = []
  return {
    atLeast: (version) =>
      Effect.callback<void>((resume) => {
        if (current >= version) resume(Effect.void)
        else waiters.push(() => resume(Effect.void))
      }),
    next: Effect.sync(() => {
      current++
      wake(waiters)
    })
  }
}

const waiterForgotten = plant({
  name: "a waiter forgotten while others are woken",
  kind: "deadlock",
  maxDecisions: 0,
  maxLines: 6,
  // Who is woken goes on at once, may wait again, and is then thrown away with those who have been woken.
  bug: version((waiters) => {
    waiters.forEach((waiter) => waiter())
    waiters.length = 0
  }),
  twin: version((waiters) => {
    for (const waiter of waiters.splice(0)) waiter()
  }),
  body: (t, { atLeast, next }) =>
    Effect.gen(function*() {
      yield* t.actor("reader", Effect.andThen(atLeast(1), atLeast(2)))
      yield* t.actor("writer", Effect.andThen(next, next), { cancel: false })
      yield* t.settled
    })
})

// -- a write after the lease has expired ------------------------------------------------------------------------------

interface Lease {
  readonly acquire: (name: string) => Effect.Effect<void>
  readonly write: (name: string) => Effect.Effect<void>
  readonly isSound: () => boolean
}

const lease = (isFenced: boolean) => (): Lease => {
  let holder = ""
  let isSound = true
  return {
    acquire: (name) => Effect.sync(() => void (holder = name)),
    write: (name) =>
      Effect.sync(() => {
        if (holder !== name && !isFenced) isSound = false
      }),
    isSound: () => isSound
  }
}

const leaseExpired = plant({
  name: "a write after the lease has expired",
  kind: "expectation",
  maxDecisions: 2,
  maxLines: 9,
  options: { realism: "any" },
  // It takes half of the lease's time: in time, as long as its timer is.
  bug: lease(false),
  twin: lease(true),
  body: (t, { acquire, isSound, write }) =>
    Effect.gen(function*() {
      yield* acquire("owner")
      yield* t.actor("owner", Effect.andThen(Effect.sleep(50), write("owner")))
      yield* t.actor("heir", Effect.sleep(100).pipe(Effect.andThen(acquire("heir")), Effect.andThen(write("heir"))))
      yield* t.settled
      yield* t.expect(isSound(), "two have written")
    })
})

// -- a stale value put into a cache -----------------------------------------------------------------------------------

interface Store {
  readonly read: Effect.Effect<number>
  readonly write: (value: number) => Effect.Effect<void>
}

const decode = (value: number) => Effect.sync(() => value)

/** A database with a cache in front, which a write empties. */
const store = (mayFill: (before: number, now: number) => boolean) => (): Store => {
  let database = 0
  let version = 0
  let cache: number | undefined
  return {
    read: Effect.gen(function*() {
      if (cache !== undefined) return cache
      const before = version
      const value = yield* Effect.flatMap(Effect.sync(() => database), decode)
      if (mayFill(before, version)) cache = value
      return value
    }),
    write: (value) =>
      Effect.sync(() => {
        database = value
        cache = undefined
        version++
      })
  }
}

const staleCache = plant({
  name: "a stale value put into a cache",
  kind: "not-linearizable",
  maxDecisions: 1,
  maxLines: 11,
  // What was read from the database may have been overwritten by the time it is put into the cache.
  bug: store(() => true),
  twin: store((before, now) => before === now),
  body: (t, { read, write }) =>
    Effect.gen(function*() {
      yield* t.actor("reader", t.op("read", undefined, read))
      yield* t.actor("writer", t.op("write", 1, write(1)))
      yield* t.settled
      yield* t.op("read", undefined, read)
      yield* t.linearizable<number>({
        init: 0,
        step: (state, call) => call.name === "write" ? [call.argument as number] : returns(call, state) ? [state] : []
      })
    })
})

// -- a poll for what a cancelled worker never says --------------------------------------------------------------------

interface Service {
  readonly start: Effect.Effect<void>
  readonly ready: Effect.Effect<unknown>
}

const service = (patience: (poll: Effect.Effect<void>) => Effect.Effect<unknown>) => (): Service => {
  let isReady = false
  return {
    start: Effect.andThen(Effect.yieldNow, Effect.sync(() => void (isReady = true))),
    ready: patience(Effect.gen(function*() {
      while (!isReady) yield* Effect.sleep(10)
    }))
  }
}

const pollForEver = plant({
  name: "a poll for what a cancelled worker never says",
  kind: "livelock",
  maxDecisions: 1,
  maxLines: 15,
  options: { maxSteps: 100 },
  bug: service((poll) => poll),
  twin: service((poll) => Effect.timeoutOption(poll, 50)),
  body: (t, { ready, start }) =>
    Effect.gen(function*() {
      yield* t.actor("service", start)
      yield* t.actor("client", ready)
      yield* t.settled
    })
})

// -- used after it was closed -----------------------------------------------------------------------------------------

interface Client {
  readonly send: (message: string) => Effect.Effect<void>
  readonly close: Effect.Effect<void>
}

const encode = (message: string) => Effect.sync(() => message.toUpperCase())

const usedAfterClose = plant<Client>({
  name: "used after it was closed",
  kind: "defect",
  maxDecisions: 1,
  maxLines: 6,
  bug: () => {
    let socket: Array<string> | undefined = []
    return {
      send: (message) =>
        Effect.gen(function*() {
          // The compiler believes that this holds until the generator is through.
          if (socket === undefined) return
          const encoded = yield* encode(message)
          socket.push(encoded)
        }),
      close: Effect.sync(() => (socket = undefined))
    }
  },
  twin: () => {
    let socket: Array<string> | undefined = []
    return {
      send: (message) => Effect.map(encode(message), (encoded) => void socket?.push(encoded)),
      close: Effect.sync(() => (socket = undefined))
    }
  },
  body: (t, { close, send }) =>
    Effect.gen(function*() {
      yield* t.actor("sender", send("hello"))
      yield* t.actor("closer", close)
      yield* t.settled
    })
})

export const gallery: ReadonlyArray<Planted> = [
  permitLost,
  lostWakeUp,
  doubleRelease,
  releasedTwice,
  lockOrder,
  oneCondition,
  hiddenRace,
  checkThenAct,
  forkedAfterClose,
  missedFinalizer,
  cachedInterruption,
  budgetLost,
  waiterForgotten,
  leaseExpired,
  staleCache,
  pollForEver,
  usedAfterClose
]
