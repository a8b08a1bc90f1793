import type { Position } from "./chunk.js"
import type { Written } from "./database.js"

/** What has been done so far, for whoever looks. */
export class Tally {
  private readonly began = performance.now()
  private readonly positions = new Map<string, number>()
  made = 0
  total = 0
  bytes = 0
  resumed = 0
  orders = 0
  rejects = 0
  batches = 0

  found({ byte, file }: Position, size: number): void {
    this.positions.set(file, byte)
    this.total += size
    this.bytes += byte
    this.resumed += byte
  }

  wrote({ orders, positions, rejects }: Written): void {
    this.orders += orders
    this.rejects += rejects
    this.batches++
    for (const { byte, file } of positions) {
      this.bytes += byte - this.positions.get(file)!
      this.positions.set(file, byte)
    }
  }

  get rows(): number {
    return this.orders + this.rejects
  }

  get seconds(): number {
    return (performance.now() - this.began) / 1000
  }
}
