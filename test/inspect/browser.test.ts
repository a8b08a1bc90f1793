/** The page of `sluice/inspect` in a real browser. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { makeHandler } from "../../src/internal/inspect/handler.js"
import type { Dump } from "../../src/internal/inspect/model.js"
import { chromium } from "../support/browser.js"
import { drive, type Driver, type Tab } from "../support/driver.js"
import { dump, hold, hostileDump, semaphore, service, wait } from "../support/dumps.js"
import { serve, type Served } from "../support/serve.js"

if (chromium === undefined) {
  console.log(
    "not run: there is no chromium, chromium-browser or google-chrome on PATH, and CHROMIUM does not name one"
  )
}

const at = Date.now()
const now = (): Dump => service({ at, watchedSince: at - 3_600_000 })

describe.skipIf(chromium === undefined)("the page", () => {
  let driver: Driver
  let tab: Tab
  let served: Served
  let shown: () => Dump = now

  const handler = makeHandler({
    dump: () => shown(),
    explain: (ref) => `${ref} waits for 2 permits, held by fiber 9 at \`yield* <b>\`.`,
    text: () => "as text"
  }, { interval: 30 })

  const open = async (path = "/debug/") => {
    // An address that differs in its hash alone loads nothing.
    if (path.includes("#")) await tab.go("about:blank")
    await tab.go(served.address + path)
    await tab.until(`document.querySelector("article")`)
  }
  const text = (selector: string) => tab.evaluate(`document.querySelector(${JSON.stringify(selector)}).textContent`)
  const texts = (selector: string) =>
    tab.evaluate(`[...document.querySelectorAll(${JSON.stringify(selector)})].map((element) => element.textContent)`)

  beforeAll(async () => {
    served = await serve(handler)
    driver = drive()
    tab = await driver.tab()
  })

  afterAll(async () => {
    await driver.close()
    await served.close()
  })

  beforeEach(async () => {
    shown = now
    await tab.device({ width: 1200 })
  })

  test("shows deadlocks above all else, with the holders and the lines of each member", async () => {
    await open()
    expect(await tab.evaluate(`document.querySelector("#main").firstElementChild.className`)).toBe("deadlock")
    const first = await text(".deadlock")
    expect(first).toContain("Deadlock certain")
    expect(first).toContain("3 more wait behind them")
    expect(await texts(".deadlock:first-child .ring p:first-child")).toEqual([
      "fiber 6GET /report waits for 2 permits of semaphore cache",
      "fiber 9GET /report/daily waits for 1 permit of semaphore db",
      "fiber 14refresh waits for 1 permit of semaphore db"
    ])
    expect(await texts(".deadlock:first-child .arrow")).toEqual(["held by 23", "held by 13", "held by 13"])
    expect(await text(".deadlock .source")).toBe(
      "src/reports/cache.ts:48yield* Semaphore.withPermits(cache, 2, refresh(key))"
    )
    // Each arrow but those from a circle to itself.
    expect(await tab.evaluate(`document.querySelectorAll(".deadlock:first-child .edge").length`)).toBe(5)
    expect(await tab.evaluate("document.title")).toMatch(/^2 deadlocks: sluice at 127\.0\.0\.1/)
  })

  test("shows bars with held permits, capacity, and their sizes", async () => {
    await open()
    const bars = await tab.evaluate(`[...document.querySelectorAll("[role=meter]")].map((bar) => [
      bar.ariaValueText, bar.className, Math.round(100 * bar.firstChild.offsetWidth / bar.clientWidth)
    ])`)
    await tab.until(`document.querySelector(".bar i").getAnimations().length === 0`)
    expect(bars).toEqual(expect.arrayContaining([
      ["2 / 2 permits", "bar full", 100],
      ["3 / 10 permits", "bar", 30],
      ["0 / 8 permits", "bar", 0],
      ["27 places, no limit", "bar unlimited", 0],
      ["19 / 17 permits", "bar over", 100],
      ["12 / 50 queued", "bar", 24]
    ]))
    expect(await texts(".cells li")).toHaveLength(9)
    expect(await texts(".call.begun")).toHaveLength(2)
  })

  test("a click on a fiber explains it, its address is a link, and Escape closes it", async () => {
    await open()
    await tab.click(`a[href="#fiber%206"]`)
    await tab.until(`document.querySelector("#panel .text")?.textContent.includes("waits for 2 permits")`)
    expect(await text("#panel h2")).toBe("fiber 6")
    expect(await text("#panel .text code")).toBe("yield* <b>")
    expect(await texts("#panel .stack li")).toHaveLength(4)
    expect(await tab.evaluate("[location.hash, document.activeElement.id]")).toEqual(["#fiber%206", "explained"])
    await tab.press("Escape")
    expect(await tab.evaluate(`[location.hash, panel.hidden, document.activeElement.hash]`)).toEqual([
      "",
      true,
      "#fiber%206"
    ])
    await open("/debug/#semaphore-2")
    await tab.until(`document.querySelector("#panel .text")`)
    expect(await text("#panel h2")).toBe("semaphore cache")
    await tab.click(`#panel a[href="#fiber%209"]`)
    await tab.until(`document.querySelector("#panel .text")?.textContent.startsWith("fiber 9")`)
    await tab.evaluate("history.back()")
    await tab.until(`document.querySelector("#panel .text")?.textContent.startsWith("semaphore-2")`)
    await tab.click("#close")
    expect(await tab.evaluate("panel.hidden")).toBe(true)
  })

  test("the keyboard reaches all: it opens a section, explains a fiber, and filters", async () => {
    await open()
    await tab.evaluate(`document.querySelector("[data-toggle=semaphore-1]").focus()`)
    await tab.press("Enter")
    expect(await tab.evaluate("document.activeElement.ariaExpanded")).toBe("true")
    for (let i = 0; i < 2; i++) await tab.press("Tab")
    expect(await tab.evaluate("document.activeElement.textContent")).toBe("fiber 6")
    await tab.press("Enter")
    await tab.until(`document.querySelector("#panel .text")`)
    await tab.press("Escape")
    await tab.press("/")
    for (const key of "acme") await tab.press(key)
    expect(await texts("h3")).toEqual(["pool sender", "Fibers: 0"])
  })

  test("the filter finds names of fibers, and idle resources can be hidden", async () => {
    await open()
    await tab.click("#busy")
    expect(await texts("h3")).not.toContain("semaphore-5")
    await tab.click("#filter")
    for (const key of "daily") await tab.press(key)
    expect(await texts("h3")).toEqual(["semaphore db", "semaphore cache", "Fibers: 1"])
  })

  test("hostile names are text, and nothing that they would do is done", async () => {
    shown = hostileDump
    tab.said()
    await open()
    await tab.evaluate(`document.querySelectorAll("[data-toggle]").forEach((toggle) => toggle.click())`)
    await tab.evaluate(`document.querySelectorAll("main a").forEach((link) => link.click())`)
    await tab.until(`document.querySelector("#panel .text")`)
    expect(await texts("h3")).toContain(
      "semaphore </script><img src=x onerror=globalThis.isHit=1> [</script><img src=x onerror=globalThis.isHit=1>]"
    )
    expect(await tab.evaluate(`document.querySelectorAll("img, main script, [onload], svg [onload]").length`)).toBe(0)
    expect(
      await tab.evaluate(`[...document.querySelectorAll("main a")].every(({ href }) =>
      href.startsWith(location.origin + "/debug/#"))`)
    ).toBe(true)
    expect(await tab.evaluate("typeof isHit")).toBe("undefined")
    expect(tab.said()).toEqual([])
  })

  test("the policy stops a script and a request to elsewhere", async () => {
    await open()
    expect(
      await tab.evaluate(`(() => {
      const script = document.createElement("script")
      try { script.text = "isHit = 1" } catch { return "refused" }
    })()`)
    ).toBe("refused")
    expect(await tab.evaluate(`fetch("http://localhost:1/").catch(() => "refused")`)).toBe("refused")
    expect(await tab.evaluate("typeof isHit")).toBe("undefined")
    expect(tab.said().join()).toContain("Content Security Policy")
  })

  test.each([["a service", now], ["hostile names", hostileDump]])(
    "nothing overflows the window, on a phone or in the dark: %s",
    async (_, dump) => {
      shown = dump
      await open()
      await tab.evaluate(`document.querySelectorAll("[data-toggle]").forEach((toggle) => toggle.click())`)
      await tab.evaluate(`document.querySelector("main a").click()`)
      await tab.until(`document.querySelector("#panel .text")`)
      for (const [width, isDark] of [[360, false], [360, true], [700, true], [1000, false], [1400, true]] as const) {
        await tab.device({ width, height: 740, isDark })
        const overflowing = await tab.evaluate(`[...document.querySelectorAll("body *")].filter((element) => {
          const { left, right, width } = element.getBoundingClientRect()
          return width > 0 && (left < -0.5 || right > innerWidth + 0.5)
        }).map((element) => element.outerHTML.slice(0, 100))`)
        expect([width, overflowing]).toEqual([width, []])
        expect(await tab.evaluate("Math.max(innerWidth, document.documentElement.scrollWidth)")).toBe(width)
      }
    }
  )

  test("each text stands out from what is behind it, by day and in the dark", async () => {
    await open()
    await tab.evaluate(`document.querySelectorAll("[data-toggle]").forEach((toggle) => toggle.click())`)
    // The contrast that WCAG asks of text, level AA.
    const faint = `(() => {
      const numbers = (color) => color.match(/[\\d.]+/g).map(Number)
      const light = (color) => {
        const linear = (n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4
        const [r, g, b] = numbers(color).map((n) => linear(n / 255))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
      }
      const behind = (element) => {
        for (let at = element; at !== null; at = at.parentElement) {
          const { backgroundColor } = getComputedStyle(at)
          if (numbers(backgroundColor)[3] !== 0) return backgroundColor
        }
        return "rgb(255, 255, 255)"
      }
      return [...document.querySelectorAll("body *")]
        .filter((element) => !/SCRIPT|STYLE/.test(element.tagName) && element.namespaceURI.endsWith("xhtml"))
        .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ""))
        .filter((element) => {
          const [a, b] = [light(getComputedStyle(element).color), light(behind(element))]
          return Math.max(a, b) / Math.min(a, b) < 4.5
        })
        .map((element) => element.outerHTML.slice(0, 100))
    })()`
    for (const isDark of [false, true]) {
      await tab.device({ width: 1200, isDark })
      expect(await tab.evaluate(faint)).toEqual([])
      const background = await tab.evaluate("getComputedStyle(document.body).backgroundColor")
      expect(background).toBe(isDark ? "rgb(17, 22, 28)" : "rgb(246, 247, 249)")
    }
  })

  test("an update keeps sections open, the scroll, the focus and each element that stays", async () => {
    const resources = Array.from({ length: 60 }, (_, i) => semaphore(`semaphore-${i}`, 5, [hold(`fiber ${i}`)]))
    shown = () => dump({ at: Date.now(), resources })
    await open()
    await tab.click("[data-toggle=semaphore-40]")
    await tab.until(`document.querySelector("[data-toggle=semaphore-40]").ariaExpanded === "true"`)
    await tab.evaluate(`document.querySelector("[data-toggle=semaphore-40]").focus()`)
    await tab.evaluate(`
      kept = [...document.querySelectorAll("article")].slice(1)
      card = document.activeElement.closest("article")
      y = card.getBoundingClientRect().y
    `)
    const waits = [wait("fiber 100", "1 permit")]
    // The first one is gone, another one comes, and the last two change places.
    const [, second, ...others] = resources
    const next = [second!, semaphore("semaphore-new", 1, []), ...others.slice(0, -2), others.at(-1)!, others.at(-2)!]
      .map((resource) => resource.id === "semaphore-40" ? { ...resource, waits, waiting: 1 } : resource)
    shown = () => dump({ at: Date.now(), resources: next })
    await tab.until(`card.textContent.includes("fiber 100")`)
    expect(await texts("h3")).toEqual(next.map(({ id }) => id))
    expect(await tab.evaluate("kept.every(({ isConnected }) => isConnected)")).toBe(true)
    expect(await tab.evaluate(`document.activeElement.dataset.toggle + document.activeElement.ariaExpanded`)).toBe(
      "semaphore-40true"
    )
    expect(await tab.evaluate("scrollY > 0 && Math.abs(card.getBoundingClientRect().y - y) < 2")).toBe(true)
  })

  test("durations go on without a dump, and stop while the page is paused", async () => {
    const at = Date.now() - 1500
    shown = () =>
      dump({ at, resources: [semaphore("semaphore-1", 1, [], [wait("fiber 1", "1 permit", { millis: 1 })])] })
    await open()
    const seconds = `Number.parseFloat(document.querySelector(".waiting .millis").textContent)`
    const first = await tab.evaluate(seconds) as number
    expect(first).toBeGreaterThanOrEqual(1.5)
    await tab.until(`${seconds} > ${first}`)
    await tab.click("#pause")
    expect(await texts("#state, #pause")).toEqual(["Paused", "Resume"])
    const paused = await text(".waiting .millis")
    shown = now
    await tab.click("#busy")
    expect(await text(".waiting .millis")).toBe(paused)
    await tab.click("#pause")
    await tab.until(`state.textContent === "Live" && document.querySelector(".deadlock")`)
  })

  test("a look that throws is said, and the next dump replaces it", async () => {
    await open()
    shown = () => {
      throw new Error("no heap")
    }
    await tab.until(`state.textContent === "No dump: no heap"`)
    shown = now
    await tab.until(`state.textContent === "Live"`)
  })

  test("a lost connection is said, and comes back when the process does", async () => {
    await open()
    const port = Number(new URL(served.address).port)
    await served.close()
    await tab.until(`state.textContent === "Connection lost, connecting again"`)
    expect(await texts("article")).not.toEqual([])
    shown = () => dump({ at: Date.now(), resources: [semaphore("semaphore-9", 1, [])] })
    served = await serve(handler, port)
    await tab.until(`state.textContent === "Live"`)
    await tab.until(`document.querySelectorAll("article").length === 1`)
  })

  test("a process that is blocked is called silent", async () => {
    let isBlocked = false
    const silent = await serve(async (request) => {
      const response = await handler(request)
      const pass = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => isBlocked ? undefined : controller.enqueue(chunk)
      })
      const { body } = response
      return request.url.endsWith("/events") && body !== null
        ? new Response(body.pipeThrough(pass), response)
        : response
    })
    await tab.go(`${silent.address}/`)
    await tab.until(`state.textContent === "Live"`)
    isBlocked = true
    await tab.until(`state.textContent.startsWith("Silent")`)
    isBlocked = false
    await tab.until(`state.textContent === "Live"`)
    await tab.go("about:blank")
    await silent.close()
  })

  test("thousands of resources are shown by their urgency, and the filter finds the others", async () => {
    const many = Array.from({ length: 3000 }, (_, i) => semaphore(`semaphore-${i}`, 1, []))
    const waits = [wait("fiber 1", "1 permit")]
    shown = () => dump({ resources: [...many, semaphore("semaphore-last", 1, [hold("fiber 2")], waits)] })
    await open()
    expect(await texts("h3")).toHaveLength(200)
    expect(await texts("h3")).toContain("semaphore-last")
    expect(await text(".resources .empty")).toBe("2,801 more, which the filter finds.")
    await tab.press("/")
    for (const key of "-277") await tab.press(key)
    await tab.until(`document.querySelectorAll("h3").length === 11`)
  })
})
