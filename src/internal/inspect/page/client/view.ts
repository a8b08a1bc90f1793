/** From a dump to elements. Nothing here reads or changes the document. */
import type { Source } from "../../../../source/Source.js"
import type { Deadlock, Dump, FiberInfo, HoldInfo, LineInfo, Ref, Resource, WaitInfo } from "../../model.js"
import { type Child, h, type Markup } from "./dom.js"

/** A dump, and how the reader looks at it. */
export interface Seen {
  readonly dump: Dump
  /** Milliseconds since the dump. All that it shows has lasted so much longer, until another dump comes. */
  readonly since: number
  /** The sections that are open, by their keys. */
  readonly open: ReadonlySet<string>
  /** In lower case. */
  readonly filter: string
  readonly busyOnly: boolean
  /** The fiber, job or resource that the panel explains. */
  readonly selected: string
}

// A browser is slow with more elements than these make.
const maxResources = 200
const maxRows = 100
const maxLines = 3

export const duration = (millis: number): string => {
  if (millis < 1000) return `${Math.max(0, Math.round(millis))} ms`
  const seconds = Math.floor(millis / 1000)
  if (seconds < 10) return `${(Math.floor(millis / 100) / 10).toFixed(1)} s`
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`
}

const count = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString("en")} ${n === 1 ? one : many}`

/** A half of a pair of code units is in no address. */
export const encode = (ref: string): string => encodeURIComponent(ref.replace(/\p{Cs}/gu, "\ufffd"))

export const hrefOf = (ref: string): string => `#${encode(ref)}`

export const titleOf = ({ id, key, kind, name }: Resource): string =>
  `${name === undefined ? id : `${kind} ${name}`}${key === undefined ? "" : ` [${key}]`}`

const sourceOf = (source: Source | undefined): Child =>
  source && h(
    "span.source",
    { title: `${source.file}:${source.line}:${source.column}` },
    h("span.at", {}, `${source.file}:${source.line}`),
    source.text !== undefined && h("code", {}, source.text)
  )

export class View {
  private readonly fibers: ReadonlyMap<Ref, FiberInfo>
  private readonly resources: ReadonlyMap<string, Resource>
  private readonly jobs: ReadonlySet<Ref>

  constructor(private readonly seen: Seen) {
    this.fibers = new Map(seen.dump.fibers.map((fiber) => [fiber.id, fiber]))
    this.resources = new Map(seen.dump.resources.map((resource) => [resource.id, resource]))
    this.jobs = new Set(seen.dump.resources.flatMap(({ jobs = [] }) => jobs.map(({ ref }) => ref)))
  }

  /** The name of a fiber, job or resource. */
  nameOf(ref: string): string {
    const resource = this.resources.get(ref)
    return resource === undefined ? ref : titleOf(resource)
  }

  get all(): Child {
    const { deadlocks, missing, resources, watchedSince } = this.seen.dump
    const matching = resources.filter((resource) => this.matches(resource))
    const shown = selectUrgent(matching)
    return [
      deadlocks.map((deadlock) => this.deadlock(deadlock)),
      h(
        "section.resources",
        { key: "resources", "aria-label": "Resources" },
        shown.map((resource) => this.resource(resource)),
        matching.length === 0 && h("p.empty", {}, noneOf(resources.length)),
        shown.length < matching.length &&
          h("p.empty", {}, `${(matching.length - shown.length).toLocaleString("en")} more, which the filter finds.`)
      ),
      this.allFibers,
      h(
        "footer",
        { key: "footer" },
        watchedSince === undefined && h("p", {}, "Nobody watches this process, so no duration is known."),
        missing.map((sentence) => h("p", {}, sentence))
      )
    ]
  }

  get figures(): string {
    const { fibers, resources } = this.seen.dump
    const waiting = resources.reduce((sum, resource) => sum + resource.waiting, 0)
    return `${count(resources.length, "resource")}, ${count(fibers.length, "fiber")}, ${waiting} waiting`
  }

  /** Text with a link at each known fiber, job and resource. Text in backticks is code. */
  linked(text: string): Child {
    return text.split("`").map((part, i) => i % 2 === 1 ? h("code", {}, part) : this.linkedProse(part))
  }

  private linkedProse(text: string): Child {
    return text.split(/(\bfiber \d+|(?:\bblocked )?\bjob \d+ of [^\s,;:.()]+|\b[a-z]+-\d+\b)/i).map((part, i) => {
      const ref = part.replace(/^[BFJ]/, (letter) => letter.toLowerCase())
      const isKnown = i % 2 === 1 && (this.fibers.has(ref) || this.resources.has(ref) || this.jobs.has(ref))
      return isKnown ? h("a", { href: hrefOf(ref) }, part) : part
    })
  }

  /** A fiber's state and stack, as of the dump. */
  standing(ref: string): Child {
    const fiber = this.fibers.get(ref)
    if (fiber === undefined) return undefined
    return [
      h(
        "p.standing",
        {},
        h("b", {}, fiber.state),
        fiber.interrupted === true && h("b.bad", {}, "interrupted, and has not ended")
      ),
      fiber.stack.length > 0 && h("ol.stack", {}, fiber.stack.map((frame) => h("li", {}, sourceOf(frame))))
    ]
  }

  private matches(resource: Resource): boolean {
    const { busyOnly, filter } = this.seen
    if (busyOnly && !isBusy(resource)) return false
    if (filter === "") return true
    const refs = [...resource.waits, ...resource.lines.flatMap(({ holders }) => holders)].map(({ by }) => by)
    const names = refs.map((ref) => this.fibers.get(ref)?.name)
    return JSON.stringify([resource, titleOf(resource), names]).toLowerCase().includes(filter)
  }

  private link(ref: string, ...children: ReadonlyArray<Child>): Markup {
    const isSelected = ref === this.seen.selected
    return h("a.ref", { href: hrefOf(ref), "aria-current": isSelected && "true" }, ...children)
  }

  private who(ref: Ref): Child {
    const name = this.fibers.get(ref)?.name
    return [this.link(ref, ref), name !== undefined && h("span.name", {}, name)]
  }

  private whose(id: string): Child {
    return this.link(id, this.nameOf(id))
  }

  private lasting(millis: number | undefined): Child {
    return millis !== undefined && h("span.millis", {}, duration(millis + this.seen.since))
  }

  private toggle(key: string, name: string, ...children: ReadonlyArray<Child>): Markup {
    const isOpen = this.seen.open.has(key)
    const attributes = { type: "button", "data-toggle": key, "aria-expanded": String(isOpen), "aria-label": name }
    return h("button.toggle", attributes, ...children)
  }

  private deadlock(deadlock: Deadlock): Markup {
    const { behind, evidence, id, members, millis } = deadlock
    const holders = members.map(({ resource }) =>
      members.flatMap(({ holds }, i) => holds.some((hold) => hold.resource === resource) ? [i] : [])
    )
    return h(
      "section.deadlock",
      { key: id, "aria-label": `Deadlock of ${members.length}` },
      h("h2", {}, "Deadlock ", h("span.evidence", {}, evidence), this.lasting(millis), h("span.kind", {}, id)),
      h(
        "p",
        {},
        `${members.length === 1 ? "It waits for itself" : `These ${members.length} wait for each other`}. `,
        evidences[evidence],
        behind > 0 && ` ${count(behind, "more waits", "more wait")} behind them.`
      ),
      h(
        "div.ring",
        {},
        ring(holders),
        h(
          "ol",
          {},
          members.map(({ at, by, for: what, holds, resource }, i) =>
            h(
              "li",
              { key: by },
              h("span.number", { "aria-hidden": "true" }, i + 1),
              h(
                "div",
                {},
                h(
                  "p",
                  {},
                  this.who(by),
                  " waits for ",
                  h("b", {}, what),
                  resource !== undefined && [" of ", this.whose(resource)]
                ),
                sourceOf(at),
                holders[i]?.length !== 0 && h(
                  "p.arrow",
                  {},
                  "held by ",
                  holders[i]?.map((j) => h("span.number", { title: members[j]?.by }, j + 1))
                ),
                holds.map((hold) => [
                  h("p.holds", {}, `holds ${amountOf(hold.weight, hold.of)} of `, this.whose(hold.resource)),
                  sourceOf(hold.at)
                ])
              )
            )
          )
        )
      )
    )
  }

  private resource(resource: Resource): Markup {
    const { id, jobs = [], kind, lines, stats, threads, waiting, waits, workers } = resource
    const isOpen = this.seen.open.has(id)
    const isStuck = waits.some(({ deadlock }) => deadlock !== undefined)
    const holders = lines.reduce((sum, line) => sum + line.holders.length, 0)
    const longest = waits.reduce<number | undefined>(
      (max, { millis }) => millis === undefined ? max : Math.max(max ?? 0, millis),
      undefined
    )
    const title = titleOf(resource)
    const more = !isOpen && lines.length > maxLines && h("p.empty", {}, `and ${lines.length - maxLines} more`)
    return h(
      "article",
      { key: id, class: isStuck ? "stuck" : isBusy(resource) ? "busy" : "idle", "aria-label": title },
      h(
        "div.head",
        {},
        h(
          "div.title",
          {},
          this.toggle(id, `Details of ${title}`),
          h(
            "div",
            {},
            h("h3", {}, this.link(id, title)),
            h("span.kind", {}, resource.name === undefined ? kind : id),
            typeof stats["state"] === "string" && h("span.kind", {}, stats["state"])
          )
        ),
        h("div.lines", {}, (isOpen ? lines : lines.slice(0, maxLines)).map(lineOf), more, queueOf(resource)),
        h(
          "span.waiting",
          { class: waiting === 0 ? "none" : undefined },
          waiting === 0 ? "nobody waits" : `${waiting.toLocaleString("en")} waiting`,
          this.lasting(longest)
        )
      ),
      workers && h(
        "ul.cells",
        { "aria-label": "Workers" },
        workers.slice(0, maxResources).map((worker) => {
          const text = `worker ${worker.id}: ${worker.state}${worker.job === undefined ? "" : `, job ${worker.job}`}`
          const cell = h("span.cell", { class: `${worker.state}${worker.stays ? "" : " leaves"}` })
          const href = worker.job === undefined ? undefined : hrefOf(`job ${worker.job} of ${id}`)
          return h("li", { key: worker.id }, h(href ? "a" : "span", { href, title: text, "aria-label": text }, cell))
        }),
        workers.length > maxResources && h("li", {}, `and ${workers.length - maxResources} more`)
      ),
      threads?.map((thread) =>
        h(
          "div.thread",
          { key: `thread ${thread.id}` },
          h("span.kind", {}, `thread ${thread.id} `, thread.state),
          thread.calls.map(({ begun, millis, name, seat }) =>
            h("span.call", { key: seat, class: begun ? "begun" : undefined }, name, this.lasting(millis))
          ),
          thread.stack && h("ol.stack", {}, thread.stack.map((frame) => h("li", {}, sourceOf(frame))))
        )
      ),
      isOpen && h(
        "div.details",
        { key: "details" },
        holders > 0 && [
          h("h4", {}, "Holders"),
          lines.map((line) => line.holders.length > 0 && this.rows(line.holders, (hold) => this.hold(hold, line)))
        ],
        waits.length > 0 && [h("h4", {}, "Waiters, in line"), this.rows(waits, (wait) => this.wait(wait), waiting)],
        jobs.length > 0 && [
          h("h4", {}, "Jobs"),
          this.rows(jobs, (job) => [
            h(
              "p",
              {},
              this.link(job.ref, job.ref.slice(0, job.ref.indexOf(" of "))),
              h("span.state", {}, job.state),
              job.attempt > 1 && h("span.state", {}, `attempt ${job.attempt}`),
              job.worker !== undefined && h("span.state", {}, `worker ${job.worker}`),
              job.fiber !== undefined && this.who(job.fiber),
              this.lasting(job.millis)
            )
          ])
        ],
        h("h4", {}, "Statistics"),
        h(
          "dl",
          {},
          Object.entries(stats).map(([name, value]) => h("div", { key: name }, h("dt", {}, name), h("dd", {}, value)))
        )
      )
    )
  }

  private rows<A>(rows: ReadonlyArray<A>, row: (a: A) => Child, total = rows.length): Child {
    const shown = rows.slice(0, maxRows)
    return [
      h("ul.rows", {}, shown.map((a) => h("li", {}, row(a)))),
      total > shown.length && h("p.empty", {}, `and ${(total - shown.length).toLocaleString("en")} more`)
    ]
  }

  private hold({ at, by, millis, until, weight }: HoldInfo, { key, of }: LineInfo): Child {
    return [
      h(
        "p",
        {},
        this.who(by),
        h("span.state", {}, `${amountOf(weight, of)}${key === undefined ? "" : ` ${key}`}`),
        until === "scope" && h("span.state", {}, "until its scope closes"),
        this.lasting(millis)
      ),
      sourceOf(at)
    ]
  }

  private wait({ at, by, deadlock, ends, for: what, millis }: WaitInfo): Child {
    return [
      h(
        "p",
        {},
        this.who(by),
        h("span.state", {}, `for ${what}`),
        ends !== undefined && h("span.state", {}, `until ${ends}`),
        deadlock !== undefined && h("b.bad", {}, deadlock),
        this.lasting(millis)
      ),
      sourceOf(at)
    ]
  }

  private get allFibers(): Child {
    const { dump: { fibers }, filter, open } = this.seen
    const matching = fibers.filter((fiber) => filter === "" || JSON.stringify(fiber).toLowerCase().includes(filter))
    if (fibers.length === 0) return undefined
    const isOpen = open.has("fibers")
    return h(
      "section.fibers",
      { key: "fibers", "aria-label": "Fibers" },
      h("div.title", {}, this.toggle("fibers", "All fibers"), h("h3", {}, `Fibers: ${matching.length}`)),
      isOpen && h(
        "div.details",
        {},
        this.rows(matching, ({ id, interrupted, stack: [top], state }) => [
          h("p", {}, this.who(id), h("span.state", {}, state), interrupted === true && h("b.bad", {}, "interrupted")),
          sourceOf(top)
        ])
      )
    )
  }
}

const evidences: Readonly<Record<Deadlock["evidence"], string>> = {
  certain: "None goes on unless one is interrupted, or a capacity, a limit or a size is raised.",
  derived: "Some of them wait in operations of Effect's own, which the watch has read from closures.",
  suspected: "Somebody else may close a scope that has a hold, or end a fiber with which a member ends."
}

const singular: Readonly<Record<LineInfo["of"], string>> = {
  permits: "permit",
  places: "place",
  workers: "worker",
  "jobs of the key": "job of the key"
}

const amountOf = (weight: number, of: LineInfo["of"]): string => `${weight} ${weight === 1 ? singular[of] : of}`

const isBusy = ({ jobs, lines, threads, waiting }: Resource): boolean =>
  waiting > 0 || lines.some(({ held }) => held > 0) || (jobs?.length ?? 0) > 0 ||
  (threads?.some(({ calls }) => calls.length > 0) ?? false)

const noneOf = (resources: number): string =>
  resources === 0 ? "There is no semaphore, group, pool or limit." : "The filter matches no resource."

/** As many as are shown, in their own order: the stuck first, then those waited for, then the busy. */
const selectUrgent = (resources: ReadonlyArray<Resource>): ReadonlyArray<Resource> => {
  if (resources.length <= maxResources) return resources
  const urgency = (resource: Resource) =>
    resource.waits.some(({ deadlock }) => deadlock !== undefined)
      ? 3
      : resource.waiting > 0
      ? 2
      : isBusy(resource)
      ? 1
      : 0
  const urgent = new Set([...resources].sort((a, b) => urgency(b) - urgency(a)).slice(0, maxResources))
  return resources.filter((resource) => urgent.has(resource))
}

const bar = (name: string, now: number, max: number | undefined, bad: number, of: string): Child => {
  const percent = max === undefined ? 0 : 100 * Math.min(1, now / Math.max(1, max))
  const fullness = max !== undefined && now >= max ? (now > max ? "over" : "full") : undefined
  const text = max === undefined ? `${now} ${of}, no limit` : `${now} / ${max} ${of}`
  return h(
    "div.line",
    { key: name },
    h(
      "div.bar",
      {
        role: "meter",
        "aria-label": name,
        "aria-valuemin": 0,
        "aria-valuemax": max ?? now,
        "aria-valuenow": max === undefined ? now : Math.min(now, max),
        "aria-valuetext": text,
        class: max === undefined ? "unlimited" : fullness
      },
      h("i", { "--filled": `${percent}%` })
    ),
    h("span.amount", {}, text),
    bad > 0 && h("b.bad", {}, `${bad} lost: nobody gives them back`)
  )
}

const lineOf = ({ capacity, held, key, lost = 0, of }: LineInfo): Child =>
  bar(`${of}${key === undefined ? "" : ` ${key}`}`, held, capacity, lost, key === undefined ? of : `${of} ${key}`)

/** A pool's queue. */
const queueOf = ({ kind, stats: { capacity, queued } }: Resource): Child =>
  kind === "pool" && typeof queued === "number" &&
  bar("queue", queued, typeof capacity === "number" ? capacity : undefined, 0, "queued")

/** Numbered circles, and an arrow from each to the holders that it waits for. The list next to it says the same. */
const ring = (holders: ReadonlyArray<ReadonlyArray<number>>): Child => {
  const n = holders.length
  if (n < 2 || n > 12) return undefined
  const [center, radius, size] = [90, 66, 15]
  const at = (i: number): readonly [x: number, y: number] => {
    const angle = 2 * Math.PI * (i / n) - (n === 2 ? Math.PI : Math.PI / 2)
    return [center + radius * Math.cos(angle), center + radius * Math.sin(angle)]
  }
  const arrow = (from: number, to: number): Child => {
    const [[x1, y1], [x2, y2]] = [at(from), at(to)]
    const [dx, dy] = [x2 - x1, y2 - y1]
    const length = Math.hypot(dx, dy)
    // The curve's middle stands off to the left, so that two arrows between the same two circles are apart.
    const [mx, my] = [(x1 + x2) / 2 + dy * 0.22, (y1 + y2) / 2 - dx * 0.22]
    const towards = (x: number, y: number, distance: number) => {
      const whole = Math.hypot(mx - x, my - y)
      return [x + (mx - x) * distance / whole, y + (my - y) * distance / whole] as const
    }
    const [[sx, sy], [ex, ey]] = [towards(x1, y1, size + 2), towards(x2, y2, size + 8)]
    const turn = Math.atan2(y2 - my, x2 - mx) * 180 / Math.PI
    return length > 0 && [
      h("path.edge", { d: `M${sx} ${sy}Q${mx} ${my} ${ex} ${ey}` }),
      h("path.head", { d: "M8 0L-2-5V5z", transform: `translate(${ex} ${ey}) rotate(${turn})` })
    ]
  }
  return h(
    "svg",
    { viewBox: n === 2 ? "0 55 180 70" : "0 0 180 180", "aria-hidden": "true" },
    holders.map((tos, i) => tos.map((j) => i === j ? undefined : arrow(i, j))),
    holders.map((_, i) => {
      const [x, y] = at(i)
      return [h("circle", { cx: x, cy: y, r: size }), h("text", { x, y: y + 5 }, i + 1)]
    })
  )
}
