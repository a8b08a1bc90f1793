/** Output, as Node would write it. */
import { format } from "node-inspect-extracted"

export type Level = "log" | "warn" | "error"

/** A page shows no more than this. */
const most = { lines: 2_000, characters: 500_000 }
const longest = 20_000

let lines = 0
let characters = 0
let isFull = false

export const post = (message: object): void => globalThis.postMessage(message)

export const print = (level: Level, text: string): void => {
  if (isFull) return
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text
  characters += shown.length
  isFull = ++lines > most.lines || characters > most.characters
  if (isFull) {
    post({
      kind: "print",
      level: "error",
      text: `no more than ${most.lines} lines or ${most.characters} characters are shown`
    })
  } else post({ kind: "print", level, text: shown })
}

const printer = (level: Level) => (...args: ReadonlyArray<unknown>) => print(level, format(...args))

/** From now on, the console prints to the page. */
export const capture = (): void => {
  Object.assign(console, {
    log: printer("log"),
    info: printer("log"),
    debug: printer("log"),
    warn: printer("warn"),
    error: printer("error"),
    trace: printer("error")
  })
}
