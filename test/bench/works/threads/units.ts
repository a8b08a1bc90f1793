import { compute } from "./functions.js"

const batch = 100

/** How many units take a millisecond here, undisturbed. */
const perMilli = ((): number => {
  let shortest = Infinity
  for (let i = 0; i < 100; i++) {
    const from = performance.now()
    compute(batch)
    shortest = Math.min(shortest, performance.now() - from)
  }
  return batch / shortest
})()

/** As much to compute as takes so long. */
export const units = (millis: number): number => Math.round(millis * perMilli)
