/** Every page: one heading, no trouble, no overflow on a phone, legible in both modes. Then every link and anchor. */
import { check, inTurns } from "./checks.js"
import { typesFit } from "./hovering.js"
import { frames, open } from "./page.js"
import { fileOf, pages } from "./server.js"

const narrow = { width: 390, height: 800 }
const wide = { width: 1440, height: 900 }

/** In the page: what a reader finds. */
const look = () => ({
  runs: document.querySelectorAll(".runnable").length,
  headings: document.querySelectorAll("h1").length,
  ids: [...document.querySelectorAll("[id]")].map(({ id }) => id),
  links: [...document.querySelectorAll("a[href]")].map((link) => link.href),
  typed: [...document.querySelectorAll("pre[data-types]")].map((block) => ({
    id: block.dataset.types,
    code: block.querySelector("code").textContent
  })),
  untyped: document.querySelectorAll(".runnable pre:not([data-types])").length
})

/** In the page: the elements that stick out, each with how far. */
const overflow = () => {
  const { clientWidth: width, scrollWidth } = document.documentElement
  if (scrollWidth <= width) return []
  const scrolls = (element) =>
    element !== null && element !== document.body &&
    (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement))
  const found = [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > width + 1 && !scrolls(element.parentElement))
    .slice(0, 3)
    .map((element) => `${element.tagName}.${element.className} ${element.textContent.trim().slice(0, 60)}`)
  // A pseudo-element is none of them.
  return found.length > 0 ? found : [`the page is ${scrollWidth} px wide`]
}

/** In the page: texts whose contrast with the nearest background is below 4.5, as WCAG AA asks. */
const illegible = () => {
  const numbers = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number)
  const channel = (value) => {
    const share = value / 255
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
  /** The colours behind an element, blended. */
  const known = new Map()
  const behind = (element) => {
    if (element === null) return [255, 255, 255]
    const before = known.get(element)
    if (before !== undefined) return before
    const [r = 0, g = 0, b = 0, a = 1] = numbers(getComputedStyle(element).backgroundColor)
    const below = a === 1 ? [0, 0, 0] : behind(element.parentElement)
    const blended = below.map((value, i) => value * (1 - a) + [r, g, b][i] * a)
    known.set(element, blended)
    return blended
  }
  const found = []
  for (const element of document.querySelectorAll("main *, .VPNav *, .VPSidebar *")) {
    const text = [...element.childNodes].find((node) => node.nodeType === 3 && node.textContent.trim() !== "")
    if (text === undefined || element.closest("svg") !== null) continue
    const style = getComputedStyle(element)
    const box = element.getBoundingClientRect()
    if (style.visibility === "hidden" || Number(style.opacity) < 0.9 || box.width < 3 || box.height < 3) continue
    if (numbers(style.color)[3] === 0 || element.closest("[style*='opacity: 0'], .header-anchor") !== null) {
      continue
    }
    const [one, other] = [luminance(numbers(style.color)), luminance(behind(element))]
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    if (contrast < 4.5) found.push(`${contrast.toFixed(1)}: ${text.textContent.trim().slice(0, 40)}`)
  }
  return found.slice(0, 3)
}

/** Where no script runs, a page says so, and shows nothing that can only be pressed in vain. */
const scriptless = async (browser, origin) => {
  const context = await browser.newContext({ viewport: wide, javaScriptEnabled: false })
  const page = await context.newPage()
  for (const [path, text] of [["/explore", "needs JavaScript"], ["/pool", "needs JavaScript"], ["/group", ""]]) {
    await page.goto(origin + path)
    const shown = await page.locator("main").innerText()
    check("pages without scripts", shown.includes(text), `${path}: ${shown.slice(0, 200)}`)
    const buttons = await page.locator("main :is(button, select):visible").allInnerTexts()
    const own = buttons.filter((button) => !/^(?:Menu|On this page|Return to top)$/.test(button.trim()))
    check("pages without scripts", own.length === 0, `${path} has ${own.join(", ")}`)
  }
  await context.close()
}

/** On paper no code is cut off, and there is nothing to press. */
const printed = async (browser, origin) => {
  const context = await browser.newContext({ viewport: { width: 794, height: 1123 } })
  const page = await context.newPage()
  await page.emulateMedia({ media: "print" })
  await page.goto(`${origin}/group`)
  const cut = await page.$$eval(
    ".vp-doc pre",
    (blocks) => blocks.filter(({ clientWidth, scrollWidth }) => scrollWidth > clientWidth + 1).length
  )
  check("pages on paper", cut === 0, `${cut} blocks of code are cut off`)
  const buttons = await page.locator("button:visible").allInnerTexts()
  check("pages on paper", buttons.length === 0, `there are ${buttons.join(", ")}`)
  await context.close()
}

/** Each field says that it has the focus. */
const focused = async (browser, origin) => {
  const context = await browser.newContext({ viewport: wide, reducedMotion: "reduce" })
  const page = await context.newPage()
  for (const path of ["/explore", "/pool"]) {
    await page.goto(origin + path)
    await page.waitForSelector("main select")
    // A focus that follows a key is shown.
    await page.keyboard.press("Tab")
    const bare = await page.$$eval("main :is(input, select)", (fields) =>
      fields.filter((field) => {
        field.focus()
        return getComputedStyle(field).outlineStyle === "none"
      }).length)
    check("fields with a ring", bare === 0, `${path}: ${bare} have none`)
  }
  await context.close()
}

/** A guide that is left while it still scrolls. The page that comes has no outline. */
const leaving = async (browser, origin) => {
  const context = await browser.newContext({ viewport: wide, reducedMotion: "reduce" })
  const { page, take } = await open(context, origin)
  for (const path of ["/explore", "/pool", "/"]) {
    await page.goto(`${origin}/group`)
    await page.waitForSelector(".VPDocAsideOutline a")
    await frames(page, 10)
    await page.evaluate(async (path) => {
      // The first scroll is answered at once, the second one after 100 ms.
      for (const top of [300, 500]) {
        scrollTo(0, top)
        await new Promise(requestAnimationFrame)
      }
      ;[...document.querySelectorAll("a")].find((link) => new URL(link.href).pathname === path).click()
    }, path)
    await page.waitForSelector(".VPDocAsideOutline", { state: "detached" })
    await page.waitForTimeout(200)
    const troubles = take()
    check("guides left while they scroll", troubles.length === 0, `for ${path}: ${troubles.join("; ")}`)
  }
  await context.close()
}

/** Returns the pages with a Run. */
export const reading = async (browser, origin) => {
  const context = await browser.newContext({ viewport: wide, reducedMotion: "reduce" })
  const tabs = await Promise.all([0, 1].map(() => open(context, origin)))
  const found = new Map()
  const all = pages()
  await inTurns(all, tabs.length, async (path, lane) => {
    const { page, take } = tabs[lane]
    await page.setViewportSize(wide)
    await page.goto(origin + path, { waitUntil: "load" })
    // Hydrated: the theme has mounted.
    await page.waitForSelector("h1", { state: "attached" })
    const seen = await page.evaluate(look)
    found.set(path, seen)
    check("pages with one h1", seen.headings === 1, `${path}: ${seen.headings}`)
    for (const block of seen.typed) typesFit(path, block)
    check("pages whose Runs have types", seen.untyped === 0, `${path}: ${seen.untyped} have none`)
    for (const isDark of [false, true]) {
      await page.evaluate((dark) => document.documentElement.classList.toggle("dark", dark), isDark)
      const texts = await page.evaluate(illegible)
      check(`pages legible, ${isDark ? "dark" : "light"}`, texts.length === 0, `${path}: ${texts.join("; ")}`)
    }
    await page.evaluate(() => document.documentElement.classList.remove("dark"))
    await page.setViewportSize(narrow)
    const wideParts = await page.evaluate(overflow)
    check("pages without overflow at 390 px", wideParts.length === 0, `${path}: ${wideParts.join(", ")}`)
    const troubles = take()
    check(
      "pages without an error, a 404 or a request to elsewhere",
      troubles.length === 0,
      `${path}: ${troubles.join("; ")}`
    )
  })
  await context.close()
  await scriptless(browser, origin)
  await leaving(browser, origin)
  await printed(browser, origin)
  await focused(browser, origin)

  const pathOf = (url) => decodeURIComponent(url.pathname).replace(/(?<=.)\/$/, "")
  const links = new Map()
  for (const [page, { links: hrefs }] of found) {
    for (const href of hrefs) if (href.startsWith(`${origin}/`)) links.set(href, links.get(href) ?? page)
  }
  for (const [href, page] of links) {
    const url = new URL(href)
    const path = pathOf(url)
    const isThere = fileOf(path) !== undefined
    check("links that lead somewhere", isThere, `${page}: ${href}`)
    const anchor = decodeURIComponent(url.hash.slice(1))
    if (!isThere || anchor === "" || url.hash.startsWith("#/")) continue
    check("anchors that exist", found.get(path)?.ids.includes(anchor) === true, `${page}: ${href}`)
  }
  return all.filter((path) => found.get(path)?.runs > 0)
}
