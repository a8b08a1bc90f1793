/** `npm run build:page` writes what `sluice/inspect`'s page is made of from its sources. */
import { buildSync } from "esbuild"
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("../../src/internal/inspect/page/", import.meta.url))

const build = (file: string): string => {
  const { outputFiles: [built] } = buildSync({
    absWorkingDir: folder,
    entryPoints: [`client/${file}`],
    write: false,
    bundle: true,
    format: "iife",
    target: "es2022",
    charset: "utf8",
    minify: true,
    lineLimit: 110,
    // The code is the same whatever the compiler's options are.
    tsconfigRaw: "{}",
    logLevel: "warning"
  })
  return `\`\n${built!.text.replace(/[\\`]|\$(?=\{)/g, "\\$&")}\``
}

/** The text of `src/internal/inspect/page/built.ts`, as of the sources in `client`. */
export const buildPage = (): string =>
  `// \`npm run build:page\` has made this file from the sources in \`client\`.

export const script = ${build("main.ts")}

export const style = ${build("style.css")}
`

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(`${folder}built.ts`, buildPage())
