/** Numbers as a reader sees them. Not by `toLocaleString`: the picture must not depend on where it is made. */
import { cut, visible } from "./text.js"

const grouped = (digits: string): string => digits.replace(/\B(?=(?:\d{3})+$)/gu, ",")

export const count = (n: number): string => grouped(String(n))

export const plural = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? "" : "s"}`

/** "1500" is in milliseconds, as Effect's clock is. */
export const timeOf = (detail: string): string =>
  cut(/^\d+(?:\.\d+)?$/u.test(detail) ? `${detail.replace(/^\d+/u, grouped)} ms` : visible(detail), 16)
