/** Contenders whose pool lasts for all rounds: started before the first, and ended after the last. */
import { Effect, Exit, Scope } from "effect"
import type { Contender } from "./measure.js"

/** The use of a pool: in each round, and once before the first. */
export interface Runs<Pool, Result> {
  readonly run: (pool: Pool) => Result
  readonly first?: (pool: Pool) => Result
}

export const lasting = <Pool>(
  name: string,
  open: () => Promise<readonly [pool: Pool, close: () => Promise<unknown>]>,
  { first, run }: Runs<Pool, Promise<unknown>>
): Contender => {
  let opened: readonly [pool: Pool, close: () => Promise<unknown>] | undefined
  return {
    name,
    open: async () => {
      opened = await open()
      await first?.(opened[0])
    },
    run: () => run(opened![0]),
    close: () => opened![1]()
  }
}

export const lastingEffect = <Pool>(
  name: string,
  make: Effect.Effect<Pool, unknown, Scope.Scope>,
  { first, run }: Runs<Pool, Effect.Effect<unknown, unknown>>
): Contender =>
  lasting(
    name,
    async () => {
      const scope = Scope.makeUnsafe()
      const pool = await Effect.runPromise(Scope.provide(make, scope))
      return [pool, () => Effect.runPromise(Scope.close(scope, Exit.void))]
    },
    {
      run: (pool) => Effect.runPromise(run(pool)),
      ...first === undefined ? {} : { first: (pool: Pool) => Effect.runPromise(first(pool)) }
    }
  )
