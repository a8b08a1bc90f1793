/** The search finds guides and the reference. */
import { check } from "./checks.js"
import { open } from "./page.js"

const searches = [
  { query: "deadlock", path: /\/(testing|inspect|group)/ },
  { query: "withPermits", path: /\/api\/Semaphore#withPermits/ },
  { query: "piscina", path: /\/coming-from/ },
  { query: "exhaustive", path: /\/testing/ }
]

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
}
