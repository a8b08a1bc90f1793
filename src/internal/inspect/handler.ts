import { checkNumber, invalid, isRecord } from "../args.js"
import { Live } from "./live.js"
import type { Dump } from "./model.js"
import { html, policyOf } from "./page/html.js"

/** All that the page shows comes from here. */
export interface Look {
  dump(): Dump
  /** `ref` is a `Ref`, or the id of a resource. */
  explain(ref: string): string
  text(dump: Dump): string
}

/**
 * The options of `handler`.
 *
 * @category models
 * @since 0.1.0
 */
export interface HandlerOptions {
  /**
   * How often an open page receives a new dump, in milliseconds: a number from 10 to 2147483647. Default: 1000. The
   * interval is longer when a dump takes more than a tenth of it. Without an open page there is no dump.
   */
  readonly interval?: number | undefined
}

const where = "Inspect.handler"

// A JavaScript timer of more milliseconds fires at once.
const maxInterval = 2_147_483_647

const headers = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff"
}

const allow = "GET, HEAD"

const respond = (
  body: string | ReadableStream<Uint8Array>,
  type: string,
  more: Readonly<Record<string, string>> = {},
  status = 200
): Response => new Response(body, { status, headers: { ...headers, "Content-Type": type, ...more } })

const plain = "text/plain; charset=utf-8"

const refuse = (status: number, text: string, more?: Readonly<Record<string, string>>): Response =>
  respond(`${text}\n`, plain, more, status)

/**
 * Serves the page and its data, wherever it is mounted: the end of the path decides.
 *
 * | path | response |
 * | --- | --- |
 * | `.../` | the page |
 * | `.../dump.json` | a dump |
 * | `.../dump.txt` | a dump as text |
 * | `.../explain?of=fiber%206` | an explanation of a fiber, job or resource, as text |
 * | `.../events` | dumps as server-sent events |
 *
 * A path without a slash at its end is redirected to the page, as the mount point may be one. A path that ends with the
 * name of a file is not found.
 */
export const makeHandler = (look: Look, options: HandlerOptions = {}): (request: Request) => Promise<Response> => {
  if (!isRecord(options)) throw invalid(where, "options", "an object", options)
  const interval = checkNumber(
    where,
    "interval",
    options.interval ?? 1000,
    `a number of milliseconds from 10 to ${maxInterval}`,
    (n) => n >= 10 && n <= maxInterval
  )
  const live = new Live(() => look.dump(), interval)
  let policy: Promise<string> | undefined

  const page = async (): Promise<Response> =>
    respond(html(interval), "text/html; charset=utf-8", { "Content-Security-Policy": await (policy ??= policyOf()) })

  const explain = ({ searchParams }: URL): Response => {
    const of = searchParams.get("of")
    return of === null || of === "" ?
      refuse(400, "explain needs a fiber, job or resource: explain?of=fiber%206") :
      respond(look.explain(of), plain)
  }

  // The header stops nginx from buffering the events.
  const events = ({ method, signal }: Request): Response =>
    respond(method === "HEAD" ? "" : live.stream(signal), "text/event-stream", { "X-Accel-Buffering": "no" })

  const routes = new Map<string, (url: URL, request: Request) => Response | Promise<Response>>([
    ["", page],
    ["dump.json", () => respond(JSON.stringify(look.dump()), "application/json")],
    ["dump.txt", () => respond(look.text(look.dump()), plain)],
    ["explain", explain],
    ["events", (_, request) => events(request)]
  ])

  const respondTo = async (request: Request): Promise<Response> => {
    const url = new URL(request.url)
    const end = url.pathname.slice(url.pathname.lastIndexOf("/") + 1)
    const route = routes.get(end)
    if (route === undefined && end.includes(".")) return refuse(404, "not found")
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, `use ${allow}`, { Allow: allow })
    // Relative, so that a proxy may serve it at another path.
    if (route === undefined) return refuse(307, "the page", { Location: `./${end}/${url.search}` })
    try {
      return await route(url, request)
    } catch (error) {
      return refuse(500, error instanceof Error ? error.message : String(error))
    }
  }

  return async (request) => {
    const response = await respondTo(request)
    return request.method === "HEAD" ? new Response(null, response) : response
  }
}
