/**
 * A run as a picture: a stand-alone SVG time line with one lane per fiber, which any browser shows.
 *
 * Time goes from left to right, event by event: each mark has a column of its own, so that no two marks overlap, and
 * operations of one fiber in a row share a column as wide as the logarithm of their number. What does not fit in
 * `maxWidth` is folded, the stretches far from the failure and from what led to it first. Every limit below bounds the
 * picture's size, whatever the trace.
 */
import type { Event, Source, Trace } from "./Trace.js"

/** A full screen of today: beyond it, one would have to scroll sideways, away from the fibers' names. */
const maxWidth = 1920
const minWidth = 1100
/** Fibers beyond these share one lane. */
const maxLanes = 32
const maxCallouts = 24
const maxName = 20
/** Operations have tooltips of their own, those nearest to the end first, until these are so many characters. */
const maxCellText = 60_000

const margin = 24
const laneHeight = 46
/** Where the bar's middle is in its lane: above it is room for a callout's number. */
const laneMiddle = 30
const barHeight = 14
const foldWidth = 84
const legendLine = 21

// Text ---------------------------------------------------------------------------------------------------------------

/**
 * On one line, without what XML cannot hold (control characters, halves of surrogate pairs) and what would reorder the
 * text around it. Nothing is dropped without a trace: a stand-in shows that something was there.
 */
const visible = (text: string): string =>
  text
    .replace(/\s+/gu, " ")
    .replace(/\p{Cc}/gu, (char) => char < " " ? String.fromCharCode(0x2400 + char.charCodeAt(0)) : "\uFFFD")
    .replace(/[\p{Cs}\p{Noncharacter_Code_Point}\p{Bidi_Control}]/gu, "\uFFFD")

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

const escape = (text: string): string => text.replace(/[&<>"']/gu, (char) => entities[char] ?? char)

/** East Asian characters and emoji are twice as wide as others, in most monospaced fonts. */
const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F000}-\u{3FFFF}]/u

const columnsOfChar = (char: string): number => wide.test(char) ? 2 : 1

const columnsOf = (text: string): number => {
  let columns = 0
  for (const char of text) columns += columnsOfChar(char)
  return columns
}

/** Between characters, never within one. The ellipsis stands within `columns`. */
const cut = (text: string, columns: number): string => {
  let used = 0
  let fits = ""
  for (const char of text) {
    used += columnsOfChar(char)
    if (used > columns) return `${fits.trimEnd()}…`
    // What is kept leaves a column for the ellipsis, unless the whole text fits.
    if (used < columns) fits += char
  }
  return text
}

/** At spaces where there are some. What `lines` lines cannot hold is cut off. */
const wrap = (text: string, columns: number, lines: number): ReadonlyArray<string> => {
  const wrapped: Array<string> = []
  let rest = text
  while (wrapped.length < lines - 1 && columnsOf(rest) > columns) {
    const line = cut(rest, columns + 1).slice(0, -1)
    const space = line.lastIndexOf(" ")
    const end = space > line.length / 2 ? space : line.length
    wrapped.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return [...wrapped, cut(rest, columns)]
}

/** A monospaced font's advance, a little more than most fonts have. */
const advance = (fontSize: number): number => fontSize * 0.62

/** Not `toLocaleString`: the picture must not depend on where it is made. */
const grouped = (digits: string): string => digits.replace(/\B(?=(?:\d{3})+$)/gu, ",")

const count = (n: number): string => grouped(String(n))

const plural = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? "" : "s"}`

const fileName = (source: Source): string =>
  `${visible(source.file).replace(/[?#].*$/u, "").replace(/^.*[\\/](?=.)/u, "")}:${source.line}`

const sourceTip = (source: Source | undefined): string =>
  source === undefined
    ? ""
    : `\n${cut(visible(source.file), 160)}:${source.line}:${source.column}${
      source.text === undefined ? "" : `\n${cut(visible(source.text), 120)}`
    }`

// Markup -------------------------------------------------------------------------------------------------------------

const num = (n: number): string => String(Math.round(n * 10) / 10)

/** An element, or several, with a tooltip. */
const withTip = (title: string, body: string): string => `<g><title>${escape(title)}</title>${body}</g>`

const text = (className: string, x: number, y: number, content: string): string =>
  `<text class="${className}" x="${num(x)}" y="${num(y)}">${escape(content)}</text>`

const line = (className: string, x1: number, y1: number, x2: number, y2: number): string =>
  `<path class="${className}" d="M${num(x1)} ${num(y1)}L${num(x2)} ${num(y2)}"/>`

const rect = (className: string, x: number, y: number, width: number, height: number, radius = 0): string =>
  `<rect class="${className}" x="${num(x)}" y="${num(y)}" width="${num(width)}" height="${num(height)}"${
    radius === 0 ? "" : ` rx="${radius}"`
  }/>`

const circle = (className: string, x: number, y: number, r: number): string =>
  `<circle class="${className}" cx="${num(x)}" cy="${num(y)}" r="${r}"/>`

/** From one lane straight to another, with its head just outside of the latter's bar. */
const arrow = (className: string, x: number, from: number, to: number): string => {
  const down = to > from ? 1 : -1
  const end = to - down * (barHeight / 2 + 1)
  const neck = end - down * 6
  return line(`${className}-line`, x, from + down * barHeight / 2, x, neck)
    + `<path class="${className}-fill" d="M${num(x)} ${num(end)}l-4 ${-6 * down}h8z"/>`
}

/** From one lane, and then along the other to `x`: what is above the end stays free. */
const elbow = (className: string, side: number, from: number, x: number, to: number): string =>
  `<path class="${className}-line" d="M${num(side)} ${num(from + Math.sign(to - from) * barHeight / 2)}V${num(to)}H${
    num(x - 4)
  }"/>`
  + `<path class="${className}-fill" d="M${num(x)} ${num(to)}l-6-4v8z"/>`

type Colour = "text" | "dim" | "back" | "row" | "rule" | "run" | "other" | "red" | "amber" | "green" | "violet" | "teal"

// Colours are written out per rule: custom properties would be shorter, but not every viewer of SVG knows them.
const rules = (colours: Readonly<Record<Colour, string>>): string =>
  `.sluice{background:${colours.back}}` +
  Object.entries(colours).map(([name, value]) =>
    `.sluice .${name}-fill,.sluice .${name}{fill:${value}}.sluice .${name}-line{stroke:${value}}`
  ).join("")

const style = [
  "{color-scheme:light dark}",
  " text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;white-space:pre}",
  " .title{font:600 17px system-ui,-apple-system,\"Segoe UI\",Helvetica,Arial,\"DejaVu Sans\",sans-serif}",
  " .strong{font-weight:600}",
  " .small{font-size:10px}",
  " .note{font-size:11px}",
  " .mid{text-anchor:middle}",
  " path{fill:none;stroke-width:1.5}",
  " .none{fill:none}",
  " .bold{stroke-width:2}",
  " .ring{stroke-width:1.5}",
  " .hair{stroke-width:1;stroke-dasharray:2 3}",
  " .wait,.sluice .stays{stroke-dasharray:4 4}",
  " .folded{stroke-width:14;stroke-dasharray:3 3;stroke-opacity:.6}",
  " .fold,.sluice .beneath{fill-opacity:.35}",
  " .cell{fill-opacity:0;stroke-width:.8}",
  " .cell:hover{fill:#fff;fill-opacity:.35}"
].map((rule) => `.sluice${rule}`).join("")
  + rules({
    text: "#1f2328",
    dim: "#59636e",
    back: "#ffffff",
    row: "#f4f6f9",
    rule: "#d1d9e0",
    run: "#2f6fde",
    other: "#8c9bb0",
    red: "#cf222e",
    amber: "#9a6700",
    green: "#1a7f37",
    violet: "#8250df",
    teal: "#0b7285"
  })
  + `@media (prefers-color-scheme:dark){${
    rules({
      text: "#e6edf3",
      dim: "#9198a1",
      back: "#0d1117",
      row: "#151b23",
      rule: "#3d444d",
      run: "#4493f8",
      other: "#66758a",
      red: "#ff6a61",
      amber: "#d9a02b",
      green: "#3fb950",
      violet: "#b48cff",
      teal: "#3bc9db"
    })
  }}`

// Lanes --------------------------------------------------------------------------------------------------------------

interface Lane {
  readonly name: string
  /** An actor or the scenario's own body. */
  readonly primary: boolean
  /** Several fibers share it: it has bars and marks, but no state between them. */
  readonly shared: boolean
}

interface Lanes {
  readonly lanes: ReadonlyArray<Lane>
  /** `undefined` for what has no lane: the clock, and a failure of the run as a whole. */
  readonly of: (fiber: number | undefined) => number | undefined
}

const lanesOf = (trace: Trace): Lanes => {
  const events = new Map<number, number>()
  let orphans = false
  for (const { by, fiber, kind } of trace.events) {
    if (fiber !== undefined) events.set(fiber, (events.get(fiber) ?? 0) + 1)
    else if (kind !== "timer" && kind !== "failure") orphans = true
    if (by !== undefined && !events.has(by)) events.set(by, 0)
  }
  const primary = (fiber: number): boolean => {
    const traced = trace.fibers[fiber]
    return traced !== undefined && (traced.actor || traced.name === "main")
  }
  const drawn = [...events.keys()]
    .sort((a, b) => Number(primary(b)) - Number(primary(a)) || (events.get(b) ?? 0) - (events.get(a) ?? 0) || a - b)
    .slice(0, maxLanes)
    .sort((a, b) => a - b)
  const lanes: Array<Lane> = drawn.map((fiber) => ({
    name: visible(trace.fibers[fiber]?.name ?? `#${fiber}`),
    primary: primary(fiber),
    shared: false
  }))
  const index = new Map(drawn.map((fiber, lane) => [fiber, lane]))
  const shared = (name: string): number => lanes.push({ name, primary: false, shared: true }) - 1
  const rest = events.size > drawn.length ? shared(`${events.size - drawn.length} others`) : undefined
  const none = orphans ? shared("no fiber") : undefined
  return { lanes, of: (fiber) => fiber === undefined ? none : index.get(fiber) ?? rest }
}

// Columns ------------------------------------------------------------------------------------------------------------

type Outcome = "success" | "failure" | "interruption"

/** The exit's text tells what it is. One that has failed as well as been interrupted has failed. */
const outcomeOf = (detail: string): Outcome => {
  if (/^\W*(?:exit\W+)?(?:succe|ok\b|done\b|void\b|$)/iu.test(detail)) return "success"
  if (/interrupt/iu.test(detail) && !/\b(?:fail|die)\b/iu.test(detail)) return "interruption"
  return /interrupt|fail|die|defect|error|exception/iu.test(detail) ? "failure" : "success"
}

/** Operations of one fiber in a row, or one event of another kind: what has an x of its own. */
interface Column {
  readonly first: number
  /** Exclusive; `first` itself for operations that the trace does not list. */
  end: number
  operations: number
  /** How many operations all fibers together had gone through before it. */
  readonly at: number
  /** How many of its events are none: 1 in a mark's column, 0 in one of operations. */
  readonly marks: number
  width: number
  /** How soon it is folded: 0 is last. */
  readonly weight: number
}

const widths: Readonly<Record<Event["kind"], number>> = {
  start: 10,
  operation: 0,
  preempt: 20,
  suspend: 20,
  resume: 8,
  interrupt: 32,
  end: 20,
  timer: 16,
  choice: 20,
  failure: 26
}

const weights: Readonly<Record<Event["kind"], number>> = {
  failure: 0,
  interrupt: 1,
  preempt: 3,
  choice: 4,
  start: 5,
  end: 5,
  timer: 5,
  suspend: 6,
  resume: 6,
  operation: 6
}

/** @param telling the events that matter more than others of their kind */
const columnsFrom = (events: ReadonlyArray<Event>, telling: ReadonlySet<number>): ReadonlyArray<Column> => {
  const columns: Array<Column> = []
  let at = 0
  events.forEach((event, index) => {
    // A trace may leave operations out: they take their room all the same.
    const before = at
    at = Math.max(at, event.at)
    const passed = at - before
    const operation = event.kind === "operation"
    // By one, a mark may just count the operation that was listed before it.
    const operations = operation ? Math.max(1, passed) : passed > 1 ? passed - 1 : 0
    const end = operation ? index + 1 : index
    const last = columns.at(-1)
    if (operations > 0) {
      if (last && last.operations > 0 && (!operation || events[index - 1]?.fiber === event.fiber)) {
        last.end = end
        last.operations += operations
      } else columns.push({ first: index, end, operations, at: before, marks: 0, width: 0, weight: weights.operation })
    }
    if (!operation) {
      columns.push({
        first: index,
        end: index + 1,
        operations: 0,
        at,
        marks: 1,
        width: (event.kind === "resume" || event.kind === "start") && event.by !== undefined ? 20 : widths[event.kind],
        weight: telling.has(index) ? 2 : weights[event.kind]
      })
    }
  })
  for (const column of columns) if (column.operations > 0) column.width = 12 * Math.log2(1 + column.operations)
  return columns
}

/** What is drawn between two x: a column, or several that are folded into one. */
interface Span extends Column {
  readonly folded: boolean
  x: number
}

const middleOf = (span: Span): number => span.x + span.width / 2

const foldTip = (span: Span): string =>
  `folded: ${plural(span.operations, "operation")} and ${plural(span.marks, "other event")}`

/** As many columns as there is room for, with what is next to them, in the order of their weight and nearness. */
const spansFrom = (
  columns: ReadonlyArray<Column>,
  events: ReadonlyArray<Event>,
  room: number
): ReadonlyArray<Span> => {
  const failure = events.findIndex((event) => event.kind === "failure")
  const pivot = failure < 0 ? events.length : failure
  const order = columns
    .map((column, index) => ({ index, weight: column.weight, distance: Math.abs(column.first - pivot) }))
    .sort((a, b) => a.weight - b.weight || a.distance - b.distance || a.index - b.index)
  for (let seeds = order.length;; seeds = Math.floor(seeds * 0.85)) {
    const kept = new Set<number>()
    for (const { index } of order.slice(0, seeds)) {
      for (let near = index - 2; near <= index + 2; near++) kept.add(near)
    }
    const spans: Array<Span> = []
    let gap: Array<Column> = []
    const close = () => {
      // A fold that is wider than what it folds hides for nothing.
      if (gap.reduce((sum, column) => sum + column.width, 0) <= foldWidth) {
        for (const column of gap) spans.push({ ...column, folded: false, x: 0 })
      } else {
        spans.push({
          first: gap[0]?.first ?? 0,
          end: gap.at(-1)?.end ?? 0,
          operations: gap.reduce((sum, column) => sum + column.operations, 0),
          at: gap[0]?.at ?? 0,
          marks: gap.reduce((sum, column) => sum + column.marks, 0),
          width: foldWidth,
          weight: 0,
          folded: gap.length > 1,
          x: 0
        })
      }
      gap = []
    }
    columns.forEach((column, index) => {
      if (!kept.has(index)) return gap.push(column)
      close()
      return spans.push({ ...column, folded: false, x: 0 })
    })
    close()
    const width = spans.reduce((sum, span) => sum + span.width, 0)
    if (width <= room || seeds === 0) return spans
  }
}

const place = (spans: ReadonlyArray<Span>, from: number, room: number): number => {
  const width = spans.reduce((sum, span) => sum + span.width, 0)
  // A short run is not stretched over the whole page.
  const scale = Math.min(3, Math.max(1, room / width))
  let x = from
  for (const span of spans) {
    span.x = x
    span.width *= scale
    x += span.width
  }
  return x
}

// States -------------------------------------------------------------------------------------------------------------

/** What a fiber does between two events. `beneath`: it has resumed another inline, and goes on when that one stops. */
type State = "none" | "run" | "beneath" | "ready" | "wait" | "ended"

interface Segment {
  readonly lane: number
  /** `folded`: it ran, among what is folded. `stays`: it waits, and nothing resumes it. */
  readonly state: State | "folded" | "stays"
  readonly from: number
  readonly to: number
  readonly fromAt: number
  readonly toAt: number
}

/** Follows the events, and keeps what each lane's line is like, from where to where. */
class States {
  readonly segments: Array<Segment> = []
  private readonly now: Array<{ readonly state: State; readonly x: number; readonly at: number }>
  /** The lanes that run; each has resumed the next one inline. */
  private stack: Array<number> = []
  private readonly ran = new Set<number>()

  constructor(private readonly lanes: ReadonlyArray<Lane>) {
    this.now = lanes.map(() => ({ state: "none", x: 0, at: 0 }))
  }

  of(lane: number): State {
    return this.now[lane]?.state ?? "none"
  }

  step(event: Event, lane: number, x: number): void {
    switch (event.kind) {
      case "start":
      case "resume":
      case "operation":
        return this.run(lane, x, event.at)
      case "preempt":
        return this.stop(lane, "ready", x, event.at)
      case "suspend":
        return this.stop(lane, "wait", x, event.at)
      case "end":
        return this.stop(lane, "ended", x, event.at)
      case "interrupt":
      case "timer":
      case "choice":
      case "failure":
    }
  }

  /** What `steps` does has no x of its own: it is one segment per lane. */
  fold(from: number, to: number, fromAt: number, toAt: number, steps: () => void): void {
    this.now.forEach(({ state }, lane) => this.set(lane, state, from, fromAt))
    const before = this.now.map(({ state }) => state)
    this.ran.clear()
    steps()
    before.forEach((state, lane) => {
      this.push({ lane, state: this.ran.has(lane) ? "folded" : state, from, to, fromAt, toAt })
      this.now[lane] = { state: this.of(lane), x: to, at: toAt }
    })
  }

  finish(x: number, at: number): void {
    this.now.forEach(({ at: fromAt, state, x: from }, lane) =>
      this.push({ lane, state: state === "wait" ? "stays" : state, from, to: x, fromAt, toAt: at })
    )
  }

  private run(lane: number, x: number, at: number): void {
    this.ran.add(lane)
    const top = this.stack.at(-1)
    if (top === lane) return
    const depth = this.stack.indexOf(lane)
    if (depth >= 0) {
      // Those above it have stopped, although the trace does not tell how.
      for (const above of this.stack.splice(depth + 1)) this.set(above, this.stopped(above, "ready"), x, at)
    } else {
      if (top !== undefined) this.set(top, "beneath", x, at)
      this.stack.push(lane)
    }
    this.set(lane, "run", x, at)
  }

  private stop(lane: number, state: State, x: number, at: number): void {
    this.stack = this.stack.filter((running) => running !== lane)
    this.set(lane, this.stopped(lane, state), x, at)
    const top = this.stack.at(-1)
    if (top !== undefined && this.of(top) !== "run") this.set(top, "run", x, at)
  }

  /** In a lane that several fibers share, one that waits says nothing about the others. */
  private stopped(lane: number, state: State): State {
    return this.lanes[lane]?.shared === true ? "none" : state
  }

  private set(lane: number, state: State, x: number, at: number): void {
    const now = this.now[lane]
    if (now === undefined) return
    this.push({ lane, state: now.state, from: now.x, to: x, fromAt: now.at, toAt: at })
    this.now[lane] = { state, x, at }
  }

  private push(segment: Segment): void {
    if (segment.to > segment.from) this.segments.push(segment)
  }
}

// Marks --------------------------------------------------------------------------------------------------------------

/** Each is drawn around the origin, and no larger than 18 by 18. */
const glyphs = {
  start: line("dim-line bold", 0, -9, 0, 9),
  preempt: rect("amber-fill", -7, -8, 14, 16, 3) + rect("back-fill", -3.5, -4, 2.5, 8) +
    rect("back-fill", 1, -4, 2.5, 8),
  suspend: circle("back-fill dim-line ring", 0, 0, 4.5),
  interrupt: circle("back-fill", 0, 0, 9) + "<path class=\"red-fill\" d=\"M2.5-10L-6 1.8H-.8L-2.5 10L6-1.8H.8z\"/>",
  choice: "<path class=\"violet-fill\" d=\"M0-8L8 0L0 8L-8 0z\"/>",
  failure: circle("red-fill", 0, 0, 8.5) + line("back-line bold", 0, -4.5, 0, 1) + circle("back-fill", 0, 4, 1.3),
  success: circle("green-fill", 0, 0, 7.5) + "<path class=\"back-line bold\" d=\"M-3.5 0L-1 3L4-2.5\"/>",
  failed: circle("red-fill", 0, 0, 7.5) + "<path class=\"back-line bold\" d=\"M-3-3L3 3M3-3L-3 3\"/>",
  interrupted: circle("back-fill", 0, 0, 8.5) + circle("red-line bold none", 0, 0, 6.5) +
    line("red-line bold", -4.5, 4.5, 4.5, -4.5)
} as const

type Glyph = keyof typeof glyphs

const outcomes: Readonly<Record<Outcome, { readonly glyph: Glyph; readonly verb: string; readonly word: string }>> = {
  success: { glyph: "success", verb: "succeeds", word: "succeeded" },
  failure: { glyph: "failed", verb: "fails", word: "failed" },
  interruption: { glyph: "interrupted", verb: "ends interrupted", word: "interrupted" }
}

const keyWords = {
  run: "runs",
  beneath: "has resumed another",
  wait: "suspended",
  stays: "suspended for good",
  ready: "waits for its turn",
  folded: "runs, folded",
  inline: "resumes inline",
  timer: "virtual time",
  start: "starts",
  suspend: "suspends",
  preempt: "preempted",
  interrupt: "interrupted",
  choice: "the test's choice",
  success: "succeeded",
  failed: "failed",
  interrupted: "ended by interruption",
  failure: "goes wrong"
} as const

const glyphOf = (event: Event): Glyph | undefined => {
  switch (event.kind) {
    case "start":
    case "preempt":
    case "suspend":
    case "interrupt":
    case "choice":
    case "failure":
      return event.kind
    case "end":
      return outcomes[outcomeOf(event.detail)].glyph
    case "operation":
    case "resume":
    case "timer":
      return undefined
  }
}

const colours: Readonly<Record<Event["kind"], Colour>> = {
  start: "dim",
  operation: "dim",
  preempt: "amber",
  suspend: "dim",
  resume: "dim",
  interrupt: "red",
  end: "red",
  timer: "dim",
  choice: "violet",
  failure: "red"
}

const badge = (disc: Colour, ink: Colour, x: number, y: number, number: number): string =>
  circle(`${disc}-fill`, x, y, 7.5) + text(`${ink} small strong mid`, x, y + 3.5, String(number))

interface Marked {
  readonly event: Event
  readonly index: number
  readonly x: number
}

/** A line from `y` down across the lanes. */
interface Hair {
  readonly x: number
  readonly y: number
  readonly tip: string
}

// Callouts -----------------------------------------------------------------------------------------------------------

/** Smaller is more important; `undefined` is not worth a number. */
const rank = (event: Event, telling: boolean): number | undefined => {
  switch (event.kind) {
    case "failure":
    case "interrupt":
    case "preempt":
    case "choice":
      return weights[event.kind]
    case "suspend":
      return telling ? 2 : weights[event.kind]
    case "end":
      return telling ? 2 : undefined
    case "start":
    case "operation":
    case "resume":
    case "timer":
      return undefined
  }
}

/** The events that have a number, in the order of time, of those that are drawn; and how many have none. */
const calloutsFrom = (
  events: ReadonlyArray<Event>,
  drawn: ReadonlySet<number>,
  telling: ReadonlySet<number>
): { readonly numbers: ReadonlyMap<number, number>; readonly left: number } => {
  const ranked: Array<{ readonly index: number; readonly rank: number }> = []
  events.forEach((event, index) => {
    const own = rank(event, telling.has(index))
    // One that is folded has no place to be called out at, but is counted.
    if (own !== undefined) ranked.push({ index, rank: drawn.has(index) ? own : Infinity })
  })
  const taken = ranked
    .filter(({ rank }) => rank < Infinity)
    // The later of two is the nearer one to the failure.
    .sort((a, b) => a.rank - b.rank || b.index - a.index)
    .slice(0, maxCallouts)
    .sort((a, b) => a.index - b.index)
  return {
    numbers: new Map(taken.map(({ index }, number) => [index, number + 1])),
    left: ranked.length - taken.length
  }
}

/** How each fiber came to its end: its failure or interruption, or the suspension from which nothing resumed it. */
const tellingFrom = (events: ReadonlyArray<Event>): ReadonlySet<number> => {
  const last = new Map<number, number>()
  events.forEach(({ fiber, kind }, index) => {
    if (fiber !== undefined && kind !== "failure" && kind !== "interrupt" && kind !== "choice") last.set(fiber, index)
  })
  return new Set([...last.values()].filter((index) => {
    const event = events[index]
    return event?.kind === "suspend" || event?.kind === "end" && outcomeOf(event.detail) !== "success"
  }))
}

/** Where it happened. Failing that, where the fiber's next operation is, for a preemption, and else its last one. */
const sourceOf = (events: ReadonlyArray<Event>, index: number): Source | undefined => {
  const event = events[index]
  if (event?.source !== undefined || event?.fiber === undefined) return event?.source
  const step = event.kind === "preempt" ? 1 : -1
  for (let i = index + step; i >= 0 && i < events.length; i += step) {
    const other = events[i]
    if (other?.fiber !== event.fiber) continue
    // Neither has a place of its own. Any other does, or it is not known: an older one would be a wrong one.
    if (other.kind !== "resume" && other.kind !== "interrupt") return other.source
  }
  return undefined
}

// The picture --------------------------------------------------------------------------------------------------------

/** Which stretches of a row are taken. */
class Row {
  private readonly taken: Array<readonly [from: number, to: number]> = []

  take(from: number, to: number): boolean {
    if (this.taken.some((other) => from < other[1] && to > other[0])) return false
    this.taken.push([from, to])
    return true
  }
}

const stateWords: Readonly<Record<Segment["state"], string>> = {
  none: "",
  run: "runs",
  beneath: "has resumed another fiber inline, and goes on after it",
  ready: "is preempted",
  wait: "is suspended",
  ended: "",
  folded: "runs now and then, which is folded here",
  stays: "is suspended, and nothing resumes it"
}

const lastWords: Readonly<Record<State, string>> = {
  none: "",
  run: "running",
  beneath: "running",
  ready: "preempted",
  wait: "suspended",
  ended: "ended"
}

/** "1500" is in milliseconds, as Effect's clock is. */
const timeOf = (detail: string): string =>
  cut(/^\d+(?:\.\d+)?$/u.test(detail) ? `${detail.replace(/^\d+/u, grouped)} ms` : visible(detail), 16)

interface Options {
  readonly title: string
  readonly subtitle?: string
}

/** Fills its layers from left to right and from top to bottom: `y` is how far down it has come. */
class Picture {
  private readonly events: ReadonlyArray<Event>
  private readonly lanes: ReadonlyArray<Lane>
  private readonly laneOf: Lanes["of"]
  private readonly telling: ReadonlySet<number>
  private readonly spans: ReadonlyArray<Span>
  /** The marks that are not folded. */
  private readonly drawn = new Set<number>()
  private readonly numbers: ReadonlyMap<number, number>
  private readonly unnumbered: number
  private readonly right: number
  private readonly width: number
  private readonly inner: number
  private readonly states: States
  private readonly used = new Set<Segment["state"] | Glyph | "inline" | "timer">()

  private readonly bands: Array<string> = []
  private readonly idle: Array<string> = []
  private readonly bars: Array<string> = []
  private readonly lines: Array<string> = []
  private readonly marks: Array<string> = []
  private readonly labels: Array<string> = []
  private y = margin - 6
  private top = 0

  constructor(private readonly trace: Trace, private readonly options: Options) {
    const { events } = trace
    const { lanes, of } = lanesOf(trace)
    this.events = events
    this.lanes = lanes
    this.laneOf = of
    this.states = new States(lanes)
    this.telling = tellingFrom(events)

    const nameWidth = Math.max(150, ...lanes.map(({ name }) => columnsOf(cut(name, maxName)) * advance(12) + 20))
    const left = margin + nameWidth
    this.spans = spansFrom(columnsFrom(events, this.telling), events, maxWidth - 2 * margin - nameWidth - 16)
    this.right = place(this.spans, left + 8, minWidth - margin - left - 16) + 8
    this.width = Math.round(Math.max(minWidth, this.right + margin))
    this.inner = this.width - 2 * margin

    for (const { first, folded, marks } of this.spans) if (marks > 0 && !folded) this.drawn.add(first)
    const { left: unnumbered, numbers } = calloutsFrom(events, this.drawn, this.telling)
    this.numbers = numbers
    this.unnumbered = unnumbered
  }

  draw(): string {
    this.header()
    const flags = this.flags()
    const timers = this.timers(flags)
    this.axis([...flags, ...timers])
    this.top = this.y
    this.run()
    this.segments()
    this.cells()
    this.names()
    this.y = this.bottom
    for (const { tip, x, y } of timers) this.lines.push(withTip(tip, line("teal-line hair", x, y, x, this.bottom)))
    for (const { tip, x, y } of flags) this.lines.push(withTip(tip, line("red-line bold", x, y, x, this.bottom)))
    this.key()
    this.legend()
    const height = this.y + margin
    const title = cut(visible(this.options.title), 300)
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" class="sluice" role="img" width="${this.width}" height="${num(height)}"`,
      ` viewBox="0 0 ${this.width} ${num(height)}"><title>${escape(title)}</title><style>${style}</style>`,
      rect("back-fill", 0, 0, this.width, height),
      ...[this.bands, this.idle, this.bars, this.lines, this.marks, this.labels].map((layer) =>
        `\n<g>${layer.join("\n")}</g>`
      ),
      "\n</svg>\n"
    ].join("")
  }

  private get bottom(): number {
    return this.top + this.lanes.length * laneHeight
  }

  private middle(lane: number): number {
    return this.top + lane * laneHeight + laneMiddle
  }

  private fiber(index: number | undefined): string {
    return index === undefined ? "the run" : cut(visible(this.trace.fibers[index]?.name ?? `#${index}`), 24)
  }

  private header(): void {
    const paragraph = (className: string, fontSize: number, leading: number, content: string, lines: number) => {
      const whole = visible(content)
      const wrapped = wrap(whole, Math.floor(this.inner / advance(fontSize)), lines)
      this.labels.push(withTip(
        cut(whole, 600),
        wrapped.map((line) => text(className, margin, this.y += leading, line)).join("")
      ))
    }
    paragraph("text title", 17, 24, this.options.title, 2)
    // It may hold the key that replays the run: worth more lines than a title.
    this.y += 2
    if (this.options.subtitle !== undefined) paragraph("dim", 12, 18, this.options.subtitle, 4)
    this.y += 14
  }

  private marked(kind: Event["kind"]): ReadonlyArray<Marked> {
    return this.spans.flatMap((span) => {
      const event = this.events[span.first]
      return event?.kind === kind && this.drawn.has(span.first)
        ? [{ event, index: span.first, x: middleOf(span) }]
        : []
    })
  }

  /** What went wrong, each above the line that shows when. */
  private flags(): ReadonlyArray<Hair> {
    const rows = [new Row(), new Row(), new Row()]
    let used = 0
    const top = this.y
    const hairs = this.marked("failure").map(({ event, index, x }) => {
      const number = this.numbers.get(index)
      const indent = number === undefined ? 8 : 27
      const label = cut(visible(event.detail) || "failure", Math.floor((this.inner - 40) / advance(12)))
      const size = columnsOf(label) * advance(12) + indent + 8
      const from = Math.max(margin, Math.min(x - size / 2, this.width - margin - size))
      const row = rows.findIndex((row) => row.take(from - 4, from + size + 4))
      const y = top + row * 26
      const tip = this.tip(event, index)
      // Where no row has room, the line is there, and its tooltip.
      if (row < 0) return { x, y: top, tip }
      used = Math.max(used, row + 1)
      this.labels.push(withTip(
        tip,
        rect("red-fill", from, y, size, 21, 4)
          + (number === undefined ? "" : badge("back", "red", from + 14, y + 10.5, number))
          + text("back strong mid", from + (indent + size - 8) / 2, y + 15, label)
      ))
      return { x, y: y + 21, tip }
    })
    this.y += used * 26
    return hairs
  }

  private timers(flags: ReadonlyArray<Hair>): ReadonlyArray<Hair> {
    const rows = [new Row(), new Row()]
    for (const row of rows) for (const { x } of flags) row.take(x - 5, x + 5)
    let used = 0
    const top = this.y
    const hairs = this.marked("timer").map(({ event, x }) => {
      this.used.add("timer")
      const label = timeOf(event.detail)
      const half = columnsOf(label) * advance(10) / 2 + 3
      const row = rows.findIndex((row) => row.take(x - half, x + half))
      const tip = `the clock moves on to ${label}`
      used = Math.max(used, row + 1)
      // Where neither row has room, the tooltip tells.
      if (row >= 0) this.labels.push(withTip(tip, text("teal small mid", x, top + row * 14 + 10, label)))
      return { x, y: top + (row + 1) * 14, tip }
    })
    this.y += used * 14
    return hairs
  }

  /** How many operations there had been. */
  private axis(hairs: ReadonlyArray<Hair>): void {
    if (this.lanes.length === 0) return
    const row = new Row()
    const y = this.y + 12
    this.y += 22
    for (const { x } of hairs) row.take(x - 4, x + 4)
    this.labels.push(withTip("operations of all fibers together", text("dim small", margin, y, "operations")))
    for (const span of this.spans) {
      if (!span.folded) continue
      row.take(span.x, span.x + span.width)
      this.labels.push(
        withTip(foldTip(span), text("dim small mid", middleOf(span), y, `${count(span.operations)} ops`))
      )
    }
    for (const span of this.spans) {
      if (span.folded || span.operations === 0) continue
      const label = count(span.at)
      if (!row.take(span.x - 2, span.x + label.length * advance(10) + 6)) continue
      this.labels.push(withTip(
        `${plural(span.at, "operation")} so far`,
        text("dim small", span.x, y, label) + line("rule-line", span.x, y + 3, span.x, y + 8)
      ))
    }
  }

  private run(): void {
    const step = (index: number, x: number): number | undefined => {
      const event = this.events[index]
      const lane = this.laneOf(event?.fiber)
      if (event && lane !== undefined) this.states.step(event, lane, x)
      return event?.at
    }
    let now = 0
    for (const span of this.spans) {
      if (span.folded) {
        const from = now
        now = this.events[span.end - 1]?.at ?? now
        this.bands.push(
          withTip(foldTip(span), rect("rule-fill fold", span.x, this.top, span.width, this.bottom - this.top))
        )
        this.states.fold(span.x, span.x + span.width, from, now, () => {
          for (let index = span.first; index < span.end; index++) step(index, span.x)
        })
      } else {
        const x = span.operations > 0 ? span.x : middleOf(span)
        for (let index = span.first; index < span.end; index++) now = step(index, x) ?? now
        if (this.drawn.has(span.first)) this.mark(span.first, x)
      }
    }
    // Nothing goes on after a failure that ends the run.
    const last = this.spans.at(-1)
    const over = last !== undefined && this.events[last.first]?.kind === "failure" && this.drawn.has(last.first)
    this.states.finish(over ? middleOf(last) : this.right, now)
  }

  private mark(index: number, x: number): void {
    const event = this.events[index]
    const lane = this.laneOf(event?.fiber)
    if (event === undefined || lane === undefined) return
    const by = event.by === undefined ? undefined : this.laneOf(event.by)
    const tip = this.tip(event, index)
    const y = this.middle(lane)
    // An interrupt's arrow comes from the side, since a number is above.
    const shift = event.kind === "interrupt" ? 7 : 0
    if (by !== undefined && by !== lane) {
      if (event.kind === "resume" || event.kind === "start") {
        this.used.add("inline")
        this.lines.push(withTip(tip, arrow("text", x, this.middle(by), y)))
      } else if (event.kind === "interrupt") {
        this.lines.push(withTip(tip, elbow("red", x - 9, this.middle(by), x - 2, y)))
      }
    }
    const glyph = glyphOf(event)
    if (glyph === undefined) return
    this.used.add(glyph)
    const number = event.kind === "failure" ? undefined : this.numbers.get(index)
    this.marks.push(withTip(
      tip,
      `<g transform="translate(${num(x + shift)} ${num(y)})">${glyphs[glyph]}</g>`
        + (number === undefined ? "" : badge(colours[event.kind], "back", x + shift, y - 19, number))
    ))
  }

  private segments(): void {
    for (const { from, fromAt, lane, state, to, toAt } of this.states.segments) {
      if (state === "none" || state === "ended") continue
      this.used.add(state)
      const primary = this.lanes[lane]?.primary === true
      const tone = primary ? "run" : "other"
      const height = primary ? barHeight : barHeight - 4
      const y = this.middle(lane)
      const tip = `${cut(this.lanes[lane]?.name ?? "", 40)} ${stateWords[state]}\noperations ${count(fromAt)} to ${
        count(toAt)
      }`
      if (state === "run" || state === "beneath") {
        this.bars.push(withTip(tip, rect(`${tone}-fill ${state}`, from, y - height / 2, to - from, height)))
      } else {
        this.idle.push(withTip(tip, line(`${state === "stays" ? "amber" : tone}-line ${state}`, from, y, to, y)))
      }
    }
  }

  /** Each operation's own tooltip, and the gaps between them. */
  private cells(): void {
    let length = 0
    for (const span of this.spans.toReversed()) {
      const listed = this.events.slice(span.first, span.end)
      const size = span.width / listed.length
      if (span.folded || span.operations === 0 || size < 3) continue
      const lane = this.laneOf(listed[0]?.fiber)
      if (lane === undefined) continue
      const height = this.lanes[lane]?.primary === true ? barHeight : barHeight - 4
      const cells = listed.map((event, index) =>
        withTip(
          this.tip(event, span.first + index),
          rect("back-line cell", span.x + index * size, this.middle(lane) - height / 2, size, height)
        )
      ).join("")
      length += cells.length
      if (length > maxCellText) return
      this.bars.push(cells)
    }
  }

  private names(): void {
    const operations = this.lanes.map(() => 0)
    const outcome = this.lanes.map((_, lane) => lastWords[this.states.of(lane)])
    for (const { detail, fiber, kind, operation } of this.events) {
      const lane = this.laneOf(fiber)
      if (lane === undefined) continue
      const before = operations[lane] ?? 0
      operations[lane] = this.lanes[lane]?.shared === true
        ? before + Number(kind === "operation")
        : Math.max(before, operation)
      if (kind === "end") outcome[lane] = outcomes[outcomeOf(detail)].word
    }
    this.lanes.forEach(({ name, primary, shared }, lane) => {
      const y = this.middle(lane)
      const ending = shared || outcome[lane] === "" ? "" : `, ${outcome[lane] ?? ""}`
      const note = `${plural(operations[lane] ?? 0, "op")}${ending}`
      if (lane % 2 === 0) {
        this.bands.unshift(rect("row-fill", margin - 8, this.top + lane * laneHeight, this.inner + 16, laneHeight, 4))
      }
      this.labels.push(withTip(
        `${cut(name, 300)}\n${note}`,
        text(primary ? "text strong" : "dim", margin, y - 4, cut(name, maxName)) +
          text("dim small", margin, y + 10, note)
      ))
    })
  }

  /** What the marks mean, of those that are there. */
  private key(): void {
    const bar = (className: string) => rect(className, -9, -5, 18, 10)
    const dash = (className: string) => line(className, -10, 0, 10, 0)
    const all: ReadonlyArray<readonly [keyof typeof keyWords, string]> = [
      ["run", bar("run-fill")],
      ["beneath", bar("run-fill beneath")],
      ["wait", dash("run-line wait")],
      ["stays", dash("amber-line wait")],
      ["ready", dash("run-line")],
      ["folded", `<path class="run-line folded" d="M-9 0H9"/>`],
      ["inline", arrow("text", 0, -17, 17)],
      ["timer", line("teal-line hair", 0, -9, 0, 9)],
      ...([
        "start",
        "suspend",
        "preempt",
        "interrupt",
        "choice",
        "success",
        "failed",
        "interrupted",
        "failure"
      ] as const)
        .map((name) => [name, glyphs[name]] as const)
    ]
    const entries = all.filter(([name]) => this.used.has(name))
    if (entries.length === 0) return
    let x = margin
    this.y += 26
    for (const [name, glyph] of entries) {
      const size = 30 + keyWords[name].length * advance(11) + 16
      if (x + size - 16 > this.width - margin && x > margin) {
        x = margin
        this.y += 24
      }
      this.marks.push(withTip(
        keyWords[name],
        `<g transform="translate(${num(x + 11)} ${num(this.y)})">${glyph}</g>`
          + text("dim note", x + 28, this.y + 4, keyWords[name])
      ))
      x += size
    }
    this.y += 8
  }

  /** The callouts: number, sentence, place and source line, as a table; and a failure's whole message. */
  private legend(): void {
    const rows = [...this.numbers].map(([index, number]) => {
      const event = this.events[index]
      if (event === undefined) throw new RangeError(`sluice/testing: there is no event ${index}`)
      const source = sourceOf(this.events, index)
      return {
        number,
        event,
        tip: this.tip(event, index),
        sentence: cut(this.sentence(event, index, source !== undefined), 64),
        place: source === undefined ? "" : cut(fileName(source), 36),
        code: visible(source?.text ?? "")
      }
    })
    if (rows.length === 0) return
    const sentenceX = margin + 24
    const placeX = sentenceX + Math.max(...rows.map(({ sentence }) => columnsOf(sentence))) * advance(12) + 18
    const codeX = placeX + Math.max(...rows.map(({ place }) => columnsOf(place))) * advance(12) + 18
    const codeColumns = Math.floor((this.width - margin - codeX) / advance(12))
    this.y += 14
    for (const { code, event, number, place, sentence, tip } of rows) {
      this.y += legendLine
      const body = [
        badge(colours[event.kind], "back", margin + 8, this.y - 4, number),
        text(event.kind === "failure" ? "red strong" : "text", sentenceX, this.y, sentence),
        place === "" ? "" : text("dim", placeX, this.y, place),
        code === "" ? "" : text("text", codeX, this.y, cut(code, codeColumns))
      ]
      if (event.kind === "failure") {
        const columns = Math.floor((this.width - margin - sentenceX) / advance(12))
        for (const part of wrap(visible(event.detail), columns, 6)) {
          this.y += legendLine - 3
          body.push(text("red", sentenceX, this.y, part))
        }
      }
      this.labels.push(withTip(tip, body.join("")))
    }
    if (this.unnumbered > 0) {
      this.y += legendLine + 4
      const note = `and ${plural(this.unnumbered, "event")} like these without a number`
      this.labels.push(withTip(note, text("dim", sentenceX, this.y, note)))
    }
  }

  private sentence(event: Event, index: number, placed: boolean): string {
    const name = this.fiber(event.fiber)
    const detail = visible(event.detail)
    switch (event.kind) {
      case "preempt":
        return `${name} is preempted${placed ? " before" : ""}`
      case "suspend":
        return this.telling.has(index) ? `${name} suspends, and nothing resumes it` : `${name} suspends`
      case "interrupt":
        return event.by === undefined || event.by === event.fiber
          ? `${name} is interrupted`
          : `${name} is interrupted during ${this.fiber(event.by)}'s turn`
      case "resume":
        return event.by === undefined ? `${name} goes on` : `${name} is resumed inline by ${this.fiber(event.by)}`
      case "choice":
        return `${event.fiber === undefined ? "the test" : name} chooses ${detail}`
      case "failure":
        return `${name} fails`
      case "end":
        return `${name} ${outcomes[outcomeOf(detail)].verb}${outcomeOf(detail) === "failure" ? `: ${detail}` : ""}`
      case "start":
        return `${name} starts`
      case "operation":
        return `${name}, operation ${count(event.operation)}: ${detail}`
      case "timer":
        return `the clock moves on to ${timeOf(detail)}`
    }
  }

  private tip(event: Event, index: number): string {
    const source = event.kind === "operation" ? event.source : sourceOf(this.events, index)
    const sentence = cut(this.sentence(event, index, source !== undefined), 200)
    return `${sentence}${event.kind === "failure" ? `\n${cut(visible(event.detail), 600)}` : ""}${sourceTip(source)}`
  }
}

/**
 * The trace as an SVG document. Equal traces give equal documents, at most 1,920 pixels wide.
 *
 * It holds no script and loads nothing, and its colours follow the reader's light or dark mode. Whatever the names, the
 * messages and the source lines hold is text in it, never markup.
 */
export const toSvg = (trace: Trace, options: { readonly title: string; readonly subtitle?: string }): string =>
  new Picture(trace, options).draw()
