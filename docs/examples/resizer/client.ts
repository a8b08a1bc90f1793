import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** An image that has not been resized, and what the service says. */
export class Unanswered extends Data.TaggedError("Unanswered")<{ readonly reason: string }> {
  override get message(): string {
    return `no image came back: ${this.reason}`
  }
}

/** Sends an image to the service, and answers what comes back. */
export const post = (service: URL, image: Uint8Array, width: number | string) =>
  Effect.promise(async (signal) => {
    const response = await fetch(new URL(`/resize?width=${width}`, service), {
      method: "POST",
      body: image as Uint8Array<ArrayBuffer>,
      signal,
      headers: { connection: "close" }
    })
    const { headers, status } = response
    return { status, headers, body: new Uint8Array(await response.arrayBuffer()) }
  })
