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

/** Turns an image into a small JPEG. One at a time. */
export interface Encoder {
  readonly encode: (path: string, width: number) => Effect.Effect<Encoded, BadImage>
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
      encode: (path, width) =>
        Effect.gen(function*() {
          const input = yield* read(path)
          const image = sharp(input)
          const original = yield* attempt(() => image.metadata())
          const small = yield* Effect.sync(() => resize(image, original, width).jpeg())
          const { data, info } = yield* attempt(() => small.toBuffer({ resolveWithObject: true }))
          encoded++
          return { jpeg: data, width: info.width, height: info.height }
        })
    }
  })

/**
 * It has a bug: the height of a very flat image rounds to 0, and then sharp throws. So do bugs come to light in
 * a service: by one image in a million.
 */
const resize = (image: Sharp, original: Metadata, width: number): Sharp => {
  const height = Math.round(original.height * width / original.width)
  return image.resize(width, height, { fit: "fill" })
}

/** Neither a read nor sharp can be taken back: were the job to end before, the memory would be used by two. */
const attempt = <A>(operation: () => Promise<A>): Effect.Effect<A, BadImage> =>
  Effect.uninterruptible(
    Effect.tryPromise({ try: operation, catch: (error) => new BadImage({ reason: reasonOf(error) }) })
  )
