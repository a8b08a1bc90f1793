/** The administration of stores on servers: over processes that are killed, and over dead letters. */
import { Effect, Layer, Schema } from "effect"
import { Redis } from "effect/persistence"
import * as path from "node:path"
import { setTimeout } from "node:timers/promises"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, DurableStore, Results, Wake } from "sluice/durable"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bullmqStores, type Engine, kinds, startServer } from "../support/engines.js"
import { pgLayer } from "../support/fleet.js"
import { layer as ioredis } from "../support/ioredis.js"
import { Processes } from "../support/processes.js"
import type { Server } from "../support/servers.js"
import { deadLetters, lettersOf } from "./deadLetters.js"
import { Job, type Order, type Said } from "./jobWorker.js"

const layerOf = ({ kind, port }: Engine): Layer.Layer<DurableStore.Services | Results.Results> => {
  switch (kind) {
    case "redis":
      return Layer.merge(DurableStore.layerRedis(), Results.layerRedis()).pipe(
        Layer.provide(Wake.layerRedis()),
        Layer.provide(ioredis(port))
      )
    case "postgres":
      return Layer.merge(DurableStore.layerSql(), Results.layerSql()).pipe(
        Layer.provide(Wake.layerPg()),
        Layer.provide(pgLayer({ kind, port })),
        Layer.orDie
      )
    case "bullmq":
      return bullmqStores(port)
  }
}

const sumOf = ({ claimed, completed, delayed, failed, ready }: Admin.Counts) =>
  ready + delayed + claimed + completed + failed

describe.each(kinds)("%s", (kind) => {
  let server: Server
  let place: Engine
  let processes: Processes<Order, Said>
  beforeAll(async () => {
    processes = new Processes(path.join(import.meta.dirname, "jobWorker.ts"))
    server = await startServer[kind]()
    place = { kind, port: server.port }
  })
  afterAll(async () => {
    await processes.killAll()
    await server.close()
  })

  const run = <A, E>(effect: Effect.Effect<A, E, DurableStore.Services | Results.Results>) =>
    Effect.runPromise(Effect.provide(effect, layerOf(place)))

  test("the counts of each snapshot add up while processes are killed (D9)", async () => {
    const start = () =>
      processes.start({ engine: { kind, port: place.port }, millis: 15, blocks: 0, drain: 0, mark: "" })
    await run(Effect.gen(function*() {
      const names = Array.from({ length: 400 }, (_, i) => `job-${i}`)
      for (const name of names) yield* DurableJob.submit(Job, name)
      yield* DurableJob.submit(Job, "later", { delay: "1 hour" })
      const seen: Array<Admin.Counts> = []
      let one = start()
      start()
      for (let i = 0; (seen.at(-1)?.completed ?? 0) < 400; i++) {
        const counts = yield* Admin.counts(Job)
        expect([counts.stored, sumOf(counts), counts.delayed, counts.failed]).toEqual([401, 401, 1, 0])
        seen.push(counts)
        yield* Effect.promise(() => setTimeout(30))
        if (i % 20 === 19 && i < 80) {
          yield* Effect.promise(() => one.end("SIGKILL"))
          one = start()
        }
      }
      yield* Effect.promise(() => processes.killAll())
      // The snapshots were taken meanwhile.
      expect(seen.some(({ claimed, completed, ready }) => claimed > 0 && completed > 0 && ready > 0)).toBe(true)
      expect(yield* Admin.counts(Job)).toEqual({
        stored: 401,
        ready: 0,
        delayed: 1,
        claimed: 0,
        completed: 400,
        failed: 0
      })
    }))
  })

  deadLetters(() => layerOf(place), { isBullMQ: kind === "bullmq" })

  if (kind === "redis") {
    test("pages leave out no dead letter of the same millisecond", () => {
      const job = DurableJob.make("ties", { payload: Schema.String })
      const record = (id: string) => JSON.stringify({ id, element: id, attempts: 1, lastFailure: "no", failedAt: 5 })
      return run(
        Effect.gen(function*() {
          const { send } = yield* Redis.Redis
          yield* send("RPUSH", "effectq:ties:failed", ...["c d", "a", "e", "b", "c"].map(record))
          for (const limit of [1, 2, 100]) expect(yield* lettersOf(job, limit)).toEqual(["a", "b", "c", "c d", "e"])
        }).pipe(Effect.provide(ioredis(place.port)))
      )
    })
  }

  if (kind === "postgres") {
    test("a dead letter has the time of its failure, whatever the time zone of the connections", () => {
      const east = Layer.merge(DurableStore.layerSql(), Results.layerSql()).pipe(
        Layer.provide(pgLayer({ kind: "postgres", port: place.port, zone: "Asia/Tokyo" })),
        Layer.orDie
      )
      const job = DurableJob.make("east", { payload: Schema.String, error: Schema.String, attempts: 1 })
      return Effect.runPromise(
        Effect.scoped(Effect.gen(function*() {
          const pool = yield* WorkerPool.make({ size: 1, run: (name: string) => Effect.fail(name) })
          yield* DurablePool.serve(job, pool, { grace: 0 })
          yield* DurableJob.submit(job, "a")
          yield* Effect.repeat(Admin.counts(job), { until: ({ failed }) => failed === 1 })
          const { letters: [letter] } = yield* Admin.deadLetters(job)
          expect(Math.abs(Date.now() - letter!.failedAt)).toBeLessThan(60_000)
        })).pipe(Effect.provide(east))
      )
    })
  }
})
