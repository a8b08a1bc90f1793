/** A server, its clients and a limit between them, as events on their own clock: a minute of it takes milliseconds. */
import type { Sample } from "../../../src/internal/adaptiveLimit/estimators.js"

/** Numbers from 0 to 1, the same for each seed: xorshift of 32 bits. */
export const randomOf = (seed: number): () => number => {
  let state = (seed * 0x9e3779b1) | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return ((state >>> 0) + 0.5) / 0x1_0000_0000
  }
}

/** Draws a service time, in milliseconds. */
export type Service = (random: () => number) => number

const normal = (random: () => number): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())

/** Service times with one and the same mean. */
export const services = (mean: number): Readonly<Record<string, Service>> => {
  const lognormal = (sigma: number): Service => (random) => mean * Math.exp(sigma * normal(random) - sigma ** 2 / 2)
  return {
    constant: () => mean,
    exponential: (random) => -Math.log(random()) * mean,
    "lognormal 1": lognormal(1),
    "lognormal 1.5": lognormal(1.5),
    // One call in ten takes eleven times as long as the others.
    bimodal: (random) => mean * (random() < 0.1 ? 5.5 : 0.5)
  }
}

export interface Trace {
  readonly name: string
  readonly service: Service
  /** The mean of `service`, in milliseconds. */
  readonly mean: number
  /** How many the server serves at a time, for `millis` each, one after the other. */
  readonly capacities: ReadonlyArray<number>
  readonly millis: number
  /** Milliseconds that each call takes besides, whatever the server does. */
  readonly network: number
  readonly load:
    /** So many clients that each ask again as soon as they are answered. */
    | { readonly tag: "closed"; readonly clients: number }
    /** Poisson arrivals: so many for each that the first capacity can serve. */
    | { readonly tag: "open"; readonly share: number }
  readonly seed: number
}

/** Keeps a limit, and learns of each call that ends. */
export interface Contender {
  readonly limit: number
  ended(sample: Sample, now: number): void
}

/** One of the capacities of a trace. */
export interface Phase {
  readonly capacity: number
  /** Milliseconds from the moment a call is wanted to its end; the age of those that have not ended counts as well. */
  readonly call: number
  /** Calls a millisecond. */
  readonly throughput: number
  /** The limit, by time, in the second half of the phase. */
  readonly limit: { readonly mean: number; readonly low: number; readonly high: number }
}

/** What happens later: a binary heap, by time and then by order. */
class Agenda {
  private readonly events: Array<Event> = []
  private order = 0

  add(at: number, run: () => void): Event {
    const { events } = this
    const event = { at, order: this.order++, run }
    let i = events.length
    for (; i > 0; i = (i - 1) >> 1) {
      const parent = events[(i - 1) >> 1]!
      if (!isBefore(event, parent)) break
      events[i] = parent
    }
    events[i] = event
    return event
  }

  take(): Event | undefined {
    const { events } = this
    const [first] = events
    const last = events.pop()
    if (first === undefined || last === undefined || events.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= events.length) break
      if (child + 1 < events.length && isBefore(events[child + 1]!, events[child]!)) child++
      if (!isBefore(events[child]!, last)) break
      events[i] = events[child]!
      i = child
    }
    events[i] = last
    return first
  }
}

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** A queue that does not move what is in it. */
class Line<A> {
  private items: Array<A> = []
  private head = 0

  get size(): number {
    return this.items.length - this.head
  }

  push(item: A): void {
    this.items.push(item)
  }

  shift(): A {
    const item = this.items[this.head++]!
    if (this.head * 2 > this.items.length && this.head > 1_000) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
    return item
  }

  toArray(): ReadonlyArray<A> {
    return this.items.slice(this.head)
  }
}

interface Request {
  readonly wanted: number
  readonly service: number
}

interface Served {
  readonly service: number
  readonly done: () => void
}

/** The share `q` of the weight is at or below the value. */
const weighted = (values: ReadonlyMap<number, number>, q: number): number => {
  const sorted = [...values].toSorted(([a], [b]) => a - b)
  let left = sorted.reduce((sum, [, weight]) => sum + weight, 0) * q
  for (const [value, weight] of sorted) if ((left -= weight) <= 0) return value
  return sorted.at(-1)?.[0] ?? NaN
}

/** Runs a trace: deterministic, by the seed alone. Arrivals and service times do not depend on the contender. */
export const simulate = (trace: Trace, contender: Contender): ReadonlyArray<Phase> => {
  const { capacities, load, mean, millis, network, seed, service } = trace
  const arrivals = randomOf(seed)
  const times = randomOf(seed + 1_000_003)
  const agenda = new Agenda()
  const waiting = new Line<Request>()
  const queue = new Line<Served>()
  const wanted = new Set<Request>()
  let now = 0
  let capacity = capacities[0]!
  let served = 0
  let begun = 0
  let inFlight = 0

  let ended = 0
  let total = 0
  let seen = new Map<number, number>()
  let since = 0
  const look = () => {
    seen.set(contender.limit, (seen.get(contender.limit) ?? 0) + now - since)
    since = now
  }

  const serve = () => {
    while (served < capacity && queue.size > 0) {
      const { done, service } = queue.shift()
      served++
      agenda.add(now + service, () => {
        served--
        serve()
        done()
      })
    }
  }
  const want = () => {
    const request = { wanted: now, service: service(times) }
    wanted.add(request)
    waiting.push(request)
    admit()
  }
  const admit = () => {
    while (inFlight < contender.limit && waiting.size > 0) begin(waiting.shift())
  }
  const begin = (request: Request) => {
    const call = ++begun
    const atBegin = ++inFlight
    const start = now
    const end = () => {
      inFlight--
      wanted.delete(request)
      ended++
      total += now - request.wanted
      look()
      const sample = { call, begun, inFlight: atBegin, latency: now - start, outcome: "success" } as const
      contender.ended(sample, now)
      admit()
      if (load.tag === "closed") want()
    }
    const arrive = () => {
      queue.push({ service: request.service, done: network === 0 ? end : () => agenda.add(now + network / 2, end) })
      serve()
    }
    if (network === 0) arrive()
    else agenda.add(now + network / 2, arrive)
  }

  if (load.tag === "closed") { for (let i = 0; i < load.clients; i++) want() }
  else {
    const gap = mean / capacity / load.share
    const next = () => {
      agenda.add(now - Math.log(arrivals()) * gap, () => {
        want()
        next()
      })
    }
    next()
  }

  return capacities.map((size, i) => {
    capacity = size
    serve()
    ended = 0
    total = 0
    const until = (at: number) => {
      const end = agenda.add(at, () => {})
      for (let event = agenda.take()!;; event = agenda.take()!) {
        now = event.at
        event.run()
        if (event === end) break
      }
    }
    until((i + 0.5) * millis)
    seen = new Map()
    since = now
    until((i + 1) * millis)
    look()
    let open = 0
    // What waits from before this phase is this phase's only from its beginning.
    for (const request of wanted) open += now - request.wanted
    const isLast = i === capacities.length - 1
    const calls = ended + (isLast ? wanted.size : 0)
    const area = [...seen].reduce((sum, [limit, weight]) => sum + limit * weight, 0)
    return {
      capacity: size,
      call: (total + (isLast ? open : 0)) / calls,
      throughput: ended / millis,
      limit: { mean: area / (millis / 2), low: weighted(seen, 0.05), high: weighted(seen, 0.95) }
    }
  })
}
