import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { listening, type ServerFailed } from "../httpServer.js"
import { type Kind, kindsOf, type Mix } from "./subscribers.js"

export interface Settings extends Mix {
  /** How long they take to answer, in milliseconds. */
  readonly quickDelay: number
  readonly slowDelay: number
  /** How many requests a flaky subscriber fails before it is well. */
  readonly outage: number
}

/** What one subscriber has seen. */
export interface Inbox {
  readonly kind: Kind
  /** The events it has accepted, in the order in which they came. */
  readonly events: Array<number>
  requests: number
  /** The requests that it has not answered yet: now, and at most. */
  open: number
  most: number
}

export interface Subscribers {
  readonly port: number
  readonly inboxes: ReadonlyArray<Inbox>
  readonly http: Server
}

/** All subscribers on a free port of this machine, for as long as the scope lives. */
export const serve = (settings: Settings): Effect.Effect<Subscribers, ServerFailed, Scope.Scope> =>
  Effect.suspend(() => {
    const inboxes = kindsOf(settings).map((kind): Inbox => ({ kind, events: [], requests: 0, open: 0, most: 0 }))
    const http = createServer((request, response) => {
      const inbox = inboxes[Number(request.url?.slice(1))]
      if (inbox === undefined) return void response.writeHead(404).end()
      receive(settings, inbox, request, response)
    })
    // A connection that is closed for being idle may be closed under a request that is on its way.
    http.keepAliveTimeout = 0
    return Effect.map(listening(http), ({ port }) => ({ port: Number(port), inboxes, http }))
  })

const receive = (
  { outage, quickDelay, slowDelay }: Settings,
  inbox: Inbox,
  request: IncomingMessage,
  response: ServerResponse
): void => {
  inbox.requests++
  inbox.most = Math.max(inbox.most, ++inbox.open)
  let timer: NodeJS.Timeout | undefined = undefined
  response.once("close", () => {
    inbox.open--
    clearTimeout(timer)
  })
  request.resume()
  const accept = (delay: number) => {
    timer = setTimeout(() => {
      inbox.events.push(Number(request.headers["x-event"]))
      response.writeHead(204).end()
    }, delay)
  }
  switch (inbox.kind) {
    case "quick":
      return accept(quickDelay)
    case "slow":
      return accept(slowDelay)
    case "flaky":
      return inbox.requests > outage ? accept(quickDelay) : void response.writeHead(503).end()
    case "failing":
      return void response.writeHead(500).end()
    case "hanging":
  }
}

/** What the subscribers have to say in the end. */
export interface Received {
  readonly events: number
  /** How many came to the same subscriber again. */
  readonly again: number
  /** How many came to a quick subscriber after a later one. */
  readonly late: number
}

export const received = (inboxes: ReadonlyArray<Inbox>): Received => {
  let [events, again, late] = [0, 0, 0]
  for (const inbox of inboxes) {
    const different = new Set(inbox.events)
    events += different.size
    again += inbox.events.length - different.size
    if (inbox.kind === "quick") late += inbox.events.filter((event, i) => event < (inbox.events[i - 1] ?? 0)).length
  }
  return { events, again, late }
}
