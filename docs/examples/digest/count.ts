import * as Effect from "effect/Effect"
import { stat } from "node:fs/promises"
import { Group } from "sluice"
import { type BytePath, toBuffer } from "./bytes.js"
import { io } from "./file.js"
import type { Tally } from "./tally.js"
import { list } from "./walk.js"

// What cannot be read does not count. The digesters will say so.

/** Counts the files under a directory while they are digested, several directories at a time to be well ahead. */
export const countTree = (root: BytePath, skip: ReadonlySet<BytePath>, tally: Tally): Effect.Effect<void> =>
  counted(tally, (group) => countDirectory(group, root, skip, tally))

/** Counts the files of a list. */
export const countFiles = (paths: ReadonlyArray<BytePath>, tally: Tally): Effect.Effect<void> =>
  counted(tally, (group) => Effect.forEach(paths, (path) => Group.go(group, countFile(path, tally)), { discard: true }))

const counted = (tally: Tally, body: (group: Group.Group<never>) => Effect.Effect<void>): Effect.Effect<void> =>
  Effect.andThen(
    Group.scoped({ limit: 16, name: "count" }, body),
    Effect.sync(() => {
      tally.total.complete = true
    })
  )

const countDirectory = (
  group: Group.Group<never>,
  directory: BytePath,
  skip: ReadonlySet<BytePath>,
  tally: Tally
): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (const { isDirectory, path } of yield* list(directory)) {
      if (skip.has(path)) continue
      const child = isDirectory ? countDirectory(group, path, skip, tally) : countFile(path, tally)
      // Were all places held by directories that wait for a place in `go`, none would ever move.
      if (!(yield* Group.tryGo(group, child))) yield* child
    }
  }).pipe(Effect.ignore)

const countFile = (path: BytePath, { total }: Tally): Effect.Effect<void> =>
  Effect.match(io(path, () => stat(toBuffer(path))), {
    onFailure: () => {},
    onSuccess: ({ size }) => {
      total.files++
      total.bytes += size
    }
  })
