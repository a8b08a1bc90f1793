/**
 * The settings of a `WorkerPool` from the environment, or from any other `ConfigProvider`.
 *
 * `sluice` does not export this module, so only a program that imports it loads Effect's `Config` and `Schema`.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import { type Settings, settings as readSettings } from "./internal/workerPool/config.js"

export type { Settings } from "./internal/workerPool/config.js"

/**
 * Reads the settings of a pool that a deployment chooses: a `Config` of settings to spread into the options of
 * `WorkerPool.make`.
 *
 * **When to use**
 *
 * Use to size a pool by the environment, or by any other `ConfigProvider`.
 *
 * **Details**
 *
 * With the prefix `SENDER`, these are the variables. All but the first may be missing: the default of
 * `WorkerPool.make` counts then. `defaults` are settings for missing variables, the size among them.
 *
 * - `SENDER_SIZE`: an integer from 1 to 1,000,000.
 * - `SENDER_QUEUE_CAPACITY`: an integer >= 0, or `unbounded`.
 * - `SENDER_QUEUE_STRATEGY`: `suspend`, `dropping` or `sliding`; with an unbounded capacity only `suspend`.
 * - `SENDER_ON_DEFECT`: `replace` or `keep`.
 * - `SENDER_NAME`: a text.
 * - `SENDER_WAIT_DEADLINE`, `SENDER_RUN_DEADLINE`: durations above zero, such as `5 seconds`.
 * - `SENDER_RESOURCE_MIN`: an integer from 0 to the size.
 * - `SENDER_RESOURCE_MAX_JOBS`: an integer from 1 to 1,000,000,000.
 * - `SENDER_RESOURCE_MAX_AGE`, `SENDER_RESOURCE_RELEASE_TIMEOUT`: durations above zero. `make` takes none of the four
 *   without a `worker`.
 *
 * Fails with a `ConfigError` that names the variable, the values that it may have, and its value. When several are
 * wrong, the error is about the first in this order. A missing variable counts as in `Config`: `Config.withDefault` and
 * `Config.option` around the whole take over when the size is missing, and not when a value is wrong.
 *
 * For a provider the prefix is a level of its own: as JSON it is `{ "SENDER": { "SIZE": 8 } }`. `Config.nested` puts
 * another level before it, which the error has in its path.
 *
 * **Gotchas**
 *
 * An empty variable is a missing one to Effect's providers, unless `preserveEmptyStrings` is set; then it is
 * wrong. `make` checks the defaults. A prefix that is empty throws.
 *
 * **Example** (A pool of the environment's size)
 *
 * ```ts
 * import { ConfigProvider, Effect } from "effect"
 * import { WorkerPool } from "sluice"
 * import * as PoolConfig from "sluice/PoolConfig"
 *
 * const program = Effect.gen(function*() {
 *   const settings = yield* PoolConfig.settings("SENDER", { size: 8, name: "sender" })
 *   console.log(settings) // => { size: 4, queue: { capacity: 100 }, name: 'sender' }
 *   const pool = yield* WorkerPool.make({ ...settings, run: (to: string) => Effect.succeed(`sent to ${to}`) })
 *   console.log(yield* WorkerPool.run(pool, "ada")) // => sent to ada
 * }).pipe(Effect.scoped)
 *
 * const under = (env: Record<string, string>) =>
 *   Effect.provide(program, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
 *
 * await Effect.runPromise(under({ SENDER_SIZE: "4", SENDER_QUEUE_CAPACITY: "100" }))
 * const error = await Effect.runPromise(Effect.flip(under({ SENDER_SIZE: "many" })))
 * for (const line of error.message.split("\n")) console.log(line)
 * // => SchemaError(SENDER_SIZE must be an integer from 1 to 1000000, got "many"
 * // =>   at ["SENDER"]["SIZE"])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const settings: (prefix: string, defaults?: Partial<Settings>) => Config.Config<Settings> = readSettings
