import type { Work } from "../work.js"
import { cancel } from "./cancel.js"
import { groupForEach, groupForEachSynchronous, groupLimited, groupSynchronous, groupUnbounded } from "./group.js"
import { poolParts } from "./parts.js"
import { poolRun, poolRunPromises, poolSubmit } from "./pool.js"
import { poolObserved } from "./poolObserved.js"
import { semaphoreUncontended, semaphoreWaiting } from "./semaphore.js"
import { threadsCompute, threadsTiny, threadsTransfer } from "./threads/index.js"

export const works: ReadonlyArray<Work> = [
  semaphoreWaiting,
  semaphoreUncontended,
  groupLimited,
  groupSynchronous,
  groupForEach,
  groupForEachSynchronous,
  groupUnbounded,
  cancel,
  poolSubmit,
  poolRun,
  poolRunPromises,
  poolParts,
  poolObserved,
  threadsTiny,
  threadsCompute,
  threadsTransfer
]
