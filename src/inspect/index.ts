export * as Inspect from "./Inspect.js"
