import { Effect, type Scope } from "effect"
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { WorkerPool } from "sluice"
import { afterAll, beforeAll, expect, test } from "vitest"
import { draw } from "../../docs/examples/thumbnails/draw.js"
import { type Image, submit, thumbnails } from "../../docs/examples/thumbnails/service.js"

let base: string
let from: string

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "sluice-"))
  from = join(base, "images")
  mkdirSync(from)
  await draw(from, 12)
})

afterAll(() => rmSync(base, { recursive: true }))

const folder = (name: string): string => {
  const path = join(base, name)
  mkdirSync(path)
  return path
}

const run = <A>(effect: Effect.Effect<A, unknown, Scope.Scope>) => Effect.runPromise(Effect.scoped(effect))

test("every image of a folder becomes a thumbnail, and what is no image is told", async () => {
  const to = folder("all")
  const report = await run(Effect.gen(function*() {
    const pool = yield* thumbnails({ from, to, workers: 3, waiting: 100 })
    for (const name of readdirSync(from)) {
      expect(yield* submit(pool, { name, width: 64 })).toMatchObject({ status: 202 })
    }
    return yield* WorkerPool.shutdown(pool)
  }))
  expect(report.counts).toMatchObject({ submitted: 13, succeeded: 12, failed: 1, died: 0 })
  const files = readdirSync(to)
  expect(files).toHaveLength(12)
  for (const file of files) expect(await sharp(join(to, file)).metadata()).toMatchObject({ format: "jpeg", width: 64 })
})

test("a full queue is a 429, a service that has stopped a 503, and a wrong width one image's defect", async () => {
  const to = folder("full")
  const image = (n: number): Image => ({ name: readdirSync(from)[n]!, width: 64 })
  await run(Effect.gen(function*() {
    const pool = yield* thumbnails({ from, to, workers: 1, waiting: 1 })
    const poison = yield* WorkerPool.submit(pool, { ...image(0), width: 0.5 })
    expect((yield* poison.await)._tag).toBe("Failure")
    const answers = yield* Effect.forEach([1, 2, 3], (n) => submit(pool, image(n)))
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 429])
    const { counts } = yield* WorkerPool.shutdown(pool, { deadline: "1 minute" })
    expect(counts).toMatchObject({ succeeded: 2, died: 1 })
    expect((yield* submit(pool, image(4))).status).toBe(503)
  }))
  expect(readdirSync(to)).toHaveLength(2)
})
