/** The program as a user whom permissions stop: root reads everything. All modules are loaded as root. */
import { main } from "../../docs/examples/digest/cli.js"

if (process.getuid?.() === 0) {
  process.setgroups!([])
  process.setgid!(65534)
  process.setuid!(65534)
}

await main(process.argv.slice(2))
