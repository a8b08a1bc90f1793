/** Texts of the program's own values. No code of the program runs for them (I1), and none of them is long. */
import { once } from "../../source/node.js"

/** How many fields of an object, or items of an array, are shown. */
const few = 5

/** The text, or its beginning and an ellipsis. */
export const cut = (text: string, most = 100): string =>
  // Half of a pair of surrogates is no character.
  text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, "")}…`

/** Characters that end a line, control a terminal, or change the order of the text around them; and half characters. */
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

const escapeOf = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`

/** The text as one line that any terminal and any log shows as it is. */
export const oneLine = (text: string): string =>
  text.replaceAll(unprintable, (char) => char === "\t" ? char : char === "\n" ? "\\n" : escapeOf(char))

/** Each text is one line, whatever names are in it. */
export const lines = (texts: ReadonlyArray<string>): string => texts.map(oneLine).join("\n")

/** How many sentences a text has at most, and how many holders and waiters of a resource it lists. */
export const most = 20

/** The sentences as one text. Of many, the first ones and the last: these say how it began and how it ends. */
export const sentencesText = (sentences: ReadonlyArray<string>): string =>
  sentences.length <= most
    ? sentences.join(" ")
    : [...sentences.slice(0, most - 1), `And ${sentences.length - most} more.`, ...sentences.slice(-1)].join(" ")

/** A key, as a person knows it. Two keys may have the same text. */
export const keyText = (key: unknown): string => cut(typeof key === "string" ? key : shown(key))

interface Process {
  readonly getBuiltinModule?: (
    name: "node:util"
  ) => { readonly types: { readonly isProxy: (value: unknown) => boolean } } | undefined
}

// Whatever is asked of a proxy may run code. Other platforms than Node do not tell which objects are proxies.
const proxyTest = once(() => {
  const { process } = globalThis as { readonly process?: Process }
  return process?.getBuiltinModule?.("node:util")?.types.isProxy ?? (() => false)
})

const isProxy = (value: object): boolean => proxyTest()(value)

/** The value of a property of the object itself, unless a getter makes it. */
const own = (self: object, name: PropertyKey): unknown => Object.getOwnPropertyDescriptor(self, name)?.value

const nameOf = (value: unknown): string => {
  const name = typeof value === "function" && !isProxy(value) ? own(value, "name") : undefined
  return typeof name === "string" ? cut(name) : ""
}

const shown = (value: unknown): string => {
  if (typeof value === "function") return `function ${nameOf(value)}`.trim()
  return typeof value === "object" && value !== null ? objectText(value) : String(value)
}

const fieldText = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(cut(value))
  if (typeof value !== "object" || value === null) return shown(value)
  return Array.isArray(value) ? "[…]" : "{…}"
}

const listed = (texts: ReadonlyArray<string>, all: number): string =>
  [...texts, ...all > texts.length ? ["…"] : []].join(", ")

/** The name of its class, and a space; of a plain object, nothing. */
const classOf = (value: object): string => {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === null || prototype === Object.prototype || isProxy(prototype)) return ""
  const name = nameOf(own(prototype, "constructor"))
  return name === "" ? "" : `${name} `
}

const objectText = (value: object): string => {
  if (isProxy(value)) return "a proxy"
  if (Array.isArray(value)) {
    const items = Array.from({ length: Math.min(few, value.length) }, (_, i) => fieldText(own(value, i)))
    return `[${listed(items, value.length)}]`
  }
  const names = ArrayBuffer.isView(value) ? [] : Object.keys(value)
  const fields = names.slice(0, few).map((name) => `${cut(name)}: ${fieldText(own(value, name))}`)
  return `${classOf(value)}${fields.length === 0 ? "{}" : `{ ${listed(fields, names.length)} }`}`
}
