import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { checkMillis, checkNumber, invalid, isCount, isPositive } from "../args.js"
import type { Discipline } from "./Admission.js"
import { DeadLetters } from "./DeadLetters.js"
import { poolName } from "./errors.js"
import type { Options } from "./model.js"
import { observerOf } from "./Observer.js"
import { Poison } from "./Poison.js"
import type { Config } from "./Pool.js"
import type { Policy } from "./Retries.js"
import { RetryBudget } from "./RetryBudget.js"

const where = "WorkerPool.make"

const fail = (argument: string, requirement: string, value: unknown): never => {
  throw invalid(where, argument, requirement, value)
}

const oneOf = (argument: string, values: ReadonlyArray<string>, value: string): void => {
  if (!values.includes(value)) fail(argument, values.map((value) => JSON.stringify(value)).join(" or "), value)
}

/** An option that means nothing where another one is not, or is as it is. */
const absent = (argument: string, where: string, value: unknown): void => {
  if (value !== undefined) fail(argument, `absent ${where}`, value)
}

const functionOrNone = (argument: string, value: unknown): void => {
  if (value !== undefined && typeof value !== "function") fail(argument, "a function", value)
}

const integer = (argument: string, value: number, min: number, max: number): number => {
  const bounds = max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `from ${min} to ${max}`
  const isValid = (n: number) => Number.isSafeInteger(n) && n >= min && n <= max
  return checkNumber(where, argument, value, `an integer ${bounds}`, isValid)
}

const count = (argument: string, value: number): number =>
  checkNumber(where, argument, value, "an integer >= 1", isCount)

// Each worker has a fiber: more would end in the process running out of memory, where nobody can catch it.
const maxSize = 1_000_000

export const checkSize = (operation: string, size: number): number => {
  if (Number.isInteger(size) && size >= 1 && size <= maxSize) return size
  throw invalid(operation, "size", `an integer from 1 to ${maxSize}`, size)
}

const defaultRestart = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 }))
const noResource = () => Effect.void

/** A pool's options with their defaults. One that makes no sense throws. */
export const check = <Job, A, E, R, W, EW, RW>(
  options: Options<Job, A, E, R, W, EW, RW>,
  context: Context.Context<R | RW>
): Config<Job, A, E> => {
  const { deadlines = {}, name, onDefect = "replace", queue = {}, restart = defaultRestart, run, size, worker } =
    options
  checkSize(where, size)
  oneOf("onDefect", ["replace", "keep"], onDefect)
  if (!Schedule.isSchedule(restart)) fail("restart", "a Schedule", restart)
  if (typeof run !== "function") fail("run", "a function", run)
  functionOrNone("worker", worker)
  if (worker === undefined) absent("restart", "without a worker, which acquires the resource", options.restart)
  const observer = observerOf(options, context)
  return {
    name,
    observer,
    size,
    discipline: checkQueue(queue, 2 * size),
    onDefect,
    deadlines: { wait: deadline("wait", deadlines.wait), run: deadline("run", deadlines.run) },
    ...checkRetries(options, onDefect),
    // What the functions and the schedule may need is there: so says the type of `make`. And the schedule is only ever
    // given what `worker` fails with.
    context: context,
    restart: restart as Schedule.Schedule<unknown>,
    worker: (worker ?? noResource) as Config<Job, A, E>["worker"],
    run: observer?.wrap(run as Config<Job, A, E>["run"], poolName(name)) ?? run as Config<Job, A, E>["run"]
  }
}

const deadline = (phase: "wait" | "run", input: Duration.Input = Duration.infinity): Duration.Duration | undefined => {
  const millis = checkMillis(where, `deadlines.${phase}`, input, "a duration above zero", isPositive)
  return millis === Infinity ? undefined : Duration.millis(millis)
}

/** Who waits, and in which order. What the user's functions answer is checked when they do. */
const checkQueue = <Job>(
  queue: NonNullable<Options<Job, unknown, unknown, unknown, unknown, unknown, unknown>["queue"]>,
  defaultCapacity: number
): Discipline<Job> => {
  const { aging = 100, capacity = defaultCapacity, key, perKey = {}, priority, strategy = "suspend" } = queue
  if (capacity !== "unbounded" && (!Number.isSafeInteger(capacity) || capacity < 0)) {
    fail("queue.capacity", "an integer >= 0 or \"unbounded\"", capacity)
  }
  oneOf("queue.strategy", ["suspend", "dropping", "sliding"], strategy)
  functionOrNone("queue.priority", priority)
  functionOrNone("queue.key", key)
  integer("queue.aging", aging, 0, 1_000_000_000)
  const { concurrency = Infinity, weight = 1 } = perKey
  if (concurrency !== Infinity) integer("queue.perKey.concurrency", concurrency, 1, Number.MAX_SAFE_INTEGER)
  if (typeof weight !== "function") integer("queue.perKey.weight", weight, 1, 1_000)
  if (priority === undefined) absent("queue.aging", "without a queue.priority", queue.aging)
  if (key === undefined) {
    absent("queue.perKey.concurrency", "without a queue.key", perKey.concurrency)
    absent("queue.perKey.weight", "without a queue.key", perKey.weight)
  }
  if (priority !== undefined && strategy === "sliding") {
    fail("queue.strategy", "\"suspend\" or \"dropping\" with a priority", strategy)
  }
  return {
    capacity: capacity === "unbounded" ? Infinity : capacity,
    strategy,
    handicap: priority && ((job) => aging * integer("queue.priority", priority(job), 0, 1_000_000)),
    keys: key && {
      of: key,
      concurrency,
      // A key is what `key` returned.
      weight: (key) =>
        typeof weight === "function" ? integer("queue.perKey.weight", weight(key as never), 1, 1_000) : weight
    }
  }
}

/** Undefined where nothing is ever tried again, and no dead letter is kept: then none of it costs anything. */
const checkRetries = <Job, A, E, R, W, EW, RW>(
  { deadLetters, poison, retry, retryBudget }: Options<Job, A, E, R, W, EW, RW>,
  onDefect: "replace" | "keep"
): Pick<Config<Job, A, E>, "policy" | "deadLetters"> => {
  if (retry !== undefined && !Schedule.isSchedule(retry) && typeof retry !== "function") {
    fail("retry", "a Schedule, or a function that returns one", retry)
  }
  const budget = checkBudget(retryBudget ?? {})
  if (retry === undefined) absent("retryBudget", "without a retry", retryBudget)
  const kills = count("poison.kills", poison?.kills ?? (poison === undefined ? 1 : 3))
  if (onDefect === "keep") absent("poison", "with onDefect \"keep\", which spares the resource", poison)
  functionOrNone("poison.key", poison?.key)
  const letters = deadLetters && new DeadLetters<Job, E>(count("deadLetters.capacity", deadLetters.capacity ?? 1_000))
  functionOrNone("deadLetters.sink", deadLetters?.sink)
  if (deadLetters?.sink !== undefined) {
    absent("deadLetters.capacity", "with a deadLetters.sink, which keeps the letters", deadLetters.capacity)
  }
  if (retry === undefined && poison === undefined && deadLetters === undefined) {
    return { policy: undefined, deadLetters: undefined }
  }
  const policy: Policy<Job> = {
    // What it is given is what jobs fail with: so says its type.
    schedule: retry &&
      ((job) => (typeof retry === "function" ? retry(job) : retry) as Schedule.Schedule<unknown> | undefined),
    budget: retryBudget && budget,
    poison: poison === undefined && deadLetters === undefined ? undefined : new Poison(kills, poison?.key),
    sink: (deadLetters?.sink ?? letters?.add) as Policy<Job>["sink"]
  }
  return { policy, deadLetters: deadLetters?.sink === undefined ? letters : undefined }
}

const checkBudget = (
  { ratio = 0.2, perSecond = 10, window = "10 seconds" }: NonNullable<
    Options<unknown, unknown, unknown, unknown, unknown, unknown, unknown>["retryBudget"]
  >
): RetryBudget => {
  const notNegative = (argument: string, value: number) =>
    checkNumber(where, `retryBudget.${argument}`, value, "a number >= 0", (n) => n >= 0)
  const isValid = (n: number) => isPositive(n) && Number.isFinite(n)
  const millis = checkMillis(where, "retryBudget.window", window, "a finite duration above zero", isValid)
  return new RetryBudget(notNegative("ratio", ratio), notNegative("perSecond", perSecond), millis)
}
