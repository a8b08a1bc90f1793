/** Presses every Run, and compares the output with the comments of the block, as `test/docs.test.ts` does on Node. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { check, inTurns } from "./checks.js"
import { open } from "./page.js"

/** The lines after "// =>", in order. A line that begins with "//" and four spaces continues the one before it. */
const promised = (code) =>
  [...code.matchAll(/\/\/ => (.*(?:\n *\/\/ {4}.*)*)$/gm)].map((match) => match[1].replaceAll(/\n *\/\/ {4}/g, " "))

/** As in any other run, where durations, dates and the numbers of fibers differ. */
const steady = (lines) => {
  const fibers = []
  const numbered = (fiber) => {
    if (!fibers.includes(fiber)) fibers.push(fiber)
    return `${fibers.indexOf(fiber) + 1}`
  }
  return lines.map((line) =>
    line.replaceAll(/\bfor \d+(?:\.\d+)? (?:ms|s)\b/g, "for 1 s")
      .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "2026-01-01T00:00:00.000Z")
      .replaceAll(/\b(fiber )(\d+)\b/gi, (_, word, fiber) => word + numbered(fiber))
  )
}

/** In the page: presses the Run of one block, and returns what it printed. */
const press = async (block) => {
  const code = block.querySelector("pre code").textContent
  block.querySelector("button.run").click()
  const state = () => block.querySelector(".output .state")?.textContent ?? ""
  for (let i = 0; i < 2_000 && !/^done/.test(state()); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  const lines = [...block.querySelectorAll(".output pre span")].map((line) => line.textContent.replace(/\n$/, ""))
  return { code, state: state(), lines: lines.flatMap((line) => line.split("\n")) }
}

const read = (path) => JSON.parse(readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8"))

/** The numbers of blocks without Run, by page and by reason: a block loses its Run only if the list says so. */
const withoutRun = () => {
  const listed = read("withoutRun.json")
  const found = read("../.cache/blocks.json").withoutRun
  for (const page of new Set([...Object.keys(listed), ...Object.keys(found)])) {
    const [one, other] = [listed[page], found[page]].map((counts) => JSON.stringify(counts ?? {}))
    check(
      "pages whose blocks without Run are listed",
      one === other,
      `/${page}: check/withoutRun.json says ${one}, found ${other}`
    )
  }
}

/** Edits a block, runs it, and takes the edits back. */
const editing = async (page, origin) => {
  await page.goto(`${origin}/group`)
  const block = page.locator(".runnable").first()
  const ran = async () => {
    await block.locator(".run").click()
    await block.locator(".output .state", { hasText: /^done/ }).waitFor()
    return (await block.locator(".output pre").innerText()).trim()
  }
  const written = await ran()
  await block.locator(".edit").click()
  await block.locator(".cm-content").fill("const n: number = 1\nconsole.log(n + 1, [n])")
  const edited = await ran()
  check("Edit", edited === "2 [ 1 ]", edited)
  await block.locator(".cm-content").fill("const n: number = (")
  const broken = await ran()
  check("Edit", broken.startsWith("SyntaxError: "), broken)
  await block.locator(".edit").click()
  const again = await ran()
  check("Edit", again === written, again)
}

/** Presses buttons again before the first press has come to anything. */
const hasty = async (context, origin) => {
  const { page, take } = await open(context, origin)
  await page.goto(`${origin}/group`)
  await page.waitForSelector(".runnable")
  const block = page.locator(".runnable").first()
  const state = () => block.locator(".output .state").innerText()
  await block.locator(".run").dblclick()
  await page.waitForTimeout(1_500)
  const stopped = [await state(), await block.locator(".output pre").count(), await page.locator("iframe").count()]
  check(
    "hasty presses",
    JSON.stringify(stopped) === JSON.stringify(["stopped", 0, 0]),
    `Run twice: ${stopped.join(", ")}`
  )
  await block.evaluate((element) => [1, 2, 3].forEach(() => element.querySelector(".edit").click()))
  await block.locator(".cm-editor").first().waitFor()
  await page.waitForTimeout(300)
  const editors = await block.locator(".cm-editor").count()
  check("hasty presses", editors === 1, `Edit three times: ${editors} editors`)
  const troubles = take()
  check("hasty presses", troubles.length === 0, troubles.join("; "))
  await page.close()
}

/** Without the network, a block says why it does not run. */
const offline = async (context, origin) => {
  const page = await context.newPage()
  const errors = []
  page.on("pageerror", (error) => errors.push(error.message))
  await page.goto(`${origin}/group`, { waitUntil: "networkidle" })
  await page.route("**/*", (route) => route.abort())
  const block = page.locator(".runnable").first()
  const says = async (button, text) => {
    await block.locator(button).click()
    const isSaid = await block.locator(".output", { hasText: text }).waitFor({ timeout: 5_000 }).then(
      () => true,
      () => false
    )
    check("blocks that say that they are offline", isSaid, `after ${button}`)
  }
  await says(".run", "the runtime cannot be loaded")
  await says(".edit", "the editor cannot be loaded")
  check("blocks that say that they are offline", errors.length === 0, errors.join("; "))
  await page.close()
}

/** Presses every Run of these pages. The build has counted the blocks with Run in the pages' sources. */
export const running = async (browser, origin, pages) => {
  withoutRun()
  const expected = read("../.cache/blocks.json").withRun
  const found = {}
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" })
  const tabs = await Promise.all([0, 1].map(() => open(context, origin)))
  await inTurns(pages, tabs.length, async (path, lane) => {
    const { page, take } = tabs[lane]
    await page.goto(origin + path, { waitUntil: "load" })
    const blocks = await page.$$(".runnable")
    if (blocks.length > 0) found[path.slice(1) || "index"] = blocks.length
    for (const [index, block] of blocks.entries()) {
      const { code, lines, state } = await block.evaluate(press)
      const wanted = steady(promised(code))
      const printed = steady(lines)
      const isTest = /from "vitest"/.test(code)
      const isRight = isTest
        ? lines.length > 0 && lines.every((line) => line.startsWith("✓"))
        : JSON.stringify(printed) === JSON.stringify(wanted)
      check(
        "Runs that print what the page says",
        isRight && /^done/.test(state),
        `${path}, block ${index + 1} (${
          code.split("\n").find((line) => !line.startsWith("import"))
        }): ${state}\n  found    ${JSON.stringify(printed)}\n  expected ${JSON.stringify(wanted)}`
      )
    }
    const troubles = take()
    check(
      "pages without an error, a 404 or a request to elsewhere",
      troubles.length === 0,
      `${path} after its Runs: ${troubles.join("; ")}`
    )
  })
  for (const page of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    check(
      "pages with a Run for each block that can run",
      expected[page] === found[page],
      `/${page}: ${found[page] ?? 0} blocks have Run, ${expected[page] ?? 0} can run`
    )
  }
  await editing(tabs[0].page, origin)
  await hasty(context, origin)
  await offline(context, origin)
  await context.close()
}
