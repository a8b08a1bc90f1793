import * as Effect from "effect/Effect"

export interface Response {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
}

/** The body, if it is JSON. */
export const contentOf = (response: Response): unknown => JSON.parse(response.body.toString())

/** What a caller of the service needs. */
export class Client {
  constructor(private readonly service: URL) {}

  readonly submit = (file: string): Effect.Effect<Response> =>
    this.request("POST", `/thumbnails?file=${encodeURIComponent(file)}`)

  readonly upload = (image: Buffer, webhook?: URL): Effect.Effect<Response> =>
    this.request("POST", "/images", {
      body: image,
      headers: webhook === undefined ? {} : { "x-webhook": webhook.href }
    })

  readonly get = (path: string): Effect.Effect<Response> => this.request("GET", path)

  /** What became of a job that was accepted. */
  readonly result = (accepted: Response): Effect.Effect<Response> =>
    this.get(`${accepted.headers.get("location") ?? ""}?wait`)

  private request(
    method: string,
    path: string,
    { body, headers }: { readonly body?: Buffer; readonly headers?: Readonly<Record<string, string>> } = {}
  ): Effect.Effect<Response> {
    return Effect.promise(async (signal) => {
      // Each on a connection of its own, so that none is left over.
      const response = await fetch(new URL(path, this.service), {
        method,
        signal,
        headers: { ...headers, connection: "close" },
        ...(body && { body: new Uint8Array(body) })
      })
      const { headers: received, status } = response
      return { status, headers: received, body: Buffer.from(await response.arrayBuffer()) }
    })
  }
}
