import { Effect, Scope } from "effect"
import { Group, Semaphore } from "sluice"
import { Inspect } from "sluice/inspect"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { startWatch } from "../../src/internal/inspect/look.js"
import { type Guard, limits, Orders } from "../../src/internal/inspect/order.js"
import { collectGarbage } from "../support/effect.js"

const collect = (): Promise<void> => Effect.runPromise(collectGarbage)

let watch: ReturnType<typeof startWatch> | undefined

beforeEach(() => {
  watch = startWatch(() => performance.now(), false)
})

afterEach(() => {
  watch?.stop()
  watch = undefined
})

const sweep = (): void => void watch?.registry.sweep()

/** A semaphore of one permit, a fiber that never returns it, and perhaps one that waits. Nothing refers to them. */
const abandoned = (waits: boolean) => {
  const semaphore = Semaphore.makeUnsafe(1, { name: "abandoned" })
  const holder = Effect.runFork(Semaphore.withPermit(semaphore, Effect.never))
  if (waits) Effect.runFork(Semaphore.withPermit(semaphore, Effect.void))
  return { semaphore: new WeakRef(semaphore), holder: new WeakRef(holder) }
}

const names = async (): Promise<ReadonlyArray<string | undefined>> =>
  (await Effect.runPromise(Inspect.dump)).resources.map(({ name }) => name)

describe("while somebody watches (I6)", () => {
  test("a resource that nobody waits for is collected, with its holders", async () => {
    const { holder, semaphore } = abandoned(false)
    sweep()
    await collect()
    expect(semaphore.deref()).toBe(undefined)
    expect(holder.deref()).toBe(undefined)
    expect(await names()).toEqual([])
  })

  test("a group whose children nobody waits for is collected, and they are", async () => {
    const abandon = () => {
      const scope = Scope.makeUnsafe()
      const group = Effect.runSync(Scope.provide(Group.make(), scope))
      Effect.runFork(Group.go(group, Effect.never))
      return new WeakRef(group)
    }
    const group = abandon()
    sweep()
    await collect()
    expect(group.deref()).toBe(undefined)
  })

  test("a resource that somebody waits for is kept, until nobody watches", async () => {
    const { semaphore } = abandoned(true)
    sweep()
    await collect()
    expect(await names()).toEqual(["abandoned"])
    watch?.stop()
    watch = undefined
    await collect()
    expect(semaphore.deref()).toBe(undefined)
  })

  test("a holder is collected, though others wait, and its permits count as lost", async () => {
    const semaphore = Semaphore.makeUnsafe(2)
    const hold = () => new WeakRef(Effect.runFork(Semaphore.withPermit(semaphore, Effect.never)))
    const holder = hold()
    const waiter = Effect.runFork(Semaphore.withPermits(semaphore, 2, Effect.void))
    sweep()
    await collect()
    sweep()
    expect(holder.deref()).toBe(undefined)
    const dump = await Effect.runPromise(Inspect.dump)
    expect(dump.resources[0]?.lines).toMatchObject([{ held: 1, lost: 1, holders: [] }])
    waiter.interruptUnsafe()
  })

  test("permits that come back do not count as lost", async () => {
    const semaphore = Semaphore.makeUnsafe(1)
    for (let n = 0; n < 3; n++) {
      const fiber = Effect.runFork(Semaphore.withPermit(semaphore, Effect.never))
      const waiter = Effect.runFork(Semaphore.withPermit(semaphore, Effect.void))
      sweep()
      fiber.interruptUnsafe()
      await collect()
      sweep()
      expect(waiter.pollUnsafe()).not.toBe(undefined)
    }
    Effect.runFork(Semaphore.withPermit(semaphore, Effect.never))
    const dump = await Effect.runPromise(Inspect.dump)
    expect(dump.resources[0]?.lines[0]?.lost).toBe(undefined)
  })
})

test("a look keeps nothing from being collected (I1)", async () => {
  const { holder, semaphore } = abandoned(false)
  await Effect.runPromise(Inspect.dump)
  await collect()
  expect(semaphore.deref()).toBe(undefined)
  expect(holder.deref()).toBe(undefined)
})

test("an order of resources that were collected makes room for others", async () => {
  const orders = new Orders<Guard, string>({ ...limits, edges: 2 })
  const wants = {}
  const see = (holds: object) =>
    orders.add({ by: 1, wants, holds: [{ of: holds, weight: 1, capacity: 1 }] }, () => "an edge")
  const abandon = () => {
    for (let n = 0; n < 3; n++) see({})
  }
  abandon()
  expect(orders.size).toBe(2)
  await collect()
  const kept = {}
  see(kept)
  expect(orders.size).toBe(1)
  const back = { by: 2, wants: kept, holds: [{ of: wants, weight: 1, capacity: 1 }] }
  expect(orders.add(back, () => "back").length).toBe(1)
})
