import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { durationOf, invalid } from "../args.js"

/**
 * The options of a pool that a deployment chooses, rather than the code: the result of `PoolConfig.settings`, to
 * spread into the options of `WorkerPool.make`.
 *
 * **Details**
 *
 * A property is absent if its variable is not set and there is no default for it. `make` uses its own default then.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  /** How many workers there are: an integer from 1 to 1,000,000. From `PREFIX_SIZE`. */
  readonly size: number
  /** The bound of the queue. Absent if neither of its two properties is set. */
  readonly queue?: {
    /**
     * How many jobs may wait: an integer >= 0 or `"unbounded"`. From `PREFIX_QUEUE_CAPACITY`. Default of `make`: twice
     * the size.
     */
    readonly capacity?: number | "unbounded"
    /**
     * The strategy for a job that finds the queue full. From `PREFIX_QUEUE_STRATEGY`. Default of `make`: `"suspend"`.
     */
    readonly strategy?: "suspend" | "dropping" | "sliding"
  }
  /**
   * Whether a resource is replaced after a job has died on it. From `PREFIX_ON_DEFECT`. Default of `make`: `"replace"`.
   */
  readonly onDefect?: "replace" | "keep"
  /**
   * Names the pool in errors, logs, metrics and spans. From `PREFIX_NAME`, which must not be blank. Default of `make`:
   * none.
   */
  readonly name?: string
  /** How long a job may take. Absent if neither of its two properties is set. */
  readonly deadlines?: {
    /**
     * How long a job may wait for a worker: a finite duration > 0. From `PREFIX_WAIT_DEADLINE`. Default of `make`: no
     * limit.
     */
    readonly wait?: Duration.Input
    /** How long a job may run: a finite duration > 0. From `PREFIX_RUN_DEADLINE`. Default of `make`: no limit. */
    readonly run?: Duration.Input
  }
  /** How resources are kept in order. Absent if none of its four properties is set. */
  readonly resource?: {
    /**
     * How many workers there always are: an integer from 0 to 1,000,000, and at most the size. From
     * `PREFIX_RESOURCE_MIN`. Default of `make`: the size.
     */
    readonly min?: number
    /**
     * How many jobs a resource may serve: an integer from 1 to 1,000,000,000. From `PREFIX_RESOURCE_MAX_JOBS`. Default
     * of `make`: no limit.
     */
    readonly maxJobs?: number
    /**
     * How long after its acquisition a resource may serve: a finite duration > 0. From `PREFIX_RESOURCE_MAX_AGE`.
     * Default of `make`: no limit.
     */
    readonly maxAge?: Duration.Input
    /**
     * How long a worker waits for the release of its resource: a finite duration > 0. From
     * `PREFIX_RESOURCE_RELEASE_TIMEOUT`. Default of `make`: no limit.
     */
    readonly releaseTimeout?: Duration.Input
  }
}

/** The values of a variable, and how to read its text: undefined for a text that is out of range. */
interface Reading<A> {
  readonly wanted: string
  readonly read: (text: string) => A | undefined
}

const integer = (min: number, max: number) => (text: string): number | undefined => {
  // Digits, and nothing else that `Number` takes for one: "", "0x10", "1e3".
  const n = /^\d+$/.test(text) ? Number(text) : NaN
  return Number.isSafeInteger(n) && n >= min && n <= max ? n : undefined
}

const oneOf = <const A extends string>(...values: ReadonlyArray<A>): Reading<A> => ({
  wanted: values.map((value) => JSON.stringify(value)).join(" or "),
  read: (text) => values.find((value) => value === text)
})

const integerFrom = (min: number, max: number): Reading<number> => ({
  wanted: `an integer from ${min} to ${max}`,
  read: integer(min, max)
})

const capacity: Reading<number | "unbounded"> = {
  wanted: "an integer >= 0 or \"unbounded\"",
  read: (text) => text === "unbounded" ? text : integer(0, Number.MAX_SAFE_INTEGER)(text)
}

const text: Reading<string> = {
  wanted: "a text that is not empty",
  read: (text) => text.trim() === "" ? undefined : text
}

const duration: Reading<Duration.Duration> = {
  wanted: "a finite duration above zero, such as \"5 seconds\"",
  read: (text) => {
    const parsed = durationOf(text)
    return parsed !== undefined && Duration.isFinite(parsed) && Duration.isPositive(parsed) ? parsed : undefined
  }
}

/** `wanted` stands in both errors; Effect's own would say "Expected string", and not what was got. */
const variable = <A>(prefix: string, name: string, { read, wanted }: Reading<A>): Config.Config<A> => {
  const must = `${prefix}_${name} must be ${wanted}`
  const valid = Schema.makeFilter((text: string) =>
    read(text) === undefined ? `${must}, got ${JSON.stringify(text)}` : undefined
  )
  const schema = Schema.String.annotate({ message: `${must}, and is not set` }).check(valid)
  // The filter has let it pass.
  return Config.map(Config.nested(Config.schema(schema, name), prefix), (text) => read(text) as A)
}

/** A record without what is undefined, or undefined if nothing is left. */
const present = <A extends object>(record: A): { readonly [K in keyof A]?: Exclude<A[K], undefined> } | undefined => {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? undefined : Object.fromEntries(entries) as { [K in keyof A]?: Exclude<A[K], undefined> }
}

export const settings = (prefix: string, defaults: Partial<Settings> = {}): Config.Config<Settings> => {
  if (typeof prefix !== "string" || prefix === "") {
    throw invalid("PoolConfig.settings", "prefix", "a string that is not empty", prefix)
  }
  const required = variable(prefix, "SIZE", integerFrom(1, 1_000_000))
  const optional = <A, B>(name: string, reading: Reading<A>, otherwise: B): Config.Config<A | B> =>
    Config.map(Config.option(variable(prefix, name, reading)), Option.getOrElse(() => otherwise))
  const all = Config.all({
    size: defaults.size === undefined ? required : Config.withDefault(required, defaults.size),
    capacity: optional("QUEUE_CAPACITY", capacity, defaults.queue?.capacity),
    strategy: optional("QUEUE_STRATEGY", oneOf("suspend", "dropping", "sliding"), defaults.queue?.strategy),
    onDefect: optional("ON_DEFECT", oneOf("replace", "keep"), defaults.onDefect),
    name: optional("NAME", text, defaults.name),
    wait: optional("WAIT_DEADLINE", duration, defaults.deadlines?.wait),
    run: optional("RUN_DEADLINE", duration, defaults.deadlines?.run),
    min: optional("RESOURCE_MIN", integerFrom(0, 1_000_000), defaults.resource?.min),
    maxJobs: optional("RESOURCE_MAX_JOBS", integerFrom(1, 1_000_000_000), defaults.resource?.maxJobs),
    maxAge: optional("RESOURCE_MAX_AGE", duration, defaults.resource?.maxAge),
    releaseTimeout: optional("RESOURCE_RELEASE_TIMEOUT", duration, defaults.resource?.releaseTimeout)
  })
  return Config.map(all, ({ capacity, name, onDefect, run, size, strategy, wait, ...resource }) => ({
    size,
    ...present({
      queue: present({ capacity, strategy }),
      onDefect,
      name,
      deadlines: present({ wait, run }),
      resource: present(resource)
    })
  }))
}
