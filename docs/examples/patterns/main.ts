/** Patterns of worker pools, one a file: `npx tsx docs/examples/patterns/main.ts` runs each and prints its result. */
import { Console, Effect } from "effect"
import { runMain } from "../main.js"
import { patterns } from "./all.js"

runMain(
  import.meta,
  Effect.gen(function*() {
    for (const { heading, program } of patterns) {
      yield* Console.log(`\n${heading}`)
      yield* Console.log(yield* program)
    }
  })
)
