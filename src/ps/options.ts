/** The command line of `sluice`. */
import { parseArgs } from "node:util"

export interface Options {
  readonly pid: number
  readonly json: boolean
  readonly explain: string | undefined
  readonly port: number | undefined
  /** In milliseconds. */
  readonly timeout: number
  /** In milliseconds. */
  readonly lookTimeout: number
  readonly close: boolean
  readonly threads: boolean
  readonly failOnDeadlock: boolean
}

export type Parsed =
  | { readonly _tag: "Ps"; readonly options: Options }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Version" }
  | { readonly _tag: "Usage"; readonly error: string }

export const help = `sluice ps PID [options]

Shows what runs and what waits in a Node.js process that uses sluice: semaphores, groups, pools, their holders and
waiters with source lines, and deadlocks. The process need not be prepared. It answers also while its event loop is
blocked by JavaScript, and the function and the line that block it are shown.

Options
  --json               print the dump as JSON
  --explain REF        explain in sentences why "fiber 6", "job 5 of pool mailer" or "semaphore-1" waits
  --fail-on-deadlock   exit with status 3 if there is a deadlock
  --no-threads         leave worker threads alone
  --port PORT          the inspector is open at this port of 127.0.0.1: do not search for it, and send no signal
  --timeout SECONDS    how long the process may take to react (default 10)
  --look-timeout SECONDS
                       how long the look may take (default 60), which the size of the heap decides
  --close              close the inspector in the end, even if it was open before
  --help, --version

Examples
  sluice ps 4711
  sluice ps "$(pgrep -f server.js)"
  sluice ps 4711 --explain "fiber 6"
  sluice ps 4711 --json | jq '.deadlocks[].members'
  sluice ps 4711 --fail-on-deadlock > /dev/null || echo "restart it"
  docker exec web npx sluice ps 1

How it looks
  SIGUSR1 has Node.js open its inspector on 127.0.0.1, which prints two lines on the standard error of the process.
  A script looks, which takes about a second and 150 MB for a million objects on the heap: the process does nothing
  else meanwhile. Then the inspector is closed again. One that was open before is used, and stays open.
  It needs the same user as the process, or root. No signal goes to a process that is not Node.js.

Exit status
  0  looked
  1  could not look, or there is nothing of that name to explain
  2  the command line is wrong
  3  a deadlock, with --fail-on-deadlock
`

const config = {
  json: { type: "boolean" },
  explain: { type: "string" },
  "fail-on-deadlock": { type: "boolean" },
  "no-threads": { type: "boolean" },
  port: { type: "string" },
  timeout: { type: "string" },
  "look-timeout": { type: "string" },
  close: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" }
} as const

export const parse = (args: ReadonlyArray<string>): Parsed => {
  try {
    const { positionals, values } = parseArgs({ args: [...args], options: config, allowPositionals: true })
    if (values.version === true) return { _tag: "Version" }
    const [command, pid, ...more] = positionals
    if (values.help === true || command === undefined || command === "help") return { _tag: "Help" }
    if (command !== "ps") return usage(`there is no command "${command}": the only one is ps`)
    if (pid === undefined) return usage("ps needs the number of a process")
    if (more.length > 0) return usage(`ps looks at one process, got ${positionals.slice(1).join(" ")}`)
    if (values.json === true && values.explain !== undefined) return usage("--json and --explain exclude each other")
    return {
      _tag: "Ps",
      options: {
        pid: integer("PID", pid, 2 ** 31 - 1),
        json: values.json === true,
        explain: values.explain,
        port: values.port === undefined ? undefined : integer("--port", values.port, 65_535),
        timeout: seconds("--timeout", values.timeout ?? "10"),
        lookTimeout: seconds("--look-timeout", values["look-timeout"] ?? "60"),
        close: values.close === true,
        threads: values["no-threads"] !== true,
        failOnDeadlock: values["fail-on-deadlock"] === true
      }
    }
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

const usage = (error: string): Parsed => ({ _tag: "Usage", error })

const integer = (name: string, text: string, most: number): number => {
  const n = /^\d+$/.test(text) ? Number(text) : 0
  if (n > 0 && n <= most) return n
  throw new Error(`${name} must be an integer from 1 to ${most}, got "${text}"`)
}

const seconds = (name: string, text: string): number => {
  const n = Number(text)
  if (n > 0 && n <= 86_400) return n * 1_000
  throw new Error(`${name} must be a number of seconds above 0, got "${text}"`)
}
