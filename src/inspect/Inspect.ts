/**
 * Shows what runs and what waits: the holders of each semaphore, group and pool, the requests behind them with their
 * source lines, deadlocks, and the reason why a fiber does not go on. An operation costs nothing more until somebody
 * looks or watches.
 *
 * `docs/inspect.md` begins with a service that hangs, and ends with the line to change.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { AdaptiveLimit } from "../internal/adaptiveLimit/model.js"
import { durationOf, invalid } from "../internal/args.js"
import type { Group } from "../internal/group/model.js"
import { type HandlerOptions, makeHandler } from "../internal/inspect/handler.js"
import * as interruptions from "../internal/inspect/interruptions.js"
import * as internalLayer from "../internal/inspect/layer.js"
import { lookNow, refsOf } from "../internal/inspect/look.js"
import type { Deadlock, Dump, Report } from "../internal/inspect/model.js"
import { isFiber } from "../internal/inspect/runtime.js"
import * as text from "../internal/inspect/text.js"
import type { Keyed, Semaphore } from "../internal/semaphore/model.js"
import type { JobHandle, WorkerPool } from "../internal/workerPool/model.js"
import type { ThreadPool } from "../threads/ThreadPool.js"

export type { HandlerOptions } from "../internal/inspect/handler.js"
export type { LayerOptions } from "../internal/inspect/layer.js"
export type {
  Deadlock,
  Dump,
  FiberInfo,
  HoldInfo,
  JobInfo,
  LineInfo,
  Ref,
  Report,
  Resource,
  ThreadInfo,
  WaitInfo,
  WorkerInfo
} from "../internal/inspect/model.js"
export type { Frame, Source } from "../source/Source.js"

/**
 * Watches while the layer is there: a sweep each `tick` finds deadlocks and long waits, and reports each once. By
 * default a report is a warning in the log.
 *
 * **Details**
 *
 * While somebody watches, dumps know durations, the holders of all permits, and who has interrupted whom. Resources
 * that were made before are looked for in the heap as the layer is built, which Node alone can do. Two layers share
 * their knowledge, and each has its own reports. Never fails; a wrong option is a defect of the build.
 *
 * **Example** (A deadlock in the log)
 *
 * ```ts
 * import { Effect, Option, Stream } from "effect"
 * import { Semaphore } from "sluice"
 * import { Inspect } from "sluice/inspect"
 *
 * const program = Effect.gen(function*() {
 *   const [a, b] = [yield* Semaphore.make(1, { name: "a" }), yield* Semaphore.make(1, { name: "b" })]
 *   const both = (one: Semaphore.Semaphore, other: Semaphore.Semaphore) =>
 *     Semaphore.withPermit(one, Effect.andThen(Effect.yieldNow, Semaphore.withPermit(other, Effect.void)))
 *   yield* Effect.forkScoped(both(a, b))
 *   yield* Effect.forkScoped(both(b, a))
 *   const report = yield* Stream.runHead(Inspect.reports)
 *   console.log(Option.isSome(report) && report.value._tag) // => Deadlock
 * })
 *
 * // Without `onReport` the log has the report.
 * const watched = Inspect.layer({ tick: "10 millis", onReport: () => Effect.void })
 * await Effect.runPromise(Effect.provide(Effect.scoped(program), watched))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: internalLayer.LayerOptions = {}): Layer.Layer<never> => internalLayer.layer(options)

/**
 * Returns what runs and what waits at this moment, as plain data.
 *
 * **Details**
 *
 * Never suspends, never fails. Runs no fiber, and changes nothing. Without `layer` the resources are found in the heap,
 * which takes a garbage collection; where there is no inspector, none is found then. `missing` of the result says what
 * could not be seen. O(holders + waiters), and some 0.5 milliseconds for the source lines of each fiber.
 *
 * **Example** (The statistics of every resource)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 * import { Inspect } from "sluice/inspect"
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Semaphore.make(2, { name: "db" })
 *   const dump = yield* Semaphore.withPermit(db, Inspect.dump)
 *   const [line] = dump.resources.flatMap(({ lines, name }) => name === "db" ? lines : [])
 *   console.log(`${line?.held} of ${line?.capacity} ${line?.of}`) // => 1 of 2 permits
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const dump: Effect.Effect<Dump> = Effect.sync(() => lookNow().dump)

/**
 * Returns a dump as text: deadlocks first, then each resource with its holders and waiters. O(size of the dump).
 *
 * **Example** (A dump in a terminal)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 * import { Inspect } from "sluice/inspect"
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Semaphore.make(2, { name: "report-db" })
 *   const text = Inspect.toText(yield* Semaphore.withPermit(db, Inspect.dump))
 *   console.log(text.split("\n").find((line) => line.startsWith("semaphore report-db")))
 *   // => semaphore report-db: 1 of 2 permits taken
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const toText = (dump: Dump): string => text.toText(dump)

/**
 * Anything that `explain` knows: a fiber, the handle of a job, a resource, or the name that a dump or a text gives to
 * one, such as `fiber 6`, `pool-1`, `pool mailer`, `mailer` or `job 5 of pool mailer`. If several resources share that
 * name, `explain` lists their ids.
 *
 * @category models
 * @since 0.1.0
 */
export type Target =
  | Fiber.Fiber<unknown, unknown>
  | JobHandle<unknown, unknown>
  | Semaphore
  | Keyed<never>
  // A group takes and gives its errors, so none of the two will do.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  | Group<any>
  | AdaptiveLimit
  // As for a group.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  | WorkerPool<any, any, any, any>
  // As for a group.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  | ThreadPool<any, any>
  | string

/**
 * Returns why a fiber, a job or a resource does not go on, in sentences: the request that it waits for, the number of
 * requests before that, the longest hold and its line, and then the reason why that holder does not go on.
 *
 * **Details**
 *
 * Never suspends, never fails. Costs as much as `dump`. Of something that neither holds nor waits it says so, and of
 * something that is no fiber, job or resource. Of a `ThreadPool` it explains the pool, and then its threads.
 *
 * **Example** (Why does this fiber not go on?)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 * import { Inspect } from "sluice/inspect"
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Semaphore.make(1, { name: "db" })
 *   yield* Effect.forkScoped(Semaphore.withPermit(db, Effect.never), { startImmediately: true })
 *   const fiber = yield* Effect.forkScoped(Semaphore.withPermit(db, Effect.void), { startImmediately: true })
 *   const why = yield* Inspect.explain(fiber)
 *   console.log(why.includes("waits for a permit of semaphore db")) // => true
 *   console.log(why.includes("first in line, 1 of 1 held")) // => true
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const explain = (target: Target): Effect.Effect<string> => Effect.sync(() => explainNow(target))

// JavaScript may bring anything.
const explainNow = (target: unknown): string => {
  if (typeof target === "string") return text.explainText(lookNow().dump, target)
  if (typeof target !== "object" || target === null) return `${text.valueText(target)} is no fiber, job or resource.`
  const { dump, views } = lookNow(isFiber(target) ? [target] : [])
  const refs = refsOf(views, target)
  return refs.length === 0
    ? "It neither holds nor waits for anything of sluice, or has ended."
    : refs.map((ref) => text.explainText(dump, ref)).join(" ")
}

/**
 * The deadlocks of this moment. Never suspends, never fails. Costs as much as `dump`.
 *
 * **Details**
 *
 * A deadlock with `certain` evidence has no end: none of its fibers goes on unless one is interrupted, or a capacity, a
 * limit or a size is raised. A fiber that loses a race to another one, such as under a timeout, is in no deadlock.
 *
 * **Example** (A fiber that waits for itself)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 * import { Inspect } from "sluice/inspect"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Semaphore.make(1)
 *   const twice = Semaphore.withPermit(one, Semaphore.withPermit(one, Effect.void))
 *   yield* Effect.forkScoped(twice, { startImmediately: true })
 *   const [deadlock] = yield* Inspect.deadlocks
 *   console.log(deadlock?.evidence, deadlock?.members.map((member) => member.for)) // => certain [ 'a permit' ]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const deadlocks: Effect.Effect<ReadonlyArray<Deadlock>> = Effect.map(dump, ({ deadlocks }) => deadlocks)

/**
 * Fails with Effect's `TimeoutError` if the effect takes longer, as `Effect.timeout` does; and the error says what the
 * effect was waiting for.
 *
 * **Details**
 *
 * Suspends as the effect does, for at most `duration`, and until an effect that was interrupted has ended. Returns its
 * value, fails as it fails. The look at the effect comes before its interrupt, and costs as much as `explain`.
 * A duration that is none, or negative, is a defect.
 *
 * **Example** (What took so long)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Semaphore } from "sluice"
 * import { Inspect } from "sluice/inspect"
 *
 * const program = Effect.gen(function*() {
 *   const db = yield* Semaphore.make(1, { name: "db" })
 *   yield* Effect.forkScoped(Semaphore.withPermit(db, Effect.never), { startImmediately: true })
 *   const query = Semaphore.withPermit(db, Effect.succeed("rows"))
 *   const error = yield* Effect.flip(Inspect.timeout(query, "10 millis"))
 *   console.log(error._tag, error.message.includes("waits for a permit of semaphore db")) // => TimeoutError true
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link explain} for the reason without a timeout
 * @category combinators
 * @since 0.1.0
 */
export const timeout: {
  /**
   * Returns a function that fails with Effect's `TimeoutError` if the effect takes longer; and the error says what the
   * effect was waiting for.
   *
   * Suspends as the effect does, for at most `duration`, and until an effect that was interrupted has ended. Returns
   * its value, fails as it fails. A duration that is none, or negative, is a defect.
   */
  (
    duration: Duration.Input
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Cause.TimeoutError, R>
  /**
   * Fails with Effect's `TimeoutError` if the effect takes longer; and the error says what the effect was waiting for.
   *
   * Suspends as the effect does, for at most `duration`, and until an effect that was interrupted has ended. Returns
   * its value, fails as it fails. A duration that is none, or negative, is a defect.
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E | Cause.TimeoutError, R>
} = /* @__PURE__ */ dual(
  2,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    duration: Duration.Input
  ): Effect.Effect<A, E | Cause.TimeoutError, R> =>
    Effect.suspend(() => {
      const after = durationOf(duration)
      if (after === undefined || Duration.isNegative(after)) {
        return Effect.die(invalid("Inspect.timeout", "duration", "a duration >= 0", duration))
      }
      let fiber: Fiber.Fiber<unknown, unknown> | undefined
      const known = Effect.withFiber<A, E, R>((own) => {
        fiber = own
        return self
      })
      const error = Effect.sync(() => {
        const why = fiber === undefined ? "" : ` ${explainNow(fiber)}`
        return Effect.fail(new Cause.TimeoutError(`timed out after ${Duration.format(after)}.${why}`))
      })
      // The look is a part of the race: its loser, which is looked at, is not interrupted yet.
      return Effect.flatten(
        Effect.raceFirst(Effect.map(known, (value) => Effect.succeed(value)), Effect.delay(error, after))
      )
    })
)

/**
 * Returns who has cancelled a fiber, and why, in sentences, by the cause with which the fiber has ended: the first
 * cancellation that happened comes first.
 *
 * **Details**
 *
 * Only interrupts by sluice while somebody watched say so: those of a group and those of a pool. `undefined` for all
 * others, and for a cause without interrupts. `Cause.pretty`, and so each log of the cause, has the same as lines of a
 * stack.
 *
 * **Example** (A child that did not fail)
 *
 * ```ts
 * import { Effect, Fiber } from "effect"
 * import { Group } from "sluice"
 * import { Inspect } from "sluice/inspect"
 *
 * const program = Effect.gen(function*() {
 *   const group = yield* Group.make<string>({ name: "uploads" })
 *   const sibling = yield* Group.fork(group, Effect.never)
 *   yield* Group.go(group, Effect.fail("disk full"))
 *   const exit = yield* Fiber.await(sibling)
 *   console.log(exit._tag === "Failure" && Inspect.whyInterrupted(exit.cause)?.replace(/\d+/, "N"))
 *   // => Group uploads: child fiber N failed with Error: disk full.
 * })
 *
 * await Effect.runPromise(Effect.provide(Effect.scoped(program), Inspect.layer({ adopt: false })))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const whyInterrupted = (cause: Cause.Cause<unknown>): string | undefined => interruptions.whyInterrupted(cause)

/**
 * The reports of all layers, from the moment when the stream is run. It has no end. A consumer that is slower than the
 * reports come misses the oldest of more than 1,024.
 *
 * **Example** (Reports elsewhere than in the log)
 *
 * ```ts
 * import { Console, Effect, Stream } from "effect"
 * import { Inspect } from "sluice/inspect"
 *
 * const alerts = Inspect.reports.pipe(
 *   Stream.filter(({ _tag }) => _tag === "Deadlock"),
 *   Stream.runForEach(({ text }) => Effect.logError(text))
 * )
 *
 * const main = Effect.andThen(Effect.forkScoped(alerts), Console.log("serving")) // => serving
 * await Effect.runPromise(Effect.provide(Effect.scoped(main), Inspect.layer({ onReport: () => Effect.void })))
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const reports: Stream.Stream<Report> = /* @__PURE__ */ Stream.callback<Report>(
  (queue) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const listener = (report: Report): void => void Queue.offerUnsafe(queue, report)
        internalLayer.listeners.add(listener)
        return listener
      }),
      (listener) => Effect.sync(() => internalLayer.listeners.delete(listener))
    ),
  { bufferSize: 1_024, strategy: "sliding" }
)

/**
 * Makes a handler of web requests that serves a page of dumps, which follows the process.
 *
 * **Details**
 *
 * It binds no port: mount it under a path of the server that you have, where `/metrics` is. A dump shows source lines,
 * names of spans and keys, so strangers should not reach it. Below the mount point are the page, `dump.json`,
 * `dump.txt`, `explain?of=fiber%206`, and `events`: server-sent events. Throws for wrong options only. The response to
 * a request for anything else has the status 404 or 405. Each dump costs as much as `dump`, and is shared by all open
 * pages; without an open page there is none.
 *
 * **Example** (A dump over HTTP)
 *
 * ```ts
 * import { Semaphore } from "sluice"
 * import { Inspect } from "sluice/inspect"
 *
 * const db = Semaphore.makeUnsafe(10, { name: "db" })
 * const handler = Inspect.handler()
 * const response = await handler(new Request("http://localhost/debug/sluice/dump.json"))
 * console.log(response.status, ((await response.json()) as Inspect.Dump).schema) // => 200 sluice/inspect/1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const handler = (options: HandlerOptions = {}): (request: Request) => Promise<Response> =>
  makeHandler({ dump: () => lookNow().dump, explain: explainNow, text: text.toText }, options)
