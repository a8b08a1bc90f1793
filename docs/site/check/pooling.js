/** The page of the pool: presses and moves everything, and counts the dots. */
import { check } from "./checks.js"
import { frames, open } from "./page.js"

/** In the page: the numbers in its table, and the dots that are drawn, at one moment. */
const read = () => {
  const number = (selector) => Number(document.querySelector(selector)?.textContent ?? NaN)
  const rows = [...document.querySelectorAll(".agreement tbody tr")].map((row) => {
    const [dots, stats] = [...row.querySelectorAll("td")].map(({ textContent }) => Number(textContent))
    return [row.dataset.count, { dots, stats }]
  })
  const drawn = (place) => document.querySelectorAll(`circle.dot[data-place=${place}]`).length
  const area = (name) => document.querySelector(`[data-area=${name}] .number`)?.textContent ?? ""
  const hidden = [...document.querySelectorAll(".scene .hidden")].reduce(
    (sum, { dataset }) => sum + Number(dataset.hidden),
    0
  )
  const results = [...document.querySelectorAll(".scene .row")].map((row) => [
    row.dataset.outcome,
    Number(row.querySelector(".count").textContent)
  ])
  return {
    rows: Object.fromEntries(rows),
    inLines: drawn("waiting") + drawn("queued") + hidden,
    running: drawn("running"),
    areas: { callers: area("callers"), queue: area("queue"), workers: area("workers") },
    results: Object.fromEntries(results),
    trails: Object.fromEntries(results.map(([outcome]) => [outcome, drawn(outcome)])),
    workers: document.querySelectorAll(".scene .worker").length,
    progress: document.querySelectorAll(".scene .progress").length,
    frames: number(".agreement .frames"),
    differing: number(".agreement .differing"),
    arrived: number(".agreement .arrived"),
    refused: number(".agreement .refused"),
    // Seconds, exactly: the text has two decimals, and a step may be shorter.
    at: Number(document.querySelector(".clock .at")?.dataset.millis) / 1_000,
    state: document.querySelector(".clock .state")?.textContent,
    sentence: document.querySelector(".sentence")?.textContent.trim(),
    code: document.querySelector(".pool pre code")?.textContent
  }
}

/** Checks that the dots, the numbers in the drawing, the table and `stats` are the same. */
const agree = (seen, when) => {
  const { rows } = seen
  const texts = Object.entries(rows).filter(([, { dots, stats }]) => dots !== stats || Number.isNaN(dots))
  check(
    "numbers of the dots that are those of stats",
    Object.keys(rows).length === 11 && texts.length === 0,
    `${when}: ${JSON.stringify(texts)}`
  )
  check(
    "frames in which the dots agree",
    seen.frames > 0 && seen.differing === 0,
    `${when}: ${seen.differing} of ${seen.frames}`
  )
  const drawn = seen.inLines === rows.waiting.dots + rows.queued.dots && seen.running === rows.running.dots &&
    seen.progress === rows.running.dots && seen.workers === rows.running.dots + rows.idle.dots
  check("dots drawn as counted", drawn, `${when}: ${JSON.stringify(seen)}`)
  const isShown = ([outcome, count]) =>
    (rows[outcome]?.stats ?? count) === count && seen.trails[outcome] === Math.min(10, count)
  check("results drawn as counted", Object.entries(seen.results).every(isShown), `${when}: ${JSON.stringify(seen)}`)
  const titles = seen.areas.callers === `${rows.waiting.stats}` &&
    seen.areas.queue.startsWith(`${rows.queued.stats} of `) &&
    seen.areas.workers.startsWith(`${rows.running.stats} of `)
  check("titles with the counts", titles, `${when}: ${JSON.stringify(seen.areas)}`)
  const all = rows.submitted.stats + rows.waiting.stats + seen.refused
  check("callers that are all somewhere", seen.arrived === all, `${when}: ${seen.arrived} came, ${all} found`)
}

/** Sets a slider by its label with the keyboard, one key at a time. */
const press = async (page, label, ...keys) => {
  await page.getByRole("slider", { name: label }).focus()
  for (const key of keys) await page.keyboard.press(key)
}

/** Waits until the clock has passed the given seconds. */
const until = (page, seconds) =>
  page.waitForFunction((least) => Number(document.querySelector(".clock .at").textContent) >= least, seconds, {
    timeout: 60_000
  })

/** In the page: the number of dots removed and inserted again within 60 frames, which restarts their glides. */
const reinserted = () =>
  new Promise((resolve) => {
    const seen = new Set(document.querySelectorAll("circle.dot"))
    let again = 0
    const observer = new MutationObserver((records) => {
      for (const node of records.flatMap(({ addedNodes }) => [...addedNodes])) {
        if (seen.has(node)) again++
        seen.add(node)
      }
    })
    observer.observe(document.querySelector(".scene"), { childList: true })
    const next = (left) =>
      left === 0 ? resolve({ again, dots: seen.size }) : requestAnimationFrame(() => next(left - 1))
    next(60)
  })

const button = (page, name) => page.getByRole("button", { name, exact: true })

export const pooling = async (browser, origin) => {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    permissions: ["clipboard-read", "clipboard-write"]
  })
  const { page, take } = await open(context, origin)
  const look = async (when) => {
    const seen = await page.evaluate(read)
    agree(seen, when)
    return seen
  }
  await page.goto(`${origin}/pool`, { waitUntil: "load" })
  await page.waitForSelector(".pool .scene .worker")

  // The clock runs by itself, and stands after Pause.
  await until(page, 1)
  await look("at first")
  await button(page, "Pause").click()
  const stands = await look("paused")
  await frames(page, 20)
  check("pauses", (await page.evaluate(read)).at === stands.at, "the clock moves after Pause")
  // A step brings exactly one moment at which something happens.
  await button(page, "Step").click()
  const stepped = await look("after a step")
  check("steps", stepped.at > stands.at && stepped.frames > stands.frames, `${stands.at} s, then ${stepped.at} s`)

  // Each preset does what its sentence says; `test/site/pool.test.ts` has the numbers.
  await page.getByLabel("Speed").selectOption("10")
  const presets = [
    ["Calm", ({ rows }) => rows.waiting.stats === 0 && rows.submitted.stats > 50],
    ["A burst", ({ rows }) => rows.submitted.stats % 24 === 0],
    ["Too few workers", ({ rows }) => rows.waiting.stats > 20 && rows.running.stats === 4 && rows.queued.stats === 8],
    [
      "Queue too long",
      ({ results, rows }) => rows.queued.stats > 55 && rows.running.stats === 5 && results.rejected > 10
    ],
    [
      "Load shedding",
      ({ results, rows }) => rows.queued.stats <= 4 && rows.running.stats === 5 && results.rejected > 100
    ]
  ]
  for (const [name, holds] of presets) {
    await button(page, name).click()
    await until(page, 15)
    const seen = await look(name)
    check("presets", holds(seen), `${name}: ${JSON.stringify(seen)}`)
    const glides = await page.evaluate(reinserted)
    check("dots that glide on", glides.again === 0 && glides.dots > 20, `${name}: ${glides.again} of ${glides.dots}`)
    check("presets pressed", await button(page, name).getAttribute("aria-pressed") === "true", name)
  }

  // Sliders by keyboard: the same pool goes on, or there is a new one.
  await button(page, "Calm").click()
  await until(page, 5)
  await press(page, "Workers", "End")
  const grown = await look("16 workers")
  // A new pool's clock would begin at 0.
  check("sliders of a running pool", grown.workers === 16 && grown.at >= 5, JSON.stringify(grown))
  await press(page, "Arrivals", "End")
  await press(page, "Jobs that fail", "End")
  await press(page, "Jobs at a time", "ArrowRight")
  await press(page, "Spread of the durations", "Home")
  await press(page, "Duration of a job", "PageUp", "ArrowLeft")
  await until(page, 12)
  const failing = await look("all fail")
  check("sliders of the load", failing.rows.failed.stats > 50, JSON.stringify(failing.rows))
  check("settings in the link", /arrivals=60&burst=2&.*spread=0&failures=100&size=16/.test(page.url()), page.url())
  for (const name of ["The new job is dropped", "The oldest job is dropped"]) {
    await page.getByRole("radio", { name }).check()
    await press(page, "Workers", "Home")
    await until(page, 4)
    const dropping = await look(name)
    check(
      "strategies",
      dropping.rows.dropped.stats > 50 && dropping.rows.waiting.stats === 0,
      `${name}: ${JSON.stringify(dropping.rows)}`
    )
  }
  check(
    "code of the settings",
    (await page.evaluate(read)).code.includes("size: 1,\n  queue: { capacity: 12, strategy: \"sliding\" },"),
    "code"
  )
  await page.click(".pool .copy")
  const copiedCode = await page.evaluate(() => navigator.clipboard.readText())
  check("code copied", copiedCode.trim() === (await page.evaluate(read)).code.trim(), copiedCode)
  await press(page, "Longest wait", "ArrowRight")
  await until(page, 4)
  const expiring = await look("a deadline")
  check(
    "deadlines",
    expiring.rows.expired.stats > 10 && expiring.code.includes("deadlines: { wait: \"100 millis\" }"),
    JSON.stringify(expiring)
  )
  await press(page, "Queue", "End")
  await until(page, 2)
  check("an unbounded queue", (await look("unbounded")).areas.queue.endsWith("of ∞"), "no ∞")

  // The end of a pool.
  for (
    const [preset, end, holds] of [
      ["Too few workers", "shutdown", ({ rows }) => rows.returned.stats === 0 && rows.interrupted.stats === 0],
      ["Too few workers", "shutdownNow", ({ rows }) => rows.returned.stats === 8 && rows.interrupted.stats === 4]
    ]
  ) {
    await button(page, preset).click()
    await until(page, 5)
    await button(page, end).click()
    await page.waitForFunction(() => document.querySelector(".clock .state").textContent === "stopped")
    await page.waitForFunction(() => /has ended/.test(document.querySelector(".sentence").textContent))
    const seen = await look(end)
    const { rows } = seen
    const nothing = rows.queued.stats + rows.running.stats + rows.waiting.stats + rows.idle.stats === 0
    check("ends", holds(seen) && nothing && seen.results.closed > 0, `${end}: ${JSON.stringify(seen)}`)
  }
  await button(page, "Restart").click()
  await page.waitForFunction(() => document.querySelector(".clock .state").textContent === "running")

  // A line of callers without end: the page stops its clock.
  await page.goto(`${origin}/pool#arrivals=60&size=1&capacity=0&speed=10&duration=2000`, { waitUntil: "load" })
  await page.reload()
  await page.waitForFunction(() => /callers wait/.test(document.querySelector(".sentence")?.textContent ?? ""))
  check("a limit of callers", (await look("a thousand callers")).rows.waiting.stats >= 1_000, "fewer")

  // A link in a fresh tab gives the same run, and the copied link is that of the page.
  await button(page, "Copy a link to these settings").click()
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  check("links copied", copied === page.url() && copied.includes("size=1"), copied)
  const other = await open(context, origin)
  await other.page.goto(
    `${origin}/pool#size=3&capacity=unbounded&full=sliding&arrivals=61&duration=<img src=x onerror=alert(1)>`
  )
  await other.page.waitForSelector(".pool .scene .worker")
  const shared = await other.page.evaluate(read)
  check(
    "links read",
    shared.code.includes("size: 3,\n  queue: { capacity: \"unbounded\", strategy: \"sliding\" }"),
    shared.code
  )
  const refusal = await other.page.textContent(".refusal")
  check("links refused in part", refusal.includes("arrivals=61") && refusal.includes("duration="), refusal)
  check("links as text alone", await other.page.locator(".refusal img").count() === 0, "an image")
  check("pages without an error, a 404 or a request to elsewhere", other.take().length === 0, "/pool, shared")
  await other.page.close()

  // Both widths, with the dots of a full queue.
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: 900 })
    for (const [name] of presets) {
      await button(page, name).click()
      await until(page, 6)
      await look(`${name} at ${width} px`)
      const sticksOut = await page.evaluate(() =>
        document.documentElement.scrollWidth - document.documentElement.clientWidth
      )
      const [drawn, given] = await page.evaluate(() =>
        [".scene", ".pool-stage"].map((one) => document.querySelector(one).getBoundingClientRect().width)
      )
      check(
        "a drawing as wide as the page",
        Math.abs(drawn - given) < 1,
        `${name} at ${width} px: ${drawn} of ${given}`
      )
      check("pool without overflow", sticksOut <= 0, `${name} at ${width} px: ${sticksOut} px`)
    }
  }

  // With reduced motion nothing moves before Play.
  const still = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" })
  const calm = await open(still, origin)
  await calm.page.goto(`${origin}/pool#speed=5`, { waitUntil: "load" })
  await calm.page.waitForSelector(".pool .scene .worker")
  // The clock would move after half a second.
  await frames(calm.page, 60)
  check("reduced motion", (await calm.page.evaluate(read)).at === 0, "the clock moves by itself")
  await button(calm.page, "Play").click()
  await until(calm.page, 1)
  const glides = await calm.page.evaluate(() =>
    [...document.querySelectorAll("circle.dot")].some((dot) => parseFloat(getComputedStyle(dot).transitionDuration) > 0)
  )
  check("reduced motion", !glides, "dots glide")
  agree(await calm.page.evaluate(read), "reduced motion")
  const troubles = [...take(), ...calm.take()]
  check(
    "pages without an error, a 404 or a request to elsewhere",
    troubles.length === 0,
    `/pool: ${troubles.join("; ")}`
  )
  await still.close()
  await context.close()
}
