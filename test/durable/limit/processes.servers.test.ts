/** `Limit` over several processes, which are killed, frozen and blocked. */
import { Effect } from "effect"
import * as path from "node:path"
import { setTimeout } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { type Kind, type Notes, type Place, storeOf } from "../../support/fleet.js"
import { type Process, Processes } from "../../support/processes.js"
import { type Server, startPostgres, startRedis } from "../../support/servers.js"
import type { Order, Said } from "./worker.js"

const says = <S extends Said["says"]>(what: S) => (said: Said): said is Extract<Said, { says: S }> => said.says === what

/** In milliseconds. A reply of the store may take a sixth of it: on a busy machine some take 300 ms. */
const lease = 6_000

const starts: Record<Kind, () => Promise<Server>> = { redis: startRedis, postgres: startPostgres }

describe.each(["redis", "postgres"] as const)("%s", (kind) => {
  let server: Server
  let place: Place
  let processes: Processes<Order, Said>
  beforeAll(async () => {
    processes = new Processes(path.join(import.meta.dirname, "worker.ts"))
    server = await starts[kind]()
    place = { kind, port: server.port }
    await noting((notes) => notes.prepare)
  })
  afterEach(() => processes.killAll())
  afterAll(() => server.close())

  const noting = <A>(use: (notes: Notes) => Effect.Effect<A>): Promise<A> => Effect.runPromise(storeOf(place, use))

  const start = (order: Omit<Order, "place">, zone?: string): Process<Said> =>
    processes.start({ ...order, place: { ...place, zone } })

  test("three processes, in three time zones, are ten inside at a time, and never more (F1)", async () => {
    const before = await noting((notes) => notes.seen)
    const order = {
      limit: { name: "ten", permits: 10, lease: 20_000 },
      does: { what: "work", fibers: 12, times: 8, holds: 40, together: 10 }
    } as const
    const all = ["Asia/Tokyo", "America/Los_Angeles", "UTC"].map((zone) => start(order, zone))
    const done = await Promise.all(all.map((one) => one.says(says("done"))))
    expect(done.map(({ errors, times }) => [times, errors])).toEqual([[96, []], [96, []], [96, []]])
    const { most, times } = await noting((notes) => notes.seen)
    expect(times - before.times).toBe(3 * 96)
    expect(most).toBe(10)
  })

  test("the permits and places of killed processes return after a lease (F2, F3)", async () => {
    const order = {
      limit: { name: "killed", permits: 10, lease },
      does: { what: "work", fibers: 8, times: 40, holds: 20, together: 0 }
    } as const
    const all = [start(order), start(order), start(order)]
    const [first, second, third] = all as [Process<Said>, Process<Said>, Process<Said>]
    await Promise.all(all.map((one) => one.says(says("ready"))))
    await setTimeout(700)
    for (const victim of [first, second]) {
      await victim.end("SIGKILL")
      await noting((notes) => notes.forget(victim.pid))
      await setTimeout(300)
    }
    const { errors, times } = await third.says(says("done"))
    expect([times, errors]).toEqual([320, []])
    const { most } = await noting((notes) => notes.seen)
    expect(most).toBeLessThanOrEqual(10)
    const all10 = start({ ...order, does: { what: "hold", permits: 10, blocks: 0 } })
    await all10.says(says("granted"))
  })

  test("a frozen holder is interrupted as it goes on, and its token is refused (F6, F7)", async () => {
    const order = {
      limit: { name: "frozen", permits: 1, lease },
      does: { what: "hold", permits: 1, blocks: 0 }
    } as const
    const frozen = start(order)
    const { token } = await frozen.says(says("granted"))
    frozen.freeze()
    const next = start(order)
    const after = await next.says(says("granted"))
    expect(after.token).toBeGreaterThan(token)
    await setTimeout(500)
    frozen.thaw()
    const from = performance.now()
    const { wrote } = await frozen.says(says("lost"))
    expect(wrote).toBe(false)
    expect(performance.now() - from).toBeLessThan(lease)
    expect(next.said.map(({ says }) => says)).toEqual(["ready", "granted"])
  })

  test("a holder that blocks its event loop is interrupted when the loop runs again (F7)", async () => {
    const limit = { name: "blocked", permits: 1, lease }
    const blocked = start({ limit, does: { what: "hold", permits: 1, blocks: 2 * lease } })
    await blocked.says(says("granted"))
    const next = start({ limit, does: { what: "hold", permits: 1, blocks: 0 } })
    await next.says(says("granted"))
    const { afterMillis, wrote } = await blocked.says(says("lost"))
    expect(wrote).toBe(false)
    expect(afterMillis).toBeGreaterThan(1.9 * lease)
    expect(afterMillis).toBeLessThan(3 * lease)
  })
})
