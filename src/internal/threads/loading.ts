const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined

const build = "build the module to JavaScript"

/** Whether the file that is missing is the module itself, and not one that it imports. */
const isMissing = (module: string, cause: unknown): boolean =>
  cause instanceof Error && module.startsWith("file:") && cause.message.includes(`'${decodeURI(module.slice(7))}'`)

/** The way out for a module that Node could not load, if the code of its error says enough. */
export const adviceOn = (module: string, cause: unknown): string | undefined => {
  const code = codeOf(cause)
  if (code === "ERR_UNKNOWN_FILE_EXTENSION" && /\.[cm]?tsx?$/.test(module)) {
    return `this Node's threads load no TypeScript; ${build}, or use Node 22.18 or later`
  }
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX" || code === "ERR_INVALID_TYPESCRIPT_SYNTAX") {
    return `Node strips types and compiles nothing; ${build}, or use a loader, such as ` +
      `node: { execArgv: ["--import", "tsx"] }`
  }
  if (code === "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING") return build
  if (code === "MODULE_NOT_FOUND" && /\.[cm]?js$/.test(module) && isMissing(module, cause)) {
    return `a thread loads a file that is on disk: if its source is TypeScript, ${build} first`
  }
  return undefined
}
