/**
 * A WebSocket client with as much of the protocol as Node's inspector speaks.
 *
 * Node 20 has no global `WebSocket` without a flag. Rejected: a second start of `sluice` with that flag, which
 * NODE_OPTIONS and wrappers can get in the way of.
 */
import { createHash, randomBytes } from "node:crypto"
import { request } from "node:http"
import type { Duplex } from "node:stream"

export interface Events {
  readonly message: (text: string) => void
  /** Is called once, whoever closes the connection. */
  readonly closed: () => void
}

export interface WebSocket {
  readonly send: (text: string) => void
  readonly close: () => void
}

const opcodes = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const

/** Of RFC 6455. */
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

export const connect = (url: string, events: Events): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const key = randomBytes(16).toString("base64")
    const sent = request(url.replace(/^ws:/, "http:"), {
      headers: { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13" }
    })
    sent.on("error", reject)
    sent.on("response", ({ statusCode }) => {
      sent.destroy()
      reject(new Error(`${url}: got status ${statusCode ?? "none"} in place of a WebSocket`))
    })
    sent.on("upgrade", ({ headers }, stream, head) => {
      if (headers["sec-websocket-accept"] === createHash("sha1").update(key + guid).digest("base64")) {
        resolve(open(stream, head, events))
        return
      }
      stream.destroy()
      reject(new Error(`${url}: the server speaks no WebSocket`))
    })
    sent.end()
  })

const open = (stream: Duplex, head: Buffer, events: Events): WebSocket => {
  const write = (opcode: number, payload: Buffer): void => {
    if (stream.writable) stream.write(frame(opcode, payload))
  }
  /** Does not wait for the other side. */
  const end = (payload: Buffer): void => {
    if (stream.writable) stream.end(frame(opcodes.close, payload), () => stream.destroy())
  }
  const reader = new Reader((opcode, payload) => {
    if (opcode === opcodes.text) events.message(payload.toString("utf8"))
    if (opcode === opcodes.ping) write(opcodes.pong, payload)
    if (opcode === opcodes.close) end(payload)
  })
  stream.on("data", (data: Buffer) => reader.read(data))
  // An error is followed by `close`.
  stream.on("error", () => {})
  stream.on("close", () => events.closed())
  reader.read(head)
  return {
    send: (text) => write(opcodes.text, Buffer.from(text, "utf8")),
    close: () => end(Buffer.alloc(0))
  }
}

/** A client masks what it sends. */
const frame = (opcode: number, payload: Buffer): Buffer => {
  const { length } = payload
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  header[0] = 0x80 | opcode
  header[1] = 0x80 | (header.length === 2 ? length : header.length === 4 ? 126 : 127)
  if (header.length === 4) header.writeUInt16BE(length, 2)
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2)
  const mask = randomBytes(4)
  const masked = Buffer.from(payload)
  for (let i = 0; i < length; i++) masked.writeUInt8(masked.readUInt8(i) ^ mask.readUInt8(i & 3), i)
  return Buffer.concat([header, mask, masked])
}

/** Finds whole messages in the bytes that arrive. */
class Reader {
  /** Bytes of the next frame. They are joined when the frame is complete: to join each arrival would be quadratic. */
  private arrived: Array<Buffer> = []
  private size = 0
  private needed = 2
  private parts: Array<Buffer> = []
  private opcode: number = opcodes.text

  constructor(private readonly message: (opcode: number, payload: Buffer) => void) {}

  read(data: Buffer): void {
    this.arrived.push(data)
    this.size += data.length
    while (this.size >= this.needed) {
      const bytes = Buffer.concat(this.arrived, this.size)
      const end = this.endOf(bytes)
      if (bytes.length < end.payload) {
        this.arrived = [bytes]
        this.needed = end.payload
        return
      }
      this.arrived = [bytes.subarray(end.payload)]
      this.size = bytes.length - end.payload
      this.needed = 2
      this.add(bytes.readUInt8(0), bytes.subarray(end.header, end.payload))
    }
  }

  /** How many bytes the header has, and header and payload together. At least so many are needed, at first. */
  private endOf(bytes: Buffer): { readonly header: number; readonly payload: number } {
    const length = bytes.readUInt8(1) & 0x7f
    if (length < 126) return { header: 2, payload: 2 + length }
    const header = length === 126 ? 4 : 10
    if (bytes.length < header) return { header, payload: header }
    return { header, payload: header + (length === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))) }
  }

  private add(first: number, payload: Buffer): void {
    const opcode = first & 0x0f
    // Control frames may come between the parts of a message.
    if (opcode >= opcodes.close) return this.message(opcode, payload)
    if (opcode !== opcodes.continuation) this.opcode = opcode
    this.parts.push(payload)
    if ((first & 0x80) === 0) return
    const whole = Buffer.concat(this.parts)
    this.parts = []
    this.message(this.opcode, whole)
  }
}
