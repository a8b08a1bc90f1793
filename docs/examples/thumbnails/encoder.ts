import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { rename, writeFile } from "node:fs/promises"
import sharp from "sharp"

/** The file is no image, or none that can be read. */
export class BadImage extends Data.TaggedError("BadImage")<{ readonly file: string; readonly reason: string }> {}

/** What a worker owns: the memory that decoded images go through, and a count of what it has done. */
export interface Encoder {
  readonly encode: (from: string, to: string, width: number) => Effect.Effect<number, BadImage>
  readonly encoded: () => number
}

/** An encoder for as long as the scope is open. Its images are no larger than `pixels`. */
export const encoder = (pixels: number): Effect.Effect<Encoder, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let memory = Buffer.allocUnsafeSlow(1)
      let encoded = 0
      const encode = async (from: string, to: string, width: number): Promise<number> => {
        const { data, info } = await sharp(from, { limitInputPixels: pixels })
          .resize({ width, withoutEnlargement: true }).raw().toBuffer({ resolveWithObject: true })
        // It grows to what the largest thumbnail takes, and stays.
        if (memory.length < data.length) memory = Buffer.allocUnsafeSlow(data.length)
        data.copy(memory)
        const { channels, height, width: resized } = info
        const jpeg = await sharp(memory.subarray(0, data.length), { raw: { width: resized, height, channels } })
          .flatten().jpeg().toBuffer()
        // Whoever looks for the file finds all of it or none.
        await writeFile(`${to}.part`, jpeg)
        await rename(`${to}.part`, to)
        encoded++
        return jpeg.length
      }
      return {
        encoded: () => encoded,
        encode: (from, to, width) =>
          Effect.uninterruptible(Effect.tryPromise({
            try: () => encode(from, to, width),
            catch: (error) =>
              new BadImage({ file: from, reason: error instanceof Error ? error.message : String(error) })
          }))
      } satisfies Encoder
    }),
    () => Effect.void
  )
