import type { BytePath } from "./bytes.js"
import type { Algorithm } from "./digest.js"

export const tags: Readonly<Record<Algorithm, string>> = { md5: "MD5", sha256: "SHA256" }

const special = /[\\\n\r]/g
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" }

/** A name that would break its line or be read as an escape is escaped, and so is the whole line marked: `\`. */
export const escape = (path: BytePath): { readonly mark: string; readonly name: string } => {
  const name = path.replace(special, (char) => escapes[char] ?? char)
  return { mark: name === path ? "" : "\\", name }
}

/** The line of `md5sum` or `sha256sum`. */
export const plainLine = (path: BytePath, digest: string): string => {
  const { mark, name } = escape(path)
  return `${mark}${digest}  ${name}\n`
}

/** The line of `md5sum --tag` or `sha256sum --tag`. */
export const taggedLine = (path: BytePath, algorithm: Algorithm, digest: string): string => {
  const { mark, name } = escape(path)
  return `${mark}${tags[algorithm]} (${name}) = ${digest}\n`
}
