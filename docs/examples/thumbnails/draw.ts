import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import sharp from "sharp"

/** Draws PNG and JPEG images of different sizes into a folder, and among them a file that only looks like one. */
export const draw = async (folder: string, count: number): Promise<void> => {
  for (let n = 0; n < count; n++) {
    const width = 200 + (n * 37) % 600
    const height = 150 + (n * 53) % 500
    const circle = `<svg width="${width}" height="${height}">
      <rect width="100%" height="100%" fill="hsl(${(n * 47) % 360}, 60%, 50%)"/>
      <circle cx="50%" cy="50%" r="${50 + n % 80}" fill="white"/>
    </svg>`
    const image = sharp(Buffer.from(circle))
    const [format, data] = n % 2 === 0 ? ["png", await image.png().toBuffer()] : ["jpeg", await image.jpeg().toBuffer()]
    await writeFile(join(folder, `image-${String(n).padStart(4, "0")}.${format}`), data as Buffer)
  }
  await writeFile(join(folder, "image-broken.png"), "this is no image")
}
