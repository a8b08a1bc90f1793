/**
 * Two things that the kit finds by itself on Node, and that a browser's page or its compiler may put on `globalThis`.
 * By symbols, so that a compiler can write them into a page without importing the kit.
 */
import type { Source } from "./Trace.js"

/**
 * Finds the place in the source that a function or a generator comes from.
 *
 * @since 0.1.0
 */
export interface SourceLocator {
  /**
   * Returns the place of a function, or of the `yield*` at which a generator is suspended. `undefined` if it is not
   * known. Called with every function and generator that an operation of a failing run was made of. It must not throw.
   */
  readonly locate: (subject: object) => Source | undefined
}

const provided = (name: string): unknown =>
  (globalThis as unknown as Record<symbol, unknown>)[Symbol.for(`sluice/testing/${name}`)]

/** The page's own locator. Throws for a value that is none. */
export const providedLocator = (): SourceLocator | undefined => {
  const locator = provided("locator") as Partial<SourceLocator> | null | undefined
  if (locator === undefined || typeof locator?.locate === "function") return locator as SourceLocator | undefined
  throw new Error(
    `sluice/testing: globalThis[Symbol.for("sluice/testing/locator")] must have a function locate, got ${
      String(locator?.locate)
    }`
  )
}

/** The page's own fast-check: the namespace of its module. */
export const providedFastCheck = (): unknown => provided("fast-check")
