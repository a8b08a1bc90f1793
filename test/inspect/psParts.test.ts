/** Parts of the command that need no other process. */
import { createHash } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, expect, onTestFinished, test } from "vitest"
import { CannotLook } from "../../src/ps/errors.js"
import { parse } from "../../src/ps/options.js"
import { paint, printJson } from "../../src/ps/print.js"
import { Session } from "../../src/ps/Session.js"
import { addressesOfLsof, addressesOfNetstat, inspectorPortOf, listeningIn } from "../../src/ps/Target.js"
import { connect } from "../../src/ps/WebSocket.js"

describe("parse", () => {
  test("reads all options of ps", () => {
    const times = { timeout: 10_000, lookTimeout: 60_000 }
    const options = { json: false, explain: undefined, port: undefined, ...times, close: false, threads: true }
    expect(parse(["ps", "4711"])).toEqual({ _tag: "Ps", options: { ...options, pid: 4711, failOnDeadlock: false } })
    const args = ["--explain", "fiber 6", "--port", "9230", "--timeout", "0.5", "--close", "--no-threads"]
    expect(parse(["ps", ...args, "--look-timeout", "90", "--fail-on-deadlock", "1"])).toEqual({
      _tag: "Ps",
      options: {
        pid: 1,
        json: false,
        explain: "fiber 6",
        port: 9230,
        timeout: 500,
        lookTimeout: 90_000,
        close: true,
        threads: false,
        failOnDeadlock: true
      }
    })
  })

  test("gives help before anything else", () => {
    for (const args of [[], ["--help"], ["ps", "-h"], ["help"]]) expect(parse(args)).toEqual({ _tag: "Help" })
    expect(parse(["--version"])).toEqual({ _tag: "Version" })
  })

  test.each([
    [["ps"], "ps needs the number of a process"],
    [["ps", "1", "2"], "ps looks at one process, got 1 2"],
    [["ps", "web"], `PID must be an integer from 1 to 2147483647, got "web"`],
    [["ps", "0"], `PID must be an integer from 1 to 2147483647, got "0"`],
    [["ps", "1", "--port", "70000"], `--port must be an integer from 1 to 65535, got "70000"`],
    [["ps", "1", "--timeout", "0"], `--timeout must be a number of seconds above 0, got "0"`],
    [["ps", "1", "--json", "--explain", "fiber 1"], "--json and --explain exclude each other"],
    [["top"], `there is no command "top": the only one is ps`]
  ])("refuses the arguments %j", (args, error) => {
    expect(parse(args)).toEqual({ _tag: "Usage", error })
  })

  test("refuses an unknown option by its name", () => {
    const parsed = parse(["ps", "1", "--yaml"])
    expect(parsed._tag === "Usage" && parsed.error).toContain("--yaml")
  })
})

test.each([
  ["", ["node", "server.js"], 9229],
  ["", ["node", "--inspect-port=9300", "server.js"], 9300],
  ["", ["node", "--inspect-port", "9300", "server.js"], 9300],
  ["", ["node", "--inspect=0.0.0.0:9301", "server.js"], 9301],
  ["", ["node", "--inspect=localhost", "server.js"], 9229],
  ["", ["node", "server.js", "--inspect-port=9300"], 9229],
  ["--max-old-space-size=100 --inspect-port=[::1]:9302", ["node", "server.js"], 9302],
  ["--inspect-port=9302", ["node", "--inspect-port=0", "server.js"], 0]
])("inspectorPortOf finds the port in the options %j and the arguments %j", (options, args, port) => {
  expect(inspectorPortOf(options, args)).toBe(port)
})

test("listeningIn reads the addresses of sockets that listen", () => {
  const line = (address: string, state: string, inode: number) =>
    `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0`
  expect(listeningIn([
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    line("0100007F:240D", "0A", 1),
    line("00000000:1F90", "0A", 2),
    line("0100007F:240D", "06", 3),
    line("00000000000000000000000001000000:240E", "0A", 4),
    line("00000000000000000000000000000000:0050", "0A", 5),
    ""
  ].join("\n"))).toEqual([
    { host: "127.0.0.1", port: 9229, inode: "1" },
    { host: "127.0.0.1", port: 8080, inode: "2" },
    { host: "::1", port: 9230, inode: "4" },
    { host: "::1", port: 80, inode: "5" }
  ])
})

test("addressesOfLsof reads the fields of lsof", () => {
  expect(addressesOfLsof("p4711\nf22\nn127.0.0.1:9229\nf24\nn*:3000\nf25\nn[::1]:9230\n")).toEqual([
    { host: "127.0.0.1", port: 9229 },
    { host: "127.0.0.1", port: 3000 },
    { host: "::1", port: 9230 }
  ])
})

test("addressesOfNetstat reads the lines of sockets without a peer, in any language", () => {
  expect(addressesOfNetstat([
    "Aktive Verbindungen",
    "",
    "  Proto  Lokale Adresse         Remoteadresse          Status           PID",
    "  TCP    0.0.0.0:135            0.0.0.0:0              ABH\u00d6REN         1044",
    "  TCP    127.0.0.1:9229         0.0.0.0:0              ABH\u00d6REN         4711",
    "  TCP    127.0.0.1:9229         127.0.0.1:50123        HERGESTELLT      4711",
    "  TCP    [::1]:9230             [::]:0                 ABH\u00d6REN         4712"
  ].join("\r\n"))).toEqual([
    { host: "127.0.0.1", port: 135, pid: 1044 },
    { host: "127.0.0.1", port: 9229, pid: 4711 },
    { host: "::1", port: 9230, pid: 4712 }
  ])
})

test("paint colors deadlocks, places and source lines, and changes no character else", () => {
  const text =
    "semaphore a: 1 of 1 permit taken\n  held by fiber 6 at job.ts:11 `yield* f` [deadlock-1]\ndeadlock-1 (certain):"
  // eslint-disable-next-line no-control-regex
  expect(paint(text).replace(/\u001b\[\d+m/g, "")).toBe(text)
  expect(paint(text)).toContain("at \u001b[36mjob.ts:11\u001b[39m \u001b[2m`yield* f`\u001b[22m")
  expect(paint(text)).toContain("\u001b[31mdeadlock-1 (certain):\u001b[39m")
})

test("JSON parses to the dump, and has no character that controls a terminal", () => {
  const process = {
    pid: 1,
    title: "a\u009b2J\u202eb\u2028\u001b[31m\t\n\u007f",
    node: "v20",
    uptime: 1,
    stack: [],
    fiber: undefined
  }
  const dump = {
    schema: "sluice/inspect/1",
    at: 1,
    deadlocks: [],
    resources: [],
    fibers: [],
    missing: [],
    process
  } as const
  const text = printJson(dump)
  expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(dump)))
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u)
})

/** A server that sends these bytes, in pieces of `size`, and records all that it receives. */
const serve = async (sent: ReadonlyArray<Buffer>, size: number) => {
  const received: Array<Buffer> = []
  const server = createServer()
  server.on("upgrade", ({ headers }, socket) => {
    const key = `${headers["sec-websocket-key"] ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash("sha1").update(key).digest("base64")
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`
    )
    socket.on("data", (data: Buffer) => received.push(data))
    const all = Buffer.concat(sent)
    for (let at = 0; at < all.length; at += size) socket.write(all.subarray(at, at + size))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/id`, received }
}

/** A frame of a server, which masks nothing. */
const frame = (first: number, payload: string): Buffer => {
  const body = Buffer.from(payload)
  const header = Buffer.alloc(body.length < 126 ? 2 : body.length < 65_536 ? 4 : 10)
  header[0] = first
  header[1] = header.length === 2 ? body.length : header.length === 4 ? 126 : 127
  if (header.length === 4) header.writeUInt16BE(body.length, 2)
  if (header.length === 10) header.writeBigUInt64BE(BigInt(body.length), 2)
  return Buffer.concat([header, body])
}

/** The payload of the only frame that a client has sent. */
const unmasked = (bytes: Buffer, header: number): string => {
  const mask = bytes.subarray(header, header + 4)
  return Buffer.from(bytes.subarray(header + 4).map((byte, i) => byte ^ mask[i & 3]!)).toString("utf8")
}

describe("WebSocket", () => {
  test.each([1, 7, 1_000_000])("receives messages of every length, in pieces of %d bytes", async (size) => {
    const long = "\u00e4".repeat(size === 1 ? 300 : 40_000)
    const texts = ["a", "b".repeat(200), long, "in parts", ""]
    const { received, url } = await serve([
      frame(0x81, "a"),
      frame(0x81, texts[1]!),
      frame(0x81, long),
      frame(0x01, "in "),
      frame(0x89, "ping"),
      frame(0x80, "parts"),
      frame(0x81, ""),
      frame(0x88, "")
    ], size)
    const got: Array<string> = []
    await new Promise<void>((closed, failed) => {
      connect(url, { message: (text) => got.push(text), closed }).catch(failed)
    })
    expect(got).toEqual(texts)
    await expect.poll(() => unmasked(Buffer.concat(received).subarray(0, 10), 2)).toBe("ping")
  })

  test.each([[1, 2], [125, 2], [126, 4], [65_535, 4], [65_536, 10]])("sends %d bytes", async (length, header) => {
    const { received, url } = await serve([], 1)
    const socket = await connect(url, { message: () => {}, closed: () => {} })
    const text = "x".repeat(length)
    socket.send(text)
    await expect.poll(() => Buffer.concat(received).length).toBe(header + 4 + length)
    expect(unmasked(Buffer.concat(received), header)).toBe(text)
    socket.close()
  })

  test("fails if the server does not switch protocols", async () => {
    const server = createServer((_, response) => response.writeHead(404).end())
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    await expect(connect(`ws://127.0.0.1:${port}/`, { message: () => {}, closed: () => {} })).rejects.toThrow(
      "status 404"
    )
  })
})

test("a lost connection is an answer for a person, and no defect", async () => {
  const session = new Session(() => {})
  const sent = session.evaluate("1")
  session.closed()
  await expect(sent).rejects.toBeInstanceOf(CannotLook)
  await expect(session.evaluate("2")).rejects.toBeInstanceOf(CannotLook)
})
