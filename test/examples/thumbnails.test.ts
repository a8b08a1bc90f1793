import { Deferred, Effect, Exit, Result, type Scope } from "effect"
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import sharp from "sharp"
import { WorkerPool } from "sluice"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Answer, makeApi } from "../../docs/examples/thumbnails/api.js"
import { Client, contentOf } from "../../docs/examples/thumbnails/client.js"
import { corrupted, draw, poison } from "../../docs/examples/thumbnails/draw.js"
import { type Encoder, makeEncoder } from "../../docs/examples/thumbnails/encoder.js"
import { writeAtomically } from "../../docs/examples/thumbnails/file.js"
import { serve } from "../../docs/examples/thumbnails/http.js"
import { parseOptions } from "../../docs/examples/thumbnails/options.js"
import { makePool } from "../../docs/examples/thumbnails/pool.js"
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
    const [file, ...args] = command(["--images", "12"], entry)
    const child = spawn(file!, args, { env: { ...env, TMPDIR: temporary }, stdio: ["ignore", "pipe", "ignore"] })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => output += text)
    const code = await new Promise((resolve) => child.once("close", resolve))
    expect(output).toMatch(/GET \/thumbnails\/1\?wait +200 image\/jpeg, 160x\d+,/)
    expect(output).toMatch(/GET \/thumbnails\/2\?wait +422 \{"error":".+"\}/)
    expect(output).toMatch(/GET \/thumbnails\/3\?wait +500 .*height/)
    expect(output).toMatch(/"idle":2,.*"replaced":1,"submitted":3,"succeeded":1,"failed":1,"died":1,/)
    expect(output).toMatch(/12 requests: \d+ x 202, \d+ x 429/)
    expect(output).toContain("an image that comes now gets a 503")
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

describe("the service", () => {
  /** One that encodes nothing before `open`. */
  const gated = (open: Deferred.Deferred<void>): Effect.Effect<Encoder> =>
    Effect.succeed({
      encode: () => Effect.as(Deferred.await(open), { jpeg: Buffer.from("jpeg"), width: 1, height: 1 })
    })

  const service = (name: string, encoder: Parameters<typeof makePool>[0]["encoder"]) =>
    Effect.gen(function*() {
      const out = directory(name)
      const pool = yield* makePool({ folder: images, out, width: 50, workers: 1, capacity: 2, encoder })
      const api = makeApi(pool)
      const ask = (method: string, path: string) => api({ method, url: new URL(path, "http://service") })
      return { pool, out, ask, submit: (file: string) => ask("POST", `/thumbnails?file=${file}`) }
    })

  const said = ({ body, status }: Answer) => [status, JSON.parse(body.toString()) as unknown]

  it("refuses what finds the queue full with a 429, and takes it when there is room again", () =>
    run(Effect.gen(function*() {
      const open = yield* Deferred.make<void>()
      const { ask, out, submit } = yield* service("full", () => gated(open))
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
      const { ask, out, pool, submit } = yield* service("deadline", () => gated(Deferred.makeUnsafe()))
      yield* Effect.forEach(["a", "b", "c"], submit)
      const { aborted, counts, returned } = yield* WorkerPool.shutdown(pool, { deadline: "1 milli" })
      expect([aborted, returned]).toEqual([["a"], ["b", "c"]])
      expect(counts).toMatchObject({ submitted: 3, interrupted: 1, returned: 2, queued: 0, running: 0 })
      for (const id of [1, 2, 3]) expect((yield* ask("GET", `/thumbnails/${id}`)).status).toBe(503)
      expect((yield* submit("d")).status).toBe(503)
      expect(readdirSync(out)).toEqual([])
    })))

  it("tells a bad image from a bug, and replaces the encoder only for the bug", async () => {
    const released: Array<[worker: number, encoded: number]> = []
    await run(Effect.gen(function*() {
      const encoder = (worker: number) => makeEncoder((encoded) => released.push([worker, encoded]))
      const { ask, submit } = yield* service("trouble", encoder)
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
      const { ask, submit } = yield* service("nothing", () => makeEncoder(() => {}))
      for (const file of ["", "../images/picture-01.jpeg", "%2Fetc%2Fpasswd", ".", "..", ".hidden"]) {
        expect((yield* submit(file)).status).toBe(400)
      }
      expect((yield* ask("GET", "/thumbnails/1")).status).toBe(404)
      expect((yield* ask("GET", "/thumbnails/1/2")).status).toBe(404)
      expect((yield* ask("GET", "/")).status).toBe(404)
      expect((yield* ask("DELETE", "/thumbnails/1")).status).toBe(405)
    })))

  it("goes on with a thumbnail whose client has hung up", () =>
    run(Effect.gen(function*() {
      const open = yield* Deferred.make<void>()
      const asked = yield* Deferred.make<void>()
      const { pool } = yield* service("hung-up", () => gated(open))
      const api = makeApi(pool)
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

it("a file that cannot take its place leaves nothing of itself", async () => {
  const out = directory("in-the-way")
  // A directory is in the way, and not an empty one.
  mkdirSync(join(out, "a.jpg"))
  writeFileSync(join(out, "a.jpg", "file"), "")
  const exit = await Effect.runPromiseExit(writeAtomically(join(out, "a.jpg"), Buffer.from("jpeg"), 1))
  expect(Exit.isFailure(exit)).toBe(true)
  expect(readdirSync(out)).toEqual(["a.jpg"])
})
