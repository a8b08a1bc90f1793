import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { run } from "./program.js"
import { survives } from "./webhooks.js"

describe("webhooks, in SQLite", () => {
  survives(() => [])

  it("refuses wrong arguments", async () => {
    const entry = fileURLToPath(new URL("../../docs/examples/webhooks.ts", import.meta.url))
    const { code, stderr } = await run(["--webhooks", "none"], { entry })
    expect([code, stderr]).toEqual([2, "webhooks: --webhooks must be an integer from 1, got \"none\" (see --help)\n"])
  })
})
