import { defineConfig } from "tsup"

export default defineConfig({
  // Declarations are the compiler's own (`npm run build`): one that bundles them renames what a namespace exports.
  // One file for each module, as in src: stack traces read well, and a bundler drops what is not used.
  entry: ["src/**/*.ts"],
  bundle: false,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  sourcemap: true,
  // The sources are in the package, and the maps name them.
  esbuildOptions: (options) => {
    options.sourcesContent = false
  },
  clean: true
})
