import type { Image } from "./image.js"

/** Which pixels of a row or column an output pixel covers, and how much of each. */
interface Cover {
  readonly first: number
  readonly shares: Float64Array
}

const covers = (from: number, to: number): ReadonlyArray<Cover> =>
  Array.from({ length: to }, (_, i) => {
    const [begin, end] = [i * from / to, (i + 1) * from / to]
    const first = Math.floor(begin)
    const last = Math.min(from, Math.ceil(end))
    const share = (at: number) => (Math.min(at + 1, end) - Math.max(at, begin)) / (end - begin)
    return { first, shares: Float64Array.from({ length: last - first }, (_, n) => share(first + n)) }
  })

/** How high an image is that becomes so wide. */
export const heightFor = ({ height, width }: Image, newWidth: number): number =>
  Math.max(1, Math.round(height * newWidth / width))

/**
 * Makes an image smaller: each new pixel is the average of the area that it covers. Nothing but arithmetic, for as long as
 * it takes: so it asks before each row whether anybody still wants it.
 */
export const shrink = (image: Image, width: number, isCancelled: () => boolean): Image => {
  const height = heightFor(image, width)
  const pixels = new Uint8Array(width * height * 3)
  const columns = covers(image.width, width)
  const sums = new Float64Array(width * 3)
  let at = 0
  for (const { first, shares } of covers(image.height, height)) {
    if (isCancelled()) break
    sums.fill(0)
    for (let n = 0; n < shares.length; n++) addRow(sums, image, first + n, shares[n]!, columns)
    for (const sum of sums) pixels[at++] = Math.round(sum)
  }
  return { width, height, pixels }
}

const addRow = (
  sums: Float64Array,
  { pixels, width }: Image,
  row: number,
  share: number,
  columns: ReadonlyArray<Cover>
): void => {
  for (let x = 0; x < columns.length; x++) {
    const { first, shares } = columns[x]!
    let [red, green, blue] = [0, 0, 0]
    let from = (row * width + first) * 3
    for (let n = 0; n < shares.length; n++, from += 3) {
      const part = shares[n]!
      red += part * pixels[from]!
      green += part * pixels[from + 1]!
      blue += part * pixels[from + 2]!
    }
    sums[x * 3]! += share * red
    sums[x * 3 + 1]! += share * green
    sums[x * 3 + 2]! += share * blue
  }
}
