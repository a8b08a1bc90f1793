/**
 * Sends a message to each of 20,000 users, over a few connections to a server that keeps hanging up; and beside it the
 * version that comes to mind first. Both run as processes of their own, so that their memory can be told apart.
 */
import cliProgress from "cli-progress"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { getHeapStatistics } from "node:v8"
import { naive, pooled } from "./senders.js"
import { serve } from "./server.js"

const help = `Usage: main.ts [--users N] [--workers N] [--drop P] [--only pool|naive]

  --users N    how many users there are (20000)
  --workers N  how many workers, and connections, the pool has (16)
  --drop P     with which probability the server hangs up instead of answering (0.02)
  --only WHICH run one of the two, and print what it took as JSON
`

const fail = (message: string): never => {
  console.error(`${message}\n\n${help}`)
  process.exit(1)
}

const number = (name: string, text: string, ok: (value: number) => boolean, requirement: string): number => {
  const value = Number(text)
  return text.trim() !== "" && ok(value) ? value : fail(`--${name} must be ${requirement}, got ${JSON.stringify(text)}`)
}

const positive = (value: number) => Number.isSafeInteger(value) && value >= 1

const { values } = parseArgs({
  options: {
    users: { type: "string", default: "20000" },
    workers: { type: "string", default: "16" },
    drop: { type: "string", default: "0.02" },
    only: { type: "string" },
    help: { type: "boolean", default: false }
  }
})
if (values.help) {
  console.log(help)
  process.exit(0)
}
const users = number("users", values.users, positive, "an integer >= 1")
const workers = number("workers", values.workers, positive, "an integer >= 1")
const drop = number("drop", values.drop, (value) => value >= 0 && value < 0.5, "a number from 0 to less than 0.5")

const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20)

interface Result {
  readonly seconds: number
  readonly peakHeap: number
  readonly peakMemory: number
  readonly connections: number
  readonly sent: number
  readonly twice: number
  readonly ended: string
}

/** Runs one of the two in this process, and looks at its memory a hundred times a second. */
const runHere = (which: "pool" | "naive") =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* serve(drop, 1)
    let sent = 0
    let peakHeap = 0
    const bar = new cliProgress.SingleBar({
      format: `${which.padEnd(5)} {bar} {value} of {total} users, {heap} MB of heap`,
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: 1000
    }, cliProgress.Presets.shades_classic)
    bar.start(users, 0, { heap: 0 })
    const look = setInterval(() => {
      const heapUsed = getHeapStatistics().used_heap_size
      peakHeap = Math.max(peakHeap, heapUsed)
      bar.update(sent, { heap: megabytes(heapUsed) })
    }, 10)
    const start = performance.now()
    const options = {
      users,
      workers,
      port: server.port,
      onSent: () => {
        sent++
      }
    }
    const exit = yield* Effect.exit(Effect.scoped(which === "pool" ? pooled(options) : naive(options)))
    clearInterval(look)
    bar.update(sent)
    bar.stop()
    const times = [...server.times.values()]
    const result: Result = {
      seconds: Math.round((performance.now() - start) / 100) / 10,
      peakHeap: megabytes(peakHeap),
      peakMemory: Math.round(process.resourceUsage().maxRSS / 1024),
      connections: server.connections(),
      sent: times.length,
      twice: times.filter((n) => n > 1).length,
      ended: Exit.isSuccess(exit) ? "well" : String(exit.cause.reasons[0])
    }
    console.log(JSON.stringify(result))
  }))

const runThere = (which: "pool" | "naive"): Result => {
  const args = ["--users", String(users), "--workers", String(workers), "--drop", String(drop), "--only", which]
  const child = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8"
  })
  if (child.status !== 0) fail(`the ${which} version ended with ${child.status ?? child.signal}`)
  return JSON.parse(child.stdout) as Result
}

if (values.only === "pool" || values.only === "naive") {
  const fiber = Effect.runFork(runHere(values.only))
  // The pool's scope closes: what runs is interrupted, every connection is closed.
  process.once("SIGINT", () => fiber.interruptUnsafe())
  fiber.addObserver((exit) => process.exitCode = Exit.isSuccess(exit) ? 0 : 1)
} else if (values.only !== undefined) {
  fail(`--only must be pool or naive, got ${JSON.stringify(values.only)}`)
} else {
  console.log(`${users} users, a server that hangs up on ${drop * 100} % of the messages`)
  console.table({ [`pool of ${workers}`]: runThere("pool"), "a fiber a message": runThere("naive") })
}
