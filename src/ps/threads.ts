/** The worker threads of a process: each has an inspector of its own, which the one of the process reaches. */
import type { Answer, ThreadStack } from "./model.js"
import { Session } from "./Session.js"
import { within } from "./within.js"

/** Threads that do not react within so many milliseconds are shown as such. */
export const threadsOf = async (
  session: Session,
  agent: string,
  patience: number
): Promise<ReadonlyArray<ThreadStack>> => {
  const workers = new Map<string, Session>()
  const stacks: Array<Promise<ThreadStack>> = []
  session.on("NodeWorker.receivedMessageFromWorker", ({ message, sessionId }) => {
    workers.get(sessionId)?.received(message)
  })
  session.on("NodeWorker.detachedFromWorker", ({ sessionId }) => workers.get(sessionId)?.closed())
  session.on("NodeWorker.attachedToWorker", ({ sessionId, workerInfo: { title, url } }) => {
    const worker = new Session((message) => {
      session.send("NodeWorker.sendMessageToWorker", { sessionId, message }).catch(() => {})
    })
    workers.set(sessionId, worker)
    stacks.push(stackOf(worker, agent, patience, title === "" ? url : title))
  })
  // All threads that there are have been attached when it returns.
  await session.send("NodeWorker.enable", { waitForDebuggerOnStart: false })
  const found = await Promise.all(stacks)
  await session.send("NodeWorker.disable", {}).catch(() => {})
  return found
}

const stackOf = async (
  worker: Session,
  agent: string,
  patience: number,
  title: string
): Promise<ThreadStack> => {
  const text = await within(worker.evaluate(agent).catch(() => undefined), patience)
  // Of the agent.
  const answer = typeof text === "string" ? JSON.parse(text) as Answer : undefined
  return answer?._tag === "Stack"
    ? { thread: answer.thread, title, stack: answer.stack }
    : { thread: undefined, title, stack: [] }
}
