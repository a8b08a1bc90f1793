/** A program with a watchdog, whose event loop is blocked. Its argument says how. It prints its reports. */
import { Effect, Fiber, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { Worker } from "node:worker_threads"
import { Inspect } from "sluice/inspect"
import { Watchdog } from "../../../src/internal/inspect/Watchdog.js"

const [, , mode = "", file = ""] = process.argv

const spin = (millis: number): void => {
  const end = performance.now() + millis
  while (performance.now() < end) Math.imul(2, 3) // spins
}

const handle = Effect.fn("GET /spin")(function*(millis: number) {
  yield* Effect.sleep("200 millis")
  yield* Effect.sync(() => spin(millis))
})

const starved = Stream.filter(Inspect.reports, ({ _tag }) => _tag === "Starved")
const printReports = Stream.runForEach(
  Stream.take(starved, 1),
  (report) => Effect.sync(() => console.log(JSON.stringify(report)))
)

const watch = (watchdog: Inspect.LayerOptions["watchdog"]) =>
  Inspect.layer({ tick: "50 millis", starvedFor: "1 minute", watchdog, onReport: () => Effect.void })

const blocked = (block: Effect.Effect<void>) =>
  Effect.scoped(Effect.gen(function*() {
    const printed = yield* Effect.forkScoped(printReports, { startImmediately: true })
    yield* block
    yield* Fiber.join(printed)
  }))

const native = Effect.delay(Effect.sync(() => void execFileSync("sleep", ["1.5"])), "200 millis")

const modes: Readonly<Record<string, Effect.Effect<void>>> = {
  spin: blocked(handle(600)).pipe(Effect.provide(watch("100 millis"))),
  forEver: handle(Infinity).pipe(Effect.provide(watch("100 millis"))),
  native: blocked(native).pipe(Effect.provide(watch("100 millis"))),
  off: handle(600).pipe(Effect.provide(watch(false))),
  short: handle(600).pipe(Effect.provide(watch(true))),
  long: blocked(handle(2_500)).pipe(Effect.provide(watch(true))),
  // The layer is gone before the event loop is blocked.
  after: Effect.andThen(Effect.provide(Effect.sleep("200 millis"), watch("100 millis")), native),
  exit: Effect.andThen(handle(1_000), Effect.sync(() => process.exit(3))).pipe(Effect.provide(watch("100 millis"))),
  // Nothing closes it.
  unclosed: Effect.sync(() => new Watchdog({ millis: 100, look: () => undefined, failed: console.error })).pipe(
    Effect.asVoid
  ),
  thread: Effect.callback<void>((resume) => {
    new Worker(file, { argv: ["short"] }).on("exit", () => resume(Effect.void))
  })
}

await Effect.runPromise(modes[mode] ?? Effect.die(mode))
console.log("ended")
