/** The alerts of `docs/observability.md` see the same jobs, whatever becomes of those that fail. */
import { Effect, type Metric, Schedule, type Scope } from "effect"
import { readFileSync } from "node:fs"
import { Watch, WorkerPool } from "sluice"
import { describe, expect, test } from "vitest"
import { after, runTimed, settle } from "../support/effect.js"
import { into, makeRegistry, type Registry, snapshotOf, valueOf } from "../support/metrics.js"

const guide = readFileSync(new URL("../../docs/observability.md", import.meta.url), "utf8")

/** The expression of the guide's alert. */
const alert = (name: string): string => {
  const row = guide.split("\n").find((line) => line.startsWith(`| ${name} |`))
  return row!.split(" | ")[1]!.replaceAll("\\|", "|")
}

/** The sum of the series that the n-th selector of the expression selects. */
const selected = (registry: Registry, expression: string, n: number): number => {
  const [, name, , outcome = ".*"] = [...expression.matchAll(/(sluice_pool_\w+)(\{outcome=~?"([^"]*)"\})?/g)][n]!
  const isSelected = ({ attributes = {}, id }: Metric.Metric.Snapshot) =>
    id === name!.replace(/_count$/, "") &&
    new RegExp(`^(${outcome})$`).test(Object.fromEntries(Object.entries(attributes))["outcome"] ?? "")
  const found = snapshotOf(registry).filter(isSelected)
  expect(found.length).toBeGreaterThan(0)
  return found.reduce((sum, one) => {
    const { count = 0, value = 0 } = one.state as { readonly count?: number; readonly value?: number }
    return sum + count + value
  }, 0)
}

type Job = Effect.Effect<unknown, string>
type Some = Partial<WorkerPool.Options<Job, unknown, string, never, unknown, string, Scope.Scope>>

const made = (registry: Registry, options: Some, test: (pool: Parameters<typeof WorkerPool.stats>[0]) => void) =>
  runTimed(
    into(registry)(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        watch: [Watch.metrics()],
        ...options,
        deadlines: { run: 100 },
        run: (job: Job) => job
      })
      const jobs: ReadonlyArray<Job> = [Effect.void, Effect.fail("refused"), Effect.die("a bug"), Effect.never]
      for (const job of jobs) {
        yield* WorkerPool.submit(pool, job)
        for (let n = 0; n < 4; n++) yield* Effect.andThen(after(100), settle)
      }
      test(pool as Parameters<typeof WorkerPool.stats>[0])
    }))
  )

const again = Schedule.recurs(1)

describe.each<[string, Some, readonly [failed: number, died: number, timedOut: number]]>([
  ["without dead letters", {}, [1, 1, 1]],
  ["with dead letters", { retry: { times: 0, deadLetters: {} } }, [1, 1, 1]],
  ["with a sink", { retry: { times: 0, deadLetters: { sink: () => Effect.void } } }, [1, 1, 1]],
  ["with retries", { retry: { schedule: again } }, [2, 1, 2]],
  ["with retries, poison and dead letters", { retry: { schedule: again, poison: { kills: 2 }, deadLetters: {} } }, [
    2,
    2,
    2
  ]]
])("%s", (name, options, [failed, died, timedOut]) => {
  test(`the alert of jobs that fail sees each of them ${name}`, () => {
    const registry = makeRegistry()
    return made(registry, options, () => {
      const expression = alert("jobs fail")
      expect([selected(registry, expression, 0), selected(registry, expression, 1)]).toEqual([3, 4])
    })
  })

  test(`the alert of a bug sees each defect ${name}`, () => {
    const registry = makeRegistry()
    return made(registry, options, () => {
      expect(selected(registry, alert("there is a bug"), 0)).toBe(died)
    })
  })

  test(`failed attempts are counted by how they failed ${name}`, () => {
    const registry = makeRegistry()
    return made(registry, options, (pool) => {
      const counts = ["failed", "died", "timedOut"].map((outcome) =>
        valueOf(registry, "attempts_failed_total", { outcome })
      )
      expect(counts).toEqual([failed, died, timedOut])
      // Each attempt, and no job of one attempt twice.
      expect(selected(registry, alert("a job hangs"), 0)).toBe(failed + died + timedOut + 1)
      expect(valueOf(registry, "jobs_retried_total")).toBe(failed + died + timedOut - 3)
      expect(WorkerPool.stats(pool).submitted).toBe(4)
    })
  })
})

test("the alert of a job that hangs is silent while attempts end, though their jobs go on", () => {
  const registry = makeRegistry()
  return runTimed(
    into(registry)(Effect.gen(function*() {
      const pool = yield* WorkerPool.make({
        size: 1,
        watch: [Watch.metrics()],
        retry: { schedule: Schedule.forever },
        run: (job: Job) => job
      })
      yield* WorkerPool.submit(pool, Effect.andThen(Effect.sleep(100), Effect.fail("refused")))
      const expression = alert("a job hangs")
      for (let n = 1; n < 5; n++) {
        yield* after(100)
        expect(selected(registry, expression, 0)).toBe(n)
      }
      expect([selected(registry, expression, 1), WorkerPool.stats(pool).failed]).toEqual([1, 0])
    }))
  )
})
