import { Effect, Exit, Fiber, Result, type Scope } from "effect"
import fc from "fast-check"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { post } from "../../docs/examples/resizer/client.js"
import { end } from "../../docs/examples/resizer/ending.js"
import { shrink } from "../../docs/examples/resizer/filter.js"
import { serve } from "../../docs/examples/resizer/http.js"
import { draw, headerOf, type Image, parsePpm } from "../../docs/examples/resizer/image.js"
import { parseOptions } from "../../docs/examples/resizer/options.js"
import { inThreads, onMainThread, type Resizer, type Settings } from "../../docs/examples/resizer/resizer.js"
import { makeService } from "../../docs/examples/resizer/service.js"
import { threadModule } from "../../docs/examples/threadModule.js"
import { start } from "./program.js"
import { widths } from "./resizer-jobs.js"

const entry = fileURLToPath(new URL("../../docs/examples/resizer/main.ts", import.meta.url))

const toPpm = (image: Image): Buffer => Buffer.concat([headerOf(image), image.pixels])

const shrunk = (image: Image, width: number): Image => shrink(image, width, () => false)

const run = <A>(effect: Effect.Effect<A, unknown, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(effect))

const limit = 100_000

const serving = (resizer: Resizer, capacity: number) =>
  Effect.gen(function*() {
    const server = yield* serve(yield* makeService(resizer, { capacity, limit }))
    const send = (body: Uint8Array, width: number | string) => post(server.url, body, width)
    /** Suspends until the pool's books say so. */
    const until = (isTrue: (stats: ReturnType<Resizer["stats"]>) => boolean): Effect.Effect<void> =>
      Effect.suspend(() => isTrue(resizer.stats()) ? Effect.void : Effect.andThen(Effect.sleep(1), until(isTrue)))
    return { resizer, server, send, until }
  })

/** One thread, with the jobs of the test. */
const servingTest = (settings: Partial<Settings> = {}) =>
  Effect.flatMap(
    inThreads(1, {
      capacity: 1,
      deadline: "1 hour",
      grace: "1 minute",
      module: threadModule("resizer-jobs", import.meta.url),
      ...settings
    }),
    (resizer) => serving(resizer, 1)
  )

/** Any image that is wide enough: the jobs of the test do not look at it. */
const any = toPpm(draw(10, 1))

const meanOf = ({ pixels }: Image): number => pixels.reduce((sum, value) => sum + value, 0) / pixels.length

describe("a smaller image", () => {
  it("of one color has that color", () => {
    const image = { width: 100, height: 70, pixels: new Uint8Array(100 * 70 * 3).fill(77) }
    for (const width of [1, 3, 33, 99, 100]) {
      const { height, pixels, width: got } = shrunk(image, width)
      expect([got, height, pixels.length]).toEqual([width, Math.round(0.7 * width), pixels.length])
      expect(pixels.every((value) => value === 77)).toBe(true)
    }
  })

  it("is the average of what each of its pixels covers", () => {
    const pixels = new Uint8Array([0, 10, 255, 100, 20, 255, 50, 30, 255, 250, 40, 255])
    expect(shrunk({ width: 2, height: 2, pixels }, 1)).toEqual({
      width: 1,
      height: 1,
      pixels: new Uint8Array([100, 25, 255])
    })
  })

  it("shares out pixels that two of its own cover in part", () => {
    const pixels = new Uint8Array([0, 0, 0, 90, 90, 90, 30, 30, 30])
    // One and a half of three each.
    expect([...shrunk({ width: 3, height: 1, pixels }, 2).pixels]).toEqual([30, 30, 30, 50, 50, 50])
  })

  it("as wide as it was is the same", () => {
    const image = draw(7, 5)
    expect(shrunk(image, 7)).toEqual(image)
  })

  it("is as bright as it was on the whole, but for the rounding", () => {
    const sizes = fc.record({ width: fc.integer({ min: 1, max: 24 }), height: fc.integer({ min: 1, max: 24 }) })
    const images = sizes.chain(({ height, width }) => {
      const pixels = fc.uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
      return fc.record({ width: fc.constant(width), height: fc.constant(height), pixels })
    })
    fc.assert(fc.property(images, fc.integer({ min: 1, max: 24 }), (image, width) => {
      const small = shrunk(image, Math.min(width, image.width))
      expect(Math.abs(meanOf(small) - meanOf(image))).toBeLessThanOrEqual(0.5 + 1e-9)
    }))
  })

  it("is left as it is as soon as nobody wants it", () => {
    let rows = 0
    const { pixels } = shrink(draw(10, 10), 10, () => ++rows > 3)
    expect(rows).toBe(4)
    expect(pixels.subarray(90).every((value) => value === 0)).toBe(true)
  })
})

describe("a PPM", () => {
  it("is read as it was written, with comments and any space between its words", () => {
    const image = draw(3, 2)
    expect(parsePpm(toPpm(image))).toEqual(Result.succeed({ ...image, pixels: Buffer.from(image.pixels) }))
    const odd = Buffer.concat([Buffer.from("P6 # 9 9\n#\n 3\t2\r\n255 "), image.pixels])
    expect(Result.getOrThrow(parsePpm(odd))).toMatchObject({ width: 3, height: 2 })
  })

  it.each([
    ["", "not a PPM image (P6)"],
    ["P3\n1 1\n255\n000", "not a PPM image (P6)"],
    ["P6\n1 -1\n255\n000", "not a PPM image (P6)"],
    ["P6\n0 1\n255\n", "an image without pixels"],
    ["P6\n1 1\n65535\n000000", "a pixel's colors must be from 0 to 255, not to 65535"],
    ["P6\n2 1\n255\n00000", "6 bytes of pixels expected, got 5"],
    ["P6\n1 1\n255\n0000", "3 bytes of pixels expected, got 4"]
  ])("that is none is refused: %j", (text, message) => {
    expect(parsePpm(Buffer.from(text))).toEqual(Result.fail(message))
  })
})

describe("the service", () => {
  it("answers the image, as wide as was asked for, from threads and from the main thread", () =>
    run(Effect.gen(function*() {
      const settings = { capacity: 100, deadline: "1 hour" } as const
      const image = draw(101, 67)
      for (const resizer of [yield* inThreads(2, settings), yield* onMainThread(settings)]) {
        const { send } = yield* serving(resizer, 100)
        const asked = [1, 10, 50, 101]
        const answers = yield* Effect.forEach(asked, (width) => send(toPpm(image), width), { concurrency: "unbounded" })
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
        expect(answers.map(({ body }) => Buffer.from(body))).toEqual(asked.map((width) => toPpm(shrunk(image, width))))
      }
    })))

  it("refuses what it cannot do, with the reason", () =>
    run(Effect.gen(function*() {
      const { send, server } = yield* servingTest()
      const told = (body: Uint8Array, width: number | string) =>
        Effect.map(send(body, width), (answer) => [answer.status, Buffer.from(answer.body).toString()])
      const badWidth = (text: string) =>
        `{"error":${JSON.stringify(`width must be an integer from 1 to 10, got "${text}"`)}}\n`
      for (const width of ["", "0", "11", "1.5", "-1", "wide"]) {
        expect(yield* told(any, width)).toEqual([400, badWidth(width)])
      }
      expect(yield* told(Buffer.from("GIF89a"), 1)).toEqual([400, "{\"error\":\"not a PPM image (P6)\"}\n"])
      expect(yield* told(Buffer.alloc(limit + 1), 1)).toEqual([413, "{\"error\":\"an image may have 100000 bytes\"}\n"])
      const status = (path: string) => Effect.promise(async () => (await fetch(new URL(path, server.url))).status)
      expect([yield* status("/"), yield* status("/resize?width=1")]).toEqual([404, 405])
    })))

  it("refuses what comes when as many wait as may, and tells when to come again", () =>
    run(Effect.gen(function*() {
      const { send, until } = yield* servingTest()
      yield* Effect.forkScoped(send(any, widths.untilCancelled))
      yield* until(({ running }) => running === 1)
      const second = yield* Effect.forkScoped(send(any, 1))
      yield* until(({ queued }) => queued === 1)
      const third = yield* send(any, 1)
      expect([third.status, third.headers.get("retry-after")]).toEqual([429, "1"])
      expect(second.pollUnsafe()).toBeUndefined()
    })))

  it("stops what nobody waits for any more, and its thread goes on", () =>
    run(Effect.gen(function*() {
      const { send, until } = yield* servingTest()
      yield* send(any, 1)
      const first = yield* Effect.forkScoped(send(any, widths.untilCancelled))
      yield* until(({ running }) => running === 1)
      const second = yield* Effect.forkScoped(send(any, widths.untilCancelled))
      yield* until(({ queued }) => queued === 1)
      // One waits, and then the other runs, or is about to: then the thread never counts it.
      yield* Fiber.interrupt(second)
      yield* until(({ interrupted }) => interrupted === 1)
      yield* Fiber.interrupt(first)
      yield* until(({ interrupted }) => interrupted === 2)
      const { body, status } = yield* send(any, 1)
      // Another thread would count its first call.
      expect(status).toBe(200)
      expect([2, 3]).toContain(body.at(-3))
    })))

  it("ends a thread that does not stop at the deadline, and goes on with another", () =>
    run(Effect.gen(function*() {
      const { send } = yield* servingTest({ deadline: "2 seconds", grace: 0 })
      const stuck = yield* send(any, widths.forever)
      expect([stuck.status, Buffer.from(stuck.body).toString()]).toEqual([503, "{\"error\":\"it took too long\"}\n"])
      const { body, status } = yield* send(any, 1)
      expect([status, body.at(-3)]).toEqual([200, 1])
    })))

  it("answers what it has accepted when it shuts down, and refuses the rest", () =>
    run(Effect.gen(function*() {
      const { resizer, send, server, until } = yield* servingTest()
      const first = yield* Effect.forkScoped(send(any, widths.aWhile))
      yield* until(({ running }) => running === 1)
      const second = yield* Effect.forkScoped(send(any, 1))
      yield* until(({ queued }) => queued === 1)
      const ending = yield* Effect.forkScoped(end(resizer, server, 60_000))
      yield* until(({ state }) => state !== "running")
      expect((yield* send(any, 1)).status).toBe(503)
      expect([(yield* Fiber.join(first)).status, (yield* Fiber.join(second)).status]).toEqual([200, 200])
      yield* Fiber.join(ending)
    })))

  it("cuts off at the shutdown's deadline what takes longer", () =>
    run(Effect.gen(function*() {
      const { resizer, send, server, until } = yield* servingTest()
      const first = yield* Effect.forkScoped(send(any, widths.untilCancelled))
      yield* until(({ running }) => running === 1)
      yield* end(resizer, server, 0)
      const exit = yield* Fiber.await(first)
      expect(Exit.isSuccess(exit) && exit.value.status).toBe(503)
    })))
})

describe.concurrent("the program", () => {
  it("shows each version and the main thread alone", async () => {
    const args = ["--images", "3", "--size", "60", "--width", "20", "--threads", "2", "--clients", "2"]
    const { code, stderr, stdout } = await start(args, { entry }).ended
    expect(stderr).toBe("")
    expect(String(stdout)).toMatch(/^3 images of 60x45 pixels, to a width of 20, 2 at a time\n/)
    expect(String(stdout).match(/^(main thread|1 thread|2 threads) +[\d.]+ +\d+ ms$/gm)).toHaveLength(3)
    expect(code).toBe(0)
  })

  it("serves until Ctrl-C, and tells how many images there were", async () => {
    const { child, ended } = start(["--serve", "--threads", "1"], { entry })
    const url = await new Promise<URL>((resolve) =>
      child.stdout!.once("data", (chunk) => resolve(new URL(/http:[^"]*\//.exec(String(chunk))![0])))
    )
    expect((await Effect.runPromise(post(url, any, 5))).status).toBe(200)
    child.kill("SIGTERM")
    const { code, stderr, stdout } = await ended
    expect(stderr).toBe("resizer: stopping (Ctrl-C again: at once)\n")
    expect(String(stdout)).toContain("1 image: 1 resized, 0 cancelled\n")
    expect(code).toBe(143)
  })

  it.each([
    [["--threads", "0"], "--threads must be an integer from 1 to 1000, got \"0\""],
    [["--width", "11", "--size", "10"], "--width must be an integer from 1 to 10, got \"11\""],
    [["--deadline", "soon"], "--deadline must be an integer from 1 to 2147483647, got \"soon\""],
    [["--port", "65536"], "--port must be an integer from 0 to 65535, got \"65536\""],
    [["--sevre"], "Unknown option '--sevre'"]
  ])("refuses %j in one line", (args, message) => {
    expect(parseOptions(args)).toEqual(Result.fail(message))
  })

  it("has all its options in --help", async () => {
    const { code, stdout } = await start(["--help"], { entry }).ended
    const options = Object.keys(Result.getOrThrow(parseOptions([]))).map((name) => `  --${name} `)
    for (const option of options) expect(String(stdout)).toContain(option)
    expect(code).toBe(0)
  })
})
