/**
 * The jobs of the threads of `thumbnails.ts`: a module of its own, which each thread loads. It imports what it uses and
 * nothing else, so that a thread starts soon.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as ThreadWorker from "sluice/threads/ThreadWorker"

export class NotAnImage extends Data.TaggedError("NotAnImage")<{ readonly reason: string }> {}

export interface Job {
  /** A binary PPM: `P6`, width, height and 255, then three bytes for each pixel. */
  readonly image: Uint8Array
  readonly width: number
  /** The samples that make a new pixel, in each direction. */
  readonly quality: number
}

/** Makes an image smaller. Nothing but arithmetic, so it has to ask whether anybody still waits for it. */
export const shrink = ({ image, quality, width }: Job, isCancelled: () => boolean) => {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.length)
  const header = /^P6\s(\d{1,5})\s(\d{1,5})\s255\s/.exec(bytes.toString("latin1", 0, 32))
  if (header === null) return Effect.fail(new NotAnImage({ reason: "not a PPM image (P6)" }))
  const [from, rows] = [Number(header[1]), Number(header[2])]
  const height = Math.max(1, Math.round(rows * width / from))
  const pixels = bytes.subarray(header[0].length)
  const sums = new Float64Array(width * height * 3)
  for (let at = 0; at < sums.length; at++) {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)]
    for (let n = 0; n < quality * quality && !isCancelled(); n++) {
      const column = Math.floor((x + (n % quality + 0.5) / quality) * from / width)
      const row = Math.floor((y + (Math.floor(n / quality) + 0.5) / quality) * rows / height)
      // The bug: nobody has checked that all pixels are there, and this throws where they are not.
      sums[at]! += pixels.readUInt8((row * from + column) * 3 + at % 3)
    }
  }
  const made = Buffer.from(`P6 ${width} ${height} 255\n`)
  return Effect.succeed(Uint8Array.from([...made, ...sums.map((sum) => Math.round(sum / quality / quality))]))
}

export const jobs = ThreadWorker.serve({
  shrink: (job: Job, { isCancelled }: ThreadWorker.JobContext) => shrink(job, isCancelled)
})
