import type { Shared } from "./link"

/**
 * The program of a reader who has left the explorer, for the return. VitePress makes the page anew on Back from one of
 * its headings, too.
 */
export const left: { program: Shared | undefined } = { program: undefined }
