// Each module as a bundler ships it to who imports it alone: minified, gzipped, effect left out; all of them; and a pool as
// the first example in README has it.
import { build } from "esbuild"
import { gzipSync } from "node:zlib"

const limits = {
  Semaphore: 6_050,
  "Group { scoped, go }": 6_900,
  Group: 8_700,
  AdaptiveLimit: 8_200,
  WorkerPool: 32_500,
  "WorkerPool { make, run }": 25_300,
  PoolConfig: 1_300,
  Watch: 5_400,
  index: 51_850,
  "durable/index": 21_450,
  "durable/bullmq": 5_500,
  "threads/ThreadPool": 38_300,
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
    external: ["effect", "effect/*", "bullmq"],
    write: false
  })
  const size = gzipSync(file.contents, { level: 9 }).length
  console.log(`${entry}: ${size} bytes minified and gzipped, of at most ${limit}`)
  if (size > limit) process.exitCode = 1
}
