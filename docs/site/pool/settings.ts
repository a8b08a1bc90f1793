/** The settings of the page: their ranges, their presets, the text of a link, and the options of the pool. */

/** `"reject"` is the strategy `"suspend"` with callers that use `trySubmit`. */
export type Full = "suspend" | "reject" | "dropping" | "sliding"

export interface Settings {
  /** Jobs that arrive per second. */
  readonly arrivals: number
  /** Jobs that arrive together. */
  readonly burst: number
  /** The mean time that a worker is busy with a job, in milliseconds. */
  readonly duration: number
  /** The standard deviation of that time, as a percentage of the mean. */
  readonly spread: number
  /** The percentage of the jobs that fail. */
  readonly failures: number
  readonly size: number
  readonly capacity: number | "unbounded"
  /** The fate of a job that finds the queue full. */
  readonly full: Full
  /** `deadlines.wait`, in milliseconds. */
  readonly deadline: number | "none"
  /** Seconds of the pool's clock per second of the reader's. */
  readonly speed: number
  /** The same seed gives the same arrivals, durations and failures. */
  readonly seed: number
}

type Value = Settings[keyof Settings]

/** All values of a setting, in the order of its slider. */
type Values = { readonly [K in keyof Settings]: ReadonlyArray<Settings[K]> }

const range = (from: number, to: number, step = 1): ReadonlyArray<number> =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step)

export const values: Values = {
  arrivals: range(0, 60),
  burst: range(1, 40),
  duration: range(50, 2_000, 50),
  spread: range(0, 200, 10),
  failures: range(0, 100, 5),
  size: range(1, 16),
  capacity: [...range(0, 12), 16, 20, 24, 32, 48, 64, "unbounded"],
  full: ["suspend", "reject", "dropping", "sliding"],
  deadline: ["none", 100, 200, 300, 500, 1_000, 2_000, 5_000],
  speed: [0.1, 0.25, 0.5, 1, 2, 5, 10],
  seed: range(1, 999)
}

const calm: Settings = {
  arrivals: 10,
  burst: 1,
  duration: 400,
  spread: 50,
  failures: 5,
  size: 6,
  capacity: 12,
  full: "suspend",
  deadline: "none",
  speed: 0.5,
  seed: 1
}

export const initial = calm

export interface Preset {
  readonly name: string
  /** One sentence of what to see. `test/site/pool.test.ts` holds each to its word. */
  readonly sentence: string
  readonly settings: Settings
}

const overload: Settings = { ...calm, arrivals: 25, size: 5, full: "reject", failures: 0 }

export const presets: ReadonlyArray<Preset> = [
  {
    name: "Calm",
    sentence: "A load of 4 on 6 workers: most jobs begin as they come, and the queue is empty most of the time.",
    settings: calm
  },
  {
    name: "A burst",
    sentence:
      "24 jobs come at once every 3 s: six begin, the queue holds the others and drains, and then the workers idle.",
    settings: { ...calm, arrivals: 8, burst: 24, spread: 30, capacity: 32 }
  },
  {
    name: "Too few workers",
    sentence:
      "A load of 6.4 on 4 workers: they are always busy, the queue is full, and the line of callers grows without end.",
    settings: { ...calm, arrivals: 16, size: 4, capacity: 8 }
  },
  {
    name: "Queue too long",
    sentence: "A full queue of 64 adds nothing to the throughput of 5 busy workers, and each job waits some 5 s in it.",
    settings: { ...overload, capacity: 64 }
  },
  {
    name: "Load shedding",
    sentence:
      "The same load with a queue of 4: as many jobs are rejected, and each accepted job begins within half a " +
      "second or so.",
    settings: { ...overload, capacity: 4 }
  }
]

/** The settings that a running pool can follow. After a change of another one there is a new pool. */
const isLive = (key: string): boolean => key !== "capacity" && key !== "full" && key !== "deadline" && key !== "seed"

export const keys = Object.keys(initial) as ReadonlyArray<keyof Settings>

export const isSame = (one: Settings, other: Settings): boolean => keys.every((key) => one[key] === other[key])

/** Whether the pool of `before` can go on with `after`. */
export const canFollow = (before: Settings, after: Settings): boolean =>
  keys.every((key) => isLive(key) || before[key] === after[key])

/** The fragment of a link, without "#". */
export const hashOf = (settings: Settings): string => keys.map((key) => `${key}=${settings[key]}`).join("&")

/** The settings of a link, and the parts of it that this page cannot have made. Their settings are the initial ones. */
export const settingsOf = (hash: string): { readonly settings: Settings; readonly refused: ReadonlyArray<string> } => {
  const refused: Array<string> = []
  const found = new Map<string, Value>()
  for (const part of hash.replace(/^#/, "").split("&")) {
    if (part === "") continue
    const [key = "", text = ""] = part.split("=")
    // Compared as text: no number has two forms here, and no other text is a number.
    const known: ReadonlyArray<Value> = Object.hasOwn(values, key) ? values[key as keyof Settings] : []
    const value = known.find((one) => String(one) === text)
    if (value === undefined || found.has(key) || part.split("=").length !== 2) refused.push(part)
    else found.set(key, value)
  }
  return { settings: { ...initial, ...Object.fromEntries(found) }, refused }
}

/** The options of `WorkerPool.make`, without its functions. */
export const optionsOf = ({ capacity, deadline, full, size }: Settings) => ({
  size,
  queue: { capacity, strategy: full === "reject" ? "suspend" as const : full },
  ...(deadline === "none" ? {} : { deadlines: { wait: `${deadline} millis` as const } })
})

const callers: Readonly<Record<Full, readonly [comment: string, operation: string]>> = {
  suspend: ["Waits for room while the queue is full.", "submit"],
  reject: ["Fails with QueueFull while the queue is full.", "trySubmit"],
  dropping: ["Never waits: a full queue drops this job, whose handle settles with JobLost.", "submit"],
  sliding: ["Never waits: a full queue drops its oldest job, whose handle settles with JobLost.", "submit"]
}

/** The program that makes a pool of these settings. */
export const codeOf = (settings: Settings): string => {
  const { deadlines, queue, size } = { deadlines: undefined, ...optionsOf(settings) }
  const [comment, operation] = callers[settings.full]
  return [
    "const pool = yield* WorkerPool.make({",
    `  size: ${size},`,
    `  queue: { capacity: ${JSON.stringify(queue.capacity)}, strategy: ${JSON.stringify(queue.strategy)} },`,
    ...(deadlines === undefined ? [] : [`  deadlines: { wait: ${JSON.stringify(deadlines.wait)} },`]),
    "  run: (job: Job) => work(job)",
    "})",
    "",
    `// ${comment}`,
    `const handle = yield* WorkerPool.${operation}(pool, job)`
  ].join("\n")
}
