import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { open } from "node:fs/promises"

export class TooLarge extends Data.TaggedError("TooLarge")<{ readonly limit: number }> {
  override get message(): string {
    return `more than ${this.limit} bytes`
  }
}

/**
 * Writes a body into a new file as it comes, and gives up at the byte that is too many. That the client hangs up or the
 * disk is full is a defect: there is nobody to tell, or nothing that they could do about it.
 */
export const receive = (body: AsyncIterable<Buffer>, path: string, limit: number): Effect.Effect<void, TooLarge> =>
  // It ends when its client does, and not before: its file is removed only then.
  Effect.uninterruptible(
    Effect.flatMap(
      Effect.promise(() => write(body, path, limit)),
      (whole) => whole ? Effect.void : Effect.fail(new TooLarge({ limit }))
    )
  )

const write = async (body: AsyncIterable<Buffer>, path: string, limit: number): Promise<boolean> => {
  const file = await open(path, "wx")
  try {
    let bytes = 0
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > limit) return false
      await file.writeFile(chunk)
    }
    return true
  } finally {
    await file.close()
  }
}
