import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { checkMillis, checkNumber, invalid, isCount, isPositive, isRecord } from "../args.js"
import { logLater } from "../logLater.js"
import { DeadLetters } from "./DeadLetters.js"
import { JobDeadlines } from "./Deadlines.js"
import { Idling } from "./Idling.js"
import type { Waiting } from "./Lane.js"
import { type Keys, Lanes } from "./Lanes.js"
import { checkLevel } from "./level.js"
import type { Deadlines, Options, QueueOptions, ResourceOptions, RetryBudgetOptions, RetryOptions } from "./options.js"
import { type Handicap, OneLane } from "./Order.js"
import type { BuiltOrder } from "./ownOrder.js"
import type { Parts, Sharing } from "./parts.js"
import { Poison } from "./Poison.js"
import type { Config } from "./Pool.js"
import type { Discipline } from "./Queue.js"
import { JobRetries, type Policy } from "./Retries.js"
import { RetryBudget } from "./RetryBudget.js"
import { type Check as ResourceCheck, ResourceUpkeep } from "./Upkeep.js"

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

// Workers that lost their resources together would all come back in one moment.
const defaultRestart = Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 }), Schedule.jittered)
const defaultRetry = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")])
const noResource = () => Effect.void

/**
 * A pool's options with their defaults. One that makes no sense throws: the compiler checks their types, and this does
 * it for JavaScript.
 */
export const check = <Job, A, E, R, W, EW, RW, RC, Key, D extends Deadlines | undefined>(
  options: Options<Job, A, E, R, W, EW, RW, RC, Key, D>,
  context: Context.Context<R | RW | RC>,
  sharing: Sharing | undefined
): Config<Job, A, E> => {
  const {
    context: inherits = "make",
    deadlines = {},
    name,
    onDefect = "replace",
    queue = {},
    resource,
    restart = defaultRestart,
    run,
    size,
    watch = [],
    worker
  } = options
  checkSize(where, size)
  oneOf("onDefect", ["replace", "keep"], onDefect)
  oneOf("context", ["make", "caller"], inherits)
  if (!Schedule.isSchedule(restart)) fail("restart", "a Schedule", restart)
  if (typeof run !== "function") fail("run", "a function", run)
  functionOrNone("worker", worker)
  if (worker === undefined) {
    absent("restart", "without a worker, which acquires the resource", options.restart)
    absent("resource", "without a worker, which acquires the resource", resource)
  }
  if (!Array.isArray(watch) || !watch.every(isWatcher)) fail("watch", "an array of watchers", watch)
  const limits = { wait: deadline("wait", deadlines.wait), run: deadline("run", deadlines.run) }
  const { deadLetters, policy } = checkRetries<Job, E>(options.retry, onDefect)
  const { onDemand, releaseTimeout, upkeep } = checkResource(resource, size)
  const logMistake = (error: unknown) => {
    const message = "WorkerPool: queue.order made a mistake. From now on the queue is first come, first served"
    logLater(context, message, error)
  }
  return {
    name,
    size,
    watch,
    discipline: checkQueue(queue, 2 * size, logMistake),
    onDefect,
    inheritance: inherits === "caller" ? "context" : "frame",
    parts: {
      deadlines: limits.wait === undefined && limits.run === undefined
        ? undefined
        : (controls) => new JobDeadlines(limits, controls),
      retries: policy && ((controls) => new JobRetries(policy, controls)),
      upkeep,
      onDemand,
      sharing
    },
    deadLetters,
    // The type of `make` requires the services of the functions and of the schedule. The schedule's input is only ever
    // a failure of `worker`.
    context: context,
    restart: restart as Schedule.Schedule<unknown>,
    releaseTimeout,
    worker: (worker ?? noResource) as Config<Job, A, E>["worker"],
    run: run as Config<Job, A, E>["run"]
  }
}

const isWatcher = (u: unknown): boolean => hasProperty(u, "watch") && typeof u.watch === "function"

const millis = (
  argument: string,
  input: Duration.Input,
  requirement: string,
  isValid: (n: number) => boolean
): number => checkMillis(where, argument, input, requirement, isValid)

const deadline = (phase: "wait" | "run", input: Duration.Input = Duration.infinity): Duration.Duration | undefined => {
  const after = millis(`deadlines.${phase}`, input, "a duration above zero", isPositive)
  return after === Infinity ? undefined : Duration.millis(after)
}

/** There is no upkeep where no resource is checked, and none has a limit. */
const checkResource = <W, RC>(
  resource: ResourceOptions<W, RC> = {},
  size: number
): Pick<Parts<never, unknown, unknown>, "onDemand" | "upkeep"> & { readonly releaseTimeout: number } => {
  if (!isRecord(resource)) fail("resource", "an object", resource)
  const { check, checkAfter, checkTimeout, jitter, maxAge, maxJobs } = resource
  const wait = resource.releaseTimeout ?? Infinity
  const releaseTimeout = millis("resource.releaseTimeout", wait, "a duration above zero", isPositive)
  const onDemand = checkOnDemand(resource, size)
  functionOrNone("resource.check", check)
  if (check === undefined) {
    absent("resource.checkAfter", "without a resource.check", checkAfter)
    absent("resource.checkTimeout", "without a resource.check", checkTimeout)
  }
  const after = millis("resource.checkAfter", checkAfter ?? "30 seconds", "a duration >= 0", (n) => n >= 0)
  const timeout = millis("resource.checkTimeout", checkTimeout ?? "5 seconds", "a duration above zero", isPositive)
  if (maxJobs !== undefined) count("resource.maxJobs", maxJobs)
  const age = millis("resource.maxAge", maxAge ?? Infinity, "a duration above zero", isPositive)
  if (maxJobs === undefined && maxAge === undefined) {
    absent("resource.jitter", "without a resource.maxJobs or a resource.maxAge", jitter)
  }
  const share = checkNumber(where, "resource.jitter", jitter ?? 0.1, "a number from 0 to 1", (n) => n >= 0 && n <= 1)
  if (check === undefined && maxJobs === undefined && age === Infinity) {
    return { onDemand, releaseTimeout, upkeep: undefined }
  }
  // The type of `make` requires the services of the check.
  const run = check as ResourceCheck["run"] | undefined
  const checks = run && { run, after, timeout }
  const limits = { maxJobs: maxJobs ?? Infinity, maxAge: age, jitter: share }
  return { onDemand, releaseTimeout, upkeep: (now) => new ResourceUpkeep(checks, limits, now) }
}

const checkOnDemand = (
  { idleTimeout, min }: ResourceOptions<never, unknown>,
  size: number
): Parts<never, unknown, unknown>["onDemand"] => {
  if (min === undefined) {
    absent("resource.idleTimeout", "without a resource.min", idleTimeout)
    return undefined
  }
  integer("resource.min", min, 0, size)
  const after = millis("resource.idleTimeout", idleTimeout ?? "10 minutes", "a duration above zero", isPositive)
  const timeout = after === Infinity ? undefined : Duration.millis(after)
  return (context, expire) => new Idling(min, timeout, context, expire)
}

/** The bound and the order of the queue. The results of the user's functions are checked when they are called. */
const checkQueue = <Job, Key>(
  queue: QueueOptions<Job, Key>,
  defaultCapacity: number,
  onMistake: (error: unknown) => void
): Discipline<Job> => {
  const { aging = 100, capacity = defaultCapacity, key, order, perKey = {}, priority, strategy = "suspend" } = queue
  if (capacity !== "unbounded" && (!Number.isSafeInteger(capacity) || capacity < 0)) {
    fail("queue.capacity", "an integer >= 0 or \"unbounded\"", capacity)
  }
  oneOf("queue.strategy", ["suspend", "dropping", "sliding"], strategy)
  functionOrNone("queue.priority", priority)
  functionOrNone("queue.key", key)
  integer("queue.aging", aging, 0, 1_000_000_000)
  const { concurrency = Infinity, weight = 1 } = perKey
  // A key is what `key` returned.
  const limitOf = limitPerKey(
    concurrency as PerKey,
    (n) => n === Infinity ? n : integer("queue.perKey.concurrency", n, 1, Number.MAX_SAFE_INTEGER)
  )
  const weightOf = limitPerKey(weight as PerKey, (n) => integer("queue.perKey.weight", n, 1, 1_000))
  if (priority === undefined) absent("queue.aging", "without a queue.priority", queue.aging)
  if (key === undefined) {
    absent("queue.perKey.concurrency", "without a queue.key", perKey.concurrency)
    absent("queue.perKey.weight", "without a queue.key", perKey.weight)
  }
  if ((priority !== undefined || order !== undefined) && strategy === "sliding") {
    fail("queue.strategy", `"suspend" or "dropping" with ${order === undefined ? "a priority" : "an order"}`, strategy)
  }
  if (order !== undefined) {
    absent("queue.key", "with an order", key)
    absent("queue.priority", "with an order", priority)
    if (!isBuilt(order)) fail("queue.order", "a value of WorkerPool.order", order)
  }
  const handicap: Handicap<Job> = priority &&
    ((job) => aging * checkLevel(where, "queue.priority", priority(job)))
  const keys: Keys<Job> | undefined = key && { of: key, concurrency: limitOf, weight: weightOf }
  const asking = Object.entries({ priority, key, order }).find(([, asked]) => asked !== undefined)
  return {
    aging: priority && aging,
    asksAbout: asking && `queue.${asking[0]}`,
    capacity: capacity === "unbounded" ? Infinity : capacity,
    strategy,
    order: <J extends Waiting<Job, J>>() =>
      order !== undefined
        ? (order as BuiltOrder<Job>).build<J>(onMistake)
        : keys === undefined
        ? new OneLane<Job, J>(handicap)
        : new Lanes<Job, J>(keys, handicap)
  }
}

type PerKey = number | ((key: unknown) => number)

/** A limit for all keys is checked now, and one that is a function of the key each time that it is asked. */
const limitPerKey = (limit: PerKey, checked: (n: number) => number): (key: unknown) => number => {
  if (typeof limit === "function") return (key) => checked(limit(key))
  const n = checked(limit)
  return () => n
}

const isBuilt = (u: unknown): boolean => hasProperty(u, "build") && typeof u.build === "function"

/** Nothing where nothing is ever tried again, and no dead letter is kept: then none of it costs anything. */
const checkRetries = <Job, E>(
  retry: RetryOptions<Job, never> | undefined,
  onDefect: "replace" | "keep"
): { readonly policy: Policy<Job> | undefined; readonly deadLetters: DeadLetters<Job, E> | undefined } => {
  if (retry === undefined) return { policy: undefined, deadLetters: undefined }
  if (!isRecord(retry) || Schedule.isSchedule(retry)) fail("retry", "an object with a schedule or times", retry)
  const { budget, deadLetters, poison, schedule, times, until, while: predicate } = retry
  if (schedule !== undefined && !Schedule.isSchedule(schedule) && typeof schedule !== "function") {
    fail("retry.schedule", "a Schedule, or a function that returns one", schedule)
  }
  if (schedule === undefined && times === undefined) fail("retry", "an object with a schedule or times", retry)
  if (times !== undefined) integer("retry.times", times, 0, Number.MAX_SAFE_INTEGER)
  functionOrNone("retry.while", predicate)
  functionOrNone("retry.until", until)
  if (predicate !== undefined) absent("retry.until", "with a retry.while", until)
  if (times === 0) {
    absent("retry.budget", "with retry.times 0", budget)
    absent("retry.while", "with retry.times 0", predicate)
    absent("retry.until", "with retry.times 0", until)
    absent("retry.schedule", "with retry.times 0", schedule)
  }
  const kills = count("retry.poison.kills", poison?.kills ?? (poison === undefined ? 1 : 3))
  if (onDefect === "keep") absent("retry.poison", "with onDefect \"keep\", which spares the resource", poison)
  functionOrNone("retry.poison.key", poison?.key)
  const letters = deadLetters &&
    new DeadLetters<Job, E>(count("retry.deadLetters.capacity", deadLetters.capacity ?? 1_000))
  functionOrNone("retry.deadLetters.sink", deadLetters?.sink)
  if (deadLetters?.sink !== undefined) {
    absent("retry.deadLetters.capacity", "with a retry.deadLetters.sink, which keeps the letters", deadLetters.capacity)
  }
  const policy: Policy<Job> = {
    // Its input is a job's failure, as its type says.
    schedule: times === 0
      ? undefined
      : ((job) =>
        (typeof schedule === "function" ? schedule(job) : schedule ?? defaultRetry) as AnySchedule | undefined),
    times: times ?? Infinity,
    isLast: until === undefined ? predicate && isLast(predicate as ErrorTest, false) : isLast(until as ErrorTest, true),
    budget: budget && checkBudget(budget),
    poison: poison === undefined && deadLetters === undefined ? undefined : new Poison(kills, poison?.key),
    sink: (deadLetters?.sink ?? letters?.add) as Policy<Job>["sink"]
  }
  return { policy, deadLetters: deadLetters?.sink === undefined ? letters : undefined }
}

type ErrorTest = (error: unknown) => boolean | Effect.Effect<boolean>

/** The error is one after which the job is not tried again, if the test returns `value` for it. */
const isLast = (test: ErrorTest, value: boolean) => (error: unknown): Effect.Effect<boolean> => {
  const result = test(error)
  return Effect.map(Effect.isEffect(result) ? result : Effect.succeed(result), (is) => is === value)
}

type AnySchedule = Schedule.Schedule<unknown>

const checkBudget = ({ ratio = 0.2, perSecond = 10, window = "10 seconds" }: RetryBudgetOptions): RetryBudget => {
  const notNegative = (argument: string, value: number) =>
    checkNumber(where, `retry.budget.${argument}`, value, "a number >= 0", (n) => n >= 0)
  const isValid = (n: number) => isPositive(n) && Number.isFinite(n)
  const millis = checkMillis(where, "retry.budget.window", window, "a finite duration above zero", isValid)
  return new RetryBudget(notNegative("ratio", ratio), notNegative("perSecond", perSecond), millis)
}
