/** The search finds guides and the reference. */
import { check } from "./checks.js"
import { open } from "./page.js"

const searches = [
  { query: "deadlock", path: /\/(testing|inspect|group)/ },
  { query: "withPermits", path: /\/api\/Semaphore#withPermits/ },
  { query: "piscina", path: /\/coming-from/ },
  { query: "exhaustive", path: /\/testing/ }
]

/** A browser that refuses storage throws where a page reads it. */
const withoutStorage = async (browser, origin) => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "dark" })
  await context.addInitScript(() => {
    const get = () => {
      throw new DOMException("The request was denied.", "SecurityError")
    }
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(window, name, { configurable: true, get })
    }
  })
  const { page, take } = await open(context, origin)
  await page.goto(`${origin}/start`)
  const isDark = await page.evaluate(() => document.documentElement.classList.contains("dark"))
  check("pages without storage", isDark, "the page has not the colours of the system")
  await page.click(".VPNavBarSearch button")
  const isOpen = await page.waitForSelector(".VPLocalSearchBox input", { timeout: 15_000 }).then(
    () => true,
    () => false
  )
  check("pages without storage", isOpen, "the search does not open")
  const troubles = take()
  check("pages without storage", troubles.length === 0, troubles.join("; "))
  await context.close()
}

export const searching = async (browser, origin) => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const { page, take } = await open(context, origin)
  await page.goto(`${origin}/start`)
  for (const { path, query } of searches) {
    await page.click(".VPNavBarSearch button")
    // The box opens with the last query, and its results.
    await page.fill(".VPLocalSearchBox input", "")
    await page.waitForSelector(".VPLocalSearchBox .result", { state: "detached" })
    await page.fill(".VPLocalSearchBox input", query)
    await page.waitForSelector(".VPLocalSearchBox .result", { timeout: 15_000 }).catch(() => {})
    const found = await page.$$eval(".VPLocalSearchBox a.result", (links) => links.map((link) => link.href))
    check("searches", found.some((href) => path.test(href)), `${query}: ${found.join(", ")}`)
    await page.keyboard.press("Escape")
    await page.waitForSelector(".VPLocalSearchBox", { state: "detached" })
  }
  const troubles = take()
  check(
    "pages without an error, a 404 or a request to elsewhere",
    troubles.length === 0,
    `search: ${troubles.join("; ")}`
  )
  await context.close()
  await withoutStorage(browser, origin)
}
