import * as Result from "effect/Result"
import { parseArgs } from "node:util"
import { integer, mostMillis, reading } from "../commandLine.js"

export const help = `Usage: npx tsx docs/examples/tenants/main.ts [OPTION]...

Starts an API with four tenants on this machine, of whom one sends hundreds of calls at once and three a few, and shows
how they fare: with a queue for each tenant, and with one for all. With --port, the API alone, until Ctrl-C.

  --port N         serve there; 0 is any port that is free
  --calls N        how many calls the noisy tenant sends at once (400)
  --work MS        how long a call takes on a worker (20)
  --workers N      how many workers the pool has (4)
  --capacity N     how many calls of a tenant may wait for a worker (100)
  --concurrency N  how many calls of a tenant may run at a time (3)
  --wait MS        how long a call may wait (1000)
  --run MS         how long a call may run (1000)
  --deadline MS    how long what has been accepted may take at the end (1000)
  --help           print this

Ctrl-C ends it in good order, a second one at once. The exit code is 0 when all went well, 1 when it did not or the
options are wrong, 130 when Ctrl-C ended it.
`

export interface Options {
  readonly port: number | undefined
  readonly calls: number
  readonly work: number
  readonly workers: number
  readonly capacity: number
  readonly concurrency: number
  readonly wait: number
  readonly run: number
  readonly deadline: number
}

/** Reads the command line, or answers what is wrong with it. */
export const parseOptions = (args: ReadonlyArray<string>): Result.Result<Options | "help", string> =>
  reading<Options | "help">(() => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        calls: { type: "string", default: "400" },
        work: { type: "string", default: "20" },
        workers: { type: "string", default: "4" },
        capacity: { type: "string", default: "100" },
        concurrency: { type: "string", default: "3" },
        wait: { type: "string", default: "1000" },
        run: { type: "string", default: "1000" },
        deadline: { type: "string", default: "1000" },
        help: { type: "boolean", default: false }
      }
    })
    if (values.help) return Result.succeed("help")
    return Result.succeed({
      port: values.port === undefined ? undefined : integer("port", values.port, 0, 65_535),
      // Each has a connection of its own, and the system is not asked to open more files than it likes to.
      calls: integer("calls", values.calls, 1, 1000),
      work: integer("work", values.work, 0, mostMillis),
      workers: integer("workers", values.workers, 1, 1000),
      capacity: integer("capacity", values.capacity, 0, 1_000_000),
      concurrency: integer("concurrency", values.concurrency, 1, 1000),
      wait: integer("wait", values.wait, 1, mostMillis),
      run: integer("run", values.run, 1, mostMillis),
      deadline: integer("deadline", values.deadline, 0, mostMillis)
    })
  })
