import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { crawl, site, Unreachable } from "../../docs/examples/crawler.js"
import { run, start } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/crawler.ts", import.meta.url))

const runScoped = <A, E>(effect: Effect.Effect<A, E, Effect.Services<ReturnType<typeof site>>>) =>
  Effect.runPromise(Effect.scoped(effect))

describe("the crawler", () => {
  it("visits each page once, with no more requests at a time than there are permits", () =>
    runScoped(Effect.gen(function*() {
      const { server, url } = yield* site(100, 10)
      const visited: Array<string> = []
      let open = 0
      let most = 0
      server.on("request", (request, response) => {
        visited.push(request.url!)
        most = Math.max(most, ++open)
        response.on("finish", () => open--)
      })
      const pages = yield* crawl(url, 4)
      const expected = Array.from({ length: 100 }, (_, i) => `/${i + 1}`)
      const missing = Array.from({ length: 10 }, (_, i) => `/gone-${10 * (i + 1)}`)
      expect(visited.sort()).toEqual([...expected, ...missing].sort())
      expect([...pages.values()].filter((status) => status === 200).length).toBe(100)
      expect([...pages.values()].filter((status) => status === 404).length).toBe(10)
      expect(most).toBeGreaterThan(1)
      expect(most).toBeLessThanOrEqual(4)
    })))

  it("makes no more requests when the server cannot be reached", () =>
    runScoped(Effect.gen(function*() {
      const { server, url } = yield* site(1000, 1)
      let requests = 0
      server.on("request", (_, response) => {
        if (++requests === 50) response.destroy()
      })
      expect(yield* Effect.flip(crawl(url, 4))).toBeInstanceOf(Unreachable)
      const then = requests
      yield* Effect.sleep("50 millis")
      // The server may see requests that were already on their way.
      expect(requests).toBeLessThanOrEqual(then + 4)
    })))
})

describe.concurrent("the program", () => {
  it("prints how many pages and dead links there are", async () => {
    const { code, stdout } = await run(["--pages", "30"], { entry })
    expect(stdout.toString()).toBe("30 pages, 3 dead links\n")
    expect(code).toBe(0)
  })

  it("ends by Ctrl-C at once", async () => {
    const { child, ended, says } = start(["--pages", "9999999"], { entry })
    await says("crawling")
    child.kill("SIGINT")
    expect(await ended).toMatchObject({ code: 130, stdout: Buffer.from("") })
  })
})
