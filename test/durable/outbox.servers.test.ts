import { afterAll, beforeAll, describe } from "vitest"
import { type Server, startPostgres } from "../support/servers.js"
import { outbox } from "./outbox.js"

describe("on PostgreSQL", () => {
  let server: Server
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.close())

  outbox(() => ({ kind: "postgres", port: server.port }), { locksAll: false })
})
