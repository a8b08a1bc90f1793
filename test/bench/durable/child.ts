/** One process of the bench. Each line that it prints is a JSON value. */
import { Effect, Layer } from "effect"
import { Limit, LimitStore } from "sluice/durable"
import { onSql } from "../../support/fleet.js"
import { layer as ioredis } from "../../support/ioredis.js"
import { contenders, type Name, pg, type Places, type Times } from "./contenders.js"

export type Order =
  /** Stores jobs, and then runs them. The first `warmUp` of them are not measured. */
  | { readonly does: "run"; readonly jobs: number; readonly warmUp: number }
  /** Runs jobs that others store. Prints when each has begun. `holds`: no job ends. */
  | { readonly does: "serve"; readonly holds: boolean }
  /** Stores one job after the other, with the time in its payload. */
  | { readonly does: "submit"; readonly jobs: number; readonly every: number }
  /** Takes and returns permits of a limit, in so many fibers. */
  | {
    readonly does: "limit"
    readonly on: "redis" | "postgres"
    readonly fibers: number
    readonly times: number
    readonly permits: number
  }

export interface Whole {
  readonly name: Name
  readonly places: Places
  readonly times: Times
  readonly order: Order
}

const { name, order, places, times } = JSON.parse(process.argv[2]!) as Whole

const say = (value: unknown) => void process.stdout.write(`${JSON.stringify(value)}\n`)
const now = () => performance.timeOrigin + performance.now()
const cpu = () => {
  const { system, user } = process.cpuUsage()
  return (user + system) / 1_000
}

if (order.does === "run") {
  const { serve, submit } = await contenders[name](places, times)
  const { jobs, warmUp } = order
  let ended = 0
  const marks: Array<readonly [at: number, cpu: number]> = []
  let done: () => void = () => {}
  const all = new Promise<void>((resolve) => (done = resolve))
  await submit(Array.from({ length: jobs }, (_, i) => i))
  await serve(() => {
    ended++
    if (ended === warmUp || ended === jobs) marks.push([now(), cpu()])
    if (ended === jobs) done()
  })
  await all
  const [[from, before], [to, after]] = marks as [(typeof marks)[0], (typeof marks)[0]]
  const measured = jobs - warmUp
  say({ perSecond: measured / (to - from) * 1_000, cpuMillis: (after - before) / measured })
} else if (order.does === "serve") {
  const { serve } = await contenders[name](places, times)
  await serve((at) => {
    say({ waited: now() - at, begun: now() })
    return order.holds ? new Promise<void>(() => {}) : undefined
  })
  say({ ready: true })
  setInterval(() => {}, 1_000)
} else if (order.does === "submit") {
  const { submit } = await contenders[name](places, times)
  say({ ready: true })
  for (let i = 0; i < order.jobs; i++) {
    await new Promise((resolve) => setTimeout(resolve, order.every))
    await submit([now()])
  }
  say({ submitted: true })
} else {
  let sent = 0
  const limit = Limit.make("bench", { permits: order.permits })
  const once = Effect.orDie(Limit.withPermit(limit, () => Effect.void))
  const fiber = Effect.forEach(Array.from({ length: order.times }), () => once, { discard: true })
  const program = Effect.gen(function*() {
    yield* once
    const [from, before] = [now(), sent]
    yield* Effect.all(Array.from({ length: order.fibers }, () => fiber), { concurrency: "unbounded", discard: true })
    const total = order.fibers * order.times
    say({ perSecond: total / (now() - from) * 1_000, roundTrips: (sent - before) / total })
  })
  const store = order.on === "redis"
    ? Layer.provide(LimitStore.layerRedis(), ioredis(places.redis, () => sent++))
    : Layer.provide(LimitStore.layerPg(), Layer.provide(onSql(() => sent++), pg(places)))
  await Effect.runPromise(Effect.provide(program, store))
}
if (order.does !== "serve") process.exit(0)
