/** The random strategies, as policies that alternate. */
import { generator } from "../random.js"
import { Pct } from "./Pct.js"
import { type Policy, RandomChooser } from "./RandomChooser.js"
import { RandomWalk } from "./RandomWalk.js"

/** The names of the random strategies. `ExploreOptions.strategy` explains each. */
export type RandomStrategy = "portfolio" | "random" | "sticky" | "pct"

/** The portfolio is the mix that finds most of the planted bugs of the tests' gallery. */
const policiesOf: Record<RandomStrategy, (random: () => number) => ReadonlyArray<Policy>> = {
  random: (random) => [new RandomWalk(random, { probability: 0.5 })],
  sticky: (random) => [new RandomWalk(random, { times: 3 })],
  pct: (random) => [new Pct(random, 3)],
  portfolio: (random) => [
    new RandomWalk(random, { probability: 0.5 }),
    new Pct(random, 3),
    new RandomWalk(random, { probability: 0.2 }),
    new RandomWalk(random, { times: 3 })
  ]
}

export const randomStrategies: ReadonlyArray<string> = Object.keys(policiesOf)

/** The same seed makes the same decisions. At most `cancels` interrupts a run. */
export const randomChooser = (strategy: RandomStrategy, seed: number, cancels: number): RandomChooser => {
  const random = generator(seed)
  return new RandomChooser(random, policiesOf[strategy](random), cancels)
}
