import { Sema } from "async-sema"
import { Effect, Semaphore as EffectSemaphore } from "effect"
import { AdaptiveLimit, Semaphore } from "sluice"
import type { Contender } from "../measure.js"
import type { Work } from "../work.js"

const permits = 8
const calls = 40_000
const callers = 64

const bounds = { min: permits, max: permits, initial: permits }
const gradient = () => AdaptiveLimit.makeUnsafe({ algorithm: AdaptiveLimit.gradient(bounds) })
const aimd = () => AdaptiveLimit.makeUnsafe({ algorithm: AdaptiveLimit.aimd(bounds) })

const shared = (callers: number, call: Effect.Effect<unknown, unknown>) =>
  Effect.runPromise(Effect.forEach(Array.from({ length: callers }), () =>
    Effect.gen(function*() {
      for (let n = 0; n < calls / callers; n++) yield* call
    }), { concurrency: "unbounded", discard: true }))

const contenders = (
  callers: number,
  child: Effect.Effect<void>,
  task: () => Promise<void>
): ReadonlyArray<Contender> => [
  { name: "AdaptiveLimit, gradient", run: () => shared(callers, AdaptiveLimit.withPermit(gradient(), child)) },
  { name: "AdaptiveLimit, AIMD", run: () => shared(callers, AdaptiveLimit.withPermit(aimd(), child)) },
  {
    name: "sluice Semaphore",
    run: () => shared(callers, Semaphore.withPermit(Semaphore.makeUnsafe(permits), child))
  },
  {
    name: "Effect Semaphore",
    run: () => shared(callers, EffectSemaphore.makeUnsafe(permits).withPermit(child))
  },
  {
    name: "async-sema",
    run: () => {
      const semaphore = new Sema(permits)
      return Promise.all(Array.from({ length: callers }, async () => {
        for (let n = 0; n < calls / callers; n++) {
          await semaphore.acquire()
          await task()
          semaphore.release()
        }
      }))
    }
  }
]

export const adaptiveUncontended: Work = {
  id: "adaptive-uncontended",
  title: "AdaptiveLimit, nobody else",
  what: "One fiber calls `withPermit` 40,000 times, around an effect that does nothing. The limit is kept at 8.",
  items: calls,
  clock: "cpu",
  contenders: contenders(1, Effect.void, () => Promise.resolve())
}

export const adaptiveContended: Work = {
  id: "adaptive-contended",
  title: "AdaptiveLimit, 64 callers",
  what: "64 callers call `withPermit` 40,000 times in all, around a call that yields once. The limit is kept at 8.",
  items: calls,
  clock: "cpu",
  contenders: contenders(callers, Effect.yieldNow, () => new Promise((resolve) => setImmediate(resolve)))
}
