/** The program on a file system that hangs, such as a network's, so that an interrupt cannot end it. */
import fs from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"

const { open } = fs

fs.open = async (...args) => {
  const handle = await open(...args)
  handle.read = () => {
    process.stderr.write("reading\n")
    return new Promise(() => setInterval(() => {}, 1000))
  }
  return handle
}
syncBuiltinESMExports()
// Not before all handlers have run.
process.once("SIGINT", () => setImmediate(() => process.stderr.write("got SIGINT\n")))

const { main } = await import("../../docs/examples/digest/cli.js")
await main(process.argv.slice(2))
