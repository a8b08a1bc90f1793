/** What the threads of the page serve. */
import { Data, Effect } from "effect"
import { ThreadWorker } from "sluice/threads"

class Refused extends Data.TaggedError("Refused")<{ readonly who: string; readonly times: number }> {}

/** Tells the page that a job has begun, also while it computes. */
export interface Begins {
  readonly port: { postMessage(message: string): void }
}

const thread = Math.random()
let calls = 0
const held = { begun: 0, ended: 0 }

export const jobs = ThreadWorker.serve({
  add: (n: number) => n + 1,
  nothing: () => undefined,
  later: (n: number) => Promise.resolve(n + 1),
  effect: (n: number) => Effect.as(Effect.yieldNow, n + 1),
  fail: (who: string) => Effect.fail(new Refused({ who, times: 3 })),
  die: () => Effect.die(new RangeError("a bug")),
  throws: () => {
    throw new RangeError("thrown")
  },
  rejects: () => Promise.reject(new RangeError("rejected")),
  getFunction: () => () => 1,
  fill: (buffer: ArrayBuffer) => {
    new Uint8Array(buffer).fill(7)
    return ThreadWorker.transfer(buffer, [buffer])
  },
  /** Which thread it is. */
  thread: () => thread,
  /** How many times the thread has been asked before. */
  count: () => calls++,
  hold: ({ port }: Begins) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        held.begun++
        port.postMessage("begun")
      }),
      () => Effect.never,
      () => Effect.sync(() => held.ended++)
    ),
  held: () => held,
  listen: ({ port }: Begins, { signal }: ThreadWorker.JobContext) => {
    port.postMessage("begun")
    return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
  },
  poll: ({ port }: Begins, { isCancelled }: ThreadWorker.JobContext) => {
    port.postMessage("begun")
    while (!isCancelled());
  },
  forever: ({ port }: Begins) => {
    port.postMessage("begun")
    for (;;);
  },
  crash: () => {
    setTimeout(() => {
      throw new Error("outside of a job")
    })
    return Effect.never
  }
})
