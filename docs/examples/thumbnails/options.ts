import * as Result from "effect/Result"
import { parseArgs } from "node:util"
import { integer, mostMillis, reading } from "../commandLine.js"

export const help = `Usage: npx tsx docs/examples/thumbnails/main.ts [OPTION]...
       npx tsx docs/examples/thumbnails/main.ts --folder IN --out OUT [OPTION]...

Without --out, starts an image service on this machine and a client that shows what it does, with images drawn for the
occasion. With it, makes a thumbnail in OUT of every file in IN. An IN that does not exist is made, and images drawn in it.

  --folder IN    where the images are
  --out OUT      where the thumbnails go
  --images N     how many images are drawn (24)
  --width N      how wide a thumbnail is at most, in pixels (160); of an upload there are three
  --workers N    how many workers, each with an encoder, the pool has (2)
  --capacity N   how many images may wait for a worker (4)
  --limit MB     how large an upload may be (10)
  --deadline MS  how long what is under way may take at the end (30)
  --help         print this

Ctrl-C ends it in good order, a second one at once. The exit code is 0 when all went well, 1 when there is no thumbnail of
some file or the options are wrong, 130 when Ctrl-C ended it.
`

export interface Options {
  readonly folder: string | undefined
  readonly out: string | undefined
  readonly images: number
  readonly width: number
  readonly workers: number
  readonly capacity: number
  readonly limit: number
  readonly deadline: number
}

/** Reads the command line, or answers what is wrong with it. */
export const parseOptions = (args: ReadonlyArray<string>): Result.Result<Options | "help", string> =>
  reading<Options | "help">(() => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        folder: { type: "string" },
        out: { type: "string" },
        images: { type: "string", default: "24" },
        width: { type: "string", default: "160" },
        workers: { type: "string", default: "2" },
        capacity: { type: "string", default: "4" },
        limit: { type: "string", default: "10" },
        deadline: { type: "string", default: "30" },
        help: { type: "boolean", default: false }
      }
    })
    if (values.help) return Result.succeed("help")
    if (values.out !== undefined && values.folder === undefined) return Result.fail("--out wants --folder as well")
    return Result.succeed({
      folder: values.folder,
      out: values.out,
      images: integer("images", values.images, 1, 10_000),
      width: integer("width", values.width, 1, 10_000),
      workers: integer("workers", values.workers, 1, 1000),
      capacity: integer("capacity", values.capacity, 0, 1_000_000),
      limit: integer("limit", values.limit, 1, 1000),
      deadline: integer("deadline", values.deadline, 0, mostMillis)
    })
  })
