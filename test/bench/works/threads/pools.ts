/** Pools of two threads, of sluice and of the peers: started before the first round, ended after the last one. */
import { Effect, Exit, Scope } from "effect"
import { Piscina } from "piscina"
import { ThreadPool } from "sluice/threads"
import Tinypool from "tinypool"
import type { Contender } from "../../measure.js"
import type { jobs } from "./jobs.js"

export const size = 2

/** Compiled modules are beside what runs. */
export const compiled = (name: string): URL => new URL(`./${name}.mjs`, import.meta.url)

export type Jobs = ThreadPool.ThreadPool<typeof jobs>
type Options = Pick<ThreadPool.Options<never>, "prefetch" | "grace" | "size">

export const threadPool = (options: Options = {}) =>
  ThreadPool.make<typeof jobs>({ module: compiled("jobs"), size, ...options })

type PiscinaOptions = ConstructorParameters<typeof Piscina>[0]
type TinypoolOptions = ConstructorParameters<typeof Tinypool>[0]

const threads = { minThreads: size, maxThreads: size }

export const makePiscina = (options: PiscinaOptions = {}, name = "plain"): Piscina =>
  new Piscina({ filename: compiled(name).href, ...threads, ...options })

export const makeTinypool = (options: TinypoolOptions = {}): Tinypool =>
  new Tinypool({ filename: compiled("plain").href, ...threads, ...options })

/** What a contender does with its pool: in each round, and once before the first. */
export interface Runs<Pool, Result> {
  readonly run: (pool: Pool) => Result
  readonly first?: (pool: Pool) => Result
}

/** A contender with a pool that lasts for all rounds. */
const lasting = <Pool>(
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

export const ofSluice = (
  name: string,
  options: Options,
  { first, run }: Runs<Jobs, Effect.Effect<unknown, unknown>>
): Contender =>
  lasting(
    name,
    async () => {
      const scope = Scope.makeUnsafe()
      const pool = await Effect.runPromise(Scope.provide(threadPool(options), scope))
      return [pool, () => Effect.runPromise(Scope.close(scope, Exit.void))]
    },
    {
      run: (pool) => Effect.runPromise(run(pool)),
      ...first === undefined ? {} : { first: (pool: Jobs) => Effect.runPromise(first(pool)) }
    }
  )

export const ofPeer = <Pool extends { destroy: () => Promise<void> }>(
  name: string,
  make: () => Pool,
  runs: Runs<Pool, Promise<unknown>>
): Contender => {
  const open = () => {
    const pool = make()
    return Promise.resolve([pool, () => pool.destroy()] as const)
  }
  return lasting(name, open, runs)
}
