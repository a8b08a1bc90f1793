// The main entry without its dependencies, as a bundler ships it: minified, gzipped, effect left out.
import { build } from "esbuild"
import { gzipSync } from "node:zlib"

const limit = 8_000

const { outputFiles: [file] } = await build({
  entryPoints: ["dist/index.js"],
  bundle: true,
  minify: true,
  format: "esm",
  external: ["effect", "effect/*"],
  write: false
})
const size = gzipSync(file.contents, { level: 9 }).length
console.log(`main entry: ${size} bytes minified and gzipped, of at most ${limit}`)
if (size >= limit) process.exit(1)
