import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { type Client, contentOf, type Response } from "./client.js"
import type { Receiver } from "./receivers.js"
import { names } from "./sizes.js"
import { count, print } from "./text.js"

/** A client that uploads images and has receivers told of them. Answers who is told of which. */
export const visitUploads = (
  client: Client,
  files: ReadonlyArray<string>,
  receivers: ReadonlyArray<Receiver>,
  limit: number
): Effect.Effect<ReadonlyMap<Receiver, ReadonlyArray<number>>> =>
  Effect.gen(function*() {
    const images = yield* Effect.promise(() => Promise.all(files.slice(0, 4).map((file) => readFile(file))))
    const show = (line: string, text: string) => print(`${line.padEnd(42)} ${text}`)
    const said = ({ body, status }: Response) => `${status} ${body.toString().trim()}`
    const told = new Map<Receiver, Array<number>>()

    print("\nUploads, and a webhook for each. No image waits for the receiver of another:")
    for (const [i, receiver] of [...receivers, ...receivers].entries()) {
      const { id } = contentOf(yield* persist(client.upload(images[i % images.length]!, receiver.url))) as Accepted
      told.set(receiver, [...told.get(receiver) ?? [], id])
      const { state } = contentOf(yield* client.get(`/images/${id}?wait`)) as { readonly state: string }
      const thumbnails = yield* Effect.forEach(names, (size) => client.get(`/images/${id}/${size}`))
      const found = thumbnails.map(({ headers }) => headers.get("x-size") ?? "none").join(" ")
      show(`POST /images, x-webhook: ${receiver.name}`, `${id} ${state}: ${found}`)
    }
    const { queued, running, undelivered } = contentOf(yield* client.get("/webhooks")) as Status
    const underway = count(queued + running, "webhook")
    show("GET /webhooks", `meanwhile ${underway} under way, ${undelivered} undelivered`)

    print("\nUploads that are refused:")
    show("POST /images, too large", said(yield* client.upload(Buffer.alloc(limit + 1))))
    show("POST /images, no image", said(yield* client.upload(Buffer.from("no image"))))
    show("POST /images, x-webhook: file:///", said(yield* client.upload(images[0]!, new URL("file:///"))))
    return told
  })

interface Accepted {
  readonly id: number
}

interface Status {
  readonly queued: number
  readonly running: number
  readonly undelivered: number
}

/** Comes back as long as there is no room, when the service says. */
const persist = (request: Effect.Effect<Response>): Effect.Effect<Response> =>
  Effect.flatMap(request, (response) => {
    if (response.status !== 429) return Effect.succeed(response)
    const seconds = Number(response.headers.get("retry-after"))
    return Effect.andThen(Effect.sleep(1000 * seconds), persist(request))
  })
