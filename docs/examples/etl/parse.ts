import { CsvError, parse as parseCsv } from "csv-parse/sync"
import type { Chunk, Position } from "./chunk.js"
import { header } from "./order.js"

export interface Row {
  readonly line: number
  readonly fields: ReadonlyArray<string>
}

/** A row that is not loaded, and why. */
export interface Reject {
  readonly file: string
  readonly line: number
  readonly reason: string
}

export interface Parsed {
  readonly to: Position
  readonly rows: ReadonlyArray<Row>
  readonly rejects: ReadonlyArray<Reject>
}

export const parse = ({ bytes, ends, from: { file }, lines, to }: Chunk): Parsed => {
  const rows: Array<Row> = []
  const rejects: Array<Reject> = []
  /** In halves, if one of them is broken: it takes none of the others along. */
  const records = (from: number, until: number): void => {
    const parsed = attempt(bytes.subarray(from === 0 ? 0 : ends[from - 1], ends[until - 1]))
    if (typeof parsed !== "string" && parsed.length === until - from) {
      for (const [i, fields] of parsed.entries()) rows.push({ line: lines[from + i]!, fields })
    } else if (until - from === 1) {
      rejects.push({ file, line: lines[from]!, reason: typeof parsed === "string" ? parsed : "no CSV" })
    } else {
      const middle = (from + until) >> 1
      records(from, middle)
      records(middle, until)
    }
  }
  records(0, ends.length)
  const isHeader = rows[0]?.line === 1 && rows[0].fields.join() === header.join()
  return { to, rows: isHeader ? rows.slice(1) : rows, rejects }
}

/** The records, or what is wrong with one of them. How many fields they have is not this stage's business. */
const attempt = (bytes: Buffer): ReadonlyArray<ReadonlyArray<string>> | string => {
  try {
    return parseCsv(bytes, { relax_column_count: true, record_delimiter: ["\r\n", "\n"] })
  } catch (error) {
    if (error instanceof CsvError) return `no CSV: ${error.code}`
    throw error
  }
}
