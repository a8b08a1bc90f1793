import { afterAll, beforeAll, describe } from "vitest"
import { type Server, startRedis } from "../support/servers.js"
import { survives } from "./webhooks.js"

describe("webhooks, in Redis", () => {
  let server: Server
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.close())

  survives(() => ["--redis", `redis://127.0.0.1:${server.port}`])
})
