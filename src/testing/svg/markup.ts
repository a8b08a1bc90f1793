/** The elements that a picture is made of. Whatever they are given as text is text, never markup. */
import { barHeight } from "./page.js"
import type { Colour } from "./style.js"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

export const escape = (text: string): string => text.replace(/[&<>"']/gu, (char) => entities[char] ?? char)

export const num = (n: number): string => String(Math.round(n * 10) / 10)

/** An element, or several, with a tooltip. */
export const withTip = (tip: string, body: string): string => `<g><title>${escape(tip)}</title>${body}</g>`

export const moved = (x: number, y: number, body: string): string =>
  `<g transform="translate(${num(x)} ${num(y)})">${body}</g>`

export const text = (className: string, x: number, y: number, content: string): string =>
  `<text class="${className}" x="${num(x)}" y="${num(y)}">${escape(content)}</text>`

export const path = (className: string, d: string): string => `<path class="${className}" d="${d}"/>`

export const line = (className: string, x1: number, y1: number, x2: number, y2: number): string =>
  path(className, `M${num(x1)} ${num(y1)}L${num(x2)} ${num(y2)}`)

export const rect = (className: string, x: number, y: number, width: number, height: number, radius = 0): string =>
  `<rect class="${className}" x="${num(x)}" y="${num(y)}" width="${num(width)}" height="${num(height)}"${
    radius === 0 ? "" : ` rx="${radius}"`
  }/>`

export const circle = (className: string, x: number, y: number, r: number): string =>
  `<circle class="${className}" cx="${num(x)}" cy="${num(y)}" r="${r}"/>`

/** A number in a disc. */
export const badge = (disc: Colour, ink: Colour, x: number, y: number, number: number): string =>
  circle(`${disc}-fill`, x, y, 7.5) + text(`${ink} small strong mid`, x, y + 3.5, String(number))

/** From one lane straight to another, with its head just outside of the latter's bar. */
export const arrow = (className: string, x: number, from: number, to: number): string => {
  const down = to > from ? 1 : -1
  const end = to - down * (barHeight / 2 + 1)
  return line(`${className}-line`, x, from + down * barHeight / 2, x, end - down * 6)
    + path(`${className}-fill`, `M${num(x)} ${num(end)}l-4 ${-6 * down}h8z`)
}

/** From one lane, and then along the other to `x`: what is above the end stays free. */
export const elbow = (className: string, side: number, from: number, x: number, to: number): string =>
  path(
    `${className}-line`,
    `M${num(side)} ${num(from + Math.sign(to - from) * barHeight / 2)}V${num(to)}H${num(x - 4)}`
  ) + path(`${className}-fill`, `M${num(x)} ${num(to)}l-6-4v8z`)
