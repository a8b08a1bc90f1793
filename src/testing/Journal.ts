/** The journal of one run: its decisions, the hash that tells it from other runs, and the places where turns ended. */
import type { Lane } from "./Lane.js"
import type { Decision } from "./Schedule.js"

/** Receives everything that happens in a run, for a trace. */
export interface Recorder {
  readonly event: (
    kind: "start" | "preempt" | "resume" | "interrupt" | "timer" | "choice" | "failure",
    lane: Lane | undefined,
    detail: string,
    by?: Lane
  ) => void
  /** Called just before each operation. */
  readonly operation: (primitive: unknown, lane: Lane) => void
}

/** The place where each turn ended, to find where two runs part. */
export interface Places {
  /** The names of the fibers, in order of appearance. */
  readonly names: ReadonlyArray<string>
  /** Pairs: the index of the fiber that was asked last, and the number of its operations. */
  readonly ends: ReadonlyArray<number>
}

export class Journal {
  readonly decisions: Array<Decision> = []
  private readonly ends: Array<number> | undefined
  private high = 0
  private low = 0

  /** `withPlaces`: whether to note where each turn ends. */
  constructor(withPlaces: boolean) {
    this.ends = withPlaces ? [] : undefined
  }

  decide(kind: Decision["kind"], fiber: number, operation: number, turn: number, pick: number): void {
    this.decisions.push({ kind, fiber, operation, turn, pick })
  }

  endTurn(last: Lane | undefined): void {
    this.ends?.push(last?.index ?? 0, last?.operations ?? 0)
  }

  /** Adds two numbers to the hash. */
  mix(a: number, b: number): void {
    this.high = Math.imul(this.high ^ a, 0x9e3779b1) ^ (this.high >>> 15)
    this.high = Math.imul(this.high ^ b, 0x85ebca77) ^ (this.high >>> 13)
    this.low = Math.imul(this.low ^ (a + 0x9e37), 0xc2b2ae3d) ^ (this.low >>> 16)
    this.low = Math.imul(this.low ^ b, 0x27d4eb2f) ^ (this.low >>> 15)
  }

  /** Two runs that differ in the order of their turns differ in this. */
  get hash(): number {
    return (this.high >>> 0) * 2 ** 21 + (this.low >>> 11)
  }

  placesOf(lanes: ReadonlyArray<Lane>): Places | undefined {
    return this.ends === undefined ? undefined : { names: lanes.map(({ name }) => name), ends: this.ends }
  }
}
