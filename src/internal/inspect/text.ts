/** A dump as text, and the reasons of a wait in sentences. */
import type { Frame, Source } from "../../source/Source.js"
import type {
  Deadlock,
  Dump,
  FiberInfo,
  HoldInfo,
  JobInfo,
  LineInfo,
  Ref,
  Report,
  Resource,
  ThreadInfo,
  WaitInfo
} from "./model.js"
import { cut, lines, most, oneLine, sentencesText } from "./shown.js"

const durationOf = (millis: number): string =>
  millis < 1_000
    ? `${Math.round(millis)} ms`
    : millis < 60_000
    ? `${(millis / 1_000).toFixed(1)} s`
    : millis < 3_600_000
    ? `${Math.round(millis / 60_000)} min`
    : `${(millis / 3_600_000).toFixed(1)} h`

/** The sweep that sees something first knows no duration of it. */
const forMillis = (millis: number | undefined): string =>
  millis === undefined || millis === 0 ? "" : ` for ${durationOf(millis)}`

const place = ({ file, line, text }: Source): string =>
  text === undefined ? `${file}:${line}` : `${file}:${line} \`${text}\``

const at = (source: Source | undefined): string => source === undefined ? "" : ` at ${place(source)}`

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`

const units: Readonly<Record<LineInfo["of"], string>> = {
  permits: "permit",
  places: "place",
  workers: "worker",
  "jobs of the key": "job of the key"
}

/** As a person calls it: `pool sender`, or `semaphore-1` without a name. */
export const titleOf = ({ id, key, kind, name }: Pick<Resource, "id" | "key" | "kind" | "name">): string => {
  const title = name === undefined ? id : `${kind} ${name}`
  return key === undefined ? title : `${title} (key ${key})`
}

/** A job, and its pool. */
const jobName = /^((?:blocked )?job \d+ of )?(.*)$/s

type PoolJob = JobInfo & { readonly pool: Resource }

/** Looks things up in a dump: each by one step, since a text of all resources asks for each of them. */
class Reader {
  private readonly fibers: ReadonlyMap<Ref, FiberInfo>
  private readonly resources: ReadonlyMap<string, Resource>
  private readonly jobs = new Map<Ref, PoolJob>()
  private readonly waits = new Map<Ref, { readonly wait: WaitInfo; readonly resource: Resource }>()

  constructor(readonly dump: Dump) {
    this.fibers = new Map(dump.fibers.map((fiber) => [fiber.id, fiber]))
    this.resources = new Map(dump.resources.map((resource) => [resource.id, resource]))
    // Backwards: of several, the first one stays.
    for (const resource of dump.resources.toReversed()) {
      for (const wait of resource.waits.toReversed()) {
        if (wait.fits !== true || !this.waits.has(wait.by)) this.waits.set(wait.by, { wait, resource })
      }
      for (const info of resource.jobs?.toReversed() ?? []) {
        const job = { ...info, pool: resource }
        this.jobs.set(job.ref, job)
        if (job.fiber !== undefined) this.jobs.set(job.fiber, job)
      }
    }
  }

  /** The semaphores of the keys of a keyed one, which follow it. */
  keysOf(resource: Resource): ReadonlyArray<Resource> {
    if (resource.key !== undefined || resource.lines.length > 0) return []
    const after = this.dump.resources.slice(this.dump.resources.indexOf(resource) + 1)
    const end = after.findIndex(({ key }) => key === undefined)
    return end < 0 ? after : after.slice(0, end)
  }

  resource(id: string): Resource | undefined {
    return this.resources.get(id)
  }

  /** The references that a name means: one, or a title such as `job 5 of pool sender`, which resources may share. */
  refsOf(name: string): ReadonlyArray<Ref> {
    if (this.resources.has(name) || this.jobs.has(name)) return [name]
    const fiber = /^(fiber \d+)(?: \(|$)/.exec(name)?.[1]
    if (fiber !== undefined) return [fiber]
    const [, job = "", title = ""] = jobName.exec(name) ?? []
    return this.dump.resources
      .filter((one) => this.title(one) === title || (one.key === undefined && one.name === title))
      .map(({ id }) => job + id)
  }

  fiber(ref: Ref): FiberInfo | undefined {
    return this.fibers.get(ref)
  }

  title(resource: Resource): string {
    return titleOf(resource)
  }

  titleOf(id: string | undefined): string {
    const resource = id === undefined ? undefined : this.resource(id)
    return resource === undefined ? id ?? "" : this.title(resource)
  }

  /** As a person calls it: `fiber 6 (GET /report)`, `job 5 of pool sender`. */
  who(ref: Ref): string {
    const job = this.jobBehind(ref)
    if (job !== undefined) return `${jobName.exec(job.ref)?.[1]}${this.title(job.pool)}`
    const name = this.fiber(ref)?.name
    return name === undefined ? ref : `${ref} (${name})`
  }

  /** The job that a reference means, or that its fiber runs. */
  jobBehind(ref: Ref): PoolJob | undefined {
    return this.jobs.get(ref)
  }

  waitOf(ref: Ref): { readonly wait: WaitInfo; readonly resource: Resource } | undefined {
    return this.waits.get(ref)
  }

  deadlock(id: string | undefined): Deadlock | undefined {
    return this.dump.deadlocks.find((one) => one.id === id)
  }
}

const readers = new WeakMap<Dump, Reader>()

/** The reader of a dump that nobody changes: a sweep makes a text for each finding of one dump. */
const readerOf = (dump: Dump): Reader => {
  const known = readers.get(dump)
  if (known !== undefined) return known
  const reader = new Reader(dump)
  readers.set(dump, reader)
  return reader
}

/** A value that is no object, as it is written. */
export const valueText = (value: unknown): string =>
  typeof value === "function" || typeof value === "symbol" ? `A ${typeof value}` : String(value)

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** An explanation; or the reason why there is none. */
export interface Explanation {
  readonly text: string
  /** Whether the dump has exactly one fiber, job or resource of that name. */
  readonly isFound: boolean
}

/**
 * The reasons of a wait, in sentences: a resource, the number of earlier requests, the longest hold and its line, and
 * then the reasons of that holder's own wait, as far as they can be seen.
 */
export const explanation = (dump: Dump, of: string): Explanation => {
  const reader = readerOf(dump)
  const refs = reader.refsOf(of)
  if (refs.length > 1) {
    const more = refs.length > most ? ` and ${refs.length - most} more` : ""
    const text = oneLine(`${refs.length} are called "${cut(of)}": ${refs.slice(0, most).join(", ")}${more}.`)
    return { text, isFound: false }
  }
  const [ref = of] = refs
  const resource = reader.resource(ref)
  if (resource !== undefined) return { text: oneLine(explainResource(reader, resource)), isFound: true }
  if (reader.fiber(ref) === undefined && reader.jobBehind(ref) === undefined) {
    const text = /^(?:fiber|(?:blocked )?job) \d/.test(of)
      ? `${capital(oneLine(cut(of)))} neither holds nor waits for anything of sluice, or has ended.`
      : `No fiber, job or resource is called "${oneLine(cut(of))}".`
    return { text, isFound: false }
  }
  return { text: oneLine(chain(reader, ref)), isFound: true }
}

export const explainText = (dump: Dump, of: string): string => explanation(dump, of).text

/** One sentence for each link: the subject of the next one is what this one waits for. */
const chain = (reader: Reader, of: Ref): string => {
  const sentences: Array<string> = []
  const seen = new Set<Ref>()
  for (let ref: Ref | undefined = of; ref !== undefined;) {
    if (seen.has(ref)) {
      const found = reader.waitOf(ref)
      const deadlock = reader.deadlock(found?.wait.deadlock)
      const what = deadlock === undefined
        ? "a circle, which a deadline or the loss of a race may end"
        : `a deadlock (${deadlock.evidence})`
      sentences.push(`So ${reader.who(ref)} waits for itself: ${what}.`)
      break
    }
    seen.add(ref)
    const [sentence, next] = link(reader, ref)
    sentences.push(sentence)
    ref = next
  }
  return sentencesText(sentences)
}

const link = (reader: Reader, ref: Ref): readonly [sentence: string, next: Ref | undefined] => {
  const job = reader.jobBehind(ref)
  const subject = capital(reader.who(ref))
  if (job !== undefined && job.fiber === undefined) return linkOfJob(reader, subject, job)
  const own = job?.fiber ?? ref
  const found = reader.waitOf(own)
  if (found === undefined) {
    const { joins = [], stack = [], state } = reader.fiber(own) ?? {}
    if (state === "ended") return [`${subject} has ended.`, undefined]
    const [joined] = joins
    if (joined !== undefined) {
      const waiting = joins.find((one) => reader.waitOf(one) !== undefined) ?? joined
      return [`${subject} waits for ${joins.map((one) => reader.who(one)).join(", ")}${at(stack[0])}.`, waiting]
    }
    return [`${subject} is suspended outside of sluice, or runs,${at(stack[0]) || " at an unknown line"}.`, undefined]
  }
  const { resource, wait } = found
  const ends = wait.ends === undefined ? "" : ` Its wait ends with ${wait.ends}, too.`
  const [next] = wait.on
  if (next !== undefined) {
    const more = wait.on.length === 1 ? "" : ` (the first of them is ${reader.who(next)})`
    const what = isJob(wait.for) ? wait.for : `${wait.for} of ${reader.title(resource)}`
    return [`${subject} waits${forMillis(wait.millis)} for ${what}${at(wait.at)}${more}.${ends}`, next]
  }
  const line = resource.lines[0]
  const what = `${wait.for} of ${reader.title(resource)}${at(wait.at)}`
  const before = wait.ahead === 0 ? "first in line" : `behind ${count(wait.ahead, "other")}`
  const [held, holder] = holding(reader, line)
  const facts = [before, held].filter((fact) => fact !== "").join(", ")
  const first = wait.ahead === 0 ? undefined : resource.waits[0]?.by
  return [`${subject} waits${forMillis(wait.millis)} for ${what} (${facts}).${ends}`, holder ?? first]
}

/** Whether the wait's text names the resource itself: `job 5 of pool sender`. */
const isJob = (what: string): boolean => /^(?:a )?job\b.* of pool /.test(what)

const linkOfJob = (
  reader: Reader,
  subject: string,
  { line, millis, pool, ref, state }: PoolJob
): readonly [string, Ref | undefined] => {
  if (state === "retrying") return [`${subject} waits${forMillis(millis)} for its next attempt.`, undefined]
  if (state === "running") return [`${subject} is about to begin.`, undefined]
  if (pool.stats["state"] === "paused") {
    return [`${subject} waits${forMillis(millis)} for the end of the pause of ${reader.title(pool)}.`, undefined]
  }
  const limit = line === undefined ? undefined : pool.lines[line]
  const isLimited = limit?.capacity !== undefined && limit.held >= limit.capacity
  const queued = pool.jobs?.filter((job) => job.state === state && (!isLimited || job.line === line)) ?? []
  const ahead = queued.findIndex((job) => job.ref === ref)
  const before = ahead === 0 ? "first in line" : `behind ${count(ahead, "other")}`
  const [held, holder] = holding(reader, isLimited ? limit : pool.lines[0])
  const what = state === "blocked" ? "room in the queue" : "a worker"
  const [but, whose] = isLimited
    ? [`, but the limit of its key ${limit.key ?? ""} holds it back`, " of the key"]
    : ["", ""]
  return [`${subject} waits${forMillis(millis)} for ${what}${but} (${before}${whose}, ${held}).`, holder]
}

/** How much of a line is taken, and the longest of its holds. */
const holding = (reader: Reader, line: LineInfo | undefined): readonly [string, Ref | undefined] => {
  if (line === undefined) return ["", undefined]
  const { capacity, held, holders, lost, of } = line
  const taken = `${held} of ${capacity ?? "any number"} ${of === "workers" ? "busy" : "held"}`
  const gone = lost === undefined ? "" : `, ${lost} by fibers that were garbage collected`
  const [oldest] = holders
  if (oldest === undefined) return [`${taken}${gone}`, undefined]
  const by = reader.who(oldest.by)
  // Where nobody watches, no order is known.
  const one = held === 1 || oldest.millis === undefined ? "one" : "the longest"
  const longest = of === "workers"
    ? `${one}${forMillis(oldest.millis)} with ${by}`
    : `${one} is held${forMillis(oldest.millis)} by ${by}${at(oldest.at)}`
  const scope = oldest.until === "scope" ? ", until a scope closes" : ""
  return [`${taken}${gone}; ${longest}${scope}`, oldest.by]
}

const explainResource = (reader: Reader, resource: Resource): string => {
  const [first] = [resource, ...reader.keysOf(resource)].flatMap(({ waits }) => waits.slice(0, 1))
  const threads = resource.threads ?? []
  const lines = [headOf(reader, resource), ...threads.slice(0, most).map(threadText)].map((text) => `${capital(text)}.`)
  if (threads.length > most) lines.push(`There are ${threads.length - most} more.`)
  if (first === undefined) {
    const holder = resource.lines[0]?.holders[0]?.by
    lines.push("Nobody waits for it.")
    if (holder !== undefined) lines.push(chain(reader, holder))
  } else {
    lines.push(chain(reader, first.by))
  }
  return lines.join(" ")
}

const threadText = ({ calls, id, stack = [], state }: ThreadInfo): string => {
  const texts = calls.map(({ begun, millis, name }) => `${name}${begun ? "" : " (not begun)"}${forMillis(millis)}`)
  return `thread ${id} is ${state}: ${calls.length === 0 ? "no calls" : texts.join(", ")}${at(stack[0])}`
}

/** A resource in one line. */
const headOf = (reader: Reader, resource: Resource): string => {
  const taken = resource.lines.map(({ capacity, held, key, of }) => {
    const whose = key === undefined ? "" : ` ${key}`
    const all = capacity === undefined ? count(held, units[of]) : `${held} of ${count(capacity, units[of])}`
    return `${all}${whose} ${of === "workers" ? "busy" : "taken"}`
  })
  const serving = resource.threads?.filter(({ state }) => state === "serving").length
  const threads = serving === undefined ? [] : [`${count(serving, "thread")} serving`]
  // Each key of a keyed semaphore is a resource of its own.
  const { keys, waiting: ofKeys } = resource.stats
  const inUse = resource.lines.length === 0 && typeof keys === "number" ? [`${count(keys, "key")} in use`] : []
  const all = inUse.length > 0 && typeof ofKeys === "number" ? ofKeys : resource.waiting
  const waiting = all === 0 ? [] : [`${all} ${all === 1 ? "waits" : "wait"}`]
  // A pool that takes durable jobs has none of these: its places are those of the pool.
  const { phase, running } = resource.stats
  const jobs = typeof phase === "string" && typeof running === "number" ? [phase, `${running} running`] : []
  return `${reader.title(resource)}: ${[...taken, ...inUse, ...threads, ...jobs, ...waiting].join(", ")}`
}

const holderLine = (reader: Reader, { at: source, by, millis, until, weight }: HoldInfo, of: LineInfo["of"]): string =>
  `  ${of === "workers" ? "runs" : "held by"} ${reader.who(by)}${weight === 1 ? "" : `: ${weight}`}` +
  `${forMillis(millis)}${until === "scope" ? ", until a scope closes" : ""}${at(source)}`

const waitLine = (reader: Reader, { at: source, by, deadlock, ends, fits, for: what, millis }: WaitInfo): string =>
  `  ${reader.who(by)} waits${forMillis(millis)} for ${what}${at(source)}` +
  (fits === true ? ", with room here and none elsewhere" : "") +
  `${ends === undefined ? "" : `, until ${ends}`}${deadlock === undefined ? "" : ` [${deadlock}]`}`

const rest = (all: number): ReadonlyArray<string> => all > most ? [`  ... and ${all - most} more`] : []

const resourceLines = (reader: Reader, resource: Resource): ReadonlyArray<string> => [
  headOf(reader, resource),
  ...resource.lines.flatMap(({ holders, of }) => [
    ...holders.slice(0, most).map((hold) => holderLine(reader, hold, of)),
    ...rest(holders.length)
  ]),
  ...resource.waits.slice(0, most).map((wait) => waitLine(reader, wait)),
  ...rest(resource.waiting),
  ...resource.threads?.map((thread) => `  ${threadText(thread)}`) ?? []
]

/** A deadlock as sentences, a line for each member. */
export const deadlockText = (dump: Dump, deadlock: Deadlock): string => lines(deadlockLines(readerOf(dump), deadlock))

const deadlockLines = (reader: Reader, { behind, evidence, id, members, millis }: Deadlock): ReadonlyArray<string> => {
  const others = behind === 0 ? "" : `; ${behind} more ${behind === 1 ? "waits" : "wait"} for them`
  const size = members.length === 1 ? "1 waits for itself" : `${members.length} wait for each other`
  return [
    `${id} (${evidence}): ${size}${forMillis(millis)}${others}`,
    ...members.slice(0, most).flatMap(({ at: source, by, for: what, holds, resource }) => [
      `  ${reader.who(by)} waits for ${what}${
        resource === undefined || isJob(what) ? "" : ` of ${reader.titleOf(resource)}`
      }` +
      at(source),
      ...holds.slice(0, most).map(({ at: source, of, resource, weight }) =>
        `    and holds ${count(weight, units[of])} of ${reader.titleOf(resource)}${at(source)}`
      ),
      ...rest(holds.length).map((text) => `  ${text}`)
    ]),
    ...rest(members.length)
  ]
}

/** The dump as a tree of text. */
export const toText = (dump: Dump): string => {
  const reader = readerOf(dump)
  const waiting = dump.resources.reduce((sum, resource) => sum + resource.waiting, 0)
  const watched = dump.watchedSince === undefined
    ? "durations as far as a watch has noted them"
    : `watched for ${durationOf(dump.at - dump.watchedSince)}`
  const counts = [
    count(dump.deadlocks.length, "deadlock"),
    count(dump.resources.length, "resource"),
    `${waiting} waiting`
  ]
  return lines([
    `sluice at ${new Date(dump.at).toISOString()}: ${counts.join(", ")} (${watched})`,
    ...dump.deadlocks.flatMap((deadlock) => ["", ...deadlockLines(reader, deadlock)]),
    ...dump.resources.flatMap((resource) => ["", ...resourceLines(reader, resource)]),
    ...dump.missing.length === 0 ? [] : ["", ...dump.missing.map((sentence) => `Not seen: ${sentence}`)],
    ""
  ])
}

/** A hold as a sentence, with the number of requests that wait for it. */
export const holdText = (dump: Dump, resource: Resource, row: number, hold: HoldInfo, waiting: number): string => {
  const reader = readerOf(dump)
  const line = resource.lines[row]
  const what = line === undefined ? `${hold.weight}` : count(hold.weight, units[line.of])
  return oneLine(
    `${capital(reader.who(hold.by))} holds ${what} of ${reader.title(resource)}${forMillis(hold.millis)}${
      at(hold.at)
    }, and ${count(waiting, "request")} ${waiting === 1 ? "waits" : "wait"}`
  )
}

/** A resource, as a person calls it. */
export const titleText = (resource: Resource): string => oneLine(titleOf(resource))

/** A fiber or a job, as a person calls it. */
export const whoText = (dump: Dump, ref: Ref): string => oneLine(readerOf(dump).who(ref))

/** A function on the stack of a thread: `compress at zip.ts:12`, with the line. */
export const frameText = (frame: Frame): string =>
  oneLine(`${frame.function ?? "a function without a name"} at ${place(frame)}`)

/** An edge of an inversion, with names for people: a resource and its fiber may be gone by the time of the report. */
export type InvertedEdge = Extract<Report, { readonly _tag: "Inverted" }>["edges"][number] & {
  readonly name: string | undefined
  readonly from: Pick<Resource, "id" | "key" | "kind" | "name">
  readonly to: Pick<Resource, "id" | "key" | "kind" | "name">
}

/** An inversion as sentences, a line for each edge. */
export const invertedText = (edges: ReadonlyArray<InvertedEdge>): string =>
  lines([
    `Lock-order inversion: ${edges.map(({ from }) => titleOf(from)).join(", ")} are taken in ${
      edges.length === 2 ? "two orders" : "a circle"
    }. A deadlock is possible`,
    ...edges.map(({ by, from, held, name, to, wanted }) =>
      `  ${by}${name === undefined ? "" : ` (${name})`} held a ${units[held.of]} of ${titleOf(from)}${at(held.at)}` +
      `, and waited for a ${units[wanted.of]} of ${titleOf(to)}${at(wanted.at)}`
    )
  ])
