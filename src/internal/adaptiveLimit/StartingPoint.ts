import { Described } from "../Described.js"
import type { Bounds, Estimator } from "./Estimator.js"
import { type Algorithm, AlgorithmTypeId } from "./model.js"

/** An algorithm: a description, from which each limit has an estimator of its own. */
export class StartingPoint extends Described implements Algorithm {
  readonly [AlgorithmTypeId]: typeof AlgorithmTypeId = AlgorithmTypeId
  readonly initial: number
  readonly min: number
  readonly max: number

  constructor(
    readonly kind: "aimd" | "gradient",
    { initial, max, min }: Bounds,
    readonly start: () => Estimator
  ) {
    super()
    this.initial = initial
    this.min = min
    this.max = max
  }

  toJSON(): unknown {
    const { initial, kind, max, min } = this
    return { _id: "AdaptiveLimit.Algorithm", kind, initial, min, max }
  }
}
