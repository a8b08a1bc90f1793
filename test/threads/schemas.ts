/** What the threads of a test and the test itself have in common. */
import { Effect, Schema } from "effect"
import * as Transferable from "effect/workers/Transferable"
import type { ThreadWorker } from "sluice/threads"

export class Point extends Schema.Class<Point>("Point")({ x: Schema.Number, y: Schema.Number }) {
  get length(): number {
    return Math.hypot(this.x, this.y)
  }
}

export class Nowhere extends Schema.TaggedError<Nowhere>()("Nowhere", { point: Point }) {}

export const schemas = {
  double: { input: Point, success: Point, error: Nowhere },
  half: { input: Schema.Date },
  wrong: { success: Schema.Number },
  slow: { success: Schema.Number },
  invert: { input: Transferable.Uint8Array, success: Transferable.Uint8Array }
}

let inverted = new Uint8Array(0)

/** The same functions, in a module that needs something as well. */
export const handlers = {
  double: (point: Point) =>
    point.length === 0
      ? Effect.fail(new Nowhere({ point }))
      : Effect.succeed(new Point({ x: 2 * point.x, y: 2 * point.y })),
  half: (date: Date) => Promise.resolve(date.getTime() / 2),
  wrong: () => "no number" as unknown as number,
  /** Tells that it has begun; and that it has ended, a little after it was cancelled. */
  slow: (told: Int32Array, { signal }: ThreadWorker.JobContext) =>
    new Promise<number>((resolve) => {
      signal.addEventListener("abort", () =>
        setTimeout(() => {
          Atomics.add(told, 1, 1)
          resolve(1)
        }, 20))
      Atomics.add(told, 0, 1)
    }),
  plain: (n: number) => n,
  /** Gives the bytes back, and how many it still has then. */
  invert: (bytes: Uint8Array<ArrayBuffer>) => {
    inverted = bytes.map((byte) => 255 - byte)
    return inverted
  },
  inverted: () => inverted.length
}
