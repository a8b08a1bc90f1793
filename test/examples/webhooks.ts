/** What the webhooks do on any store: they survive a kill, and Ctrl-C gives them back. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, it } from "vitest"
import { start } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/webhooks.ts", import.meta.url))

export const survives = (more: () => ReadonlyArray<string>): void => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-webhooks-"))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const begin = () => start(["--webhooks", "60", "--delay", "30", "--folder", folder, ...more()], { entry })

  it.each(["SIGKILL", "SIGINT"] as const)("loses none by %s", async (signal) => {
    const first = begin()
    const said = await first.says("6 of 60 have ended")
    // A person reads how to kill it.
    expect(said).toContain(`    kill -9 ${first.child.pid}\n`)
    first.child.kill(signal)
    const { code, stdout } = await first.ended
    expect([code, stdout.toString()]).toEqual([signal === "SIGINT" ? 130 : null, ""])
    const second = await begin().ended
    expect(second.stderr).toMatch(/^goes on in .*: \d+ webhooks had arrived\n/)
    expect(second.stdout.toString()).toMatch(/^arrived: 59, \d more than once; refused: 13\nlost: 0\n$/)
    expect(second.code).toBe(0)
  })
}
