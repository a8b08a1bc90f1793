import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { checkMillis, isPositive } from "../args.js"
import { monotonicMillis } from "../monotonic.js"
import { Inversions } from "./Inversions.js"
import { describing, dumpOf, hasInspector, judged, lookNow, stackNow, startWatch } from "./look.js"
import type { Report } from "./model.js"
import { Reporter } from "./Reporter.js"
import { currentFiber, spanOf } from "./runtime.js"
import { oneLine } from "./shown.js"
import { onSignal } from "./signal.js"
import { frameText, toText } from "./text.js"
import { type Running, Watchdog } from "./Watchdog.js"

/**
 * The options of `layer`. A duration that is none is a defect of the layer's build.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions {
  /**
   * How often the watch looks: a duration > 0. Default: one second. Where looks take more than 1 % of the time,
   * they are rarer, down to one in ten ticks.
   */
  readonly tick?: Duration.Input | undefined
  /** How long a request may wait before it is reported: a duration > 0. Default: 30 seconds. */
  readonly waitedFor?: Duration.Input | undefined
  /** How long something may be held, while others wait for it, before it is reported. Default: 30 seconds. */
  readonly heldFor?: Duration.Input | undefined
  /** How long an interrupted fiber may go on before it is reported: a duration > 0. Default: 10 seconds. */
  readonly lingersFor?: Duration.Input | undefined
  /** How late the event loop may be before it is reported: a duration > 0. Default: one second. */
  readonly starvedFor?: Duration.Input | undefined
  /**
   * Whether resources that exist already are looked for, once, in the heap. It takes some 100 milliseconds, as a
   * garbage collection does. Default: true. Only Node has the inspector that this needs.
   */
  readonly adopt?: boolean | undefined
  /**
   * Whether a thread watches the event loop, to name the function that blocks it; or for how long the loop may be
   * blocked: a duration > 0. `true`: for one second. Default: false. The thread writes a line to the standard error
   * while the loop is blocked; `Starved` with the functions follows. In the main thread of Node alone: elsewhere a
   * warning is logged.
   */
  readonly watchdog?: boolean | Duration.Input | undefined
  /**
   * Whether lock-order inversions are looked for: resources that fibers take in two orders, which may become a
   * deadlock. Default: true. A sweep that sees a new wait looks at all holds then.
   */
  readonly order?: boolean | undefined
  /**
   * A signal of the process, such as `SIGUSR2`, that writes a dump to the standard error. Default: none. A name that is
   * no signal, or one that cannot be handled, is a defect.
   */
  readonly signal?: string | undefined
  /**
   * Gets each report. Default: a warning is logged. It must not fail; a defect is logged, and the watch goes on. As the
   * layer closes, it gets those that were found before, for a second at most.
   */
  readonly onReport?: ((report: Report) => Effect.Effect<void>) | undefined
}

/** The listeners of `reports`. */
export const listeners = new Set<(report: Report) => void>()

const log = (report: Report): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logWarning(`sluice: ${report.text}`), { report: report._tag })

/** How long the close of the layer waits for reports that were found before. */
const lastReports = "1 second"

/** By the real clock, since that of a test may stand still. */
const within = <A>(duration: Duration.Input, effect: Effect.Effect<A>): Effect.Effect<void> =>
  Effect.asVoid(
    Effect.provideService(Effect.timeoutOption(effect, duration), Clock.Clock, Clock.Clock.defaultValue())
  )

/** Until the scope closes. Where there can be none, a warning is logged. */
const startWatchdog = (millis: number): Effect.Effect<Watchdog | undefined, never, Scope.Scope> => {
  const warn = (error: unknown) => Effect.logWarning("Inspect.layer: nothing watches the event loop", error)
  return Effect.gen(function*() {
    const fork = Effect.runForkWith(yield* Effect.context())
    return yield* Effect.acquireRelease(
      Effect.try(() => {
        if (!hasInspector()) throw new Error("there is no inspector here")
        return new Watchdog({ millis, look: running, failed: (error) => void fork(warn(error)) })
      }),
      (dog) => Effect.promise(dog.close)
    )
  }).pipe(Effect.catch(({ cause }) => Effect.as(warn(cause), undefined)))
}

const running = (evaluated: string): Running | undefined => {
  const stack = stackNow(evaluated)
  const [first] = stack
  if (first === undefined) return undefined
  const fiber = currentFiber()
  const name = fiber && spanOf(fiber)
  const by = fiber === undefined ? "" : `by fiber ${fiber.id}${name === undefined ? "" : ` (${name})`} `
  return { stack, fiber: fiber && `fiber ${fiber.id}`, text: `${oneLine(by)}in ${frameText(first)}` }
}

/** Of the time, one part in so many at most goes into looking; but no pause is longer than so many ticks. */
const [share, longest] = [100, 10]

/** How many observers of fibers a sweep reads. The next one reads more of them, so that none takes long. */
const readings = 100

/** Watches while the scope is open: a deadlock stays, so the next sweep finds it (I4). */
const watching = (options: LayerOptions): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const millis = (name: keyof LayerOptions & `${string}For` | "tick", otherwise: Duration.Input) =>
      checkMillis("Inspect.layer", name, options[name] ?? otherwise, "a duration > 0", isPositive)
    const tick = millis("tick", "1 second")
    const thresholds = {
      waitedFor: millis("waitedFor", "30 seconds"),
      heldFor: millis("heldFor", "30 seconds"),
      lingersFor: millis("lingersFor", "10 seconds"),
      starvedFor: millis("starvedFor", "1 second")
    }
    const { adopt = true, onReport = log, order = true, signal, watchdog = false } = options
    const blockedFor = watchdog === false
      ? undefined
      : checkMillis(
        "Inspect.layer",
        "watchdog",
        watchdog === true ? "1 second" : watchdog,
        "a boolean, or a duration > 0",
        isPositive
      )
    const clock = yield* Clock.Clock
    // Nobody sets this clock back.
    const offset = clock.currentTimeMillisUnsafe() - monotonicMillis(clock)
    const now = () => monotonicMillis(clock) + offset
    const { registry } = yield* Effect.acquireRelease(
      Effect.sync(() => startWatch(now, adopt)),
      ({ stop }) => Effect.sync(stop)
    )
    const dog = blockedFor === undefined ? undefined : yield* startWatchdog(blockedFor)
    if (signal !== undefined) yield* onSignal(signal, () => toText(lookNow().dump))
    const reporter = new Reporter(thresholds, {
      now,
      since: registry.since,
      dump: (views, judgement) => dumpOf(views, judgement, registry.sweptAt)
    })
    const inversions = order ? new Inversions(describing) : undefined
    const report = (one: Report): Effect.Effect<void> =>
      Effect.catchCause(
        Effect.suspend(() => onReport(one)),
        (cause) => Effect.logError("Inspect: onReport did not succeed", cause)
      )
    // No report delays the watch: `onReport` may wait for what it reports. All of a sweep come at once, however many.
    const reports = yield* Queue.sliding<ReadonlyArray<Report>, Cause.Done>(1_024)
    const reportAll = (all: ReadonlyArray<Report>) => Effect.forEach(all, report, { discard: true })
    // Not in the scope, which would wait for an `onReport` that cannot be interrupted.
    const reporting = yield* Effect.acquireRelease(
      Effect.forkDetach(Effect.ignore(Effect.forever(Effect.flatMap(Queue.take(reports), reportAll)))),
      (fiber) => Effect.sync(() => fiber.interruptUnsafe())
    )
    yield* Effect.addFinalizer(() => Effect.andThen(Queue.end(reports), within(lastReports, Fiber.await(reporting))))
    let due = now() + tick
    const sweep = Effect.suspend(() => {
      const began = now()
      const late = began - due
      const views = registry.sweep()
      const judgement = judged(views, thresholds.waitedFor, readings)
      // By the clock of the pauses: one of a test stands still, and so each of its ticks has a sweep.
      let cost = now() - began
      const idle = () => {
        const start = now()
        const views = registry.idle()
        cost += now() - start
        return views
      }
      const isStuck = (node: object) => judgement.found.some(({ verdict }) => verdict.isStuck(node))
      const inverted = inversions?.sweep(views, idle, isStuck) ?? []
      const found = [...reporter.sweep(views, judgement, late, dog?.take()), ...inverted]
      for (const one of found) for (const listener of listeners) listener(one)
      if (found.length > 0) Queue.offerUnsafe(reports, found)
      const pause = Math.max(tick, Math.min(longest * tick, share * cost))
      due = now() + pause
      return Effect.sleep(pause)
    })
    // Without this a defect would end the watch, and nobody would know.
    const guarded = Effect.catchDefect(sweep, (defect) => {
      due = now() + longest * tick
      return Effect.andThen(Effect.logError("Inspect: a sweep did not succeed", defect), Effect.sleep(longest * tick))
    })
    yield* Effect.forkScoped(Effect.andThen(Effect.sleep(tick), Effect.forever(guarded)))
  })

export const layer = (options: LayerOptions): Layer.Layer<never> => Layer.effectDiscard(watching(options))
