import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ServerFailed } from "../httpServer.js"
import { json } from "./answer.js"
import { serve } from "./http.js"

/** Somebody who wants to be told when thumbnails are made. */
export interface Receiver {
  readonly name: string
  readonly url: URL
  posts: number
  accepted: number
}

/** One of each kind, on this machine. */
export const receivers: Effect.Effect<ReadonlyArray<Receiver>, ServerFailed, Scope.Scope> = Effect.suspend(() =>
  Effect.all([
    receiver("prompt", () => Effect.succeed(200)),
    receiver("slow", () => Effect.as(Effect.sleep("300 millis"), 200)),
    receiver("fails twice", (post) => Effect.succeed(post <= 2 ? 503 : 200)),
    dead
  ])
)

const receiver = (
  name: string,
  status: (post: number) => Effect.Effect<number>
): Effect.Effect<Receiver, ServerFailed, Scope.Scope> =>
  Effect.gen(function*() {
    let self: Receiver | undefined = undefined
    const url = yield* serve(() =>
      Effect.map(Effect.suspend(() => status(++self!.posts)), (status) => {
        if (status === 200) self!.accepted++
        return json(status, {})
      })
    )
    self = { name, url, posts: 0, accepted: 0 }
    return self
  })

/** Nobody is at the address any more. */
const dead = Effect.scoped(receiver("dead", () => Effect.never))
