import { defineConfig, type Options } from "tsup"

const entries = (...names: ReadonlyArray<string>): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, `src/${name}.ts`]))

// Declarations are the compiler's own (`npm run build`): one that bundles them renames what a namespace exports.
const shared: Options = {
  format: "esm",
  target: "es2022",
  platform: "neutral",
  sourcemap: true,
  esbuildOptions: (options) => {
    // The sources are in the package, and the maps name them.
    options.sourcesContent = false
    options.chunkNames = "internal/[name]-[hash]"
  }
}

export default defineConfig([
  // One file for each entry, and chunks for what they share: Node needs about a millisecond of CPU time for each file
  // that it loads. With one file for each module, WorkerPool would cost a third more to import.
  {
    ...shared,
    entry: entries(
      "AdaptiveLimit",
      "Group",
      "PoolConfig",
      "Semaphore",
      "Watch",
      "WorkerPool",
      "durable/Admin",
      "durable/DurableJob",
      "durable/DurablePool",
      "durable/DurableStore",
      "durable/Limit",
      "durable/LimitStore",
      "durable/Results",
      "durable/Wake",
      "durable/bullmq",
      "inspect/Inspect",
      "testing/index",
      "threads/ThreadPool",
      "threads/ThreadWorker"
    ),
    bundle: true,
    splitting: true,
    // An import for its side effects alone keeps an order that no module needs. An empty line keeps the maps right.
    plugins: [{
      name: "no bare imports",
      renderChunk: (code, { map = null }) => ({ code: code.replace(/^import "[^"]+";$/gm, ""), map })
    }]
  },
  // These only name the entries above. Bundled, a namespace would be an object of its own, which no bundler can shake.
  { ...shared, entry: entries("index", "durable/index", "inspect/index", "threads/index"), bundle: false },
  // The command, and the script that it evaluates in another process: one file, which needs no other.
  { ...shared, entry: entries("ps/main"), platform: "node", bundle: true, splitting: false },
  {
    ...shared,
    entry: entries("ps/agent"),
    format: "iife",
    globalName: "agent",
    bundle: true,
    minify: true,
    sourcemap: false
  }
])
