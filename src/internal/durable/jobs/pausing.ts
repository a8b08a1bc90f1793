import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Signal } from "../Signal.js"
import { none, type Wake } from "../wake.js"

/** Between two questions to a store by who is not woken. */
const asked = Schedule.min([Schedule.exponential("10 millis"), Schedule.spaced("1 second")])

/** By who is woken: for a wake-up that was lost. */
const lost = Duration.seconds(5)

/** The topic of a job's exit. */
export const resultTopic = (job: string, id: string): string => `result ${JSON.stringify([job, id])}`

/** The pause of `Results.listen` over a `Wake`. */
export const pauses =
  (wake: Wake) => (job: string, id: string): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
    wake === none
      ? Effect.map(Schedule.toStepWithSleep(asked), (step) => Pull.catchDone(step(undefined), () => Effect.void))
      : Effect.map(signalOf((set) => wake.listen(resultTopic(job, id), set)), (pause) =>
        Effect.raceFirst(pause, Effect.sleep(lost)))

/** An effect that suspends until the signal is set. One that was set before it is kept. */
export const signalOf = (
  listen: (set: () => void) => () => void
): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const signal = new Signal()
    const stop = listen(signal.set)
    return Effect.as(
      Effect.addFinalizer(() => Effect.sync(stop)),
      Effect.andThen(signal.wait, Effect.sync(signal.clear))
    )
  })
