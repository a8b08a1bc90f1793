/** Puts the pointer on names in blocks, and reads their types. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { check } from "./checks.js"
import { frames, open } from "./page.js"
import { dist } from "./server.js"

/** The types of one block are those of names in it. */
export const typesFit = (path, { code, id }) => {
  const kind = "blocks whose types are those of their names"
  const file = join(dist, "types", `${id}.json`)
  if (!existsSync(file)) return check(kind, false, `${path} asks for ${id}`)
  const { places, texts } = JSON.parse(readFileSync(file, "utf8"))
  const wrong = places.find(([from, to, text]) =>
    !/^[\p{L}$_][\p{L}\p{N}$_]*$/u.test(code.slice(from, to)) || !(texts[text]?.length > 0)
  )
  check(kind, places.length > 0 && wrong === undefined, `${path}, ${id}: ${JSON.stringify(wrong)}`)
}

/** In the page: scrolls to the first such text of the first block, and returns a point in it. */
const pointOf = ({ share = 0.5, text: wanted }) => {
  const code = document.querySelector("pre[data-types] code")
  const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT)
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    const from = text.textContent.indexOf(wanted)
    if (from === -1) continue
    text.parentElement.scrollIntoView({ block: "center", behavior: "instant" })
    const range = document.createRange()
    range.setStart(text, from)
    range.setEnd(text, from + wanted.length)
    const { height, width, x, y } = range.getBoundingClientRect()
    return [x + width * share, y + height / 2]
  }
  throw new Error(`no "${wanted}" in the first block`)
}

const kind = "types under the pointer"

const byMouse = async (browser, origin) => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" })
  const { page, take } = await open(context, origin)
  const popup = page.locator(".type-of-name")
  await page.goto(`${origin}/worker-pool`)
  await page.waitForSelector(".runnable")
  const pointAt = async (text, share) => {
    // A pointer that is there already does not move.
    await page.mouse.move(5, 450)
    const point = await page.evaluate(pointOf, { text, share })
    // A page that has moved hides the type, in the next frame.
    await frames(page, 2)
    await page.mouse.move(...point)
  }
  const hover = async (name) => {
    await pointAt(name)
    await popup.waitFor()
    return popup.innerText()
  }
  const isGone = async (after) => {
    const gone = await popup.waitFor({ state: "detached", timeout: 3_000 }).then(() => true, () => false)
    check(kind, gone, `it stays after ${after}`)
  }
  const made = await hover("make")
  check(kind, made.startsWith("const make: <string, string, never"), made)
  // A reader may go there to select it, or to scroll.
  const box = await popup.boundingBox()
  await page.mouse.move(box.x + 20, box.y + 20, { steps: 5 })
  await page.waitForTimeout(500)
  check(kind, await popup.count() === 1, "it goes away as the pointer comes")
  const pool = await hover("pool")
  check(kind, pool.startsWith("const pool: WorkerPool.WorkerPool<string, string, never"), pool)
  await page.mouse.move(5, 450)
  await isGone("the pointer has left")
  await hover("make")
  await page.mouse.wheel(0, 300)
  await isGone("the page has moved")
  await hover("make")
  await page.keyboard.press("Escape")
  await isGone("Escape")
  for (const [text, share] of [["yield"], ["program", 1.04]]) {
    await pointAt(text, share)
    await page.waitForTimeout(500)
    check(kind, await popup.count() === 0, `there is one on a keyword, or beside a name: ${text}`)
  }
  const troubles = take()
  check(kind, troubles.length === 0, troubles.join("; "))
  await context.close()
}

/** On a phone a touch shows it, within the window. Without the network there is none, and no error. */
const byTouch = async (browser, origin) => {
  const viewport = { width: 390, height: 800 }
  const context = await browser.newContext({ viewport, hasTouch: true, reducedMotion: "reduce" })
  const page = await context.newPage()
  const errors = []
  page.on("pageerror", (error) => errors.push(error.message))
  await page.goto(`${origin}/worker-pool`)
  await page.waitForSelector(".runnable")
  const popup = page.locator(".type-of-name")
  const touch = async () => {
    const point = await page.evaluate(pointOf, { text: "make" })
    await frames(page, 2)
    await page.touchscreen.tap(...point)
  }
  await page.route("**/types/*", (route) => route.abort())
  await touch()
  await page.waitForTimeout(300)
  check(kind, await popup.count() === 0 && errors.length === 0, `offline: ${errors.join("; ")}`)
  await page.unroute("**/types/*")
  await touch()
  await popup.waitFor()
  const { height, width, x, y } = await popup.boundingBox()
  const fits = x >= 0 && y >= 0 && x + width <= viewport.width && y + height <= viewport.height
  check(kind, fits && width > 300, `on a phone at ${x}, ${y}, ${width} by ${height}`)
  await context.close()
}

export const hovering = async (browser, origin) => {
  await byMouse(browser, origin)
  await byTouch(browser, origin)
}
