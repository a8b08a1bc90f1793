/**
 * Makes thumbnails of a folder of images, as an image service would: it takes what there is room for, and refuses the
 * rest; at the end it is shut down, with a time limit, and says what became of each image.
 *
 *     main.ts [FOLDER]    a folder of images; without one, some are drawn first
 */
import cliProgress from "cli-progress"
import * as Effect from "effect/Effect"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { WorkerPool } from "sluice"
import { draw } from "./draw.js"
import { submit, thumbnails } from "./service.js"

const temporary = (name: string) =>
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), name))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true }))
  )

const program = Effect.gen(function*() {
  const given = process.argv[2]
  const from = given ?? (yield* temporary("images-"))
  if (given === undefined) yield* Effect.promise(() => draw(from, 200))
  const to = yield* temporary("thumbnails-")
  const names = (yield* Effect.promise(() => readdir(from))).sort()

  const pool = yield* thumbnails({ from, to, workers: 4, waiting: 8 })
  const bar = new cliProgress.SingleBar({ stream: process.stderr, format: "{bar} {value} of {total} images" })
  bar.start(names.length, 0)
  let refused = 0
  for (const [i, name] of names.entries()) {
    // A client that is refused tries again a little later.
    while ((yield* submit(pool, { name, width: 128 })).status === 429) {
      refused++
      yield* Effect.sleep("5 millis")
    }
    bar.update(i + 1)
  }
  const { aborted, counts, returned } = yield* WorkerPool.shutdown(pool, { deadline: "10 seconds" })
  bar.stop()
  console.log(`${counts.succeeded} thumbnails, ${counts.failed} files that are no images, ${refused} times refused`)
  console.log(`${aborted.length} cut off and ${returned.length} not begun at the end`)
})

await Effect.runPromise(Effect.scoped(program))
