/** A service that a SIGTERM stops: it takes no more mail, sends what it has accepted, and says how it went. */
import { Effect, Fiber } from "effect"
import { WorkerPool } from "sluice"

class Mailer extends WorkerPool.Service<Mailer>()("test/Mailer", {
  size: 1,
  run: (user: string) => user === "slow" ? Effect.never : Effect.sleep("50 millis"),
  drain: `${process.argv[2] ?? "5"} seconds` as "5 seconds",
  onShutdown: ({ aborted, counts, returned }) =>
    Effect.sync(() => console.log(`sent ${counts.succeeded}, aborted ${aborted.join()}, returned ${returned.join()}`))
}) {}

const service = Effect.gen(function*() {
  for (const user of ["ada", ...process.argv.slice(3)]) yield* Mailer.submit(user)
  yield* Effect.sync(() => console.log("ready"))
  yield* Effect.never
})

const stop = (): void => void Effect.runFork(Fiber.interrupt(fiber))
process.once("SIGTERM", stop)
const fiber = Effect.runFork(Effect.provide(service, Mailer.layer))
