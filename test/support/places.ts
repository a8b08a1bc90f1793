/**
 * The law of handing over (S7, G8, P16): in one turn of the event loop at most as many waiters begin as there were free
 * places when the turn began, plus as many as successes have freed in it. A turn of the kit is one: `turnEnds` is for
 * `t.always`, which is asked after each.
 */
import { Effect, Exit } from "effect"
import * as assert from "node:assert/strict"

/** A request for `weight` places, from when it is made to when it has ended. */
class Request {
  private state: "asked" | "begun" | "over" = "asked"
  private readonly asked: number

  constructor(private readonly places: Places, private readonly weight: number) {
    this.asked = places.turn
  }

  begin(): void {
    this.state = "begun"
    // One that begins in the turn in which it asked has not waited.
    if (this.asked < this.places.turn) this.places.begun += this.weight
    this.places.taken += this.weight
  }

  end(exit: Exit.Exit<unknown, unknown>): void {
    if (this.state === "begun") {
      this.places.taken -= this.weight
      if (Exit.isSuccess(exit)) this.places.freed += this.weight
    }
    this.state = "over"
  }
}

export class Places {
  turn = 0
  taken = 0
  /** In this turn: places that waiters have begun to use, and that successes have freed. */
  begun = 0
  freed = 0
  private before: number

  constructor(private readonly capacity: number) {
    this.before = capacity
  }

  /** Counts `effect`, which asks for the places itself, by `body`, which is what it runs with them. */
  counting<A, E, R, A2, E2, R2>(
    weight: number,
    body: Effect.Effect<A, E, R>,
    effect: (body: Effect.Effect<A, E, R>) => Effect.Effect<A2, E2, R2>
  ): Effect.Effect<A2, E2, R2> {
    return Effect.suspend(() => {
      const request = new Request(this, weight)
      // The exit is noted before the place is given back, and with it in one step.
      const counted = Effect.uninterruptibleMask((restore) => {
        request.begin()
        return Effect.onExitPrimitive(restore(body), (exit) => {
          request.end(exit)
          return undefined
        }, true)
      })
      return effect(counted)
    })
  }

  turnEnds(): true {
    const { before, begun, freed } = this
    assert.ok(begun <= before + freed, `${begun} begun, where ${before} were free and successes freed ${freed}`)
    this.turn++
    this.begun = this.freed = 0
    this.before = this.capacity - this.taken
    return true
  }
}
