/** What a thread of the peers loads. */
export { add, forever, spin } from "./functions.js"
