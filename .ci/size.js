// Each module as a bundler ships it to who imports it alone: minified, gzipped, effect left out; all of them; and a pool as
// the first example in README has it.
import { build } from "esbuild"
import { gzipSync } from "node:zlib"

const limits = {
  Semaphore: 5_200,
  "Group { scoped, go }": 5_800,
  Group: 7_800,
  AdaptiveLimit: 7_400,
  WorkerPool: 27_000,
  "WorkerPool { make, run }": 22_000,
  PoolConfig: 2_000,
  Watch: 5_200,
  index: 44_500,
  "threads/ThreadPool": 33_500,
  "threads/ThreadWorker": 6_600
}

for (const [entry, limit] of Object.entries(limits)) {
  const [module, names = "*"] = entry.split(" { ").map((part) => part.replace(" }", ""))
  const { outputFiles: [file] } = await build({
    stdin: {
      contents: `export ${names === "*" ? "*" : `{ ${names} }`} from "./dist/${module}.js"`,
      resolveDir: process.cwd()
    },
    bundle: true,
    minify: true,
    format: "esm",
    external: ["effect", "effect/*"],
    write: false
  })
  const size = gzipSync(file.contents, { level: 9 }).length
  console.log(`${entry}: ${size} bytes minified and gzipped, of at most ${limit}`)
  if (size >= limit) process.exitCode = 1
}
