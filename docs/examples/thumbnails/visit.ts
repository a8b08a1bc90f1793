import * as Effect from "effect/Effect"
import { type Client, contentOf, type Response } from "./client.js"
import { corrupted, poison } from "./draw.js"
import { count, print } from "./text.js"

/** What a client does to the service, and what it gets. */
export const visit = (client: Client, files: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const show = (line: string, response: Response) => print(`${line.padEnd(42)} ${describe(response)}`)
    const submit = (file: string) =>
      Effect.tap(client.submit(file), (response) => Effect.sync(() => show(`POST /thumbnails?file=${file}`, response)))
    const get = (path: string) =>
      Effect.tap(client.get(path), (response) => Effect.sync(() => show(`GET ${path}`, response)))
    const follow = (file: string) =>
      Effect.gen(function*() {
        const accepted = yield* submit(file)
        if (accepted.status === 202) yield* get(`${accepted.headers.get("location")!}?wait`)
      })

    print("An image:")
    yield* follow(files[0]!)

    print("\nAn image of which half is missing is its own error, and nobody else's:")
    yield* follow(corrupted)

    print("\nAn image that hits a bug is a defect. Its encoder is replaced, and the service goes on:")
    yield* follow(poison)
    yield* get("/stats")
    yield* follow(files[1]!)

    print("\nRequests that make no sense:")
    yield* submit("../etc/passwd")
    yield* get("/thumbnails/999")

    print("\nEverything at once. What finds the queue full is refused, and the caller comes back later:")
    for (let left = files; left.length > 0;) left = yield* wave(client, left)
  })

/** Submits all files, waits for those that were accepted, and answers the others. */
const wave = (client: Client, files: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const responses = yield* Effect.forEach(files, client.submit, { concurrency: "unbounded" })
    const accepted = responses.filter(({ status }) => status === 202)
    const refused = files.filter((_, i) => responses[i]!.status === 429)
    print(`${count(files.length, "request")}: ${accepted.length} x 202, ${refused.length} x 429`)
    yield* Effect.forEach(accepted, client.result, { concurrency: "unbounded", discard: true })
    return refused
  })

const describe = (response: Response): string => {
  const { body, headers, status } = response
  if (headers.get("content-type") !== "image/jpeg") return `${status} ${JSON.stringify(contentOf(response))}`
  return `${status} image/jpeg, ${headers.get("x-size") ?? ""}, ${count(body.length, "byte")}`
}
