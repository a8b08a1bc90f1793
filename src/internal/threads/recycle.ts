import { checkNumber, isCount, isPositive } from "../args.js"
import type { Platform } from "./platform.js"

/**
 * Says when a healthy thread is replaced, as the option `recycle` of `make`. Default: never.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recycle {
  /**
   * The most calls that a thread is given: an integer >= 1. Default: no limit. A thread begins no call beyond it. A
   * call that is cancelled before the thread has begun it counts.
   */
  readonly maxCalls?: number | undefined
  /**
   * The size of the thread's heap in use, garbage included, beyond which it is replaced: a number of bytes > 0.
   * Default: no limit. Measured in the thread before its results are sent, only with this option. Only where the
   * platform `measuresHeap`, in Node; elsewhere a defect. A limit below the heap of a thread that has just started
   * replaces each thread after its first call.
   */
  readonly maxHeap?: number | undefined
  /**
   * The part of both limits that is random for each thread: a number from 0 to 1. Default: 0.1, which makes a limit of
   * 100 calls one of 91 to 100. So threads that have started together are not replaced together.
   */
  readonly jitter?: number | undefined
}

/** How much a thread may be used. */
export interface Limits {
  readonly calls: number
  readonly heap: number
}

export const unlimited: Limits = { calls: Infinity, heap: Infinity }

/** Checks the option. Returns a function that draws the limits of one thread: `random` is from 0 to 1, without 1. */
export const limitsOf = (
  where: string,
  { jitter = 0.1, maxCalls = Infinity, maxHeap = Infinity }: Recycle,
  platform: Platform,
  random: () => number
): () => Limits => {
  if (maxCalls !== Infinity) checkNumber(where, "recycle.maxCalls", maxCalls, "an integer >= 1", isCount)
  checkNumber(where, "recycle.jitter", jitter, "from 0 to 1", (n) => n >= 0 && n <= 1)
  if (maxHeap !== Infinity) {
    checkNumber(where, "recycle.maxHeap", maxHeap, "a number of bytes > 0", isPositive)
    if (platform.measuresHeap !== true) {
      throw new Error(`${where}: recycle.maxHeap is given, but the threads of this platform cannot measure their heap`)
    }
  }
  return () => {
    const part = 1 - jitter * random()
    return { calls: Math.max(1, Math.ceil(maxCalls * part)), heap: maxHeap * part }
  }
}
