import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

export class TooLarge extends Data.TaggedError("TooLarge")<{ readonly limit: number }> {
  override get message(): string {
    return `an image may have ${this.limit} bytes`
  }
}

/** The whole body, in memory of its own: so it can be given away. */
export const receive = (body: AsyncIterable<Buffer>, limit: number): Effect.Effect<Uint8Array, TooLarge> =>
  Effect.flatMap(Effect.promise(() => read(body, limit)), (chunks) => {
    if (chunks === undefined) return Effect.fail(new TooLarge({ limit }))
    const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const chunk of chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    return Effect.succeed(bytes)
  })

const read = async (body: AsyncIterable<Buffer>, limit: number): Promise<ReadonlyArray<Buffer> | undefined> => {
  const chunks: Array<Buffer> = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > limit) return undefined
    chunks.push(chunk)
  }
  return chunks
}
