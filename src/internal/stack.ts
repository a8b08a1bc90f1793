/**
 * Keeps the JavaScript stack flat.
 *
 * Resuming, interrupting or starting a fiber runs it on the caller's stack, up to its next suspension. That is what
 * makes a hand-over fast, and what makes a chain of them overflow: a fiber that is resumed releases something, which
 * resumes the next one, and so on through a million semaphores or nested groups.
 *
 * So every place that runs another fiber enters here first. A few levels may nest. Past that the work is postponed, and
 * done by the outermost level before it returns, still in the same turn of the event loop.
 */

// Deep enough that ordinary nesting stays inline; 16 levels of a few dozen frames each are a small part of the stack.
const maxDepth = 16

let depth = 0
let postponed: Array<() => void> = []

/** Answers true, and must be paired with `leave`, when there is room to run another fiber inline. */
export const enter = (): boolean => {
  if (depth >= maxDepth) return false
  depth++
  return true
}

/** Ends a level. The outermost one first does all that was postponed under it. */
export const leave = (): void => {
  try {
    if (depth === 1) runPostponed()
  } finally {
    depth--
  }
}

/** Leaves `task` to the outermost level. Only for a caller whose `enter` answered false. */
export const postpone = (task: () => void): void => {
  postponed.push(task)
}

/** Runs `task` now when there is room, and before the outermost level returns when there is not. */
export const run = (task: () => void): void => {
  if (!enter()) return postpone(task)
  try {
    task()
  } finally {
    leave()
  }
}

const runPostponed = (): void => {
  while (postponed.length > 0) {
    const tasks = postponed
    postponed = []
    for (const task of tasks) task()
  }
}
