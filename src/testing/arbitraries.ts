/**
 * Schedules for fast-check, so that a workload and the schedule it fails under shrink together. fast-check is an
 * optional peer: it is loaded when one of these is first called.
 */
// An optional peer, whose types are `any` to whoever does not have it. As a doc comment it is kept in the declarations.
// eslint-disable-next-line @typescript-eslint/ban-ts-comment -- where it is installed, there is nothing to expect
/** @ts-ignore */
import type * as fc from "fast-check"
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
  if (loaded !== undefined) return loaded
  const module = (globalThis as unknown as Platform).process?.getBuiltinModule?.("node:module")
  if (module === undefined) {
    throw new Error("sluice/testing: `schedule` and `cancellations` need Node.js 20.16 or newer")
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

export interface ScheduleOptions {
  /** How many actors there are. Default: 3. */
  readonly actors?: number | undefined
  /** How many operations of each actor may be preempted, or be interrupted at. Default: 40. */
  readonly maxOps?: number | undefined
  /** How many preemptions at most. Default: 6. */
  readonly preemptions?: number | undefined
  /** How many interrupts at most. Default: 2. */
  readonly cancels?: number | undefined
}

/** An interrupt of an actor, counted from 0 in the order in which they were started, at one of its operations. */
export interface Cancellation {
  readonly actor: number
  readonly operation: number
}

const whole = (name: string, value: number, min: number): number => {
  if (Number.isInteger(value) && value >= min) return value
  throw new Error(`sluice/testing: ${name} must be an integer of at least ${min}, got ${String(value)}`)
}

/**
 * Interrupts, at most `max`, each at one of an actor's first `maxOps` operations. `withCancellations` makes a schedule
 * of them.
 */
export const cancellations = (options: {
  readonly actors: number
  readonly maxOps: number
  readonly max: number
}): fc.Arbitrary<ReadonlyArray<Cancellation>> => {
  const { array, nat, record } = fastCheck()
  const actor = nat(whole("actors", options.actors, 1) - 1)
  const operation = nat(whole("maxOps", options.maxOps, 1) - 1)
  return array(record({ actor, operation }), { maxLength: whole("max", options.max, 0) })
}

/** The schedule that interrupts so and is by default otherwise. */
export const withCancellations = (interrupts: ReadonlyArray<Cancellation>): Schedule =>
  interrupts.flatMap(({ actor, operation }) => interruptAt(actor + 1, operation + 1))

const interruptAt = (fiber: number, operation: number): ReadonlyArray<Decision> => [
  { kind: "preempt", fiber, operation, turn: 0, pick: 0 },
  { kind: "interrupt", fiber, operation, turn: 0, pick: fiber }
]

/**
 * Schedules: preemptions, who goes next there, and interrupts. Each shrinks by leaving decisions out, towards the run
 * that the stock runtime would give. `run(scenario, schedule)` runs one.
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
