/** `PoolConfig.settings`: settings from a `ConfigProvider`. */
import { Cause, Config, ConfigProvider, Duration, Effect, Exit, Option } from "effect"
import * as assert from "node:assert/strict"
import { WorkerPool } from "sluice"
import * as PoolConfig from "sluice/PoolConfig"
import { describe, test } from "vitest"
import { defectOf, run, squash } from "../support/effect.js"

const parse = <A>(config: Config.Config<A>, env: Record<string, string>): Exit.Exit<A, Config.ConfigError> =>
  Effect.runSyncExit(config.parse(ConfigProvider.fromEnv({ env, preserveEmptyStrings: true })))

const value = <A>(exit: Exit.Exit<A, Config.ConfigError>): A => {
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}

const message = (exit: Exit.Exit<unknown, Config.ConfigError>): string => {
  const error = squash(exit)
  assert.ok(error instanceof Config.ConfigError, `expected a ConfigError, got ${String(exit)}`)
  return error.message
}

const sender = PoolConfig.settings("SENDER")
const size = { SENDER_SIZE: "4" }

test("every variable is read", () => {
  const settings = value(parse(sender, {
    SENDER_SIZE: "4",
    SENDER_QUEUE_CAPACITY: "0",
    SENDER_QUEUE_STRATEGY: "sliding",
    SENDER_ON_DEFECT: "keep",
    SENDER_NAME: "mail sender",
    SENDER_WAIT_DEADLINE: "5 seconds",
    SENDER_RUN_DEADLINE: "1 minute",
    SENDER_RESOURCE_MIN: "0",
    SENDER_RESOURCE_MAX_JOBS: "1000",
    SENDER_RESOURCE_MAX_AGE: "1 hour",
    SENDER_RESOURCE_RELEASE_TIMEOUT: "10 seconds"
  }))
  assert.deepEqual(settings, {
    size: 4,
    queue: { capacity: 0, strategy: "sliding" },
    onDefect: "keep",
    name: "mail sender",
    deadlines: { wait: Duration.seconds(5), run: Duration.minutes(1) },
    resource: {
      min: 0,
      maxJobs: 1_000,
      maxAge: Duration.hours(1),
      releaseTimeout: Duration.seconds(10)
    }
  })
})

test.each<readonly [object, object]>([
  [{}, {}],
  [{ SENDER_QUEUE_CAPACITY: "unbounded" }, { queue: { capacity: "unbounded" } }],
  [{ SENDER_QUEUE_STRATEGY: "dropping" }, { queue: { strategy: "dropping" } }],
  [{ SENDER_RUN_DEADLINE: "20 millis" }, { deadlines: { run: Duration.millis(20) } }],
  [{ SENDER_RESOURCE_MIN: "2" }, { resource: { min: 2 } }],
  [{ OTHER_NAME: "other", NAME: "nobody" }, {}]
])("a variable that is not set has no property: %o", (env, rest) => {
  assert.deepEqual(value(parse(sender, { ...size, ...env })), { size: 4, ...rest })
})

describe("a wrong value is a ConfigError that names the variable, what is wanted and what was got", () => {
  const integer = "an integer from 1 to 1000000"
  const capacity = "an integer >= 0 or \"unbounded\""
  const strategy = "\"suspend\" or \"dropping\" or \"sliding\""
  const duration = "a finite duration above zero, such as \"5 seconds\""
  const wrong = (name: string, wanted: string, ...texts: ReadonlyArray<string>) =>
    texts.map((text) => [name, text, wanted] as const)
  test.each([
    ...wrong(
      "SIZE",
      integer,
      "0",
      "-1",
      "NaN",
      "many",
      "1.5",
      "1000001",
      "",
      " ",
      "0x10",
      "1e3",
      "Infinity",
      "9".repeat(20)
    ),
    ...wrong("QUEUE_CAPACITY", capacity, "-1", "1.5", "Unbounded", "9007199254740992"),
    ...wrong("QUEUE_STRATEGY", strategy, "drop"),
    ...wrong("ON_DEFECT", "\"replace\" or \"keep\"", "restart"),
    ...wrong("NAME", "a text that is not empty", "", "  "),
    ...wrong("WAIT_DEADLINE", duration, "5", "soon", "0 seconds", "-5 seconds", "Infinity", "NaN seconds"),
    ...wrong("RUN_DEADLINE", duration, "5", "0 seconds"),
    ...wrong("RESOURCE_MIN", "an integer from 0 to 1000000", "-1", "all"),
    ...wrong("RESOURCE_MAX_JOBS", "an integer from 1 to 1000000000", "0", "1000000001"),
    ...wrong("RESOURCE_MAX_AGE", duration, "3600"),
    ...wrong("RESOURCE_RELEASE_TIMEOUT", duration, "Infinity")
  ])("%s=%o", (name, text, wanted) => {
    const told = message(parse(sender, { ...size, [`SENDER_${name}`]: text }))
    const must = `SENDER_${name} must be ${wanted}, got ${JSON.stringify(text)}`
    assert.equal(told, `SchemaError(${must}\n  at ["SENDER"]["${name}"])`)
  })

  test("a default does not hide it", () => {
    const told = message(parse(PoolConfig.settings("SENDER", { size: 8 }), { SENDER_SIZE: "many" }))
    assert.match(told, /SENDER_SIZE must be .* got "many"/)
    assert.match(message(parse(Config.withDefault(sender, { size: 8 }), { SENDER_SIZE: "many" })), /got "many"/)
    const optional = Config.option(PoolConfig.settings("SENDER"))
    assert.match(message(parse(optional, { SENDER_QUEUE_CAPACITY: "-1" })), /SENDER_QUEUE_CAPACITY .* got "-1"/)
  })

  test("of several, Config tells the first", () => {
    const told = message(parse(sender, { SENDER_SIZE: "0", SENDER_QUEUE_CAPACITY: "-1", SENDER_ON_DEFECT: "?" }))
    assert.match(told, /^SchemaError\(SENDER_SIZE .*\n.*\)$/)
  })
})

describe("a size that is not set", () => {
  test("is a ConfigError that says so", () => {
    assert.equal(
      message(parse(sender, {})),
      "SchemaError(SENDER_SIZE must be an integer from 1 to 1000000, and is not set\n  at [\"SENDER\"][\"SIZE\"])"
    )
  })

  test("is missing to Config, too", () => {
    assert.deepEqual(value(parse(Config.option(sender), {})), Option.none())
    assert.deepEqual(value(parse(Config.withDefault(sender, { size: 3 }), {})), { size: 3 })
  })

  test("is the default's, if there is one", () => {
    const defaults = { size: 8, queue: { capacity: 5, strategy: "sliding" }, deadlines: { run: "1 second" } } as const
    const config = PoolConfig.settings("SENDER", defaults)
    assert.deepEqual(value(parse(config, {})), defaults)
    assert.deepEqual(value(parse(config, { SENDER_SIZE: "2", SENDER_QUEUE_CAPACITY: "unbounded" })), {
      ...defaults,
      size: 2,
      queue: { capacity: "unbounded", strategy: "sliding" }
    })
  })
})

test("each default is taken where its variable is missing, and the largest size is a million", () => {
  const defaults = {
    size: 1_000_000,
    queue: { capacity: 3, strategy: "dropping" },
    onDefect: "keep",
    name: "mail",
    deadlines: { wait: "1 second", run: "2 seconds" },
    resource: { min: 1, maxJobs: 2, maxAge: "1 minute", releaseTimeout: "3 seconds" }
  } as const
  assert.deepEqual(value(parse(PoolConfig.settings("SENDER", defaults), {})), defaults)
  assert.equal(value(parse(sender, { SENDER_SIZE: "1000000" })).size, 1_000_000)
})

describe("providers", () => {
  test("an empty variable is a missing one, as Effect's providers have it", () => {
    const provider = ConfigProvider.fromEnv({ env: { SENDER_SIZE: "4", SENDER_NAME: "", SENDER_QUEUE_CAPACITY: "" } })
    assert.deepEqual(Effect.runSync(sender.parse(provider)), { size: 4 })
  })

  test("JSON has the prefix as an object, and its numbers may be numbers", () => {
    const provider = ConfigProvider.fromUnknown({ SENDER: { SIZE: 4, QUEUE_CAPACITY: "unbounded" } })
    assert.deepEqual(Effect.runSync(sender.parse(provider)), { size: 4, queue: { capacity: "unbounded" } })
  })

  test("Config.nested puts another name before the prefix, and into the error's path", () => {
    const nested = Config.nested(sender, "APP")
    assert.deepEqual(value(parse(nested, { APP_SENDER_SIZE: "4", SENDER_SIZE: "5" })), { size: 4 })
    assert.match(message(parse(nested, { APP_SENDER_SIZE: "x" })), /at \["APP"\]\["SENDER"\]\["SIZE"\]/)
  })

  test("a prefix may have underscores of its own", () => {
    assert.deepEqual(value(parse(PoolConfig.settings("MAIL_SENDER"), { MAIL_SENDER_SIZE: "4" })), { size: 4 })
  })

  test("a provider that cannot be read is a ConfigError, and not a missing size", () => {
    const broken = ConfigProvider.make(() => Effect.fail(new ConfigProvider.SourceError({ message: "no such file" })))
    const exit = Effect.runSyncExit(PoolConfig.settings("SENDER", { size: 8 }).parse(broken))
    assert.match(message(exit), /no such file/)
  })
})

test.each(["", undefined, 7])("a prefix of %o throws", (prefix) => {
  assert.throws(
    () => PoolConfig.settings(prefix as string),
    (error: Error) => error.message.startsWith("PoolConfig.settings: prefix must be a string that is not empty, got ")
  )
})

test("a pool is made of it", () =>
  run(
    Effect.gen(function*() {
      const settings = yield* PoolConfig.settings("SENDER")
      const pool = yield* WorkerPool.make({
        ...settings,
        run: (n: number) => n === 0 ? Effect.never : Effect.succeed(n + 1)
      })
      const { capacity, size } = WorkerPool.stats(pool)
      assert.deepEqual([size, capacity, pool.name], [3, 7, "sender"])
      assert.equal(yield* WorkerPool.run(pool, 1), 2)
      assert.equal((yield* Effect.flip(WorkerPool.run(pool, 0)))._tag, "JobTimeout")
    }).pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({
        env: {
          SENDER_SIZE: "3",
          SENDER_QUEUE_CAPACITY: "7",
          SENDER_NAME: "sender",
          SENDER_RUN_DEADLINE: "1 millis"
        }
      })))
    )
  ))

test("a default out of range is a defect of make", () =>
  run(
    Effect.gen(function*() {
      const settings = yield* PoolConfig.settings("SENDER", { size: 0 })
      const defect = yield* defectOf(WorkerPool.make({ ...settings, run: () => Effect.void }))
      assert.match((defect as Error).message, /^WorkerPool.make: size .* got 0$/)
    }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))))
  ))

test("a pool whose resources are kept in order is made of it", () =>
  run(
    Effect.gen(function*() {
      const settings = yield* PoolConfig.settings("SENDER", { size: 2 })
      let acquired = 0
      const pool = yield* WorkerPool.make({
        ...settings,
        worker: () => Effect.sync(() => ++acquired),
        run: (_: string, { resource }) => Effect.succeed(resource)
      })
      assert.equal(acquired, 0)
      for (const n of [1, 2]) assert.equal(yield* WorkerPool.run(pool, "ada"), n)
    }).pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({
        env: { SENDER_RESOURCE_MIN: "0", SENDER_RESOURCE_MAX_JOBS: "1" }
      }))),
      Effect.scoped
    )
  ))
