import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type { AnyFiber } from "../stack.js"
import { Deadline } from "./Deadline.js"
import type { OnDemand } from "./parts.js"
import type { Worker } from "./Worker.js"

/** P19: one `Deadline` for the idleness of all workers. */
export class Idling implements OnDemand {
  private readonly timeout: Deadline<Worker> | undefined

  /** `expire` lets an idle worker leave, in the books, and returns a function that runs fibers. */
  constructor(
    readonly min: number,
    idleTimeout: Duration.Duration | undefined,
    context: Context.Context<never>,
    expire: (worker: Worker) => () => void
  ) {
    this.timeout = idleTimeout && new Deadline(idleTimeout, context, expire)
  }

  rests(worker: Worker): void {
    worker.idling = this.timeout?.start(worker)
  }

  ends(worker: Worker): void {
    if (worker.idling !== undefined) this.timeout?.stop(worker.idling)
    worker.idling = undefined
  }

  takeSleepers(): ReadonlyArray<AnyFiber> {
    return this.timeout?.takeSleeper() ?? []
  }
}
