import type { Options } from "./options.js"
import type { Outcome } from "./outcome.js"
import { formatCount, formatMemory, formatSeconds } from "./text.js"

/** One column for each version. */
export const table = (outcomes: ReadonlyArray<Outcome>, { workers }: Options): string => {
  const titles = { pooled: `a pool of ${formatCount(workers)}`, naive: "a fiber each" }
  const rows: ReadonlyArray<ReadonlyArray<string>> = [
    ["", ...outcomes.map(({ version }) => titles[version])],
    row("elapsed", ({ seconds }) => formatSeconds(seconds)),
    row("heap before", ({ heapBefore }) => formatMemory(heapBefore)),
    row("heap at most", ({ peakHeap }) => formatMemory(peakHeap)),
    row("memory at most (RSS)", ({ peakMemory }) => formatMemory(peakMemory)),
    row("connections opened", ({ connections }) => formatCount(connections)),
    row("reconnects", ({ reconnects }) => formatCount(reconnects)),
    row("connections refused by the system", ({ refusals }) => formatRefusals(refusals)),
    row("users with a message", ({ delivered }) => formatCount(delivered)),
    row("duplicates", ({ duplicates }) => formatCount(duplicates))
  ]
  function row(title: string, cell: (outcome: Outcome) => string): ReadonlyArray<string> {
    return [title, ...outcomes.map(cell)]
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map(([title = "", ...cells]) =>
      [title.padEnd(widths[0]!), ...cells.map((cell, i) => cell.padStart(widths[i + 1]!))].join("  ") + "\n"
    )
    .join("")
}

const formatRefusals = (refusals: Outcome["refusals"]): string =>
  Object.entries(refusals).map(([code, times]) => `${code} ${formatCount(times)}`).join(", ") || "0"
