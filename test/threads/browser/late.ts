/** Awaits something before it serves, as a module does that loads WebAssembly; then needs something that is built. */
import { Context, Effect, Layer } from "effect"
import { ThreadWorker } from "sluice/threads"

class Step extends Context.Service<Step, number>()("Step") {}

const channel = new BroadcastChannel("layer")
const say = (what: string) => Effect.sync(() => channel.postMessage(what))

const step = Layer.effect(Step, Effect.as(Effect.acquireRelease(say("built"), () => say("released")), 2))

await new Promise((resolve) => setTimeout(resolve, 50))

export const jobs = ThreadWorker.serve({
  addStep: (n: number) => Effect.map(Effect.service(Step), (step) => n + step)
}, { layer: step })
