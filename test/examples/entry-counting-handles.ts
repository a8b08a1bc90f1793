/** The program, which reports at its end how many of the file handles it opened, in any thread, it has not closed. */
import { readdirSync, readlinkSync } from "node:fs"
import fs from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"

const args = process.argv.slice(2)
const { open } = fs
let left = 0

fs.open = async (...args) => {
  const handle = await open(...args)
  left++
  const close = handle.close.bind(handle)
  handle.close = async () => {
    await close()
    left--
  }
  return handle
}
syncBuiltinESMExports()

/** Those of other threads only the system knows. */
const openUnder = (directory: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)
    } catch {
      // The one that lists them.
      return false
    }
  }).length

process.on("exit", () => {
  const known = process.platform === "linux" ? Math.max(left, openUnder(args.at(-1)!)) : left
  process.stderr.write(`left open ${known}\n`)
})

const { main } = await import("../../docs/examples/digest/cli.js")
await main(args)
