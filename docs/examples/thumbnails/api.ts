import * as Effect from "effect/Effect"
import { type Answer, json, refuse, type Request } from "./answer.js"
import type { ByName } from "./byName.js"
import type { Uploads } from "./uploads.js"

export interface Parts {
  readonly byName: ByName
  readonly uploads: Uploads
  readonly stats: () => unknown
  readonly webhooks: () => unknown
}

/** What the service answers:
 *
 *     POST /images               the body is an image; x-webhook may name an address to be told when its thumbnails are made.
 *                                202 and its id, 400 for the webhook, 413 when it is too large, 422 when it is no image,
 *                                429 when the queue is full, 503 when the service shuts down
 *     GET  /images/ID            200 and its state, with the addresses of the thumbnails when they are made
 *     GET  /images/ID/SIZE       200 and the thumbnail, small, medium or large; 202 if it is not there yet, 422 if the image
 *                                is bad, 500 for a bug, 503 if it was not made because the service shut down
 *     POST /thumbnails?file=NAME the same for a file in the service's folder, in one size: 202, 400, 429, 503
 *     GET  /thumbnails/ID        as for a SIZE
 *     GET  /stats                200 and the pool's
 *     GET  /webhooks             200 and their pool's, with what was not delivered
 *
 * With ?wait, what is asked about an image is answered when its job has ended.
 */
export const makeApi = ({ byName, stats, uploads, webhooks }: Parts) => (request: Request): Effect.Effect<Answer> => {
  const { method, url } = request
  const [, root, id, size, rest] = url.pathname.split("/")
  const wait = url.searchParams.has("wait")
  const isPage = rest === undefined && (size === undefined || root === "images")
  if (!isPage) return noPage
  if (root === "stats" && id === undefined) return Effect.succeed(json(200, stats()))
  if (root === "webhooks" && id === undefined) return Effect.succeed(json(200, webhooks()))
  if (root !== "thumbnails" && root !== "images") return noPage
  if (id === undefined && method === "POST") {
    return root === "images" ? uploads.submit(request) : byName.submit(url.searchParams.get("file") ?? "")
  }
  if (id === undefined || method !== "GET") return Effect.succeed(refuse(405, `${method} does not go with this`))
  if (root === "thumbnails") return byName.look(Number(id), wait)
  return size === undefined ? uploads.look(Number(id), wait) : uploads.picture(Number(id), size, wait)
}

const noPage = Effect.succeed(refuse(404, "no such page"))
