/** The landing page: its failure is that of docs/testing.md, its ratios are those measured, its command is copied. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { check } from "./checks.js"
import { open } from "./page.js"

const kind = "landing page"
const read = (path) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8")

export const landing = async (browser, origin) => {
  const made = JSON.parse(read("../.cache/landing.json"))
  const guide = read("../../testing.md")
  check(
    kind,
    guide.includes(`replay(yourScenario, "${made.key}")`),
    `docs/testing.md does not have the key ${made.key}`
  )
  check(kind, guide.includes(`Found in schedule ${made.run} `), `docs/testing.md does not have schedule ${made.run}`)
  const context = await browser.newContext({
    viewport: { width: 1440, height: 1000 },
    permissions: ["clipboard-read", "clipboard-write"]
  })
  const { page, take } = await open(context, origin)
  await page.goto(origin)
  await page.waitForSelector(".hero h1")
  await page.click(".copy")
  await page.waitForSelector(".copy >> text=copied")
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  check(kind, copied === "npm install sluice effect", copied)
  // Each turn of the failing run is there in words, and the drawing is as large as the kit has made it.
  const steps = await page.locator(".steps li").allInnerTexts()
  check(kind, steps.length === made.steps.length && steps.at(-1) === "fails: b waits forever", steps.join("; "))
  for (const scheme of ["light", "dark"]) {
    await page.evaluate((dark) => document.documentElement.classList.toggle("dark", dark), scheme === "dark")
    const shown = await page.$$eval(
      ".drawing img",
      (images) => images.filter((image) => image.getBoundingClientRect().width > 0).map((image) => image.className)
    )
    const scale = await page.$eval(`.drawing .${scheme}-only`, (image) => image.clientWidth / image.naturalWidth)
    check(kind, scale >= 0.99, `${scheme}: the drawing is shown at ${scale.toFixed(2)} of its size`)
    check(kind, JSON.stringify(shown) === JSON.stringify([`${scheme}-only`]), `${scheme}: ${shown.join(", ")}`)
  }
  const text = await page.locator(".proofs").innerText()
  for (const { ratio } of [...made.ratios].sort((a, b) => a.ratio - b.ratio).slice(-3)) {
    check(kind, text.includes(ratio.toFixed(2)), `the page hides that sluice loses by ${ratio}`)
  }
  await page.click("text=Explore its schedules")
  await page.waitForSelector(".explorer .cm-editor")
  // The explorer shows the same cache without a link, so the link itself is read.
  const { code } = JSON.parse(Buffer.from(new URL(page.url()).hash.slice(1), "base64url").toString() || "{}")
  const program = await page.locator(".cm-content").innerText()
  check(kind, code?.includes("const makeCache") === true && program.includes("const makeCache"), `${code}`)
  // A page without HTTPS has no clipboard: the command is selected instead.
  await page.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }))
  await page.goto(origin)
  await page.click(".copy")
  await page.waitForSelector(".copy >> text=selected")
  const selected = await page.evaluate(() => String(getSelection()))
  check(kind, selected === "npm install sluice effect", selected)
  const troubles = take()
  check(kind, troubles.length === 0, troubles.join("; "))
  await context.close()
}
