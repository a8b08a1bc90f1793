import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { hasProperty } from "effect/Predicate"
import { invalid, isRecord } from "../args.js"
import { cancellation } from "../cancellation.js"
import type { PoolJob, Told } from "./Job.js"
import type { Pool } from "./Pool.js"
import type { Observer } from "./Suspended.js"

/**
 * The options of `runPromise`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunPromiseOptions {
  /**
   * Cancels the job when it is aborted: the promise rejects with the signal's reason, once the job has ended. Default:
   * none.
   */
  readonly signal?: AbortSignal | undefined
}

/** A promise's caller, which waits for its job. */
class Awaiting<Job, A, E> implements Observer<Told<A, E>> {
  prev: Observer<Told<A, E>> | undefined = undefined
  next: Observer<Told<A, E>> | undefined = undefined
  state: "waiting" | "served" = "waiting"
  readonly by = undefined

  constructor(
    private readonly pool: Pool<Job, A, E>,
    private readonly job: PoolJob<Job, A, E>,
    private readonly resolve: (value: A) => void,
    private readonly reject: (error: unknown) => void,
    private readonly signal: AbortSignal | undefined
  ) {
    signal?.addEventListener("abort", this, { once: true })
  }

  /** Of the signal: it has been aborted. Runs fibers. */
  handleEvent(): void {
    const { job, pool } = this
    pool.cancelBy(job, undefined, cancellation("pool", pool.name, "its signal was aborted", undefined))
  }

  served(): void {
    this.state = "served"
  }

  wake(told: Told<A, E>): void {
    const { job, signal } = this
    this.served()
    signal?.removeEventListener("abort", this)
    const exit = job.result(told)
    if (Exit.isSuccess(exit)) this.resolve(exit.value)
    else if (signal?.aborted === true && Cause.hasInterruptsOnly(exit.cause)) this.reject(signal.reason)
    else this.reject(Cause.squash(exit.cause))
  }
}

export const runPromise = <Job, A, E>(
  pool: Pool<Job, A, E>,
  input: Job,
  options: RunPromiseOptions
): Promise<A> =>
  new Promise((resolve, reject) => {
    const signal = signalOf(options)
    if (signal?.aborted === true) return reject(signal.reason as Error)
    pool.runFor(input, (job) => {
      // The pool's own functions may have aborted it, as they were asked about the job.
      if (signal?.aborted !== true) return new Awaiting(pool, job, resolve, reject, signal)
      reject(signal.reason as Error)
      return undefined
    })
  })

// JavaScript may bring anything, and a signal of another realm.
const signalOf = (options: unknown): AbortSignal | undefined => {
  if (!isRecord(options)) throw invalid("WorkerPool.runPromise", "options", "an object", options)
  const { signal } = options as { readonly signal?: unknown }
  if (signal !== undefined && !(hasProperty(signal, "aborted") && hasProperty(signal, "addEventListener"))) {
    throw invalid("WorkerPool.runPromise", "signal", "an AbortSignal", signal)
  }
  return signal as AbortSignal | undefined
}
