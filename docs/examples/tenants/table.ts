import type { Tenants } from "./tenant.js"
import type { Seen } from "./traffic.js"

/** What became of the calls, by tenant. */
export const table = (tenants: Tenants, all: ReadonlyArray<Seen>): string => {
  const kinds = (["200", "429 quota", "429 queue", "503", "504", "other"] as const).filter((kind) =>
    kind !== "other" || all.some((seen) => seen.kind === kind)
  )
  const rows = [["tenant", "plan", "calls", ...kinds, "wait p50", "p99"]]
  for (const tenant of tenants.values()) {
    const own = all.filter((seen) => seen.tenant === tenant)
    const waits = own.flatMap(({ waited }) => waited ?? []).sort((one, other) => one - other)
    const numbers = [own.length, ...kinds.map((kind) => own.filter((seen) => seen.kind === kind).length)]
    const percentile = (share: number) => {
      const wait = waits[Math.floor(share * waits.length)]
      return wait === undefined ? "-" : `${wait} ms`
    }
    rows.push([tenant.name, tenant.plan.name, ...numbers.map(String), percentile(0.5), percentile(0.99)])
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const pad = (cell: string, i: number) => i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
  return rows.map((row) => row.map(pad).join("  ")).join("\n")
}
