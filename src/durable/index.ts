export * as DurableJob from "./DurableJob.js"
export * as DurablePool from "./DurablePool.js"
export * as DurableStore from "./DurableStore.js"
export * as Results from "./Results.js"
