import type { Work } from "../work.js"
import { adaptiveContended, adaptiveUncontended } from "./adaptiveLimit.js"
import { bulk, bulkSynchronous } from "./bulk.js"
import { cancel } from "./cancel.js"
import { groupForEach, groupForEachSynchronous, groupLimited, groupSynchronous, groupUnbounded } from "./group.js"
import { largePool, largePoolMade } from "./largePool.js"
import { poolParts } from "./parts.js"
import { poolRun, poolRunPromises, poolSubmit } from "./pool.js"
import { poolObserved } from "./poolObserved.js"
import { semaphoreUncontended, semaphoreWaiting } from "./semaphore.js"
import { smallGroups } from "./smallGroups.js"
import { stream, streamSynchronous } from "./streams.js"
import { threadsCompute, threadsTiny, threadsTransfer } from "./threads/index.js"

export const works: ReadonlyArray<Work> = [
  semaphoreWaiting,
  semaphoreUncontended,
  adaptiveUncontended,
  adaptiveContended,
  groupLimited,
  groupSynchronous,
  groupForEach,
  groupForEachSynchronous,
  groupUnbounded,
  smallGroups,
  cancel,
  poolSubmit,
  poolRun,
  poolRunPromises,
  bulk,
  bulkSynchronous,
  stream,
  streamSynchronous,
  largePool,
  largePoolMade,
  poolParts,
  poolObserved,
  threadsTiny,
  threadsCompute,
  threadsTransfer
]
