/** Drives a run, or many: at once, or waiting for what comes from outside. */
import type { Machine, Steps } from "./Machine.js"

/** Nothing comes from outside. */
export const drive = <A>(steps: Generator<unknown, A, boolean>): A => {
  let step = steps.next()
  while (step.done !== true) step = steps.next(false)
  return step.value
}

/**
 * How long, in milliseconds, an actor may wait for something outside before that is a deadlock: nobody can tell whether it
 * will come, work in another thread least of all.
 */
const patience = 2_000
/** How many turns of the event loop what needs no time may take: promises that are resolved, and what follows them. */
const turns = 4

interface Platform {
  readonly setImmediate?: (f: () => void) => void
  readonly setTimeout: (f: () => void, millis: number) => void
  /** Node.js tells what keeps its event loop alive. */
  readonly process?: { readonly getActiveResourcesInfo?: () => ReadonlyArray<string> }
}

const platform = globalThis as unknown as Platform

const turn = (): Promise<void> =>
  new Promise((resolve) => platform.setImmediate ? platform.setImmediate(resolve) : platform.setTimeout(resolve, 0))
const pause = (): Promise<void> => new Promise((resolve) => platform.setTimeout(resolve, 1))

const active = (): number => platform.process?.getActiveResourcesInfo?.().length ?? Infinity

/** Waits until something has come, and all else that is under way. False when nothing is. */
const arrival = async (machine: Machine, idle: number): Promise<boolean> => {
  const until = Date.now() + patience
  for (let i = 0; machine.ready.length === 0; i++) {
    if ((i >= turns && !machine.unfinished && active() <= idle) || Date.now() > until) return false
    await (i < turns ? turn() : pause())
  }
  // What comes back in the meantime is ordered by the schedule, not by chance. What stays open, as a server does, is not
  // waited for once nothing has come for a while.
  for (let quiet = 0; quiet < turns && (quiet < 2 || active() > idle); quiet++) {
    const count = machine.ready.length
    await (quiet < 2 ? turn() : pause())
    if (machine.ready.length > count) quiet = 0
  }
  machine.ready.sort((a, b) => (a.lane?.index ?? 0) - (b.lane?.index ?? 0))
  return true
}

export const driveAsync = async <A>(steps: Steps<A>): Promise<A> => {
  const idle = active()
  let step = steps.next()
  while (step.done !== true) step = steps.next(await arrival(step.value, idle))
  return step.value
}
