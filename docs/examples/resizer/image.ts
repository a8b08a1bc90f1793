import * as Result from "effect/Result"

/** Three bytes a pixel: red, green and blue. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
}

// Between its words there is space, or a comment to the end of its line.
const header = /^P6(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s/

/** Reads a binary PPM, or answers what is wrong with it. The pixels stay where they are. */
export const parsePpm = (bytes: Uint8Array): Result.Result<Image, string> => {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 1024)).toString("latin1")
  const match = header.exec(start)
  if (match === null) return Result.fail("not a PPM image (P6)")
  const [width, height, most] = match.slice(1).map(Number) as [number, number, number]
  if (most !== 255) return Result.fail(`a pixel's colors must be from 0 to 255, not to ${most}`)
  if (width === 0 || height === 0) return Result.fail("an image without pixels")
  const pixels = bytes.subarray(match[0].length)
  const expected = width * height * 3
  if (pixels.length !== expected) return Result.fail(`${expected} bytes of pixels expected, got ${pixels.length}`)
  return Result.succeed({ width, height, pixels })
}

/** What goes before the pixels. */
export const headerOf = ({ height, width }: Image): Buffer => Buffer.from(`P6\n${width} ${height}\n255\n`)

/** Something to look at: a gradient with rings. */
export const draw = (width: number, height: number): Image => {
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      pixels[at++] = 255 * x / width
      pixels[at++] = 255 * y / height
      pixels[at++] = 128 + 127 * Math.sin(Math.hypot(x - width / 2, y - height / 2) / 8)
    }
  }
  return { width, height, pixels }
}
