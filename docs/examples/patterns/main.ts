/** Runs every pattern, and prints what it answers: `npx tsx docs/examples/patterns/main.ts`. */
import { Effect } from "effect"
import { patterns } from "./all.js"

const program = Effect.gen(function*() {
  for (const { heading, program } of patterns) {
    console.log(`\n${heading}`)
    console.log(yield* program)
  }
})

await Effect.runPromise(program)
