/** The services that a run gives to its fibers in place of Effect's own. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { generator } from "./random.js"

export interface Services {
  readonly scheduler: Scheduler.Scheduler
  readonly clock: Clock.Clock
  readonly scope: Scope.Scope
  /** Evaluates each operation in place of the runtime. Without it, the run has Effect's own tracer. */
  readonly evaluate: Evaluate | undefined
}

/** The tracer's hook: the place where a program's operations can be seen. */
export type Evaluate = NonNullable<Tracer.Tracer["context"]>

/** One map rather than a chain of additions: the runtime looks many services up for each new fiber. */
export const contextOf = ({ clock, evaluate, scheduler, scope }: Services): Context.Context<Scope.Scope> => {
  const random = generator(0)
  const services = new Map<string, unknown>()
    .set(Scheduler.Scheduler.key, scheduler)
    .set(Clock.Clock.key, clock)
    .set(Random.Random.key, {
      nextIntUnsafe: () => Math.floor((random() - 0.5) * 2 ** 53),
      nextDoubleUnsafe: random
    })
    .set(Scope.Scope.key, scope)
  if (evaluate !== undefined) services.set(Tracer.Tracer.key, tracerOf(evaluate))
  return Context.makeUnsafe(services)
}

/** Its spans are those of Effect's own tracer. */
const tracerOf = (evaluate: Evaluate): Tracer.Tracer => Tracer.make({ span: stockSpan, context: evaluate })

const stockSpan: Tracer.Tracer["span"] = (options) => Context.get(Context.empty(), Tracer.Tracer).span(options)
