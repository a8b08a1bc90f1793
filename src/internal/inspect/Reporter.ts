import type { Hold, View, Wait } from "../view.js"
import type { Judgement } from "./judge.js"
import type { Deadlock, Dump, HoldInfo, Report } from "./model.js"
import { isFiber, isInterrupted } from "./runtime.js"
import { deadlockText, explainText, holdText } from "./text.js"
import { flat } from "./verdict.js"

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
  readonly dump: (views: ReadonlyArray<View>, judgement: Judgement) => Dump
}

/** A hold that was reported, and is not over. */
interface Reported {
  readonly resource: string
  readonly hold: HoldInfo
}

/**
 * Turns what each sweep sees into reports, each once (I7). Nothing is dumped, and no line is looked for, before a
 * threshold is passed.
 */
export class Reporter {
  private waited: ReadonlySet<object> = new Set()
  private readonly held = new Map<object, Reported>()
  private deadlocked = new Set<object>()
  private interrupted = new Map<object, { readonly since: number; isReported: boolean }>()
  private readonly lost = new WeakMap<object, number>()

  constructor(private readonly thresholds: Thresholds, private readonly eyes: Eyes) {}

  /** `late`: how long this sweep was kept from running, in milliseconds. */
  sweep(views: ReadonlyArray<View>, judgement: Judgement, late: number): ReadonlyArray<Report> {
    let made: Dump | undefined
    const dump = (): Dump => made ??= this.eyes.dump(views, judgement)
    return [
      ...this.starved(late),
      ...this.deadlocks(judgement, dump),
      ...this.waits(views, judgement, dump),
      ...this.holds(views, judgement, dump),
      ...this.lingers(views, dump),
      ...this.losses(views, dump)
    ]
  }

  private starved(late: number): ReadonlyArray<Report> {
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
      if (deadlock !== undefined) reports.push({ _tag: "Deadlock", deadlock, text: deadlockText(dump(), deadlock) })
    }
    this.deadlocked = deadlocked
    return reports
  }

  private isPast(since: number | undefined, threshold: number): boolean {
    return since !== undefined && this.eyes.now() - since >= threshold
  }

  /** One wait of a resource, until none there is long any more. Waits of deadlocks are reported with these. */
  private waits(views: ReadonlyArray<View>, { found }: Judgement, dump: () => Dump): ReadonlyArray<Report> {
    const reports: Array<Report> = []
    const waited = new Set<object>()
    for (const [place, { self, waits }] of flat(views).entries()) {
      const fibers = waits.filter(({ who }) => who === "fiber")
      const isLong = ({ key }: Wait): boolean => this.isPast(this.eyes.since(key), this.thresholds.waitedFor)
      const first = fibers.findIndex((wait) => isLong(wait) && !found.some(({ verdict }) => verdict.isStuck(wait.node)))
      if (first < 0) continue
      waited.add(self)
      if (this.waited.has(self)) continue
      const resource = dump().resources[place]
      const wait = resource?.waits[first]
      if (resource === undefined || wait === undefined) continue
      reports.push({ _tag: "Waited", resource: resource.id, wait, text: explainText(dump(), wait.by) })
    }
    this.waited = waited
    return reports
  }

  /** The longest hold of each line, while somebody waits for it; and its end. As for waits of deadlocks. */
  private holds(views: ReadonlyArray<View>, { found }: Judgement, dump: () => Dump): ReadonlyArray<Report> {
    const reports: Array<Report> = []
    const keys = new Set<object>()
    for (const [place, { lines, waits }] of flat(views).entries()) {
      for (const [row, { holds }] of lines.entries()) {
        for (const { key } of holds) keys.add(key)
        const isReported = holds.some(({ key }) => this.held.has(key))
        if (waits.every(({ who }) => who === "event") || isReported || !holds.some((hold) => this.isLongHold(hold))) {
          continue
        }
        const resource = dump().resources[place]
        const hold = resource?.lines[row]?.holders[0]
        const longest = holds.find(({ node }) => isFiber(node) && `fiber ${node.id}` === hold?.by)
        if (resource === undefined || hold === undefined || longest === undefined) continue
        if (found.some(({ verdict }) => verdict.isStuck(longest.node))) continue
        this.held.set(longest.key, { resource: resource.id, hold })
        reports.push({ _tag: "Held", resource: resource.id, hold, over: false, text: holdText(dump(), resource, hold) })
      }
    }
    for (const [key, { hold, resource }] of this.held) {
      if (keys.has(key) || this.isHeld(key)) continue
      this.held.delete(key)
      const text = `${hold.by} has given back its hold of ${resource}`
      reports.push({ _tag: "Held", resource, hold, over: true, text })
    }
    return reports
  }

  private isLongHold({ key, since }: Hold): boolean {
    return this.isPast(since ?? this.eyes.since(key), this.thresholds.heldFor)
  }

  /** A sweep does not see the holds of a resource that nobody waits for any more. */
  private isHeld(key: object): boolean {
    return (key as { readonly state?: unknown }).state === "granted"
  }

  private lingers(views: ReadonlyArray<View>, dump: () => Dump): ReadonlyArray<Report> {
    const reports: Array<Report> = []
    const interrupted: typeof this.interrupted = new Map()
    const nodes = flat(views).flatMap(({ lines, waits }) => [
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
      reports.push({ _tag: "Lingers", fiber, millis, text })
    }
    this.interrupted = interrupted
    return reports
  }

  private losses(views: ReadonlyArray<View>, dump: () => Dump): ReadonlyArray<Report> {
    return flat(views).flatMap(({ lines: [line] }, place): ReadonlyArray<Report> => {
      const lost = line?.lost ?? 0
      const before = line === undefined ? 0 : this.lost.get(line.self) ?? 0
      if (line === undefined || lost <= before) return []
      this.lost.set(line.self, lost)
      const permits = lost - before
      const resource = dump().resources[place]?.id ?? ""
      const text = `${permits} permits of ${resource} are lost: the fibers that held them were garbage collected`
      return [{ _tag: "Lost", resource, permits, text }]
    })
  }
}
