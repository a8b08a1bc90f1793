import { Mutex } from "async-mutex"
import { Semaphore as AsyncMutexSemaphore } from "async-mutex"
import { Sema } from "async-sema"
import { Effect, Fiber, PartitionedSemaphore, Semaphore as EffectSemaphore } from "effect"
import { Semaphore } from "sluice"
import { type Work } from "../work.js"

const permits = 8

/** Starts `n` fibers that wait behind a gate which holds every permit, then opens it, and waits for all of them. */
const throughGate = (
  n: number,
  withPermits: (n: number, effect: Effect.Effect<void>) => Effect.Effect<void>
): Promise<void> =>
  Effect.runPromise(Effect.gen(function*() {
    let open = () => {}
    const closed = Effect.callback<void>((resume) => {
      open = () => resume(Effect.void)
    })
    const gate = yield* Effect.forkDetach(withPermits(permits, closed), { startImmediately: true })
    const waiter = withPermits(1, Effect.void)
    const fibers: Array<Fiber.Fiber<void>> = []
    for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkDetach(waiter, { startImmediately: true }))
    open()
    yield* Fiber.await(gate)
    yield* Fiber.awaitAll(fibers)
  }))

/** The same fibers without a semaphore: each is suspended and resumed once. */
export const suspendedFibers = (n: number): Promise<void> =>
  Effect.runPromise(Effect.gen(function*() {
    const resumes: Array<() => void> = []
    const waiter = Effect.callback<void>((resume) => {
      resumes.push(() => resume(Effect.void))
    })
    const fibers: Array<Fiber.Fiber<void>> = []
    for (let i = 0; i < n; i++) fibers.push(yield* Effect.forkDetach(waiter, { startImmediately: true }))
    for (const resume of resumes) resume()
    yield* Fiber.awaitAll(fibers)
  }))

export const sluiceWaiters = (n: number): Promise<void> => {
  const semaphore = Semaphore.makeUnsafe(permits)
  return throughGate(n, (n, effect) => Effect.orDie(Semaphore.withPermits(semaphore, n, effect)))
}

const effectWaiters = (n: number): Promise<void> => {
  const semaphore = EffectSemaphore.makeUnsafe(permits)
  return throughGate(n, (n, effect) => semaphore.withPermits(n)(effect))
}

const partitionedWaiters = (n: number): Promise<void> => {
  const semaphore = PartitionedSemaphore.makeUnsafe<string>({ permits })
  return throughGate(n, (n, effect) => semaphore.withPermits("one", n)(effect))
}

/** Promises that wait for a permit each, while all are held. */
const promises = async (
  n: number,
  acquire: () => Promise<unknown>,
  release: (permit: unknown) => void
): Promise<void> => {
  const held = await Promise.all(Array.from({ length: permits }, acquire))
  const waiters = Array.from({ length: n }, () => acquire().then(release))
  for (const permit of held) release(permit)
  await Promise.all(waiters)
}

const asyncMutexWaiters = (n: number): Promise<void> => {
  const semaphore = new AsyncMutexSemaphore(permits)
  return promises(n, () => semaphore.acquire(), (acquired) => (acquired as [number, () => void])[1]())
}

const asyncSemaWaiters = (n: number): Promise<void> => {
  const semaphore = new Sema(permits)
  return promises(n, () => semaphore.acquire(), () => semaphore.release())
}

const waiting = 16_000

export const semaphoreWaiting: Work = {
  id: "semaphore-waiting",
  title: "Semaphore, many waiters",
  what: "16,000 fibers each wait for one of 8 permits, and hold it around an effect that does nothing.",
  items: waiting,
  clock: "cpu",
  contenders: [
    { name: "sluice Semaphore", run: () => sluiceWaiters(waiting) },
    { name: "Effect Semaphore", run: () => effectWaiters(waiting) },
    { name: "Effect PartitionedSemaphore", run: () => partitionedWaiters(waiting) },
    { name: "async-mutex Semaphore", run: () => asyncMutexWaiters(waiting) },
    { name: "async-sema", run: () => asyncSemaWaiters(waiting) },
    { name: "fibers without a semaphore", run: () => suspendedFibers(waiting) }
  ]
}

const items = 100_000

const loop = (step: Effect.Effect<unknown>) => () =>
  Effect.runPromise(Effect.gen(function*() {
    for (let n = 0; n < items; n++) yield* step
  }))

export const semaphoreUncontended: Work = {
  id: "semaphore-uncontended",
  title: "Semaphore, nobody else",
  what: "One fiber calls `withPermit` 100,000 times, around an effect that does nothing.",
  items,
  clock: "cpu",
  contenders: [
    { name: "sluice Semaphore", run: loop(Semaphore.withPermit(Semaphore.makeUnsafe(permits), Effect.void)) },
    { name: "Effect Semaphore", run: loop(EffectSemaphore.makeUnsafe(permits).withPermit(Effect.void)) },
    {
      name: "Effect PartitionedSemaphore",
      run: loop(PartitionedSemaphore.makeUnsafe<string>({ permits }).withPermits("one", 1)(Effect.void))
    },
    {
      name: "async-mutex runExclusive",
      run: async () => {
        const mutex = new Mutex()
        for (let n = 0; n < items; n++) await mutex.runExclusive(() => {})
      }
    },
    {
      name: "async-sema",
      run: async () => {
        const semaphore = new Sema(permits)
        for (let n = 0; n < items; n++) {
          await semaphore.acquire()
          semaphore.release()
        }
      }
    }
  ]
}
