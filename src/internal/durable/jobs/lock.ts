import type { AnyFiber } from "../../stack.js"

/**
 * Whether the lock of a claim is lost, by the fiber that has taken the job. Only engines with a token for each claim
 * know that. They interrupt the fiber, too; this is for a job that ends before the interrupt arrives.
 */
const locks = new WeakMap<AnyFiber, () => boolean>()

/** For an engine: the fiber has taken a job under this lock. */
export const lockedBy = (fiber: AnyFiber, isLost: () => boolean): void => void locks.set(fiber, isLost)

/** Whether the lock of the job that this fiber has taken is lost. */
export const lockIsLost = (fiber: AnyFiber): boolean => locks.get(fiber)?.() ?? false
