import { inspect } from "node-inspect-extracted"

/** An error for a reader of the page: stacks name places in the runtime, which is of no use. */
export const explain = (error: unknown): string => {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)
  } catch {
    // A getter of a program's own error, or a proxy.
    return "an error that cannot be shown"
  }
}
