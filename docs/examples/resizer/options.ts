import * as Result from "effect/Result"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { integer, mostMillis, reading } from "../commandLine.js"

export const help = `Usage: npx tsx docs/examples/resizer/main.ts [OPTION]...

Makes images smaller, as a service over HTTP, in threads: that is nothing but arithmetic. Without --serve, shows on images
drawn for the occasion how many there are in a second, and for how long everything else has to wait, with the main thread
alone, with one thread, and so on.

  --serve        only the service: POST /resize?width=W, with a binary PPM
  --port N       where it is, on 127.0.0.1 (0: any that is free)
  --threads N    how many threads there are, at most (as many as can run at a time)
  --images N     how many images are sent to each version (40)
  --size N       how wide they are, in pixels (1600); three quarters of that high
  --width N      how wide they become (320)
  --clients N    how many images are sent at a time (8)
  --capacity N   how many may wait for a thread (16); with clients, no fewer than these
  --limit MB     how large an image may be (100)
  --deadline MS  how long an image may wait, and how long it may take (10000)
  --help         print this

Ctrl-C ends it in good order, a second one at once. The exit code is 0 when all went well, 1 when something failed or the
options are wrong, 130 when Ctrl-C ended it.
`

export interface Options {
  readonly serve: boolean
  readonly port: number
  readonly threads: number
  readonly images: number
  readonly size: number
  readonly width: number
  readonly clients: number
  readonly capacity: number
  /** In bytes. */
  readonly limit: number
  readonly deadline: number
}

/** Reads the command line, or answers what is wrong with it. */
export const parseOptions = (args: ReadonlyArray<string>): Result.Result<Options | "help", string> =>
  reading<Options | "help">(() => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        serve: { type: "boolean", default: false },
        port: { type: "string", default: "0" },
        threads: { type: "string", default: String(availableParallelism()) },
        images: { type: "string", default: "40" },
        size: { type: "string", default: "1600" },
        width: { type: "string", default: "320" },
        clients: { type: "string", default: "8" },
        capacity: { type: "string", default: "16" },
        limit: { type: "string", default: "100" },
        deadline: { type: "string", default: "10000" },
        help: { type: "boolean", default: false }
      }
    })
    if (values.help) return Result.succeed("help")
    const size = integer("size", values.size, 1, 5000)
    return Result.succeed({
      serve: values.serve,
      port: integer("port", values.port, 0, 65_535),
      threads: integer("threads", values.threads, 1, 1000),
      images: integer("images", values.images, 1, 100_000),
      size,
      width: integer("width", values.width, 1, size),
      clients: integer("clients", values.clients, 1, 1000),
      capacity: integer("capacity", values.capacity, 0, 1_000_000),
      limit: integer("limit", values.limit, 1, 1000) * 1e6,
      deadline: integer("deadline", values.deadline, 1, mostMillis)
    })
  })
