/** Jobs of threads that have a layer, or output, to be seen to when they end. */
import { Context, Effect, Layer } from "effect"
import { ThreadWorker } from "sluice/threads"

interface Telling {
  counts: Int32Array
  fails: boolean
  millis: number
}

class Told extends Context.Service<Told, Telling>()("Told") {}

const layer = Layer.effect(
  Told,
  Effect.acquireRelease(
    Effect.sync((): Telling => ({ counts: new Int32Array(1), fails: false, millis: 0 })),
    ({ counts, fails, millis }) =>
      Effect.andThen(
        Effect.sleep(millis),
        Effect.suspend(() => {
          Atomics.add(counts, 0, 1)
          console.log("the last line")
          return fails ? Effect.die(new RangeError("a bug in a finalizer")) : Effect.void
        })
      )
  )
)

export const jobs = ThreadWorker.serve({
  tell: ([counts, millis, fails]: readonly [Int32Array, number, boolean]) =>
    Effect.map(Effect.service(Told), (told) => void Object.assign(told, { counts, fails, millis })),
  log: (lines: number) => {
    for (let n = 0; n < lines; n++) console.log(`line ${n}`)
  },
  warn: (text: string) => console.error(text),
  env: (name: string) => process.env[name],
  argv: () => process.argv.slice(2),
  /** Returns, and then computes forever. */
  block: () =>
    void setTimeout(() => {
      for (;;);
    }),
  add: (n: number) => n + 1,
  /** After a while in which the thread alone has something to do. */
  later: (text: string) => Effect.delay(Effect.succeed(text), 50)
}, { layer })
