import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { AnyFiber } from "../../stack.js"
import { poolName } from "../errors.js"
import type { Attempt, Job, Pool, Watching } from "../watching.js"

/** The span in which a fiber is, as one that it made itself would have for its parent. */
const spanOf = (context: Context.Context<never>): Tracer.AnySpan | undefined =>
  propagated(Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan)))

/** Skips spans whose propagation is disabled. */
const propagated = (span: Tracer.AnySpan | undefined): Tracer.AnySpan | undefined => {
  if (span === undefined || !Context.get(span.annotations, Tracer.DisablePropagation)) return span
  return span._tag === "Span" ? propagated(Option.getOrUndefined(span.parent)) : undefined
}

export interface Note {
  /** The span in which the job was brought. */
  readonly caller: Tracer.AnySpan | undefined
  /** Whether the caller waits in `run`: the job's span is then a child of the caller's. */
  readonly isWithin: boolean
  /** When the wait for a worker began, and how long it has lasted; in seconds. */
  since: number
  wait: number
}

/** One span for each attempt, with the job's number in its logs. */
class SpansWatching implements Watching<Note> {
  private readonly clock: Clock.Clock
  private readonly name: string

  constructor(pool: Pool) {
    this.clock = Context.get(pool.context, Clock.Clock)
    this.name = poolName(pool.name)
  }

  private readonly now = (): number => Number(this.clock.monotonicTimeNanosUnsafe()) / 1e9

  offered(_: Job, context: Context.Context<never>, by: "run" | "submit"): Note {
    const caller = spanOf(context)
    return { caller, isWithin: caller !== undefined && by === "run", since: this.now(), wait: 0 }
  }

  began(note: Note): void {
    note.wait = this.now() - note.since
  }

  attempted(note: Note): void {
    note.since = this.now()
  }

  retried(note: Note): void {
    note.since = this.now()
  }

  around<A, E>(note: Note, attempt: Attempt, effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const { caller, isWithin, wait } = note
    const { job: { id }, judge, number, workerName } = attempt
    return Effect.withFiber((fiber) => {
      // The caller of `run` waits for the job, and interrupts it when interrupted: the job's span is a child of the
      // caller's. A submitted job may begin long after its caller's span has ended: it has a trace of its own, and a
      // link. Either way it is sampled if the caller's span is.
      const options = {
        parent: isWithin ? caller : undefined,
        root: !isWithin,
        kind: isWithin ? "internal" : "consumer",
        links: caller === undefined || isWithin ? undefined : [{ span: caller, attributes: {} }],
        sampled: caller?.sampled === false ? false : undefined,
        attributes: {
          "sluice.pool": this.name,
          "sluice.worker": workerName,
          "sluice.job": id,
          "sluice.attempt": number,
          "sluice.wait_seconds": wait
        },
        captureStackTrace: false
      } as const
      return Effect.useSpan(`${this.name}/job`, options, (span) => {
        const work = Effect.updateContext(effect, (context: Context.Context<never>) =>
          context.pipe(
            Context.add(Tracer.ParentSpan, span),
            Context.add(References.CurrentLogAnnotations, {
              ...Context.get(context, References.CurrentLogAnnotations),
              job: id
            })
          ))
        return Effect.onExitPrimitive(work, (exit) => {
          const judged = judge(exit)
          span.attribute("sluice.outcome", judged.outcome)
          // As in the ledger: a job that was interrupted because it took too long has failed.
          if (judged.exit !== exit) span.end(this.end(fiber), judged.exit)
          return undefined
        })
      })
    })
  }

  private end(fiber: AnyFiber): bigint {
    return fiber.getRef(References.TracerTimingEnabled)
      ? fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()
      : BigInt(0)
  }
}

export const spans = (pool: Pool): Watching<Note> => new SpansWatching(pool)
