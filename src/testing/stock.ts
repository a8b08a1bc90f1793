/**
 * A search for the same failure on the stock runtime, and for a program that shows it. The scenario's actors run on
 * Effect's own scheduler. The actors that the schedule interrupts are interrupted after some turns; the number of turns
 * is found by trying.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type { Problem } from "./oracles.js"
import { Kit, numbered, type Scenario } from "./Scenario.js"
import { VirtualClock } from "./VirtualClock.js"

/** An actor to interrupt, after that many turns of a fiber that does nothing else. */
export interface Interruption {
  readonly actor: string
  readonly turns: number
}

/** This many turns are tried; and as many let everything come to its end. */
const maxTurns = 24
const settledTurns = 200

const turns = (n: number): Effect.Effect<void> => n <= 0 ? Effect.void : Effect.andThen(Effect.yieldNow, turns(n - 1))

/** The problem of one run on Effect's scheduler, whose event loop is this function. */
const runStock = ({ body }: Scenario, interruptions: ReadonlyArray<Interruption>): string | undefined => {
  const queue = new Set<() => void>()
  const scheduler = new Scheduler.MixedScheduler("async", (task) => {
    queue.add(task)
    return () => void queue.delete(task)
  })
  const actors: Array<{ readonly name: string; readonly fiber: Fiber.Fiber<unknown, unknown> }> = []
  let problem: string | undefined
  const fail = (message: string) => void (problem ??= message)
  const actor: Kit["actor"] = (name, effect) =>
    Effect.map(Effect.forkDetach(effect), (fiber) => {
      actors.push({ name, fiber })
      const interruption = interruptions.find(({ actor }) => actor === name)
      if (interruption !== undefined) {
        const interrupt = Effect.andThen(turns(interruption.turns), Effect.sync(() => fiber.interruptUnsafe()))
        Effect.runFork(interrupt, { scheduler })
      }
      return fiber
    })
  const t: Kit = {
    actor,
    actors: (name, n, effect) => Effect.forEach(numbered(name, n), (each) => actor(each, effect)),
    settled: Effect.andThen(
      turns(settledTurns),
      Effect.sync(() => {
        if (actors.every(({ fiber }) => fiber.pollUnsafe() !== undefined)) return
        // The program does not wait for timers, and would call a fiber stuck that only sleeps.
        fail(clock.timers.length > 0 ? "an actor sleeps" : "deadlock")
      })
    ),
    expect: (condition, message) =>
      Effect.sync(() => {
        if (!(typeof condition === "function" ? condition() : condition)) fail(message)
      }),
    always: () => Effect.void,
    op: (_name, _argument, effect) => effect,
    // The program has none, so that what it decides cannot be shown.
    history: Effect.sync(() => {
      fail("the history is read")
      return []
    }),
    linearizable: () => Effect.void,
    choose: (values) => Effect.sync(() => values[0] as (typeof values)[number]),
    get turn() {
      return turn
    }
  }
  const clock = new VirtualClock()
  let turn = 0
  let left = 0
  const context = Context.make(Scope.Scope, Scope.makeUnsafe()).pipe(
    Context.add(Kit, t),
    Context.add(Clock.Clock, clock)
  )
  const main = Effect.runForkWith(context)(Effect.suspend(() => body(t)), { scheduler })
  for (let i = 0; i < 10_000; i++) {
    // Tasks that are ready together run in one turn; those that they make ready, in the next.
    if (left === 0) {
      turn++
      left = Math.max(1, queue.size)
    }
    left--
    const task = queue.values().next().value ?? clock.advance(0)?.fire
    if (task === undefined) break
    queue.delete(task)
    task()
  }
  const exit = main.pollUnsafe()
  if (exit !== undefined && Exit.isFailure(exit)) fail(`main failed: ${String(Cause.squash(exit.cause))}`)
  const stuck = actors.filter(({ fiber }) => fiber.pollUnsafe() === undefined)
  if (exit === undefined || stuck.length > 0) fail("deadlock")
  return problem
}

/** The interruptions that show the schedule's failure on the stock runtime; undefined if none were found that do. */
export const onStock = (
  scenario: Scenario,
  problem: Problem,
  victims: ReadonlyArray<string>
): ReadonlyArray<Interruption> | undefined => {
  if ((problem.kind !== "deadlock" && problem.kind !== "expectation") || victims.length > 2) return undefined
  const shows = (interruptions: ReadonlyArray<Interruption>) => {
    try {
      return runStock(scenario, interruptions) === (problem.kind === "deadlock" ? "deadlock" : problem.message)
    } catch {
      return false
    }
  }
  const [first, second] = victims
  if (first === undefined) return shows([]) ? [] : undefined
  for (let turns = 0; turns < maxTurns; turns++) {
    if (second === undefined) {
      if (shows([{ actor: first, turns }])) return [{ actor: first, turns }]
      continue
    }
    for (let other = 0; other < maxTurns; other++) {
      const both = [{ actor: first, turns }, { actor: second, turns: other }]
      if (shows(both)) return both
    }
  }
  return undefined
}

/** Modules of effect, as a scenario may name them. */
const modules = [
  "Cache",
  "Cause",
  "Context",
  "Deferred",
  "Duration",
  "Effect",
  "Exit",
  "Fiber",
  "FiberHandle",
  "FiberMap",
  "FiberSet",
  "Latch",
  "Layer",
  "Option",
  "PartitionedSemaphore",
  "Pool",
  "PubSub",
  "Queue",
  "RcMap",
  "RcRef",
  "Ref",
  "Result",
  "Schedule",
  "Scope",
  "Semaphore",
  "Stream",
  "SubscriptionRef",
  "SynchronizedRef",
  "TxRef",
  "TxSemaphore"
]

/** The members that a program's kit has only if the scenario uses them. */
const onlyIfUsed: Readonly<Record<string, ReadonlyArray<string>>> = {
  actors: [
    "  actors: (name, n, effect) =>",
    "    Effect.forEach(Array.from({ length: n }, (_, i) => `${name} ${i + 1}`), (each) => t.actor(each, effect))"
  ],
  turn: ["  get turn() {", "    return turn", "  }"],
  always: ["  always: () => Effect.void"],
  op: ["  op: (name, argument, effect) => effect"],
  linearizable: ["  linearizable: () => Effect.void"],
  choose: ["  choose: (values) => Effect.succeed(values[0])"]
}

/** The program: the scenario's own source, with the least of a kit that it needs. */
export const standAlone = (
  { body }: Scenario,
  problem: Problem,
  interruptions: ReadonlyArray<Interruption>
): string => {
  // A test runner's compiler turns an imported name into these.
  const source = Function.prototype.toString.call(body)
    .replace(/\(0,\s*__vi(?:te_ssr)?_import_\d+__\.(\w+)\)/g, "$1")
    .replace(/__vi(?:te_ssr)?_import_\d+__\./g, "")
  const used = modules.filter((name) => name === "Effect" || new RegExp(`\\b${name}\\.`).test(source))
  const uses = (name: string) => new RegExp(`\\b${name}\\b`).test(source)
  const kit = [
    [
      "  actor: (name, effect) =>",
      "    Effect.map(Effect.forkDetach(effect), (fiber) => {",
      "      actors.push({ name, fiber })",
      "      if (Object.hasOwn(interruptAfter, name)) {",
      "        Effect.runFork(Effect.andThen(turns(interruptAfter[name]), Effect.sync(() => fiber.interruptUnsafe())))",
      "      }",
      "      return fiber",
      "    })"
    ],
    [
      "  settled: Effect.andThen(",
      `    turns(${settledTurns}),`,
      "    Effect.sync(() => {",
      "      for (const { name, fiber } of actors) {",
      `        if (fiber.pollUnsafe() === undefined) throw new Error(name + " waits forever")`,
      "      }",
      "    })",
      "  )"
    ],
    [
      "  expect: (condition, message) =>",
      "    Effect.sync(() => {",
      `      if (!(typeof condition === "function" ? condition() : condition)) throw new Error(message)`,
      "    })"
    ],
    ...Object.entries(onlyIfUsed).flatMap(([name, lines]) => uses(name) ? [lines] : [])
  ]
  return [
    `// ${problem.kind}: ${problem.message.split(/[\n\r\u2028\u2029]/)[0] ?? ""}`,
    `// On the stock runtime, without a kit. Names that the scenario takes from its surroundings are to be added.`,
    `import { ${used.join(", ")} } from "effect"`,
    "",
    `const body = ${source}`,
    "",
    "const turns = (n) => n <= 0 ? Effect.void : Effect.andThen(Effect.yieldNow, turns(n - 1))",
    `const interruptAfter = ${
      JSON.stringify(Object.fromEntries(interruptions.map(({ actor, turns }) => [actor, turns])))
    }`,
    ...(uses("turn")
      ? ["let turn = 0", "const count = () => void (turn++, setImmediate(count).unref())", "count()"]
      : []),
    "const actors = []",
    "const t = {",
    kit.map((lines) => lines.join("\n")).join(",\n"),
    "}",
    "await Effect.runPromise(Effect.scoped(Effect.andThen(body(t), t.settled)))"
  ].join("\n")
}
