/** Actors of a scenario that is given as a list of effects. */
import { Effect } from "effect"
import type { Kit } from "sluice/testing"

/**
 * Starts an actor for each effect, named by letters. Neighbours that are one value are alike. An actor may die: the
 * scenario's own checks say what is wrong.
 */
export const start = (t: Kit, effects: ReadonlyArray<Effect.Effect<unknown, unknown>>): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let i = 0; i < effects.length;) {
      const effect = effects[i]!
      const next = effects.findIndex((other, at) => at > i && other !== effect)
      const n = (next < 0 ? effects.length : next) - i
      const name = String.fromCharCode(97 + i)
      yield* n === 1 ? t.actor(name, effect, { mayDie: true }) : t.actors(name, n, effect, { mayDie: true })
      i += n
    }
  })
