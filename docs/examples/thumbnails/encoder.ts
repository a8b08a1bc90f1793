import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { open } from "node:fs/promises"
import sharp, { type Metadata, type Sharp } from "sharp"
import { reasonOf } from "./text.js"

/** A file that is no image, or not one that can be read. */
export class BadImage extends Data.TaggedError("BadImage")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

export interface Encoded {
  readonly jpeg: Buffer
  readonly width: number
  readonly height: number
}

/** Turns an image into small JPEGs, none of them wider than the image is. One image at a time. */
export interface Encoder {
  readonly encode: (path: string, widths: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<Encoded>, BadImage>
}

// The pool's workers are what is parallel, and no image comes twice.
sharp.concurrency(1)
sharp.cache(false)

/** An encoder that lives as long as the scope, and at its end tells how many images it has encoded. */
export const makeEncoder = (onRelease: (encoded: number) => void): Effect.Effect<Encoder, never, Scope.Scope> =>
  Effect.gen(function*() {
    // Where files are read to. It grows to the largest, and serves all images of its worker.
    let memory = Buffer.alloc(0)
    let encoded = 0
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        memory = Buffer.alloc(0)
        onRelease(encoded)
      })
    )
    const read = (path: string) =>
      attempt(async () => {
        const file = await open(path)
        try {
          const { size } = await file.stat()
          if (memory.length < size) memory = Buffer.allocUnsafeSlow(size)
          const { bytesRead } = await file.read(memory, 0, size, 0)
          return memory.subarray(0, bytesRead)
        } finally {
          await file.close()
        }
      })
    return {
      encode: (path, widths) =>
        Effect.gen(function*() {
          const input = yield* read(path)
          const image = sharp(input)
          const original = yield* attempt(() => image.metadata())
          const largest = Math.max(...widths)
          const pixels = yield* Effect.sync(() => resize(image, original, largest).raw())
          const { data, info } = yield* attempt(() => pixels.toBuffer({ resolveWithObject: true }))
          const { channels, height, width } = info
          // The image is decoded once: the others are made of the largest, in half the time for a PNG.
          return yield* Effect.forEach(widths, (small) =>
            Effect.gen(function*() {
              const whole = sharp(data, { raw: { width, height, channels } })
              const jpeg = yield* Effect.sync(() => (small === largest ? whole : resize(whole, original, small)).jpeg())
              const made = yield* attempt(() => jpeg.toBuffer({ resolveWithObject: true }))
              return { jpeg: made.data, width: made.info.width, height: made.info.height }
            })).pipe(Effect.tap(() => Effect.sync(() => encoded++)))
        })
    }
  })

/** Fails unless a file looks like an image. Only the beginning is read: what follows may be as bad as can be. */
export const checkImage = (path: string): Effect.Effect<void, BadImage> =>
  Effect.asVoid(attempt(() => sharp(path).metadata()))

/**
 * It has a bug: the height of a very flat image rounds to 0, and then sharp throws. So do bugs come to light in
 * a service: by one image in a million.
 */
const resize = (image: Sharp, original: Metadata, most: number): Sharp => {
  const width = Math.min(most, original.width)
  const height = Math.round(original.height * width / original.width)
  return image.resize(width, height, { fit: "fill" })
}

/** Neither a read nor sharp can be taken back: were the job to end before, the memory would be used by two. */
const attempt = <A>(operation: () => Promise<A>): Effect.Effect<A, BadImage> =>
  Effect.uninterruptible(
    Effect.tryPromise({ try: operation, catch: (error) => new BadImage({ reason: reasonOf(error) }) })
  )
