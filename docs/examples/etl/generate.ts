import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { access, mkdir, open, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import type { Options } from "./options.js"
import { header } from "./order.js"

export class NotMade extends Data.TaggedError("NotMade")<{ readonly file: string; readonly error: unknown }> {
  override get message(): string {
    return `${this.file} could not be made: ${String(this.error)}`
  }
}

/** Makes the files that are not there yet. One that is there is whole: it gets its name when it is. */
export const generate = (options: Options, onBytes: (bytes: number) => void): Effect.Effect<void, NotMade> => {
  const numbers = options.size === 0 ? [] : Array.from({ length: options.files }, (_, i) => i + 1)
  return Effect.forEach(numbers, (number) => {
    const file = join(options.directory, `orders-${String(number).padStart(2, "0")}.csv`)
    return Effect.tryPromise({
      try: (signal) => make(file, number, options, onBytes, signal),
      catch: (error) => new NotMade({ file, error })
    })
  }, { discard: true })
}

const make = async (
  file: string,
  number: number,
  { bad, directory, files, seed, size }: Options,
  onBytes: (bytes: number) => void,
  signal: AbortSignal
): Promise<void> => {
  await mkdir(directory, { recursive: true })
  if (await access(file).then(() => true, () => false)) return
  const part = `${file}.part`
  const handle = await open(part, "w")
  try {
    const rows = rowsOf(number, bad, dice(seed * 100 + number))
    let left = Math.ceil(size / files)
    let text = header.join() + "\n"
    while (left > 0) {
      if (signal.aborted) return
      while (text.length < Math.min(left, 1 << 18)) text += rows.next().value
      await handle.writeFile(text)
      const bytes = Buffer.byteLength(text)
      onBytes(bytes)
      left -= bytes
      text = ""
    }
    await handle.close()
    await rename(part, file)
  } finally {
    await handle.close()
    await rm(part, { force: true })
  }
}

type Dice = () => number

/** The same numbers for the same seed: mulberry32. */
const dice = (seed: number): Dice => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6D2B79F5) >>> 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = (t + Math.imul(t ^ t >>> 7, 61 | t)) ^ t
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32
  }
}

const names = ["Ada Lovelace", "Grace Hopper", "Edsger Dijkstra", "Tony Hoare", "Barbara Liskov", "Per Brinch Hansen"]
const products = ["anvil", "bellows", "chisel", "dividers", "\"\"\"Éclair\"\" press\"", "file, flat", "gouge"]
const notes = ["", "", "", "leave with the neighbour", "\"ring twice, then wait\"", "\"floor 3\nbell \"\"B\"\"\""]

/** What is wrong with a bad row. */
const spoil: ReadonlyArray<(fields: Array<string>) => Array<string>> = [
  (fields) => fields.slice(0, 5),
  (fields) => fields.with(1, "2024-02-30"),
  (fields) => fields.with(3, "nobody"),
  (fields) => fields.with(5, "0"),
  (fields) => fields.with(6, "12.5"),
  // A quote in the midst of a field: no CSV at all.
  (fields) => fields.with(7, "5\" nails"),
  () => [""],
  // The number of the order before.
  (fields) => fields.with(0, String(Number(fields[0]) - 1))
]

function* rowsOf(number: number, bad: number, random: Dice): Generator<string, never> {
  const below = (n: number) => Math.floor(random() * n)
  const one = <A>(values: ReadonlyArray<A>): A => values[below(values.length)]!
  const quote = (text: string) => text.includes(",") && !text.startsWith("\"") ? `"${text}"` : text
  const two = (n: number) => String(n).padStart(2, "0")
  for (let id = number * 100_000_000 + 1;; id++) {
    const fields = [
      String(id),
      `20${two(10 + below(15))}-${two(1 + below(12))}-${two(1 + below(28))}`,
      one(names),
      `customer${below(1_000_000)}@example.com`,
      quote(one(products)),
      String(1 + below(100)),
      `${below(1000)}.${two(below(100))}`,
      one(notes)
    ]
    yield (random() < bad ? one(spoil)(fields) : fields).join() + "\n"
  }
}
