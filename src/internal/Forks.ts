import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { sharing } from "./dispatcher.js"
import * as stack from "./stack.js"
import type { AnyFiber } from "./stack.js"

type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

/**
 * Forks fibers that are detached and interruptible, have what the fiber that asks for them has, and share a dispatcher.
 * `mark` adds to their context.
 */
export class Forks {
  // The values of the last call: a loop's calls all have the same context.
  private context: Context.Context<never> | undefined = undefined
  private scheduler: Scheduler.Scheduler | undefined = undefined
  private base: Scheduler.Scheduler | undefined = undefined
  private fork: Fork = Effect.runFork

  constructor(private readonly mark: (context: Context.Context<never>) => Context.Context<never>) {}

  /** The fiber runs inline, and may have ended on return. */
  from<A, E, R>({ context }: AnyFiber, effect: Effect.Effect<A, E, R>): Fiber.Fiber<A, E> {
    if (context !== this.context) this.prepare(context)
    // That the caller has R is what the types of the public functions say.
    const child = effect as Effect.Effect<A, E>
    try {
      return stack.start(this.fork, child)
    } catch (defect) {
      // It has ended at once, and an observer it had given itself threw: then there is no handle. It counts as having
      // died.
      return this.fork(Effect.die(defect))
    }
  }

  private prepare(context: Context.Context<never>): void {
    const base = Context.get(context, Scheduler.Scheduler)
    if (base !== this.base || this.scheduler === undefined) this.scheduler = sharing(base)
    this.context = context
    this.base = base
    this.fork = Effect.runForkWith(Context.add(this.mark(context), Scheduler.Scheduler, this.scheduler))
  }
}
