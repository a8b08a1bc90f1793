/** Checks the types while VitePress builds. Fails if either does. */
import { spawn } from "node:child_process"
import { once } from "node:events"

const run = async (...args) => {
  const [code] = await once(spawn(args[0], args.slice(1), { stdio: "inherit" }), "close")
  if (code !== 0) throw new Error(`${args.join(" ")} failed`)
}

// npm has put the packages' commands on PATH.
const ends = await Promise.allSettled([run("tsc", "--noEmit"), run("vitepress", "build")])
for (const { reason } of ends) {
  if (reason === undefined) continue
  console.error(reason.message)
  process.exitCode = 1
}
