import * as Result from "effect/Result"
import type { Position } from "./chunk.js"
import { type Order, toOrder } from "./order.js"
import type { Parsed, Reject } from "./parse.js"

export interface Validated {
  readonly to: Position
  readonly orders: ReadonlyArray<{ readonly line: number; readonly order: Order }>
  readonly rejects: ReadonlyArray<Reject>
}

export const validate = ({ rejects, rows, to }: Parsed): Validated => {
  const orders: Array<{ readonly line: number; readonly order: Order }> = []
  const refused: Array<Reject> = [...rejects]
  for (const { fields, line } of rows) {
    const order = toOrder(fields)
    if (Result.isSuccess(order)) orders.push({ line, order: order.success })
    else refused.push({ file: to.file, line, reason: order.failure })
  }
  return { to, orders, rejects: refused }
}
