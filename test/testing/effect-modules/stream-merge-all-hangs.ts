// effect 4.1.0: an inner stream that ends while the fiber that started it has yielded is never accounted for.
import { Effect, Option, Stream } from "effect"

const empty = Stream.map(Stream.empty, (n) => n)
const stream = Stream.mergeAll(Array.from({ length: 1_000 }, () => empty), { concurrency: "unbounded" })
const result = await Effect.runPromise(Effect.timeoutOption(Stream.runDrain(stream), "1 second"))
console.log(Option.isSome(result) ? "ended" : "not ended after a second")
