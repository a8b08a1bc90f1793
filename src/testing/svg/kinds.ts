/** The properties of each kind of event: its room, how long it is kept from being folded, its sign, and its colour. */
import type { Event } from "../Trace.js"
import { outcomeOf, outcomes } from "./outcomes.js"
import type { Sign } from "./signs.js"
import type { Colour } from "./style.js"

interface Kind {
  readonly width: number
  /** How soon it is folded, and goes without a number: 0 is last. */
  readonly weight: number
  /** Of its number. */
  readonly colour: Colour
  readonly sign?: Sign
}

export const kinds: Readonly<Record<Event["kind"], Kind>> = {
  failure: { width: 26, weight: 0, colour: "red", sign: "failure" },
  interrupt: { width: 32, weight: 1, colour: "red", sign: "interrupt" },
  preempt: { width: 20, weight: 3, colour: "amber", sign: "preempt" },
  choice: { width: 20, weight: 4, colour: "violet", sign: "choice" },
  start: { width: 10, weight: 5, colour: "dim", sign: "start" },
  end: { width: 20, weight: 5, colour: "red" },
  timer: { width: 16, weight: 5, colour: "dim" },
  suspend: { width: 20, weight: 6, colour: "dim", sign: "suspend" },
  resume: { width: 8, weight: 6, colour: "dim" },
  operation: { width: 0, weight: 6, colour: "dim" }
}

/** An end's depends on how the fiber came out. */
export const signOf = ({ detail, kind }: Event): Sign | undefined =>
  kind === "end" ? outcomes[outcomeOf(detail)].sign : kinds[kind].sign

/** Of what is drawn as an arrow, when another fiber did it: arrows need more room than what they point to. */
export const widthOfMark = ({ by, kind }: Event): number =>
  (kind === "resume" || kind === "start") && by !== undefined ? 20 : kinds[kind].width
