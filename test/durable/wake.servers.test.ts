/** Wake-ups between processes: stores that share a server, with connections of their own, and next to no polling. */
import { Deferred, Effect, Exit, Fiber, Layer, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { WorkerPool } from "sluice"
import { Admin, DurableJob, DurablePool, DurableStore, LimitStore, Results, Wake } from "sluice/durable"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { pgLayer, type Place } from "../support/fleet.js"
import { layer as ioredis } from "../support/ioredis.js"
import { type Server, startPostgres, startRedis } from "../support/servers.js"

const starts = { redis: startRedis, postgres: startPostgres }

/** Who polls finds nothing within the time of a test. */
const poll = { pollInterval: "1 hour" } as const

type Services = DurableStore.Services | Results.Results

/** The stores of one process, by connections of its own. */
const onRedis = ({ port }: Place): Layer.Layer<Services> =>
  Layer.merge(DurableStore.layerRedis(poll), Results.layerRedis()).pipe(
    Layer.provide(Wake.layerRedis()),
    Layer.provide(ioredis(port))
  )

const onPg = (place: Place): Layer.Layer<Services | SqlClient.SqlClient> =>
  Layer.merge(DurableStore.layerSql(poll), Results.layerSql()).pipe(
    Layer.provide(Wake.layerPg()),
    Layer.provideMerge(pgLayer(place)),
    Layer.orDie
  )

type Provide<S> = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, S>>

/** Two processes, as layers of their own. */
const twoProcesses = <S, A, E>(
  layer: Layer.Layer<S>,
  body: (here: Provide<S>, there: Provide<S>) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const one = yield* Layer.build(Layer.fresh(layer))
    const two = yield* Layer.build(Layer.fresh(layer))
    return yield* body(Effect.provide(one), Effect.provide(two))
  })))

const jobOf = (name: string) => DurableJob.make(name, { payload: Schema.String, success: Schema.String })

const serve = (job: ReturnType<typeof jobOf>, run: (name: string) => Effect.Effect<string> = Effect.succeed) =>
  Effect.flatMap(WorkerPool.make({ size: 1, run }), (pool) => DurablePool.serve(job, pool, { grace: 0 }))

describe.each(["redis", "postgres"] as const)("%s", (kind) => {
  let server: Server
  let place: Place
  const layerOf: (place: Place) => Layer.Layer<Services> = kind === "redis" ? onRedis : onPg
  beforeAll(async () => {
    server = await starts[kind]()
    place = { kind, port: server.port }
  })
  afterAll(() => server.close())

  test("a job that another process submits begins at once, and its awaiter learns of its end", () =>
    twoProcesses(layerOf(place), (here, there) =>
      Effect.gen(function*() {
        const job = jobOf("at once")
        yield* there(serve(job))
        // The poller has found nothing, and sleeps.
        yield* Effect.sleep(300)
        for (const name of ["a", "b", "c"]) expect(yield* here(DurableJob.execute(job, name))).toBe(name)
      })))

  test("the layers close while their server does not reply", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const limits = kind === "redis"
        ? Layer.provide(LimitStore.layerRedis(), ioredis(place.port))
        : Layer.provide(LimitStore.layerPg(), pgLayer(place))
      const scope = yield* Scope.make()
      yield* Layer.buildWithScope(Layer.fresh(Layer.merge(layerOf(place), limits)), scope)
      // They listen.
      yield* Effect.sleep(300)
      server.freeze()
      yield* Effect.addFinalizer(() => Effect.sync(() => server.thaw()))
      const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
      yield* Effect.timeout(Fiber.join(closing), "10 seconds")
    }))))

  test("a job that a process gives back begins elsewhere at once", () =>
    twoProcesses(layerOf(place), (here, there) =>
      Effect.gen(function*() {
        const job = jobOf("given back")
        const begun = yield* Deferred.make<void>()
        const scope = yield* Scope.make()
        yield* here(
          Scope.provide(serve(job, () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)), scope)
        )
        const id = yield* here(DurableJob.submit(job, "a"))
        yield* Deferred.await(begun)
        yield* there(serve(job))
        yield* Effect.sleep(300)
        yield* Scope.close(scope, Exit.void)
        expect(yield* there(DurableJob.await(job, id))).toBe("a")
      })))

  test("a dead letter that is requeued begins at once", () =>
    twoProcesses(layerOf(place), (here, there) =>
      Effect.gen(function*() {
        const job = DurableJob.make("requeued", {
          payload: Schema.String,
          success: Schema.String,
          error: Schema.String,
          attempts: 1
        })
        let isDown = true
        const pool = yield* WorkerPool.make({
          size: 1,
          run: (name: string) => Effect.suspend(() => isDown ? Effect.fail("down") : Effect.succeed(name))
        })
        yield* there(DurablePool.serve(job, pool, { grace: 0 }))
        const id = yield* here(DurableJob.submit(job, "a"))
        expect(yield* here(DurableJob.exit(job, id))).toEqual(Exit.fail("down"))
        isDown = false
        // The poller has found nothing, and sleeps.
        yield* Effect.sleep(300)
        expect(yield* here(Admin.requeue(job, id))).toBe(true)
        expect(yield* here(DurableJob.await(job, id))).toBe("a")
      })))

  if (kind === "postgres") {
    test("a job that is submitted in a transaction begins as that commits, and not before", () =>
      twoProcesses(onPg(place), (here, there) =>
        Effect.gen(function*() {
          const job = jobOf("outbox")
          const begun: Array<string> = []
          yield* there(serve(job, (name) => Effect.as(Effect.sync(() => begun.push(name)), name)))
          yield* Effect.sleep(300)
          const submitted = Effect.gen(function*() {
            const id = yield* DurableJob.submit(job, "kept")
            yield* Effect.sleep(300)
            expect(begun).toEqual([])
            return id
          })
          const inTransaction = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
            SqlClient.SqlClient.use((sql) => sql.withTransaction(effect))
          yield* here(
            Effect.exit(inTransaction(Effect.andThen(DurableJob.submit(job, "rolled back"), Effect.fail(""))))
          )
          const id = yield* here(inTransaction(submitted))
          expect(yield* here(DurableJob.await(job, id))).toBe("kept")
          expect(begun).toEqual(["kept"])
        })))

    test("wake-ups arrive again after their connection was lost", () =>
      twoProcesses(onPg(place), (here, there) =>
        Effect.gen(function*() {
          const job = jobOf("lost")
          yield* there(serve(job))
          yield* Effect.sleep(300)
          yield* here(SqlClient.SqlClient.use((sql) =>
            sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`
          ))
          const waiting = yield* Effect.forkChild(here(DurableJob.execute(job, "while it was lost")))
          // The new connection alone wakes the process for it.
          expect(yield* Fiber.join(waiting)).toBe("while it was lost")
          expect(yield* here(DurableJob.execute(job, "then"))).toBe("then")
        })))
  }
})
