/** The picture so far. The parts are drawn one by one, into layers that lie above one another. */
import { escape, num, rect, withTip } from "./markup.js"
import { margin } from "./page.js"
import type { Sign } from "./signs.js"
import { style } from "./style.js"

/** A line from `y` down across the lanes. */
export interface Hair {
  readonly x: number
  readonly y: number
  readonly tip: string
}

export class Sheet {
  readonly bands: Array<string> = []
  readonly idle: Array<string> = []
  readonly bars: Array<string> = []
  readonly lines: Array<string> = []
  readonly marks: Array<string> = []
  readonly labels: Array<string> = []
  /** The signs that the key has to explain. */
  readonly used = new Set<Sign>()
  /** How far down it has come. */
  y = margin - 6

  constructor(private readonly width: number) {}

  label(tip: string, body: string): void {
    this.labels.push(withTip(tip, body))
  }

  toSvg(title: string): string {
    const height = this.y + margin
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" class="sluice" role="img" width="${this.width}" height="${num(height)}"`,
      ` viewBox="0 0 ${this.width} ${num(height)}"><title>${escape(title)}</title><style>${style}</style>`,
      rect("back-fill", 0, 0, this.width, height),
      ...[this.bands, this.idle, this.bars, this.lines, this.marks, this.labels].map((layer) =>
        `\n<g>${layer.join("\n")}</g>`
      ),
      "\n</svg>\n"
    ].join("")
  }
}
