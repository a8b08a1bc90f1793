/**
 * The modules that a program in the browser may import. Each is evaluated when a program first reads it: a program that
 * uses three modules of Effect does not wait for all.
 */
import { lazy } from "./lazy.ts"
import { print } from "./print.ts"

export type Module = Readonly<Record<string, unknown>>

/** As much of vitest as a test of a page has: it runs at once, and prints its result. */
const vitest: Module = {
  test: (name: string, f: () => unknown): void => {
    try {
      f()
      print("log", `✓ ${name}`)
    } catch (error) {
      print("error", `✗ ${name}\n${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

// The kit finds fast-check here where there is no Node.
Object.defineProperty(globalThis, Symbol.for("sluice/testing/fast-check"), { get: () => lazy["fast-check"] })

const own = (module: Module | undefined, name: string): Module | undefined =>
  module !== undefined && Object.hasOwn(module, name) ? module[name] as Module : undefined

const moduleOf = (specifier: string): Module | undefined => specifier === "vitest" ? vitest : own(lazy, specifier)

const known = new Map<string, Module>()

const find = (specifier: string): Module => {
  const [name = "", one = ""] = specifier.split("/")
  // One module of a package: `effect/Effect`, `sluice/Group`.
  const module = moduleOf(specifier) ??
    (specifier === `${name}/${one}` ? own(moduleOf(name), one) : undefined)
  if (module === undefined) throw new Error(`"${specifier}" cannot be imported on this page`)
  // Its getters are kept: a copy by values would evaluate all.
  return Object.defineProperties({}, {
    ...Object.getOwnPropertyDescriptors(module),
    __esModule: { value: true }
  })
}

/** The `require` of compiled programs. Throws for a module that is not here. */
export const load = (specifier: string): Module => {
  const module = known.get(specifier) ?? find(specifier)
  known.set(specifier, module)
  return module
}
