/** The outbox on PostgreSQL, as a user runs it. */
import { start } from "./program.js"

import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { pgLayer } from "../../support/fleet.js"
import { type Server, startPostgres } from "../../support/servers.js"

describe("orders", () => {
  let server: Server
  let url: string
  beforeAll(async () => {
    server = await startPostgres()
    url = `postgres://postgres@127.0.0.1:${server.port}/postgres`
  })
  afterAll(() => server.close())
  beforeEach(() => query("DROP TABLE IF EXISTS orders, stock").then(() => {}))

  const query = (text: string) =>
    Effect.runPromise(Effect.provide(
      SqlClient.SqlClient.use((sql) => sql.unsafe(text).values),
      pgLayer({ kind: "postgres", port: server.port })
    ))

  const text = async (method: string, url: string) => {
    const response = await fetch(url, { method })
    return `${response.status} ${await response.text()}`
  }

  it("demonstrates itself: two orders are confirmed, and the third one has no lamp", async () => {
    const { code, stderr, stdout } = await start("orders", "--database", url).ended
    expect([code, stderr]).toEqual([0, ""])
    // The mail may be sent before the response is read.
    for (const customer of ["ada", "bob"]) {
      const [, order] = new RegExp(`^POST /orders/lamp/${customer}: 202 (\\S+)$`, "m").exec(stdout)!
      expect(stdout).toContain(`mail to ${customer}: your order ${order}\n`)
    }
    expect(stdout).toContain("POST /orders/lamp/cy: 409 sold out\n")
    expect(stdout).not.toContain("mail to cy")
  })

  it("confirms each order that it accepted, when it is killed and started again", async () => {
    const first = start("orders", "--database", url, "--port", "0")
    const address = await first.listening
    await query("UPDATE stock SET pieces = 1000")
    const accepted: Array<string> = []
    const shopping = Array.from({ length: 4 }, async (_, customer) => {
      for (;;) {
        const [status, order] = (await text("POST", `${address}/orders/lamp/customer-${customer}`)).split(" ")
        if (status === "202") accepted.push(order!)
        if (accepted.length === 40) first.child.kill("SIGKILL")
      }
    })
    await Promise.allSettled(shopping)
    await first.ended
    const second = start("orders", "--database", url, "--port", "0")
    const again = await second.listening
    const orders = (await query("SELECT id::text FROM orders")).map(([id]) => id)
    expect(orders).toEqual(expect.arrayContaining(accepted))
    expect(await query("SELECT pieces FROM stock")).toEqual([[1000 - orders.length]])
    for (const order of orders) {
      while (await text("GET", `${again}/orders/${String(order)}`) !== "200 confirmed");
    }
    const jobs = (await query("SELECT id FROM effect_queue")).map(([id]) => id)
    expect(jobs.filter((id) => orders.includes(id)).sort()).toEqual(orders.sort())
    expect(await text("GET", `${again}/orders/none`)).toBe("404 no such order")
    second.child.kill("SIGTERM")
    expect((await second.ended).code).toBe(130)
  })
})
