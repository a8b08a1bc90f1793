/** Drives a run, or many: at once, or waiting for what comes from outside. */
import type { Run, Steps } from "./Run.js"

/** Nothing comes from outside. */
export const drive = <A>(steps: Generator<unknown, A, boolean>): A => {
  let step = steps.next()
  while (step.done !== true) step = steps.next(false)
  return step.value
}

/**
 * How long, in milliseconds, an actor may wait for something outside before that is a deadlock: nobody can tell whether
 * it will come, work in another thread least of all.
 */
const patience = 2_000
/** How many turns of the event loop what needs no time may take: promises that are resolved, and what follows them. */
const turns = 4

interface Platform {
  readonly setImmediate?: (f: () => void) => void
  readonly MessageChannel?: new() => {
    readonly port1: { onmessage: (() => void) | null; readonly close: () => void }
    readonly port2: { readonly postMessage: (message: unknown) => void }
  }
  readonly setTimeout: (f: () => void, millis: number) => void
  /** Node.js tells what keeps its event loop alive. */
  readonly process?: { readonly getActiveResourcesInfo?: () => ReadonlyArray<string> }
}

const platform = globalThis as unknown as Platform

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    if (platform.setImmediate) return platform.setImmediate(resolve)
    if (!platform.MessageChannel) return platform.setTimeout(resolve, 0)
    // A browser has no `setImmediate`, and delays timers that are set in timers by 4 ms.
    const { port1, port2 } = new platform.MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
const pause = (): Promise<void> => new Promise((resolve) => platform.setTimeout(resolve, 1))

/** The number of things that keep the event loop alive, of the kinds that count. */
const active = (counts: (kind: string) => boolean = () => true): number =>
  platform.process?.getActiveResourcesInfo?.().filter(counts).length ?? Infinity
/**
 * Whether such a thing lasts, as a server or a port does. A timer or a request that began before the run may end within
 * it, and would then hide one of the run's own: the drive waits for all of these.
 */
const lasts = (kind: string): boolean => /^(?!.*Req).*(Wrap|Port|Handle)$/.test(kind)

/** Waits until something has come, and all else that is under way. False when nothing is. */
const arrival = async (run: Run, idle: number): Promise<boolean> => {
  const until = Date.now() + patience
  for (let i = 0; run.ready.length === 0; i++) {
    if ((i >= turns && !run.unfinished && active() <= idle) || Date.now() > until) return false
    await (i < turns ? turn() : pause())
  }
  // The schedule, and not chance, orders the fibers that come back in the meantime. A server stays open: it is not
  // waited for once nothing has come for a while.
  for (let quiet = 0; quiet < turns && (quiet < 2 || active() > idle); quiet++) {
    const count = run.ready.length
    await (quiet < 2 ? turn() : pause())
    if (run.ready.length > count) quiet = 0
  }
  run.ready.sort((a, b) => (a.lane?.index ?? 0) - (b.lane?.index ?? 0))
  return true
}

export const driveAsync = async <A>(steps: Steps<A>): Promise<A> => {
  const idle = active(lasts)
  let step = steps.next()
  while (step.done !== true) step = steps.next(await arrival(step.value, idle))
  return step.value
}
