export * as ThreadPool from "./ThreadPool.js"
export * as ThreadWorker from "./ThreadWorker.js"
