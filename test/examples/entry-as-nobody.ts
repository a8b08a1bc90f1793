/** The program as a user whom permissions stop: root reads everything. All modules are loaded as root. */
import { Effect } from "effect"
import { main } from "../../docs/examples/digest/cli.js"
import { module } from "../../docs/examples/digest/threads.js"

if (process.argv.includes("--threads")) await Effect.runPromise(module)

if (process.getuid?.() === 0) {
  process.setgroups!([])
  process.setgid!(65534)
  process.setuid!(65534)
}

await main(process.argv.slice(2))
