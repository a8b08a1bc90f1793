export * as AdaptiveLimit from "./AdaptiveLimit.js"
export * as Group from "./Group.js"
export * as Semaphore from "./Semaphore.js"
export * as WorkerPool from "./WorkerPool.js"
