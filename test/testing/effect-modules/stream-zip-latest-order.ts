// effect 4.1.0: a side that yields between making a pair and emitting it is overtaken by the pair that came later.
import { Effect, Stream } from "effect"

const work = (operations: number) =>
  Effect.forEach(Array.from({ length: operations }), () => Effect.void, { discard: true })
const side = (values: ReadonlyArray<number>, operations: number) =>
  Stream.mapEffect(
    Stream.fromIterable(values),
    (n) => Effect.andThen(Effect.yieldNow, Effect.as(work(operations), n))
  )
const pairs = await Effect.runPromise(Stream.runCollect(Stream.zipLatest(side([1, 2], 2033), side([11, 12], 0))))
console.log(pairs.map((pair) => pair.join("-")).join(" "))
