import { buildSync } from "esbuild"
import { randomUUID } from "node:crypto"
import { renameSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** A thread loads no TypeScript: what it loads instead of `test/threads/NAME.ts`. */
export const compiled = (name: string): URL => {
  const outfile = root(`node_modules/.cache/sluice-threads/${name}.mjs`)
  // Several processes may make it at a time, while others load it.
  const own = `${outfile}.${randomUUID()}`
  buildSync({
    entryPoints: [root(`test/threads/${name}.ts`)],
    outfile: own,
    bundle: true,
    packages: "external",
    alias: { "sluice/threads": root("src/threads/index.ts"), sluice: root("src/index.ts") },
    platform: "node",
    format: "esm",
    logLevel: "warning"
  })
  renameSync(own, outfile)
  return pathToFileURL(outfile)
}
