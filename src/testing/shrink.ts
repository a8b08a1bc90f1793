/** Reduces a schedule that fails to a small one that fails in the same way. */
import { Enumeration } from "./Enumeration.js"
import type { Machine, Outcome, Program } from "./Machine.js"
import type { Schedule } from "./Schedule.js"
import { scripted } from "./scripted.js"

/** How long, in milliseconds, it may take all in all. */
const patience = 800
/** How many small schedules are tried, in case a shorter one is not within the one that was found. */
const small = 1_500

type Steps<A> = Generator<void, A, boolean>

export function* shrink(machine: Machine, program: Program, outcome: Outcome): Steps<Outcome> {
  const until = Date.now() + patience
  const same = (other: Outcome) =>
    other.problem !== undefined && other.problem.kind === outcome.problem?.kind &&
    (other.problem.kind !== "expectation" || other.problem.message === outcome.problem.message)
  let best = outcome

  /** Whether it fails with these decisions; those that it did not come to are gone then. */
  function* accept(decisions: Schedule): Steps<boolean> {
    const candidate = yield* machine.run(program, scripted(decisions))
    if (!same(candidate) || !isSimpler(candidate, best)) return false
    best = candidate
    return true
  }

  /** Leaves out ever smaller parts, until no single decision can be. */
  function* reduce(): Steps<void> {
    if (best.decisions.length > 0 && (yield* accept([]))) return
    let size = Math.ceil(best.decisions.length / 2)
    while (size > 0 && Date.now() < until) {
      let from = 0
      let reduced = false
      while (from < best.decisions.length && Date.now() < until) {
        const without = [...best.decisions.slice(0, from), ...best.decisions.slice(from + size)]
        if (yield* accept(without)) reduced = true
        else from += size
      }
      if (!reduced || size > 1) size = size === 1 ? 0 : Math.ceil(size / 2)
    }
  }

  /** Puts the default in the place of each pick, and lower numbers in the place of the test's own choices. */
  function* simplify(): Steps<void> {
    for (let i = 0; i < best.decisions.length && Date.now() < until; i++) {
      const decision = best.decisions[i]
      if (decision === undefined || decision.kind === "interrupt" || decision.kind === "nested") continue
      for (let pick = 0; pick < decision.pick; pick++) {
        const simpler = best.decisions.map((other) => other === decision ? { ...decision, pick } : other)
        if (yield* accept(simpler)) break
      }
    }
  }

  /** The least there is: a failure with fewer preemptions and interrupts than this one, looked for systematically. */
  function* least(): Steps<void> {
    const { cancels, preemptions } = costOf(best.decisions)
    // At the same cost, too: which of those ready goes next costs nothing, and may be one decision more.
    for (let cost = 0; cost <= cancels + preemptions; cost++) {
      for (let c = 0; c <= cost; c++) {
        const enumeration = new Enumeration({ preemptions: cost - c, cancels: c })
        for (let i = 0; i < small && Date.now() < until; i++) {
          const candidate = yield* machine.run(program, enumeration, { recorder: enumeration })
          const simpler = cost < cancels + preemptions || candidate.decisions.length < best.decisions.length
          if (same(candidate) && simpler) {
            best = candidate
            yield* reduce()
            return
          }
          if (!enumeration.advance()) break
        }
      }
    }
  }

  yield* reduce()
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
