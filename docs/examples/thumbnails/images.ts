import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { corrupted, draw, poison } from "./draw.js"
import { say } from "./text.js"

export interface Images {
  readonly folder: string
  readonly all: ReadonlyArray<string>
  /** Without those that are there to make trouble. */
  readonly good: ReadonlyArray<string>
}

/** The images of a folder. If it does not exist, they are drawn first. */
export const imagesIn = (folder: string, images: number): Effect.Effect<Images> =>
  Effect.gen(function*() {
    if (!existsSync(folder)) {
      say(`drawing ${images} images`)
      yield* draw(folder, images)
    }
    const entries = yield* Effect.promise(() => readdir(folder, { withFileTypes: true }))
    const all = entries.filter((entry) => entry.isFile() && !entry.name.startsWith(".")).map(({ name }) => name).sort()
    return { folder, all, good: all.filter((name) => name !== corrupted && name !== poison) }
  })
