/** Jobs of a thread that starts with data, which its layer needs as well. */
import { Context, Effect, Layer } from "effect"
import { ThreadWorker } from "sluice/threads"

export interface Start {
  readonly greeting: string
  readonly thread: number
}

class Greeting extends Context.Service<Greeting, string>()("Greeting") {}

export const jobs = ThreadWorker.serveWith(({ greeting, thread }: Start) => {
  if (greeting === "") throw new RangeError("an empty greeting")
  return {
    greet: (name: string) => `${greeting}, ${name}`,
    layered: () => Effect.service(Greeting),
    number: () => thread,
    exit: () => process.exit(1)
  }
}, { layer: ({ greeting }: Start) => Layer.succeed(Greeting, `${greeting} of the layer`) })
