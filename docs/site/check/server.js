/** The built site over HTTP, on this machine alone, as a host of files serves it. */
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { createServer } from "node:http"
import { extname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const dist = fileURLToPath(new URL("../.vitepress/dist", import.meta.url))

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".md": "text/markdown; charset=utf-8",
  ".txt": "text/plain; charset=utf-8"
}

const isFile = (path) => existsSync(path) && statSync(path).isFile()

/** `/group` is the file `group.html`. */
export const fileOf = (path) => {
  const file = join(dist, path)
  return [file, `${file.replace(/\/$/, "")}.html`, join(file, "index.html")].find(isFile)
}

export const serve = async () => {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://site")
    const file = fileOf(decodeURIComponent(pathname))
    if (file === undefined) {
      response.writeHead(404, { "Content-Type": types[".html"] }).end(readFileSync(join(dist, "404.html")))
    } else {
      response.writeHead(200, {
        "Content-Type": types[extname(file)] ?? "application/octet-stream",
        // These names have hashes.
        ...(/^\/(?:assets\/|runtime\.)/).test(pathname) ? { "Cache-Control": "max-age=3600, immutable" } : {}
      }).end(readFileSync(file))
    }
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const origin = `http://127.0.0.1:${server.address().port}`
  return { origin, close: () => (server.closeAllConnections(), server.close()) }
}

/** The paths of all pages. */
export const pages = () =>
  readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".html") && name !== "404.html")
    .map((name) => `/${name.replaceAll("\\", "/").replace(/\.html$/, "").replace(/(^|\/)index$/, "$1")}`)
    .sort()
