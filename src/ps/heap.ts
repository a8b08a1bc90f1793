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

/**
 * Finds what speaks the protocol, of every version and copy of sluice. Undefined: no class does. Runs no code of the
 * program: neither getters nor proxies.
 *
 * One query names all objects, which takes about a second for a million of them, and 150 bytes for each meanwhile.
 * Rejected: one query for the classes, and one for the objects of each. In each of them, V8 looks at all objects, for
 * which it needs 70 bytes of each, and collects the garbage anew.
 */
export const findObjects = (instances: Locator["instances"]): Found | undefined => {
  const resources: Array<object> = []
  const holdings: Array<object> = []
  const prototypes = new Set<object>()
  /** The list for the instances of a prototype. */
  const known = new Map<object, Array<object> | undefined>()
  const listFor = (prototype: object): Array<object> | undefined => {
    if (!known.has(prototype)) {
      const holds = () => methodOf(prototype, HoldTypeId) === undefined ? undefined : holdings
      known.set(prototype, methodOf(prototype, ViewTypeId) === undefined ? holds() : resources)
    }
    return known.get(prototype)
  }
  for (const object of instances(Object.prototype)) {
    if (typeof object === "function") {
      const prototype = ownValue(object, "prototype")
      if (isObject(prototype) && (hasOwn(prototype, ViewTypeId) || hasOwn(prototype, HoldTypeId))) {
        prototypes.add(prototype)
      }
      continue
    }
    const prototype: unknown = isProxy(object) ? undefined : Object.getPrototypeOf(object)
    if (isObject(prototype)) listFor(prototype)?.push(object)
  }
  if (prototypes.size === 0) return undefined
  const isInstance = (object: object): boolean => !prototypes.has(object)
  return { prototypes: [...prototypes], resources: resources.filter(isInstance), holdings: holdings.filter(isInstance) }
}

const { isProxy } = process.getBuiltinModule("node:util").types

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const ownValue = (object: object, key: string): unknown =>
  isProxy(object) ? undefined : Object.getOwnPropertyDescriptor(object, key)?.value

const hasOwn = (object: object, key: string): boolean => typeof ownValue(object, key) === "function"

/** The method that an object has or inherits, up to a proxy, read without a call of the program's code. */
export const methodOf = (
  object: object,
  key: string
): ((...args: ReadonlyArray<unknown>) => unknown) | undefined => {
  for (let at: unknown = object; isObject(at) && !isProxy(at); at = Object.getPrototypeOf(at)) {
    // Any function is called with any arguments.
    if (hasOwn(at, key)) return ownValue(at, key) as () => unknown
  }
  return undefined
}

/** Calls the method of the protocol that an object inherits. */
export const ask = (object: object, key: string, ...args: ReadonlyArray<unknown>): unknown =>
  methodOf(object, key)?.apply(object, [...args])
