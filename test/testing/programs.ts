/** Small random programs: actors of a few steps, with a log of each run. */
import { Deferred, Effect, Exit, Fiber } from "effect"
import type { Kit } from "sluice/testing"

export const steps = [
  "note",
  "yield",
  "sleep",
  "later",
  "shielded",
  "wake",
  "wait",
  "fork",
  "task",
  "choose"
] as const
export type Step = (typeof steps)[number]

/** One run of a program, and its log: which actor did something, and how each ended. */
export class Stage {
  log = ""
  private readonly gate = Deferred.makeUnsafe<void>()

  constructor(private readonly t: Kit) {}

  private note(name: string): Effect.Effect<void> {
    return Effect.sync(() => void (this.log += name))
  }

  private effectOf(name: string, step: Step): Effect.Effect<unknown> {
    const { gate } = this
    switch (step) {
      case "note":
        return this.note(name)
      case "yield":
        return Effect.yieldNow
      case "sleep":
        return Effect.andThen(Effect.sleep(1), this.note(name))
      case "later":
        return Effect.andThen(Effect.sleep(2), this.note(name))
      case "shielded":
        return Effect.uninterruptible(Effect.andThen(this.note(name), this.note(name)))
      case "wake":
        return Effect.sync(() => Deferred.doneUnsafe(gate, Effect.void))
      case "wait":
        return Effect.andThen(Effect.timeoutOption(Deferred.await(gate), 1), this.note(name))
      case "fork":
        return Effect.flatMap(Effect.forkChild(this.note(`${name}'`), { startImmediately: true }), Fiber.await)
      case "task":
        return Effect.withFiber((fiber) => {
          fiber.currentDispatcher.scheduleTask(() => {
            Deferred.doneUnsafe(gate, Effect.void)
            this.log += "t"
          }, 0)
          return Effect.void
        })
      case "choose":
        return Effect.flatMap(this.t.choose([1, 2, 3]), (n) => this.note(String(n)))
    }
  }

  /** `shielded`: the actor is uninterruptible from its first operation to its last. */
  bodyOf(name: string, steps: ReadonlyArray<Step>, shielded: boolean): Effect.Effect<unknown> {
    const all = Effect.forEach(steps, (step) => this.effectOf(name, step), { discard: true })
    return shielded
      ? Effect.uninterruptible(all)
      : Effect.onExit(all, (exit) => this.note(Exit.isSuccess(exit) ? "." : "!"))
  }

  /** Notes an actor's name in capitals when the actor fails. */
  watch(fiber: Fiber.Fiber<unknown, unknown>, name: string): void {
    fiber.addObserver((exit) => void (this.log += Exit.isSuccess(exit) ? "" : name.toUpperCase()))
  }
}
