import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { List } from "../List.js"
import type { DeadLetter } from "./model.js"
import { currentFiber, type Observer, Suspended } from "./Suspended.js"

interface Entry<Job, E> {
  prev: Entry<Job, E> | undefined
  next: Entry<Job, E> | undefined
  readonly letter: DeadLetter<Job, E>
}

/** Dead letters in memory (P13), at most `capacity`: when it is full, a new letter replaces the oldest. */
export class DeadLetters<Job, E> {
  private readonly letters = new List<Entry<Job, E>>()
  private readonly readers = new List<Observer<Effect.Effect<void>>>()
  private state: "open" | "closed" = "open"

  constructor(private readonly capacity: number) {}

  /** Never suspends. Runs a fiber. */
  readonly add = (letter: DeadLetter<Job, E>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const dropped = this.letters.size === this.capacity ? this.letters.shift() : undefined
      this.letters.push({ prev: undefined, next: undefined, letter })
      this.readers.shift()?.wake(Effect.void)
      return dropped === undefined ? Effect.void : Effect.logWarning(
        `WorkerPool: ${this.capacity} dead letters wait to be read, so that of job ${dropped.letter.id} was dropped`
      )
    })

  /** No letter comes any more. Runs fibers. */
  close(): void {
    this.state = "closed"
    for (const reader of this.readers.takeAll()) reader.wake(Effect.void)
  }

  /** Each letter goes to one reader. Ends with the pool, after the last letter. */
  readonly stream: Stream.Stream<DeadLetter<Job, E>> = Stream.fromPull(Effect.succeed(Effect.suspend(() => this.pull)))

  private readonly pull: Effect.Effect<[DeadLetter<Job, E>], Cause.Done> = Effect.suspend(() => {
    const entry = this.letters.shift()
    if (entry !== undefined) return Exit.succeed<[DeadLetter<Job, E>]>([entry.letter])
    return this.state === "closed" ? Cause.done() : this.waitAndPull
  })

  /**
   * A reader that is woken for a letter and interrupted before it has taken it leaves that to the next. Runs a fiber.
   */
  private readonly waitAndPull = Effect.suspend(() =>
    Effect.onExitPrimitive(Effect.flatMap(this.wait, () => this.pull), (exit) => {
      if (Exit.isFailure(exit) && this.letters.size > 0) this.readers.shift()?.wake(Effect.void)
      return undefined
    })
  )

  private readonly wait: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.letters.size > 0 || this.state === "closed") return resume(Effect.void)
    const reader = new Suspended<Effect.Effect<void>>(currentFiber(), resume)
    this.readers.push(reader)
    return Effect.sync(() => {
      if (reader.state === "waiting") this.readers.remove(reader)
    })
  })
}
