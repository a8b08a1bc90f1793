/** What holds of a pool of threads whatever the schedule is. */
import { exhausted } from "../scenarios/threads.js"
import { lawsOf, soak } from "../support/property.js"

// With a preemption they take 20,000 schedules and more: those are for `SOAK`.
const long = [
  "make",
  "make, where one fails to start",
  "make, where one ends as it starts",
  "run, two threads",
  "runWithProgress",
  "run, two at a time",
  "cancel, of one that is stuck",
  "cancel, of one that is stuck, with one at hand",
  "cancel, of one that has not begun",
  "a defect, with one at hand",
  "a defect, beside one that waits",
  "a defect, and a crash",
  "a defect, and shutdown",
  "a crash, with one at hand",
  "a crash, and shutdown",
  "a crash, and no other thread",
  "a crash, and the next one fails to start",
  "maxCalls",
  "maxCalls, with one at hand",
  "maxCalls, two at a time",
  "maxCalls, and a crash",
  "maxCalls, and shutdown",
  "maxHeap, with one at hand",
  "shutdownNow, of one that is stuck",
  "a thread that is blocked outside of a call",
  "a cancel that finds its thread awake",
  "the scope closes, and the thread ends by itself",
  "the scope closes, and a finalizer dies"
]

lawsOf(exhausted, {
  bounds: (name) => ({ preemptions: soak > 1 || !long.includes(name) ? 1 : 0, cancels: 1 }),
  runs: 500
})
