/** The page "The pool": its picture, figures, links and presets, with the real pool on a test clock. */
import * as fc from "fast-check"
import { runInNewContext } from "node:vm"
import { describe, expect, test } from "vitest"
import { type Figures, Meter } from "../../docs/site/pool/figures.js"
import { layout, type Scene, type Spot } from "../../docs/site/pool/layout.js"
import { Load } from "../../docs/site/pool/load.js"
import { type Counts, countsOf, differences, type Event, Model, type Picture } from "../../docs/site/pool/model.js"
import {
  canFollow,
  codeOf,
  hashOf,
  initial,
  keys,
  optionsOf,
  presets,
  type Settings,
  settingsOf,
  values
} from "../../docs/site/pool/settings.js"
import { Turns } from "../../docs/site/pool/turns.js"
import { World } from "../../docs/site/pool/world.js"

const anySettings: fc.Arbitrary<Settings> = fc.record({
  arrivals: fc.constantFrom(...values.arrivals),
  burst: fc.constantFrom(...values.burst),
  duration: fc.constantFrom(...values.duration),
  spread: fc.constantFrom(...values.spread),
  failures: fc.constantFrom(...values.failures),
  size: fc.constantFrom(...values.size),
  capacity: fc.constantFrom(...values.capacity),
  full: fc.constantFrom(...values.full),
  deadline: fc.constantFrom(...values.deadline),
  speed: fc.constantFrom(...values.speed),
  seed: fc.constantFrom(...values.seed)
})

/** A pool, and everything that the page makes of it. */
class Page {
  readonly events: Array<Event> = []
  readonly model = new Model()
  readonly meter = new Meter()
  readonly world: World

  constructor(readonly settings: Settings) {
    this.world = new World(settings, (event) => {
      this.events.push(event)
      this.model.add(event)
      this.meter.add(event)
    })
  }

  picture(): Picture {
    return this.model.picture(this.world.at())
  }

  counts(): Counts {
    return countsOf(this.picture())
  }

  figures(): Figures {
    return this.meter.read(this.world.at())
  }
}

/** Runs `use` with a page, and ends its pool. */
const withPage = <A>(settings: Settings, use: (page: Page) => A): A => {
  const page = new Page(settings)
  try {
    return use(page)
  } finally {
    page.world.close()
  }
}

type Step =
  | { readonly kind: "advance"; readonly millis: number }
  /** To the millisecond in which something happens next. */
  | { readonly kind: "next" }
  | { readonly kind: "follow"; readonly settings: Settings }
  | { readonly kind: "shutdown"; readonly isNow: boolean }

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 900 }).map((millis) => ({ kind: "advance" as const, millis })) },
  { weight: 6, arbitrary: fc.constant({ kind: "next" as const }) },
  { weight: 3, arbitrary: anySettings.map((settings) => ({ kind: "follow" as const, settings })) },
  { weight: 1, arbitrary: fc.boolean().map((isNow) => ({ kind: "shutdown" as const, isNow })) }
)

/** Only the settings that a running pool follows. */
const followed = (before: Settings, after: Settings): Settings => {
  const { capacity, deadline, full, seed } = before
  return { ...after, capacity, deadline, full, seed }
}

const perform = (page: Page, step: Step): void => {
  const before = page.events.length
  if (step.kind === "advance") page.world.advance(step.millis)
  else if (step.kind === "next") {
    for (let n = 0; n < 500 && page.events.length === before; n++) page.world.advance(1)
  } else if (step.kind === "follow") page.world.follow(followed(page.settings, step.settings))
  else page.world.shutdown(step.isNow)
}

const countPlaces = (scene: Scene, place: string) => scene.dots.filter(({ dot }) => dot.place === place).length

const distance = (one: Spot, other: Spot) => Math.hypot(one.x - other.x, one.y - other.y)

describe("the picture", () => {
  test("has the counts of WorkerPool.stats after every step of random settings and schedules", () => {
    fc.assert(
      fc.property(
        anySettings,
        fc.array(anyStep, { minLength: 1, maxLength: 25 }),
        (settings, steps) =>
          withPage(settings, (page) => {
            let isEnding = false
            for (const step of steps) {
              perform(page, step)
              isEnding ||= step.kind === "shutdown"
              const stats = page.world.stats()
              const counts = page.counts()
              expect(differences(counts, stats)).toEqual([])
              const { ended } = page.picture()
              const came = page.events.filter(({ kind }) => kind === "arrived").length
              // A caller is refused by a full queue, or by a pool that ends.
              if (settings.full !== "reject") expect(ended.rejected).toBe(0)
              if (!isEnding) expect(ended.closed).toBe(0)
              // Every caller that has come is somewhere.
              expect(came).toBe(counts.submitted + counts.waiting + ended.rejected + ended.closed)
            }
          })
      )
    )
  })

  test("has each line in the order in which its jobs begin", () => {
    fc.assert(
      fc.property(
        anySettings,
        fc.array(anyStep, { minLength: 1, maxLength: 25 }),
        (settings, steps) =>
          withPage(settings, (page) => {
            const lines = steps.map((step) => {
              perform(page, step)
              const { queued, waiting } = page.picture()
              return [...queued, ...waiting].map(({ job }) => job.id)
            })
            const begun = page.events.flatMap((event) => event.kind === "started" ? [event.job] : [])
            for (const line of lines) {
              const ofLine = new Set(line)
              const left = new Set(begun)
              expect(begun.filter((job) => ofLine.has(job))).toEqual(line.filter((job) => left.has(job)))
            }
          })
      )
    )
  })

  test("is the same however the time is divided into frames", () => {
    fc.assert(fc.property(
      anySettings,
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
      (settings, frames) => {
        const eventsOf = (parts: ReadonlyArray<number>) =>
          withPage(settings, (page) => {
            for (const millis of parts) page.world.advance(millis)
            return [...page.events]
          })
        expect(eventsOf(frames)).toEqual(eventsOf([frames.reduce((sum, millis) => sum + millis, 0)]))
      }
    ))
  })

  test("notices a count that differs", () => {
    withPage(presets[1]!.settings, (page) => {
      page.world.advance(4_000)
      const counts = page.counts()
      for (const name of Object.keys(counts) as Array<keyof Counts>) {
        for (const by of [1, -1]) {
          expect(differences({ ...counts, [name]: counts[name] + by }, page.world.stats())).toEqual([name])
        }
      }
    })
  })
})

/** The dots that stick out of their area, or are in another one. */
const astray = (scene: Scene) => {
  const names = { waiting: "callers", queued: "queue", running: "workers" } as const
  return scene.dots.filter(({ dot: { place }, x, y }) => {
    const area = scene.areas[Object.entries(names).find(([one]) => one === place)?.[1] ?? "results"]
    return x - area.x < 7 || area.x + area.width - x < 7 || y < area.y + 30 || area.y + area.height - y < 7
  })
}

describe("the drawing", () => {
  test("has every dot in its area at every width, also where the lines are full", () => {
    const settings: Settings = { ...initial, arrivals: 60, size: 16, duration: 2_000, capacity: 64, failures: 50 }
    withPage(settings, (page) => {
      page.world.advance(9_000)
      for (let width = 300; width <= 1_200; width++) {
        const scene = layout(page.picture(), settings, width)
        expect(astray(scene)).toEqual([])
        expect(scene.hidden.waiting).toBeGreaterThan(0)
        // On a telephone of 390 pixels, and on a screen of 1,440.
        if (width === 342 || width === 1_040) expect(scene.hidden.queued).toBe(0)
      }
    })
  })

  test("has a dot within its bounds for each job, or counts it as hidden, and no two dots in one place", () => {
    fc.assert(
      fc.property(
        anySettings,
        fc.array(anyStep, { minLength: 1, maxLength: 15 }),
        fc.integer({ min: 300, max: 1_200 }),
        (settings, steps, width) =>
          withPage(settings, (page) => {
            for (const step of steps) {
              perform(page, step)
              const scene = layout(page.picture(), settings, width)
              const counts = page.counts()
              expect(countPlaces(scene, "waiting") + scene.hidden.waiting).toBe(counts.waiting)
              expect(countPlaces(scene, "queued") + scene.hidden.queued).toBe(counts.queued)
              expect(countPlaces(scene, "running")).toBe(counts.running)
              expect(scene.workers.filter(({ progress }) => progress === undefined).length).toBe(counts.idle)
              for (const { count, outcome } of scene.rows) expect(count).toBe(page.picture().ended[outcome])
              const jobs = scene.dots.map(({ dot }) => dot.job.id)
              expect(jobs.filter((id, index) => index > 0 && id <= jobs[index - 1]!)).toEqual([])
              const all = [...scene.dots, ...scene.workers, ...scene.places, ...scene.rows]
              const isInside = ({ x, y }: Spot) => x >= 7 && y >= 7 && x <= width - 7 && y <= scene.height - 7
              expect(all.filter((spot) => !isInside(spot))).toEqual([])
              expect(astray(scene)).toEqual([])
              // A dot is 13 pixels wide.
              expect(scene.dots.every(({ opacity }) => opacity > 0.3 && opacity <= 1)).toBe(true)
              const touching = scene.dots.filter((one, index) =>
                scene.dots.some((other, i) => i < index && distance(one, other) < 14)
              )
              expect(touching).toEqual([])
            }
          })
      ),
      { numRuns: 50 }
    )
  })
})

test("the rows of results are those that the settings can bring about, before any has come about", () => {
  const rowsOf = (changes: Partial<Settings>) => {
    const settings = { ...initial, ...changes }
    return withPage(settings, (page) => layout(page.picture(), settings, 1_000).rows.map(({ outcome }) => outcome))
  }
  expect(rowsOf({})).toEqual(["succeeded", "failed"])
  expect(rowsOf({ full: "reject" })).toEqual(["succeeded", "failed", "rejected"])
  expect(rowsOf({ full: "dropping", deadline: 100 })).toEqual(["succeeded", "failed", "dropped", "expired"])
  expect(rowsOf({ full: "sliding" })).toEqual(["succeeded", "failed", "dropped"])
})

test("a ring shows how much of a job's time has passed", () => {
  withPage({ ...initial, spread: 100 }, (page) => {
    page.world.advance(5_123)
    const { dots, workers } = layout(page.picture(), page.settings, 1_000)
    const busy = workers.flatMap((worker) =>
      worker.progress === undefined ? [] : [{ ...worker, progress: worker.progress }]
    )
    expect(busy.length).toBeGreaterThan(2)
    page.world.advance(30_000)
    for (const { progress, x, y } of busy) {
      const { job } = dots.find((one) => one.x === x && one.y === y)!.dot
      const end = page.events.find((event) => event.kind === "ended" && event.job === job.id)!.at
      expect(5_123 + (1 - progress) * job.millis).toBeCloseTo(end, 6)
    }
  })
})

/** The figures of the whole time, which is shorter than the window, from the events alone. */
const figuresFrom = (events: ReadonlyArray<Event>, at: number) => {
  const sum = (values: ReadonlyArray<number>) => values.reduce((all, value) => all + value, 0)
  const timeOf = (kind: Event["kind"], job: number) =>
    events.find((event) => event.kind === kind && "job" in event && event.job === job)?.at
  const jobs = events.flatMap((event) => event.kind === "arrived" ? [event] : []).map((
    { at: arrived, job: { id } }
  ) => ({
    arrived,
    started: timeOf("started", id),
    over: timeOf("ended", id) ?? at
  }))
  const waits = jobs.flatMap(({ arrived, started }) => started === undefined ? [] : [started - arrived])
  return {
    busy: sum(jobs.map(({ over, started }) => started === undefined ? 0 : over - started)),
    inside: sum(jobs.map(({ arrived, over }) => over - arrived)),
    waits: waits.sort((one, other) => one - other)
  }
}

describe("the figures", () => {
  test("agree with sums over the events", () => {
    fc.assert(
      fc.property(anySettings, fc.integer({ min: 1, max: 9_900 }), (settings, millis) =>
        withPage(settings, (page) => {
          page.world.advance(millis)
          const figures = page.figures()
          const { busy, inside, waits } = figuresFrom(page.events, millis)
          expect(figures.seconds).toBeCloseTo(millis / 1_000, 6)
          expect(figures.utilization).toBeCloseTo(busy / (settings.size * millis), 6)
          expect(figures.little.inside).toBeCloseTo(inside / millis, 6)
          const isRefused = (event: Event) =>
            event.kind === "ended" && (event.outcome === "rejected" || event.outcome === "closed")
          const left = page.events.filter((event) => event.kind === "ended" && !isRefused(event))
          expect(figures.little.leaving).toBeCloseTo(left.length / figures.seconds, 6)
          const counts = page.counts()
          expect(figures.throughput).toBeCloseTo((counts.succeeded + counts.failed) / figures.seconds, 6)
          expect(figures.lines.at(-1)).toBe(counts.waiting + counts.queued)
          // By definition, at least the share is at or below the percentile, and less than the share is below it.
          const { p50, p95 } = figures.wait ?? { p50: NaN, p95: NaN }
          for (const [value, part] of waits.length === 0 ? [] : [[p50, 0.5], [p95, 0.95]] as const) {
            expect(waits.filter((wait) => wait <= value).length).toBeGreaterThanOrEqual(part * waits.length)
            expect(waits.filter((wait) => wait < value).length).toBeLessThan(part * waits.length)
          }
        }))
    )
  })

  test("are about the last ten seconds alone", () => {
    withPage({ ...initial, failures: 0 }, (page) => {
      page.world.advance(30_000)
      expect(page.figures().throughput).toBeGreaterThan(5)
      page.world.follow({ ...initial, arrivals: 0 })
      page.world.advance(30_000)
      expect(page.figures()).toMatchObject({ arrivals: 0, throughput: 0, utilization: 0, wait: undefined, seconds: 10 })
    })
  })

  test("keep Little's law where the load is steady", () => {
    withPage(initial, (page) => {
      const products: Array<readonly [number, number]> = []
      for (let n = 0; n < 60; n++) {
        page.world.advance(10_000)
        const { inside, leaving, time } = page.figures().little
        products.push([inside, leaving * time])
      }
      const mean = (of: (pair: readonly [number, number]) => number) =>
        products.reduce((sum, pair) => sum + of(pair), 0) / products.length
      expect(mean(([inside]) => inside) / mean(([, product]) => product)).toBeCloseTo(1, 1)
    })
  })
})

describe("a preset", () => {
  /** One look per 100 ms of a minute, after ten seconds. */
  const looks = (name: string) => {
    const { settings } = presets.find((preset) => preset.name === name)!
    return withPage(settings, (page) => {
      page.world.advance(10_000)
      const seen = Array.from({ length: 600 }, () => {
        page.world.advance(100)
        return { at: page.world.at(), picture: page.picture(), counts: page.counts(), figures: page.figures() }
      })
      return {
        settings,
        seen,
        last: seen.at(-1)!,
        share: (is: (one: typeof seen[number]) => boolean) => seen.filter(is).length / seen.length,
        events: page.events
      }
    })
  }
  const waitsOf = (events: ReadonlyArray<Event>, from: number) => {
    const arrived = new Map(events.flatMap((event) => event.kind === "arrived" ? [[event.job.id, event.at]] : []))
    return events.flatMap((event) =>
      event.kind === "started" && event.at > from ? [event.at - arrived.get(event.job)!] : []
    )
  }

  test("Calm: most jobs begin as they come, and the queue is empty most of the time", () => {
    const { events, settings: { arrivals, duration, size }, share } = looks("Calm")
    expect([arrivals * duration / 1_000, size]).toEqual([4, 6])
    expect(share(({ counts }) => counts.queued === 0)).toBeGreaterThan(0.5)
    const waits = waitsOf(events, 0)
    expect(waits.filter((wait) => wait === 0).length / waits.length).toBeGreaterThan(0.5)
  })

  test("A burst: six begin, the queue holds the others and drains, and then the workers idle", () => {
    const { events, seen } = looks("A burst")
    const times = new Set(events.flatMap((event) => event.kind === "arrived" ? [event.at] : []))
    for (const at of times) {
      expect(at % 3_000).toBe(0)
      expect(events.filter((event) => event.kind === "arrived" && event.at === at).length).toBe(24)
      const began = events.filter((event) => event.kind === "started" && event.at === at)
      expect(began.length).toBe(6)
    }
    for (const { at, counts } of seen) {
      if (at % 3_000 === 0) expect(counts).toMatchObject({ running: 6, queued: 18, waiting: 0 })
      if (at % 3_000 === 2_900) expect(counts).toMatchObject({ running: 0, queued: 0, waiting: 0 })
    }
  })

  test("Too few workers: always busy, a full queue, and a line of callers that grows", () => {
    const { last, seen, settings: { arrivals, duration, size }, share } = looks("Too few workers")
    expect([arrivals * duration / 1_000, size]).toEqual([6.4, 4])
    expect(share(({ counts }) => counts.running === 4 && counts.queued === 8)).toBe(1)
    const lengths = seen.filter((_, i) => i % 100 === 99).map(({ counts }) => counts.waiting)
    expect(lengths).toEqual([...lengths].sort((one, other) => one - other))
    expect(last.counts.waiting).toBeGreaterThan(200)
  })

  test("Queue too long, and Load shedding: the same throughput and rejections, but ten times the wait", () => {
    const long = looks("Queue too long")
    const short = looks("Load shedding")
    expect(short.settings).toEqual({ ...long.settings, capacity: 4 })
    expect(long.share(({ counts }) => counts.running === 5)).toBe(1)
    const served = ({ last, seen: [first] }: typeof long) => last.counts.succeeded - first!.counts.succeeded
    const rejected = ({ last, seen: [first] }: typeof long) =>
      last.picture.ended.rejected - first!.picture.ended.rejected
    expect(served(short) / served(long)).toBeGreaterThan(0.95)
    expect(rejected(short) / rejected(long)).toBeGreaterThan(0.95)
    expect(rejected(short) / rejected(long)).toBeLessThan(1.05)
    const sorted = (events: ReadonlyArray<Event>) => waitsOf(events, 10_000).sort((one, other) => one - other)
    const median = (waits: ReadonlyArray<number>) => waits[Math.floor(waits.length / 2)]!
    expect(median(sorted(long.events))).toBeGreaterThan(4_500)
    expect(median(sorted(long.events))).toBeLessThan(5_500)
    const waits = sorted(short.events)
    expect(waits[Math.floor(waits.length * 0.95)]).toBeLessThan(550)
  })
})

describe("a link", () => {
  test("keeps all settings", () => {
    fc.assert(fc.property(anySettings, (settings) => {
      expect(settingsOf(`#${hashOf(settings)}`)).toEqual({ settings, refused: [] })
    }))
  })

  test("of any other text gives known values alone", () => {
    const parts = fc.tuple(
      fc.oneof(fc.constantFrom<string>(...keys, "__proto__", "constructor"), fc.string()),
      fc.oneof(
        fc.constantFrom("-1", "1e3", "0x10", "999999", "NaN", "Infinity", "", "01", "<img>", "true"),
        fc.string()
      )
    ).map((pair) => pair.join("="))
    fc.assert(fc.property(fc.oneof(fc.array(parts).map((all) => all.join("&")), fc.string()), (hash) => {
      const { settings } = settingsOf(hash)
      expect(Object.keys(settings)).toEqual(keys)
      for (const key of keys) expect((values[key] as ReadonlyArray<unknown>).includes(settings[key])).toBe(true)
    }))
  })

  test("names the parts that it refuses", () => {
    expect(
      settingsOf(
        "#size=3&size=4&arrivals=61&full=throw&duration=55&capacity=unbounded&x=1&speed=1=1&spread=0x14&burst=01"
      )
    ).toEqual({
      settings: { ...initial, size: 3, capacity: "unbounded" },
      refused: ["size=4", "arrivals=61", "full=throw", "duration=55", "x=1", "speed=1=1", "spread=0x14", "burst=01"]
    })
  })
})

describe("the code", () => {
  test("has the options of the pool", () => {
    fc.assert(fc.property(anySettings, (settings) => {
      const [, literal = ""] = /WorkerPool\.make\((\{.*?\n\})\)/s.exec(codeOf(settings)) ?? []
      const run = "  run: (job: Job) => work(job)\n"
      expect(literal).toContain(run)
      expect({ ...runInNewContext(`(${literal.replace(run, "")})`) as object }).toEqual(optionsOf(settings))
      expect(codeOf(settings)).toContain(`WorkerPool.${settings.full === "reject" ? "trySubmit" : "submit"}(pool, job)`)
    }))
  })
})

test("turns run in the order of their requests, those of turns too, without cancelled ones", () => {
  const turns = new Turns()
  const ran: Array<string> = []
  turns.request(() => {
    ran.push("a")
    turns.request(() => ran.push("c"))
    cancel()
  })
  turns.request(() => ran.push("b"))
  const cancel = turns.request(() => ran.push("cancelled"))
  expect(ran).toEqual([])
  turns.run()
  expect(ran).toEqual(["a", "b", "c"])
})

test("random jobs have the mean, the spread and the failures of the settings", () => {
  for (const spread of [0, 50, 150]) {
    const settings: Settings = { ...initial, arrivals: 20, duration: 500, spread, failures: 30 }
    const load = new Load(7)
    const draws = Array.from({ length: 50_000 }, () => ({
      gap: load.gap(settings),
      millis: load.duration(settings),
      fails: load.fails(settings)
    }))
    const mean = (of: (draw: typeof draws[number]) => number) =>
      draws.reduce((sum, draw) => sum + of(draw), 0) / draws.length
    const duration = mean(({ millis }) => millis)
    const deviation = Math.sqrt(mean(({ millis }) => (millis - duration) ** 2))
    expect(duration / 500).toBeCloseTo(1, 1)
    expect(deviation / 500).toBeCloseTo(spread / 100, 1)
    expect(mean(({ fails }) => fails ? 1 : 0)).toBeCloseTo(0.3, 1)
    // Independent arrivals: the gaps are spread as far as their mean.
    const gap = mean((draw) => draw.gap)
    expect(gap / 50).toBeCloseTo(1, 1)
    expect(Math.sqrt(mean((draw) => (draw.gap - gap) ** 2)) / 50).toBeCloseTo(1, 1)
    expect(load.gap({ ...settings, burst: 8 })).toBe(400)
    expect(load.gap({ ...settings, arrivals: 0 })).toBe(Infinity)
  }
})

test("a running pool follows its settings", () => {
  withPage(initial, (page) => {
    page.world.advance(3_000)
    page.world.follow({ ...initial, size: 9 })
    expect(page.picture().workers.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    page.world.follow({ ...initial, size: 2, duration: 2_000, spread: 0, failures: 100, arrivals: 40 })
    const before = page.events.length
    page.world.advance(10_000)
    const came = page.events.slice(before).flatMap((event) => event.kind === "arrived" ? [event.job] : [])
    expect(came.length).toBeGreaterThan(300)
    expect(came.every(({ fails, millis }) => fails && millis === 2_000)).toBe(true)
    expect(page.world.stats()).toMatchObject({ size: 2, running: 2 })
    page.world.follow({ ...initial, arrivals: 0 })
    const quiet = page.events.length
    page.world.advance(5_000)
    expect(page.events.slice(quiet).filter(({ kind }) => kind === "arrived")).toEqual([])
    // And from none to some.
    page.world.follow({ ...initial, arrivals: 5 })
    page.world.advance(5_000)
    expect(page.events.slice(quiet).some(({ kind }) => kind === "arrived")).toBe(true)
  })
})

test("a pool follows exactly the settings that are no option of make, and its size", () => {
  const other: Settings = {
    arrivals: 11,
    burst: 2,
    duration: 500,
    spread: 60,
    failures: 10,
    size: 7,
    capacity: 11,
    full: "sliding",
    deadline: 500,
    speed: 2,
    seed: 2
  }
  const live = keys.filter((key) => canFollow(initial, { ...initial, [key]: other[key] }))
  expect(live).toEqual(["arrivals", "burst", "duration", "spread", "failures", "size", "speed"])
})
