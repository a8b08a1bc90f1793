import { Context, Effect, Layer } from "effect"
import { ThreadWorker } from "sluice/threads"
import { handlers, schemas } from "./schemas.js"

class Step extends Context.Service<Step, number>()("Step") {}

const layer = Layer.effect(
  Step,
  Effect.acquireRelease(Effect.succeed(2), () => Effect.sync(() => Atomics.add(released, 0, 1)))
)

let released: Int32Array = new Int32Array(1)

export const jobs = ThreadWorker.serve({
  ...handlers,
  step: (n: number) => Effect.map(Effect.service(Step), (step) => n + step),
  watch: (counter: Int32Array) => {
    released = counter
  }
}, { layer, schemas })
