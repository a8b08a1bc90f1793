import { inspect } from "node-inspect-extracted"

/** An error for a reader of the page: stacks name places in the runtime, which is of no use. */
export const explain = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)
