import type { IncomingHttpHeaders } from "node:http"

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const json = (status: number, content: unknown, headers: Answer["headers"] = {}): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: `${JSON.stringify(content)}\n`
})

export const refuse = (status: number, error: string, headers: Answer["headers"] = {}): Answer =>
  json(status, { error }, headers)

/** For whom there may be room later: the whole seconds until then, and at least one. */
export const later = (status: number, error: string, seconds: number): Answer =>
  refuse(status, error, { "retry-after": String(Math.max(1, Math.ceil(seconds))) })
