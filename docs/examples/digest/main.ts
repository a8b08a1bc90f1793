// Everything here imports effect's modules one by one. All of them, as `from "effect"` has them, take tsx most of a second
// to load.
import { main } from "./cli.js"

await main(process.argv.slice(2))
