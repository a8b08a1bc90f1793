/** Reduces a schedule that fails to a small one that fails in the same way. */
import type { Chooser } from "./Chooser.js"
import { DepthFirst } from "./choosers/DepthFirst.js"
import { Replay } from "./choosers/Replay.js"
import type { Recorder } from "./Journal.js"
import type { Machine } from "./Machine.js"
import { type Plan, planned, recording, withoutFiber, withoutStop, withoutTurn } from "./Plan.js"
import type { Outcome, Program, Steps } from "./Run.js"
import type { Schedule } from "./Schedule.js"

/**
 * How many operations it may take all in all: about a second on a machine that does nothing else. With a bound in time
 * alone the same failure would be reduced less on a machine that is busy.
 */
const budget = 1_000_000
/** How long, in milliseconds, it may take where operations are slow. */
const patience = 5_000
/** How many small schedules are tried, in case a shorter one is not within the one that was found. */
const small = 1_500

export function* shrink(machine: Machine, program: Program, outcome: Outcome): Steps<Outcome> {
  const until = Date.now() + patience
  let operations = 0
  const isOver = () => operations >= budget || Date.now() >= until
  const same = (other: Outcome) =>
    other.problem !== undefined && other.problem.kind === outcome.problem?.kind &&
    (other.problem.kind !== "expectation" || other.problem.message === outcome.problem.message)
  let best = outcome

  function* attempt(chooser: Chooser, recorder?: Recorder): Steps<Outcome> {
    const candidate = yield* machine.run(program, chooser, { recorder })
    operations += candidate.operations
    return candidate
  }

  /** Whether it fails with these decisions; those that it did not come to are gone then. */
  function* accept(chooser: Chooser): Steps<boolean> {
    const candidate = yield* attempt(chooser)
    if (!same(candidate) || !isSimpler(candidate, best)) return false
    best = candidate
    return true
  }

  /** Leaves out ever smaller parts, until no single decision can be. */
  function* reduce(): Steps<void> {
    if (best.decisions.length > 0 && (yield* accept(new Replay([])))) return
    let size = Math.ceil(best.decisions.length / 2)
    while (size > 0 && !isOver()) {
      let from = 0
      let reduced = false
      while (from < best.decisions.length && !isOver()) {
        const without = [...best.decisions.slice(0, from), ...best.decisions.slice(from + size)]
        if (yield* accept(new Replay(without))) reduced = true
        else from += size
      }
      if (!reduced || size > 1) size = size === 1 ? 0 : Math.ceil(size / 2)
    }
  }

  /**
   * Lets fibers go on where they were stopped, and go later, with the turns of all others as they are. A decision says
   * which place in the queue goes next, so that without an earlier one it means another fiber: where each of many
   * decisions counts on those before it, `reduce` can leave out none.
   */
  function* straighten(): Steps<void> {
    const first = recording(new Replay(best.decisions))
    yield* attempt(first)
    let plan = first.plan()
    /** Whether one of these fails too, and is simpler. */
    function* follow(candidates: ReadonlyArray<Plan>): Steps<boolean> {
      for (const candidate of candidates) {
        const run = recording(planned(candidate))
        if (!(yield* accept(run))) continue
        plan = run.plan()
        return true
      }
      return false
    }
    for (let changed = true; changed;) {
      changed = false
      for (const change of [withoutFiber, withoutStop, withoutTurn]) {
        for (let i = 0; !isOver();) {
          const candidates = change(plan, i)
          if (candidates === undefined) break
          if (yield* follow(candidates)) changed = true
          else i++
        }
      }
    }
  }

  /** Puts the default in the place of each pick, and lower numbers in the place of the test's own choices. */
  function* simplify(): Steps<void> {
    let changed = false
    for (let i = 0; i < best.decisions.length && !isOver(); i++) {
      const decision = best.decisions[i]
      if (decision === undefined || decision.kind === "interrupt" || decision.kind === "nested") continue
      for (let pick = 0; pick < decision.pick; pick++) {
        const simpler = best.decisions.map((other) => other === decision ? { ...decision, pick } : other)
        if (!(yield* accept(new Replay(simpler)))) continue
        changed = true
        break
      }
    }
    if (changed) yield* reduce()
  }

  /** The least there is: a failure with fewer preemptions and interrupts than this one, looked for systematically. */
  function* least(): Steps<void> {
    const { cancels, preemptions } = costOf(best.decisions)
    // At the same cost, too: which of those ready goes next costs nothing, and may be one decision more.
    for (let cost = 0; cost <= cancels + preemptions; cost++) {
      for (let c = 0; c <= cost; c++) {
        const search = new DepthFirst({ preemptions: cost - c, cancels: c })
        for (let i = 0; i < small && !isOver(); i++) {
          const candidate = yield* attempt(search, search)
          const simpler = cost < cancels + preemptions || candidate.decisions.length < best.decisions.length
          if (same(candidate) && simpler) {
            best = candidate
            yield* reduce()
            return
          }
          if (!search.advance()) break
        }
      }
    }
  }

  yield* reduce()
  if (best.decisions.length > 1) {
    yield* straighten()
    yield* reduce()
  }
  yield* simplify()
  yield* least()
  return best
}

const costOf = (decisions: Schedule) => {
  const count = (kind: Schedule[number]["kind"]) => decisions.filter((decision) => decision.kind === kind).length
  const cancels = count("interrupt") + count("nested")
  return { cancels, preemptions: Math.max(0, count("preempt") - cancels) }
}

const isSimpler = (a: Outcome, b: Outcome): boolean => {
  if (a.decisions.length !== b.decisions.length) return a.decisions.length < b.decisions.length
  const sum = (outcome: Outcome) => outcome.decisions.reduce((total, { pick }) => total + pick, 0)
  return sum(a) < sum(b) || (sum(a) === sum(b) && a.operations < b.operations)
}
