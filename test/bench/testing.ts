/**
 * Measures the speed of `sluice/testing`, and how soon each of its strategies finds the gallery's planted bugs. Prints
 * Markdown on stdout, and the progress on stderr.
 *
 * Run with `npm run bench:testing`, which compiles it first: otherwise a loader that keeps the names of functions would
 * be measured with it.
 */
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import { Semaphore } from "sluice"
import { explore, type Scenario, scenario, type Strategy } from "sluice/testing"
import { gallery } from "../testing/gallery.js"
import { median, search } from "../testing/search.js"

const rounds = 5
const seeds = Array.from({ length: 40 }, (_, i) => i + 1)
const shrinkSeeds = seeds.slice(0, 8)
const cap = 5_000

const began = Date.now()
const progress = (text: string) => console.error(`${((Date.now() - began) / 1_000).toFixed(0).padStart(4)} s  ${text}`)

const number = (n: number) => n.toLocaleString("en", { maximumFractionDigits: 1 })

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) => {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) =>
    `| ${cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join(" | ")} |`
  const rule = widths.map((width, i) => i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)
  console.log([line(head), line(rule), ...rows.map(line), ""].join("\n"))
}

/** Three fibers that share one permit, and ask for it so many times each. */
const sharing = (times: number, body: Effect.Effect<void> = Effect.yieldNow): Scenario =>
  scenario((t) =>
    Effect.gen(function*() {
      const semaphore = yield* Semaphore.make(1)
      const work = Semaphore.withPermit(semaphore, body)
      // The enumeration is of `withPermit` alone.
      const actor = times === 1 ? work : Effect.forEach(Array.from({ length: times }), () => work, { discard: true })
      for (const name of ["a", "b", "c"]) yield* t.actor(name, actor)
      yield* t.settled
      yield* t.expect(() => Semaphore.stats(semaphore).available === 1, "a permit was lost")
    })
  )

const expectNone = (report: ReturnType<typeof explore>) => {
  if (report.failure !== undefined) throw new Error(report.toString())
  return report
}

const manifest = JSON.parse(readFileSync("node_modules/effect/package.json", "utf8")) as { readonly version: string }
console.log(`node ${process.version}, effect ${manifest.version}, ${cpus().length} x ${cpus()[0]?.model}\n`)

for (const times of [1, 2, 7]) {
  progress(`throughput of the portfolio, ${times} permits a fiber`)
  const throughput = Array.from(
    { length: rounds + 1 },
    (_, seed) => expectNone(explore(sharing(times), { runs: 20_000 / times, seed }))
  )
    // The first round warms up.
    .slice(1)
  const speeds = throughput.map(({ schedulesPerSecond }) => schedulesPerSecond)
  const { distinct, runs, steps } = throughput[0]!
  console.log(
    `Portfolio, 3 fibers, up to 2 interrupts: ${number(median(speeds))} schedules a second (${
      number(Math.min(...speeds))
    } to ${number(Math.max(...speeds))}), ${number(steps / runs)} operations a schedule, ${
      number(distinct * 100 / runs)
    } % distinct\n`
  )
}

progress("exhaustive enumeration")
const exhaustive = Array.from(
  { length: 3 },
  () => expectNone(explore(sharing(1, Effect.void), { strategy: { exhaustive: { preemptions: 2, cancels: 1 } } }))
)
const enumerated = exhaustive[0]!
console.log(
  `Exhaustive, withPermit x 3 fibers x 1 interrupt x up to 2 preemptions: ${
    number(enumerated.runs)
  } schedules (${enumerated.distinct} distinct) in ${
    number(median(exhaustive.map(({ millis }) => millis)) / 1_000)
  } s, exhausted: ${enumerated.exhausted}\n`
)

const strategies: ReadonlyArray<readonly [name: string, strategy: Strategy]> = [
  ["random", "random"],
  ["sticky", "sticky"],
  ["pct", "pct"],
  ["portfolio", "portfolio"],
  ["exhaustive", { exhaustive: { preemptions: 2, cancels: 1 } }]
]
console.log(`Schedules until found, median of ${seeds.length} seeds:\n`)
table(
  ["bug", ...strategies.map(([name]) => name)],
  gallery.map(({ bug, name, options }) => {
    progress(`until found: ${name}`)
    const cells = strategies.map(([, strategy]) => {
      // An enumeration has no seed.
      const among = typeof strategy === "string" ? seeds : [1]
      const runs = median(among.map((seed) => search(bug, { ...options, strategy, seed, runs: cap }).run))
      return runs === Infinity ? `>${cap}` : String(runs)
    })
    return [name, ...cells]
  })
)

console.log(`Found by the portfolio and reduced, over ${shrinkSeeds.length} seeds, median (largest):\n`)
table(
  ["bug", "ms to reduce it", "decisions", "ms for the trace"],
  gallery.map(({ bug, name, options }) => {
    progress(`reduced: ${name}`)
    const all = shrinkSeeds.map((seed) => {
      const timed = (shrink: boolean) => {
        const start = performance.now()
        const { failure } = explore(bug, { ...options, seed, runs: cap, shrink })
        return [performance.now() - start, failure?.schedule.length ?? NaN] as const
      }
      const start = performance.now()
      search(bug, { ...options, strategy: "portfolio", seed, runs: cap })
      const searching = performance.now() - start
      const [without] = timed(false)
      const [full, decisions] = timed(true)
      return { shrinking: Math.max(0, full - without), decisions, tracing: Math.max(0, without - searching) }
    })
    const cell = (values: ReadonlyArray<number>) => `${median(values).toFixed(0)} (${Math.max(...values).toFixed(0)})`
    return [
      name,
      cell(all.map(({ shrinking }) => shrinking)),
      cell(all.map(({ decisions }) => decisions)),
      cell(all.map(({ tracing }) => tracing))
    ]
  })
)
progress("done")
