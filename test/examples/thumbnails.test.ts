import { Deferred, Effect, Exit, Fiber, Result, Schedule, type Scope } from "effect"
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { type ClientRequest, request } from "node:http"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import sharp from "sharp"
import { WorkerPool } from "sluice"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { type Answer, json, type Request } from "../../docs/examples/thumbnails/answer.js"
import { Client, contentOf } from "../../docs/examples/thumbnails/client.js"
import { corrupted, draw, poison } from "../../docs/examples/thumbnails/draw.js"
import { type Encoder, makeEncoder } from "../../docs/examples/thumbnails/encoder.js"
import { writeAtomically } from "../../docs/examples/thumbnails/file.js"
import { serve } from "../../docs/examples/thumbnails/http.js"
import { parseOptions } from "../../docs/examples/thumbnails/options.js"
import { makeService, type Settings } from "../../docs/examples/thumbnails/service.js"
import type { Loss } from "../../docs/examples/thumbnails/webhooks.js"
import { command, type Ended, env, start } from "./program.js"

const entry = fileURLToPath(new URL("../../docs/examples/thumbnails/main.ts", import.meta.url))

let base: string
let images: string

/** A directory of a test's own. */
const directory = (name: string): string => {
  const path = join(base, name)
  mkdirSync(path)
  return path
}

const run = <A>(effect: Effect.Effect<A, unknown, Scope.Scope>) => Effect.runPromise(Effect.scoped(effect))

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "sluice-thumbnails-test-"))
  images = join(base, "images")
  await Effect.runPromise(draw(images, 4))
})

afterAll(() => rmSync(base, { recursive: true }))

describe.concurrent("the program", () => {
  it("shows a service that accepts, refuses, survives and ends, and leaves no file behind", async () => {
    const temporary = directory("temporary")
    const [file, ...args] = command(["--images", "8"], entry)
    const child = spawn(file!, args, { env: { ...env, TMPDIR: temporary }, stdio: ["ignore", "pipe", "ignore"] })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => output += text)
    const code = await new Promise((resolve) => child.once("close", resolve))
    expect(output).toMatch(/GET \/thumbnails\/1\?wait +200 image\/jpeg, 160x\d+,/)
    expect(output).toMatch(/GET \/thumbnails\/2\?wait +422 \{"error":".+"\}/)
    expect(output).toMatch(/GET \/thumbnails\/3\?wait +500 .*height/)
    expect(output).toMatch(/"idle":2,.*"replaced":1,.*"submitted":3,"succeeded":1,"failed":1,"died":1,/)
    expect(output).toMatch(/8 requests: \d+ x 202, \d+ x 429/)
    for (const name of ["prompt", "slow", "fails twice", "dead"]) {
      expect(output).toMatch(new RegExp(`x-webhook: ${name} +\\d succeeded: 160x\\d+ 480x\\d+ \\d+x\\d+`))
    }
    expect(output).toMatch(/meanwhile \d webhooks? under way/)
    expect(output.match(/^POST \/images.*(413|422|400) \{"error"/gm)).toHaveLength(3)
    expect(output).toContain("an image that comes now gets a 503")
    expect(output.slice(output.indexOf("receiver  "))).toMatch(
      new RegExp([
        "^receiver +images +attempts +delivered +undelivered",
        "prompt +2 +2 +2 +0",
        "slow +2 +2 +2 +0",
        "fails twice +2 +4 +2 +0",
        "dead +2 +10 +0 +2 +connect ECONNREFUSED .+\n$"
      ].join("\n"))
    )
    // Those of the two workers, and the one that was replaced.
    expect(output.match(/encoder of worker \d released/g)).toHaveLength(3)
    // tsx keeps what it has compiled there.
    expect(readdirSync(temporary).filter((name) => !name.startsWith("tsx") && name !== "node-compile-cache")).toEqual(
      []
    )
    expect(code).toBe(0)
  })

  const batch = (...args: ReadonlyArray<string>): Promise<Ended> => start(args, { entry }).ended

  it("makes a thumbnail of every file in a folder, and says of which there is none, and why", async () => {
    const out = join(base, "batch")
    const { code, stderr } = await batch("--folder", images, "--out", out, "--width", "50")
    // What sharp says of it is not always the same.
    expect(stderr).toMatch(new RegExp(`^thumbnails: ${corrupted}: (?!a bug).+$`, "m"))
    expect(stderr).toMatch(new RegExp(`^thumbnails: ${poison}: a bug: .*height`, "m"))
    expect(stderr).toMatch(/^thumbnails: 4 thumbnails of 6 files\n$/m)
    const files = readdirSync(out)
    expect(files.sort()).toEqual([1, 2, 3, 4].map((n) => `picture-0${n}.${n % 2 === 0 ? "png" : "jpeg"}.jpg`))
    for (const file of files) {
      expect(await sharp(join(out, file)).metadata()).toMatchObject({ format: "jpeg", width: 50 })
    }
    expect(code).toBe(1)
  })

  it("draws the images if there are none, and ends with Ctrl-C: with whole files only, and an account of all", async () => {
    const [folder, out] = [join(base, "drawn"), join(base, "interrupted")]
    const { child, ended, says } = start(["--folder", folder, "--out", out, "--images", "10", "--deadline", "0"], {
      entry
    })
    await says("drawing 10 images")
    child.kill("SIGINT")
    const { code, stderr } = await ended
    expect(readdirSync(folder)).toHaveLength(12)
    const account = /(\d+) thumbnails? of 12 files; (\d+) aborted, (\d+) returned, (\d+) left/.exec(stderr)!
    const [made, ...others] = account.slice(1).map(Number)
    expect(others.reduce((sum, n) => sum + n, made!)).toBe(12)
    // One that was aborted as it wrote its file had written it.
    expect(readdirSync(out).filter((name) => !name.endsWith(".jpg"))).toEqual([])
    expect(code).toBe(130)
  })

  it("refuses bad options with exit code 1", async () => {
    const { code, stderr } = await batch("--workers", "0")
    expect(stderr).toBe("thumbnails: --workers must be an integer from 1 to 1000, got \"0\" (see --help)\n")
    expect(code).toBe(1)
  })
})

it.each([
  [["--out", "x"], "--out wants --folder as well"],
  [["--capacity", "-1"], "Option '--capacity' argument is ambiguous"],
  [["--capacity=-1"], "--capacity must be an integer from 0 to 1000000, got \"-1\""],
  [["--width", "wide"], "--width must be an integer from 1 to 10000, got \"wide\""],
  [["--fast"], "Unknown option '--fast'"]
])("options %j: %s", (args, message) => {
  expect(Result.getOrThrow(Result.flip(parseOptions(args)))).toContain(message)
})

/** One that encodes nothing before `open`. */
const gated = (open: Deferred.Deferred<void>): Effect.Effect<Encoder> =>
  Effect.succeed({
    encode: (_, widths) =>
      Effect.as(Deferred.await(open), widths.map((width) => ({ jpeg: Buffer.from("jpeg"), width, height: 1 })))
  })

const real = () => makeEncoder(() => {})

const bodyOf = (...chunks: ReadonlyArray<Buffer>): Request["body"] => Readable.from(chunks)

const service = (name: string, settings: Partial<Settings>) =>
  Effect.gen(function*() {
    const out = directory(name)
    const made = yield* makeService({
      folder: images,
      out,
      width: 50,
      workers: 1,
      capacity: 2,
      encoder: real,
      limit: 1e7,
      remembered: 100,
      webhooks: {
        workers: 2,
        capacity: 10,
        timeout: "1 minute",
        retry: Schedule.exponential("1 milli").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))
      },
      ...settings
    })
    const ask = (method: string, path: string, headers: Request["headers"] = {}, body = bodyOf()) =>
      made.api({ method, url: new URL(path, "http://service"), headers, body })
    return { ...made, out, ask, submit: (file: string) => ask("POST", `/thumbnails?file=${file}`) }
  })

describe("the service", () => {
  const said = ({ body, status }: Answer) => [status, JSON.parse(body.toString()) as unknown]

  it("refuses what finds the queue full with a 429, and takes it when there is room again", () =>
    run(Effect.gen(function*() {
      const open = yield* Deferred.make<void>()
      const { ask, out, submit } = yield* service("full", { encoder: () => gated(open) })
      const accepted = yield* Effect.forEach(["a", "b", "c"], submit)
      expect(accepted.map(({ headers, status }) => [status, headers["location"]])).toEqual(
        [1, 2, 3].map((id) => [202, `/thumbnails/${id}`])
      )
      const refused = yield* submit("d")
      expect(refused.status).toBe(429)
      expect(refused.headers).toMatchObject({ "retry-after": "1" })
      expect(said(yield* ask("GET", "/thumbnails/1"))).toEqual([202, { id: 1, state: "running" }])
      expect(said(yield* ask("GET", "/thumbnails/3"))).toEqual([202, { id: 3, state: "queued" }])

      yield* Deferred.succeed(open, undefined)
      expect((yield* ask("GET", "/thumbnails/3?wait")).body.toString()).toBe("jpeg")
      expect((yield* submit("d")).status).toBe(202)
      expect((yield* ask("GET", "/thumbnails/4?wait")).status).toBe(200)
      expect(readdirSync(out).sort()).toEqual(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    })))

  it("shuts down at its deadline: what ran is aborted, what waited returned, what comes gets a 503", () =>
    run(Effect.gen(function*() {
      const { ask, out, pool, submit } = yield* service("deadline", { encoder: () => gated(Deferred.makeUnsafe()) })
      yield* Effect.forEach(["a", "b", "c"], submit)
      const { aborted, counts, returned } = yield* WorkerPool.shutdown(pool, { deadline: "1 milli" })
      expect([aborted, returned].map((jobs) => jobs.map(({ source }) => basename(source)))).toEqual([["a"], ["b", "c"]])
      expect(counts).toMatchObject({ submitted: 3, interrupted: 1, returned: 2, queued: 0, running: 0 })
      for (const id of [1, 2, 3]) expect((yield* ask("GET", `/thumbnails/${id}`)).status).toBe(503)
      expect((yield* submit("d")).status).toBe(503)
      expect(readdirSync(out)).toEqual([])
    })))

  it("tells a bad image from a bug, and replaces the encoder only for the bug", async () => {
    const released: Array<[worker: number, encoded: number]> = []
    await run(Effect.gen(function*() {
      const encoder = (worker: number) => makeEncoder((encoded) => released.push([worker, encoded]))
      const { ask, submit } = yield* service("trouble", { encoder })
      const result = (file: string) =>
        Effect.flatMap(submit(file), ({ headers }) => ask("GET", `${headers["location"]!}?wait`))
      expect((yield* result("picture-01.jpeg")).status).toBe(200)
      expect((yield* result(corrupted)).status).toBe(422)
      expect((yield* result("no-such-image.png")).status).toBe(422)
      expect(released).toEqual([])
      expect((yield* result(poison)).status).toBe(500)
      // The job is told before its encoder is released. The next one has to wait for another.
      expect((yield* result("picture-02.png")).status).toBe(200)
      expect(released).toEqual([[1, 1]])
      const [, stats] = said(yield* ask("GET", "/stats"))
      expect(stats).toMatchObject({ state: "running", idle: 1, replaced: 1, succeeded: 2, failed: 2, died: 1 })
    }))
    expect(released).toEqual([[1, 1], [1, 1]])
  })

  it("knows nothing of other files, pages, methods and thumbnails", () =>
    run(Effect.gen(function*() {
      const { ask, submit } = yield* service("nothing", {})
      for (const file of ["", "../images/picture-01.jpeg", "%2Fetc%2Fpasswd", ".", "..", ".hidden"]) {
        expect((yield* submit(file)).status).toBe(400)
      }
      expect((yield* ask("GET", "/thumbnails/1")).status).toBe(404)
      expect((yield* ask("GET", "/thumbnails/1/2")).status).toBe(404)
      expect((yield* ask("GET", "/images/1")).status).toBe(404)
      expect((yield* ask("GET", "/images/1/small")).status).toBe(404)
      expect((yield* ask("GET", "/images/1/small/2")).status).toBe(404)
      expect((yield* ask("GET", "/")).status).toBe(404)
      expect((yield* ask("DELETE", "/thumbnails/1")).status).toBe(405)
    })))

  it("goes on with a thumbnail whose client has hung up", () =>
    run(Effect.gen(function*() {
      const open = yield* Deferred.make<void>()
      const asked = yield* Deferred.make<void>()
      const { api } = yield* service("hung-up", { encoder: () => gated(open) })
      const url = yield* serve((request) =>
        Effect.andThen(
          request.url.searchParams.has("wait") ? Deferred.succeed(asked, undefined) : Effect.void,
          api(request)
        )
      )
      const client = new Client(url)
      const accepted = yield* client.submit("a")
      yield* Effect.raceFirst(client.result(accepted), Deferred.await(asked))
      yield* Deferred.succeed(open, undefined)
      expect((yield* client.result(accepted)).status).toBe(200)
      expect(contentOf(yield* client.get("/stats"))).toMatchObject({ submitted: 1, succeeded: 1 })
    })))

  it("answers a 500 when it has a bug itself", () =>
    run(Effect.gen(function*() {
      const client = new Client(yield* serve(() => Effect.die(new Error("a bug"))))
      const answer = yield* client.get("/stats")
      expect([answer.status, contentOf(answer)]).toEqual([500, { error: "a bug" }])
    })))
})

describe("uploads", () => {
  const picture = (n: number) => readFileSync(join(images, `picture-0${n}.${n % 2 === 0 ? "png" : "jpeg"}`))

  /** Ones that are open, as Linux knows. */
  const filesOpen = () => {
    if (process.platform !== "linux") return []
    return readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return [readlinkSync(join("/proc/self/fd", fd))]
      } catch {
        return [] // It was that of the listing.
      }
    }).filter((path) => path.startsWith(base))
  }
  afterEach(() => expect(filesOpen()).toEqual([]))

  const serving = (name: string, settings: Partial<Settings> = {}) =>
    Effect.gen(function*() {
      const made = yield* service(name, settings)
      const url = yield* serve(made.api)
      const client = new Client(url)
      const content = (path: string) => Effect.map(client.get(path), contentOf)
      return { ...made, url, client, content }
    })

  /** Somebody who is told of images, and answers with a status. */
  const receiver = (answer: (post: number) => Effect.Effect<number>) =>
    Effect.gen(function*() {
      const posts: Array<unknown> = []
      const url = yield* serve(({ body }) =>
        Effect.gen(function*() {
          posts.push(JSON.parse(yield* Effect.promise(() => text(body))))
          return json(yield* answer(posts.length), {}, { location: "/elsewhere" })
        })
      )
      return { url, posts }
    })

  const nobody = Effect.scoped(Effect.map(receiver(() => Effect.never), ({ url }) => url))

  const end = { images: "1 minute", webhooks: "1 minute" } as const

  it("have three sizes, none of them larger than the image", () =>
    run(Effect.gen(function*() {
      const { client, content, out, url } = yield* serving("sizes")
      const expected = { 2: [[160, 101], [480, 302], [960, 605]], 4: [[160, 265], [480, 794], [692, 1144]] }
      for (const [n, dimensions] of Object.entries(expected)) {
        const accepted = yield* client.upload(picture(Number(n)))
        expect(accepted.status).toBe(202)
        const path = accepted.headers.get("location")!
        const addresses = ["small", "medium", "large"].map((size) => `${url.origin}${path}/${size}`)
        expect(yield* content(`${path}?wait`)).toEqual({
          ...contentOf(accepted) as object,
          state: "succeeded",
          thumbnails: { small: addresses[0], medium: addresses[1], large: addresses[2] }
        })
        for (const [i, [width, height]] of dimensions.entries()) {
          const { body } = yield* client.get(addresses[i]!)
          const { format, ...metadata } = yield* Effect.promise(() => sharp(body).metadata())
          expect([format, metadata.width, metadata.height]).toEqual(["jpeg", width, height])
        }
        expect((yield* client.get(`${path}/huge`)).status).toBe(404)
      }
      expect(readdirSync(out)).toHaveLength(6)
    })))

  it("tell their webhook what became of them, in the words of the service itself", () =>
    run(Effect.gen(function*() {
      const { client, content, out, shutdown } = yield* serving("webhook")
      const { posts, url } = yield* receiver(() => Effect.succeed(204))
      const files = [picture(1), readFileSync(join(images, corrupted)), readFileSync(join(images, poison))]
      for (const file of files) yield* client.result(yield* client.upload(file, url))
      const { undelivered, webhooks } = yield* shutdown(end)
      expect(webhooks.counts).toMatchObject({ submitted: 3, succeeded: 3 })
      expect(undelivered).toEqual([])
      // They may come in any order.
      const told = new Map(posts.map((post) => [(post as { readonly id: number }).id, post]))
      expect(told.size).toBe(3)
      for (const [id, state] of [[1, "succeeded"], [2, "failed"], [3, "died"]] as const) {
        expect(yield* content(`/images/${id}`)).toEqual({ ...told.get(id) as object, webhook: "succeeded" })
        expect(told.get(id)).toMatchObject({
          id,
          state,
          [id === 1 ? "thumbnails" : "error"]: expect.anything() as unknown
        })
      }
      expect((yield* client.get("/images/2/small")).status).toBe(422)
      expect((yield* client.get("/images/3/small")).status).toBe(500)
      expect(readdirSync(out).sort()).toEqual(["1-large.jpg", "1-medium.jpg", "1-small.jpg"])
    })))

  it("are announced a third time to a receiver that failed twice", () =>
    run(Effect.gen(function*() {
      const { client, shutdown } = yield* serving("twice")
      const { posts, url } = yield* receiver((post) => Effect.succeed(post <= 2 ? 503 : 200))
      yield* client.result(yield* client.upload(picture(1), url))
      const { undelivered, webhooks } = yield* shutdown(end)
      expect(posts).toHaveLength(3)
      expect(posts[2]).toEqual(posts[0])
      expect([webhooks.counts.succeeded, undelivered]).toEqual([1, []])
    })))

  it.each<[string, (post: number) => Effect.Effect<number>, Partial<Loss>]>([
    ["does not want it is not asked again", () => Effect.succeed(410), { attempts: 1, reason: "answered 410" }],
    ["sends it elsewhere is not followed", () => Effect.succeed(302), { attempts: 1, reason: "answered 302" }],
    ["never answers is given up", () => Effect.never, { attempts: 4, reason: "no answer in time" }]
  ])("a receiver that %s", (title, answer, loss) =>
    run(Effect.gen(function*() {
      const retry = Schedule.exponential("1 milli").pipe(Schedule.upTo({ times: 3 }))
      const webhooks = {
        workers: 1,
        capacity: 1,
        timeout: loss.attempts === 1 ? "1 minute" : "50 millis",
        retry
      } as const
      const { client, shutdown } = yield* serving(title, { webhooks })
      const { url } = yield* receiver(answer)
      yield* client.upload(picture(1), url)
      const { undelivered } = yield* shutdown(end)
      expect(undelivered).toEqual([{ image: 1, to: url.href, ...loss }])
    })))

  it("nobody waits for a receiver that is dead, and what it missed is counted and listed", () =>
    run(Effect.gen(function*() {
      const { client, content, shutdown } = yield* serving("dead")
      const [again, open, all] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
      const dying = yield* receiver((post) => {
        const hold = Effect.andThen(Deferred.succeed(again, undefined), Deferred.await(open))
        return Effect.as(post === 2 ? hold : Effect.void, 500)
      })
      const prompt = yield* receiver((post) =>
        Effect.as(post === 3 ? Deferred.succeed(all, undefined) : Effect.void, 200)
      )
      yield* client.upload(picture(1), dying.url)
      yield* Deferred.await(again)
      for (const n of [2, 3, 4]) {
        const accepted = yield* client.upload(picture(n), prompt.url)
        expect(contentOf(yield* client.result(accepted))).toMatchObject({ id: n, state: "succeeded" })
      }
      yield* Deferred.await(all)
      expect(yield* content("/images/1")).toMatchObject({ state: "succeeded", webhook: "running" })
      expect(yield* content("/webhooks")).toMatchObject({ undelivered: 0, list: [] })

      yield* client.upload(picture(1), yield* nobody)
      yield* Deferred.succeed(open, undefined)
      const { undelivered, webhooks } = yield* shutdown(end)
      expect(webhooks.counts).toMatchObject({ succeeded: 3, failed: 2 })
      const byImage = [...undelivered].sort((a, b) => a.image - b.image)
      expect(byImage).toMatchObject([
        { image: 1, to: dying.url.href, attempts: 4, reason: "answered 500" },
        { image: 5, attempts: 4, reason: expect.stringContaining("ECONNREFUSED") as string }
      ])
      expect(yield* content("/webhooks")).toMatchObject({ state: "stopped", undelivered: 2, list: undelivered })
    })))

  it("webhooks that find their queue full, or have no time at the end, are undelivered too", () =>
    run(Effect.gen(function*() {
      const webhooks = { workers: 1, capacity: 1, timeout: "1 minute", retry: Schedule.recurs(3) } as const
      const { client, content, shutdown } = yield* serving("late", { webhooks })
      const { url } = yield* receiver(() => Effect.never)
      for (const n of [1, 2, 3]) yield* client.result(yield* client.upload(picture(n), url))
      const report = yield* shutdown({ ...end, webhooks: 0 })
      expect(report.webhooks).toMatchObject({ aborted: [{ image: 1 }], returned: [{ image: 2 }] })
      expect(report.undelivered).toMatchObject([
        { image: 3, attempts: 0, reason: expect.stringContaining("queue is full (capacity 1)") as string },
        { image: 1, reason: "the service stopped" },
        { image: 2, attempts: 0, reason: "the service stopped" }
      ])
      expect(yield* content("/images/3")).toMatchObject({ state: "succeeded", webhook: "refused" })
      expect(yield* shutdown(end)).toMatchObject({ undelivered: report.undelivered })
    })))

  /** A client that goes on sending as long as it likes. */
  const sending = (url: URL, headers: Record<string, string | number> = {}) => {
    const sent = request(new URL("/images", url), { method: "POST", headers })
    const answered = new Promise<number>((resolve, reject) => {
      sent.once("response", (response) => resolve(response.statusCode!)).once("error", reject)
    })
    return { sent, status: Effect.promise(() => answered) }
  }
  const hangUp = (sent: ClientRequest) => {
    sent.on("error", () => {}).destroy()
  }

  it("get a 429 when the queue is full, before they are sent; or after, and leave no file", () =>
    run(Effect.gen(function*() {
      const open = yield* Deferred.make<void>()
      const { ask, client, content, out, url } = yield* serving("full-of-uploads", { encoder: () => gated(open) })
      for (const n of [1, 2]) expect((yield* client.upload(picture(n))).status).toBe(202)
      // Another one takes the last place while this one is being sent.
      const overtaken = yield* ask(
        "POST",
        "/images",
        {},
        (async function*() {
          expect((await run(client.upload(picture(3)))).status).toBe(202)
          yield picture(4)
        })()
      )
      expect([overtaken.status, overtaken.headers["retry-after"]]).toEqual([429, "1"])
      const refused = yield* client.upload(picture(4))
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"])
      const { sent, status } = sending(url, { "content-length": 1000 })
      sent.flushHeaders()
      expect(yield* status).toBe(429)
      hangUp(sent)
      expect(readdirSync(out)).toHaveLength(3)

      yield* Deferred.succeed(open, undefined)
      // The one that was overtaken was the third to come.
      expect(yield* content("/images/4?wait")).toMatchObject({ state: "succeeded" })
      expect((yield* client.upload(picture(4))).status).toBe(202)
    })))

  it("get a 413 as soon as they are too large, while their client still sends", () =>
    run(Effect.gen(function*() {
      const { ask, client, out, url } = yield* serving("large", { limit: 100_000 })
      const announced = sending(url, { "content-length": 100_001 })
      announced.sent.flushHeaders()
      expect(yield* announced.status).toBe(413)
      hangUp(announced.sent)

      const streamed = sending(url, { connection: "close" })
      streamed.sent.write(Buffer.alloc(100_001))
      expect(yield* streamed.status).toBe(413)
      // It is still listened to.
      // Node says that it has finished also when it could not.
      const errored = Effect.promise(() =>
        new Promise((resolve) => {
          streamed.sent.once("finish", () => resolve(streamed.sent.socket?.errored)).once("error", resolve)
          // More than the system keeps for a server that does not read.
          streamed.sent.end(Buffer.alloc(32_000_000))
        })
      )
      expect(yield* errored).toBe(null)
      hangUp(streamed.sent)

      let chunks = 0
      const endless = Readable.from(
        (function*() {
          for (;; chunks++) yield Buffer.alloc(1000)
        })(),
        { highWaterMark: 1 }
      )
      expect((yield* ask("POST", "/images", {}, endless)).status).toBe(413)
      expect(chunks).toBeLessThan(110)
      expect(readdirSync(out)).toEqual([])
      expect((yield* client.upload(picture(1))).status).toBe(202)
    })))

  it("get a 429 when too many are being sent at a time", () =>
    run(Effect.gen(function*() {
      const { ask } = yield* service("many", { workers: 1, capacity: 0 })
      const bodies = Array.from({ length: 4 }, () => new PassThrough())
      const receiving = yield* Effect.forEach(
        bodies,
        (body) => Effect.forkChild(ask("POST", "/images", {}, body), { startImmediately: true })
      )
      expect((yield* ask("POST", "/images", {}, bodyOf(picture(1)))).status).toBe(429)
      for (const body of bodies) body.end()
      const statuses = yield* Effect.forEach(receiving, Fiber.join)
      expect(statuses.map(({ status }) => status)).toEqual([422, 422, 422, 422])
      expect((yield* ask("POST", "/images", {}, bodyOf(picture(1)))).status).toBe(202)
      // Those that were refused had a number, too.
      expect((yield* ask("GET", "/images/6/small?wait")).status).toBe(200)
    })))

  it("are forgotten when there are newer ones, and their thumbnails deleted", () =>
    run(Effect.gen(function*() {
      const { client, out, shutdown } = yield* serving("forgotten", { remembered: 1 })
      for (const n of [1, 2]) yield* client.result(yield* client.upload(picture(n)))
      yield* shutdown(end)
      expect((yield* client.get("/images/1")).status).toBe(404)
      expect((yield* client.get("/images/2/small")).status).toBe(200)
      expect(readdirSync(out).sort()).toEqual(["2-large.jpg", "2-medium.jpg", "2-small.jpg"])
    })))

  it("whose client hangs up leave no file", () =>
    run(Effect.gen(function*() {
      const [started, ended] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
      const { api, out, pool } = yield* service("half", {})
      async function* watched(body: Request["body"]) {
        for await (const chunk of body) {
          yield chunk
          Deferred.doneUnsafe(started, Exit.void)
        }
      }
      const url = yield* serve((request) =>
        Effect.ensuring(api({ ...request, body: watched(request.body) }), Deferred.succeed(ended, undefined))
      )
      const { sent, status } = sending(url)
      void Effect.runPromiseExit(status)
      sent.write(picture(1).subarray(0, 1000))
      // A chunk is asked for again when it has been written.
      sent.write(picture(1).subarray(1000, 2000))
      yield* Deferred.await(started)
      expect(readdirSync(out)).toEqual(["1.upload"])
      hangUp(sent)
      yield* Deferred.await(ended)
      expect(readdirSync(out)).toEqual([])
      expect(WorkerPool.stats(pool).submitted).toBe(0)
    })))

  it("that are no images get a 422", () =>
    run(Effect.gen(function*() {
      const { client, out } = yield* serving("no-image")
      for (const body of ["", "no image", "<html></html>"]) {
        expect((yield* client.upload(Buffer.from(body))).status).toBe(422)
      }
      expect(readdirSync(out)).toEqual([])
    })))

  it.each(["", "here", "/path", "ftp://host/", "file:///etc/passwd", "javascript:1", "http://user:password@host/"])(
    "get a 400 when their webhook is %j",
    (webhook) =>
      run(Effect.gen(function*() {
        const { ask, out } = yield* service(`webhook-${encodeURIComponent(webhook)}`, {})
        const { status } = yield* ask("POST", "/images", { "x-webhook": webhook })
        expect([status, readdirSync(out)]).toEqual([400, []])
      }))
  )

  it("the end: first nothing is accepted, then the images are drained, then the webhooks, then there is a report", () =>
    run(Effect.gen(function*() {
      const [open, told, answer] = [1, 2, 3].map(() => Deferred.makeUnsafe<void>())
      const { client, content, pool, shutdown, webhooks } = yield* serving("order", { encoder: () => gated(open!) })
      const { posts, url } = yield* receiver(() =>
        Effect.as(Effect.andThen(Deferred.succeed(told!, undefined), Deferred.await(answer!)), 200)
      )
      for (const n of [1, 2]) yield* client.upload(picture(n), url)

      const ending = yield* Effect.forkChild(shutdown(end), { startImmediately: true })
      expect((yield* client.upload(picture(3), url)).status).toBe(503)
      expect([WorkerPool.stats(pool).state, webhooks().state]).toEqual(["draining", "running"])
      expect(posts).toEqual([])

      yield* Deferred.succeed(open!, undefined)
      yield* Deferred.await(told!)
      // Whoever is told can fetch it still.
      expect((yield* client.get("/images/1/small")).body.toString()).toBe("jpeg")
      expect((yield* client.get("/images/2/small?wait")).status).toBe(200)
      expect(ending.pollUnsafe()).toBe(undefined)

      yield* Deferred.succeed(answer!, undefined)
      const report = yield* Fiber.join(ending)
      expect([WorkerPool.stats(pool).state, webhooks().state]).toEqual(["stopped", "stopped"])
      expect(report.images.counts).toMatchObject({ submitted: 2, succeeded: 2 })
      expect(report.webhooks.counts).toMatchObject({ submitted: 2, succeeded: 2 })
      expect(report.undelivered).toEqual([])
      expect(yield* content("/images/2")).toMatchObject({ state: "succeeded", webhook: "succeeded" })
    })))

  it("that had no time at the end say so, and leave no file", () =>
    run(Effect.gen(function*() {
      const { client, out, shutdown } = yield* serving("no-time", { encoder: () => gated(Deferred.makeUnsafe()) })
      const { posts, url } = yield* receiver(() => Effect.succeed(200))
      for (const n of [1, 2]) yield* client.upload(picture(n), url)
      const { images } = yield* shutdown({ ...end, images: 0 })
      expect([images.aborted.length, images.returned.length]).toEqual([1, 1])
      expect(posts).toHaveLength(2)
      expect(posts).toEqual(expect.arrayContaining([
        { id: 1, state: "interrupted", error: "interrupted by the end of the service" },
        { id: 2, state: "returned", error: expect.any(String) as string }
      ]))
      expect(readdirSync(out)).toEqual([])
    })))
})

it("a file that cannot take its place leaves nothing of itself, nor of those that belong to it", async () => {
  const out = directory("in-the-way")
  // A directory is in the way, and not an empty one.
  mkdirSync(join(out, "a.jpg"))
  writeFileSync(join(out, "a.jpg", "file"), "")
  const files = ["b.jpg", "a.jpg", "c.jpg"].map((name) => ({ path: join(out, name), content: Buffer.from("jpeg") }))
  const exit = await Effect.runPromiseExit(writeAtomically(files, 1))
  expect(Exit.isFailure(exit)).toBe(true)
  expect(readdirSync(out)).toEqual(["a.jpg"])
})
