/** The state of the explorer as the text of a link, and back. */

export interface Shared {
  readonly code: string
  readonly strategy?: string | undefined
  readonly preemptions?: number | undefined
  readonly cancels?: number | undefined
  readonly realism?: string | undefined
  readonly seed?: number | undefined
}

/** Base64 as in addresses. */
export const hashOf = (shared: Shared): string => {
  const bytes = new TextEncoder().encode(JSON.stringify(shared))
  let text = ""
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
}

/** Whether the fragment of an address is a link's, even if it is damaged: base64 of `{"`. */
export const isLink = (hash: string): boolean => hash.startsWith("eyJ")

const number = (value: unknown): number | undefined => typeof value === "number" ? value : undefined
const string = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

/** `undefined` for a text that no page has made. */
export const sharedOf = (hash: string): Shared | undefined => {
  try {
    const text = atob(hash.replaceAll("-", "+").replaceAll("_", "/"))
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0))
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    const code = string(value["code"])
    if (code === undefined) return undefined
    return {
      code,
      strategy: string(value["strategy"]),
      preemptions: number(value["preemptions"]),
      cancels: number(value["cancels"]),
      realism: string(value["realism"]),
      seed: number(value["seed"])
    }
  } catch {
    return undefined
  }
}
