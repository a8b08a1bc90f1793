/** Dumps as a process would make them, for the page of `sluice/inspect`. */
import type {
  Deadlock,
  Dump,
  FiberInfo,
  HoldInfo,
  JobInfo,
  Resource,
  ThreadInfo,
  WaitInfo,
  WorkerInfo
} from "../../src/internal/inspect/model.js"
import type { Source } from "../../src/source/Source.js"

export const at = (place: string, text?: string): Source => {
  const [file = "", line] = place.split(":")
  return { file, line: Number(line), column: 5, text }
}

export const hold = (by: string, more: Partial<HoldInfo> = {}): HoldInfo => ({ by, weight: 1, until: "exit", ...more })

export const wait = (by: string, what: string, more: Partial<WaitInfo> = {}): WaitInfo => ({
  by,
  for: what,
  on: [],
  ahead: 0,
  ...more
})

export const fiber = (id: number, name?: string, more: Partial<FiberInfo> = {}): FiberInfo => ({
  id: `fiber ${id}`,
  name,
  state: "suspended",
  stack: [],
  ...more
})

/** A semaphore of so many permits. */
export const semaphore = (
  id: string,
  capacity: number,
  holders: ReadonlyArray<HoldInfo>,
  waits: ReadonlyArray<WaitInfo> = [],
  more: Partial<Resource> = {}
): Resource => {
  const held = holders.reduce((sum, { weight }) => sum + weight, 0)
  return {
    id,
    kind: "semaphore",
    stats: { capacity, held, waiting: waits.length },
    lines: [{ of: "permits", capacity, held, holders }],
    waits,
    waiting: waits.length,
    ...more
  }
}

export const dump = (more: Partial<Dump> = {}): Dump => ({
  schema: "sluice/inspect/1",
  at: Date.UTC(2026, 2, 4, 10, 30),
  watchedSince: Date.UTC(2026, 2, 4, 9, 12),
  deadlocks: [],
  resources: [],
  fibers: [],
  missing: [],
  ...more
})

const takesDb = at("src/reports/job.ts:11", "yield* Semaphore.withPermit(db, render(report))")
const takesCache = at("src/reports/cache.ts:48", "yield* Semaphore.withPermits(cache, 2, refresh(key))")
const fetches = at("src/reports/job.ts:26", "yield* Effect.promise(() => fetchReport(url))")
const sends = at("src/mail/sender.ts:73", "const receipt = yield* smtp.send(message)")

const deadlock: Deadlock = {
  id: "deadlock-1",
  evidence: "certain",
  behind: 3,
  millis: 12_400,
  members: [
    {
      by: "fiber 6",
      resource: "semaphore-2",
      for: "2 permits",
      at: takesCache,
      holds: [{ resource: "semaphore-1", weight: 1, of: "permits", at: takesDb }]
    },
    {
      by: "fiber 9",
      resource: "semaphore-1",
      for: "1 permit",
      at: at("src/reports/cache.ts:61", "const rows = yield* Semaphore.withPermit(db, query(sql))"),
      holds: [{ resource: "semaphore-2", weight: 2, of: "permits", at: takesCache }]
    },
    {
      by: "fiber 14",
      resource: "semaphore-1",
      for: "1 permit",
      at: takesDb,
      holds: [
        { resource: "semaphore-2", weight: 2, of: "permits", at: takesCache },
        { resource: "semaphore-1", weight: 1, of: "permits", at: takesDb }
      ]
    }
  ]
}

const suspected: Deadlock = {
  id: "deadlock-2",
  evidence: "suspected",
  behind: 0,
  millis: 3_100,
  members: [
    {
      by: "fiber 31",
      resource: "group-1",
      for: "a place",
      at: at("src/crawl/crawler.ts:40", "yield* Group.go(group, visit(link))"),
      holds: [{ resource: "semaphore-3", weight: 1, of: "permits", at: at("src/crawl/crawler.ts:31") }]
    },
    {
      by: "fiber 32",
      resource: "semaphore-3",
      for: "1 permit",
      at: at("src/crawl/crawler.ts:52", "yield* Semaphore.scoped(hosts.get(link.host))"),
      holds: [{ resource: "group-1", weight: 1, of: "places", at: at("src/crawl/crawler.ts:40") }]
    }
  ]
}

const workers = (busy: number, more: ReadonlyArray<WorkerInfo>): ReadonlyArray<WorkerInfo> => [
  ...Array.from({ length: busy }, (_, i) => ({
    id: i + 1,
    state: "busy",
    stays: true,
    job: i + 1,
    fiber: `fiber ${40 + i}`
  })),
  ...more
]

const jobs = (running: number, queued: number): ReadonlyArray<JobInfo> => [
  ...Array.from({ length: running }, (_, i) => ({
    ref: `job ${i + 1} of pool-1`,
    id: i + 1,
    state: "running",
    attempt: i === 2 ? 3 : 1,
    worker: i + 1,
    fiber: `fiber ${40 + i}`,
    millis: 61_000 - 7_000 * i
  })),
  ...Array.from({ length: queued }, (_, i) => ({
    ref: `job ${running + i + 1} of pool-1`,
    id: running + i + 1,
    state: i === 1 ? "retrying" : "queued",
    attempt: i === 1 ? 2 : 1,
    millis: 4_000 - 150 * i
  }))
]

const threads: ReadonlyArray<ThreadInfo> = [
  {
    id: 1,
    state: "serving",
    calls: [
      { name: "resize", seat: 0, begun: true, millis: 8_230 },
      { name: "resize", seat: 1, begun: false, millis: 410 },
      { name: "thumbnail", seat: 2, begun: false, millis: 90 }
    ],
    stack: [
      at("src/images/resize.ts:118", "for (let x = 0; x < width; x++) blend(row, x)"),
      at("src/images/resize.ts:40")
    ]
  },
  { id: 2, state: "serving", calls: [{ name: "thumbnail", seat: 0, begun: true, millis: 35 }] },
  { id: 3, state: "starting", calls: [] }
]

/** A service with something of everything, and in trouble. */
export const service = (more: Partial<Dump> = {}): Dump =>
  dump({
    deadlocks: [deadlock, suspected],
    resources: [
      semaphore("semaphore-1", 2, [
        hold("fiber 6", { millis: 18_900, at: takesDb }),
        hold("fiber 14", { millis: 15_700, at: takesDb })
      ], [
        wait("fiber 9", "1 permit", { millis: 12_900, deadlock: "deadlock-1", at: takesDb }),
        wait("fiber 14", "1 permit", { millis: 12_400, ahead: 1, deadlock: "deadlock-1", at: takesDb }),
        wait("fiber 21", "1 permit", { millis: 6_020, ahead: 2, deadlock: "deadlock-1", at: takesDb }),
        wait("fiber 22", "1 permit", { millis: 310, ahead: 3, ends: "the timeout of 5 s", at: takesDb })
      ], { name: "db" }),
      semaphore(
        "semaphore-2",
        4,
        [
          hold("fiber 9", { weight: 2, millis: 14_000, at: takesCache }),
          hold("fiber 14", { weight: 2, millis: 13_200, at: takesCache })
        ],
        [wait("fiber 6", "2 permits", { millis: 13_000, deadlock: "deadlock-1", at: takesCache })],
        { name: "cache" }
      ),
      semaphore(
        "semaphore-3",
        1,
        [hold("fiber 31", { until: "scope", millis: 3_300, at: at("src/crawl/crawler.ts:31") })],
        [wait("fiber 32", "1 permit", { millis: 3_100, deadlock: "deadlock-2" })],
        { name: "hosts", key: "example.org" }
      ),
      semaphore("semaphore-4", 10, [hold("fiber 51", { weight: 3, millis: 240, at: fetches })], [], { name: "http" }),
      semaphore("semaphore-5", 8, []),
      {
        id: "group-1",
        kind: "group",
        name: "crawl",
        stats: { state: "open", children: 3, limit: 3, waiting: 1 },
        lines: [{
          of: "places",
          capacity: 3,
          held: 3,
          holders: [32, 33, 34].map((id) => hold(`fiber ${id}`, { millis: 3_500 }))
        }],
        waits: [wait("fiber 31", "a place", { millis: 3_100, deadlock: "deadlock-2" })],
        waiting: 1
      },
      {
        id: "group-2",
        kind: "group",
        name: "requests",
        stats: { state: "open", children: 27 },
        lines: [{ of: "places", held: 27, holders: [] }],
        waits: [],
        waiting: 0
      },
      {
        id: "pool-1",
        kind: "pool",
        name: "sender",
        stats: { state: "running", size: 8, idle: 2, capacity: 50, queued: 12, submitted: 4211, succeeded: 4180 },
        lines: [
          {
            of: "workers",
            capacity: 8,
            held: 6,
            holders: Array.from({ length: 5 }, (_, i) =>
              hold(`fiber ${40 + i}`, { millis: 61_000 - 7_000 * i, at: sends }))
          },
          { of: "jobs of the key", key: "acme", capacity: 2, held: 2, holders: [hold("fiber 40"), hold("fiber 41")] }
        ],
        waits: Array.from({ length: 12 }, (_, i) =>
          wait(`job ${6 + i} of pool-1`, "a worker", { millis: 4_000 - 150 * i, ahead: i })),
        waiting: 12,
        workers: workers(5, [
          { id: 6, state: "acquiring", stays: true },
          { id: 7, state: "idle", stays: true },
          { id: 8, state: "idle", stays: true },
          { id: 9, state: "releasing", stays: false }
        ]),
        jobs: jobs(5, 12)
      },
      {
        id: "limit-1",
        kind: "limit",
        name: "search API",
        stats: { limit: 17, inFlight: 19, waiting: 0, latency: "42 ms" },
        lines: [{ of: "permits", capacity: 17, held: 19, holders: [], lost: 1 }],
        waits: [],
        waiting: 0
      },
      {
        id: "threads-1",
        kind: "threads",
        name: "images",
        stats: { size: 3, inFlight: 4 },
        lines: [],
        waits: [],
        waiting: 0,
        threads
      }
    ],
    fibers: [
      fiber(6, "GET /report", {
        stack: [takesCache, at("src/reports/job.ts:19", "yield* cached(report.key)"), takesDb, at("src/server.ts:140")]
      }),
      fiber(9, "GET /report/daily", { stack: [takesDb] }),
      fiber(14, "refresh", { state: "waiting", stack: [takesDb, takesCache] }),
      fiber(21, "GET /report"),
      fiber(22, "GET /health"),
      fiber(31, "visit example.org"),
      fiber(32, "visit example.com"),
      fiber(33),
      fiber(34, "visit example.net", { interrupted: true, stack: [fetches] }),
      ...Array.from({ length: 5 }, (_, i) =>
        fiber(40 + i, "send", { stack: [sends] })),
      fiber(51, "GET /search", { stack: [fetches] })
    ],
    missing: ["The holders of group requests began before anybody watched."],
    ...more
  })

/** Names that would be markup, where somebody forgets to make them text. */
export const hostile = [
  "</script><img src=x onerror=globalThis.isHit=1>",
  "\"><svg onload=globalThis.isHit=1>",
  "javascript:globalThis.isHit=1",
  "\n\ndata: forged\nevent: dump\u2028\ud800"
] as const

/** Each name and key of it is hostile. */
export const hostileDump = (): Dump =>
  dump({
    deadlocks: [{
      id: hostile[0],
      evidence: "certain",
      behind: 0,
      members: [0, 1].map((i) => ({
        by: hostile[i] ?? "",
        resource: hostile[1],
        for: hostile[0],
        at: at(hostile[2], hostile[1]),
        holds: [{ resource: hostile[1], weight: 1, of: "permits" as const, at: at("x", hostile[0]) }]
      }))
    }],
    resources: hostile.map((name) =>
      semaphore(
        name,
        1,
        [hold(name, { at: at("x:1", name) })],
        [wait(name, name, { ends: name, deadlock: hostile[0] })],
        { name, key: name, stats: { [name]: name, state: name } }
      )
    ),
    fibers: hostile.map((name) => ({ id: name, name, state: "suspended", stack: [at("x:1", name)] })),
    missing: [...hostile]
  })
