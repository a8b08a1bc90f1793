/** Fibers and tasks as the kit's machine knows them, for tests that ask a chooser without running anything. */
import { Effect } from "effect"
import { type Entry, type Lane, newLane } from "sluice/testing/Lane"
import type { AnyFiber } from "sluice/testing/runtime"

export const alive = Effect.runFork(Effect.never)

/** An actor that has come to its first operation. */
export const laneOf = (index: number, fiber: AnyFiber = alive, cancellable = true): Lane => ({
  ...newLane(fiber, index, String(index)),
  actor: true,
  cancellable,
  operations: 1
})

export const entryOf = (lane: Lane | undefined): Entry => ({
  task: () => {},
  lane,
  parked: false,
  since: 0,
  starts: undefined
})
