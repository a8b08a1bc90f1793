import * as Effect from "effect/Effect"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import sharp, { type Sharp } from "sharp"

/** The file ends in the middle of the picture. */
export const corrupted = "corrupted.jpeg"

/** A picture so flat that the encoder has a bug about it. */
export const poison = "horizon.png"

/** Draws so many pictures, PNG and JPEG and of different sizes, into a new folder; and two that make trouble. */
export const draw = (folder: string, images: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    await mkdir(folder, { recursive: true })
    for (let n = 1; n <= images; n++) {
      const picture = paint(400 + (n * 373) % 1200, 300 + (n * 211) % 900, n)
      const name = `picture-${String(n).padStart(2, "0")}`
      if (n % 2 === 0) await picture.png().toFile(join(folder, `${name}.png`))
      else await picture.jpeg().toFile(join(folder, `${name}.jpeg`))
    }
    const whole = await paint(640, 480, 0).jpeg().toBuffer()
    await writeFile(join(folder, corrupted), whole.subarray(0, whole.length / 2))
    await paint(2000, 2, 0).png().toFile(join(folder, poison))
  })

/** Rings about a point, in colours of its own for each seed. */
const paint = (width: number, height: number, seed: number): Sharp => {
  const pixels = Buffer.alloc(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const distance = Math.hypot(x - width / 3, y - height / 2)
      pixels[at++] = 128 + 127 * Math.sin(distance / 23 + seed)
      pixels[at++] = 255 * x / width
      pixels[at++] = 255 * y / height
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
}
