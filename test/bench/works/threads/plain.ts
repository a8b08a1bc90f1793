/** What a thread of the peers loads. */
export { add, compute, forever } from "./functions.js"
