/** The functions that the thread of an agent was in when it was interrupted. */
import type { Locator } from "../source/Locator.js"
import type { Frame } from "./model.js"
import { shorten } from "./Places.js"

/** The name of the agent's own script, in stacks. */
export const agentUrl = "sluice:ps"

/** So many functions, innermost first, are read of a stack. */
const most = 200

/**
 * Returns the program's functions below the agent's own, innermost first: none if the thread was waiting for events.
 *
 * The inspector evaluates in an interrupt of the running function, whose frames are on the stack as those of a caller.
 * So no debugger is needed, which would pause the thread.
 */
export const stackOf = (locator: Locator): ReadonlyArray<Frame> => {
  const sites = callSites()
  const own = sites.findLastIndex((site) => site.getScriptNameOrSourceURL() === agentUrl)
  return sites.slice(own + 1).flatMap((site) => {
    // Null for code without a name, in spite of its type.
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
const callSites = (): ReadonlyArray<NodeJS.CallSite> => {
  const before = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace")
  const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit")
  try {
    Object.defineProperty(Error, "prepareStackTrace", {
      value: (_: unknown, sites: ReadonlyArray<NodeJS.CallSite>) => sites,
      configurable: true
    })
    Object.defineProperty(Error, "stackTraceLimit", { value: most, configurable: true, writable: true })
    // The function above returns it.
    const sites = new Error("for its stack").stack as unknown
    return Array.isArray(sites) ? sites as ReadonlyArray<NodeJS.CallSite> : []
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
