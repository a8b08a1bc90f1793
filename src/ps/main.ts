#!/usr/bin/env node
/** The command `sluice`. */
import { readFileSync } from "node:fs"
import { lines } from "../internal/inspect/shown.js"
import { explanation } from "../internal/inspect/text.js"
import { CannotLook } from "./errors.js"
import type { ProcessDump } from "./model.js"
import { help, type Options, parse } from "./options.js"
import { paint, print, printJson, printProcess } from "./print.js"
import { NoSluice, ps } from "./ps.js"

const isColored = process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb"

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), "utf8")

/** Writes all of it, also where the reader of a pipe is slow. */
const write = (text: string): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(text, () => resolve())
  })

/** A message may have the name of another process's executable in it, and words of that process. */
const say = (text: string): void => {
  process.stderr.write(`sluice: ${lines(text.split("\n"))}\n`)
}

/** Returns whether there was something to show. */
const show = async (dump: ProcessDump, { explain, json }: Options): Promise<boolean> => {
  if (explain === undefined) {
    await write(json ? printJson(dump) : isColored ? paint(print(dump)) : print(dump))
    return true
  }
  const { isFound, text } = explanation(dump, explain)
  if (isFound) await write(`${text}\n`)
  else say(text)
  return isFound
}

const look = async (options: Options): Promise<number> => {
  const controller = new AbortController()
  const abort = () => controller.abort()
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, abort)
  try {
    // Scripts that read the standard error get nothing but errors.
    const notice = (text: string) => process.stderr.isTTY ? say(text) : undefined
    const dump = await ps({ ...options, agent: read("agent.global.js"), notice, signal: controller.signal })
    const isShown = await show(dump, options)
    if (options.failOnDeadlock && dump.deadlocks.length > 0) return 3
    return isShown ? 0 : 1
  } catch (error) {
    if (error instanceof NoSluice) await write(`${printProcess(error.process).join("\n")}\n`)
    say(
      error instanceof CannotLook
        ? error.message
        : error instanceof Error
        ? error.stack ?? error.message
        : String(error)
    )
    return 1
  }
}

const main = async (): Promise<number> => {
  const parsed = parse(process.argv.slice(2))
  switch (parsed._tag) {
    case "Ps":
      return look(parsed.options)
    case "Help":
      await write(help)
      return 0
    case "Version": {
      const { version } = JSON.parse(read("../../package.json")) as { readonly version: string }
      await write(`${version}\n`)
      return 0
    }
    case "Usage":
      say(`${parsed.error}\nsluice --help shows the options`)
      return 2
  }
}

// A reader that wants no more, such as `head`, is no failure. The status says what was found all the same.
process.stdout.on("error", () => {})
// Sockets that the other side has not closed yet would keep the process alive.
process.exit(await main())
