/** The program, which tells at its end how many of the file handles it opened it has not closed. */
import fs from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"

const { open } = fs
let opened = 0
let left = 0

fs.open = async (...args) => {
  const handle = await open(...args)
  opened++
  left++
  const close = handle.close.bind(handle)
  handle.close = async () => {
    await close()
    left--
  }
  return handle
}
syncBuiltinESMExports()
process.on("exit", () => process.stderr.write(`opened ${opened > 0 ? "some" : "none"}, left open ${left}\n`))

const { main } = await import("../../docs/examples/digest/cli.js")
await main(process.argv.slice(2))
