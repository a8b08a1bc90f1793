import { Data, Effect } from "effect"
import { Watch, WorkerPool } from "sluice"

export class Bounced extends Data.TaggedError("Bounced")<{ readonly to: string }> {}

/** What is to be seen: three workers that send mail, of which some is bounced. */
export const makeMailer = WorkerPool.make({
  name: "mailer",
  size: 3,
  queue: { capacity: 10 },
  watch: [Watch.metrics({ attributes: { region: "north" }, workers: true }), Watch.spans()],
  run: (to: string) =>
    Effect.gen(function*() {
      yield* Effect.withSpan(Effect.yieldNow, "smtp")
      yield* Effect.logDebug(`sent to ${to}`)
      if (!to.includes("@")) return yield* new Bounced({ to })
    })
})
