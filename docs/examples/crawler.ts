/**
 * A crawler, against a small site that it makes itself: `npx tsx docs/examples/crawler.ts`. Learn how work that finds
 * more work ends by itself:
 *
 * - `Group.go` starts a fiber for each link, in the group of `Group.scoped` around the crawl: no function hands it on.
 *   `scoped` returns when the last of them has ended.
 * - The group has no limit, since a page waits for no other page. A `Semaphore` bounds the requests.
 * - A page that is missing is a result. A server that cannot be reached is an error: it ends all fibers of the group.
 * - Ctrl-C interrupts the program, and so all requests.
 */
import { Console, Data, Effect } from "effect"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { Group, Semaphore } from "sluice"
import { commandLine, count, runMain } from "./main.js"

export class Unreachable extends Data.TaggedError("Unreachable")<{ readonly url: string; readonly cause: unknown }> {
  override get message(): string {
    return `${this.url} cannot be reached`
  }
}

interface Page {
  readonly status: number
  readonly links: ReadonlyArray<string>
}

const download = (url: string): Effect.Effect<Page, Unreachable> =>
  Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(url, { signal })
      const hrefs = [...(await response.text()).matchAll(/href="([^"]+)"/g)]
      return { status: response.status, links: hrefs.map(([, href]) => new URL(href!, url).href) }
    },
    catch: (cause) => new Unreachable({ url, cause })
  })

/** Downloads a page, and all pages that it leads to. Returns the status of each, once the last one is there. */
export const crawl = Effect.fn("crawl")(function*(start: string, requests: number) {
  const pages = new Map<string, number>()
  const permits = yield* Semaphore.make(requests)

  // A recursive effect needs its type: it is a child of a group whose children fail with Unreachable.
  const visit = (url: string): Effect.Effect<void, Unreachable, Group.Current<Unreachable>> =>
    Effect.gen(function*() {
      const { links, status } = yield* Semaphore.withPermit(permits, download(url))
      pages.set(url, status)
      for (const link of links) {
        if (pages.has(link)) continue
        // From here on nobody else begins it.
        pages.set(link, 0)
        yield* Group.go(visit(link))
      }
    })

  yield* visit(start)
  return pages
}, Group.scoped())

/** A site of so many pages. Each links to the page before it, to two new ones, and some to a page that is missing. */
export const site = Effect.fn("site")(function*(pages: number, delay: number) {
  const server = createServer(({ url = "/" }, response) => {
    const page = url === "/" ? 1 : Number(url.slice(1))
    const links = [page - 1, 2 * page, 2 * page + 1].filter((link) => link >= 1 && link <= pages)
    const missing = page % 10 === 0 ? [`gone-${page}`] : []
    const body = [...links, ...missing].map((link) => `<a href="/${link}">${link}</a>`).join("\n")
    setTimeout(() => response.writeHead(page >= 1 ? 200 : 404).end(page >= 1 ? body : ""), delay)
  })
  yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))),
    () => Effect.sync(() => (server.close(), server.closeAllConnections()))
  )
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/1` }
})

const usage = `Usage: npx tsx docs/examples/crawler.ts [--pages N] [--requests N]

Downloads a site of N pages (500) that responds after 20 milliseconds, with N requests (16) at a time.
`

runMain(
  import.meta,
  Effect.scoped(Effect.gen(function*() {
    const { values } = commandLine(usage, {
      options: { pages: { type: "string", default: "500" }, requests: { type: "string", default: "16" } }
    })
    const { url } = yield* site(count("pages", values.pages), 20)
    yield* Console.error(`crawling ${url}`)
    const pages = yield* crawl(url, count("requests", values.requests))
    const missing = [...pages.values()].filter((status) => status === 404).length
    yield* Console.log(`${pages.size - missing} pages, ${missing} dead links`)
  }))
)
