import * as Effect from "effect/Effect"
import { basename, dirname } from "node:path"
import { fileURLToPath } from "node:url"
import type { ThreadPool } from "sluice/threads"

type Module = Pick<ThreadPool.Options<never>, "module" | "node">

/**
 * How threads load the module `NAME.ts` beside the module `from` (or `NAME.js`, beside one that is compiled), as options of
 * `ThreadPool.make`.
 *
 * On Node 20 a thread does not get the loader that runs the program from its sources, and to start one of its own takes it
 * more than a second. So the module is compiled once, with all that it imports, and that text is what every thread loads:
 * it needs no loader, and no file.
 */
export const threadModule = (name: string, from: string): Effect.Effect<Module> => {
  if (!from.endsWith(".ts")) return Effect.succeed({ module: new URL(`./${name}.js`, from) })
  return Effect.promise(() => compile(new URL(`./${name}.ts`, from)))
}

const compiled = new Map<string, Promise<Module>>()

const compile = (source: URL): Promise<Module> => {
  const made = compiled.get(source.href) ?? bundle(fileURLToPath(source))
  compiled.set(source.href, made)
  return made
}

const bundle = async (path: string): Promise<Module> => {
  // It takes a while to load, and most programs run without threads.
  const { build } = await import("esbuild")
  const { outputFiles: [file] } = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    logLevel: "warning"
  })
  // The name is for stack traces, which would hold the whole text otherwise.
  const text = `${file!.text}\n//# sourceURL=${basename(dirname(path))}/${basename(path)}`
  const module = new URL(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`)
  return { module, node: { execArgv: [] } }
}
