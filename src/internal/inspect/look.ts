/** Looks at this process: at the registry while somebody watches, else at the heap. */
import * as Fiber from "effect/Fiber"
import { type Locator, makeLocator } from "../../source/Locator.js"
import { once } from "../../source/node.js"
import type { Frame, Source } from "../../source/Source.js"
import { stackOf } from "../../source/stack.js"
import { Described } from "../Described.js"
import type { AnyFiber } from "../stack.js"
import { type Composite, HoldTypeId, PartsTypeId, setWatch, type View, type Viewable, ViewTypeId } from "../view.js"
import { Waiter, type WaitQueue } from "../WaitQueue.js"
import { collect, collectLazily, Ids, type Look } from "./collect.js"
import type { Describing } from "./Inversions.js"
import { judge, type Judgement } from "./judge.js"
import { Lines } from "./lines.js"
import type { Dump } from "./model.js"
import { Registry } from "./Registry.js"
import { isFiber } from "./runtime.js"
import { keyText } from "./shown.js"
import { addHolds, viewsOf } from "./views.js"

const ids = new Ids()
/** Kept between looks, with the source maps that it has parsed. */
let locator: Locator | undefined = undefined
let registry: Registry | undefined = undefined
let watchers = 0
/** Whether the registry knows the resources from before it. */
let hasAdopted = false

const theLocator = (): Locator => locator ??= makeLocator()

/** Whether this thread's inspector can be asked, for lines and closures. */
export const hasInspector = (): boolean => locatedSelf() !== undefined

// The test of the inspector is a function whose line it should know.
const locatedSelf = once(() => theLocator().locate(hasInspector))

/** The folder of sluice's own files, unless they are a part of a bundle. */
const home = once(() => /^(.*)internal[\\/]inspect[\\/]look\.[jt]s$/.exec(locatedSelf()?.file ?? "")?.[1])

/** A person looks neither for the lines of sluice nor for those of Effect. */
const isInside = ({ file }: Source): boolean => {
  const own = home()
  return /(?:^|[\\/])node_modules[\\/](?:effect|sluice)[\\/]/.test(file) || (own !== undefined && file.startsWith(own))
}

const locate = (subject: object): Source | undefined => {
  const source = theLocator().locate(subject)
  return source === undefined || isInside(source) ? undefined : source
}

/** The functions below an evaluated script, innermost first: the user's, if there are any. */
export const stackNow = (evaluated: string): ReadonlyArray<Frame> => {
  const frames = stackOf(theLocator(), evaluated)
  const own = frames.filter((frame) => !isInside(frame))
  return own.length === 0 ? frames : own
}

/**
 * Watches, until the result is called: resources are known from now on, and from before by way of the heap. A second
 * watcher shares what the first one knows.
 */
export const startWatch = (
  now: () => number,
  adopts: boolean
): { readonly registry: Registry; readonly stop: () => void } => {
  const shared = registry ?? new Registry(now)
  if (adopts && !hasAdopted) {
    adopt(shared)
    hasAdopted = true
  }
  // The first question takes longest: better now than in a sweep.
  hasInspector()
  watchers++
  registry = shared
  setWatch(shared)
  return {
    registry: shared,
    stop: () => {
      if (--watchers > 0) return
      registry = undefined
      hasAdopted = false
      setWatch(undefined)
      locator?.close()
      locator = undefined
    }
  }
}

const isViewable = (found: object): found is Viewable => ViewTypeId in found

const resourcesOfHeap = (): ReadonlyArray<Viewable> => theLocator().instances(Described.prototype).filter(isViewable)

const holdsOfHeap = (): ReadonlyArray<Waiter<unknown>> =>
  theLocator().instances(Waiter.prototype) as ReadonlyArray<Waiter<unknown>>

const adopt = (registry: Registry): void => {
  const resources = resourcesOfHeap()
  registry.adopt(resources)
  const views = resources.flatMap((resource) => viewsOf(resource, "all"))
  if (!isAnyHeld(views)) return
  // An earlier watch may have noted some of them.
  const noted = new Map(
    views.flatMap(({ lines }) => lines.map(({ holds, self }) => [self, new Set(holds.map(({ key }) => key))] as const))
  )
  const byQueue = new Map<WaitQueue<unknown>, Array<Waiter<unknown>>>()
  for (const waiter of holdsOfHeap()) {
    const held = waiter[HoldTypeId]()
    if (held === undefined || noted.get(held.of)?.has(held.hold.key) === true) continue
    const waiters = byQueue.get(waiter.queue)
    if (waiters === undefined) byQueue.set(waiter.queue, [waiter])
    else waiters.push(waiter)
  }
  for (const [queue, waiters] of byQueue) queue.adopt(waiters, registry.sweptAt)
}

/** The views of all resources. */
const viewsNow = (): ReadonlyArray<View> => {
  if (registry !== undefined) return registry.views("all")
  const views = resourcesOfHeap().flatMap((resource) => viewsOf(resource, "all"))
  if (isAnyHeld(views)) addHolds(views, holdsOfHeap().flatMap((waiter) => waiter[HoldTypeId]() ?? []))
  return views
}

/** Whether permits are held: only then are their holders looked for, which takes a garbage collection. */
const isAnyHeld = (views: ReadonlyArray<View>): boolean =>
  views.some(({ lines }) => lines.some(({ held = 0, of }) => of === "permits" && held > 0))

/** How many waits, holds and jobs of a resource a dump lists, and how many observers of fibers it reads. */
const most = 1_000

/**
 * The deadlocks among views. Where evidence is no proof, of waits that have lasted for `waitedFor` milliseconds. Reads
 * at most `readings` observers of fibers.
 */
export const judged = (views: ReadonlyArray<View>, waitedFor: number, readings: number): Judgement =>
  judge(views, {
    most: readings,
    captured: hasInspector() ? theLocator().captured : undefined,
    isLong: ({ key }) => {
      if (registry === undefined || waitedFor <= 0) return true
      const since = registry.since(key)
      return since !== undefined && registry.now() - since >= waitedFor
    }
  })

/** A dump, and the views that it was made of. */
export interface Seen {
  readonly dump: Dump
  readonly views: ReadonlyArray<View>
}

/** Looks now, from within whatever runs (I2), and keeps nothing of it (I1). */
export const lookNow = (also: ReadonlyArray<AnyFiber> = []): Seen => {
  const views = viewsNow()
  return { dump: collect(lookOf(views, judged(views, 0, most), also)), views }
}

/** The dump of a sweep, whose source lines are looked for as they are read. */
export const dumpOf = (views: ReadonlyArray<View>, judgement: Judgement, now: number): Dump =>
  collectLazily(lookOf(views, judgement, [], now))

const lookOf = (
  views: ReadonlyArray<View>,
  { found, joins }: Judgement,
  also: ReadonlyArray<AnyFiber>,
  now = registry?.now() ?? Date.now()
): Look => ({
  views,
  found,
  joins,
  also,
  ids,
  now: Math.round(now),
  watchedSince: registry && Math.round(registry.startedAt),
  since: (key) => registry?.since(key),
  locate,
  captured: theLocator().captured,
  current: Fiber.getCurrent() as AnyFiber | undefined,
  most,
  missing: missing()
})

/** How inversions are described: as of the moment at which they are found. */
export const describing: Describing = {
  lines: () =>
    new Lines({
      locate,
      captured: theLocator().captured,
      current: Fiber.getCurrent() as AnyFiber | undefined
    }),
  resource: ({ key, kind, name, self }) => ({
    id: ids.of(kind, self),
    key: key === undefined ? undefined : keyText(key),
    kind,
    name
  })
}

const missing = (): ReadonlyArray<string> => {
  const sentences: Array<string> = []
  if (!hasInspector()) {
    sentences.push(
      "There is no inspector here: no source line is known, and no join of fibers. " +
        "So no timeout and no race is seen, and a deadlock is a suspicion at most."
    )
  }
  if (registry !== undefined) return sentences
  if (!hasInspector()) sentences.push("Nobody watches, and without an inspector no resource is found.")
  return [...sentences, "Nobody watches, so no duration is known, and no holder of permits that a scope returns."]
}

const isComposite = (found: object): found is Composite => PartsTypeId in found

/** The names by which dumps refer to a fiber, a job's handle or the resources of an object; none for anything else. */
export const refsOf = (views: ReadonlyArray<View>, target: object): ReadonlyArray<string> =>
  (isComposite(target) ? target[PartsTypeId]() : [target]).flatMap((part) => refOf(views, part) ?? [])

const refOf = (views: ReadonlyArray<View>, target: object): string | undefined => {
  if (isFiber(target)) return `fiber ${target.id}`
  const own = isViewable(target) ? target[ViewTypeId]("all") : undefined
  if (own !== undefined) return ids.of(own.kind, own.self)
  for (const { jobs = [], kind, self } of views) {
    const job = jobs.find(({ node }) => node === target)
    if (job !== undefined) return `job ${job.id} of ${ids.of(kind, self)}`
  }
  return undefined
}
