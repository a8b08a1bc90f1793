/** The view of a pool's threads: which there are, and what each does. */
import { type Duration, Effect, Fiber, Scope } from "effect"
import { WorkerPool } from "sluice"
import { Inspect } from "sluice/inspect"
import { ThreadPool } from "sluice/threads"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { Described } from "../../src/internal/Described.js"
import { annotationsOf } from "../../src/internal/inspect/interruptions.js"
import { isTagged } from "../../src/internal/threads/protocol.js"
import { setWatch, type View, type Viewable, ViewTypeId, type Watch, watch } from "../../src/internal/view.js"
import { run, settle, start } from "../support/effect.js"
import { Puppets } from "../support/puppets.js"
import { compiled, shared, until } from "../support/threads.js"
import type { jobs } from "../threads/jobs.js"

const module = compiled("jobs")

let before: Watch | undefined
let seen: Array<Viewable> = []

beforeEach(() => {
  before = watch
  seen = []
  setWatch({ sweptAt: 0, cancelled: annotationsOf, appeared: (self) => void seen.push(self) })
})
afterEach(() => {
  setWatch(before)
  vi.unstubAllGlobals()
})

const crew = (): Viewable => {
  const found = seen.find((self) => self[ViewTypeId]("all")?.kind === "threads")
  if (found === undefined) throw new Error("no threads have appeared")
  return found
}

const viewOf = (): View => crew()[ViewTypeId]("all")!

/** All but the objects. */
const threads = () =>
  viewOf().threads!.map(({ calls, id, state }) => ({
    id,
    state,
    calls: calls.map(({ begun, name, seat }) => ({ name, seat, begun }))
  }))

describe("real threads", () => {
  const make = (
    options: { readonly size?: number; readonly prefetch?: number; readonly grace?: Duration.Input } = {}
  ) => ThreadPool.make<typeof jobs>({ name: "images", module, size: 1, ...options })

  test("are shown with the call that has begun, and the call that has not", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ prefetch: 1, grace: 0 })
      expect(threads()).toEqual([{ id: 1, state: "serving", calls: [] }])
      const begun = shared(1)
      const running = yield* start(pool.run.forever(begun))
      yield* until(() => begun[0] === 1)
      const waiting = yield* start(pool.run.add(1))
      const [first, second] = viewOf().threads![0]!.calls
      expect(first).toMatchObject({ name: "forever", begun: true })
      expect(second).toMatchObject({ name: "add", begun: false })
      expect(first!.seat).not.toBe(second!.seat)
      expect(viewOf().stats).toEqual({ threads: 1, calls: 2, waiting: 0 })
      // The fibers of the jobs, as the pool has them.
      const workers = seen.map((self) => self[ViewTypeId]("all")).find((view) => view?.kind === "pool")!.workers!
      expect([first, second].map((call) => call!.node)).toEqual(
        ["forever", "add"].map((_, i) => workers.find(({ job }) => job === i + 1)!.fiber)
      )
      yield* Fiber.interrupt(waiting)
      expect(threads()[0]!.calls).toEqual([{ name: "forever", seat: first!.seat, begun: true }])
      expect(viewOf().threads![0]!.calls[0]!.key).toBe(first!.key)
      yield* Fiber.interrupt(running)
    })))

  test("are shown with a call that has begun and is asked to stop", () =>
    run(Effect.gen(function*() {
      const pool = yield* make({ grace: "1 minute" })
      const told = shared(3)
      const running = yield* start(pool.run.holding([told, 20]))
      yield* until(() => told[0] === 1)
      const stopping = yield* start(Fiber.interrupt(running))
      expect(threads()[0]!.calls).toEqual([{ name: "holding", seat: 0, begun: true }])
      yield* Fiber.await(stopping)
      expect(threads()[0]!.calls).toEqual([])
    })))

  test("are numbered by their places, and vacant after the end of the pool", () =>
    run(Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(make({ size: 2 }), scope)
      expect(threads().map(({ id, state }) => [id, state])).toEqual([[1, "serving"], [2, "serving"]])
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      expect(threads().map(({ id, state }) => [id, state])).toEqual([[1, "vacant"], [2, "vacant"]])
      expect(viewOf().stats).toMatchObject({ threads: 0 })
    })))
})

describe("the threads of a pool", () => {
  const make = (platform: Puppets) =>
    ThreadPool.make<typeof jobs>({ name: "images", module, size: 1, concurrency: 2, platform })

  test("have the pool's name, and are found as the other resources are", () =>
    run(Effect.gen(function*() {
      const threads = new Puppets((puppet) => queueMicrotask(() => puppet.serve()))
      yield* make(threads)
      expect(viewOf()).toMatchObject({ version: 1, kind: "threads", name: "images", lines: [], waits: [] })
      expect(viewOf().self).toBe(crew())
      const self = crew()
      if (!(self instanceof Described)) throw new Error("expected an instance of Described")
      expect(self.toJSON()).toEqual({ _id: "Threads", name: "images", threads: 1, calls: 0, waiting: 0 })
    })))

  test("have waits of workers for a thread, which hold nothing and are never stuck", () =>
    run(Effect.gen(function*() {
      const threads = new Puppets()
      const making = yield* start(make(threads))
      yield* settle
      expect(viewOf().threads).toEqual([{ id: 1, state: "starting", calls: [] }])
      const { stats, waits } = viewOf()
      expect(stats).toEqual({ threads: 1, calls: 0, waiting: 2 })
      expect(waits.map(({ all, any, for: what, rooms, who }) => [who, what, rooms, all, any])).toEqual(
        [1, 2].map(() => ["fiber", "a thread", undefined, undefined, undefined])
      )
      // The workers' own fibers, which the pool shows.
      const workers = seen.map((self) => self[ViewTypeId]("all")).find((view) => view?.kind === "pool")!.workers!
      expect(waits.map(({ node }) => node)).toEqual(workers.map(({ fiber }) => fiber))
      threads.all[0]!.serve()
      yield* Fiber.await(making)
      expect(viewOf().waits).toEqual([])
    })))

  test("have no view where a sweep asks for waits alone", () =>
    run(Effect.gen(function*() {
      const threads = new Puppets()
      yield* start(make(threads))
      yield* settle
      expect(crew()[ViewTypeId]("waits")).toBe(undefined)
      threads.all[0]!.serve()
    })))

  test("are explained, with the pool, by the pool of threads", () =>
    run(Effect.gen(function*() {
      const threads = new Puppets((puppet) => queueMicrotask(() => puppet.serve()))
      const pool = yield* make(threads)
      expect(yield* Inspect.explain(pool)).toBe(
        "Pool images: 0 of 2 workers busy. Nobody waits for it. " +
          "Threads images: 1 thread serving. Thread 1 is serving: no calls. Nobody waits for it."
      )
      yield* start(WorkerPool.run(pool.workers, { name: "add", input: 1 }))
      yield* settle
      const why = yield* Inspect.explain(pool)
      expect(why).toContain("Pool images: 1 of 2 workers busy, 1 waits. Fiber")
      expect(why).toMatch(/waits for job 1 of pool images.*\. Job 1 of pool images is suspended outside of sluice/)
      expect(why).toMatch(/Threads images: 1 thread serving\. Thread 1 is serving: add/)
      // Its pool alone.
      expect(yield* Inspect.explain(pool.workers)).not.toContain("Threads images")
    })))

  test("show how a thread ends", () =>
    run(Effect.gen(function*() {
      const threads = new Puppets((puppet) => {
        puppet.isHeld = true
        queueMicrotask(() => puppet.serve(true))
      })
      const scope = yield* Scope.make()
      yield* Scope.provide(make(threads), scope)
      const [puppet] = threads.all
      const closing = yield* start(Scope.close(scope, yield* Effect.exit(Effect.void)))
      const stateOf = () => viewOf().threads![0]!.state
      yield* until(() => puppet!.posted.some((message) => isTagged(message) && message._tag === "close"))
      expect(stateOf()).toBe("asked")
      puppet!.say({ _tag: "closing" })
      expect(stateOf()).toBe("closing")
      puppet!.say({ _tag: "closed" })
      expect(stateOf()).toBe("ending")
      puppet!.end()
      yield* Fiber.await(closing)
      expect(stateOf()).toBe("vacant")
    })))

  test("know of no call that it has begun where memory is not shared", () =>
    run(Effect.gen(function*() {
      vi.stubGlobal("SharedArrayBuffer", undefined)
      const threads = new Puppets((puppet) => queueMicrotask(() => puppet.serve()))
      const pool = yield* make(threads)
      yield* start(WorkerPool.run(pool.workers, { name: "add", input: 1 }))
      yield* settle
      expect(viewOf().threads![0]!.calls).toMatchObject([{ name: "add", begun: false }])
      threads.all[0]!.end()
    })))
})
