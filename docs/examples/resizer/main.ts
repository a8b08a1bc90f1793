// Effect's modules are imported one by one, as in the digest example: all of them take tsx most of a second to load.
import { main } from "./cli.js"

await main(process.argv.slice(2))
