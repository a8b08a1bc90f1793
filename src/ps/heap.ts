/** Finds the resources of sluice among all objects of a program. */
import { HoldTypeId, ViewTypeId } from "../internal/view.js"
import type { Locator } from "../source/Locator.js"

export interface Found {
  /** The classes of sluice, by their prototypes. */
  readonly prototypes: ReadonlyArray<object>
  /** Whatever shows a view. */
  readonly resources: ReadonlyArray<object>
  /** Whatever shows a hold. */
  readonly holdings: ReadonlyArray<object>
}

/** Up to so many bytes of heap, one query names all objects. The inspector needs about 100 bytes for each. */
const smallHeap = 128 * 1_024 * 1_024

/**
 * Finds what speaks the protocol, of every version and copy of sluice. Undefined: no class does. Runs no code of the
 * program: neither getters nor proxies.
 *
 * Each query of the heap collects the garbage first, which takes about half a second for a million objects. The first
 * query finds the classes. In a small heap the second one finds all objects; in a large one each class has its own.
 */
export const findObjects = (instances: Locator["instances"]): Found | undefined => {
  const prototypes = instances(Function.prototype).flatMap((made) => {
    const prototype = ownValue(made, "prototype")
    return isObject(prototype) && (hasOwn(prototype, ViewTypeId) || hasOwn(prototype, HoldTypeId)) ? [prototype] : []
  })
  if (prototypes.length === 0) return undefined
  const excluded = new Set<object>(prototypes)
  const resources = new Set<object>()
  const holdings = new Set<object>()
  /** The set for the instances of a prototype. */
  const known = new Map<object, Set<object> | undefined>()
  const setFor = (prototype: object): Set<object> | undefined => {
    if (!known.has(prototype)) {
      const holds = () => methodOf(prototype, HoldTypeId) === undefined ? undefined : holdings
      known.set(prototype, methodOf(prototype, ViewTypeId) === undefined ? holds() : resources)
    }
    return known.get(prototype)
  }
  for (const parent of process.memoryUsage().heapUsed < smallHeap ? [Object.prototype] : roots(prototypes)) {
    for (const object of instances(parent)) {
      const prototype: unknown = Object.getPrototypeOf(object)
      if (isObject(prototype) && !excluded.has(object)) setFor(prototype)?.add(object)
    }
  }
  return { prototypes, resources: [...resources], holdings: [...holdings] }
}

const { isProxy } = process.getBuiltinModule("node:util").types

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const ownValue = (object: object, key: string): unknown =>
  isProxy(object) ? undefined : Object.getOwnPropertyDescriptor(object, key)?.value

const hasOwn = (object: object, key: string): boolean => typeof ownValue(object, key) === "function"

/** The object and its prototypes, up to a proxy. */
function* chain(object: object): Generator<object> {
  for (let at: unknown = object; isObject(at) && !isProxy(at); at = Object.getPrototypeOf(at)) yield at
}

/** The method that an object has or inherits, read without a call of the program's code. */
export const methodOf = (object: object, key: string): ((...args: ReadonlyArray<unknown>) => unknown) | undefined => {
  for (const at of chain(object)) {
    // Any function is called with any arguments.
    if (hasOwn(at, key)) return ownValue(at, key) as () => unknown
  }
  return undefined
}

/** Calls the method of the protocol that an object inherits. */
export const ask = (object: object, key: string, ...args: ReadonlyArray<unknown>): unknown =>
  methodOf(object, key)?.apply(object, [...args])

/** Of prototypes that inherit from each other, the first alone: its instances are those of all. */
const roots = (prototypes: ReadonlyArray<object>): ReadonlyArray<object> =>
  prototypes.filter((one) => ![...chain(one)].some((other) => other !== one && prototypes.includes(other)))
