/** A web standard handler on a port of its own, on loopback. */
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type AddressInfo } from "node:net"
import { Readable } from "node:stream"

const respond = async (
  handler: (request: Request) => Promise<Response>,
  { headers: { host }, method = "GET", url = "/" }: IncomingMessage,
  response: ServerResponse
): Promise<void> => {
  const gone = new AbortController()
  response.on("close", () => gone.abort())
  const { body, headers, status } = await handler(
    new Request(`http://${host ?? ""}${url}`, { method, signal: gone.signal })
  )
  response.writeHead(status, Object.fromEntries(headers))
  if (body === null) response.end()
  else Readable.fromWeb(body).on("error", () => response.destroy()).pipe(response)
}

export interface Served {
  /** Without a slash at its end. */
  readonly address: string
  /** Ends all connections. The port is free then. */
  close(): Promise<void>
}

export const serve = async (handler: (request: Request) => Promise<Response>, port = 0): Promise<Served> => {
  const server = createServer((request, response) => void respond(handler, request, response)).listen(port, "127.0.0.1")
  await once(server, "listening")
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = once(server, "close")
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}
