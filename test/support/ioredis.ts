/** Effect's `Redis` service by ioredis. */
import { Deferred, Effect, Layer } from "effect"
import { Redis } from "effect/persistence"
import { Redis as Client } from "ioredis"

const failed = (cause: unknown) => new Redis.RedisError({ cause })

const sendBy =
  (client: Client, onSend: (command: string, args: ReadonlyArray<string>) => void) =>
  <A = unknown>(command: string, ...args: ReadonlyArray<string>): Effect.Effect<A, Redis.RedisError> =>
    Effect.tryPromise({
      try: () => {
        onSend(command, args)
        return client.call(command, ...args) as Promise<A>
      },
      catch: failed
    })

/** `onSend` is called with each command, before it is sent. */
export const layer = (
  port: number,
  onSend: (command: string, args: ReadonlyArray<string>) => void = () => {}
): Layer.Layer<Redis.Redis> => {
  const open = Effect.acquireRelease(
    Effect.sync(() => {
      const client = new Client({
        host: "127.0.0.1",
        port,
        maxRetriesPerRequest: 0,
        commandTimeout: 10_000,
        retryStrategy: () => 50
      })
      // Each call fails by itself.
      client.on("error", () => {})
      return client
    }),
    (client) => Effect.sync(() => client.disconnect())
  )
  return Layer.effect(
    Redis.Redis,
    Effect.flatMap(open, (client) =>
      Redis.make({
        send: sendBy(client, onSend),
        subscribe: (channel, onMessage) =>
          Effect.gen(function*() {
            const subscriber = yield* open
            const ended = yield* Deferred.make<void, Redis.RedisError>()
            subscriber.on("message", (channel: string, message: string) => onMessage({ channel, message }))
            yield* Effect.tryPromise({ try: () => subscriber.subscribe(channel), catch: failed })
            return Deferred.await(ended)
          }),
        connect: Effect.die("no test reserves a connection")
      }))
  )
}
