import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

const { SLUICE_SEED = "1", SOAK = "1" } = process.env
// Drawn here, so that all processes of a run have the same.
const seed = SLUICE_SEED === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(SLUICE_SEED)
if (!Number.isInteger(seed)) throw new Error(`SLUICE_SEED must be an integer or "random", got "${SLUICE_SEED}"`)
if (!(Number(SOAK) > 0)) throw new Error(`SOAK must be a number above 0, got "${SOAK}"`)
if (SLUICE_SEED === "random") console.error(`SLUICE_SEED=${seed}`)

// Each kind of test is a project: `vitest run --project laws`. A test file belongs to the first that names it, else to
// `unit`.
const kinds = {
  // With servers of Redis and PostgreSQL, which have to be installed. `npm test` leaves these out.
  servers: ["test/**/*.servers.test.ts"],
  // Real threads, all that is about them, and real browsers.
  threads: ["test/threads/**/*.test.ts", "test/inspect/threads.test.ts", "test/**/browser.test.ts"],
  // Programs of a folder of their own, in processes of their own.
  examples: ["test/examples/**/*.test.ts", "test/inspect/{ps,watchdog}.test.ts"],
  // What README, docs and doc comments show.
  docs: ["test/docs.test.ts", "test/testing/{effect-modules,gallery,guide}.test.ts"],
  // Simulations, and searches that take seconds each.
  slow: [
    "test/adaptiveLimit/gradient.test.ts",
    "test/inspect/joins.test.ts",
    "test/testing/{actors,complete,outside,shrink}.test.ts"
  ],
  // The testing kit.
  kit: ["test/testing/**/*.test.ts"],
  // A million of everything.
  volume: ["test/**/volume.test.ts"],
  // Random workloads, schedules and cancellations, and every schedule of small scenarios.
  laws: [
    "test/**/{properties,jobs.properties,observed.properties,model,reentrant,Unbegun,Autoscaler}.test.ts",
    "test/{handOver,pipelines}.test.ts",
    "test/inspect/{verdict,looking}.test.ts"
  ]
}

// Their files share the modules of a process, which takes a third less time. The others look at processes, threads or
// memory.
const sharing = ["laws", "unit"]

const projects = Object.entries({ ...kinds, unit: ["test/**/*.test.ts"] }).map(([name, include], i) => ({
  extends: true as const,
  test: {
    name,
    include,
    // The packages of the benchmarks bring tests of their own.
    exclude: ["**/node_modules/**", ...Object.values(kinds).slice(0, i).flat()],
    isolate: !sharing.includes(name)
  }
}))

export default defineConfig(({ mode }) => {
  // `npm test` tries a share of the laws, and one volume test of each kind; everything else tries all. Vitest reads this file
  // again for each project, with a mode of its own.
  if (mode === "share") process.env["LAWS"] ??= "share"
  return {
    resolve: {
      // Tests, docs and examples say "sluice", as a user does, and run the sources.
      alias: [
        { find: /^sluice$/, replacement: src("index.ts") },
        { find: /^sluice\/testing$/, replacement: src("testing/index.ts") },
        { find: /^sluice\/durable$/, replacement: src("durable/index.ts") },
        { find: /^sluice\/inspect$/, replacement: src("inspect/index.ts") },
        { find: /^sluice\/threads$/, replacement: src("threads/index.ts") },
        { find: /^sluice\/(.*)$/, replacement: src("$1.ts") }
      ]
    },
    test: {
      projects: [
        ...projects,
        {
          extends: true as const,
          test: {
            name: "types",
            include: [],
            typecheck: { enabled: true, only: true, include: ["test/**/*.test-d.ts"] }
          }
        }
      ],
      // All processors: by default one is left for who watches.
      maxWorkers: "100%",
      // For a test that hangs: a loaded machine takes many times as long as an idle one.
      testTimeout: 240_000 * Math.max(1, Number(SOAK)),
      hookTimeout: 120_000,
      expect: { poll: { timeout: 60_000 } },
      setupFiles: ["test/support/seed.ts"],
      env: { SLUICE_SEED: String(seed), LAWS: process.env["LAWS"] ?? "all" }
    }
  }
})
