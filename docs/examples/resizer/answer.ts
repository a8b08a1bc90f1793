export interface Request {
  readonly method: string
  readonly url: URL
  readonly body: AsyncIterable<Buffer>
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ReadonlyArray<Uint8Array>
}

export const refuse = (status: number, error: string, headers: Answer["headers"] = {}): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: [Buffer.from(`${JSON.stringify({ error })}\n`)]
})

/** For whom there may be room in a second. */
export const later = (status: number, error: string): Answer => refuse(status, error, { "retry-after": "1" })
