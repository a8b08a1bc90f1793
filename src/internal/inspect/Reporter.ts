import type { Hold, View, Wait } from "../view.js"
import type { Judgement } from "./judge.js"
import type { Deadlock, Dump, HoldInfo, Report, Resource, WaitInfo } from "./model.js"
import { isFiber, isInterrupted } from "./runtime.js"
import { deadlockText, explainText, frameText, holdText, titleText, whoText } from "./text.js"
import type { Block } from "./Watchdog.js"

/** In milliseconds. */
export interface Thresholds {
  readonly waitedFor: number
  readonly heldFor: number
  readonly lingersFor: number
  readonly starvedFor: number
}

/** How a reporter looks at what a sweep has seen. */
export interface Eyes {
  readonly now: () => number
  readonly since: (key: object) => number | undefined
  /** Its source lines are looked for as they are read: reports have copies of its parts. */
  readonly dump: (views: ReadonlyArray<View>, judgement: Judgement) => Dump
}

/** How many functions of a stack a text has. */
const mostFrames = 10

/** A hold that was reported, and is not over. Its holder may be collected. */
interface Reported {
  readonly key: WeakRef<object>
  readonly resource: string
  readonly hold: HoldInfo
  /** The text of its end. */
  readonly over: string
}

/** A sweep does not see the holds of a resource that nobody waits for any more. */
const isGranted = (key: object): boolean => (key as { readonly state?: unknown }).state === "granted"

/**
 * Turns what each sweep sees into reports, each once (I7). Nothing is dumped, and no line is looked for, before a
 * threshold is passed.
 */
export class Reporter {
  private waited: ReadonlySet<object> = new Set()
  private readonly known = new WeakSet<object>()
  private held: ReadonlyArray<Reported> = []
  private deadlocked = new Set<object>()
  private interrupted = new Map<object, { readonly since: number; isReported: boolean }>()
  private readonly lost = new WeakMap<object, number>()

  constructor(private readonly thresholds: Thresholds, private readonly eyes: Eyes) {}

  /** `late`: how long this sweep was kept from running, in milliseconds. `blocks`: those that the watchdog saw. */
  sweep(
    views: ReadonlyArray<View>,
    judgement: Judgement,
    late: number,
    blocks: ReadonlyArray<Block> = []
  ): ReadonlyArray<Report> {
    let made: Dump | undefined
    const dump = (): Dump => made ??= this.eyes.dump(views, judgement)
    return [
      ...this.starved(late, blocks),
      ...this.deadlocks(judgement, dump),
      ...this.waits(views, judgement, dump),
      ...this.holds(views, judgement, dump),
      ...this.lingers(views, dump),
      ...this.losses(views, dump)
    ]
  }

  private starved(late: number, blocks: ReadonlyArray<Block>): ReadonlyArray<Report> {
    if (blocks.length > 0) {
      return blocks.map(({ fiber, millis, stack, text }) => ({
        _tag: "Starved",
        millis,
        stack,
        fiber,
        text: [
          `The event loop was blocked for ${Math.round(millis)} ms, ${text}`,
          ...stack.slice(1, mostFrames).map((frame) => `  called by ${frameText(frame)}`)
        ].join("\n")
      }))
    }
    if (late < this.thresholds.starvedFor) return []
    const text = `The event loop was late by ${Math.round(late)} ms: something computes without a yield`
    return [{ _tag: "Starved", millis: late, text }]
  }

  private deadlocks({ found }: Judgement, dump: () => Dump): ReadonlyArray<Report> {
    const reports: Array<Report> = []
    const deadlocked = new Set<object>()
    for (const [i, { nodes }] of found.entries()) {
      const isNew = nodes.some((node) => !this.deadlocked.has(node))
      for (const node of nodes) deadlocked.add(node)
      const deadlock: Deadlock | undefined = isNew ? dump().deadlocks[i] : undefined
      if (deadlock === undefined) continue
      reports.push({ _tag: "Deadlock", deadlock: structuredClone(deadlock), text: deadlockText(dump(), deadlock) })
    }
    this.deadlocked = deadlocked
    return reports
  }

  private isPast(since: number | undefined, threshold: number): boolean {
    return since !== undefined && this.eyes.now() - since >= threshold
  }

  /** One request of a resource, until none there is long any more. Waits of deadlocks are reported with these. */
  private waits(views: ReadonlyArray<View>, { found }: Judgement, dump: () => Dump): ReadonlyArray<Report> {
    const reports: Array<Report> = []
    const waited = new Set<object>()
    for (const [place, { self, waits }] of views.entries()) {
      // A fiber that waits for others to end is as patient as they are long.
      const requests = waits.filter(({ rooms = [] }) => rooms.length > 0)
      const ahead = requests.findIndex(({ key, node }) =>
        this.isPast(this.eyes.since(key), this.thresholds.waitedFor) &&
        !found.some(({ verdict }) => verdict.isStuck(node))
      )
      const first = requests[ahead]
      if (first === undefined) continue
      waited.add(self)
      if (this.waited.has(self)) continue
      const resource = dump().resources[place]
      const wait = resource && this.waitOf(first, resource, ahead)
      if (resource === undefined || wait === undefined) continue
      const text = explainText(dump(), wait.by)
      reports.push({ _tag: "Waited", resource: resource.id, wait: structuredClone(wait), text })
    }
    this.waited = waited
    return reports
  }

  private waitOf({ for: what, key, node }: Wait, { jobs, waits }: Resource, ahead: number): WaitInfo | undefined {
    if (isFiber(node)) return waits.find(({ by }) => by === `fiber ${node.id}`)
    const millis = this.eyes.now() - (this.eyes.since(key) ?? this.eyes.now())
    const job = jobs?.filter(({ state }) => state === "queued" || state === "blocked")[ahead]
    return job && { by: job.ref, for: what, on: [], ahead, millis }
  }

  /** The longest hold of each line, while somebody waits for it; and its end. As for waits of deadlocks. */
  private holds(views: ReadonlyArray<View>, { found }: Judgement, dump: () => Dump): ReadonlyArray<Report> {
    const reports: Array<Report> = []
    const keys = new Set<object>()
    for (const [place, { lines, waits }] of views.entries()) {
      for (const [row, line] of lines.entries()) {
        const { holds } = line
        for (const { key } of holds) keys.add(key)
        const isReported = holds.some(({ key }) => this.known.has(key))
        if (isReported || !holds.some((hold) => this.isLongHold(hold))) continue
        const waiting = waits.filter(({ rooms = [] }) => rooms.some(([room]) => room === line)).length
        if (waiting === 0) continue
        const resource = dump().resources[place]
        const hold = structuredClone(resource?.lines[row]?.holders[0])
        const longest = holds.find(({ node }) => isFiber(node) && `fiber ${node.id}` === hold?.by)
        if (resource === undefined || hold === undefined || longest === undefined) continue
        if (found.some(({ verdict }) => verdict.isStuck(longest.node))) continue
        const over = `${whoText(dump(), hold.by)} has given back its hold of ${titleText(resource)}`
        this.known.add(longest.key)
        this.held = this.held.concat({ key: new WeakRef(longest.key), resource: resource.id, hold, over })
        const text = holdText(dump(), resource, row, hold, waiting)
        reports.push({ _tag: "Held", resource: resource.id, hold, over: false, text })
      }
    }
    this.held = this.held.filter(({ hold, key, over, resource }) => {
      const held = key.deref()
      if (held !== undefined && (keys.has(held) || isGranted(held))) return true
      reports.push({ _tag: "Held", resource, hold, over: true, text: over })
      return false
    })
    return reports
  }

  private isLongHold({ key, since }: Hold): boolean {
    return this.isPast(since ?? this.eyes.since(key), this.thresholds.heldFor)
  }

  private lingers(views: ReadonlyArray<View>, dump: () => Dump): ReadonlyArray<Report> {
    const reports: Array<Report> = []
    const interrupted: typeof this.interrupted = new Map()
    const nodes = views.flatMap(({ lines, waits }) => [
      ...lines.flatMap(({ holds }) => holds.map(({ node }) => node)),
      ...waits.map(({ node }) => node)
    ])
    for (const node of nodes) {
      if (!isFiber(node) || interrupted.has(node) || !isInterrupted(node)) continue
      const known = this.interrupted.get(node) ?? { since: this.eyes.now(), isReported: false }
      interrupted.set(node, known)
      if (known.isReported || !this.isPast(known.since, this.thresholds.lingersFor)) continue
      known.isReported = true
      const fiber = dump().fibers.find(({ id }) => id === `fiber ${node.id}`)
      if (fiber === undefined) continue
      const millis = this.eyes.now() - known.since
      const text = `${fiber.id} was interrupted ${Math.round(millis)} ms ago, and has not ended. ${
        explainText(dump(), fiber.id)
      }`
      reports.push({ _tag: "Lingers", fiber: structuredClone(fiber), millis, text })
    }
    this.interrupted = interrupted
    return reports
  }

  private losses(views: ReadonlyArray<View>, dump: () => Dump): ReadonlyArray<Report> {
    return views.flatMap(({ lines: [line] }, place): ReadonlyArray<Report> => {
      const lost = line?.lost ?? 0
      const before = line === undefined ? 0 : this.lost.get(line.self) ?? 0
      if (line === undefined || lost <= before) return []
      this.lost.set(line.self, lost)
      const permits = lost - before
      const resource = dump().resources[place]
      if (resource === undefined) return []
      const what = permits === 1 ? "A permit" : `${permits} permits`
      const text = `${what} of ${titleText(resource)} ${permits === 1 ? "is" : "are"} lost: ` +
        "the fiber that held it was garbage collected"
      return [{ _tag: "Lost", resource: resource.id, permits, text }]
    })
  }
}
