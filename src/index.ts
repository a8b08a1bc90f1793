export * as Semaphore from "./Semaphore.js"
