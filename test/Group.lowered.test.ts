/** G9 where the limit has been lowered below the number of children that run. */
import { Cause, Deferred, Effect } from "effect"
import { Group } from "sluice"
import { expect, test } from "vitest"
import { run, settle } from "./support/effect.js"

test("a child is refused once the last one that did not wait has succeeded, though that has freed no place (G9)", () =>
  run(Effect.gen(function*() {
    const group = yield* Group.make({ limit: 2, onFailure: "continue" })
    const gate = yield* Deferred.make<void>()
    yield* Group.go(group, Deferred.await(gate))
    yield* Group.go(group, Effect.andThen(Effect.yieldNow, Group.go(group, Effect.void)))
    yield* Group.setLimit(group, 1)
    yield* settle
    expect(Group.stats(group)).toMatchObject({ active: 2, waiting: 1 })
    yield* Deferred.succeed(gate, undefined)
    yield* settle
    expect(Group.stats(group)).toMatchObject({ active: 0, waiting: 0, succeeded: 1, failed: 1 })
    expect(Group.failures(group).map(Cause.squash)).toEqual([new Group.GroupDeadlock({ group: undefined, limit: 1 })])
  })))
