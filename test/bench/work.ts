import type { Clock, Contender } from "./measure.js"

/** Something that several contenders do. The first is sluice. */
export interface Work {
  readonly id: string
  readonly title: string
  /** For the page: a sentence or two that describe the work. */
  readonly what: string
  readonly items: number
  readonly clock: Clock
  readonly contenders: ReadonlyArray<Contender>
}
