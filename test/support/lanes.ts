/** Fibers and tasks as the kit's machine knows them, for tests that ask a chooser without running anything. */
import { Effect } from "effect"
import type { Entry, Lane } from "sluice/testing/Machine"
import type { AnyFiber } from "sluice/testing/runtime"

export const alive = Effect.runFork(Effect.never)

export const laneOf = (index: number, fiber: AnyFiber = alive, cancellable = true): Lane => ({
  fiber,
  index,
  name: String(index),
  actor: true,
  cancellable,
  operations: 1,
  turns: 0,
  unasked: 0,
  parked: undefined,
  forking: false,
  forked: undefined,
  tired: 0,
  context: undefined,
  scope: undefined,
  children: 0
})

export const entryOf = (lane: Lane | undefined): Entry => ({ task: () => {}, lane, parked: false, since: 0 })
