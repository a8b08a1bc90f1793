/** How a limit is found: pure state machines. */
export { Aimd } from "./Aimd.js"
export type { Bounds, Estimator, Sample } from "./Estimator.js"
export { Gradient } from "./Gradient.js"
