import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    // Tests, docs and examples say "sluice", as a user does, and run the sources.
    alias: [
      { find: /^sluice$/, replacement: src("index.ts") },
      { find: /^sluice\/testing$/, replacement: src("testing/index.ts") },
      { find: /^sluice\/threads$/, replacement: src("threads/index.ts") },
      { find: /^sluice\/(.*)$/, replacement: src("$1.ts") }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    typecheck: { enabled: true, include: ["test/**/*.test-d.ts"] },
    // All processors: by default one is left for who watches.
    maxWorkers: "100%",
    testTimeout: 60_000
  }
})
