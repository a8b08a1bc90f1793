/** The turns of the event loop, as a scenario sees them. */
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { explore, type Kit, replay, run, scenario } from "sluice/testing"
import { describe, expect, test } from "vitest"

/** The turn in which each step of a default run comes, counted from the first one noted. */
const turnsOf = (
  body: (t: Kit, note: (name: string) => Effect.Effect<void>) => Effect.Effect<unknown>,
  key = "s1:"
) => {
  const noted: Array<readonly [string, number]> = []
  const self = scenario((t) => body(t, (name) => Effect.sync(() => void noted.push([name, t.turn]))))
  expect(run(self, key).failure).toBeUndefined()
  const first = noted[0]?.[1] ?? 0
  return noted.map(([name, turn]) => `${name}${turn - first}`).join(" ")
}

describe("t.turn", () => {
  test("is the same for tasks that are ready together, and the next for what they make ready", () => {
    const turns = turnsOf((t, note) =>
      Effect.forEach(["a", "b", "c"], (name) =>
        t.actor(
          name,
          note(name).pipe(
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(note(name)),
            Effect.andThen(Effect.yieldNow),
            Effect.andThen(note(name))
          )
        ))
    )
    expect(turns).toBe("a0 b0 c0 a1 b1 c1 a2 b2 c2")
  })

  test("is the same for what runs inline", () => {
    const turns = turnsOf((t, note) =>
      t.actor(
        "a",
        Effect.andThen(note("a"), Effect.andThen(Effect.forkChild(note("b"), { startImmediately: true }), note("c")))
      )
    )
    expect(turns).toBe("a0 b0 c0")
  })

  test("is the same for timers of one time that fire one after the other, another for those of another time", () => {
    const sleeper = (t: Kit, name: string, millis: number, note: (name: string) => Effect.Effect<void>) =>
      t.actor(name, Effect.andThen(Effect.sleep(millis), note(name)))
    const turns = turnsOf((t, note) =>
      Effect.andThen(
        note("main"),
        Effect.forEach([["a", 1], ["b", 1], ["c", 2]] as const, ([name, millis]) => sleeper(t, name, millis, note))
      )
    )
    // Main, the three actors that begin to sleep, and the timers.
    expect(turns).toBe("main0 a2 b2 c3")
  })

  test("is another one for tasks that run between timers of one time", () => {
    const turns = turnsOf((t, note) =>
      Effect.andThen(
        t.actor(
          "a",
          Effect.andThen(Effect.sleep(1), Effect.andThen(note("a"), Effect.andThen(Effect.yieldNow, note("a"))))
        ),
        t.actor("b", Effect.andThen(Effect.sleep(1), note("b")))
      )
    )
    expect(turns).toBe("a0 a1 b2")
  })

  test("is that of an interrupt alone: tasks that were ready before it run in the next", () => {
    const self = (key: string) =>
      turnsOf((t, note) =>
        Effect.andThen(
          t.actor("a", Effect.onExit(Effect.andThen(note("a"), Effect.sleep(1)), () => note("x"))),
          t.actor("b", note("b"), { cancel: false })
        ), key)
    const all = new Set<string>()
    for (let operation = 1; operation < 12; operation++) all.add(self(`s1:1.${operation}x1`))
    expect([...all]).toContain("a0 x1 b2")
  })

  test("ends with a task that has become ready in it, in whatever order they run", () => {
    const self = scenario((t) =>
      Effect.gen(function*() {
        let made = -1
        yield* t.actor(
          "a",
          Effect.andThen(
            Effect.suspend(() => {
              made = t.turn
              return Effect.yieldNow
            }),
            Effect.suspend(() => t.expect(t.turn > made, "ran in the turn in which it became ready"))
          )
        )
        yield* t.actor("b", Effect.yieldNow)
        yield* t.actor("c", Effect.yieldNow)
      })
    )
    expect(explore(self, { runs: 300, realism: "any" }).failure).toBeUndefined()
    expect(explore(self, { strategy: { exhaustive: { preemptions: 1, cancels: 0 } } }).failure).toBeUndefined()
  })

  test("never goes back, and begins anew in each run", () => {
    let before = Infinity
    const self = scenario((t) =>
      Effect.gen(function*() {
        const begun = t.turn
        let latest = begun
        yield* t.expect(begun <= before, "goes on from the run before")
        before = begun
        yield* t.always(() => t.turn >= latest && Number.isInteger(latest = t.turn), "went back")
        yield* Effect.forEach(
          ["a", "b", "c"],
          (name) => t.actor(name, Effect.andThen(Effect.sleep(1), Effect.yieldNow))
        )
        yield* t.settled
        yield* t.expect(t.turn > latest, "the check is a turn of its own")
      })
    )
    expect(explore(self, { runs: 200, realism: "any" }).failure).toBeUndefined()
  })
})

test("timers of one time fire before what the first has made ready, or after it", () => {
  const orders = new Set<string>()
  const self = scenario((t) =>
    Effect.gen(function*() {
      let order = ""
      const note = (name: string) => Effect.sync(() => void (order += name))
      const a = Effect.andThen(note("a"), Effect.andThen(Effect.yieldNow, note("A")))
      yield* t.actor("a", Effect.andThen(Effect.sleep(1), a), { cancel: false })
      yield* t.actor("b", Effect.andThen(Effect.sleep(1), note("b")), { cancel: false })
      yield* t.actor("c", Effect.andThen(Effect.sleep(2), note("c")), { cancel: false })
      yield* t.settled
      orders.add(order)
    })
  )
  expect(explore(self, { strategy: { exhaustive: { preemptions: 0, cancels: 0 } } }).exhausted).toBe(true)
  expect([...orders].sort()).toEqual(["aAbc", "abAc", "baAc"])
})

test("t.turn is there in the program for the stock runtime", () => {
  const self = scenario((t) =>
    Effect.gen(function*() {
      const begun = t.turn
      let later = begun
      yield* t.actor("a", Effect.andThen(Effect.yieldNow, Effect.sync(() => void (later = t.turn))), { cancel: false })
      yield* t.settled
      yield* t.expect(later === begun, "a later turn")
    })
  )
  const { failure } = explore(self)
  expect(failure?.message).toBe("a later turn")
  const folder = join(import.meta.dirname, "../../node_modules/.cache/sluice-programs")
  mkdirSync(folder, { recursive: true })
  const file = join(folder, "turn.mjs")
  writeFileSync(file, failure?.program ?? "")
  expect(spawnSync(process.execPath, [file], { encoding: "utf8" }).stderr).toContain("Error: a later turn")
  expect(replay(self, failure!.key).failure?.message).toBe("a later turn")
})
