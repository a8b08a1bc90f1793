import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { AnyFiber } from "../stack.js"
import { JobTimeout } from "./errors.js"
import { outcomeOf } from "./Job.js"
import type { AnyJob } from "./Job.js"
import type { JobContext } from "./model.js"
import { CurrentWorker } from "./Worker.js"

/** The span in which a fiber is, as one that it made itself would have for its parent. */
export const spanOf = (fiber: AnyFiber): Tracer.AnySpan | undefined =>
  propagated(Option.getOrUndefined(Context.getOption(fiber.context, Tracer.ParentSpan)))

/** Spans that are not to be told of are passed over. */
const propagated = (span: Tracer.AnySpan | undefined): Tracer.AnySpan | undefined => {
  if (span === undefined || !Context.get(span.annotations, Tracer.DisablePropagation)) return span
  return span._tag === "Span" ? propagated(Option.getOrUndefined(span.parent)) : undefined
}

type Run = (job: never, context: JobContext<unknown>) => Effect.Effect<unknown, unknown>

export const traced = (run: Run, name: string): Run => {
  const title = `${name}/job`
  return (input, context) =>
    Effect.withFiber((fiber) => {
      const worker = fiber.getRef(CurrentWorker)
      const job = worker?.job
      // It is the pool that calls, in a fiber of the job that its worker has.
      if (worker === undefined || job === undefined) return run(input, context)
      const { id, observed } = job
      const caller = observed?.caller
      const within = caller !== undefined && observed?.within === true
      // Who brings a job by `run` waits for it, and takes it along when interrupted: its span is within the caller's. A job
      // that was submitted is on its own, and may begin long after that span has ended: it has a trace of its own, and a
      // link. Either way it is kept if the caller's is.
      const options = {
        parent: within ? caller : undefined,
        root: !within,
        kind: within ? "internal" : "consumer",
        links: caller === undefined || within ? undefined : [{ span: caller, attributes: {} }],
        sampled: caller?.sampled === false ? false : undefined,
        attributes: {
          "sluice.pool": name,
          "sluice.worker": worker.name,
          "sluice.job": id,
          "sluice.attempt": context.attempt,
          "sluice.wait_seconds": observed?.wait
        },
        captureStackTrace: false
      } as const
      return Effect.useSpan(title, options, (span) => {
        const work = Effect.updateContext(
          Effect.suspend(() => run(input, context)),
          (context: Context.Context<never>) =>
            context.pipe(
              Context.add(Tracer.ParentSpan, span),
              Context.add(References.CurrentLogAnnotations, {
                ...Context.get(context, References.CurrentLogAnnotations),
                job: id
              })
            )
        )
        return Effect.onExitPrimitive(work, (exit) => {
          end(span, fiber, job, exit)
          return undefined
        })
      })
    })
}

/** As the ledger has it: a job that was interrupted because it took too long has failed. */
const end = (span: Tracer.Span, fiber: AnyFiber, job: AnyJob, exit: Exit.Exit<unknown, unknown>): void => {
  const interrupted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
  const timedOut = interrupted && job.cancelled?.reason === "timedOut"
  span.attribute("sluice.outcome", timedOut ? "timedOut" : outcomeOf(exit))
  const { config: { deadlines: { run: after } }, name } = job.pool
  if (!timedOut || after === undefined) return
  const error = new JobTimeout({ pool: name, job: job.id, phase: "run", after })
  const time = fiber.getRef(References.TracerTimingEnabled)
    ? fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()
    : BigInt(0)
  span.end(time, Exit.fail(error))
}
