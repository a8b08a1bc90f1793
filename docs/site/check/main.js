/** Reads the built site in a real browser, and presses everything that can be pressed. `npm run build` comes before. */
import { launch } from "./browser.js"
import { check, close } from "./checks.js"
import { exploring } from "./exploring.js"
import { hovering } from "./hovering.js"
import { landing } from "./landing.js"
import { pooling } from "./pooling.js"
import { reading } from "./reading.js"
import { running } from "./running.js"
import { searching } from "./searching.js"
import { pages, serve } from "./server.js"
import { texts } from "./texts.js"

const began = Date.now()
const { close: stop, origin } = await serve()
const browser = await launch()
const only = process.argv.slice(2)
const isAsked = (name) => only.length === 0 || only.includes(name)
const part = async (name, run) => {
  if (!isAsked(name)) return
  const from = Date.now()
  // A part that cannot go on has failed, and the others may still be read.
  await run().catch((error) => check(`${name}, to its end`, false, error.message))
  console.log(`${name}: ${((Date.now() - from) / 1000).toFixed(1)} s`)
}
/** Reads every page, then returns to those with a Run. */
const allPages = async () => {
  let withRun = pages()
  await part("reading", async () => {
    withRun = await reading(browser, origin)
    texts(pages())
  })
  // A process for each sandbox is a third of the time of a Run. The explorer's programs have one each.
  await part("running", async () => {
    const quick = await launch("--disable-features=IsolateSandboxedIframes")
    await running(quick, origin, withRun).finally(() => quick.close())
  })
}
/** Pages that wait for their clocks. One after the other: each of them reads the clipboard. */
const singlePages = async () => {
  await part("exploring", () => exploring(browser, origin))
  await part("pooling", () => pooling(browser, origin))
  await part("landing", () => landing(browser, origin))
  await part("searching", () => searching(browser, origin))
  await part("hovering", () => hovering(browser, origin))
}
try {
  await Promise.all([allPages(), singlePages()])
} finally {
  await browser.close()
  stop()
}
if (!close(Math.round((Date.now() - began) / 1000))) process.exitCode = 1
