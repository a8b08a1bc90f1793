/** A page in a real browser, without a driver: the page itself tells the server what it has seen. */
import { buildSync } from "esbuild"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Where Chromium is: what CHROMIUM says, or on PATH. */
export const chromium: string | undefined = process.env["CHROMIUM"] ??
  ["chromium", "chromium-browser", "google-chrome"]
    .flatMap((name) => (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name)))
    .find(isExecutable)

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** `test/threads/browser/NAME.ts`, and whatever it imports, in one script. */
export const script = (name: string): string => {
  const { outputFiles: [file] } = buildSync({
    entryPoints: [root(`test/threads/browser/${name}.ts`)],
    write: false,
    bundle: true,
    alias: { "sluice/threads": root("src/threads/index.ts"), sluice: root("src/index.ts") },
    platform: "browser",
    target: "es2022",
    format: "esm",
    logLevel: "warning"
  })
  return file!.text
}

export interface Site {
  /** By their paths; "/page.js" is the page's own. */
  readonly scripts: Readonly<Record<string, string>>
  /** Whether its pages are isolated from all others: only then do they have shared memory. */
  readonly isIsolated: boolean
}

const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }

const respond =
  ({ isIsolated, scripts }: Site, report: (json: string) => void) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    const { method, url = "" } = request
    const type = url === "/" ? "text/html" : "text/javascript"
    const body = url === "/" ? `<!doctype html><script type="module" src="/page.js"></script>` : scripts[url]
    if (method === "POST") void text(request).then(report)
    const status = method === "POST" ? 204 : body === undefined ? 404 : 200
    response.writeHead(status, { "Content-Type": type, ...(isIsolated ? isolation : {}) }).end(body)
  }

/** The flags of every browser. */
export const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]

/** What the page has posted as JSON. When it is there the browser has ended. */
export const visit = async (site: Site, timeoutMillis: number): Promise<unknown> => {
  let report: (json: string) => void = () => {}
  const reported = new Promise<string>((resolve) => {
    report = resolve
  })
  const server = createServer(respond(site, (json) => report(json))).listen(0, "127.0.0.1")
  await once(server, "listening")
  const folder = mkdtempSync(join(tmpdir(), "sluice-browser-"))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const browser = spawn(chromium!, [...flags, `--user-data-dir=${folder}`, address], {
    env: { ...process.env, HOME: folder },
    stdio: ["ignore", "ignore", "pipe"]
  })
  let said = ""
  browser.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()))
  // All of its processes hold the pipe: it is closed once the last one has ended.
  const closed = new Promise<void>((resolve) => browser.on("error", () => resolve()).on("close", () => resolve()))
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMillis, undefined)
  })
  const json = await Promise.race([reported, late, closed])
  clearTimeout(timer)
  browser.kill()
  await closed
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  server.closeAllConnections()
  server.close()
  if (typeof json !== "string") throw new Error(`${chromium!}: the page has reported nothing\n${said}`)
  return JSON.parse(json)
}
