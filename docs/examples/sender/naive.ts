import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { open } from "./connection.js"
import { type Message, messages } from "./message.js"
import { tries } from "./pooled.js"
import type { Task } from "./protocol.js"
import type { Tally } from "./tally.js"

/** What comes to mind first: a fiber for each message, and a connection for each fiber, all at once. */
export const naive = ({ port, users }: Task, tally: Tally, stop: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.forEach(messages(users), (message) => deliver(port, message, tally), {
    concurrency: "unbounded",
    discard: true
  }).pipe(
    Effect.raceFirst(stop)
  )

const deliver = (port: number, message: Message, tally: Tally): Effect.Effect<void> =>
  Effect.suspend(() => {
    let opened = 0
    const connection = open(port, Effect.void).pipe(
      Effect.tapError(({ code }) => Effect.sync(() => tally.refused(code))),
      // The system has no more connections to give, and will when others have been closed.
      Effect.retry(Schedule.spaced("100 millis")),
      Effect.tap(() =>
        Effect.sync(() => {
          tally.connections++
          if (++opened > 1) tally.reconnects++
        })
      )
    )
    const attempt = Effect.scoped(Effect.flatMap(connection, ({ send }) => send(message)))
    return Effect.retry(attempt, { times: tries - 1 })
  }).pipe(
    Effect.onInterrupt(() => Effect.sync(() => tally.aborted++)),
    Effect.match({
      onSuccess: () => tally.messageSent(),
      onFailure: () => {
        tally.gaveUp++
      }
    })
  )
