import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

// What waits here for an earlier result is small, but a file of a terabyte may have millions of small ones behind it.
const longest = 10_000

/** Puts results back in order: whoever takes the next place in line may fill it whenever it likes. */
export class InOrder<A> {
  private readonly waiting = new Map<number, A>()
  private readonly room = Latch.makeUnsafe(true)
  private taken = 0
  private emitted = 0

  /**
   * `emit` gets the results as soon as all before them are known, as many as there are at once. While `ready` suspends,
   * nobody gets a place: that is how a reader who is slow slows down the whole program.
   */
  constructor(private readonly emit: (results: ReadonlyArray<A>) => void, private readonly ready: Effect.Effect<void>) {
  }

  /** Takes the next place, and answers what fills it. */
  readonly next: Effect.Effect<(result: A) => Effect.Effect<void>> = Effect.suspend(() =>
    Effect.andThen(Effect.andThen(this.ready, this.room.await), () => {
      const place = this.taken++
      return Effect.succeed((result: A) => Effect.sync(() => this.fill(place, result)))
    })
  )

  private fill(place: number, result: A): void {
    this.waiting.set(place, result)
    const results: Array<A> = []
    for (let next = this.waiting.get(this.emitted); next !== undefined; next = this.waiting.get(this.emitted)) {
      this.waiting.delete(this.emitted++)
      results.push(next)
    }
    if (results.length > 0) this.emit(results)
    if (this.waiting.size < longest) this.room.openUnsafe()
    else this.room.closeUnsafe()
  }
}
