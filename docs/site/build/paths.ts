/** The folders that the build reads and writes. */
import { dirname, resolve } from "node:path"
import { fileURLToPath } from "node:url"

// Vite bundles a configuration into a file next to it, in `.vitepress`. `build` is as deep.
const here = dirname(fileURLToPath(import.meta.url))

/** `docs/site`. */
export const site = resolve(here, "..")
export const docs = resolve(site, "..")
export const root = resolve(docs, "..")
/** Pages that the build writes: neither checked in nor linted. */
export const generated = resolve(site, "generated")
export const cache = resolve(site, ".cache")
