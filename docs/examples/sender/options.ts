import * as Result from "effect/Result"
import { parseArgs } from "node:util"
import { integer, mostMillis, probability, reading } from "../commandLine.js"
import { type Version, versions } from "./protocol.js"

export const help = `Usage: npx tsx docs/examples/sender/main.ts [OPTION]...

Sends a message to each of many users, to a server on this machine that now and then hangs up. Does it twice, in processes
of their own, and compares: with a WorkerPool of a few connections, and with a fiber and a connection for each message.

  --pooled       only with the pool
  --naive        only with a fiber and a connection for each message
  --users N      how many users there are (20000)
  --workers N    how many workers, each with a connection, the pool has (16)
  --drop P       with which probability the server hangs up on a message (0.02)
  --delay MS     how long the server takes to acknowledge a message (0)
  --deadline MS  how long what is under way may take to end after Ctrl-C (2000)
  --seed N       which of the messages the server hangs up on (1)
  --help         print this

Ctrl-C ends it in good order, a second one at once. The exit code is 0 when every user has a message, 1 when not or when
the options are wrong, 130 when Ctrl-C ended it.
`

export interface Options {
  readonly versions: ReadonlyArray<Version>
  readonly users: number
  readonly workers: number
  readonly drop: number
  readonly delay: number
  readonly deadline: number
  readonly seed: number
}

/** Reads the command line, or answers what is wrong with it. */
export const parseOptions = (args: ReadonlyArray<string>): Result.Result<Options | "help", string> =>
  reading<Options | "help">(() => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        pooled: { type: "boolean" },
        naive: { type: "boolean" },
        users: { type: "string", default: "20000" },
        workers: { type: "string", default: "16" },
        drop: { type: "string", default: "0.02" },
        delay: { type: "string", default: "0" },
        deadline: { type: "string", default: "2000" },
        seed: { type: "string", default: "1" },
        help: { type: "boolean", default: false }
      }
    })
    if (values.help) return Result.succeed("help")
    const chosen = versions.filter((version) => values[version] === true)
    return Result.succeed({
      versions: chosen.length === 0 ? versions : chosen,
      users: integer("users", values.users, 1, 10_000_000),
      workers: integer("workers", values.workers, 1, 10_000),
      drop: probability("drop", values.drop),
      delay: integer("delay", values.delay, 0, mostMillis),
      deadline: integer("deadline", values.deadline, 0, mostMillis),
      seed: integer("seed", values.seed, 0, 2 ** 32 - 1)
    })
  })
