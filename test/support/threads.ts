import { Effect } from "effect"
import { buildSync } from "esbuild"
import { randomUUID } from "node:crypto"
import { renameSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Makes a module that a thread can load: it loads no TypeScript. */
export const compile = (source: string, outfile: string): void => {
  // Several processes may make it at a time, while others load it.
  const own = `${outfile}.${randomUUID()}`
  buildSync({
    entryPoints: [source],
    outfile: own,
    bundle: true,
    packages: "external",
    alias: {
      "sluice/threads/ThreadWorker": root("src/threads/ThreadWorker.ts"),
      "sluice/threads": root("src/threads/index.ts"),
      "sluice/durable/bullmq": root("src/durable/bullmq.ts"),
      "sluice/durable": root("src/durable/index.ts"),
      sluice: root("src/index.ts")
    },
    platform: "node",
    format: "esm",
    logLevel: "warning"
  })
  renameSync(own, outfile)
}

/** What a thread loads instead of `test/threads/NAME.ts`. */
export const compiled = (name: string): URL => {
  const outfile = root(`node_modules/.cache/sluice-threads/${name}.mjs`)
  compile(root(`test/threads/${name}.ts`), outfile)
  return pathToFileURL(outfile)
}

/** So many words that threads see as well. */
export const shared = (length: number) => new Int32Array(new SharedArrayBuffer(4 * length))

/** Suspends until it is true: what a thread does nothing here can wait for, but look. */
export const until = (isTrue: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => isTrue() ? Effect.void : Effect.andThen(Effect.yieldNow, until(isTrue)))
