import * as Result from "effect/Result"
import { parseArgs } from "node:util"
import { bad, decimal, integer, mostMillis, reading } from "../commandLine.js"
import type { Settings as FanOut } from "./fanOut.js"
import type { Settings as Server } from "./server.js"

/** In the order in which they run and are shown. */
export const versions = ["keyed", "naive"] as const

export type Version = (typeof versions)[number]

export interface Options extends Server, Omit<FanOut, "keyed" | "metrics"> {
  readonly versions: ReadonlyArray<Version>
  /** 0 for any that is free; undefined where nothing is served, or counted. */
  readonly metricsPort: number | undefined
}

export const help = `Usage: npx tsx docs/examples/webhooks/main.ts [OPTION]...

Tells many subscribers of events, by HTTP, on this machine. Most are quick; some are slow, fail for a while, always fail,
or never answer. Does it twice and compares: with a queue for each subscriber, and with one for all. Connections, retries
and circuit breakers are the same.

  --keyed          only with a queue for each subscriber
  --naive          only with one queue for all
  --subscribers N  how many there are (2000)
  --slow N         how many of them are slow (30)
  --flaky N        how many fail at first (20)
  --failing N      how many always fail (20)
  --hanging N      how many never answer (15)
  --events N       how many events there are (10)
  --interval MS    how much later the next event comes (2000)
  --quick-delay MS how long a quick subscriber takes to answer (2)
  --slow-delay MS  how long a slow one takes (5000)
  --outage N       how many requests a flaky one fails (3)
  --workers N      how many senders the pool has, with a connection each (64)
  --concurrency N  how many senders a subscriber may hold, with a queue for each (1)
  --capacity N     how many events may wait for a subscriber (100)
  --timeout MS     how long a subscriber has to answer (6000)
  --retries N      how often an event is sent again (4)
  --backoff MS     how much later the first time, and then twice that, and so on (200)
  --budget P       how many retries there may be for each success (0.2)
  --per-second N   and in each second beside (50)
  --trip N         after how many failures in a row a subscriber is left alone (5)
  --open MS        for how long (2000)
  --metrics PORT   serve what the pools count at http://127.0.0.1:PORT/metrics, for Prometheus
  --deadline MS    how long what is under way may take to end after Ctrl-C (2000)
  --help           print this

A queue for each keeps the harm to as many senders as there are bad subscribers times --concurrency: have more than that.

Ctrl-C ends it in good order, a second one at once. The exit code is 0 when every quick subscriber has every event, 1 when
not or when the options are wrong, 130 when Ctrl-C ended it.
`

/** Reads the command line, or answers what is wrong with it. */
export const parseOptions = (args: ReadonlyArray<string>): Result.Result<Options | "help", string> =>
  reading<Options | "help">(() => {
    const text = (value: string) => ({ type: "string", default: value }) as const
    const { values } = parseArgs({
      args: [...args],
      options: {
        keyed: { type: "boolean" },
        naive: { type: "boolean" },
        subscribers: text("2000"),
        slow: text("30"),
        flaky: text("20"),
        failing: text("20"),
        hanging: text("15"),
        events: text("10"),
        interval: text("2000"),
        "quick-delay": text("2"),
        "slow-delay": text("5000"),
        outage: text("3"),
        workers: text("64"),
        concurrency: text("1"),
        capacity: text("100"),
        timeout: text("6000"),
        retries: text("4"),
        backoff: text("200"),
        budget: text("0.2"),
        "per-second": text("50"),
        trip: text("5"),
        open: text("2000"),
        deadline: text("2000"),
        metrics: { type: "string" },
        help: { type: "boolean", default: false }
      }
    })
    if (values.help) return Result.succeed("help")
    const number = (
      name: Exclude<keyof typeof values, "keyed" | "naive" | "metrics" | "help">,
      least: number,
      most: number
    ) => integer(name, values[name], least, most)
    const chosen = versions.filter((version) => values[version] === true)
    const options: Options = {
      versions: chosen.length === 0 ? versions : chosen,
      subscribers: number("subscribers", 1, 1_000_000),
      slow: number("slow", 0, 1_000_000),
      flaky: number("flaky", 0, 1_000_000),
      failing: number("failing", 0, 1_000_000),
      hanging: number("hanging", 0, 1_000_000),
      events: number("events", 1, 1_000_000),
      interval: number("interval", 0, mostMillis),
      quickDelay: number("quick-delay", 0, mostMillis),
      slowDelay: number("slow-delay", 0, mostMillis),
      outage: number("outage", 0, 1_000_000),
      workers: number("workers", 1, 10_000),
      concurrency: number("concurrency", 1, 10_000),
      capacity: number("capacity", 1, 1_000_000),
      timeout: number("timeout", 1, mostMillis / 2),
      retries: number("retries", 0, 100),
      backoff: number("backoff", 1, 60_000),
      budget: share("budget", values.budget),
      perSecond: number("per-second", 0, 1_000_000),
      trip: number("trip", 1, 1_000_000),
      open: number("open", 1, mostMillis),
      deadline: number("deadline", 0, mostMillis),
      metricsPort: values.metrics === undefined ? undefined : integer("metrics", values.metrics, 0, 65_535)
    }
    const others = options.slow + options.flaky + options.failing + options.hanging
    if (others <= options.subscribers) return Result.succeed(options)
    throw bad("subscribers", `at least the ${others} that are not quick`, values.subscribers)
  })

const share = (name: string, text: string): number => {
  const value = decimal(text)
  if (Number.isFinite(value)) return value
  throw bad(name, "a number >= 0", text)
}
