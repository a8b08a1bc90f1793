/** Pools of two threads, of sluice and of the peers. */
import type { Effect } from "effect"
import { Piscina } from "piscina"
import { ThreadPool } from "sluice/threads"
import Tinypool from "tinypool"
import { lasting, lastingEffect, type Runs } from "../../lasting.js"
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

export const ofSluice = (
  name: string,
  options: Options,
  runs: Runs<Jobs, Effect.Effect<unknown, unknown>>
): Contender => lastingEffect(name, threadPool(options), runs)

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
