/**
 * The result of an exploration, as it comes from the sandbox. A program can send what it likes, so each part is checked
 * in shape, and shown as text. The drawing is shown as an image, in which no script runs.
 */
import { style } from "../../../src/testing/svg/style.ts"
import type { Result, Turn } from "../runtime/exploration.ts"
import { fits, most } from "../runtime/limits.ts"

export type { Result, Turn } from "../runtime/exploration.ts"

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value)
const isText = (value: unknown, length: number = most.text): value is string =>
  typeof value === "string" && value.length <= length

export const kinds = ["yield", "suspend", "preempt", "interrupt", "end", "timer", "failure"] as const

const isTurn = (fibers: number) => (value: unknown): value is Turn =>
  isFields(value) && isNumber(value["fiber"]) && value["fiber"] >= -1 && value["fiber"] < fibers &&
  kinds.some((kind) => kind === value["kind"]) && isText(value["detail"]) && isText(value["by"]) &&
  isNumber(value["line"])

/** A tag as the kit writes it. Other elements and attributes could take a page endless time to draw. */
const tag =
  /<\/?(?:svg|title|g|rect|text|path|circle)(?: (?:xmlns|class|role|width|height|viewBox|transform|x|y|rx|d|cx|cy|r)="[^"<]*")*\/?>/g

/** A drawing as the kit makes it, with its style and no other, that a page has room for; or none. */
const isDrawing = (value: unknown): value is string => {
  if (value === "") return true
  // Half of a surrogate pair has no place in an address.
  if (typeof value !== "string" || !fits(value) || /\p{Surrogate}/u.test(value)) return false
  const [before = "", after, ...more] = value.split(`<style>${style}</style>`)
  return after !== undefined && more.length === 0 && !`${before}${after}`.replaceAll(tag, "").includes("<")
}

const isFailure = (value: unknown): value is NonNullable<Result["failure"]> => {
  if (!isFields(value)) return false
  const { fibers, turns } = value
  return ["kind", "message", "key", "realism"].every((name) => isText(value[name])) &&
    isNumber(value["run"]) && isNumber(value["decisions"]) &&
    isDrawing(value["svg"]) && isText(value["program"], most.report) &&
    Array.isArray(fibers) && fibers.length <= most.fibers && fibers.every((name) => isText(name, most.name)) &&
    Array.isArray(turns) && turns.length <= most.turns && turns.every(isTurn(fibers.length))
}

/** `undefined` for anything but a result. */
export const resultOf = (value: unknown): Result | undefined =>
  isFields(value) && ["runs", "distinct", "perSecond", "millis", "truncated"].every((name) => isNumber(value[name])) &&
    typeof value["exhausted"] === "boolean" && isText(value["text"], most.report) &&
    (value["failure"] === undefined || isFailure(value["failure"]))
    ? value as unknown as Result
    : undefined

/** The drawing as the address of an image, with the colours of the page's mode. */
export const imageOf = (svg: string, isDark: boolean): string => {
  // An image has the mode of the system, and the page may have another one.
  const colours = (isDark ? dark : light).map(([name, value]) => `--sluice-${name}:${value}`).join(";")
  return `data:image/svg+xml,${encodeURIComponent(svg.replace("<style>", `<style>svg{${colours}}`))}`
}

const names = ["text", "dim", "back", "row", "rule", "run", "other", "red", "amber", "green", "violet", "teal"]
const colour = (values: string) => values.split(" ").map((value, i) => [names[i] ?? "", value] as const)

const light = colour(
  "#1f2328 #59636e #ffffff #f4f6f9 #d1d9e0 #2f6fde #8c9bb0 #cf222e #9a6700 #1a7f37 #8250df #0b7285"
)
const dark = colour(
  "#dfdfd6 #a0a0a8 #1b1b1f #222228 #3c3f44 #5c9dff #74808f #ff6a61 #d9a02b #3fb950 #b48cff #3bc9db"
)
