/**
 * The script that `sluice ps` evaluates in another process: one bundle, which needs nothing of it but Node.js. Sluice
 * may be minified there, be of another version, or be there twice.
 */
import { currentFiber } from "../internal/inspect/runtime.js"
import { type Locator, makeLocator } from "../source/Locator.js"
import { stackOf } from "../source/stack.js"
import { findObjects } from "./heap.js"
import { look } from "./look.js"
import { agentUrl, type Answer, type ProcessInfo, type Task } from "./model.js"

export const run = (task: Task): string => {
  const locator = makeLocator()
  try {
    return JSON.stringify(task === "stack" ? stack(locator) : dump(locator))
  } finally {
    locator.close()
  }
}

const stack = (locator: Locator): Answer => ({
  _tag: "Stack",
  thread: process.getBuiltinModule("node:worker_threads").threadId,
  stack: stackOf(locator, agentUrl)
})

const dump = (locator: Locator): Answer => {
  const fiber = currentFiber()
  const info: ProcessInfo = {
    pid: process.pid,
    title: [process.argv0, ...process.argv.slice(1)].join(" ").slice(0, 200),
    node: process.version,
    uptime: Math.round(process.uptime() * 1_000),
    stack: stackOf(locator, agentUrl),
    fiber: fiber && `fiber ${fiber.id}`
  }
  const found = findObjects(locator.instances)
  if (found === undefined) return { _tag: "NoSluice", process: info }
  const { dump, places } = look({ ...found, locator, current: fiber })
  const stack = info.stack.filter((frame) => places.isProgram(frame))
  return { _tag: "Dump", dump: { ...dump, process: stack.length === 0 ? info : { ...info, stack } } }
}
