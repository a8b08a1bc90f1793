/**
 * Schedules for fast-check, so that a workload and the schedule under which it fails shrink together. fast-check is an
 * optional peer: the first call of `schedule` or `cancellations` loads it on Node, and a browser's page provides it.
 */
// An optional peer, whose types are `any` to whoever does not have it. As a doc comment it is kept in the declarations.
// eslint-disable-next-line @typescript-eslint/ban-ts-comment -- where it is installed, there is nothing to expect
/** @ts-ignore */
import type * as fc from "fast-check"
import { providedFastCheck } from "./provided.js"
import type { Decision, Schedule } from "./Schedule.js"

interface Platform {
  readonly process?: {
    readonly getBuiltinModule?: (name: "node:module") => {
      readonly createRequire: (from: string) => (name: string) => unknown
    }
  }
}

let loaded: typeof fc | undefined

const fastCheck = (): typeof fc => {
  const fromPage = providedFastCheck()
  if (fromPage !== undefined) return fromPage as typeof fc
  if (loaded !== undefined) return loaded
  const module = (globalThis as unknown as Platform).process?.getBuiltinModule?.("node:module")
  if (module === undefined) {
    throw new Error(
      "sluice/testing: `schedule` and `cancellations` need fast-check, and find it only on Node.js 20.16 or newer. " +
        "Elsewhere provide it: globalThis[Symbol.for(\"sluice/testing/fast-check\")] = await import(\"fast-check\")"
    )
  }
  try {
    return loaded = module.createRequire((import.meta as unknown as { readonly url: string }).url)(
      "fast-check"
    ) as typeof fc
  } catch (cause) {
    throw new Error(
      "sluice/testing: `schedule` and `cancellations` need fast-check: npm install --save-dev fast-check",
      {
        cause
      }
    )
  }
}

/**
 * The bounds of the schedules that `schedule` makes. Every option may be left out. A wrong value makes `schedule`
 * throw.
 *
 * @since 0.1.0
 */
export interface ScheduleOptions {
  /** How many actors the scenario starts: an integer >= 1. Default: 3. */
  readonly actors?: number | undefined
  /** How many operations of each actor may be preempted, or be interrupted at: an integer >= 1. Default: 40. */
  readonly maxOps?: number | undefined
  /** How many preemptions a schedule has at most: an integer >= 0. Default: 6. */
  readonly preemptions?: number | undefined
  /** How many interrupts a schedule has at most: an integer >= 0. Default: 2. */
  readonly cancels?: number | undefined
}

/**
 * An interrupt of an actor at one of its operations.
 *
 * @since 0.1.0
 */
export interface Cancellation {
  /** The number of the actor, from 0, in the order in which actors start. */
  readonly actor: number
  /** The number of the operation of that actor, from 0. */
  readonly operation: number
}

const whole = (name: string, value: number, min: number): number => {
  if (Number.isInteger(value) && value >= min) return value
  throw new Error(`sluice/testing: ${name} must be an integer of at least ${min}, got ${String(value)}`)
}

/**
 * An arbitrary of interrupts, each at one of the first `maxOps` operations of an actor. `withCancellations` makes a
 * schedule of them. Needs fast-check, which a page in a browser has to provide. Throws without it, and for a wrong
 * value.
 *
 * @since 0.1.0
 */
export const cancellations = (options: {
  /** How many actors the scenario starts: an integer >= 1. Required. */
  readonly actors: number
  /** How many operations of each actor may be interrupted at: an integer >= 1. Required. */
  readonly maxOps: number
  /** How many interrupts there are at most: an integer >= 0. Required. */
  readonly max: number
}): fc.Arbitrary<ReadonlyArray<Cancellation>> => {
  const { array, nat, record } = fastCheck()
  const actor = nat(whole("actors", options.actors, 1) - 1)
  const operation = nat(whole("maxOps", options.maxOps, 1) - 1)
  return array(record({ actor, operation }), { maxLength: whole("max", options.max, 0) })
}

/**
 * Returns the schedule that makes these interrupts, and is the default schedule otherwise. For `run`, `check` and
 * `replay`.
 *
 * @since 0.1.0
 */
export const withCancellations = (interrupts: ReadonlyArray<Cancellation>): Schedule =>
  interrupts.flatMap(({ actor, operation }) => interruptAt(actor + 1, operation + 1))

const interruptAt = (fiber: number, operation: number): ReadonlyArray<Decision> => [
  { kind: "preempt", fiber, operation, turn: 0, pick: 0 },
  { kind: "interrupt", fiber, operation, turn: 0, pick: fiber }
]

/**
 * An arbitrary of schedules: preemptions, the fiber that goes next there, and interrupts. A schedule shrinks by leaving
 * decisions out, towards the run on the stock runtime. `run(scenario, schedule)` runs one. Needs fast-check,
 * which a page in a browser has to provide. Throws without it, and for a wrong value.
 *
 * @since 0.1.0
 */
export const schedule = (options: ScheduleOptions = {}): fc.Arbitrary<Schedule> => {
  const { array, nat, record, tuple } = fastCheck()
  const actors = whole("actors", options.actors ?? 3, 1)
  const maxOps = whole("maxOps", options.maxOps ?? 40, 1)
  const fiber = nat(actors - 1)
  const operation = nat(maxOps - 1)
  const preemptions = array(record({ fiber, operation, pick: nat(actors) }), {
    maxLength: whole("preemptions", options.preemptions ?? 6, 0)
  })
  const max = whole("cancels", options.cancels ?? 2, 0)
  return tuple(preemptions, cancellations({ actors, maxOps, max })).map(([preempted, interrupted]) => [
    ...preempted.flatMap(({ fiber, operation, pick }): ReadonlyArray<Decision> => {
      const place = { fiber: fiber + 1, operation: operation + 1, turn: 0 }
      return [{ kind: "preempt", ...place, pick: 0 }, ...(pick > 0 ? [{ kind: "go" as const, ...place, pick }] : [])]
    }),
    ...withCancellations(interrupted)
  ])
}
