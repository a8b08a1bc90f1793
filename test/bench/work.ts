import type { Contender } from "./measure.js"

/** Something to be done by several contenders, the first of which is sluice. */
export interface Work {
  readonly id: string
  readonly title: string
  /** For the page: what is done, in a sentence or two. */
  readonly what: string
  readonly items: number
  readonly contenders: ReadonlyArray<Contender>
  /** At most `ratio` times as long as a contender. */
  readonly goals: ReadonlyArray<{ readonly against: string; readonly ratio: number }>
}
