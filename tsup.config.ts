import { defineConfig } from "tsup"

export default defineConfig({
  entry: ["src/index.ts", "src/Group.ts", "src/Semaphore.ts"],
  format: "esm",
  target: "es2022",
  platform: "neutral",
  // tsup passes baseUrl to the compiler, which TypeScript 6 deprecates.
  dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
  sourcemap: true,
  clean: true
})
