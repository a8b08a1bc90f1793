import type { Options, Version } from "./options.js"
import type { Outcome } from "./outcome.js"
import { kinds } from "./subscribers.js"
import type { Row } from "./tally.js"
import { formatCount, formatMillis } from "./text.js"

/** One table for each version, with a line for each kind of subscriber. */
export const tables = (outcomes: ReadonlyArray<Outcome>, options: Options): string =>
  outcomes.map((outcome) => table(outcome, options)).join("\n")

const titles: Readonly<Record<Version, string>> = {
  keyed: "a queue for each subscriber",
  naive: "one queue for all"
}

const table = ({ ended, reasons, received, rows, seconds, version }: Outcome, { workers }: Options): string => {
  const columns: ReadonlyArray<readonly [title: string, cell: (row: Row) => string]> = [
    ["subscribers", ({ subscribers }) => formatCount(subscribers)],
    ["delivered", ({ delivered }) => formatCount(delivered)],
    ["requests", ({ requests }) => formatCount(requests)],
    ["refused by breaker", ({ refused }) => formatCount(refused)],
    ["dead letters", ({ deadLetters }) => formatCount(deadLetters)],
    ["senders held by one", ({ most }) => formatCount(most)],
    ["p50", ({ latencies }) => percentile(latencies, 0.5)],
    ["p99", ({ latencies }) => percentile(latencies, 0.99)]
  ]
  const cells = kinds.filter((kind) => rows[kind].subscribers > 0)
    .map((kind) => [kind, ...columns.map(([, cell]) => cell(rows[kind]))])
  const lines = [["", ...columns.map(([title]) => title)], ...cells]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const text = lines.map(([kind = "", ...cells]) =>
    [kind.padEnd(widths[0]!), ...cells.map((cell, i) => cell.padStart(widths[i + 1]!))].join("  ") + "\n"
  )
  const why = [...reasons].sort(([, a], [, b]) => b - a).map(([reason, times]) => `${reason} (${formatCount(times)})`)
  const notes = [
    `The subscribers have ${formatCount(received.events)} events, ${formatCount(received.again)} of them twice; ` +
    `${formatCount(received.late)} came to a quick one out of order.`,
    ...ended.full === 0 ? [] : [`There was no room for ${formatCount(ended.full)}.`],
    ...why.length === 0 ? [] : [`Why they are dead letters: ${why.join(", ")}.`]
  ]
  return `${titles[version]}, ${formatCount(workers)} senders, ${seconds.toFixed(1)} s\n${text.join("")}${
    notes.map((note) => `${note}\n`).join("")
  }`
}

/** The least time in which that share of them was there. */
export const percentile = (latencies: ReadonlyArray<number>, share: number): string => {
  const sorted = [...latencies].sort((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  return value === undefined ? "-" : formatMillis(value)
}
