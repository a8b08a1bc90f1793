/** Tells in at most 12 lines why there is no order. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { format } from "effect/Formatter"
import type { Call } from "../History.js"
import { isCancelled } from "../Model.js"

const cut = (text: string): string => {
  const line = text.replace(/\s+/gu, " ")
  return line.length > 60 ? `${line.slice(0, 59)}…` : line
}

const show = (value: unknown): string => cut(format(value))

const resultOf = (call: Call): string => {
  if (call.exit === undefined) return "never returned"
  if (Exit.isSuccess(call.exit)) return `=> ${show(call.exit.value)}`
  const told = call.exit.cause.reasons.find((reason) => !Cause.isInterruptReason(reason))
  if (told === undefined) return isCancelled(call) ? "was cancelled" : "failed"
  return Cause.isFailReason(told) ? `failed with ${show(told.error)}` : `died with ${show(told.defect)}`
}

export const lineOf = (call: Call): string => {
  const argument = call.argument === undefined ? "" : show(call.argument)
  const until = call.exit === undefined ? "" : ` to ${call.ended}`
  return `${cut(call.actor)}: ${cut(call.name)}(${argument}) ${resultOf(call)}, from ${call.started}${until}`
}

/** At most so many: the last one counts the rest. */
const atMost = (max: number, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length > max ? [...lines.slice(0, max - 1), `${lines.length - max + 1} more`] : lines

/** Shows only the end of the order: the calls there made the next one impossible. */
export const explain = ({ count, prefix, required, states, stuck, suspects, unsure }: {
  readonly prefix: ReadonlyArray<Call>
  readonly count: number
  readonly required: number
  readonly states: ReadonlyArray<unknown>
  readonly stuck: ReadonlyArray<Call>
  readonly suspects: ReadonlyArray<Call>
  readonly unsure: ReadonlyArray<Call>
}): string => {
  const hidden = Math.max(0, prefix.length - 3)
  const inline = (calls: ReadonlyArray<Call>) => atMost(2, calls.map(lineOf)).join("; ")
  return [
    `Not linearizable: at most ${count} of ${required} returned calls can be put in order${count > 0 ? ":" : "."}`,
    ...(hidden > 0 ? [`  (${hidden} before these)`] : []),
    ...prefix.slice(hidden).map((call, i) => `  ${hidden + i + 1}. ${lineOf(call)}`),
    `The state is then ${atMost(3, states.map(show)).join(", or ")}.`,
    stuck.length === 1 ? "This has to come next, and cannot:" : "One of these has to come next, and none can:",
    ...atMost(3, stuck.map(lineOf)).map((line) => `  ${line}`),
    ...(unsure.length > 0 ? [`It makes no difference whether these had an effect: ${inline(unsure)}`] : []),
    ...(suspects.length > 0
      ? [`There is an order if these had an effect, which they must not: ${inline(suspects)}`]
      : [])
  ].join("\n")
}
