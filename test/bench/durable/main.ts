/**
 * `npm run bench:durable`: durable jobs compared with other queues, on servers that it starts. Redis and PostgreSQL
 * have to be installed. The contenders take turns, each in a process of its own, so a busy machine disturbs all alike.
 * All of them run on Node 22, which two of them need. Writes the figures into docs/durable.md.
 *
 * `-- ROUNDS` says how many rounds there are, 5 by default. `-- 1 NAME...` runs some contenders, and writes nothing.
 */
import { build } from "esbuild"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { type Server, startPostgres, startRedis } from "../../support/servers.js"
import { median, quantile } from "../measure.js"
import type { Order, Whole } from "./child.js"
import type { Name } from "./contenders.js"
import { pageOf } from "./page.js"

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const [roundsGiven = "5", ...only] = process.argv.slice(2)
const rounds = Number(roundsGiven)

const child = path("../node_modules/.cache/durable.mjs")
await build({
  entryPoints: [path("child.ts")],
  outfile: child,
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  logLevel: "warning"
})

const node = execFileSync("npx", ["-y", "-p", "node@22", "node", "-p", "process.execPath"], { encoding: "utf8" }).trim()
const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim()

/** A process of the bench, and the values that it prints. */
class Child {
  private readonly values: Array<Record<string, unknown>> = []
  private wake: () => void = () => {}
  private readonly process: ChildProcess
  private isOver = false

  constructor(whole: Whole) {
    this.process = spawn(node, [child, JSON.stringify(whole)], { stdio: ["ignore", "pipe", "inherit"] })
    createInterface({ input: this.process.stdout! }).on("line", (line) => {
      if (!line.startsWith("{")) return
      this.values.push(JSON.parse(line) as Record<string, unknown>)
      this.wake()
    })
    this.process.on("close", () => {
      this.isOver = true
      this.wake()
    })
  }

  /** The next `count` values with this property. */
  async says(property: string, count = 1): Promise<ReadonlyArray<Record<string, unknown>>> {
    for (;;) {
      const found = this.values.filter((value) => property in value)
      if (found.length >= count) return found
      if (this.isOver) throw new Error("a process of the bench has ended early")
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  kill(): void {
    this.process.kill("SIGKILL")
  }
}

/** Empty servers: a contender never sees the jobs of another one. */
const withServers = async <A>(use: (places: { redis: number; postgres: number }) => Promise<A>): Promise<A> => {
  const servers: Array<Server> = []
  try {
    servers.push(await startRedis("everysec"), await startPostgres())
    return await use({ redis: servers[0]!.port, postgres: servers[1]!.port })
  } finally {
    for (const server of servers) await server.close()
  }
}

/** The defaults of sluice. */
const times = { lock: 30_000, poll: 1_000 }

const runOnce = (name: Name, order: Order): Promise<Record<string, number>> =>
  withServers(async (places) => {
    const one = new Child({ name, places, times, order })
    return (await one.says("perSecond"))[0] as Record<string, number>
  })

/** Jobs a second, and the processor time of a job in the process that runs them. */
const throughput = async (names: ReadonlyArray<Name>, jobs: number, warmUp: number) => {
  const all = new Map(names.map((name) => [name, { perSecond: [] as Array<number>, cpuMillis: [] as Array<number> }]))
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const { cpuMillis, perSecond } = await runOnce(name, { does: "run", jobs, warmUp })
      all.get(name)!.perSecond.push(perSecond!)
      all.get(name)!.cpuMillis.push(cpuMillis!)
      console.error(`${round + 1}/${rounds} ${name}: ${perSecond!.toFixed(0)} jobs/s, ${cpuMillis!.toFixed(2)} ms CPU`)
    }
  }
  return Object.fromEntries(all)
}

/** From before a job is stored in one process until it has begun in another one, in milliseconds. */
const latency = (name: Name, jobs: number) =>
  withServers(async (places) => {
    const server = new Child({ name, places, times, order: { does: "serve", holds: false } })
    await server.says("ready")
    await setTimeout(1_000)
    const client = new Child({ name, places, times, order: { does: "submit", jobs, every: 100 } })
    await client.says("ready")
    const waited = (await server.says("waited", jobs)).map(({ waited }) => waited as number)
    server.kill()
    console.error(`latency of ${name}: ${median(waited).toFixed(1)} ms`)
    return { p50: median(waited), p99: quantile(waited, 0.99) }
  })

/** From the kill of a process until its job has begun in another one, with a lock of five seconds. */
const recovery = (name: Name) =>
  withServers(async (places) => {
    const whole = { name, places, times: { ...times, lock: 5_000 }, order: { does: "serve", holds: true } } as const
    const victim = new Child(whole)
    await victim.says("ready")
    const client = new Child({ ...whole, order: { does: "submit", jobs: 1, every: 0 } })
    await client.says("submitted")
    await victim.says("begun")
    const other = new Child(whole)
    await other.says("ready")
    await setTimeout(Math.random() * 2_000)
    victim.kill()
    const killed = performance.timeOrigin + performance.now()
    const [begun] = await other.says("begun")
    other.kill()
    const millis = begun!["begun"] as number - killed
    console.error(`recovery of ${name}: ${millis.toFixed(0)} ms`)
    return millis
  })

const limits = async () => {
  const run = (on: "redis" | "postgres", fibers: number, times: number) =>
    runOnce("sluice on Redis", { does: "limit", on, fibers, permits: 10, times })
  return {
    "one fiber, 10 permits, Redis": await run("redis", 1, 4_000),
    "20 fibers, 10 permits, Redis": await run("redis", 20, 200),
    "one fiber, 10 permits, PostgreSQL": await run("postgres", 1, 1_000),
    "20 fibers, 10 permits, PostgreSQL": await run("postgres", 20, 50)
  }
}

const redisNames: ReadonlyArray<Name> = [
  "BullMQ",
  "PersistedQueue on BullMQ",
  "sluice on BullMQ",
  "sluice on BullMQ, with results",
  "PersistedQueue on Redis",
  "sluice on Redis",
  "sluice on Redis, with results"
]
const pgNames: ReadonlyArray<Name> = [
  "graphile-worker",
  "pg-boss",
  "PersistedQueue on PostgreSQL",
  "sluice on PostgreSQL",
  "sluice on PostgreSQL, with results"
]
const chosen = (names: ReadonlyArray<Name>) => only.length === 0 ? names : names.filter((name) => only.includes(name))

const redis = await throughput(chosen(redisNames), 40_000, 20_000)
const postgres = await throughput(chosen(pgNames), 8_000, 4_000)
if (only.length > 0) process.exit(0)

const latencies: Record<string, { readonly p50: number; readonly p99: number }> = {}
for (
  const name of [
    "BullMQ",
    "sluice on BullMQ",
    "sluice on Redis",
    "sluice on Redis, without a Wake",
    "graphile-worker",
    "pg-boss",
    "sluice on PostgreSQL",
    "sluice on PostgreSQL, without a Wake"
  ] as const
) latencies[name] = await latency(name, 100)

const recoveries: Record<string, ReadonlyArray<number>> = {}
for (const name of ["BullMQ", "sluice on BullMQ", "sluice on Redis", "pg-boss", "sluice on PostgreSQL"] as const) {
  const each: Array<number> = []
  for (let i = 0; i < Math.min(3, rounds); i++) each.push(await recovery(name))
  recoveries[name] = each
}

const results = {
  machine: `${cpus().length} × ${cpus()[0]!.model}`,
  node: version,
  load: loadavg()[0]!,
  rounds,
  redis,
  postgres,
  latencies,
  recoveries,
  limits: await limits()
}
export type Results = typeof results
const page = path("../../../docs/durable.md")
writeFileSync(page, pageOf(readFileSync(page, "utf8"), results))
writeFileSync(path("../../../docs/performance/durable.json"), `${JSON.stringify(results, undefined, 2)}\n`)
