import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

const { SLUICE_SEED = "1", SOAK = "1" } = process.env
// Drawn here, so that all processes of a run have the same.
const seed = SLUICE_SEED === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(SLUICE_SEED)
if (!Number.isInteger(seed)) throw new Error(`SLUICE_SEED must be an integer or "random", got "${SLUICE_SEED}"`)
if (!(Number(SOAK) > 0)) throw new Error(`SOAK must be a number above 0, got "${SOAK}"`)
if (SLUICE_SEED === "random") console.error(`SLUICE_SEED=${seed}`)

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
    testTimeout: 60_000 * Math.max(1, Number(SOAK)),
    setupFiles: ["test/support/seed.ts"],
    env: { SLUICE_SEED: String(seed) }
  }
})
