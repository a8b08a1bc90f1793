/** The state of each lane's line, from where to where: a trace has only the changes. */
import type { Event } from "../Trace.js"
import type { Lane } from "./lanes.js"
import type { Plan } from "./Plan.js"
import { middleOf, type Span } from "./spans.js"

/**
 * The state of a fiber between two events. `beneath`: it has resumed another inline, and goes on when that one stops.
 */
export type State = "none" | "run" | "beneath" | "ready" | "wait" | "ended"

export interface Segment {
  readonly lane: number
  /** `folded`: it ran, among what is folded. `stays`: it waits, and nothing resumes it. */
  readonly state: State | "folded" | "stays"
  readonly from: number
  readonly to: number
  readonly fromAt: number
  readonly toAt: number
}

export class States {
  readonly segments: Array<Segment> = []
  private readonly lanes: ReadonlyArray<Lane>
  private readonly now: Array<{ readonly state: State; readonly x: number; readonly at: number }>
  /** The lanes that run; each has resumed the next one inline. */
  private stack: Array<number> = []
  private readonly ran = new Set<number>()

  constructor(private readonly plan: Plan) {
    const { drawn, events, lanes, right, spans } = plan
    this.lanes = lanes
    this.now = lanes.map(() => ({ state: "none", x: 0, at: 0 }))
    let at = 0
    for (const span of spans) {
      const fromAt = at
      at = events[span.end - 1]?.at ?? at
      if (span.folded) this.fold(span, fromAt, at)
      else this.follow(span, span.operations > 0 ? span.x : middleOf(span))
    }
    // Nothing goes on after a failure that ends the run.
    const last = spans.at(-1)
    const over = last !== undefined && events[last.first]?.kind === "failure" && drawn.has(last.first)
    this.finish(over ? middleOf(last) : right, at)
  }

  /** At the end. */
  of(lane: number): State {
    return this.now[lane]?.state ?? "none"
  }

  private follow(span: Span, x: number): void {
    for (const event of this.plan.events.slice(span.first, span.end)) {
      const lane = this.plan.laneOf(event.fiber)
      if (lane !== undefined) this.step(event, lane, x)
    }
  }

  private step(event: Event, lane: number, x: number): void {
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

  /** Events within a folded span have no x of their own: the span is one segment per lane. */
  private fold(span: Span, fromAt: number, toAt: number): void {
    const { width, x: from } = span
    const to = from + width
    this.now.forEach(({ state }, lane) => this.set(lane, state, from, fromAt))
    const before = this.now.map(({ state }) => state)
    this.ran.clear()
    this.follow(span, from)
    before.forEach((state, lane) => {
      this.push({ lane, state: this.ran.has(lane) ? "folded" : state, from, to, fromAt, toAt })
      this.now[lane] = { state: this.of(lane), x: to, at: toAt }
    })
  }

  private finish(x: number, at: number): void {
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
      // The fibers above it have stopped, although the trace does not say how.
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
