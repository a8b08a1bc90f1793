import * as Brand from "effect/Brand"

/**
 * A path as the file system has it: bytes, which need not be valid UTF-8. Each byte is one character (latin1), so that
 * joining, comparing and using it as a key are what they are for strings, and comparing is in the order of the bytes.
 */
export type BytePath = string & Brand.Brand<"BytePath">

export const BytePath = Brand.nominal<BytePath>()

export const fromBuffer = (path: Buffer): BytePath => BytePath(path.toString("latin1"))

export const fromText = (path: string): BytePath => fromBuffer(Buffer.from(path))

export const toBuffer = (path: BytePath): Buffer => Buffer.from(path, "latin1")

/** For messages only: whatever the name contains, it stays on one line and does not control the terminal. */
export const show = (path: BytePath): string => toBuffer(path).toString().replace(/\p{Cc}/gu, escapeControl)

const escapeControl = (char: string): string => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`

/** As `find` does: `DIR/` and `/` bring their own slash. */
export const join = (directory: BytePath, name: string): BytePath =>
  BytePath(directory.endsWith("/") ? directory + name : `${directory}/${name}`)
