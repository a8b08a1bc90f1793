/** Runs a program that is written in TypeScript. */
import { transform } from "sucrase"
import { load } from "./modules.ts"

type Body = (require: typeof load, exports: object, ...rest: ReadonlyArray<unknown>) => Promise<void>

// The constructor of async functions has no name of its own.
const AsyncFunction = (async () => {}).constructor as new(...parts: ReadonlyArray<string>) => Body

/** The program as JavaScript whose imports are calls of `require`. */
export const compile = (code: string): string =>
  transform(code, { transforms: ["typescript", "imports"], disableESTransforms: true, filePath: "main.ts" }).code

/** Without types, and with its imports as they are. */
export const withoutTypes = (code: string): string =>
  transform(code, { transforms: ["typescript"], disableESTransforms: true, keepUnusedImports: true }).code.trim()

/** Resolves when the program's last statement has run. */
export const evaluate = (
  javaScript: string,
  given: Readonly<Record<string, unknown>> = {},
  require: typeof load = load
): Promise<void> =>
  new AsyncFunction("require", "exports", ...Object.keys(given), javaScript)(require, {}, ...Object.values(given))
