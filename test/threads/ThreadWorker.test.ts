/** What a thread loads. */
import { build } from "esbuild"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const entry = fileURLToPath(new URL("../../src/threads/ThreadWorker.ts", import.meta.url))

test("serves functions without Effect, which comes with the first effect, the layer or the schemas", async () => {
  const { metafile: { outputs } } = await build({
    entryPoints: [entry],
    outdir: "out",
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    metafile: true,
    write: false
  })
  const importsOf = (output: string, isOfInterest: (kind: string) => boolean): ReadonlyArray<string> =>
    (outputs[output]?.imports ?? []).flatMap(({ external, kind, path }) =>
      !isOfInterest(kind) ? [] : external === true ? [path] : importsOf(path, isOfInterest)
    )
  expect(importsOf("out/ThreadWorker.js", (kind) => kind === "import-statement")).toEqual([])
  expect(importsOf("out/ThreadWorker.js", () => true)).toContain("effect/Effect")
})
