/** The functions that a thread was in when the inspector interrupted it. */
import type { Locator } from "./Locator.js"
import { shorten } from "./shorten.js"
import type { Frame } from "./Source.js"

/** So many functions, innermost first, are read of a stack. */
const most = 200

/** As much of V8's call sites as is used here. */
interface CallSite {
  readonly getScriptNameOrSourceURL: () => string | null
  readonly getLineNumber: () => number | null
  readonly getColumnNumber: () => number | null
  readonly getFunctionName: () => string | null
}

/**
 * Returns the functions below those of an evaluated script, innermost first: none if the thread was waiting for events.
 * `evaluated`: the name of that script, which calls this.
 *
 * The inspector evaluates in an interrupt of the running function, whose frames are on the stack as those of a caller.
 * So no debugger is needed, which would pause the thread.
 */
export const stackOf = (locator: Locator, evaluated: string): ReadonlyArray<Frame> => {
  const sites = callSites()
  const own = sites.findLastIndex((site) => site.getScriptNameOrSourceURL() === evaluated)
  return sites.slice(own + 1).flatMap((site) => {
    // Null for code without a name.
    const url = site.getScriptNameOrSourceURL()
    const line = site.getLineNumber()
    const column = site.getColumnNumber()
    const name = site.getFunctionName() ?? undefined
    if (url === null || url.startsWith("node:") || line === null || column === null) return []
    const source = locator.position(url, line, column) ?? { file: url, line, column, text: undefined }
    return [{ function: name, ...shorten(source) }]
  })
}

/** The stack of this call, without a call of a function of the program's that formats stacks. */
const callSites = (): ReadonlyArray<CallSite> => {
  const before = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace")
  const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")
  try {
    Object.defineProperty(Error, "prepareStackTrace", {
      value: (_: unknown, sites: ReadonlyArray<CallSite>) => sites,
      configurable: true
    })
    Object.defineProperty(Error, "stackTraceLimit", { value: most, configurable: true, writable: true })
    // The function above returns it.
    const sites = new Error("for its stack").stack as unknown
    return Array.isArray(sites) ? sites as ReadonlyArray<CallSite> : []
  } catch {
    // The program has frozen Error.
    return []
  } finally {
    restore("prepareStackTrace", before)
    restore("stackTraceLimit", limit)
  }
}

const restore = (key: string, before: PropertyDescriptor | undefined): void => {
  if (before === undefined) Reflect.deleteProperty(Error, key)
  else Reflect.defineProperty(Error, key, before)
}
