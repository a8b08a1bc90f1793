/** `Limit` over several processes, which are killed, frozen and blocked. */
import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync } from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { type Kind, type Notes, type Place, storeOf } from "../../support/fleet.js"
import { type Server, startPostgres, startRedis } from "../../support/servers.js"
import { compile } from "../../support/threads.js"
import type { Order, Said } from "./worker.js"

const root = path.resolve(import.meta.dirname, "../../..")
const folder = path.join(root, "node_modules/.cache/sluice-limit")
const worker = path.join(folder, "worker.mjs")

/** A process of the fleet, and all that it has said. */
class Process {
  readonly said: Array<Said> = []
  readonly ended: Promise<void>
  private errors = ""
  private heard: Array<() => void> = []

  constructor(readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      this.said.push(JSON.parse(line) as Said)
      this.notify()
    })
    child.stderr!.on("data", (data) => (this.errors += String(data)))
    this.ended = once(child, "close").then(() => this.notify())
  }

  private notify(): void {
    for (const listener of this.heard.splice(0)) listener()
  }

  async says<S extends Said["says"]>(what: S): Promise<Extract<Said, { says: S }>> {
    for (;;) {
      const found = this.said.find(({ says }) => says === what)
      if (found !== undefined) return found as Extract<Said, { says: S }>
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`it ended without ${what}: ${this.errors}`)
      }
      await new Promise<void>((resolve) => this.heard.push(resolve))
    }
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL")
    await this.ended
  }
}

const starts: Record<Kind, () => Promise<Server>> = { redis: startRedis, postgres: startPostgres }

describe.each(["redis", "postgres"] as const)("%s", (kind) => {
  let server: Server
  let place: Place
  const processes: Array<Process> = []
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true })
    compile(path.join(import.meta.dirname, "worker.ts"), worker)
    server = await starts[kind]()
    place = { kind, port: server.port }
    await noting((notes) => notes.prepare)
  })
  afterEach(() => Promise.all(processes.splice(0).map((one) => one.kill())))
  afterAll(() => server.close())

  const noting = <A>(use: (notes: Notes) => Effect.Effect<A>): Promise<A> => Effect.runPromise(storeOf(place, use))

  const start = (order: Omit<Order, "place">, zone?: string): Process => {
    const env = { ...process.env, WORKER: JSON.stringify({ ...order, place: { ...place, zone } } satisfies Order) }
    const one = new Process(spawn(process.execPath, [worker], { env, stdio: ["ignore", "pipe", "pipe"] }))
    processes.push(one)
    return one
  }

  test("three processes, in three time zones, are never more than ten inside (F1)", async () => {
    const before = await noting((notes) => notes.seen)
    const order = {
      limit: { name: "ten", permits: 10, lease: 20_000 },
      does: { what: "work", fibers: 12, times: 8, holds: 40 }
    } as const
    const all = ["Asia/Tokyo", "America/Los_Angeles", "UTC"].map((zone) => start(order, zone))
    const done = await Promise.all(all.map((one) => one.says("done")))
    expect(done.map(({ errors, times }) => [times, errors])).toEqual([[96, []], [96, []], [96, []]])
    const { most, times } = await noting((notes) => notes.seen)
    expect(times - before.times).toBe(3 * 96)
    expect(most).toBe(10)
  }, 90_000)

  test("the permits and places of killed processes return after a lease (F2, F3)", async () => {
    const order = {
      limit: { name: "killed", permits: 10, lease: 1_500 },
      does: { what: "work", fibers: 8, times: 40, holds: 20 }
    } as const
    const all = [start(order), start(order), start(order)]
    const [first, second, third] = all as [Process, Process, Process]
    await Promise.all(all.map((one) => one.says("ready")))
    await setTimeout(700)
    for (const victim of [first, second]) {
      await victim.kill()
      await noting((notes) => notes.forget(victim.child.pid!))
      await setTimeout(300)
    }
    const { errors, times } = await third.says("done")
    expect([times, errors]).toEqual([320, []])
    const { most } = await noting((notes) => notes.seen)
    expect(most).toBeLessThanOrEqual(10)
    const all10 = start({ ...order, does: { what: "hold", permits: 10, blocks: 0 } })
    await all10.says("granted")
  }, 90_000)

  test("a frozen holder is interrupted as it goes on, and its token is refused (F6, F7)", async () => {
    const order = {
      limit: { name: "frozen", permits: 1, lease: 1_500 },
      does: { what: "hold", permits: 1, blocks: 0 }
    } as const
    const frozen = start(order)
    const { token } = await frozen.says("granted")
    frozen.child.kill("SIGSTOP")
    const next = start(order)
    const after = await next.says("granted")
    expect(after.token).toBeGreaterThan(token)
    await setTimeout(500)
    frozen.child.kill("SIGCONT")
    const from = performance.now()
    const { wrote } = await frozen.says("lost")
    expect(wrote).toBe(false)
    expect(performance.now() - from).toBeLessThan(1_000)
    expect(next.said.map(({ says }) => says)).toEqual(["ready", "granted"])
  }, 60_000)

  test("a holder that blocks its event loop is interrupted when the loop runs again (F7)", async () => {
    const limit = { name: "blocked", permits: 1, lease: 1_500 }
    const blocked = start({ limit, does: { what: "hold", permits: 1, blocks: 3_000 } })
    await blocked.says("granted")
    const next = start({ limit, does: { what: "hold", permits: 1, blocks: 0 } })
    await next.says("granted")
    const { afterMillis, wrote } = await blocked.says("lost")
    expect(wrote).toBe(false)
    expect(afterMillis).toBeGreaterThan(2_900)
    expect(afterMillis).toBeLessThan(4_500)
  }, 60_000)
})
