/** Events as sentences: the legend and the tooltips use the same ones. */
import type { Event, Trace } from "../Trace.js"
import { nameOf } from "./lanes.js"
import { count, timeOf } from "./numbers.js"
import { outcomeOf, outcomes } from "./outcomes.js"
import { sourceOf, sourceTip } from "./places.js"
import { cut, visible } from "./text.js"

export class Words {
  constructor(private readonly trace: Trace, private readonly telling: ReadonlySet<number>) {}

  /** @param placed whether the place follows the sentence */
  sentence(event: Event, index: number, placed: boolean): string {
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

  tip(event: Event, index: number): string {
    const source = event.kind === "operation" ? event.source : sourceOf(this.trace.events, index)
    const sentence = cut(this.sentence(event, index, source !== undefined), 200)
    return `${sentence}${event.kind === "failure" ? `\n${cut(visible(event.detail), 600)}` : ""}${sourceTip(source)}`
  }

  private fiber(index: number | undefined): string {
    return index === undefined ? "the run" : cut(nameOf(this.trace, index), 24)
  }
}
