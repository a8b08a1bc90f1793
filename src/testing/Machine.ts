/** Runs scenarios, one after the other, within the same limits. Each run is a `Run`, and nothing of it stays here. */
import type { Chooser } from "./Chooser.js"
import { type Limits, type Outcome, type Program, Run, type RunOptions, type Steps } from "./Run.js"
import type { Realism } from "./Schedule.js"

export class Machine implements Limits {
  /** `outside`: whether the driver waits for events from outside of Effect. */
  constructor(readonly maxSteps: number, readonly realism: Realism, readonly outside = false) {}

  run(program: Program, chooser: Chooser, options?: RunOptions): Steps<Outcome> {
    return new Run(this, chooser, options).toEnd(program)
  }
}
