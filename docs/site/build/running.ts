/** Which blocks of a page can run in a browser, and why another one cannot. */

/** The modules of `runtime/modules.ts`. */
const imported = [
  /^effect(?:\/[A-Z]\w+)?$/,
  /^effect\/(?:persistence|testing)$/,
  /^sluice(?:\/[A-Z]\w+|\/durable|\/inspect|\/testing)?$/,
  /^(?:fast-check|p-limit|p-queue|vitest)$/
]

/** Undefined for a block that can run. */
export const obstacleOf = (code: string): string | undefined => {
  if (/^\/\/ \w+\.ts\n/.test(code)) return "a module that another block imports"
  const names = [...code.matchAll(/^(?:import|\} from)\b.*?"([^"]+)"$|^import .* from "([^"]+)"/gm)].map((match) =>
    match[1] ?? match[2] ?? ""
  )
  const foreign = names.find((name) => !imported.some((known) => known.test(name)))
  if (foreign !== undefined) return `imports ${foreign}`
  if (/\bimport\.meta\b/.test(code)) return "import.meta"
  if (/\bprocess\./.test(code)) return "process"
  // Without its layer it finds everything through V8's inspector; with it, the variables of closures.
  if (code.includes("from \"sluice/inspect\"") && !(code.includes("Inspect.layer") && !/=> Deadlock$/m.test(code))) {
    return "Inspect asks V8's inspector"
  }
  // Source lines are known where there is V8's inspector.
  if (/\/\/ .*\bmain\.ts:\d/.test(code)) return "source lines"
  if (!/console\.log|^test\(/m.test(code)) return "prints nothing"
  return undefined
}

/** The blocks of TypeScript in a page. */
export const codesOf = (page: string): ReadonlyArray<string> =>
  [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ""]) => code)

/** The numbers of blocks of a page: of those that can run, and of the others by their obstacles. */
export const blocksOf = (page: string) => {
  let withRun = 0
  const withoutRun: Record<string, number> = {}
  for (const code of codesOf(page)) {
    const obstacle = obstacleOf(code)
    if (obstacle === undefined) withRun++
    else withoutRun[obstacle] = (withoutRun[obstacle] ?? 0) + 1
  }
  return { withRun, withoutRun }
}
