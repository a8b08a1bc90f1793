/** `sluice ps`: looks at a process, and returns the dump. */
import { connectToProcess, type Inspected } from "./connect.js"
import { CannotLook, ConnectionLost } from "./errors.js"
import { agentUrl, type Answer, type ProcessDump, type ProcessInfo, type Task } from "./model.js"
import type { Options } from "./options.js"
import { findTarget } from "./Target.js"
import { threadsOf } from "./threads.js"
import { within } from "./within.js"

export interface PsOptions extends Pick<Options, "pid" | "port" | "timeout" | "lookTimeout" | "close" | "threads"> {
  /** The bundle of `agent.ts`, which defines `agent`. */
  readonly agent: string
  /** Notices for a person who waits. */
  readonly notice: (text: string) => void
  /** Aborts the look. The inspector is closed also then. */
  readonly signal: AbortSignal
}

/** Another look that is done closes the inspector of both: then this one begins again. */
export const ps = async (options: PsOptions, attempts = 5): Promise<ProcessDump> => {
  try {
    return await psOnce(options)
  } catch (error) {
    if (!(error instanceof ConnectionLost) || attempts === 1) throw error
    return ps(options, attempts - 1)
  }
}

const psOnce = async (options: PsOptions): Promise<ProcessDump> => {
  const { lookTimeout, notice, pid, signal } = options
  const target = findTarget(pid)
  const inspected = await connectToProcess(target, {
    ...options,
    slow: () => notice(`waiting for process ${pid} to open its inspector ...`)
  })
  const slow = setTimeout(notice, 2_000, `looking at the heap of process ${pid} ...`)
  try {
    const dump = await within(Promise.race([look(inspected, options), aborted(signal)]), lookTimeout)
    if (dump !== undefined) return dump
    throw new CannotLook(
      `the look at process ${pid} did not end within ${lookTimeout / 1_000} s (--look-timeout): ` +
        `its heap is large, or its main thread ${target.occupation()}`
    )
  } finally {
    clearTimeout(slow)
    await inspected.close()
  }
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const abort = () => reject(new CannotLook("interrupted"))
    if (signal.aborted) abort()
    else signal.addEventListener("abort", abort)
  })

/** The agent's variables are local: nothing is left behind. */
const call = (agent: string, task: Task): string =>
  `(() => { ${agent}\n; return agent.run(${JSON.stringify(task)}) })()\n//# sourceURL=${agentUrl}`

/** Long enough for a loop that turns, however busy. */
const pause = 100

const look = async ({ session }: Inspected, { agent, pid, threads, timeout }: PsOptions): Promise<ProcessDump> => {
  if (await session.evaluate("typeof process.getBuiltinModule") !== "function") {
    const version = String(await session.evaluate("process.version"))
    throw new CannotLook(`process ${pid} runs Node.js ${version}: sluice ps needs 20.16 or later`)
  }
  const began = performance.now()
  await session.evaluate(mark)
  const answer = JSON.parse(String(await session.evaluate(call(agent, "look")))) as Answer
  if (answer._tag === "Stack") throw new Error("the agent did another task")
  const info = answer._tag === "Dump" ? answer.dump.process : answer.process
  if (info.stack.length > 0) await new Promise((resolve) => setTimeout(resolve, pause))
  const isBlocked = await session.evaluate(unmark) === false
  const blocked = { millis: Math.round(performance.now() - began), isBlocked }
  const seen: ProcessInfo = {
    ...info,
    blocked: info.stack.length > 0 ? blocked : undefined,
    threads: threads ? await threadsOf(session, call(agent, "stack"), timeout / 2) : undefined
  }
  if (answer._tag === "Dump") return { ...answer.dump, process: seen }
  throw new NoSluice(seen)
}

/** No resource can be found, and what the process does now is known nevertheless. */
export class NoSluice extends CannotLook {
  constructor(readonly process: ProcessInfo) {
    super(`process ${process.pid} has no sluice in its main thread that this version of sluice ps can see`)
  }
}

// An immediate runs when the event loop turns. The mark is a property of a module of Node's, and is taken away again.
const inspector = `process.getBuiltinModule("node:inspector")`
const key = JSON.stringify("~sluice/ps/turned")
const mark = `Object.defineProperty(${inspector}, ${key}, { value: { turned: false }, configurable: true });
  setImmediate((mark) => { mark.turned = true }, ${inspector}[${key}]).unref(); undefined`
const unmark = `(() => {
  const mark = ${inspector}[${key}]
  delete ${inspector}[${key}]
  return mark === undefined || mark.turned
})()`
