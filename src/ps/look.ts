/** A dump of objects that the heap had, where nobody watches. */
import { collect, Ids, type Numbers } from "../internal/inspect/collect.js"
import { judge } from "../internal/inspect/judge.js"
import type { Dump } from "../internal/inspect/model.js"
import { isFiber } from "../internal/inspect/runtime.js"
import { addHolds, flat, type Held } from "../internal/inspect/views.js"
import type { AnyFiber } from "../internal/stack.js"
import { HoldTypeId, type View, ViewTypeId } from "../internal/view.js"
import type { Locator } from "../source/Locator.js"
import { ask, type Found as Objects, methodOf } from "./heap.js"
import { Places } from "./Places.js"

export interface LookOptions extends Objects {
  readonly locator: Locator
  readonly current: AnyFiber | undefined
}

/** How many waits, holds and jobs of a resource are listed, and how many observers of fibers are read. */
const most = 1_000

export interface Looked {
  readonly dump: Dump
  readonly places: Places
}

export const look = ({ current, holdings, locator, prototypes, resources }: LookOptions): Looked => {
  const missing = [
    "No duration is known, and no holder of permits that a scope returns, unless a watch has noted them."
  ]
  const views = viewsOf(resources, missing)
  addHolds(views, heldOf(holdings, missing))
  const places = new Places(locator, functionsOf(prototypes, views))
  const dump = collect({
    views,
    ...judge(views, { captured: locator.captured, most, isLong: () => true }),
    also: current === undefined ? [] : [current],
    ids: new Ids(numbers()),
    now: Date.now(),
    watchedSince: undefined,
    since: () => undefined,
    locate: places.locate,
    captured: locator.captured,
    current,
    most,
    missing
  })
  return { dump, places }
}

/** A function of each class of sluice, and of each class of fibers. */
const functionsOf = (prototypes: ReadonlyArray<object>, views: ReadonlyArray<View>): ReadonlyArray<object> => {
  const functions = new Set<object | undefined>()
  for (const prototype of prototypes) {
    for (const key of [ViewTypeId, HoldTypeId]) functions.add(methodOf(prototype, key))
  }
  for (const { lines, waits } of views) {
    for (const { node } of [...waits, ...lines.flatMap(({ holds }) => holds)]) {
      if (isFiber(node)) functions.add(methodOf(node, "evaluate"))
    }
  }
  return [...functions].filter((one) => one !== undefined)
}

/**
 * The process keeps the numbers of its resources, so that a person can ask for `semaphore-1` in a second call. They are
 * plain data, weakly held, on a module of Node's: all that a look leaves behind.
 */
const numbers = (): Numbers => {
  const home = process.getBuiltinModule("node:inspector") as { [numbersKey]?: Numbers }
  const known = home[numbersKey]
  if (known !== undefined) return known
  const value: Numbers = { ids: new WeakMap(), counts: new Map() }
  Object.defineProperty(home, numbersKey, { value, configurable: true })
  return value
}

const numbersKey = "~sluice/inspect/Numbers"

/** Another version of sluice may be there, and the interrupt may have come in the middle of one of its methods. */
const viewsOf = (resources: ReadonlyArray<object>, missing: Array<string>): ReadonlyArray<View> => {
  const views: Array<View> = []
  const versions = new Set<unknown>()
  let failed = 0
  for (const resource of resources) {
    try {
      const view = ask(resource, ViewTypeId, "all")
      if (typeof view !== "object" || view === null) continue
      const version = "version" in view ? view.version : undefined
      // By the protocol of that version.
      if (version === 1) views.push(...flat(view as View))
      else versions.add(version)
    } catch {
      failed++
    }
  }
  for (const version of versions) missing.push(`Resources of a newer sluice (views of version ${String(version)}).`)
  if (failed > 0) missing.push(`The views of ${failed} resources, since they failed.`)
  return views
}

/** As `viewsOf`. */
const heldOf = (holdings: ReadonlyArray<object>, missing: Array<string>): ReadonlyArray<Held> => {
  const held: Array<Held> = []
  let failed = 0
  for (const holding of holdings) {
    try {
      // Of the protocol.
      const known = ask(holding, HoldTypeId) as Held | undefined
      if (known !== undefined) held.push(known)
    } catch {
      failed++
    }
  }
  if (failed > 0) missing.push(`${failed} holds, since they failed.`)
  return held
}
