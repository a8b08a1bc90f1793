/** Texts for a terminal. */
import { lines, oneLine } from "../internal/inspect/shown.js"
import { toText } from "../internal/inspect/text.js"
import type { Frame, Source } from "../source/Source.js"
import type { ProcessDump, ProcessInfo } from "./model.js"

/** Functions of a stack that are printed. */
const most = 5

export const printProcess = (info: ProcessInfo): ReadonlyArray<string> => linesOf(info).map(oneLine)

const linesOf = (
  { blocked, fiber, node, pid, stack, threads = [], title, uptime }: ProcessInfo
): ReadonlyArray<string> => {
  const head = `process ${pid}: ${title} (Node.js ${node}, up ${durationOf(uptime)})`
  const [first, ...callers] = stack
  const who = fiber === undefined ? "" : ` of ${fiber}`
  const verb = blocked?.isBlocked === true
    ? `the event loop has been blocked for at least ${blocked.millis} ms by`
    : "the event loop turns, and was in"
  return [
    head,
    ...first === undefined ? [] : [`${verb} ${frameOf(first)}${who}`, ...callersOf(callers)],
    ...threads.flatMap(({ stack: [inner, ...callers], thread, title }) => {
      const name = `thread ${thread ?? title}`
      if (thread === undefined) return [`${name} does not react: it is in native code, or waits in Atomics.wait`]
      return inner === undefined
        ? [`${name} waits for events`]
        : [`${name} computes: ${frameOf(inner)}`, ...callersOf(callers)]
    })
  ]
}

const callersOf = (frames: ReadonlyArray<Frame>): ReadonlyArray<string> => [
  ...frames.slice(0, most).map((frame) => `  called by ${frameOf(frame)}`),
  ...frames.length > most ? [`  ... and ${frames.length - most} more`] : []
]

const frameOf = (frame: Frame): string => `${frame.function ?? "a function"} at ${place(frame)}`

const place = ({ file, line, text }: Source): string =>
  text === undefined ? `${file}:${line}` : `${file}:${line} \`${text}\``

const durationOf = (millis: number): string =>
  millis < 60_000
    ? `${(millis / 1_000).toFixed(1)} s`
    : millis < 3_600_000
    ? `${Math.round(millis / 60_000)} min`
    : `${(millis / 3_600_000).toFixed(1)} h`

export const print = (dump: ProcessDump): string => `${printProcess(dump.process).join("\n")}\n\n${toText(dump)}`

/** The escapes of characters that control a terminal are those of JSON, so it parses to the same dump. */
export const printJson = (dump: ProcessDump): string => `${lines(JSON.stringify(dump, undefined, 2).split("\n"))}\n`

const codes = { bold: [1, 22], red: [31, 39], cyan: [36, 39], dim: [2, 22] } as const

const colored = (color: keyof typeof codes, text: string): string => {
  const [on, off] = codes[color]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

/** Colors places, source lines, titles and deadlocks. */
export const paint = (text: string): string =>
  text.split("\n").map((line) => {
    if (/^deadlock-\d+ /.test(line) || line.includes("has been blocked")) return colored("red", line)
    const painted = line
      .replace(/`[^`]*`/, (code) => colored("dim", code))
      .replace(/ at (\S+:\d+)/, (_, at: string) => ` at ${colored("cyan", at)}`)
      .replace(/\[deadlock-\d+\]/, (mark) => colored("red", mark))
    return /^\S[^:]*:/.test(line) ? painted.replace(/^[^:]*/, (title) => colored("bold", title)) : painted
  }).join("\n")
