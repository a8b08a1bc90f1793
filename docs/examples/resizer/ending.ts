import * as Effect from "effect/Effect"
import type { Serving } from "../httpServer.js"
import type { Resizer } from "./resizer.js"

/** The end in good order: nothing more is accepted, and what has been is answered, if it takes no longer than this. */
export const end = (resizer: Resizer, { settled }: Serving, deadline: number): Effect.Effect<void> =>
  Effect.asVoid(
    Effect.andThen(
      resizer.shutdown(deadline),
      // Who comes meanwhile is refused at once; but who does not stop coming is not waited for.
      Effect.timeoutOption(settled, "1 second")
    )
  )
