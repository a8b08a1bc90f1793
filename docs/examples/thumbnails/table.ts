import type { Receiver } from "./receivers.js"
import type { Loss } from "./webhooks.js"

/** What became of the webhooks, by receiver. */
export const table = (
  told: ReadonlyMap<Receiver, ReadonlyArray<number>>,
  undelivered: ReadonlyArray<Loss>
): string => {
  const rows = [["receiver", "images", "attempts", "delivered", "undelivered", ""]]
  for (const [{ accepted, name, posts, url }, images] of told) {
    const lost = undelivered.filter(({ to }) => to === url.href)
    // The dead do not count.
    const attempts = Math.max(posts, lost.reduce((sum, { attempts }) => sum + attempts, 0))
    rows.push([name, ...[images.length, attempts, accepted, lost.length].map(String), lost[0]?.reason ?? ""])
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const pad = (cell: string, i: number, { length }: ReadonlyArray<string>) =>
    i === 0 || i === length - 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n")
}
